# SPDX-License-Identifier: Apache-2.0
"""Objects that are too large for one copy by the service: they are copied in parts, with all that CopyObject does."""
import errno
import os
import time

from case import Case, want
from cases.budget import requests
from cases.faults import Faulty
from cases.stream import MIB, content, kill_daemon, soon, uploads

LARGE = 6 << 30  # more than a service copies at once; ours, as Amazon's, refuses it
PIECES = LARGE // (512 * MIB)
LOW = {"SKYSHIM_COPY_MAX": str(6 * MIB)}
OLD = b"what was there before\n"  # Faulty's
SHORT = 20  # MiB: four pieces of that


def large(context):
    """The service's real limit, with an object that costs no memory."""
    with Faulty(context) as faulty:
        status, answer = faulty.store.send("POST", "/_admin/generate", b"bucket=faulty&key=w/large&size=%d" % LARGE,
                                           {"host": faulty.store.netloc, "content-type": "application/x-www-form-urlencoded"})
        want(status == 200, f"{answer!r}")
        piece = "dd if=$D/{} bs=1M skip=5777 count=1 status=none | sha256sum"
        before = faulty.run(piece.format("large")).stdout
        for name, command, verbs in (("moved", "mv $D/large $D/moved", {"DeleteObject": 1}), ("linked", "ln $D/moved $D/linked", {}),
                                     ("cloned", "cp $D/linked $D/cloned", {}), ("moved", "chmod 751 $D/moved", {}),
                                     ("dir/moved", "mkdir $D/d; mv $D/moved $D/d/moved; mv $D/d $D/dir", {})):
            faulty.store.reset()
            result = faulty.run(command)
            want(result.status == 0 and not result.stderr, f"{command}: {result}")
            cost = requests(faulty.store.stats())
            want(cost.get("UploadPartCopy") == (2 if "dir" in name else 1) * PIECES and cost.get("UploadPart", 0) == 0, f"{command}: {cost}")
            want(all(cost.get(verb) == count for verb, count in verbs.items()), f"{command}: {cost}")
            want(faulty.run(piece.format(name)).stdout == before, f"{command}: other bytes")
            want(faulty.run(f"stat -c %s $D/{name}").stdout == b"%d\n" % LARGE, f"{command}: another size")
        want(faulty.run("stat -c %a $D/dir/moved; cd $D && find . -type f | sort").stdout ==
             b"751\n./cloned\n./dir/moved\n./keep\n./linked\n./old\n", "names, or the mode")
        faulty.none_left()


def lowered(context):
    """Where a store is not ours: content, metadata, and a name that is taken."""
    bucket = context.bucket + context.world.CHANGING
    folder, data = f"/cloud/s3/{bucket}/copies", bytes(content(0, SHORT))

    def run(command):
        result = context.run([context.skyshim, "run", "sh", "-c", command], env={**LOW, "D": folder}, timeout=60)
        want(result.status == 0 and not result.stderr, f"{command}: {result}")
        return result.stdout

    context.store.put(bucket, "copies/sub/keep")
    context.store.put(bucket, "copies/target", b"it is replaced")
    with open(f"{context.work}/data", "wb") as out:
        out.write(data)
    run("cp data $D/f; chmod 640 $D/f; touch -d @1234567890.5 $D/f")
    stat = run("stat -c '%a %.1Y %s' $D/f")
    want(stat == b"640 1234567890.5 %d\n" % len(data), f"{stat!r}")
    for name, command in (("target", "mv $D/f $D/target"), ("linked", "ln $D/target $D/linked"), ("sub/f", "mv $D/linked $D/sub/f"),
                          ("moved/f", "mv $D/sub $D/moved")):
        run(command)
        want(context.store.get(bucket, f"copies/{name}") == data, f"{command}: other bytes")
        run(f"stat $D/{name}")  # the first answer may be that of a listing, which does not tell
        time.sleep(1.1)
        want(run(f"stat -c '%a %.1Y %s' $D/{name}") == stat, f"{command}: other attributes")
    run("cp $D/target $D/cloned; ! ln $D/target $D/cloned 2>/dev/null; ! mv -T $D/target $D/moved 2>/dev/null")
    want(context.store.get(bucket, "copies/cloned") == data, "cp: other bytes")
    want(b"<Upload>" not in context.store.expect("GET", f"/{bucket}", query="prefix=copies&uploads="), "an upload is left")


def killed(context):
    """A daemon that dies in the middle: the next removes what was begun, and does it again for who asks again."""
    with Faulty(context, "--latency-ms", "400") as faulty:
        data = bytes(content(0, SHORT))
        faulty.store.put("faulty", "w/f", data)
        env = {**faulty.env, **LOW}
        faulty.run("cat $D/keep", **LOW)
        process = context.start([context.skyshim, "run", "mv", f"{env['D']}/f", f"{env['D']}/g"], env=env)
        soon(lambda: faulty.store.stats()["verbs"]["UploadPartCopy"] > 0 or faulty.store.stats()["parallel"] > 3, "it is not copied in parts")
        want(os.listdir(f"{context.folder}/cache/uploads"), "it is not noted")
        kill_daemon(context)
        _, err = process.communicate(timeout=60)
        want(process.returncode == 0 and not err, f"mv: {process.returncode} {err!r}")
        want(faulty.store.get("faulty", "w/g") == data, "other bytes")
        want(faulty.store.request("HEAD", "/faulty/w/f")[0] == 404, "the old name is there")
        soon(lambda: not uploads(faulty) and not os.listdir(f"{context.folder}/cache/uploads"), "an upload is left")


def refused(context):
    """A piece that is refused: nothing has changed, and nothing is left."""
    with Faulty(context) as faulty:
        faulty.store.put("faulty", "w/f", bytes(content(0, SHORT)))
        faulty.fault("denied,verb=UploadPartCopy,skip=2")
        result = faulty.run("mv $D/f $D/g", **LOW)
        want(result.status == 1 and b"Permission denied" in result.stderr, str(result))
        want(faulty.run("ls $D", **LOW).stdout == b"f\nkeep\nold\n", "names")
        faulty.none_left()


def by_service(context):
    """cp of what was opened for it alone costs one copy by the service, whatever was done with the target before."""
    with Faulty(context) as faulty:
        for command in ("cp $D/old $D/new", "cp $D/keep $D/short; cp $D/old $D/new", "cat $D/new; cp $D/old $D/new", "echo other >$D/new; cp $D/old $D/new",
                        "cat $D/new; echo other >$D/new; cat $D/new; cp $D/old $D/new", "exec 3>$D/new; exec 3>&-; (cp $D/old $D/new)"):
            faulty.store.reset()
            result = faulty.run(command)
            want(result.status == 0 and not result.stderr, f"{command}: {result}")
            want(requests(faulty.store.stats()).get("CopyObject") == 1, f"{command}: {requests(faulty.store.stats())}")
            want(faulty.store.get("faulty", "w/new") == OLD, f"{command}: other bytes")


def opened_elsewhere(context):
    """Who has the target open goes on with the same file: cp copies into it."""
    with Faulty(context) as faulty:
        for opened in (">>$D/f", ">>$D/new", "<>$D/f", ">$D/f"):
            name = opened.split("/")[1]
            result = faulty.run(f"echo first >$D/f; exec 3{opened}; cp $D/old $D/{name}; cat $D/{name}; "
                                f"echo hello >&3; exec 3>&-; cat $D/{name}")
            want(result.status == 0 and not result.stderr, f"{opened}: {result}")
            now = OLD + b"hello\n" if ">>" in opened else b"hello\n" + OLD[6:]
            want(result.stdout == OLD + now and faulty.store.get("faulty", f"w/{name}") == now, f"{opened}: {result}")
        faulty.none_left()


SHARES = """
import errno, fcntl, os, subprocess, sys
D = os.environ["D"]
source = os.open(D + "/old", os.O_RDONLY)
target = os.open(D + "/f", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
ours, theirs = os.pipe()
if sys.argv[1] == "fork":
    child = os.fork()
    if not child:
        os.close(theirs)
        os.read(ours, 1)
        os.write(target, b"child")
        os._exit(0)
    wait = lambda: os.waitpid(child, 0)
elif sys.argv[1] == "spawn":
    child = subprocess.Popen(["sh", "-c", "read line; printf child"], stdin=ours, stdout=target)
    wait = child.wait
elif sys.argv[1] == "reopened":
    other = os.open(f"/proc/self/fd/{target}", os.O_WRONLY)
    wait = lambda: os.write(other, b"child")
else:
    other = os.dup(target)
    wait = lambda: os.write(other, b"child")
try:
    fcntl.ioctl(target, 0x40049409, source)
    print("cloned")
except OSError as e:
    print("refused" if e.errno == errno.EOPNOTSUPP else e)
os.write(theirs, b"\\n")
os.close(theirs)
wait()
"""


def shared(context):
    """Nor is it cloned where the descriptor is also another's: what he writes would be lost."""
    with Faulty(context) as faulty:
        for how in ("fork", "spawn", "reopened", "dup"):
            result = faulty.context.run([context.skyshim, "run", "python3", "-c", SHARES, how], env=faulty.env)
            want(result.status == 0 and result.stdout == b"refused\n", f"{how}: {result}")
            want(faulty.store.get("faulty", "w/f") == b"child", f"{how}: {faulty.store.get('faulty', 'w/f')!r}")
        faulty.none_left()


HALF_CLONED = """
import fcntl, os
D = os.environ["D"]
source = os.open(D + "/large", os.O_RDONLY)
target = os.open(D + "/f", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
try:
    fcntl.ioctl(target, 0x40049409, source)
    print("cloned")
except OSError as e:
    print(e.errno, os.write(target, b"instead"))
os.fsync(target)
os.close(target)
"""


def half_done(context):
    """The service has copied, but the copy cannot be used here: what is written then to the descriptor is in the bucket."""
    with Faulty(context) as faulty:
        faulty.store.put("faulty", "w/large", bytes(content(0, 1))[:131077])
        for before in ("true", "printf there >$D/f"):
            faulty.run(before)
            faulty.fault("internal,verb=GetObject,key=faulty/w/f")
            result = faulty.context.run([context.skyshim, "run", "python3", "-c", HALF_CLONED], env=faulty.env)
            want(result.status == 0 and result.stdout == b"%d 7\n" % errno.EIO, str(result))
            faulty.fault()
            want(faulty.store.get("faulty", "w/f") == b"instead", f"the bucket has {len(faulty.store.get('faulty', 'w/f'))} bytes")
            want(faulty.run("cat $D/f").stdout == b"instead", "it is not what was written here")
            faulty.none_left()
            faulty.run("rm $D/f")


CASES = [
    Case("copy/half-done", check=half_done, embedded_only=True),
    Case("copy/by-service", check=by_service, embedded_only=True),
    Case("copy/opened-elsewhere", check=opened_elsewhere, embedded_only=True),
    Case("copy/shared", check=shared, embedded_only=True),
    Case("copy/large", check=large, embedded_only=True, timeout=170),
    Case("copy/lowered", check=lowered, timeout=110),
    Case("copy/killed", check=killed, embedded_only=True, timeout=110),
    Case("copy/refused", check=refused, embedded_only=True, timeout=110),
]
