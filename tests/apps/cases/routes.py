# SPDX-License-Identifier: Apache-2.0
"""How requests get to a store: TLS with an authority of one's own, certificates of clients, and proxies."""
import os
import socket
import ssl
import subprocess
import threading

from case import Case, want
from store import start_embedded


class Proxy:
    """Passes CONNECT and plain requests on, and counts connections."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.listener.getsockname()[1]}"
        self.heads = []
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        head = b""
        with client:
            while b"\r\n\r\n" not in head:
                data = client.recv(4096)
                if not data:
                    return
                head += data
            self.heads.append(head)
            line = head.split(b"\r\n")[0].split()
            if line[0] == b"CONNECT":
                host, port = line[1].rsplit(b":", 1)
                rest = b""
            else:
                host, port = line[1].split(b"/")[2].rsplit(b":", 1)
                rest = head
            with socket.create_connection((host.decode(), int(port))) as server:
                if rest:
                    server.sendall(rest)
                else:
                    client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
                back = threading.Thread(target=self.pump, args=(server, client), daemon=True)
                back.start()
                self.pump(client, server)
                back.join()

    @staticmethod
    def pump(source, sink):
        try:
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def stop(self):
        self.listener.close()


def openssl(*arguments, cwd):
    subprocess.run(["openssl", *arguments], cwd=cwd, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


class Secure:
    """A store behind https, its certificate by nobody whom the system knows."""

    def __init__(self, context):
        self.context = context
        self.folder = os.path.join(context.folder, "tls")
        os.mkdir(self.folder)
        openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "key.pem", "-out", "cert.pem", "-days", "2", "-subj",
                "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", cwd=self.folder)
        self.ca = os.path.join(self.folder, "cert.pem")
        self.store = start_embedded(context.world.build, self.folder, "--bucket", "tls", "--tls-cert", self.ca, "--tls-key",
                                    os.path.join(self.folder, "key.pem"))
        self.url = self.store.endpoint.replace("http:", "https:")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.store.stop()

    def run(self, script, **env):
        return self.context.run([self.context.skyshim, "run", "sh", "-c", script],
                                env={**self.store.environment(), "AWS_ENDPOINT_URL_S3": self.url, **env})


WRITE = "echo over tls >/cloud/s3/tls/f && cat /cloud/s3/tls/f"


def authority(context):
    """A certificate nobody vouches for is refused, with a line that says what to set; each way to name its authority is taken."""
    with Secure(context) as secure:
        result = secure.run(WRITE)
        want(result.status != 0 and b"the certificate is not trusted of" in result.stderr and b"AWS_CA_BUNDLE" in result.stderr, result)
        for name in ("AWS_CA_BUNDLE", "SSL_CERT_FILE"):
            result = secure.run(WRITE, **{name: secure.ca})
            want(result.status == 0 and result.stdout == b"over tls\n", f"{name}: {result}")
        config = os.path.join(context.folder, "home", ".config", "skyshim")
        os.makedirs(config)
        with open(os.path.join(config, "config"), "w", encoding="ascii") as out:
            out.write(f"[s3://tls]\nca_bundle = {secure.ca}\n")
        result = secure.run(WRITE)
        want(result.status == 0 and result.stdout == b"over tls\n", f"configured: {result}")


def proxies(context):
    """https goes through a tunnel that sees no secret, http is passed on; no_proxy is heeded."""
    with Secure(context) as secure:
        proxy = Proxy()
        try:
            url = f"http://{proxy.address}"
            result = secure.run(WRITE, AWS_CA_BUNDLE=secure.ca, https_proxy=url)
            want(result.status == 0 and result.stdout == b"over tls\n", result)
            want(proxy.heads and all(head.startswith(b"CONNECT ") and b"uthorization" not in head for head in proxy.heads), proxy.heads)
            proxy.heads.clear()
            result = secure.run(WRITE, AWS_CA_BUNDLE=secure.ca, https_proxy=url, no_proxy="127.0.0.1")
            want(result.status == 0 and not proxy.heads, f"no_proxy is not heeded: {result} {proxy.heads}")
            folder = f"/cloud/s3/{context.world.bucket}{context.world.CHANGING}"
            result = context.run([context.skyshim, "run", "sh", "-c", f"echo by proxy >{folder}/route && cat {folder}/route"],
                                 env={"http_proxy": url})
            want(result.status == 0 and result.stdout == b"by proxy\n", result)
            want(proxy.heads and all(b" http://" in head.split(b"\r\n")[0] for head in proxy.heads), proxy.heads)
        finally:
            proxy.stop()


class Gate:
    """TLS before a store, for those only whose certificate it knows."""

    def __init__(self, secure):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(secure.ca, os.path.join(secure.folder, "key.pem"))
        context.load_verify_locations(os.path.join(secure.folder, "user.pem"))
        context.verify_mode = ssl.CERT_REQUIRED
        self.context, self.peers = context, []
        self.target = ("127.0.0.1", int(secure.plain.netloc.rsplit(":", 1)[1]))
        self.listener = socket.create_server(("127.0.0.1", 0))
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
        tail = socket.fromfd(client.fileno(), socket.AF_INET, socket.SOCK_STREAM)  # wrap_socket() takes the other
        try:
            with self.context.wrap_socket(client, server_side=True) as secured:
                self.peers.append(dict(part[0] for part in secured.getpeercert()["subject"])["commonName"])
                self.answer(secured)
        except OSError:  # of TLS, too; the alert is lost if what has come is left unread
            tail.shutdown(socket.SHUT_WR)
            while tail.recv(65536):
                pass
        finally:
            tail.close()

    def answer(self, secured):
        """One thing at a time on a TLS socket: the request to its end, then the answer to its end."""
        head = b""
        while b"\r\n\r\n" not in head:
            data = secured.recv(65536)
            if not data:
                return
            head += data
        fields = {line.split(b":")[0].lower(): line.split(b":", 1)[1].strip() for line in head.split(b"\r\n\r\n")[0].split(b"\r\n")[1:]}
        length = int(fields.get(b"content-length", b"0")) + head.index(b"\r\n\r\n") + 4
        while len(head) < length:
            head += secured.recv(65536)
        with socket.create_connection(self.target) as server:
            server.sendall(head.replace(b"\r\n", b"\r\nConnection: close\r\n", 1))
            while data := server.recv(65536):
                secured.sendall(data)
        secured.unwrap()

    def stop(self):
        self.listener.close()


def client_certificate(context):
    """What the endpoint asks for is shown to it; without it, or with another, nothing is got, and a line says so."""
    with Secure(context) as secure:
        for name in ("user", "stranger"):
            openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.pem", "-days", "2", "-subj",
                    f"/CN={name}", cwd=secure.folder)
        plain = os.path.join(context.folder, "plain")
        os.mkdir(plain)
        secure.plain = start_embedded(context.world.build, plain, "--bucket", "tls")
        gate = Gate(secure)
        config = os.path.join(context.folder, "home", ".config", "skyshim")
        os.makedirs(config)
        try:
            for name, good in ((None, False), ("stranger", False), ("user", True)):
                lines = f"client_cert = {secure.folder}/{name}.pem\nclient_key = {secure.folder}/{name}.key\n" if name else ""
                with open(os.path.join(config, "config"), "w", encoding="ascii") as out:
                    out.write(f"[s3://tls]\nca_bundle = {secure.ca}\n{lines}")
                secure.plain.put("tls", f"for-{name}", b"read over tls\n")
                script = f"cat /cloud/s3/tls/for-{name}" + (f"; {WRITE}" if good else "")
                result = context.run([context.skyshim, "run", "sh", "-ec", script],
                                     env={**secure.plain.environment(), "AWS_ENDPOINT_URL_S3": gate.url})
                want((result.status, result.stdout) == ((0, b"read over tls\nover tls\n") if good else (1, b"")), f"{name}: {result}")
                line = b"another client certificate is wanted by " + gate.url.encode()
                want(good or (line in result.stderr and b"client_cert" in result.stderr and b"tried" not in result.stderr), f"{name}: {result}")
            want(gate.peers and set(gate.peers) == {"user"}, gate.peers)
        finally:
            gate.stop()
            secure.plain.stop()


CASES = [
    Case("routes/authority", check=authority, embedded_only=True),
    Case("routes/proxies", check=proxies, embedded_only=True),
    Case("routes/client-certificate", check=client_certificate, embedded_only=True),
]
