# SPDX-License-Identifier: Apache-2.0
"""A daemon that dies after a change was carried out, before it could say so: the next one is asked again.

A relay between daemon and store lets the change through, and kills the daemon instead of handing the answer on.
"""
import os
import signal
import socket
import threading

from case import Case, want
from cases.write import keys_below


class Deadly:
    """Relays connections; the answer to the first request that starts so is the daemon's end."""

    def __init__(self, context, store, start):
        self.context, self.start, self.killed = context, start, False
        self.backend = store.netloc.rsplit(":", 1)
        self.server = socket.create_server(("127.0.0.1", 0))
        self.netloc = f"127.0.0.1:{self.server.getsockname()[1]}"
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                client, _ = self.server.accept()
                store = socket.create_connection((self.backend[0], int(self.backend[1])))
            except OSError:
                return
            doomed = threading.Event()
            threading.Thread(target=self.requests, args=(client, store, doomed), daemon=True).start()
            threading.Thread(target=self.answers, args=(store, client, doomed), daemon=True).start()

    def requests(self, client, store, doomed):
        self.pump(client, store, lambda data: doomed.set() if data.startswith(self.start) and not self.killed else None)

    def answers(self, store, client, doomed):
        def look(_):
            if doomed.is_set() and not self.killed:
                self.killed = True
                for pid in self.context.daemons():
                    os.kill(pid, signal.SIGKILL)
                raise OSError
        self.pump(store, client, look)

    @staticmethod
    def pump(source, target, look):
        try:
            while data := source.recv(1 << 20):
                look(data)
                target.sendall(data)
        except OSError:
            pass
        finally:
            for side in (source, target):
                try:
                    side.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def close(self):
        self.server.close()


def dies(name, what, key, command, there):
    def check(context):
        bucket, prefix = context.bucket + context.world.CHANGING, f"resent-{name}"
        context.store.put(bucket, f"{prefix}/a", b"content\n")
        context.store.put(bucket, f"{prefix}/keep")
        start = context.store.request_line(what, bucket, f"{prefix}/{key}")
        deadly = Deadly(context, context.store, start.encode())
        try:
            result = context.run([context.skyshim, "run", "sh", "-c", command],
                                 env={"D": f"{context.cloud}{context.world.CHANGING}/{prefix}",
                                      **context.store.environment(deadly.netloc)})
        finally:
            deadly.close()
        want(deadly.killed, "no such request was made")
        want(result.status == 0, f"it was carried out, and reported as failed: {result}")
        left = set(keys_below(context, prefix + "/"))
        want(left == {f"{prefix}/{key}" for key in [*there, "keep"]}, f"left: {left}")
    return check


def links(context):
    """What a copy is asked for by: on Google's service the source's name comes first."""
    what = ("COPY", "a") if context.store.root == "/cloud/gs" else ("PUT", "b")
    dies("link", *what, "ln $D/a $D/b", there=["a", "b"])(context)


CASES = [
    Case("resent/unlink", check=dies("unlink", "DELETE", "a", "rm $D/a", there=[])),
    Case("resent/rename", check=dies("rename", "DELETE", "a", "mv $D/a $D/b", there=["b"])),
    Case("resent/mkdir", check=dies("mkdir", "PUT", "new/", "mkdir $D/new", there=["a", "new/"])),
    Case("resent/link", check=links),
    Case("resent/close", check=dies("close", "PUT", "new", "echo content >$D/new", there=["a", "new"])),
]
