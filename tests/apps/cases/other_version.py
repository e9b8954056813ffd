# SPDX-License-Identifier: Apache-2.0
"""A daemon of another version: what programs and commands say, and that it can be ended."""
import os
import signal
import subprocess
import sys

from case import Case, TIMEOUT_SECONDS, want

# As versions up to 10 answered whatever they did not know: the head of a reply, and -EPROTONOSUPPORT or -EPROTO.
OTHER = """
import signal, socket, struct, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
s.bind(sys.argv[1])
s.listen(16)
signal.signal(signal.SIGTERM, signal.SIG_DFL)
print("listens", flush=True)
while True:
    peer, _ = s.accept()
    request = peer.recv(70000)
    if request:
        peer.send(struct.pack("=Ii", 0x4d485353, -93 if request.startswith(struct.pack("=I", 0x4d485353)) else -71) + bytes(64))
    peer.close()
"""
LINE = b"the daemon is of another version of skyshim: `skyshim stop` ends it, then start the program again"


class OtherDaemon:
    """In the place of this case's daemon, which is ended."""

    def __init__(self, context):
        want(context.run_cloud("cat $D/text/empty.txt").status == 0, "no file can be read")
        self.sock = next(line.split()[1] for line in context.run([context.skyshim, "status"]).stdout.decode().split("\n") if line.startswith("socket"))
        want(context.run([context.skyshim, "stop"]).status == 0, "it cannot be stopped")
        self.process = subprocess.Popen([sys.executable, "-c", OTHER, self.sock], stdout=subprocess.PIPE)
        want(self.process.stdout.readline() == b"listens\n", "the other daemon does not listen")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        if os.path.exists(self.sock):
            os.remove(self.sock)


def commands(context):
    with OtherDaemon(context) as other:
        for argv in (["run", "true"], ["status"], ["stats"], ["recover"]):
            result = context.run([context.skyshim, *argv])
            want(result.status and LINE in result.stderr and result.stderr.count(b"\n") == 1, f"{argv}: {result}")
        result = context.run([context.skyshim, "stop"])
        want(result.status == 0 and result.stdout == b"stopped\n" and not result.stderr, str(result))
        want(other.process.wait(TIMEOUT_SECONDS) == -signal.SIGTERM, "it was not asked to end")
    want(context.run_cloud("cat $D/text/empty.txt").status == 0, "no daemon comes in its place")


def programs(context):
    """A program that was running when its daemon was replaced is told, once."""
    process = context.start([context.skyshim, "run", "python3", "-c",
                             "import sys\nprint(flush=True)\nsys.stdin.readline()\nfor i in range(3):\n    try:\n        open(sys.argv[1])\n"
                             "    except OSError as e:\n        print(e.errno)\n", f"{context.cloud}/text/table.csv"])
    process.stdout.readline()
    with OtherDaemon(context):
        out, err = process.communicate(b"\n", TIMEOUT_SECONDS)
    want(out == b"5\n5\n5\n" and err.count(LINE) == 1 and err.count(b"\n") == 1, f"{out!r}, {err!r}")


CASES = [Case("other-version/commands", check=commands, embedded_only=True), Case("other-version/programs", check=programs, embedded_only=True)]
