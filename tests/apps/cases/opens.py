# SPDX-License-Identifier: Apache-2.0
"""What the cache has whole is opened without the daemon, and is never what it should not be."""
import json
import os
import subprocess
import time

from case import Case, want
from cases.budget import Counted
from cases.warm import LONG, spoil

FILES = 200


def opens(context, *options, env=None):
    """(asked of the daemon, not asked)"""
    said = context.run([context.skyshim, "stats", "--json", *options], env=env)
    want(said.status == 0, said)
    said = json.loads(said.stdout)
    one = said["total" if "total" in said else "job"]["programs"].get("open", {})
    return one.get("served", 0), one.get("unasked", 0), said


def python(counted, script, *, wait=None, **env):
    """The output of a script that has `D`, and is asked to go on by a line, after wait()."""
    context = counted.context
    process = subprocess.Popen([context.skyshim, "run", "python3", "-c", script],
                               env=context.environment({**counted.store.environment(), "D": counted.folder, **env}),
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    first = b""
    if wait:
        first = process.stdout.readline()
        wait()
    out, err = process.communicate(b"on\n", timeout=100)
    want(process.returncode == 0, f"{process.returncode}: {err!r} after {first + out!r}")
    return (first + out).decode()


def walk_needs_nobody(context):
    """A walk over files that were read before asks for the directories only, and is counted."""
    with Counted(context) as counted:
        for i in range(FILES):
            counted.store.put("budget", f"d/f{i:03}", b"words %d\n" % i * 1000)
        for _ in range(2):
            counted.run("grep -rc words $D/d | wc -l", **LONG)
        before = opens(context)
        result = counted.run("exec grep -rc words $D/d", **LONG)
        want(result.stdout.count(b":1000\n") == FILES, f"{result.stdout[:300]!r}")
        asked, unasked, said = (now - then if isinstance(now, int) else now for now, then in zip(opens(context), before))
        want(asked <= 12 + FILES // 20 and unasked >= FILES * 19 // 20, f"{asked} were asked for, {unasked} were not")
        job = [one["id"] for one in said["jobs"] if one["command"].startswith("sh -c exec grep -rc")][-1]
        of_job = json.loads(context.run([context.skyshim, "stats", "--json", f"--job={job}"]).stdout)
        want(f'"unasked": {unasked}' in json.dumps(of_job), f"{unasked} of job {job}: {json.dumps(of_job)[:2000]}")
        want(0 < said["total"]["hit_rate_names"] < 1, said["total"]["hit_rate_names"])
        cost = counted.cost("grep -rc words $D/d", **LONG)
        want(not cost, f"requests: {cost}")


LOOK = r"""
import array, errno, fcntl, mmap, os, resource, socket, subprocess, sys, threading
path = os.environ["D"] + "/d/file"
for _ in range(3):
    os.close(os.open(path, os.O_RDONLY))
one = os.open("/dev/null", os.O_RDONLY)
two = os.open("/dev/null", os.O_RDONLY)
os.close(one)
fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
print("lowest", fd == one, "inheritable", os.get_inheritable(fd))
print("flags", oct(fcntl.fcntl(fd, fcntl.F_GETFL) & (os.O_ACCMODE | os.O_NONBLOCK | os.O_APPEND)), fcntl.fcntl(fd, fcntl.F_GETFD))
for extra in (os.O_NONBLOCK, os.O_NOCTTY, os.O_DIRECTORY, os.O_APPEND, os.O_SYNC, os.O_NOATIME):
    try:
        other = os.open(path, os.O_RDONLY | extra)
        print(oct(extra), oct(fcntl.fcntl(other, fcntl.F_GETFL) & (os.O_NONBLOCK | os.O_APPEND)))
        os.close(other)
    except OSError as e:
        print(oct(extra), errno.errorcode[e.errno])
st, by_name = os.fstat(fd), os.stat(path)
print("stat", st.st_size, oct(st.st_mode), st.st_nlink, st.st_ino == by_name.st_ino, st.st_mtime_ns == by_name.st_mtime_ns)
print("name", os.readlink(f"/proc/self/fd/{fd}") == path)
print("read", os.read(fd, 7), os.pread(fd, 5, 100), os.lseek(fd, 0, os.SEEK_CUR), os.lseek(fd, 0, os.SEEK_END))
with mmap.mmap(fd, 0, prot=mmap.PROT_READ) as m:
    print("mmap", m[:10], len(m))
for attempt in (lambda: os.write(fd, b"x"), lambda: os.ftruncate(fd, 0), lambda: mmap.mmap(fd, 0, prot=mmap.PROT_WRITE)):
    try:
        print("done", attempt())
    except (OSError, PermissionError) as e:
        print(errno.errorcode[e.errno])
os.set_inheritable(fd, True)
os.lseek(fd, 10, os.SEEK_SET)
print(subprocess.run(["head", "-c", "6"], stdin=fd, stdout=subprocess.PIPE).stdout)
print(subprocess.run(["sh", "-c", f"head -c 3 <&{fd}"], close_fds=False, stdout=subprocess.PIPE).stdout)
os.set_inheritable(fd, False)
print(subprocess.run(["sh", "-c", f"head -c 3 <&{fd}"], close_fds=False, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout)
if os.fork() == 0:
    again = os.open(path, os.O_RDONLY)
    os._exit(0 if os.pread(again, 7, 0) == b"words 0" and os.pread(fd, 7, 0) == b"words 0" else 1)
print("child", os.wait()[1])
a, b = socket.socketpair()
socket.send_fds(a, [b"x"], [fd])
got = socket.recv_fds(b, 1, 1)[1][0]
print("sent", os.pread(got, 7, 0), os.fstat(got).st_size)
def many(found):
    for _ in range(200):
        f = os.open(path, os.O_RDONLY)
        found.append(os.pread(f, 7, 0))
        os.close(f)
found = []
threads = [threading.Thread(target=many, args=(found,)) for _ in range(4)]
for t in threads:
    t.start()
for t in threads:
    t.join()
print("threads", len(found), set(found))
resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))
held = []
try:
    while True:
        held.append(os.open(path, os.O_RDONLY))
except OSError as e:
    print("full", errno.errorcode[e.errno], max(held))
"""


def is_a_file(context):
    """A descriptor that was not asked for is one like any other."""
    with Counted(context) as counted:
        content = b"".join(b"words %d\n" % i for i in range(4000))
        counted.store.put("budget", "d/file", content)
        local = os.path.join(context.work, "local")
        os.makedirs(local + "/d")
        with open(local + "/d/file", "wb") as out:
            out.write(content)
        os.chmod(local + "/d/file", 0o644)
        native = context.run(["python3", "-c", LOOK], env={"D": local})
        want(native.status == 0, native)
        counted.run("cat $D/d/file >/dev/null", **LONG)
        before = opens(context)[1]
        cloud = python(counted, LOOK, **LONG)
        want(cloud == native.stdout.decode(), f"{cloud}\nand natively\n{native.stdout.decode()}")
        want(opens(context)[1] - before > 500, f"all but {opens(context)[1] - before} were asked for")


CHANGES = r"""
import os, subprocess
D = os.environ["D"]
def read(name):
    try:
        fd = os.open(f"{D}/{name}", os.O_RDONLY)
    except OSError as e:
        return e.errno
    try:
        st, by_name = os.fstat(fd), os.stat(f"{D}/{name}")
        same = (st.st_ino, st.st_size, st.st_mtime_ns) == (by_name.st_ino, by_name.st_size, by_name.st_mtime_ns)
        return os.read(fd, 100), oct(st.st_mode), st.st_size, same
    finally:
        os.close(fd)
def show(what, *names):
    for _ in range(3):
        print(what, *(read(n) for n in names))
def sh(command):
    subprocess.run(["sh", "-c", command], check=True)
show("first", "a", "b", "d/c")
old = os.open(f"{D}/a", os.O_RDONLY)
sh("echo written >$D/a"); show("written", "a")
sh("echo more >>$D/a"); show("appended", "a")
sh("mv $D/b $D/a"); show("replaced", "a", "b")
sh("mv $D/d $D/e"); show("moved", "d/c", "e/c")
sh("ln $D/e/c $D/link && echo linked >$D/link"); show("linked", "e/c", "link")
sh("rm $D/e/c $D/link"); show("removed", "e/c", "link")
sh("chmod 600 $D/a"); print(oct(os.stat(f"{D}/a").st_mode)); show("mode", "a")
sh("ln -s a $D/s"); show("through", "s", "a")
sh("rm $D/a && ln -s s2 $D/a && echo target >$D/s2"); show("a link now", "a", "s")
writer = os.open(f"{D}/w", os.O_RDWR | os.O_CREAT, 0o644)
os.write(writer, b"one"); show("being written", "w")
os.pwrite(writer, b"two", 0); show("being written", "w")
os.close(writer); show("closed", "w")
sh("dd if=/dev/zero of=$D/w bs=1 count=1 seek=1 conv=notrunc 2>/dev/null"); show("in place", "w")
sh("truncate -s 2 $D/w"); show("cut", "w")
print(os.read(old, 100))
"""


def changed_here(context):
    """What any process of this user changes, every next open sees."""
    def fill(put):
        for name in ("a", "b", "d/c"):
            put(name, b"old " + name.encode() + b"\n")

    def put_local(name, data):
        os.makedirs(os.path.dirname(f"{local}/{name}"), exist_ok=True)
        with open(f"{local}/{name}", "wb") as out:
            out.write(data)

    with Counted(context) as counted:
        local = os.path.join(context.work, "changed")
        fill(put_local)
        native = context.run(["python3", "-c", CHANGES], env={"D": local})
        want(native.status == 0, native)
        for how in ("close", "exit"):
            fill(lambda name, data: counted.store.put("budget", name, data))
            time.sleep(1.1)
            env = {**LONG, "SKYSHIM_DURABILITY": how}
            cloud = python(counted, CHANGES, **env)
            want(cloud == native.stdout.decode(), f"{how}: {cloud}\nand natively\n{native.stdout.decode()}")
            counted.run("rm -rf $D/*", **env)
            context.run([context.skyshim, "stop"])


TWICE = r"""
import os, sys
path = os.environ["D"] + "/file"
def read():
    with open(path, "rb") as f:
        return f.read(100)
for _ in range(3):
    said = read()
print(said, flush=True)
sys.stdin.readline()
print(*(read() for _ in range(3)))
"""


def not_beyond_its_time(context):
    """What another machine has stored is opened when the time to live is over, by who has opened the old one."""
    with Counted(context) as counted:
        counted.store.put("budget", "file", b"old")
        said = python(counted, TWICE, wait=lambda: (counted.store.put("budget", "file", b"newer"), time.sleep(1.1)))
        want(said == "b'old'\nb'newer' b'newer' b'newer'\n", said)
        said = python(counted, TWICE, wait=lambda: (counted.store.delete("budget", "file"), counted.store.put("budget", "file", b"last"),
                                                     time.sleep(1.1)))
        want(said == "b'newer'\nb'last' b'last' b'last'\n", said)


def survives(what, **env):
    """While a program runs: what it opens afterwards is right."""
    def check(context):
        with Counted(context) as counted:
            counted.store.put("budget", "file", b"old")
            said = python(counted, TWICE, wait=lambda: what(context, counted), **LONG, **env)
            want(said == "b'old'\nb'old' b'old' b'old'\n", said)
    return check


def kill(context, counted):
    for pid in context.daemons():
        os.kill(pid, 9)


def kill_and_start(context, counted):
    kill(context, counted)
    counted.run("cat $D/file", **LONG)


def remove_files(context, counted):
    folder = os.path.join(context.folder, "cache", "files")
    for name in os.listdir(folder):
        os.remove(os.path.join(folder, name))


def evict_all(context, counted):
    """The cache is small, and others read more than it holds."""
    for i in range(8):
        counted.store.put("budget", f"large{i}", bytes(4 << 20))
    counted.run("cat $D/large* >/dev/null", SKYSHIM_CACHE_SIZE="16M", **LONG)


def spoil_table(kind):
    """The daemon goes on, whatever it is."""
    def do(context, counted):
        before = context.daemons()
        spoil(kind)(os.path.join(context.folder, "cache", "opens"))
        time.sleep(1.2)
        counted.run("cat $D/file; cat $D/file", **LONG)
        want(context.daemons() == before, "the daemon died")
    return do


LEASES = r"""
import errno, fcntl, os, signal, subprocess
path = os.environ["D"] + "/file"
signals = []
signal.signal(signal.SIGIO, lambda *_: signals.append(1))
for _ in range(3):
    os.close(os.open(path, os.O_RDONLY))
fd = os.open(path, os.O_RDONLY)
for kind in (fcntl.F_RDLCK, fcntl.F_WRLCK, fcntl.F_UNLCK):
    try:
        print("given", fcntl.fcntl(fd, fcntl.F_SETLEASE, kind))
    except OSError as e:
        print(errno.errorcode[e.errno])
print("held", fcntl.fcntl(fd, fcntl.F_GETLEASE) != fcntl.F_UNLCK)
for _ in range(200):
    os.close(os.open(path, os.O_RDONLY))
print(subprocess.run(["sh", "-c", "echo more >>$D/file; cat $D/file"], stdout=subprocess.PIPE).stdout)
print("signals", len(signals))
"""


def no_leases(context):
    """A program that asks for a lease gets none, or the daemon would have to wait for it; and no signals of the daemon's."""
    with Counted(context) as counted:
        counted.store.put("budget", "file", b"words\n")
        said = python(counted, LEASES, **LONG)
        want(said == "EAGAIN\nEAGAIN\nEAGAIN\nheld False\nb'words\\nmore\\n'\nsignals 0\n", said)


SOAK = r"""
import os, random, sys
D = os.environ["D"]
random.seed(int(sys.argv[1]))
for _ in range(250):
    i = random.randrange(24)
    with open(f"{D}/f{i}", "rb", buffering=0) as f:
        data = b"".join(iter(lambda: f.read(1 << 20), b""))
    if data != b"%08d" % i * (1 << 17):
        sys.exit(f"f{i} has {len(data)} bytes: {data[:16]}, {data[-16:]}")
"""


def right_while_evicted(context):
    """Files come and go, under programs that open them."""
    with Counted(context) as counted:
        for i in range(24):
            counted.store.put("budget", f"f{i}", b"%08d" % i * (1 << 17))
        env = {**LONG, "SKYSHIM_CACHE_SIZE": "16M", "SOAK": SOAK}
        counted.run("true", **env)
        daemons = context.daemons()
        evicted, unasked = 0, 0
        for first in range(0, 90, 3):  # room is looked after once a second: they may be done before that
            counted.run(f'for i in {first} {first + 1} {first + 2}; do python3 -c "$SOAK" $i & all="$all $!"; done; '
                        "for p in $all; do wait $p || exit 1; done", **env)
            _, unasked, said = opens(context)
            evicted = said["cache_bytes_evicted"]
            if evicted > 16 << 20 and unasked > 20:
                break
        want(context.daemons() == daemons, f"another daemon came: {daemons}, {context.daemons()}")
        want(evicted > 0 and unasked > 20, f"{evicted} bytes were evicted, {unasked} were not asked for")


def other_credentials(context):
    """What one set of credentials may open, another may not."""
    for _ in range(3):
        first = context.run_cloud(["cat", "{D}/text/file00.txt"], env=LONG)
        want(first.status == 0, str(first))
    second = context.run_cloud(["cat", "{D}/text/file00.txt"], env={**LONG, "AWS_SECRET_ACCESS_KEY": "wrong"})
    want(second.status == 1 and b"Permission denied" in second.stderr and not second.stdout, str(second))


CASES = [
    Case("opens/walk-needs-nobody", check=walk_needs_nobody, timeout=100),
    Case("opens/is-a-file", check=is_a_file, timeout=100),
    Case("opens/changed-here", check=changed_here, timeout=150),
    Case("opens/no-leases", check=no_leases, timeout=100),
    Case("opens/not-beyond-its-time", check=not_beyond_its_time),
    Case("opens/daemon-killed", check=survives(kill)),
    Case("opens/daemon-killed-and-back", check=survives(kill_and_start)),
    Case("opens/files-removed", check=survives(remove_files)),
    Case("opens/evicted", check=survives(evict_all, SKYSHIM_CACHE_SIZE="16M"), timeout=100),
    *(Case(f"opens/table-{kind}", check=survives(spoil_table(kind)))
      for kind in ("gone", "short", "zeroes", "noise", "cut", "folder", "fifo", "link")),
    Case("opens/right-while-evicted", check=right_while_evicted, timeout=150),
    Case("opens/other-credentials", check=other_credentials),
]
for case in CASES:
    case.embedded_only = True
