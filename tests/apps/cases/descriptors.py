# SPDX-License-Identifier: Apache-2.0
"""Programs that have used up nearly all numbers for descriptors (RLIMIT_NOFILE): an open that fails for want of one has neither
made nor cut anything, as the kernel looks for a number first; and none fails as long as the hard limit has some."""
import json

from case import Case, want

SOFT = 30

# Opens with 0 to 5 numbers left, in a child each, below such a hard limit. Tells how each ended, and what it left.
OPENS = f"""
import errno, json, os, resource, shutil, sys
folder, hard = os.environ["D"] + "/few" + sys.argv[1], int(sys.argv[1])
os.makedirs(folder)
OPENS = {{"cut": os.O_WRONLY | os.O_TRUNC, "cut-or-made": os.O_RDWR | os.O_CREAT | os.O_TRUNC, "made": os.O_WRONLY | os.O_CREAT,
         "new": os.O_WRONLY | os.O_CREAT | os.O_EXCL, "new-read": os.O_RDONLY | os.O_CREAT | os.O_EXCL}}
def tell(name, free, flags):
    resource.setrlimit(resource.RLIMIT_NOFILE, ({SOFT}, hard))
    taken = []
    try:
        while True:
            taken.append(os.open("/dev/null", os.O_RDONLY))
    except OSError:
        pass
    for fd in taken[-free:] if free else []:
        os.close(fd)
    try:
        os.close(os.open(name, flags, 0o644))
        return 0
    except OSError as e:
        return e.errno
told = []
for how, flags in OPENS.items():
    for free in range(6):
        name = f"{{folder}}/{{how}}{{free}}"
        if how.startswith("cut"):
            with open(name, "w") as file:
                file.write("before")
        child = os.fork()
        if not child:
            os._exit(tell(name, free, flags))
        error = os.WEXITSTATUS(os.waitpid(child, 0)[1])
        left = open(name).read() if os.path.exists(name) else None
        told.append([how, free, errno.errorcode.get(error, "ok"), left])
shutil.rmtree(folder)
print(json.dumps(told))
"""


def opens(context, hard):
    result = context.run_cloud(["python3", "-c", OPENS, str(hard)])
    want(result.status == 0, str(result))
    return json.loads(result.stdout)


def none_left(context):
    """Whatever the hard limit adds, up to what an answer takes."""
    for more in range(5):
        for how, free, error, left in opens(context, SOFT + more):
            before = "before" if how.startswith("cut") else None
            want(error in ("ok", "EMFILE") and left == ("" if error == "ok" else before), f"{how}, {free} and {more}: {error}, {left}")
            want(error == "EMFILE" if not free else error == "ok" or free + more < 4, f"{how}, {free} and {more}: {error}")


def more_allowed(context):
    for how, free, error, left in opens(context, 4 * SOFT):
        before = "before" if how.startswith("cut") else None
        want((error, left) == (("ok", "") if free else ("EMFILE", before)), f"{how}, {free}: {error}, {left}")


CASES = [
    Case("descriptors/none-left", check=none_left, timeout=120),
    Case("descriptors/more-allowed", check=more_allowed),
]
