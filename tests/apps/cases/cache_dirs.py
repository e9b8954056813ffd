# SPDX-License-Identifier: Apache-2.0
"""Cache directories of other kinds: in memory, read-only, and where the file system refuses what the daemon would like."""
import os
import shutil
import subprocess
import tempfile

from case import Case, want
from cases.faults import Faulty, our_lines
from cases.stream import BEGIN, check_large, content
from cases.uploads import TELL, WHOLE

# flock as NFS without a lock service has it; the others as every NFS before 4.2
REFUSING = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
static int refuse(int error) { errno = error; return -1; }
int flock(int fd, int how) { return getenv("NO_LOCKS") ? refuse(ENOLCK) : ((int (*)(int, int))dlsym(RTLD_NEXT, "flock"))(fd, how); }
int fallocate(int fd, int mode, off_t at, off_t n) { return mode && getenv("NO_HOLES") ? refuse(EOPNOTSUPP) : ((int (*)(int, int, off_t, off_t))dlsym(RTLD_NEXT, "fallocate"))(fd, mode, at, n); }
int fallocate64(int fd, int mode, off_t at, off_t n) { return fallocate(fd, mode, at, n); }
int fcntl64(int fd, int what, ...)
{
	va_list args;
	va_start(args, what);
	void *arg = va_arg(args, void *);
	va_end(args);
	return what == F_SETLEASE && getenv("NO_LEASES") ? refuse(EINVAL) : ((int (*)(int, int, ...))dlsym(RTLD_NEXT, "fcntl64"))(fd, what, arg);
}
int fcntl(int fd, int what, ...)
{
	va_list args;
	va_start(args, what);
	void *arg = va_arg(args, void *);
	va_end(args);
	return fcntl64(fd, what, arg);
}
"""


def works(faulty):
    """Writing, reading, a rename, and a store that refuses: all as anywhere."""
    result = faulty.run("echo one >$D/f && echo two >>$D/f && mv $D/f $D/g && cat $D/g && ls $D")
    want(result.stdout == b"one\ntwo\ng\nkeep\nold\n" and not result.stderr, f"{result}")
    result = faulty.context.run([faulty.context.skyshim, "run", "python3", "-c", BEGIN + TELL + WHOLE], env=faulty.env, timeout=110)
    want(result.stdout == b"close 0\n" and not result.stderr, f"{result}")
    check_large(faulty, content())
    faulty.fault("denied,verb=PutObject")
    want(faulty.run("echo kept >$D/h").status != 0, "it was stored")
    return faulty.kept("w/h", "Permission denied")


def in_memory(context):
    """On tmpfs: what is kept there outlives the daemon."""
    folder = tempfile.mkdtemp(prefix="sky.", dir="/dev/shm")
    try:
        with Faulty(context) as faulty:
            faulty.env["SKYSHIM_CACHE_DIR"] = f"{folder}/cache"
            try:
                number = works(faulty)
                stopped = context.run([context.skyshim, "stop"], env=faulty.env, timeout=20)
                want(stopped.status == 0, f"{stopped}")
                faulty.fault()
                faulty.exported(number, b"kept\n")
                want(faulty.recover("retry", number).status == 0, "retry")
                want(faulty.store.get("faulty", "w/h") == b"kept\n", "other bytes")
                faulty.none_left()
            finally:
                context.run([context.skyshim, "stop"], env=faulty.env, timeout=20)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def read_only(context):
    """A read-only file system: one line names the directory and the reason, and nothing is written anywhere."""
    mount = f"{context.folder}/ro"
    os.mkdir(mount)
    with Faulty(context) as faulty:
        inside = f"mount -t tmpfs -o mode=0700 none {mount} && mkdir {mount}/cache && mount -o remount,bind,ro {mount} && " \
                 f"exec {context.skyshim} run sh -c 'echo x >$D/f'"
        argv = ["unshare", *([] if os.geteuid() == 0 else ["--user", "--map-root-user"]), "--mount", "sh", "-c", inside]
        result = context.run(argv, env={**faulty.env, "SKYSHIM_CACHE_DIR": f"{mount}/cache"})
        want(result.status != 0 and our_lines(result), f"{result}")
        want(any(f"{mount}/cache" in line and "Read-only file system" in line for line in our_lines(result)), f"our lines: {our_lines(result)}")
        want(faulty.store.request("HEAD", "/faulty/w/f")[0] == 404, "it was written somehow")


class Refusing:
    """A daemon on a file system that refuses what REFUSING does."""

    def __init__(self, faulty, **env):
        context = faulty.context
        library = f"{context.folder}/refusing.so"
        with open(f"{context.folder}/refusing.c", "w", encoding="ascii") as out:
            out.write(REFUSING)
        subprocess.run(["gcc", "-shared", "-fPIC", "-o", library, f"{context.folder}/refusing.c", "-ldl"], check=True)
        self.process = context.start([context.skyshim, "daemon", "--foreground"], env={**faulty.env, "LD_PRELOAD": library, **env})

    def __enter__(self):
        return self.process

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate(timeout=20)


def no_locks(context):
    """Where nothing can be locked, two daemons could use one cache: so there is none, and a line says where."""
    with Faulty(context) as faulty, Refusing(faulty, NO_LOCKS="1") as daemon:
        _, said = daemon.communicate(timeout=20)
        want(daemon.returncode != 0, "it runs without a lock")
        want(f"{context.folder}/cache".encode() in said and b"No locks available" in said, f"it says {said!r}")


def refused(what):
    """Without leases or holes, as on NFS, what killed programs wrote would not be stored: so a line says what to do instead."""
    def check(context):
        with Faulty(context) as faulty, Refusing(faulty, **what) as daemon:
            _, said = daemon.communicate(timeout=20)
            want(daemon.returncode != 0, "it runs there")
            want(f"{context.folder}/cache".encode() in said and b"SKYSHIM_CACHE_DIR" in said and said.count(b"\n") == 1, f"it says {said!r}")
    return check


CASES = [Case(f"cache-dir/{name}", check=check, embedded_only=True, timeout=110) for name, check in {
    "in-memory": in_memory, "read-only": read_only, "no-locks": no_locks, "no-leases": refused({"NO_LEASES": "1"}), "no-holes": refused({"NO_HOLES": "1"})}.items()]
