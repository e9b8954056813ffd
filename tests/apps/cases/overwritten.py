# SPDX-License-Identifier: Apache-2.0
"""Changes of a name whose object somebody else has stored anew, since it was looked at here."""
from case import Case, want
from cases.faults import Faulty

THEIRS = b"theirs, longer\n"
LONG = {"SKYSHIM_META_TTL_MS": "600000"}  # what was seen is believed as long as the case takes
SECONDS = 110

PROGRAM = """
import ctypes, errno, os, sys
os.chdir(os.environ["D"])
libc = ctypes.CDLL(None, use_errno=True)

def attempt(what, function, *arguments):
    try:
        result = function(*arguments)
        print(what, "ok" if result is None else result)
    except OSError as error:
        print(what, errno.errorcode[error.errno])

def noreplace(old, new):
    if libc.renameat2(-100, old.encode(), -100, new.encode(), 1):
        raise OSError(ctypes.get_errno(), "renameat2")

def told():
    print("told", flush=True)
    sys.stdin.readline()

def look(*names):
    for name in names:
        with open(name, "rb") as file:
            file.read()
"""


class Stepwise:
    """A program that waits, when it has told so, until it is let go on."""

    def __init__(self, faulty, script):
        self.process = faulty.context.start([faulty.context.skyshim, "run", "python3", "-c", PROGRAM + script],
                                            env={**faulty.env, **LONG})

    def wait(self):
        line = self.process.stdout.readline()
        want(line == b"told\n", f"{line!r}{b'' if line else self.process.stderr.read()}")

    def ends(self, *lines):
        out, err = self.process.communicate(b"\n", timeout=SECONDS)
        want(self.process.returncode == 0 and out.decode().split("\n")[:-1] == list(lines), f"{out.decode()}{err.decode()}")


def every_change(context):
    """As on a local disk it is done of the file that is there: mv, ln, chmod, touch and setfattr do not fail."""
    with Faulty(context) as faulty:
        names = ("moved", "kept", "linked", "mode", "time", "attribute", "held")
        for name in names:
            faulty.store.put("faulty", "w/" + name, b"one\n")
        program = Stepwise(faulty, """
look("moved", "kept", "linked", "mode", "time", "attribute", "held", "old")
held = os.open("attribute", os.O_RDONLY)
told()
attempt("rename", os.rename, "moved", "moved2")
attempt("over another", os.rename, "held", "old")
attempt("noreplace", noreplace, "kept", "kept2")
attempt("noreplace, there", noreplace, "kept2", "old")
attempt("link", os.link, "linked", "linked2")
attempt("chmod", os.chmod, "mode", 0o600)
attempt("utime", os.utime, "time", (1000000000, 1000000000))
attempt("setxattr", os.setxattr, "attribute", "user.a", b"A")
print(oct(os.stat("mode").st_mode), int(os.stat("time").st_mtime), os.getxattr("attribute", "user.a"))
""")
        program.wait()
        for name in names:
            faulty.store.put("faulty", "w/" + name, THEIRS)
        program.ends("rename ok", "over another ok", "noreplace ok", "noreplace, there EEXIST", "link ok", "chmod ok", "utime ok",
                     "setxattr ok", "0o100600 1000000000 b'A'")
        for name in ("moved2", "old", "kept2", "linked", "linked2", "mode", "time", "attribute"):
            want(faulty.store.get("faulty", "w/" + name) == THEIRS, f"{name} is another file")
        for name in ("moved", "kept", "held"):
            want(faulty.store.request("HEAD", f"/faulty/w/{name}")[0] == 404, f"{name} is there still")


def gone(context):
    """Of what somebody else has removed it is said that it is not there."""
    with Faulty(context) as faulty:
        program = Stepwise(faulty, """
look("old")
told()
attempt("rename", os.rename, "old", "new")
attempt("link", os.link, "old", "new")
""")
        program.wait()
        faulty.store.delete("faulty", "w/old")
        program.ends("rename ENOENT", "link ENOENT")


REFUSED = """
def content(name):
    with open(name, "rb") as file:
        return file.read()

writer = os.open("old", os.O_RDWR)
reader = os.open("keep2", os.O_RDONLY)
os.write(writer, b"first")
attempt("rename", os.rename, "old", "new")
attempt("rename, read", os.rename, "keep2", "new2")
attempt("rename, over", os.rename, "over", "there")
os.lseek(writer, 0, 0)
os.write(writer, b"SECOND")
attempt("close", os.close, writer)
print(content("old"), os.read(reader, 100), content("over"), sorted(os.listdir(".")))
"""
SECOND = b"SECONDas there before\n"


def refused(every):
    """403 at the second step, the deletion: the name stays, what has it open goes on with it, and the copy is taken away, if that is
    allowed and it is in nobody's place."""
    def check(context):
        with Faulty(context) as faulty:
            for name in ("keep2", "over", "there"):
                faulty.store.put("faulty", "w/" + name, name.encode())
            faulty.fault(*(["denied,verb=DeleteObject"] if every else [f"denied,verb=DeleteObject,key=faulty/w/{name}"
                                                                       for name in ("old", "keep2", "over")]))
            program = Stepwise(faulty, "told()" + REFUSED)
            program.wait()
            copies = ["new", "new2"] if every else []
            names = sorted(["keep", "keep2", "old", "over", "there"] + copies)
            program.ends("rename EACCES", "rename, read EACCES", "rename, over EACCES", "close ok",
                         f"{SECOND} {b'keep2'} {b'over'} {names}")
            want(faulty.store.get("faulty", "w/old") == SECOND, "what was written is not under the old name")
            want(faulty.store.get("faulty", "w/there") == b"over", "what was replaced is something else")
            for name in ("new", "new2"):
                want((faulty.store.request("HEAD", f"/faulty/w/{name}")[0] == 200) == every, f"the copy {name}")
            faulty.none_left()
    return check


CASES = [
    Case("rename/overwritten", check=every_change, embedded_only=True, timeout=SECONDS),
    Case("rename/removed", check=gone, embedded_only=True, timeout=SECONDS),
    Case("rename/refused-deletion", check=refused(True), embedded_only=True, timeout=SECONDS),
    Case("rename/refused-deletion-of-one", check=refused(False), embedded_only=True, timeout=SECONDS),
]
