# SPDX-License-Identifier: Apache-2.0
"""Second names, names that change places, and files that get their name late: natively and in a bucket."""
import os

from case import Case, want
from cases.budget import Counted
from cases.write import Folder, compare_both

RENAMEAT2 = ("import ctypes, os\nD = os.environ['D']\nlibc = ctypes.CDLL(None, use_errno=True)\n"
             "def swap(a, b, flags=2):\n"
             "    r = libc.syscall(316, -100, os.fsencode(D + a), -100, os.fsencode(D + b), flags)\n"
             "    print(a, b, flags, r, os.strerror(ctypes.get_errno()) if r else '')\n")
UNNAMED = ("import os\nD = os.environ['D']\nf = os.open(D, os.O_TMPFILE | os.O_RDWR, 0o640)\nos.write(f, b'no name yet')\n"
           "print(sorted(os.listdir(D)), os.fstat(f).st_size, oct(os.fstat(f).st_mode))\n")

SESSIONS = {
    "hard": "echo one >$D/a; ln $D/a $D/b; cat $D/b; ln $D/a $D/b; echo $?; ln $D/none $D/c; echo $?; mkdir $D/d; ln $D/d $D/e; echo $?; "
            "ln $D/a $D/none/x; echo $?; rm $D/a; cat $D/b",
    "hard-while-written": ["python3", "-c", "import os\nD = os.environ['D']\nf = open(D + '/a', 'w')\nf.write('not closed')\nf.flush()\n"
                           "os.link(D + '/a', D + '/b')\nprint(open(D + '/b').read())\nf.close()\n"],
    "lock-file": "echo $$ >$D/mine; ln $D/mine $D/lock && echo locked; ln $D/mine $D/lock 2>/dev/null || echo taken; rm $D/mine $D/lock",
    "exchange": ["python3", "-c", RENAMEAT2 + "open(D + '/a', 'w').write('A' * 10)\nopen(D + '/b', 'w').write('B' * 100000)\n"
                 "f = open(D + '/a')\nswap('/a', '/b')\nprint(os.path.getsize(D + '/a'), os.path.getsize(D + '/b'), f.read())\n"
                 "swap('/a', '/a')\nswap('/a', '/none')\nswap('/none', '/a')\nswap('/a', '/b', 1)\nswap('/a', '/c', 1)\n"],
    "unnamed": ["python3", "-c", UNNAMED + "os.close(f)\nprint(sorted(os.listdir(D)))\n"],
    "unnamed-linked": ["python3", "-c", UNNAMED + "os.link('/proc/self/fd/%d' % f, D + '/named', src_dir_fd=f, follow_symlinks=True)\n"
                       "print(open(D + '/named').read(), sorted(os.listdir(D)))\nos.write(f, b', and more')\nos.close(f)\n"
                       "print(open(D + '/named').read(), oct(os.stat(D + '/named').st_mode))\n"],
    "unnamed-taken": ["python3", "-c", "open(__import__('os').environ['D'] + '/named', 'w').write('first')\n" + UNNAMED +
                      "try:\n    os.link('/proc/self/fd/%d' % f, D + '/named', src_dir_fd=f, follow_symlinks=True)\nexcept OSError as e:\n    print(e.errno)\n"],
}


def session(name, command):
    def check(context):
        compare_both(Folder(context, "links-" + name), command, stderr=False)
    return check


def copied_by_the_service(context):
    """cp within the clouds uploads nothing, over something and beside it, and the copy is a file like any other."""
    content = os.urandom(300000)
    with Counted(context) as counted:
        counted.store.put("budget", "w/from", content)
        counted.store.put("budget", "w/over", b"old")
        for name in ("new", "over"):
            cost = counted.cost(f"cp $D/w/from $D/w/{name}")
            want(cost.get("CopyObject") == 1 and "PutObject" not in cost and sum(cost.values()) <= 9, f"{name}: {cost}")
            want(counted.store.get("budget", f"w/{name}") == content, f"{name} is not a copy")
        result = counted.run("echo more >>$D/w/new; cp $D/w/new $D/w/again; tail -c 5 $D/w/again; stat -c %a $D/w/again; "
                             "chmod 700 $D/w/again; cp $D/w/again $D/w/exe; stat -c %a $D/w/exe")
        want(result.stdout == b"more\n644\n700\n", f"{result.stdout!r}")
        want(counted.store.get("budget", "w/again") == content + b"more\n", "the copy of what was appended to")


CASES = [Case("links/copied-by-the-service", check=copied_by_the_service, embedded_only=True)]
CASES += [Case(f"links/{name}", check=session(name, command)) for name, command in SESSIONS.items()]
