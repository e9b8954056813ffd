# SPDX-License-Identifier: Apache-2.0
"""io_uring: not there unless it is asked for; then what liburing, fio and node do with it is what they do natively."""
import ctypes
import os
import shutil

from case import Case, want
from cases.write import Folder, changed, compare_both

SETUP = 425
GROUPS = "reads writes names links broken drained fixed direct buffers kinds again threads signals forks splices numbers raw waits".split()
ASKED = {"SKYSHIM_IO_URING": "1"}


def why_not():
    """What the kernel says to a ring; empty: it may be had."""
    libc = ctypes.CDLL(None, use_errno=True)
    fd = libc.syscall(SETUP, 1, ctypes.create_string_buffer(120))
    if fd < 0:
        return os.strerror(ctypes.get_errno())
    os.close(fd)
    return ""


REASON = why_not()
# The number itself, since no library is needed for that.
ANSWER = "python3 -c 'import ctypes; c = ctypes.CDLL(None, use_errno=True); print(c.syscall(425, 1, ctypes.create_string_buffer(120)), ctypes.get_errno())'"


def refused(context):
    """By default there is no such call, whatever the environment says of other runtimes."""
    for setting in (None, "0", ""):
        result = context.run_cloud(ANSWER, env={"SKYSHIM_IO_URING": setting})
        want(result.stdout == b"-1 38\n", f"{setting}: {result}")
    if REASON:
        return
    result = context.run([context.skyshim, "run", "--io-uring", "sh", "-c", ANSWER])
    want(result.stdout.split()[0] != b"-1", f"--io-uring: {result}")
    result = context.run_cloud(ANSWER.replace("python3", "exec env -i python3"), env=ASKED)
    want(result.stdout.split()[0] != b"-1", f"through an execve without an environment: {result}")


# As on a kernel before 6.11; where the trap is a filter.
NOT_SO = {("drained", "-message")}  # docs/transparency.md
WAYS = {"": {}, "-message": {"SKYSHIM_IO_URING": "message"}, "-filter": {"SKYSHIM_TRAP": "seccomp"}}


def group(name, way):
    def check(context):
        folder = Folder(context, f"uring-{name}{way}")
        native = compare_both(folder, [f"{context.world.programs}/uring", name, "{D}"], env={**ASKED, **WAYS[way]})
        want(native.status == 0 and native.stdout, f"natively: {native}")
    return check


# fio looks at all it has written, by the same ring; then, natively, at what the bucket has.
FIO = ("fio --name=v --ioengine=io_uring --bs=16k --size=3m --iodepth=16 --verify=crc32c --fallocate=none --randseed=7 "
       "--output=/dev/null")
FIO_KINDS = {
    "plain": "--rw=randwrite",
    "vectored": "--rw=randwrite --nonvectored=0 --fsync=40",
    "registered": "--rw=randwrite --registerfiles --fixedbufs",
    "polled": "--rw=write --sqthread_poll",
    "append": "--rw=write --end_fsync=1 --iodepth_batch=8 --iodepth_batch_complete_min=4",
}


def fio(kind, options):
    def check(context):
        folder = Folder(context, f"uring-fio-{kind}")
        command = f"{FIO} {options} --directory="
        result = context.run_cloud(command + folder.cloud, env=ASKED, timeout=100)
        want(result.status == 0 and not result.stderr, f"on the bucket: {result}")
        with open(f"{folder.native}/v.0.0", "wb") as out:
            out.write(context.store.get(changed(context), f"{folder.prefix}/v.0.0") if context.store else b"")
        result = context.run_local(f"{command}{folder.native} --verify_only")
        want(result.status == 0 and not result.stderr, f"natively, what the bucket has: {result}")
        with open(f"{folder.native}/v.0.0", "r+b") as out:
            out.seek(16384 * 5 + 300)
            out.write(b"damaged")
        result = context.run_local(f"{command}{folder.native} --verify_only")
        want(result.status != 0, "fio does not find what is wrong")
    return check


# libuv has a ring of its own for files when it is told to; how many there are is said.
NODE = """
const fs = require("fs"), p = require("fs/promises"), d = process.argv[1];
(async () => {
  await p.writeFile(d + "/n", "x".repeat(300000));
  const f = await p.open(d + "/base.bin", "r+"), b = Buffer.alloc(1000);
  await f.write(Buffer.from("written"), 0, 7, 70000);
  await Promise.all(Array.from({length: 50}, (_, i) => f.read(Buffer.alloc(5000), 0, 5000, i * 6000)));
  await f.read(b, 0, 1000, 69900);
  await f.datasync();
  await f.close();
  console.log(require("crypto").createHash("md5").update(b).digest("hex"), (await p.stat(d + "/n")).size);
  await p.appendFile(d + "/n", "end");
  await p.mkdir(d + "/sub");
  await p.rename(d + "/n", d + "/sub/m");
  console.log((await p.readFile(d + "/sub/m")).length, await p.readdir(d), await p.readFile(d + "/none").catch(e => e.code));
  await p.unlink(d + "/base.bin");
  console.log(fs.readdirSync("/proc/self/fd").filter(n => { try { return fs.readlinkSync("/proc/self/fd/" + n).includes("io_uring") } catch (e) {} }).length);
})();
"""


def node(context):
    native = compare_both(Folder(context, "uring-node"), ["node", "-e", NODE, "{D}"], env={**ASKED, "UV_USE_IO_URING": "1"})
    want(native.stdout.count(b"\n") == 3, f"natively: {native}")


CASES = [Case("uring/default", check=refused)]
if REASON:
    print(f"uring: the kernel gives no ring ({REASON}); only the default is tested")
else:
    CASES += [Case(f"uring/{name}{way}", check=group(name, way)) for way in WAYS for name in GROUPS
              if (name, way) not in NOT_SO]
    if shutil.which("fio"):
        CASES += [Case(f"uring/fio-{name}", check=fio(name, options)) for name, options in FIO_KINDS.items()]
    if shutil.which("node"):
        CASES.append(Case("uring/node", check=node))
