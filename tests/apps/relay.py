# SPDX-License-Identifier: Apache-2.0
"""What stands between the daemon and a store: hands on what both say, and lets a case look at it, hold it up or break it off."""
import socket
import threading
from types import SimpleNamespace


class Relay:
    """Relays connections to a store. A case's own relay overrides request() and answer(), and sets what they need before this one's
    __init__, which begins to listen."""

    def __init__(self, store):
        host, port = store.netloc.rsplit(":", 1)
        self.backend = (host, int(port))
        self.server = socket.create_server(("127.0.0.1", 0))
        self.netloc = f"127.0.0.1:{self.server.getsockname()[1]}"
        threading.Thread(target=self.serve, daemon=True).start()

    def request(self, data, link):
        """A piece of what the daemon says, before it is handed on. link: the connection's, for whatever is to be known of it later.
        OSError ends the connection."""

    def answer(self, data, link):
        """The same of what the store says."""

    def accepted(self, client):
        """What is to be relayed of a new connection: the client, or what is spoken within."""
        return client

    def serve(self):
        while True:
            try:
                client, _ = self.server.accept()
            except OSError:
                return
            try:
                client = self.accepted(client)
                store = socket.create_connection(self.backend)
            except OSError:
                client.close()
                continue
            link = SimpleNamespace()
            for ends in ((client, store, self.request), (store, client, self.answer)):
                threading.Thread(target=self.pump, args=(*ends, link), daemon=True).start()

    @staticmethod
    def pump(source, target, look, link):
        try:
            while data := source.recv(1 << 20):
                look(data, link)
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
