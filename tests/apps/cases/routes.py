# SPDX-License-Identifier: Apache-2.0
"""How requests get to a store: TLS with an authority of one's own, and proxies."""
import os
import socket
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


CASES = [
    Case("routes/authority", check=authority, embedded_only=True),
    Case("routes/proxies", check=proxies, embedded_only=True),
]
