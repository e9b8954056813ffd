# SPDX-License-Identifier: Apache-2.0
"""HTTP/2, where a bucket's settings ask for it and the server offers it: the same files, and the same endurance when streams are
refused, broken off, or the server takes its leave. The server is python3-h2's, before the embedded store."""
import http.client
import os
import socket
import ssl
import threading

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions

from case import Case, want
from cases.routes import Secure

PIECE = 16384  # bytes of a frame
# Not about one connection (RFC 9113 section 8.2.2), or made anew.
LEFT_OUT = {"connection", "keep-alive", "transfer-encoding"}


class Front:
    """Speaks HTTP/2 and HTTP/1.1, as a client likes, for a store. `faults`: what to do to the next requests, one each:
    "refuse", "break" (within the answer's body), "leave" (GOAWAY without having looked at it), None."""

    def __init__(self, secure, protocols=("h2", "http/1.1")):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(secure.ca, os.path.join(secure.folder, "key.pem"))
        self.context.set_alpn_protocols(list(protocols))
        self.store = secure.store
        self.authority = ssl.create_default_context(cafile=secure.ca)
        self.lock = threading.Lock()
        self.faults, self.requests, self.connections, self.most_at_once = [], {}, {}, 0
        self.carried_out = []
        self.streams, self.unheard = [], 0
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.url = f"https://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        try:
            with self.context.wrap_socket(client, server_side=True) as secured:
                version = secured.selected_alpn_protocol() or "http/1.1"
                with self.lock:
                    self.connections[version] = self.connections.get(version, 0) + 1
                if version == "h2":
                    streams = Streams(self, secured)
                    with self.lock:
                        self.streams.append(streams)
                    streams.serve()
                else:
                    self.serve_plain(secured)
        except (OSError, h2.exceptions.ProtocolError):
            client.close()

    def count(self, version):
        """Counts a request, and says what is to become of it."""
        with self.lock:
            self.requests[version] = self.requests.get(version, 0) + 1
            return self.faults.pop(0) if self.faults and version == "h2" else None

    def freeze(self):
        """The connections that there are stay open, and nothing comes from them any more. Returns how many."""
        with self.lock:
            alive = [streams for streams in self.streams if not streams.ended]
            for streams in alive:
                streams.frozen = True
            return len(alive)

    def serve_plain(self, secured):
        head = b""
        while b"\r\n\r\n" not in head:
            data = secured.recv(PIECE)
            if not data:
                return
            head += data
        head, body = head.split(b"\r\n\r\n", 1)
        lines = head.decode("latin-1").split("\r\n")
        method, target, _ = lines[0].split(" ")
        fields = [tuple(line.split(": ", 1)) for line in lines[1:] if ": " in line]
        length = int(dict((name.lower(), value) for name, value in fields).get("content-length", "0"))
        while len(body) < length:
            body += secured.recv(PIECE)
        self.count("http/1.1")
        status, fields, body = self.ask(method, target, fields, body)
        fields = [f"{name}: {value}" for name, value in fields if name.lower() != "connection"] + ["Connection: close"]
        secured.sendall("\r\n".join([f"HTTP/1.1 {status} So", *fields, "", ""]).encode("latin-1") + body)
        secured.unwrap()

    def ask(self, method, target, fields, body):
        """Of the store. Returns (status, fields, body)."""
        connection = http.client.HTTPSConnection(self.store.netloc, timeout=60, context=self.authority)
        try:
            connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
            for name, value in fields:
                if name.lower() != "expect":
                    connection.putheader(name, value)
            connection.endheaders(body)
            answer = connection.getresponse()
            with self.lock:
                self.carried_out.append((method, target))
            return answer.status, answer.getheaders(), answer.read()
        finally:
            connection.close()

    def stop(self):
        self.listener.close()


class Streams:
    """One connection of HTTP/2. Frames go out under the lock, from a thread for each stream."""

    def __init__(self, front, secured):
        self.front, self.secured = front, secured
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding="utf-8"))
        self.lock = threading.Condition()
        self.heads, self.bodies, self.open, self.ended, self.frozen = {}, {}, set(), False, False

    def flush(self):
        data = self.h2.data_to_send()
        if data and not self.frozen:
            self.secured.sendall(data)

    def serve(self):
        with self.lock:
            self.h2.initiate_connection()
            self.flush()
        # One thing at a time on a TLS socket: who reads must not hold up those who write.
        self.secured.settimeout(0.005)
        try:
            while not self.ended:
                try:
                    with self.lock:
                        data = self.secured.recv(4 * PIECE)
                        if not data:
                            return
                        for event in self.h2.receive_data(data):
                            self.on(event)
                        self.flush()
                        self.lock.notify_all()
                except TimeoutError:
                    continue
        finally:
            with self.lock:
                self.ended = True
                self.lock.notify_all()

    def on(self, event):
        if isinstance(event, h2.events.RequestReceived):
            self.heads[event.stream_id], self.bodies[event.stream_id] = event.headers, b""
            self.open.add(event.stream_id)
            with self.front.lock:
                self.front.most_at_once = max(self.front.most_at_once, len(self.open))
        elif isinstance(event, h2.events.DataReceived):
            self.bodies[event.stream_id] += event.data
            self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.StreamEnded) and self.frozen:
            with self.front.lock:
                self.front.unheard += 1
        elif isinstance(event, h2.events.StreamEnded):
            threading.Thread(target=self.answer, args=(event.stream_id,), daemon=True).start()
        elif isinstance(event, (h2.events.StreamReset, h2.events.ConnectionTerminated)):
            self.open.discard(getattr(event, "stream_id", None))
            self.ended |= isinstance(event, h2.events.ConnectionTerminated)

    def answer(self, stream):
        try:
            fault = self.front.count("h2")
            if fault in ("refuse", "leave"):
                with self.lock:
                    if fault == "refuse":
                        self.h2.reset_stream(stream, h2.errors.ErrorCodes.REFUSED_STREAM)
                    else:
                        self.h2.close_connection(last_stream_id=stream - 2)
                        self.ended = True
                    self.flush()
                    self.open.discard(stream)
                return
            fields = [("host" if name == ":authority" else name, value) for name, value in self.heads[stream]]
            known = dict(fields)
            status, fields, body = self.front.ask(known[":method"], known[":path"],
                                                  [pair for pair in fields if not pair[0].startswith(":")], self.bodies.pop(stream))
            self.say(stream, status, fields, body, fault == "break")
        except (OSError, h2.exceptions.ProtocolError):
            pass  # the connection has ended, or the stream was given up

    def say(self, stream, status, fields, body, breaks):
        fields = [(name.lower(), value) for name, value in fields if name.lower() not in LEFT_OUT]
        is_head = dict(self.heads[stream])[":method"] == "HEAD"
        with self.lock:
            self.h2.send_headers(stream, [(":status", str(status)), *fields], end_stream=is_head or not body)
            self.flush()
        sent, end = 0, len(body) // 2 if breaks else len(body)
        while not is_head and sent < end:
            with self.lock:
                while not self.ended and stream in self.open and not self.h2.local_flow_control_window(stream):
                    self.lock.wait(0.1)
                if self.ended or stream not in self.open:
                    return
                room = min(self.h2.local_flow_control_window(stream), self.h2.max_outbound_frame_size, PIECE, end - sent)
                self.h2.send_data(stream, body[sent:sent + room], end_stream=sent + room == len(body))
                sent += room
                self.flush()
        with self.lock:
            if breaks:
                self.h2.reset_stream(stream, h2.errors.ErrorCodes.INTERNAL_ERROR)
                self.flush()
            self.open.discard(stream)


class Set:
    """A front, and a home in which the bucket's section says what to speak."""

    def __init__(self, context, lines="http2 = true\n", protocols=("h2", "http/1.1")):
        self.context = context
        self.secure = Secure(context)
        self.front = Front(self.secure, protocols)
        folder = os.path.join(context.folder, "home", ".config", "skyshim")
        os.makedirs(folder)
        with open(os.path.join(folder, "config"), "w", encoding="ascii") as out:
            out.write(f"[s3://tls]\nca_bundle = {self.secure.ca}\n{lines}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.front.stop()
        self.secure.store.stop()

    def run(self, script, **env):
        return self.context.run([self.context.skyshim, "run", "sh", "-ec", script],
                                env={**self.secure.store.environment(), "AWS_ENDPOINT_URL_S3": self.front.url, **env})


WORK = """cd /cloud/s3/tls; head -c 3000000 /dev/urandom >$L/big; mkdir d; cp $L/big d/big; cmp d/big $L/big
for i in 1 2 3 4 5 6 7 8 9; do echo $i >d/$i; done; cat d/[1-9]; mv d/1 d/one; rm d/2; ls d"""
DONE = b"1\n2\n3\n4\n5\n6\n7\n8\n9\n" + b"3\n4\n5\n6\n7\n8\n9\nbig\none\n"


def spoken(lines, protocols, version):
    """What is asked for and offered is spoken, and nothing else; what is done with it comes to the same."""
    def check(context):
        with Set(context, lines, protocols) as at:
            local = os.path.join(context.folder, "local")
            os.mkdir(local)
            result = at.run(WORK, L=local)
            want((result.status, result.stdout) == (0, DONE), result)
            want(set(at.front.requests) == {version} and at.front.requests[version] >= 15, at.front.requests)
            want(version != "h2" or at.front.most_at_once <= 8, f"{at.front.most_at_once} streams at once")
    return check


def shared(context):
    """Requests that are under way at once have streams of a few connections."""
    with Set(context) as at:
        result = at.run("cd /cloud/s3/tls; for i in $(seq 200); do echo $i >$i; done", SKYSHIM_DURABILITY="exit")
        want(result.status == 0, result)
        want(at.front.requests["h2"] >= 200 and at.front.most_at_once > 1, f"{at.front.requests} {at.front.most_at_once}")
        want(at.front.connections["h2"] <= at.front.requests["h2"] / 4, f"{at.front.connections} for {at.front.requests}")


def endured(context):
    """Refused, broken off, sent away: it is done again, and a write that was not looked at is not taken for one that was."""
    with Set(context) as at:
        for fault in ("refuse", "leave", "break"):
            name = f"/cloud/s3/tls/{fault}"
            at.front.faults += [fault]
            result = at.run(f"seq 100000 >{name}")
            want(result.status == 0 and not result.stderr and not at.front.faults, f"{fault}, written: {result}")
            result = at.run("true")
            at.context.run([at.context.skyshim, "stop"])
            at.front.faults += [fault, fault]
            result = at.run(f"cat {name}", SKYSHIM_CACHE_DIR=os.path.join(at.context.folder, f"cache-{fault}"))
            want(result.status == 0 and result.stdout == b"".join(b"%d\n" % i for i in range(1, 100001)) and not at.front.faults,
                 f"{fault}, read: {result.status} {len(result.stdout)} {result.stderr} {at.front.faults}")
        at.front.faults += ["refuse"] * 200
        result = at.run("cat /cloud/s3/tls/refuse", SKYSHIM_CACHE_DIR=os.path.join(at.context.folder, "cache-at-last"))
        tried = 200 - len(at.front.faults)
        want(result.status == 1 and result.stdout == b"" and b"Input/output error" in result.stderr and 1 < tried <= 60, f"{tried}: {result}")
        want(result.stderr.count(b"skyshim") == 1 and at.front.url.encode() in result.stderr, result)


def died(context):
    """A connection of which nothing comes any more is not what the request is sent again over, nor the next one: who comes upon it first
    finds out for all."""
    with Set(context) as at:
        result = at.run("cd /cloud/s3/tls; echo here >f; mkdir d e; echo there >d/g; echo everywhere >e/g")
        want(result.status == 0, result)
        context.run([context.skyshim, "stop"])
        env = {"SKYSHIM_CACHE_DIR": os.path.join(context.folder, "another")}
        result = at.run("cat /cloud/s3/tls/f", **env)
        want((result.status, result.stdout) == (0, b"here\n") and at.front.freeze() > 0, result)
        result = at.run("cat /cloud/s3/tls/d/g", **env)
        want((result.status, result.stdout) == (0, b"there\n"), f"{at.front.unheard} unheard: {result}")
        unheard = at.front.unheard
        want(unheard > 0, "it was not asked over the dead connection")
        result = at.run("cat /cloud/s3/tls/e/g", **env)
        want((result.status, result.stdout) == (0, b"everywhere\n"), f"{at.front.unheard} unheard: {result}")
        want(at.front.unheard == unheard, f"{at.front.unheard - unheard} more were sent over the dead connection")


BOTH = ("h2", "http/1.1")
CASES = [
    Case("http2/spoken", check=spoken("http2 = true\n", BOTH, "h2"), embedded_only=True, timeout=120),
    Case("http2/not-offered", check=spoken("http2 = true\n", BOTH[1:], "http/1.1"), embedded_only=True, timeout=120),
    Case("http2/not-asked-for", check=spoken("", BOTH, "http/1.1"), embedded_only=True, timeout=120),
    Case("http2/shared", check=shared, embedded_only=True),
    Case("http2/endured", check=endured, embedded_only=True, timeout=120),
    Case("http2/died", check=died, embedded_only=True, timeout=120),
]
