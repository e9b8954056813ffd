# SPDX-License-Identifier: Apache-2.0
"""What a user sees when something is wrong: names, rights, credentials, the network, the daemon."""
import hashlib
import os
import re
import signal
import socket
import ssl
import subprocess
import time

from case import Case, want
from relay import Relay

REFUSED = {
    "named-pipe": ("mkfifo $D/text/new", b"Operation not permitted"),
    "xattr": ("python3 -c 'import os, sys; os.setxattr(sys.argv[1], \"system.a\", b\"b\")' $D/text/file00.txt",
              b"Operation not supported"),
    "in-root": ("mkdir ${D%/s3/*}/new", b"Read-only file system"),
    "create-in-root": ("echo x >${D%/s3/*}/new", b"Read-only file system"),
    "create-in-scheme": ("python3 -c 'import sys; open(sys.argv[1], \"w\")' ${D%/*}/new", b"Read-only file system"),
    "remove-scheme": ("rmdir ${D%/*}", b"Device or resource busy"),
    "access-root": ("python3 -c 'import os, sys; sys.exit(not os.access(sys.argv[1], os.W_OK)); ' ${D%/*} || echo Read-only file system >&2; false",
                    b"Read-only file system"),
}


def refuses(command, words):
    def check(context):
        result = context.run_cloud(command)
        want(result.status != 0, f"it worked: {result}")
        want(words in result.stderr, f"stderr says {result.stderr!r}, not {words!r}")
        after = context.run_cloud("cat $D/text/file00.txt; ls $D/text | wc -l")
        native = context.run_local("cat $D/text/file00.txt; ls $D/text | wc -l")
        want(after.stdout == native.stdout, "something in the bucket has changed")
    return check


def our_lines(result):
    return [line for line in result.stderr.decode().split("\n") if line.startswith("skyshim")]


def fails(result, *words, said=(b"Permission denied",), lines=1):
    """The program failed as said, and exactly one line of ours says why."""
    want(result.status == 1 and result.stdout == b"", f"expected status 1 and no output: {result}")
    want(any(word in result.stderr for word in said), f"the program said {result.stderr!r}")
    ours = our_lines(result)
    want(len(ours) == lines, f"{len(ours)} lines of ours, expected {lines}: {ours}")
    for word in words:
        want(re.search(word, ours[0]), f"our line lacks {word!r}: {ours[0]!r}")


def wrong_secret(context):
    wrong = "not-the-secret-key-at-all"
    result = context.run_cloud(["cat", "{D}/text/file00.txt"], env={"AWS_SECRET_ACCESS_KEY": wrong})
    fails(result, context.bucket, "(?i)request", context.store.access_key + "|environment")
    want(wrong.encode() not in result.stderr, "the secret is in the message")


def wrong_key_id(context):
    result = context.run_cloud(["cat", "{D}/text/file00.txt"], env={"AWS_ACCESS_KEY_ID": "AKIANOBODYHASTHISKEY"})
    fails(result, context.bucket)


def wrong_key_many(context):
    """Many programs that fail for one reason say it once each, not once per file."""
    result = context.run_cloud("cat $D/text/file00.txt $D/text/file05.txt $D/text/table.csv; ls $D/text",
                               env={"AWS_SECRET_ACCESS_KEY": "wrong"})
    want(result.stderr.count(b"Permission denied") == 4, str(result))
    want(1 <= len(our_lines(result)) <= 2, f"{len(our_lines(result))} lines of ours: {our_lines(result)}")


def right_key_after_wrong(context):
    """What one set of credentials was refused or given, another is not answered from."""
    first = context.run_cloud(["cat", "{D}/text/no-newline.txt"])
    want(first.status == 0, str(first))
    second = context.run_cloud(["cat", "{D}/text/no-newline.txt"], env={"AWS_SECRET_ACCESS_KEY": "wrong"})
    fails(second, context.bucket)
    third = context.run_cloud(["cat", "{D}/text/no-newline.txt"])
    want(third.stdout == b"the last line has no end", str(third))


def no_credentials(context):
    result = context.run_cloud(["cat", "{D}/text/file00.txt"], env={
        "AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None})
    fails(result, "AWS_ACCESS_KEY_ID|aws configure|credentials")


def credentials_from_files(context):
    folder = os.path.join(context.folder, "home", ".aws")
    os.mkdir(folder)
    with open(os.path.join(folder, "credentials"), "w", encoding="ascii") as out:
        out.write(f"[default]\naws_access_key_id = x\naws_secret_access_key = y\n\n[tests]\naws_access_key_id = "
                  f"{context.store.access_key}\naws_secret_access_key = {context.store.secret_key}\n")
    with open(os.path.join(folder, "config"), "w", encoding="ascii") as out:
        out.write(f"[profile tests]\nregion = us-east-1\nendpoint_url = {context.store.endpoint}\n")
    result = context.run_cloud(["cat", "{D}/text/no-newline.txt"], env={
        "AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None, "AWS_PROFILE": "tests", "AWS_REGION": None,
        "AWS_ENDPOINT_URL_S3": None, "AWS_ENDPOINT_URL": context.store.endpoint})
    want(result.stdout == b"the last line has no end", str(result))


def missing_bucket(context):
    result = context.run([context.skyshim, "run", "cat", f"{context.store.root}/no-such-bucket-here/key"])
    want(result.status == 1 and f"cat: {context.store.root}/no-such-bucket-here/key: No such file or directory\n".encode() in result.stderr,
         str(result))
    result = context.run([context.skyshim, "run", "ls", f"{context.store.root}/no-such-bucket-here"])
    want(result.status == 2 and b"No such file or directory" in result.stderr, str(result))


def unreachable(endpoint, *words):
    def check(context):
        began = time.monotonic()
        result = context.run_cloud(["cat", "{D}/text/file00.txt"], env={"AWS_ENDPOINT_URL_S3": endpoint}, timeout=110)
        fails(result, *words, said=(b"Input/output error",))
        want(time.monotonic() - began < 60, f"it took {time.monotonic() - began:.0f} s")
    return check


def silent_server(context):
    """A server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        unreachable(f"http://127.0.0.1:{server.getsockname()[1]}", "127.0.0.1")(context)


def certificate(folder):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                    "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", f"{folder}/key.pem", "-out",
                    f"{folder}/cert.pem"], check=True, stderr=subprocess.DEVNULL)


class Tls(Relay):
    """TLS before a store."""

    def __init__(self, store, folder):
        self.settings = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.settings.load_cert_chain(f"{folder}/cert.pem", f"{folder}/key.pem")
        super().__init__(store)

    def accepted(self, client):
        return self.settings.wrap_socket(client, server_side=True)


def tls(context):
    """A certificate that nobody vouches for is refused; with AWS_CA_BUNDLE it is accepted."""
    certificate(context.folder)
    front = Tls(context.store, context.folder)
    try:
        endpoint = f"https://{front.netloc}"
        unreachable(endpoint, "(?i)certificate|TLS|SSL")(context)
        result = context.run_cloud(["cat", "{D}/text/no-newline.txt"], env={
            "AWS_ENDPOINT_URL_S3": endpoint, "AWS_CA_BUNDLE": f"{context.folder}/cert.pem"})
        want(result.stdout == b"the last line has no end", f"with AWS_CA_BUNDLE: {result}")
    finally:
        front.close()


def daemon_killed(context):
    """The daemon dies between two reads of one descriptor: right bytes or an error, never wrong ones."""
    with open(f"{context.world.local}/binary/nine.bin", "rb") as source:
        right = source.read()
    for pause in (0, 1):
        script = "exec 3<$D/binary/nine.bin; head -c 100000 <&3 >part; touch ready; while [ ! -e go ]; do sleep 0.05; done;" \
                 "cat <&3 >rest; echo $? >status; cat $D/binary/three.bin | cksum"
        process = subprocess.Popen([context.skyshim, "run", "sh", "-c", script], cwd=context.work, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, env=context.environment({"D": context.cloud}))
        deadline = time.monotonic() + 20
        while not os.path.exists(f"{context.work}/ready") and time.monotonic() < deadline:
            time.sleep(0.02)
        for pid in context.daemons():
            os.kill(pid, signal.SIGKILL)
        if pause:
            time.sleep(0.3)
        open(f"{context.work}/go", "w", encoding="ascii").close()
        out, err = process.communicate(timeout=50)
        whole = b"".join(open(f"{context.work}/{name}", "rb").read() for name in ("part", "rest"))
        status = open(f"{context.work}/status", encoding="ascii").read().strip()
        want(right.startswith(whole[:len(right)]) and len(whole) <= len(right), "wrong bytes after the daemon was killed")
        want(whole == right if status == "0" else b"Input/output error" in err,
             f"status {status}, {len(whole)} of {len(right)} bytes, {err!r}")
        native = context.run_local("cat $D/binary/three.bin | cksum")
        want(out == native.stdout, f"a new file after the daemon was killed: {out!r} {err!r}")
        for name in ("ready", "go", "part", "rest", "status"):
            os.remove(f"{context.work}/{name}")


def program_killed(context):
    """A program killed at any instant leaves a daemon that goes on serving."""
    for delay in (0.002, 0.01, 0.03, 0.05, 0.1, 0.2):
        process = subprocess.Popen([context.skyshim, "run", "sh", "-c", "cat $D/binary/*.bin $D/text/*.txt"],
                                   cwd=context.work, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                   env=context.environment({"D": context.cloud}), start_new_session=True)
        time.sleep(delay)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    result = context.run_cloud("cat $D/binary/nine.bin | sha256sum")
    with open(f"{context.world.local}/binary/nine.bin", "rb") as source:
        want(hashlib.sha256(source.read()).hexdigest().encode() in result.stdout, str(result))


def private(context):
    """Socket and cache belong to the user alone; no credential is in the program's reach or in the cache."""
    context.run_cloud(["cat", "{D}/text/file00.txt"])
    for top, folders, files in os.walk(context.folder):
        for name in folders + files:
            path = os.path.join(top, name)
            if "/cache" in path or "/run/" in path:
                want(os.lstat(path).st_mode & 0o077 == 0 or "/cache/" in path, f"{path}: {os.lstat(path).st_mode:o}")
            if os.path.isfile(path):
                with open(path, "rb") as source:
                    want(context.store.secret_key.encode() not in source.read(), f"the secret key is in {path}")
    want(os.stat(f"{context.folder}/cache").st_mode & 0o077 == 0, "the cache directory is open to others")


CASES = [Case(f"refused/{name}", check=refuses(*said)) for name, said in REFUSED.items()]
CASES += [
    Case("error/missing", "cat $D/none; ls $D/none; stat $D/none/x; test -e $D/none; echo $?"),
    Case("error/missing-python", ["python3", "-c", "import os\nopen(os.environ['D'] + '/none')"], stderr=False),
    Case("error/missing-bucket", check=missing_bucket),
    Case("error/wrong-secret", check=wrong_secret, s3_only=True),
    Case("error/wrong-key-id", check=wrong_key_id, s3_only=True),
    Case("error/wrong-key-many", check=wrong_key_many, s3_only=True),
    Case("error/right-key-after-wrong", check=right_key_after_wrong, s3_only=True),
    Case("error/no-credentials", check=no_credentials, s3_only=True),
    Case("error/credentials-from-files", check=credentials_from_files, s3_only=True),
    Case("error/refused-connection", check=unreachable("http://127.0.0.1:1", "127.0.0.1:1"), timeout=120, s3_only=True),
    Case("error/no-such-host", check=unreachable("http://no-such-host.invalid:9000", "no-such-host.invalid"), timeout=120, s3_only=True),
    Case("error/endpoint-without-scheme", check=lambda c: want(
        our_lines(c.run_cloud(["cat", "{D}/text/file00.txt"], env={"AWS_ENDPOINT_URL_S3": "127.0.0.1"}))[:1] != [],
        "nothing of ours was said"), s3_only=True),
    Case("error/silent-server", check=silent_server, timeout=120, s3_only=True),
    Case("error/tls", check=tls, timeout=120, s3_only=True),
    Case("error/daemon-killed", check=daemon_killed, timeout=120),
    Case("error/program-killed", check=program_killed),
    Case("error/private", check=private, s3_only=True),
]
