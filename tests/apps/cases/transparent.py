# SPDX-License-Identifier: Apache-2.0
"""What tells an intercepted program from another, found by other people's suites (scripts/transparency): each a session
that natively, on local files, says the same."""
import os
import shutil
import subprocess

from case import Case, want

ROOT = os.geteuid() == 0
FAMILIES = ("altstack apart argv brk clone3 closing code core daemon events exits inherit landlock layout limits memory namespaces "
            "near nested others pipes polls posixaio rights robust rseq send spawn timers tls traps userfault views waiting "
            "waits").split()
AT_START = "argv brk clone3 code daemon inherit layout limits near rseq tls views".split()


def allowed(*command):
    """Whether this machine lets us: containers often forbid namespaces."""
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def traced(context):
    """strace -f ends with the program, not with the daemon that was started for it, by `run` or by the program."""
    result = context.run(["strace", "-f", "-o", "trace", context.skyshim, "run", "sh", "-c", "echo said; exit 3"], timeout=30)
    want(result.status == 3 and result.stdout == b"said\n", f"the first: {result}")
    want(len(context.daemons()) == 1, f"daemons: {context.daemons()}")
    stop = [context.skyshim, "stop"]
    result = context.run(["strace", "-f", "-o", "trace", context.skyshim, "run", "sh", "-c", f"'{stop[0]}' stop; ls /cloud; exit 4"],
                         timeout=30)
    want(result.status == 4 and len(context.daemons()) == 1, f"the second: {result}, {context.daemons()}")


# What programs ask for below a cloud folder and do not get (docs/transparency.md): they poll then.
WATCHING = """
import ctypes, os, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
def said(result):
    return os.strerror(ctypes.get_errno()) if result < 0 else "watched"
path = sys.argv[1].encode()
print(said(libc.inotify_add_watch(libc.inotify_init1(0), path, 0x100)))
group = libc.fanotify_init(0x200, 0)  # FAN_REPORT_FID: what an ordinary user may
print(group >= 0 and said(libc.fanotify_mark(group, 1, ctypes.c_ulong(2), -100, path)))
print(open(path).read() if os.path.isfile(path) else len(os.listdir(path)))
"""


def no_watching(context):
    for name, rest in (("probe/small.txt", b"hello skyshim\n\n"), ("probe/dir", b"40\n")):
        result = context.run_cloud(["python3", "-c", WATCHING, "{D}/" + name])
        want(result.stdout.splitlines(True)[0] == b"No such file or directory\n", f"inotify: {result}")
        want(result.stdout.splitlines(True)[1] in (b"No such file or directory\n", b"False\n"), f"fanotify: {result}")
        want(result.stdout.endswith(rest), f"afterwards: {result}")


# Relative names of calls for which there is nothing in the clouds: not to be looked up in the folder that the kernel is still in.
# argv: a folder in which none of those names are, and the one that it starts in.
ELSEWHERE = """
import ctypes, errno, os, socket, sys
libc = ctypes.CDLL(None, use_errno=True)
def said(result):
    return errno.errorcode[ctypes.get_errno()] if result < 0 else 'done'
os.chdir(sys.argv[2])
os.mkdir('watched')
server = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
server.bind('a-socket')
back = os.path.relpath(sys.argv[2], sys.argv[1])
client = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
handle = ctypes.create_string_buffer(256)
mount = ctypes.c_int()
def handle_of(fd, name, flags=0):
    ctypes.memmove(handle, b'\\x80\\0\\0\\0', 4)
    return said(libc.name_to_handle_at(fd, name, handle, ctypes.byref(mount), flags))
def sent(how):
    try:
        return how() and server.recv(9)
    except OSError as e:
        return errno.errorcode[e.errno]
def send(name):
    return sent(lambda: client.sendto(b'text', name)), sent(lambda: client.sendmsg([b'te', b'xt'], [], 0, name))
def tell(where, *above):
    watch = libc.inotify_init1(0)
    print(where, 'watch', [said(libc.inotify_add_watch(watch, name.encode(), 0x100)) for name in ('watched', 'none', *(name + '/watched' for name in above))])
    print(where, 'bad watch', said(libc.inotify_add_watch(999, b'watched', 0x100)), said(libc.inotify_add_watch(watch, b'watched', 0)))
    print(where, 'send', send('a-socket'), send('none'), *(send(name + '/a-socket') for name in above))
    print(where, 'no handle', handle_of(-100, b'none'), handle_of(-100, b'none/x'))
tell('here')
os.chdir(sys.argv[1])
tell('there', back)
print('there', handle_of(-100, b'made'), handle_of(-100, b'made/in'), handle_of(os.open('made', os.O_RDONLY), b'in'),
      handle_of(os.open('made/in', os.O_RDONLY), b'', 0x1000), handle_of(-100, b'link', 0x400), handle_of(-100, b'dead'), handle_of(-100, b'dead', 0x400))
os.chdir(sys.argv[2])
os.remove('a-socket')
os.rmdir('watched')
"""


def not_looked_up_elsewhere(context):
    """As natively, but that files there have no handles."""
    local = os.path.join(context.folder, "elsewhere")
    there = os.path.join(local, "there")
    cloud = f"{context.cloud}{context.world.CHANGING}/elsewhere"
    os.makedirs(there)
    fill = "mkdir -p $W/made; echo x >$W/made/in; ln -s made $W/link; ln -s none $W/dead"
    native = context.run(["sh", "-c", fill + "; python3 -c \"$S\" $W $L"], env={"W": there, "L": local, "S": ELSEWHERE})
    ours = context.run([context.skyshim, "run", "sh", "-c", fill + "; python3 -c \"$S\" $W $L"], env={"W": cloud, "L": local, "S": ELSEWHERE})
    want(native.status == 0 and ours.status == 0, f"{native} {ours}")
    expected = native.stdout.decode().rsplit("there ", 1)[0] + "there " + "ENOTSUP " * 6 + "ENOENT\n"
    want(ours.stdout.decode() == expected, f"{ours.stdout.decode()} instead of {expected}")


# Calls by number, since the C library has none for most of them. argv: as above; "file", "sub" and "here" are in the local one.
NO_SUCH = """
import ctypes, errno, os, sys
libc = ctypes.CDLL(None, use_errno=True)
room = ctypes.create_string_buffer(64)
CALLS = {'setxattrat': (463, b'user.a', room, 16), 'getxattrat': (464, b'user.a', room, 16), 'listxattrat': (465, room, 64),
         'removexattrat': (466, b'user.a')}
def said(*arguments):
    result = libc.syscall(*arguments)
    return errno.errorcode[ctypes.get_errno()] if result < 0 else 'done'
def tell(fd, name, empty=0):
    answers = {said(number, fd, name, empty, *rest) for number, *rest in CALLS.values()}
    answers |= {said(number, fd, name, room, 24, empty) for number in (468, 469)}
    answers.add(said(428, fd, name, empty))  # open_tree
    return sorted(answers)
os.chdir(sys.argv[2])
local = os.open('file', os.O_RDONLY)
os.chdir(sys.argv[1])
print(tell(-100, b'file'), tell(-100, b'here'), tell(os.open('.', os.O_RDONLY), b'file'), tell(os.open('file', os.O_RDONLY), b'', 0x1000))
if sys.argv[1] != sys.argv[2]:
    print(said(161, b'sub'), said(161, b'made'), said(161, b'.'), os.path.exists(sys.argv[2]))  # chroot
    for name in (b'here', b'sub', b'made', sys.argv[1].encode() + b'/made', sys.argv[1].encode() + b'/none'):
        print(said(165, b'none', name, b'tmpfs', 0, 0), said(166, name, 0), said(155, name, name), said(155, b'/', name),
              said(163, name), said(167, name, 0), said(168, name), said(179, 0x80000700, name, 0, 0), said(442, -100, name, 0, 0, 0),
              said(433, -100, name, 0), said(431, -1, 3, b'key', name, -100))
        # mount, umount2, pivot_root, acct, swapon, swapoff, quotactl, mount_setattr, fspick, fsconfig
print(said(465, local, b'', 0x1000, None, 0), said(465, local, None, 0x1000, None, 0), said(428, local, b'', 0x1000))
os.chdir(sys.argv[2])
print(said(465, -100, b'file', 0, None, 0), said(428, -100, b'file', 0), said(428, -100, b'none', 0))
"""


def no_such(context):
    """Attributes by a directory's descriptor, mounts and roots are not those of the folder that the kernel is still in."""
    local = os.path.join(context.folder, "no-such")
    os.makedirs(local + "/sub")
    for name in ("file", "here"):
        with open(f"{local}/{name}", "xb"):
            pass
    cloud = f"{context.cloud}{context.world.CHANGING}/no-such"
    native = context.run(["python3", "-c", NO_SUCH, local, local]).stdout.splitlines()
    ours = context.run([context.skyshim, "run", "sh", "-c", "mkdir -p $W/made; echo x >$W/file; python3 -c \"$S\" $W $L"],
                       env={"W": cloud, "L": local, "S": NO_SUCH})
    lines = ours.stdout.splitlines()
    want(ours.status == 0 and len(lines) == 9, str(ours))
    want(lines[:2] == [b"['ENOTSUP'] ['ENOENT'] ['ENOTSUP'] ['ENOTSUP']", b"ENOENT EPERM EPERM True"], str(lines))
    refused = [b"ENOENT " * 11, b"ENOENT " * 11, b"EPERM " * 11, b"EPERM " * 11, b"ENOENT " * 11]
    want([line + b" " for line in lines[2:7]] == refused, f"mounts and roots: {lines[2:7]}")
    want(lines[7:] == native[1:], f"of a local file: {lines[7:]} instead of {native[1:]}")


AUXV = """
import ctypes, os, struct
libc = ctypes.CDLL(None)
libc.getauxval.restype = ctypes.c_ulong
shown = dict(struct.iter_unpack("QQ", open("/proc/self/auxv", "rb").read()))
print([key for key, value in sorted(shown.items()) if key and libc.getauxval(key) != value])
libc.getauxval.restype = ctypes.c_char_p
print(libc.getauxval(31))
"""

# Asynchronous reads in the kernel, which knows nothing of blocks that are not there yet. Raw: libaio may not be there.
LIBAIO = """
import ctypes, hashlib, os, sys
call = ctypes.CDLL(None, use_errno=True).syscall
class Block(ctypes.Structure):
    _fields_ = [("data", ctypes.c_uint64), ("key", ctypes.c_uint32), ("rw_flags", ctypes.c_uint32), ("op", ctypes.c_uint16),
                ("priority", ctypes.c_int16), ("fd", ctypes.c_uint32), ("buf", ctypes.c_uint64), ("bytes", ctypes.c_uint64),
                ("offset", ctypes.c_int64), ("reserved", ctypes.c_uint64), ("flags", ctypes.c_uint32), ("event", ctypes.c_uint32)]
class Vector(ctypes.Structure):
    _fields_ = [("base", ctypes.c_uint64), ("bytes", ctypes.c_uint64)]
SETUP, DESTROY, GETEVENTS, SUBMIT, PREAD, PWRITE, PREADV = 206, 207, 208, 209, 0, 1, 7
context = ctypes.c_ulong(0)
assert call(SETUP, 8, ctypes.byref(context)) == 0
fd, local = os.open(sys.argv[1], os.O_RDONLY), os.open("/etc/passwd", os.O_RDONLY)
size = os.fstat(fd).st_size
whole, parts, other = ctypes.create_string_buffer(size), ctypes.create_string_buffer(3000), ctypes.create_string_buffer(100)
vectors = (Vector * 2)(Vector(ctypes.addressof(parts), 1000), Vector(ctypes.addressof(parts) + 1000, 2000))
blocks = [Block(data=1, op=PREADV, fd=fd, buf=ctypes.addressof(vectors), bytes=2, offset=size // 2),
          Block(data=2, op=PREAD, fd=local, buf=ctypes.addressof(other), bytes=100, offset=0),
          Block(data=3, op=PREAD, fd=fd, buf=ctypes.addressof(whole), bytes=size, offset=0),
          Block(data=4, op=PWRITE, fd=fd, buf=ctypes.addressof(whole), bytes=1, offset=0)]
submitted = [call(SUBMIT, context, 1, (ctypes.c_void_p * 1)(ctypes.addressof(block))) for block in blocks]
print(submitted, os.strerror(ctypes.get_errno()))
events = (ctypes.c_uint64 * 16)()
got = call(GETEVENTS, context, 3, 4, events, None)
print(got, sorted((events[4 * i], events[4 * i + 2]) for i in range(got)))
print(hashlib.sha256(whole.raw).hexdigest(), hashlib.sha256(parts.raw).hexdigest(), other.raw == open("/etc/passwd", "rb").read(100))
print(call(SUBMIT, context, 1, None), os.strerror(ctypes.get_errno()), call(SUBMIT, context, 0, None), call(DESTROY, context))
"""

CASES = [
    Case("transparent/strace-around", check=traced),
    Case("transparent/not-looked-up-elsewhere", check=not_looked_up_elsewhere),
    Case("transparent/no-such-elsewhere", check=no_such),
    Case("transparent/libaio", ["python3", "-c", LIBAIO, "{D}/probe/big.bin"]),
    # Names of a program: the script's own, where the interpreter is what runs.
    Case("transparent/script-name", r"""
printf '#!/bin/sh\ncat /proc/$$/comm; ps -o comm= -p $$\n' >a-script
printf '#!./a-script\n' >outer; printf '#!/usr/bin/python3\n%s\n' "$AUXV" >a-python-script
chmod +x a-script outer a-python-script; ./a-script; ./outer; env ./a-script; ./a-python-script; rm a-script outer a-python-script""",
         env={"AUXV": AUXV}),
    Case("transparent/memory-file-name", ["python3", "-c", """
import os
fd = os.memfd_create("made-in-memory-and-long")
os.write(fd, open("/bin/cat", "rb").read())
os.execve(fd, ["cat", "/proc/self/comm"], {})
"""]) if tuple(map(int, os.uname().release.split(".")[:2])) >= (6, 14) else
    Case("transparent/memory-file", ["python3", "-c", "import os; os.execve(os.open('/bin/echo', os.O_RDONLY), ['echo', 'by descriptor'], {})"]),
    Case("transparent/auxv", ["python3", "-c", AUXV]),
    Case("transparent/many-arguments", "set -- $(seq 100000); /bin/echo \"$@\" | md5sum; /usr/bin/env A=b /bin/echo \"$@\" | wc -c"),
    # What is beside files (tests/apps/families): by each C library, and linked statically where a start is another then.
    *[Case(f"transparent/{family}/{variant}", f"$P/families-{variant} {family} $D/probe/small.txt", embedded_only=True)
      for variant in ("glibc", "musl") for family in FAMILIES],
    *[Case(f"transparent/{family}/{variant}", f"$P/families-{variant} {family} $D/probe/small.txt", embedded_only=True)
      for variant in ("glibc-static", "musl-static") for family in AT_START],
    # Programs that a sanitizer watches: its shadow lies at fixed addresses, and what is wrong with a call ends the program.
    *[Case(f"transparent/{family}/address-sanitizer", f"$P/families-address {family} $D/probe/small.txt",
           env={"ASAN_OPTIONS": "detect_leaks=0"}, embedded_only=True) for family in ("apart", "nested", "posixaio", "spawn", "tls", "waits")],
    *[Case(f"transparent/{family}/thread-sanitizer", f"setarch -R $P/families-thread {family} $D/probe/small.txt", embedded_only=True)
      for family in ("apart", "pipes", "posixaio", "robust", "spawn", "tls")],
    Case("transparent/no-watching", check=no_watching),
    # Programs that allow themselves few calls, and know nothing of ours.
    *[Case(f"transparent/sandbox-{variant}", f"$P/sandbox-{variant} $D/probe") for variant in ("glibc", "glibc-static")],
    # What other processes are, one of which is a static program whose first mapping is its text.
    Case("transparent/exe-of-others", """
readlink /proc/$$/exe; cmp /proc/$$/exe $(readlink -f /bin/sh) && echo same; python3 -c 'import os; print(os.path.realpath(f"/proc/{os.getppid()}/exe"))'; :
named() { for i in $(seq 200); do [ "$(cat /proc/$2/comm)" = $1 ] && return; sleep 0.05; done; }
busybox sleep 30 & named busybox $!; readlink -f /proc/$!/exe; ls -l /proc/$!/exe | sed 's/.*-> //'; stat -Lc %i /proc/$!/exe $(command -v busybox) | uniq | wc -l; kill $!
$P/preempt-go $D >/dev/null & named preempt-go $!; readlink /proc/$!/exe | sed 's,.*/,,'; wait"""),
]
# A root without /proc and without the runtime's file; in a user namespace if need be.
ENTER = "" if ROOT else "unshare -Ur "
if allowed(*ENTER.split(), "chroot", "/", "true"):
    CASES.append(Case("transparent/chroot", f"""
mkdir -p r/bin; cp $(command -v busybox) r/bin/busybox; ln -s busybox r/bin/sh
{ENTER}chroot r /bin/sh -c 'echo in; busybox ls /; busybox sh -c "busybox echo deeper; exit 4"; echo $?; exit 5'; echo $?; rm -r r"""))
if shutil.which("valgrind"):
    # What valgrind maps it translates; a twin's jumps lead out of what it knows. And it unmaps the vDSO, of which a stat asks the time.
    CASES.append(Case("transparent/valgrind", "valgrind -q --trace-children=yes sh -c 'cat $D/probe/small.txt; exit 4'; echo $?; "
                      "valgrind -q stat -c %s $D/probe/small.txt; echo $?"))
if shutil.which("perf") and allowed("perf", "record", "-q", "-e", "cpu-clock", "-o", "/dev/null", "true"):
    # A profiler finds the program's own symbols, though its text is mapped from a twin.
    CASES.append(Case("transparent/perf", r"""
printf 'volatile unsigned long x;\n__attribute__((noinline)) void spin_here(void) { for (unsigned long i = 0; i < 100000000; i++) x += i; }\nint main(void) { spin_here(); }\n' >busy.c
gcc -O1 -o busy busy.c && perf record -q -e cpu-clock -o busy.data ./busy && perf report -i busy.data --stdio 2>/dev/null | grep -o spin_here | head -n 1
rm busy*""", stderr=False))
if shutil.which("gdb"):
    # A debugger's program: breakpoints are set before its first instruction, and where it waits has a name. And one that it attaches to, which the
    # auxiliary vector tells where its libraries are.
    GDB = "gdb -nx -batch -iex 'set debuginfod enabled off'"
    CASES.append(Case("transparent/gdb-run", f"""
{GDB} -ex 'break main' -ex run -ex 'info symbol $pc' -ex 'catch syscall write' -ex continue -ex 'info symbol $pc' \\
  -ex continue -ex continue --args $P/execs 2>&1 | sed -n '/ in section /p; /exited/s/process [0-9]*//p'
{GDB} -ex starti -ex 'info symbol $pc' -ex kill --args $P/execs 2>&1 | grep ' in section '"""))
    CASES.append(Case("transparent/gdb-attach", f"""
mkfifo f; cat f & sleep 0.2; exec 7>f; sleep 0.2
{GDB} -p $! -ex 'info sharedlibrary' -ex 'info proc exe' 2>&1 | grep -E ' Yes |^exe' | sed 's/0x[0-9a-f]*//g'; exec 7>&-; wait; rm f"""))
