# SPDX-License-Identifier: Apache-2.0
"""Files with several names: what of them is in the bucket and when, also where something goes wrong."""
import contextlib
import errno
import os
import signal
import time

from case import Case, want
from cases.budget import Counted
from cases.faults import Faulty, second_machine
from cases.write import lines_from

WAIT_SECONDS = 60
OPEN = ("import os, sys\nD = os.environ['D'] + '/w/'\n"
        "f = os.open(D + 'a', os.O_RDWR | os.O_CREAT)\nos.write(f, b'first')\nos.link(D + 'a', D + 'b')\nos.link(D + 'b', D + 'c')\n"
        "def wait():\n    print(1)\n    sys.stdin.readline()\n"
        "def attempt(call, *args):\n    try:\n        call(*args)\n        print('fine')\n    except OSError as e:\n        print(e.errno)\n")
NAMES = ("w/a", "w/b", "w/c")


def eventually(what, check):
    deadline = time.monotonic() + WAIT_SECONDS
    while not check():
        want(time.monotonic() < deadline, what)
        time.sleep(0.05)


def in_bucket(faulty, content, names=NAMES):
    return all(faulty.store.request("GET", f"/faulty/{name}") == (200, content) for name in names)


def kill_daemons(context):
    for pid in context.daemons():
        os.kill(pid, signal.SIGKILL)


def acknowledged(what, **env):
    """What returns 0 has all names in the bucket, with the same content, one of them sent."""
    def check(context):
        with Faulty(context) as faulty:
            def look(_):
                want(in_bucket(faulty, b"first, second"), "not all names have it")
            script = OPEN + {"fsync": "os.write(f, b', second')\nos.fsync(f)\nwait()\nos._exit(0)\n",
                             "close": "os.write(f, b', second')\nos.close(f)\nwait()\nos._exit(0)\n",
                             "exit": "os.write(f, b', second')\n"}[what]
            result = lines_from(context, script, [look] if what != "exit" else [], faulty.context.cloud, **env)
            want(result.status == 0 and not result.stderr, str(result))
            want(in_bucket(faulty, b"first, second"), "not all names have it")
            faulty.none_left()
    return check


def cost(context):
    """A link is a copy; what is written afterwards is sent once, and copied to each other name."""
    with Counted(context) as counted:
        counted.store.put("budget", "w/keep")
        made = counted.cost("python3 -c \"import os; D = os.environ['D'] + '/w/'; f = open(D + 'a', 'w'); f.write('x'); f.flush(); "
                            "os.link(D + 'a', D + 'b'); os.link(D + 'a', D + 'c'); f.write('y'); f.close()\"")
        want(made.get("PutObject") == 2 and made.get("CopyObject") == 4, f"{made}")
        want(all(counted.store.get("budget", f"w/{name}") == b"xy" for name in "abc"), "the content")


def program_killed(context):
    """The daemon stores it under all names."""
    with Faulty(context) as faulty:
        with contextlib.suppress(BrokenPipeError):
            lines_from(context, OPEN + "os.write(f, b', second')\nwait()\n", [lambda process: process.kill()], faulty.context.cloud)
        eventually("not all names have it", lambda: in_bucket(faulty, b"first, second"))
        faulty.none_left()


def daemon_killed(context):
    """The next one knows all names of what is open."""
    script = OPEN + ("os.write(f, b', second')\nos.unlink(D + 'a')\nos.rename(D + 'b', D + 'd')\nwait()\n"
                     "print(os.fstat(f).st_nlink, os.path.samefile(D + 'c', D + 'd'), os.stat(D + 'c').st_nlink, os.path.exists(D + 'a'))\n"
                     "os.link(D + 'd', D + 'e')\nos.write(f, b', third')\nprint(os.fstat(f).st_nlink)\nos.close(f)\n")
    with Faulty(context) as faulty:
        result = lines_from(context, script, [lambda _: kill_daemons(context)], faulty.context.cloud)
        want(result.status == 0 and result.stdout == b"2 True 2 False\n3\n", str(result))
        want(in_bucket(faulty, b"first, second, third", ("w/c", "w/d", "w/e")), "not all names have it")
        want(faulty.run("cd $D; ls").stdout == b"c\nd\ne\nkeep\nold\n", "other names")
        faulty.none_left()


def killed_between(rule, program_too, names=NAMES):
    """The first name has it, of the others not all, or nobody knows: a daemon dies there, and the next goes on."""
    def check(context):
        with Faulty(context) as faulty:
            def kill(process):
                eventually("the first name does not have it", lambda: in_bucket(faulty, b"first, second", names[:1]))
                time.sleep(0.3)  # so that the copy is under way
                kill_daemons(context)
                if program_too:
                    process.kill()
                faulty.fault()
            result = None
            with contextlib.suppress(BrokenPipeError):
                result = lines_from(context, OPEN + "wait()\nos.write(f, b', second')\nprint('now')\nos.close(f)\nprint('closed')\n",
                                    [lambda _: faulty.fault(rule), kill], faulty.context.cloud)
            if program_too:
                faulty.run("true")
            else:
                want(result and result.status == 0 and result.stdout == b"closed\n", str(result))
            eventually("not all names have it", lambda: in_bucket(faulty, b"first, second", names))
            eventually("something is left", lambda: not faulty.left())
            faulty.none_left()
    return check


def unlink_killed(context):
    """A daemon that dies while it removes a name: nothing of what was written is lost, and the name is gone or not."""
    with Faulty(context) as faulty:
        def kill(process):
            time.sleep(0.5)  # so that it is under way
            kill_daemons(context)
            process.kill()
            faulty.fault()
        with contextlib.suppress(BrokenPipeError):
            lines_from(context, OPEN + "os.write(f, b', second')\nwait()\nprint('now')\nos.unlink(D + 'a')\n",
                       [lambda _: faulty.fault("mute,verb=DeleteObject,ms=60000"), kill], faulty.context.cloud)
        faulty.run("true")
        eventually("the other names do not have it", lambda: in_bucket(faulty, b"first, second", ("w/b", "w/c")))
        status, content = faulty.store.request("GET", "/faulty/w/a")
        want(status == 404 or content in (b"first", b"first, second"), f"the name has {content!r}")
        faulty.none_left()


def unlink_refused(context):
    """Then it is one of its names still."""
    script = OPEN + ("wait()\nattempt(os.unlink, D + 'a')\nattempt(os.unlink, D + 'c')\nprint(os.fstat(f).st_nlink, os.path.samefile(D + 'a', D + 'b'))\n"
                     "os.write(f, b', second')\nos.close(f)\n")
    with Faulty(context) as faulty:
        result = lines_from(context, script, [lambda _: faulty.fault("denied,verb=DeleteObject")], faulty.context.cloud)
        want(result.stdout == b"13\n13\n3 True\n", str(result))
        want(in_bucket(faulty, b"first, second"), "not all names have it")
        faulty.none_left()


def somebody_else(context):
    """Wrote under one of the names: that stays, the close says so, and what was written is kept for all names."""
    script = OPEN + "os.write(f, b', second')\nwait()\nattempt(os.close, f)\n"
    with Faulty(context) as faulty:
        result = lines_from(context, script, [lambda _: faulty.store.put("faulty", "w/b", b"theirs\n")], faulty.context.cloud)
        want(result.stdout == b"%d\n" % errno.ESTALE and b"w/b" in result.stderr, str(result))
        want(in_bucket(faulty, b"theirs\n", ("w/b",)), "theirs is gone")
        eventually("it is not kept", lambda: (left := faulty.left()) and all(one["kept"] for one in left))
        left = faulty.left()[0]
        want(left["object"] == "s3/faulty/w/a" and sorted(left["also"]) == ["s3/faulty/w/b", "s3/faulty/w/c"], f"kept: {left}")
        want(faulty.recover("retry", left["id"]).status == 1, "retry went over theirs")
        want(in_bucket(faulty, b"theirs\n", ("w/b",)), "retry went over theirs")
        want(faulty.recover("retry", "--force", left["id"]).status == 0, "retry --force")
        want(in_bucket(faulty, b"first, second"), "not all names have it")
        faulty.none_left()


def no_copies(context):
    """Where the store refuses copies what was written is sent under each name."""
    with Faulty(context) as faulty:
        script = OPEN + "os.write(f, b', second')\nwait()\nattempt(os.close, f)\n"
        result = lines_from(context, script, [lambda _: faulty.fault("denied,verb=CopyObject")], faulty.context.cloud)
        want(result.stdout == b"fine\n", str(result))
        want(in_bucket(faulty, b"first, second"), "not all names have it")
        faulty.none_left()


def large(context):
    """One that goes in parts, and whose first name goes while its parts are on their way."""
    script = ("import os\nD = os.environ['D'] + '/w/'\nf = os.open(D + 'a', os.O_RDWR | os.O_CREAT)\nos.write(f, b'x' * 1000)\n"
              "os.link(D + 'a', D + 'b')\nos.link(D + 'a', D + 'c')\nos.pwrite(f, b'y' * (34 << 20), 0)\nos.unlink(D + 'a')\n"
              "os.pwrite(f, b'z', 5 << 20)\nos.close(f)\nprint(os.path.samefile(D + 'b', D + 'c'))\n")
    with Faulty(context) as faulty:
        result = lines_from(context, script, [], faulty.context.cloud)
        want(result.status == 0 and result.stdout == b"True\n", str(result))
        content = b"y" * (5 << 20) + b"z" + b"y" * ((29 << 20) - 1)
        want(in_bucket(faulty, content, ("w/b", "w/c")), "not all names have it")
        want(faulty.store.request("GET", "/faulty/w/a")[0] == 404, "the first is there")
        faulty.none_left()


def apart(context):
    """Some time after the last close the names are files of their own."""
    short = {"SKYSHIM_LINKED_MS": "200"}
    with Faulty(context) as faulty:
        result = faulty.run("cd $D; echo one >a; ln a b; stat -c %h a b; sleep 4; stat -c %h a b; stat -c %i a b | sort -u | wc -l; "
                            "echo two >>a; cat a b", **short)
        want(result.stdout == b"2\n2\n1\n1\n2\none\ntwo\none\n", str(result))
        want(in_bucket(faulty, b"one\ntwo\n", ("w/a",)) and in_bucket(faulty, b"one\n", ("w/b",)), "the bucket has other bytes")
        script = ("import os, sys\nD = os.environ['D'] + '/w/'\nf = os.open(D + 'a', os.O_RDONLY)\nos.link(D + 'a', D + 'c')\nprint(1)\nsys.stdin.readline()\n"
                  "print(os.stat(D + 'c').st_nlink)\n")
        result = lines_from(context, script, [lambda _: time.sleep(3)], faulty.context.cloud, **short)
        want(result.stdout == b"2\n", f"it is open all the while: {result}")


def elsewhere(context):
    """Another machine has changed one of them since: here they are two, and what is written under one goes there alone."""
    with Faulty(context) as faulty:
        other = second_machine(context)
        try:
            want(faulty.run("cd $D; echo one >a; ln a b; stat -c %h a b").stdout == b"2\n2\n", "it has two names")
            want(faulty.run("echo theirs >$D/b", **other).status == 0, "the second machine writes")
            time.sleep(1.1)
            want(faulty.run("cd $D; stat -c %h b; cat b").stdout == b"1\ntheirs\n", "theirs is not seen")
            # of several that make a name at once the store takes one
            want(faulty.run("ln $D/old $D/lock").status == 0, "link")
            want(faulty.run("ln $D/keep $D/lock", **other).status == 1, "it is made a second time")
        finally:
            context.run([context.skyshim, "stop"], env={**faulty.env, **other}, timeout=20)


STALL = "stall,verb=CopyObject,at=0,ms=60000"
MUTE = "mute,verb=CopyObject,ms=60000"
CASES = [
    *(Case(f"hardlinks/{what}", check=acknowledged(what)) for what in ("fsync", "close", "exit")),
    Case("hardlinks/durability-exit", check=acknowledged("exit", SKYSHIM_DURABILITY="exit")),
    Case("hardlinks/cost", check=cost),
    Case("hardlinks/program-killed", check=program_killed),
    Case("hardlinks/daemon-killed", check=daemon_killed),
    Case("hardlinks/killed-before-copy", check=killed_between(MUTE, False)),
    Case("hardlinks/both-killed-before-copy", check=killed_between(MUTE, True)),
    Case("hardlinks/killed-after-copy", check=killed_between(STALL, False)),
    Case("hardlinks/both-killed-after-copy", check=killed_between(STALL, True)),
    Case("hardlinks/unlink-killed", check=unlink_killed),
    Case("hardlinks/unlink-refused", check=unlink_refused),
    Case("hardlinks/somebody-else", check=somebody_else),
    Case("hardlinks/no-copies", check=no_copies),
    Case("hardlinks/large", check=large),
    Case("hardlinks/apart", check=apart),
    Case("hardlinks/elsewhere", check=elsewhere),
]
for case in CASES:
    case.embedded_only = True
