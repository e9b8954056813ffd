# SPDX-License-Identifier: Apache-2.0
"""`skyshim run` itself: statuses, signals, descriptors; and program files that are odd or hostile."""
import ctypes
import json
import os
import shutil
import struct

from case import Case, Context, Failure, want

START_CALLS = 80  # more than natively: 67 on Debian 12, 74 with a home
START_FAULTS = 45  # 29
HOME_FAULTS = 60  # for a copy of the runtime, where the trap is a filter
DISPATCH = 59  # PR_SET_SYSCALL_USER_DISPATCH
ELF = struct.Struct("<16sHHIQQQIHHHHHH")
PHDR = struct.Struct("<IIQQQQQQ")



def from_the_clouds(context):
    """The program itself is an object: with its arguments, status, and the words for what cannot be."""
    bucket = context.bucket + context.world.CHANGING
    cloud = context.cloud + context.world.CHANGING + "/from-the-clouds"
    context.store.put(bucket, "from-the-clouds/plain", b"no program\n")
    made = context.run([context.skyshim, "run", "sh", "-c", f"cp /bin/sh {cloud}/sh"])
    want(made.status == 0, str(made))
    result = context.run([context.skyshim, "run", f"{cloud}/sh", "-c", "echo \"$1\" $#; exit 7", "name", "an argument", "b"])
    want(result.status == 7 and result.stdout == b"an argument 2\n", str(result))
    for name, status in (("none", 127), ("plain", 126)):
        result = context.run([context.skyshim, "run", f"{cloud}/{name}"])
        want(result.status == status and name.encode() in result.stderr, f"{name}: {result}")


def elf(kind=2, machine=62, phnum=1, phentsize=56, phoff=64, entry=0x400078, ident=b"\x7fELF\2\1\1", version=1,
        segments=None, code=b"\xb8\x3c\0\0\0\xbf\x07\0\0\0\x0f\x05", cut=None):
    """A program that exits with 7, and whatever is to be wrong with it."""
    segments = segments or [(1, 5, 0, 0x400000, 0x400000, 0x78 + len(code), 0x78 + len(code), 0x1000)]
    head = ELF.pack(ident.ljust(16, b"\0"), kind, machine, version, entry, phoff, 0, 0, 64, phentsize, phnum, 0, 0, 0)
    body = b"".join(PHDR.pack(*segment) for segment in segments)
    return (head + body + code)[:cut]


def with_interpreter(path, size=None, offset=None):
    text = path.encode() + b"\0"
    at = 64 + 2 * 56
    return elf(phnum=2, entry=0x400000 + at + len(text), segments=[
        (3, 4, at if offset is None else offset, 0, 0, len(text) if size is None else size, len(text), 1),
        (1, 5, 0, 0x400000, 0x400000, at + len(text) + 12, at + len(text) + 12, 0x1000)],
        code=text + b"\xb8\x3c\0\0\0\xbf\x07\0\0\0\x0f\x05")


# name: (content, mode). What the kernel and the shell make of each, natively, is what must come out.
ODD = {
    "good": (elf(), 0o755),
    "text": (b"echo a script without a first line\n", 0o755),
    "empty": (b"", 0o755),
    "no-exec-bit": (elf(), 0o644),
    "unreadable": (elf(), 0o111),
    "binary-noise": (bytes(range(256)) * 4, 0o755),
    "magic-only": (b"\x7fELF", 0o755),
    "cut-in-header": (elf(cut=40), 0o755),
    "cut-in-program-headers": (elf(cut=80), 0o755),
    "cut-at-header": (elf(cut=64), 0o755),
    "wrong-machine": (elf(machine=183), 0o755),
    "wrong-machine-zero": (elf(machine=0), 0o755),
    "relocatable": (elf(kind=1), 0o755),
    "core-file": (elf(kind=4), 0o755),
    "no-program-headers": (elf(phnum=0), 0o755),
    "header-size-1": (elf(phentsize=1), 0o755),
    "header-size-huge": (elf(phentsize=0xffff), 0o755),
    "headers-beyond-file": (elf(phoff=1 << 20), 0o755),
    "headers-at-the-end-of-numbers": (elf(phoff=(1 << 64) - 8), 0o755),
    "too-many-headers": (elf(phnum=0xffff), 0o755),
    "interpreter-missing": (with_interpreter("/none/ld.so"), 0o755),
    "interpreter-is-folder": (with_interpreter("/usr"), 0o755),
    "interpreter-is-text": (with_interpreter("/etc/passwd"), 0o755),
    "interpreter-without-end": (with_interpreter("/lib64/ld-linux-x86-64.so.2", size=10), 0o755),
    "interpreter-size-1": (with_interpreter("/lib64/ld-linux-x86-64.so.2", size=1), 0o755),
    "interpreter-size-huge": (with_interpreter("/lib64/ld-linux-x86-64.so.2", size=1 << 40), 0o755),
    "interpreter-beyond-file": (with_interpreter("/lib64/ld-linux-x86-64.so.2", offset=1 << 30), 0o755),
    "script-missing-interpreter": (b"#!/none/sh\n", 0o755),
    "script-interpreter-is-folder": (b"#!/usr\n", 0o755),
    "script-no-interpreter": (b"#!\n", 0o755),
    "script-spaces-only": (b"#!   \n", 0o755),
    "script-no-newline": (b"#!/bin/echo no newline", 0o755),
    "script-carriage-return": (b"#!/bin/sh\r\necho\r\n", 0o755),
    "script-long-line": (b"#!/bin/" + b"x" * 400 + b"\n", 0o755),
    "script-long-argument": (b"#!/bin/echo " + b"y" * 400 + b"\n", 0o755),
    "script-nul": (b"#!/bin/echo a\0b\n", 0o755),
    "script-of-itself": (b"#!./script-of-itself\n", 0o755),
}
# Headers that lie in ways that the kernel finds out late: natively these die by a signal or are
# refused, by rules of memory layout. Here: not started, no hang, and nothing of ours crashes loudly.
ABSURD = {
    "file-size-over-memory-size": elf(segments=[(1, 5, 0, 0x400000, 0x400000, 0x1000, 0x10, 0x1000)]),
    "memory-size-huge": elf(segments=[(1, 5, 0, 0x400000, 0x400000, 0x84, 1 << 62, 0x1000)]),
    "address-in-the-kernel": elf(segments=[(1, 5, 0, 0xffff800000000000, 0, 0x84, 0x84, 0x1000)]),
    "address-wraps": elf(segments=[(1, 5, 0, (1 << 64) - 0x1000, 0, 0x84, 0x2000, 0x1000)]),
    "offset-not-congruent": elf(segments=[(1, 5, 1, 0x400000, 0, 0x84, 0x84, 0x1000)]),
    "entry-nowhere": elf(entry=0x10),
    "segment-beyond-file": elf(segments=[(1, 5, 1 << 30, 0x400000, 0, 0x84, 0x84, 0x1000)]),
    "no-loadable-segment": elf(segments=[(4, 5, 0, 0x400000, 0, 0x84, 0x84, 4)]),
}


def same_status(name, content, mode):
    def check(context: Context):
        path = os.path.join(context.work, name)
        with open(path, "wb") as out:
            out.write(content)
        os.chmod(path, mode)
        native = context.run(["sh", "-c", f"./{name} one; echo \"status $?\""])
        ours = context.run([context.skyshim, "run", "sh", "-c", f"./{name} one; echo \"status $?\""])
        want((native.stdout, native.stderr) == (ours.stdout, ours.stderr),
             f"native {native.stdout!r} {native.stderr!r}, here {ours.stdout!r} {ours.stderr!r}")
    return check


def refused(name, content):
    def check(context: Context):
        path = os.path.join(context.work, name)
        with open(path, "wb") as out:
            out.write(content)
        os.chmod(path, 0o755)
        native = context.run(["sh", "-c", f"./{name}; echo after"])
        ours = context.run([context.skyshim, "run", "sh", "-c", f"./{name} && echo it ran; echo after"], timeout=10)
        want(native.stdout == b"after\n", f"natively it was expected to fail: {native}")
        want(ours.stdout == b"after\n" and ours.status == 0, f"got {ours}")
    return check


def status(argv, expected, text=b""):
    def check(context: Context):
        result = context.run([context.skyshim, "run", *argv])
        want(result.status == expected, f"exit status {result.status}, expected {expected}: {result}")
        want(text in result.stderr, f"stderr lacks {text!r}: {result.stderr!r}")
    return check


def descriptors_untouched(context):
    """A program finds the descriptors that its parent gave it, and no others."""
    native = context.run(["sh", "-c", "exec 7</etc/passwd 9>out; ls /proc/self/fd"])
    ours = context.run(["sh", "-c", f"exec 7</etc/passwd 9>out; '{context.skyshim}' run ls /proc/self/fd"])
    want(native.stdout == ours.stdout, f"native {native.stdout!r}, here {ours.stdout!r}")


def environment_untouched(context):
    native = context.run(["env"])
    ours = context.run([context.skyshim, "run", "env"])
    want(native.stdout == ours.stdout, f"native {native.stdout!r}, here {ours.stdout!r}")
    ours = context.run([context.skyshim, "run", "env", "-i", "env"])
    want(ours.stdout == b"", f"env -i shows {ours.stdout!r}")


def off(context):
    result = context.run_cloud(["ls", "{D}"], env={"SKYSHIM_OFF": "1"})
    want(result.status == 2 and b"No such file" in result.stderr, f"SKYSHIM_OFF=1: {result}")


def other_root(context):
    result = context.run([context.skyshim, "run", "cat", f"/objects/s3/{context.bucket}/text/no-newline.txt"],
                         env={"SKYSHIM_ROOT": "/objects"})
    want(result.stdout == b"the last line has no end", f"SKYSHIM_ROOT: {result}")
    result = context.run([context.skyshim, "run", "ls", "/cloud"], env={"SKYSHIM_ROOT": "/objects"})
    want(result.status == 2, f"/cloud is still there under another root: {result}")


def in_run_of_another_root(context):
    """A run inside a run, with another root: that one's programs see the clouds there and nowhere else, with what they inherit;
    not in a working directory that they could not have."""
    inner = f"env SKYSHIM_ROOT=/objects {context.skyshim} run"
    name = f"s3/{context.bucket}/text/no-newline.txt"
    result = context.run_cloud(["sh", "-c", f"{inner} cat /objects/{name} && {inner} cat <{{D}}/text/no-newline.txt && "
                                f"{inner} sh -c 'cat /objects/{name}; ! test -e /cloud'; echo $?"])
    want(result.status == 0 and result.stdout == 3 * b"the last line has no end" + b"0\n", result)
    result = context.run_cloud(["sh", "-c", f"cd {{D}}/text && {inner} cat no-newline.txt"])
    want(result.status == 126 and b"has no such working directory" in result.stderr, result)
    runtime = os.path.join(os.path.dirname(context.skyshim), "skyshim-rt")
    result = context.run_cloud([runtime])
    want(result.status == 126 and b"this is the runtime" in result.stderr, result)


def runtime_replaced(context):
    """While programs run another version is installed, or theirs taken away: they go on with the one they have."""
    for name in ("skyshim", "skyshim-daemon", "skyshim-rt"):
        shutil.copy(os.path.join(os.path.dirname(context.skyshim), name), context.work)
    result = context.run([os.path.join(context.work, "skyshim"), "run", "sh", "-c",
                          "/bin/echo as it was; cp /bin/false new; mv new skyshim-rt; /bin/echo replaced; "
                          "mv skyshim-rt other; /bin/echo moved; (cd /; exec /bin/echo from elsewhere)"])
    want(result.stdout == b"as it was\nreplaced\nmoved\nfrom elsewhere\n" and not result.status, str(result))


def start_cost(context):
    """What a start adds, in counts: system calls (its execve's own preparations among them) and page faults."""
    program = os.path.join(context.world.programs, "starts")
    native = [int(word) for word in context.run([program, "/bin/true"]).stdout.split()]
    context.run_cloud([program, "/bin/true"])  # twins
    ours = [int(word) for word in context.run_cloud([program, "/bin/true"]).stdout.split()]
    want(len(native) == len(ours) == 2 and native[0] > 10 and native[1] > 10, f"not counted: {native}, {ours}")
    want(ours[0] >= native[0] + START_CALLS // 2, f"not intercepted: {ours[0]} system calls, natively {native[0]}")
    want(ours[0] <= native[0] + START_CALLS, f"{ours[0]} system calls, natively {native[0]}")
    home = HOME_FAULTS if ctypes.CDLL(None).prctl(DISPATCH, 0, 0, 0, 0) else 0
    want(ours[1] <= native[1] + START_FAULTS + home, f"{ours[1]} page faults, natively {native[1]}")


NO_COUNTER = """
import ctypes, os
os.chdir(os.environ["D"])
assert ctypes.CDLL(None).prctl(26, 2, 0, 0, 0) == 0  # PR_SET_TSC, PR_TSC_SIGSEGV
os.mkdir("dir")
file = os.open("dir/a", os.O_WRONLY | os.O_CREAT | os.O_EXCL)
os.write(file, b"content")
os.close(file)
os.link("dir/a", "dir/b")
os.rename("dir/a", "dir/c")
os.symlink("b", "dir/link")
os.unlink("dir/c")
os.write(1, b"%r %d" % (sorted(os.listdir("dir")), os.stat("dir/link").st_size))
os._exit(0)
"""


def no_counter(context):
    """A program that may not read the processor's counter, which would be a SIGSEGV, changes names nevertheless."""
    context.store.put(context.bucket + context.world.CHANGING, "no-counter/keep")
    result = context.run_cloud(["python3", "-c", NO_COUNTER], env={"D": f"{context.cloud}{context.world.CHANGING}/no-counter"})
    want(result.status == 0 and result.stdout == b"['b', 'link'] 7", str(result))


def set_uid(context):
    """A set-uid program runs natively, as the other user."""
    path = os.path.join(context.work, "id")
    context.run(["sh", "-c", f"cp /usr/bin/id {path} && chown nobody {path} && chmod 4755 {path} && chmod 755 . .. ../.."])
    native = context.run(["./id", "-un"])
    ours = context.run([context.skyshim, "run", "sh", "-c", "./id -un"])
    want(native.stdout == b"nobody\n", f"no set-uid programs on this file system: {native}")
    want(ours.stdout == native.stdout and ours.status == 0, f"native {native}, here {ours}")
    ours = context.run([context.skyshim, "run", "--report-coverage", "sh", "-c", "./id -un"])
    want(b"NOT COVERED: a program that was started and runs natively" in ours.stderr, f"not reported: {ours}")


def file_capabilities(context):
    """A program whose file gives it a capability runs natively, and has it."""
    path = os.path.join(context.work, "grep")
    context.run(["sh", "-c", f"cp /bin/grep {path} && chmod 755 {path} && chmod 755 . .. ../.."])
    # struct vfs_cap_data, revision 2, effective: CAP_NET_RAW
    os.setxattr(path, "security.capability", struct.pack("<5I", 0x02000001, 1 << 13, 0, 0, 0))
    command = "setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all ./grep CapEff /proc/self/status"
    native = context.run(["sh", "-c", command])
    ours = context.run([context.skyshim, "run", "sh", "-c", command])
    want(native.stdout.split()[-1:] == [b"0000000000002000"], f"no file capabilities on this file system: {native}")
    want(ours.stdout == native.stdout and ours.status == 0, f"native {native}, here {ours}")


def binfmt_misc(context):
    """What the kernel executes by an interpreter of its own runs natively."""
    with open(os.path.join(context.work, "odd"), "w", encoding="ascii") as odd:
        odd.write("SKYSHIM-ODD the rest\n")
    os.chmod(odd.name, 0o755)
    register, name = "/proc/sys/fs/binfmt_misc", f"skyshim-{os.getpid()}"
    script = (f"mount -t binfmt_misc none {register} 2>/dev/null; echo ':{name}:M::SKYSHIM-ODD::/bin/cat:' >{register}/register || exit 77; "
              f"./odd; echo $?; '{context.skyshim}' run sh -c './odd; echo $?'; echo -1 >{register}/{name}")
    result = context.run(["unshare", "-m", "sh", "-c", script])
    if result.status == 77:
        print("run/binfmt-misc: this machine registers none")
        return
    want(result.stdout == b"SKYSHIM-ODD the rest\n0\n" * 2, str(result))


def one_daemon(context):
    """Twenty programs that start at once, with no daemon yet, end up with one."""
    result = context.run_cloud("true; for i in $(seq 20); do cat $D/text/file00.txt >o$i & done; wait; sort -u o* | wc -l; ls")
    want(result.status == 0, str(result))
    twenty = context.run(["sh", "-c", f"for i in $(seq 20); do '{context.skyshim}' run cat {context.cloud}/text/z/file04.txt "
                         ">p$i & done; wait; cksum p* | cut -d' ' -f1,2 | uniq | wc -l"])
    want(twenty.stdout == b"1\n", f"twenty at once differ: {twenty}")
    want(len(context.daemons()) == 1, f"daemons: {context.daemons()}")


def stop_and_status(context):
    context.run_cloud(["cat", "{D}/text/file00.txt"])
    want(len(context.daemons()) == 1, f"daemons after a run: {context.daemons()}")
    said = context.run([context.skyshim, "status"])
    want(said.status == 0 and said.stdout, f"status: {said}")
    stats = context.run([context.skyshim, "stats", "--json"])
    want(isinstance(json.loads(stats.stdout), dict), f"stats --json: {stats}")
    want(context.run([context.skyshim, "stop"]).status == 0, "stop failed")
    want(not context.daemons(), "the daemon is still there after stop")
    again = context.run([context.skyshim, "stop"])
    want(again.status in (0, 1) and b"\n" not in again.stderr.strip(), f"a second stop: {again}")
    result = context.run_cloud(["cat", "{D}/text/no-newline.txt"])
    want(result.stdout == b"the last line has no end", f"after stop, run starts no new daemon: {result}")


CASES = [Case(f"odd-program/{name}", check=same_status(name, *odd), needs_store=False) for name, odd in ODD.items()]
CASES += [Case(f"odd-program/{name}", check=refused(name, content), needs_store=False) for name, content in ABSURD.items()]
CASES += [
    Case("odd-program/directory", "mkdir d; ./d; echo $?"),
    Case("odd-program/missing", "./none; echo $?; none-such; echo $?"),
    Case("odd-program/in-bucket-not-executable", "$D/binary/mega.bin; echo $?"),
    Case("odd-program/in-bucket-missing", "$D/none; echo $?"),
    Case("odd-program/in-bucket-folder", "$D/text; echo $?"),
    Case("run/status-0", check=status(["true"], 0), needs_store=False),
    Case("run/status-7", check=status(["sh", "-c", "exit 7"], 7), needs_store=False),
    Case("run/status-255", check=status(["sh", "-c", "exit 255"], 255), needs_store=False),
    Case("run/killed", check=status(["sh", "-c", "kill -9 $$"], -9), needs_store=False),
    Case("run/terminated", check=status(["sh", "-c", "kill -TERM $$"], -15), needs_store=False),
    Case("run/segmentation-fault", check=status(["sh", "-c", "kill -SEGV $$"], -11), needs_store=False),
    Case("run/not-found", check=status(["none-such-program"], 127, b"none-such-program"), needs_store=False),
    Case("run/not-found-by-path", check=status(["/none/such"], 127, b"/none/such"), needs_store=False),
    Case("run/from-the-clouds", check=from_the_clouds),
    Case("run/not-executable", check=status(["/etc/passwd"], 126, b"/etc/passwd"), needs_store=False),
    Case("run/directory", check=status(["/usr"], 126, b"/usr"), needs_store=False),
    Case("run/double-dash", check=status(["--", "sh", "-c", "exit 3"], 3), needs_store=False),
    Case("run/no-program", check=status([], 2, b"skyshim"), needs_store=False),
    Case("run/descriptors-untouched", check=descriptors_untouched, needs_store=False),
    Case("run/environment-untouched", check=environment_untouched, needs_store=False),
    Case("run/off", check=off),
    Case("run/other-root", check=other_root),
    Case("run/no-counter", check=no_counter),
    Case("run/start-cost", check=start_cost, needs_store=False),
    Case("run/runtime-replaced", check=runtime_replaced, needs_store=False),
    Case("run/one-daemon", check=one_daemon),
    Case("run/stop-and-status", check=stop_and_status),
    Case("run/in-run-of-another-root", check=in_run_of_another_root),
    Case("run/in-run", check=lambda context: want(
        context.run_cloud([context.skyshim, "run", "cat", "{D}/text/no-newline.txt"]).stdout ==
        b"the last line has no end", "a run inside a run does not work")),
]
if os.geteuid() == 0:  # only root can make a program another user's
    CASES += [Case("run/set-uid-runs-natively", check=set_uid, needs_store=False),
              Case("run/file-capabilities", check=file_capabilities, needs_store=False),
              Case("run/binfmt-misc", check=binfmt_misc, needs_store=False)]
