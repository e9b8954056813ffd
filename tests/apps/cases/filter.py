# SPDX-License-Identifier: Apache-2.0
"""Where the trap is a seccomp filter: asked for, or because a sandbox refuses Syscall User Dispatch."""
import json
import os
import signal
import subprocess
import time

from case import Case, want

# Makes prctl(2) fail with EINVAL for the first of its arguments, and a whole system call with EPERM, as sandboxes do; then
# becomes the rest of its arguments.
SANDBOX = """
import ctypes, os, struct, sys
option, number = int(sys.argv[1]), int(sys.argv[2])
code = [(0x20, 0, 0, 0), (0x15, 0, 1, number), (6, 0, 0, 0x00050001), (0x15, 0, 3, 157), (0x20, 0, 0, 16),
        (0x15, 0, 1, option), (6, 0, 0, 0x00050016), (6, 0, 0, 0x7fff0000)]
filters = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *line) for line in code))
program = struct.pack("=H6xQ", len(code), ctypes.addressof(filters))
libc = ctypes.CDLL(None)
assert not libc.prctl(38, 1, 0, 0, 0) and not libc.prctl(22, 2, program)
os.execvp(sys.argv[3], sys.argv[3:])
"""
PR_DISPATCH, NR_NONE, NR_SECCOMP = 59, 9999, 317
FILTER = {"SKYSHIM_TRAP": "seccomp"}
# Code made at run time, from which on a filter is set: mov $39, %eax; syscall; ret
JIT = """
import ctypes, mmap, os, subprocess, sys
memory = mmap.mmap(-1, 4096, prot=7)
memory.write(b"\\xb8\\x27\\0\\0\\0\\x0f\\x05\\xc3")
made = ctypes.CFUNCTYPE(ctypes.c_long)(ctypes.addressof(ctypes.c_char.from_buffer(memory)))
assert made() == os.getpid()
"""


def sandboxed(option, number, argv):
    return ["python3", "-c", SANDBOX, str(option), str(number), *argv]


def refused_dispatch(context):
    """A container that knows nothing of Syscall User Dispatch: the filter does its work, --strict too."""
    context.run([context.skyshim, "run", "true"])  # the daemon is not part of the sandbox
    path = f"{context.cloud}/probe"
    argv = [context.skyshim, "run", "--strict", "--report-coverage=report", f"{context.world.programs}/hazard-glibc", path, "jit"]
    result = context.run(sandboxed(PR_DISPATCH, NR_NONE, argv))
    native = context.run([f"{context.world.programs}/hazard-glibc", f"{context.world.local}/probe", "jit"])
    want((result.status, result.stdout, result.stderr) == (0, native.stdout, b""), f"{result}")
    with open(os.path.join(context.work, "report"), encoding="utf-8") as report:
        want(" mechanism=jumps+filter " in report.read(), "covered otherwise")
    said = json.loads(context.run(sandboxed(PR_DISPATCH, NR_NONE, [context.skyshim, "doctor", "--json"])).stdout)
    dispatch = next(check for check in said["checks"] if check["what"] == "syscall dispatch")
    want(dispatch["verdict"] == "note" and "seccomp" in dispatch["text"], f"{dispatch}")


def refused_both(context):
    context.run([context.skyshim, "run", "true"])
    argv = [context.skyshim, "run", f"{context.world.programs}/hazard-glibc", f"{context.world.local}/probe", "jit"]
    result = context.run(sandboxed(PR_DISPATCH, NR_SECCOMP, argv))
    want(result.status == 0 and b"cannot trap system calls" in result.stderr, f"{result}")
    argv.insert(2, "--strict")
    result = context.run(sandboxed(PR_DISPATCH, NR_SECCOMP, argv))
    want(result.status == 126 and not result.stdout, f"{result}")


def no_filter_without_need(context):
    result = context.run([context.skyshim, "run", "sh", "-c", "cat /proc/self/status"], env=FILTER)
    want(b"\nSeccomp:\t0\n" in result.stdout and b"\nNoNewPrivs:\t0\n" in result.stdout, f"{result}")


def children(context):
    """Through fork and execve the trap stays, and what the program is stays itself."""
    script = JIT + """
sys.stdout.write(subprocess.run(["env", "-i", "sh", "-c", "exec sh -c 'cat $0' $0", sys.argv[1]],
                                capture_output=True, text=True).stdout[:13])
sys.stdout.flush()
os.execv("/bin/sh", ["sh", "-c", "grep Seccomp: /proc/self/status; cat " + sys.argv[1]])
"""
    result = context.run_cloud(["python3", "-c", script, "{D}/probe/small.txt"], env=FILTER)
    want(result.stdout == b"hello skyshimSeccomp:\t2\nhello skyshim\n" and not result.stderr, f"{result}")


def natively(context):
    """What would run natively cannot, and is told; set-uid programs run, with the rights of others."""
    odd = os.path.join(context.work, "odd")
    with open("/bin/true", "rb") as source, open(odd, "wb") as out:
        content = bytearray(source.read())
        content[4], content[18] = 1, 3  # a 32-bit program
        out.write(content)
    os.chmod(odd, 0o755)
    script = JIT + """
for argv, env in ((["/bin/true"], {"SKYSHIM_OFF": "1"}), ([sys.argv[1]], None)):
    try:
        print(subprocess.run(argv, env=env).returncode)
    except OSError as error:
        print(error.errno)
"""
    result = context.run([context.skyshim, "run", "python3", "-c", script, odd], env=FILTER)
    want(result.status == 0 and result.stdout == b"1\n1\n", f"{result}")
    want(result.stderr.count(b"seccomp filter") == 2, f"not told: {result}")


def set_uid(context):
    path = os.path.join(context.work, "id")
    context.run(["sh", "-c", f"cp /usr/bin/id {path} && chown nobody {path} && chmod 4755 {path}"])
    result = context.run([context.skyshim, "run", "python3", "-c", JIT + "os.execv(sys.argv[1], ['id', '-u'])", path], env=FILTER)
    want(result.stdout == b"0\n" and not result.stderr, f"{result}")


def new_daemon(context):
    """A daemon that is gone is started by a program that has the filter already: under a runtime of its own."""
    script = JIT + """
print(open(sys.argv[1]).read(), end="", flush=True)
sys.stdin.readline()
print(open(sys.argv[2]).read(13), flush=True)
print(len(os.listdir(sys.argv[3])))
"""
    paths = [f"{context.cloud}/probe/{name}" for name in ("small.txt", "small.txt", "dir")]
    process = subprocess.Popen([context.skyshim, "run", "python3", "-c", script, *paths], env=context.environment(FILTER),
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        want(process.stdout.readline() == b"hello skyshim\n", "not read")
        for pid in context.daemons():
            os.kill(pid, signal.SIGKILL)
        while context.daemons():
            time.sleep(0.01)
        out, err = process.communicate(b"\n", 50)
    finally:
        process.kill()
    want(process.returncode == 0 and out == b"hello skyshim\n40\n", f"{process.returncode}: {out} {err}")
    want(len(context.daemons()) == 1, "no daemon")
    result = context.run_cloud(["cat", "{D}/probe/small.txt"])
    want(result.stdout == b"hello skyshim\n", f"others do not reach that daemon: {result}")


# Hazards by code that no file holds, and what a filter touches.
GROUPS = ["start", "site", "jit", "patch", "mem", "plugin", "int80", "stack", "registers", "thread", "child", "stale", "view",
            "mask", "fork", "unmap"]
CASES = [Case(f"filter/{variant}/{group}", f"$P/hazard-{variant} $D/probe {group}", env=FILTER)
          for variant in ("glibc", "musl-static") for group in GROUPS]
CASES += [Case(f"filter/{variant}/after-jit", f"$P/hazard-{variant} $D/probe jit; $P/hazard-{variant} $D/probe jit cancel storm",
               env=FILTER) for variant in ("glibc", "musl")]
CASES += [
    Case("filter/step", "$P/hazard-glibc $D/probe step", env=FILTER, timeout=300),
    Case("filter/arming", "$P/arming $D/probe/small.txt", env=FILTER),
    Case("filter/lends", "$P/lends mremap $D/probe/small.txt; $P/lends vfork $D/probe/small.txt", env=FILTER),
    Case("filter/changes", "$P/changes mprotect $D/probe/small.txt; $P/changes mem $D/probe/small.txt", env=FILTER),
]
CASES += [
    Case("filter/refused-dispatch", check=refused_dispatch),
    Case("filter/refused-both", check=refused_both, needs_store=False),
    Case("filter/only-when-needed", check=no_filter_without_need, needs_store=False),
    Case("filter/children", check=children),
    Case("filter/natively", check=natively, needs_store=False),
    Case("filter/new-daemon", check=new_daemon),
]
if os.geteuid() == 0:  # only root can make a program another user's
    CASES.append(Case("filter/set-uid", check=set_uid, needs_store=False))
