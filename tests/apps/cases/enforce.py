# SPDX-License-Identifier: Apache-2.0
"""SKYSHIM_ENFORCE_MODE: modes that another tool has set decide, although a listing does not tell them; and what is wrong is told.
Which call wants what is tests/operations/checks/enforcing.py's."""
from case import Case, want
from cases.budget import Counted

USES = """
import ctypes, errno, os, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
libc.capset(struct.pack('Ii', 0x20080522, 0), bytes(24))
os.chdir(os.environ['D'] + '/w')
os.listdir('.')
for name in sys.argv[1:]:
    try:
        print(name, open(name).read())
    except OSError as e:
        print(name, errno.errorcode[e.errno])
"""


def of_others(context):
    """Files and folders as s3fs stores them, of which this machine knows only by a listing."""
    with Counted(context) as counted:
        for key, mode in (("open", 0o100600), ("shut", 0o100000), ("d/", 0o40000), ("e/", 0o40700)):
            counted.store.put("budget", f"w/{key}", b"" if key.endswith("/") else b"x", {"mode": str(mode)})
        for key in ("d/f", "e/f"):
            counted.store.put("budget", f"w/{key}", b"x")
        names = "open shut d/f e/f"
        command = f"python3 -c \"{USES}\" {names}"
        for value, wanted in (("1", b"open x\nshut EACCES\nd/f EACCES\ne/f x\n"), ("0", b"open x\nshut x\nd/f x\ne/f x\n")):
            result = counted.run(command, SKYSHIM_ENFORCE_MODE=value)
            want(result.stdout == wanted, f"{value}: {result}")


def wrong(context):
    result = context.run([context.skyshim, "run", "true"], env={"SKYSHIM_ENFORCE_MODE": "yes"})
    want(result.status == 126 and b"SKYSHIM_ENFORCE_MODE=yes: it is 0 or 1" in result.stderr, f"{result}")
    shown = context.run([context.skyshim, "doctor"], env={"SKYSHIM_ENFORCE_MODE": "1"}).stdout
    want(b"1, as SKYSHIM_ENFORCE_MODE says of all paths" in shown, f"{shown}")


def not_a_program(context):
    """A file that may be executed and is no program is ENOEXEC, after which a shell reads it as a script."""
    with Counted(context) as counted:
        result = counted.run("echo 'echo read by the shell' >$D/w; chmod 755 $D/w; sh -c $D/w; python3 -c \"import os; os.execv(os.environ['D'] + '/w', ['w'])\" 2>&1 | tail -1",
                             )
        want(result.stdout.startswith(b"read by the shell\nOSError: [Errno 8]"), f"{result}")


CASES = [
    Case("enforce/of-others", check=of_others, embedded_only=True),
    Case("enforce/wrong", check=wrong, needs_store=False),
    Case("enforce/not-a-program", check=not_a_program, embedded_only=True),
]
