# SPDX-License-Identifier: Apache-2.0
"""A daemon that dies after a change was carried out, before it could say so: the next one is asked again. And one that
loses the answer, while somebody else replaces what it has stored.

A relay between daemon and store lets the change through, and does that instead of handing the answer on.
"""
import os
import signal

from case import Case, want
from cases.faults import Faulty, our_lines
from cases.write import keys_below
from relay import Relay


class Deadly(Relay):
    """The answer to the first request that starts so is the daemon's end, or what `instead` does; and to as many as `times`."""

    def __init__(self, context, store, start, instead=None, times=1):
        self.context, self.start, self.killed, self.left = context, start, False, times
        self.instead = instead or self.kill
        super().__init__(store)

    def request(self, data, link):
        link.doomed = getattr(link, "doomed", False) or (data.startswith(self.start) and self.left > 0)

    def answer(self, data, link):
        if getattr(link, "doomed", False) and self.left > 0:
            self.killed = True
            self.left -= 1
            self.instead()
            raise OSError

    def kill(self):
        for pid in self.context.daemons():
            os.kill(pid, signal.SIGKILL)


def dies(name, what, key, command, there):
    def check(context):
        bucket, prefix = context.bucket + context.world.CHANGING, f"resent-{name}"
        context.store.put(bucket, f"{prefix}/a", b"content\n")
        context.store.put(bucket, f"{prefix}/keep")
        start = context.store.request_line(what, bucket, f"{prefix}/{key}")
        deadly = Deadly(context, context.store, start.encode())
        try:
            result = context.run([context.skyshim, "run", "sh", "-c", command],
                                 env={"D": f"{context.cloud}{context.world.CHANGING}/{prefix}",
                                      **context.store.environment(deadly.netloc)})
        finally:
            deadly.close()
        want(deadly.killed, "no such request was made")
        want(result.status == 0, f"it was carried out, and reported as failed: {result}")
        left = set(keys_below(context, prefix + "/"))
        want(left == {f"{prefix}/{name}" for name in [*there, "keep"]}, f"left: {left}")
    return check


LOOKS = """
import errno, os
try:
    print(os.stat(os.environ["D"] + "/a").st_size)
except OSError as e:
    print(errno.errorcode.get(e.errno, e.errno))
"""


def die(times, told):
    """One request meets so many daemons that die of it: each that comes has to be told who asks."""
    def check(context):
        bucket, prefix = context.bucket + context.world.CHANGING, f"resent-die-{times}"
        context.store.put(bucket, f"{prefix}/a", b"content\n")
        start = context.store.request_line("HEAD", bucket, f"{prefix}/a")
        deadly = Deadly(context, context.store, start.encode(), times=times)
        try:
            result = context.run([context.skyshim, "run", "python3", "-c", LOOKS],
                                 env={"D": f"{context.cloud}{context.world.CHANGING}/{prefix}", **context.store.environment(deadly.netloc)})
        finally:
            deadly.close()
        want(deadly.killed and (deadly.left == 0 or told == b"EIO\n"), f"{deadly.left} of {times} have not died")
        want(result.stdout == told, f"{times} daemons died of it: {result}")
    return check


def links(context):
    """What a copy is asked for by: on Google's service the source's name comes first."""
    what = ("COPY", "a") if context.store.root == "/cloud/gs" else ("PUT", "b")
    dies("link", *what, "ln $D/a $D/b", there=["a", "b"])(context)


JOINED = " && test $D/a -ef $D/b && echo more >>$D/a && cmp $D/a $D/b && grep -q more $D/b"


def joined(name, before, link):
    """The next one makes them one file, whoever has stored the first: what is written by one name is there by the other."""
    def check(context):
        what = ("COPY", "a") if context.store.root == "/cloud/gs" else ("PUT", "b")
        dies(name, *what, f"{before} && {link}{JOINED}", there=["a", "b"])(context)
    return check


BY_DESCRIPTOR = "python3 -c 'import os, sys; f = os.open(sys.argv[1], os.O_RDWR); os.link(f\"/proc/self/fd/{f}\", sys.argv[2], src_dir_fd=f)' $D/a $D/b"


def taken(same_size):
    """Somebody else has replaced it meanwhile: that is not our link."""
    theirs = b"theirs:\n" if same_size else b"theirs, and longer\n"

    def check(context):
        bucket, prefix = context.bucket + context.world.CHANGING, f"resent-taken-{same_size}"
        context.store.put(bucket, f"{prefix}/a", b"content\n")
        start = context.store.request_line("PUT", bucket, f"{prefix}/b")

        def replace():
            context.store.put(bucket, f"{prefix}/b", theirs)
            deadly.kill()
        deadly = Deadly(context, context.store, start.encode(), replace)
        try:
            result = context.run([context.skyshim, "run", "sh", "-c", "echo more >>$D/a; ln $D/a $D/b; echo $?; echo again >>$D/a; cat $D/b"],
                                 env={"D": f"{context.cloud}{context.world.CHANGING}/{prefix}", **context.store.environment(deadly.netloc)})
        finally:
            deadly.close()
        want(deadly.killed, "no such request was made")
        want(result.stdout == b"1\n" + theirs and b"File exists" in result.stderr, f"it was said to be a link: {result}")
        want(context.store.get(bucket, f"{prefix}/b") == theirs, "theirs is gone")
        want(context.store.get(bucket, f"{prefix}/a") == b"content\nmore\nagain\n", "ours is gone")
    return check


def meets(name, what, key, command, meanwhile, said):
    """What the next one meets is somebody else's: it is told as such. meanwhile: what he does just before the first one dies."""
    def check(context):
        bucket, prefix = context.bucket + context.world.CHANGING, f"resent-{name}"
        context.store.put(bucket, f"{prefix}/a", b"content\n")
        context.store.put(bucket, f"{prefix}/keep")
        start = context.store.request_line(what, bucket, f"{prefix}/{key}")

        def instead():
            meanwhile(context.store, f"/{bucket}/{prefix}")
            deadly.kill()
        deadly = Deadly(context, context.store, start.encode(), instead)
        try:
            result = context.run([context.skyshim, "run", "sh", "-c", command],
                                 env={"D": f"{context.cloud}{context.world.CHANGING}/{prefix}", **context.store.environment(deadly.netloc)})
        finally:
            deadly.close()
        want(deadly.killed, "no such request was made")
        want(result.status == 1 and said in result.stderr, f"it was told as its own: {result}")
    return check


def puts(key, data):
    return lambda store, folder: store.put(folder.split("/")[1], f"{folder.split('/')[2]}/{key}", data)


def deletes(key):
    return lambda store, folder: store.expect("DELETE", f"{folder}/{key}")


def made_again(context):
    """What somebody else has stored under the name after the deletion is not deleted."""
    bucket, prefix = context.bucket + context.world.CHANGING, "resent-made-again"
    context.store.put(bucket, f"{prefix}/a", b"content\n")
    context.store.put(bucket, f"{prefix}/keep")

    def instead():
        context.store.put(bucket, f"{prefix}/a", b"theirs\n")
        deadly.kill()
    deadly = Deadly(context, context.store, context.store.request_line("DELETE", bucket, f"{prefix}/a").encode(), instead)
    env = {"D": f"{context.cloud}{context.world.CHANGING}/{prefix}", **context.store.environment(deadly.netloc)}
    try:
        result = context.run([context.skyshim, "run", "python3", "-c", 'import os; os.unlink(os.environ["D"] + "/a"); print(open(os.environ["D"] + "/a").read())'], env=env)
    finally:
        deadly.close()
    want(deadly.killed, "no such request was made")
    want(sorted(keys_below(context, prefix + "/")) == [f"{prefix}/a", f"{prefix}/keep"], f"theirs is gone: {result}")
    want(result.status == 0 and result.stdout == b"theirs\n\n", f"it was carried out: {result}")


NO_REPLACE = ("python3 -c 'import ctypes, os, sys; a, b = (os.fsencode(n) for n in sys.argv[1:]); "
              "c = ctypes.CDLL(None, use_errno=True); sys.exit(c.renameat2(-100, a, -100, b, 1) and os.strerror(ctypes.get_errno()))' $D/a $D/b")


ONTO = """
import os
there = os.environ["D"]
print(sorted(os.listdir(there + "/a")), sorted(os.listdir(there + "/h")))
try:
    os.rename(there + "/h", there + "/a")
    print("renamed")
except OSError as e:
    print("refused")
"""


class Looked(Deadly):
    """Deadly when it is looked whether the directory a has anything."""

    def __init__(self, context):
        super().__init__(context, context.store, b"GET")

    def request(self, data, link):
        line = data.split(b"\r\n", 1)[0]
        link.doomed = getattr(link, "doomed", False) or (b"max-keys=2" in line and b"a%2F" in line and not self.killed)


def not_merged(context):
    """The daemon dies before it knows that the new name is a directory with something in it."""
    bucket, prefix = context.bucket + context.world.CHANGING, "resent-not-merged"
    there = {f"{prefix}/{key}": f"{key}\n".encode() for key in ("h/x", "h/z", "a/y", "a/z", "keep")}
    for key, data in there.items():
        context.store.put(bucket, key, data)
    deadly = Looked(context)
    env = {"D": f"{context.cloud}{context.world.CHANGING}/{prefix}", **context.store.environment(deadly.netloc)}
    try:
        result = context.run([context.skyshim, "run", "python3", "-c", ONTO], env=env)
        left = context.run([context.skyshim, "recover"], env=env)
    finally:
        deadly.close()
    want(deadly.killed, "nobody has looked")
    want(result.stdout.endswith(b"refused\n"), f"one was renamed onto the other: {result}")
    now = {key: context.store.get(bucket, key) for key in keys_below(context, prefix + "/")}
    want(now == there, f"something was changed: {now}")
    want(not any(os.scandir(f"{context.folder}/cache/moves")), f"it is still to be done: {left}")


def of_earlier_version(context):
    """A journal without the record that the new name was free, but with a copy: what else is there is not mixed with it."""
    bucket, prefix = context.bucket + context.world.CHANGING, "resent-of-earlier"
    for key in ("h/x", "h/z", "keep"):
        context.store.put(bucket, f"{prefix}/{key}", f"{key}\n".encode())

    def instead():
        deadly.kill()
        folder = f"{context.folder}/cache/moves"
        for name in os.listdir(folder):
            with open(f"{folder}/{name}", "r+b") as journal:
                text = journal.read()
                found.append(b"F\0\0\0" in text)
                journal.seek(0)
                journal.truncate()
                # the copy as noted, which it may have been before the daemon was killed or not
                head = text.replace(b"F\0\0\0", b"").split(b"C" + prefix.encode())[0]
                journal.write(head + b"C" + f"{prefix}/h/none\0".encode() + b'"1"\0"2"\0')
        context.store.put(bucket, f"{prefix}/a/y", b"theirs\n")
        context.store.put(bucket, f"{prefix}/a/z", b"a/z\n")
    found = []
    deadly = Deadly(context, context.store, context.store.request_line("PUT", bucket, f"{prefix}/a/x").encode(), instead)
    env = {"D": f"{context.cloud}{context.world.CHANGING}/{prefix}", **context.store.environment(deadly.netloc)}
    try:
        result = context.run([context.skyshim, "run", "python3", "-c", 'import os; os.rename(os.environ["D"] + "/h", os.environ["D"] + "/a")'], env=env)
        left = context.run([context.skyshim, "recover"], env=env)
    finally:
        deadly.close()
    want(found == [True], f"the journal was to say that the new name is free: {found}")
    want(result.status == 1, f"one was renamed onto the other: {result}")
    want(f"{prefix}/a/".encode() in left.stdout, f"nobody is told: {left}")
    for key, data in (("h/x", b"h/x\n"), ("h/z", b"h/z\n"), ("a/y", b"theirs\n"), ("a/z", b"a/z\n")):
        want(context.store.get(bucket, f"{prefix}/{key}") == data, f"{key} is gone or replaced")


TIME_NS = 1_500_000_000_123_456_789
WRITES = f"""
import errno, os, sys
fd = os.open(os.environ["D"] + "/f", os.O_RDWR | os.O_CREAT)
for _ in range(int(sys.argv[1])):
    os.write(fd, b"ours\\n" * (1 << 20))
os.utime(fd, ns=({TIME_NS}, {TIME_NS}))
try:
    os.close(fd)
    print("stored")
except OSError as e:
    print(errno.errorcode[e.errno])
"""


def replaced(name, fives, start, is_new=False):
    """An upload whose answer is lost, and before it is sent again somebody else's is there, of the same size and with the
    same time: what he has stored stays. start: how the request begins that stores ours."""
    def check(context):
        bucket, prefix = context.bucket + context.world.CHANGING, f"resent-{name}"
        bytes_there = 5 * fives << 20
        if not is_new:
            context.store.put(bucket, f"{prefix}/f", b"older" * (fives << 20))
        context.store.put(bucket, f"{prefix}/keep")

        def replace():
            context.store.put(bucket, f"{prefix}/f", b"their" * (fives << 20),
                              {"mode": str(0o100644), "mtime": f"{TIME_NS // 10**9}.{TIME_NS % 10**9:09}"})
        relay = Deadly(context, context.store, start(context.store, bucket, f"{prefix}/f").encode(), replace)
        env = {"D": f"{context.cloud}{context.world.CHANGING}/{prefix}", **context.store.environment(relay.netloc)}
        try:
            result = context.run([context.skyshim, "run", "python3", "-c", WRITES, str(fives)], env=env, timeout=100)
        finally:
            relay.close()
        want(relay.killed, "no such request was made")
        there = context.store.get(bucket, f"{prefix}/f")
        want(there[:5] == b"their" and len(there) == bytes_there, f"theirs is gone: {there[:5]!r}, {len(there)} bytes; {result}")
        # a completion that is asked for again succeeds again, as the first did: ours was stored, and then replaced. That is found out only
        # if parts went before the file's time was known, so that it is set afterwards.
        if start == by_completion and result.stdout == b"stored\n":
            return
        want(result.stdout == b"ESTALE\n", f"nobody was told: {result}")
        left = context.run([context.skyshim, "recover"], env=context.store.environment())
        want(f"{prefix}/f".encode() in left.stdout, f"ours is not kept: {left}")
    return check


def by_put(store, bucket, key):
    return store.request_line("PUT", bucket, key)


def by_completion(store, bucket, key):
    return f"POST {store.base}/{bucket}/{key}?uploadId="


CLONES = """
import errno, fcntl, os, resource, sys
source = os.open(os.environ["D"] + "/a", os.O_RDONLY)
name = os.environ["D"] + "/b"
there = os.path.exists(name)  # its version, which is to be there still when it is stored
target = os.open(name, os.O_RDWR | (os.O_TRUNC if there else os.O_CREAT), 0o644)
free = int(sys.argv[1])
if free >= 0:
    resource.setrlimit(resource.RLIMIT_NOFILE, (60, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    taken = []
    try:
        while True:
            taken.append(os.open("/dev/null", os.O_RDONLY))
    except OSError:
        pass
    for fd in taken[-free:] if free else []:
        os.close(fd)
FICLONE = 0x40049409
try:
    fcntl.ioctl(target, FICLONE, source)
    print("cloned", flush=True)
except OSError as e:
    print(errno.errorcode[e.errno], flush=True)
os.write(target, b"mine, and longer\\n")
try:
    os.close(target)
    print("stored", flush=True)
except OSError as e:
    print(errno.errorcode[e.errno], flush=True)
"""


def cloned(existed):
    """The copy was made, and nobody heard of it: the program copies byte by byte, into the file that it has."""
    def check(context):
        bucket, prefix = context.bucket + context.world.CHANGING, f"resent-clone-{existed}"
        context.store.put(bucket, f"{prefix}/a", b"content\n")
        context.store.put(bucket, f"{prefix}/keep")
        if existed:
            context.store.put(bucket, f"{prefix}/b", b"before\n")
        what, key = ("COPY", "a") if context.store.root == "/cloud/gs" else ("PUT", "b")
        deadly = Deadly(context, context.store, context.store.request_line(what, bucket, f"{prefix}/{key}").encode())
        env = {"D": f"{context.cloud}{context.world.CHANGING}/{prefix}", **context.store.environment(deadly.netloc)}
        try:
            result = context.run([context.skyshim, "run", "python3", "-c", CLONES, "-1"], env=env)
        finally:
            deadly.close()
        want(deadly.killed, "no such request was made")
        want(result.stdout == b"ENOTSUP\nstored\n", f"not as if it had not begun: {result}")
        there = context.store.get(bucket, f"{prefix}/b")
        want(there == b"mine, and longer\n", f"what the program wrote is not there: {there}")
    return check


def clone_without_descriptors(context):
    """The answer brings three descriptors, for which the program's limit has no room: what it writes is not lost."""
    bucket, prefix = context.bucket + context.world.CHANGING, "resent-clone-full"
    context.store.put(bucket, f"{prefix}/a", b"content\n")
    context.store.put(bucket, f"{prefix}/keep")
    env = {"D": f"{context.cloud}{context.world.CHANGING}/{prefix}", **context.store.environment()}
    for free in range(5):
        result = context.run([context.skyshim, "run", "python3", "-c", CLONES, str(free)], env=env)
        want(result.stdout in (b"cloned\nstored\n", b"ENOTSUP\nstored\n"), f"{free} free: {result}")
        there = context.store.get(bucket, f"{prefix}/b")
        want(there == b"mine, and longer\n", f"{free} free: what the program wrote is not there: {there}; {result}")
        context.store.put(bucket, f"{prefix}/b", b"other\n")


def recovered(context):
    """`skyshim recover retry`, under which the daemon dies once the store has the file: the next one is asked. Not so with
    --force, which goes over what anybody may have stored since: then a line says what has happened."""
    with Faulty(context) as faulty:
        deadly = Deadly(context, faulty.store, b"PUT /faulty/w/", times=0)
        env = faulty.store.environment(deadly.netloc)
        try:
            for key, options in (("f", []), ("g", ["--force"])):
                faulty.fault("denied,verb=PutObject")
                want(faulty.run(f"echo {key} >$D/{key}", **env).status, "it was not denied")
                number = faulty.kept(f"w/{key}", "Permission denied", **env)
                faulty.fault()
                deadly.left, deadly.killed = 1, False
                result = faulty.recover("retry", *options, number, **env)
                want(deadly.killed, "no such request was made")
                want(faulty.store.get("faulty", f"w/{key}") == b"%s\n" % key.encode(), "other bytes")
                if options:
                    want(result.status == 1 and len(our_lines(result)) == 1 and "died" in our_lines(result)[0], f"{result}")
                else:
                    want(result.status == 0 and not result.stderr, f"{result}")
                    want(faulty.left(**env) == [], "it is left")
        finally:
            deadly.close()


CASES = [
    Case("resent/recover", check=recovered, s3_only=True, embedded_only=True),
    Case("resent/clone", check=cloned(False)),
    Case("resent/clone-over", check=cloned(True)),
    Case("resent/clone-without-descriptors", check=clone_without_descriptors),
    Case("resent/unlink", check=dies("unlink", "DELETE", "a", "rm $D/a", there=[])),
    Case("resent/rename", check=dies("rename", "DELETE", "a", "mv $D/a $D/b", there=["b"])),
    Case("resent/mkdir", check=dies("mkdir", "PUT", "new/", "mkdir $D/new", there=["a", "new/"])),
    Case("resent/rename-new", s3_only=True, check=dies("rename-new", "PUT", "b", NO_REPLACE, there=["b"])),
    Case("resent/rename-new-taken", s3_only=True, embedded_only=True,
         check=meets("rename-new-taken", "PUT", "b", NO_REPLACE, puts("b", b"theirs\n"), b"File exists")),
    Case("resent/rename-gone", s3_only=True, embedded_only=True,
         check=meets("rename-gone", "HEAD", "a", "mv $D/a $D/b", deletes("a"), b"No such file")),
    Case("resent/unlink-gone", s3_only=True, embedded_only=True,
         check=meets("unlink-gone", "HEAD", "a", "python3 -c 'import os; os.unlink(os.environ[\"D\"] + \"/a\")'", deletes("a"), b"No such file")),
    Case("resent/unlink-made-again", check=made_again, s3_only=True, embedded_only=True),
    Case("resent/symlink", check=dies("symlink", "PUT", "new", "ln -s a $D/new", there=["a", "new"])),
    Case("resent/symlink-taken", s3_only=True, embedded_only=True,
         check=meets("symlink-taken", "PUT", "new", "ln -s a $D/new", puts("new", b"a"), b"File exists")),
    Case("resent/mkdir-taken", s3_only=True, embedded_only=True,
         check=meets("mkdir-taken", "PUT", "new/", "mkdir $D/new", puts("new/", b""), b"File exists")),
    Case("resent/mkdir-followed", s3_only=True,
         check=dies("mkdir-followed", "PUT", "sub/new/", "mkdir $D/sub && ln -s sub $D/l && mkdir $D/l/new", there=["a", "l", "sub/", "sub/new/"])),
    Case("resent/unlink-followed", s3_only=True,
         check=dies("unlink-followed", "DELETE", "sub/f", "mkdir $D/sub && echo x >$D/sub/f && ln -s sub $D/l && rm $D/l/f", there=["a", "l", "sub/"])),
    Case("resent/rmdir", s3_only=True, check=dies("rmdir", "DELETE", "new/", "mkdir $D/new && rmdir $D/new", there=["a"])),
    Case("resent/two-die", s3_only=True, check=die(2, b"8\n")),
    Case("resent/three-die", s3_only=True, check=die(3, b"8\n")),
    Case("resent/all-die", s3_only=True, check=die(100, b"EIO\n")),
    Case("resent/link", check=links),
    Case("resent/link-joined", check=joined("link-joined", "true", "ln $D/a $D/b")),
    Case("resent/link-written", check=joined("link-written", "echo mine >>$D/a", "ln $D/a $D/b")),
    Case("resent/link-mode", check=joined("link-mode", "echo mine >>$D/a && chmod 640 $D/a", "ln $D/a $D/b")),
    Case("resent/link-descriptor", check=joined("link-descriptor", "true", BY_DESCRIPTOR)),
    Case("resent/link-taken", check=taken(False), s3_only=True, embedded_only=True),
    Case("resent/link-taken-same-size", check=taken(True), s3_only=True, embedded_only=True),
    Case("resent/close", check=dies("close", "PUT", "new", "echo content >$D/new", there=["a", "new"])),
    Case("resent/close-parts", s3_only=True, embedded_only=True,
         check=dies("close-parts", "POST", "new?uploadId=", "head -c 20000000 /dev/zero >$D/new", there=["a", "new"])),
    Case("resent/not-merged", check=not_merged, s3_only=True, embedded_only=True),
    Case("resent/of-earlier-version", check=of_earlier_version, s3_only=True, embedded_only=True),
    Case("resent/replaced", check=replaced("replaced", 1, by_put)),
    Case("resent/replaced-new", check=replaced("replaced-new", 1, by_put, is_new=True)),
    Case("resent/replaced-parts", check=replaced("replaced-parts", 4, by_completion), s3_only=True, embedded_only=True),
]
