# SPDX-License-Identifier: Apache-2.0
"""chmod, chown, times; access; statfs."""
import os

from calls import UTIME_NOW, UTIME_OMIT, utimensat
from trial import check

OTHER = 12345  # no user's number


@check("attributes/modes")
def modes(trial):
    for mode in (0o600, 0o444, 0o777, 0o4755, 0o2755, 0o1644):
        trial.do("chmod", os.chmod, trial.path("small.txt"), mode)
        trial.attributes("small.txt")


@check("attributes/mode-kept-by-writing")
def kept_by_writing(trial):
    os.chmod(trial.path("small.txt"), 0o751)
    fd = trial.open("small.txt", os.O_WRONLY | os.O_APPEND)
    trial.write(fd, b"more")
    trial.close(fd)
    trial.attributes("small.txt")
    trial.make("small.txt", b"cut and written")
    trial.attributes("small.txt")


@check("attributes/mode-of-what-is-open")
def of_what_is_open(trial):
    fd = trial.open("new", os.O_WRONLY | os.O_CREAT, 0o600)
    trial.do("fchmod", os.fchmod, fd, 0o444)
    trial.write(fd, b"still writable")
    trial.attributes(fd)
    trial.do("chmod", os.chmod, trial.path("new"), 0o440)
    trial.close(fd)
    trial.attributes("new")


@check("attributes/set-uid-cleared-by-writing", left=False)
def set_uid_cleared(trial):
    """Who is not root loses the bits by writing; root keeps them."""
    trial.make("program", b"x", 0o755)
    os.chmod(trial.path("program"), 0o4755)
    trial.attributes("program")


@check("attributes/owner")
def owner(trial):
    """Only root gives files away: who is not is told EPERM by both."""
    trial.do("chown", os.chown, trial.path("small.txt"), OTHER, OTHER + 1)
    trial.attributes("small.txt")
    trial.do("user alone", os.chown, trial.path("base.bin"), OTHER, -1)
    trial.do("nothing", os.chown, trial.path("base.bin"), -1, -1)
    trial.do("of nothing", os.chown, trial.path("none"), -1, -1)
    trial.attributes("base.bin")


@check("attributes/owner-by-descriptor")
def owner_by_descriptor(trial):
    fd = trial.open("base.bin", os.O_RDWR)
    trial.write(fd, b"changed")
    trial.do("fchown", os.fchown, fd, OTHER, OTHER)
    trial.attributes(fd)
    trial.close(fd)
    trial.attributes("base.bin")


@check("attributes/times")
def times(trial):
    path = trial.path("small.txt")
    for mtime in ((0, 0), (1, 999999999), (1 << 31, 5), (4102444800, 0)):
        trial.do("utimensat", utimensat, path, (3, 4), mtime)
        trial.attributes("small.txt")


@check("attributes/time-before-1970")
def before_1970(trial):
    trial.do("utimensat", utimensat, trial.path("small.txt"), (3, 4), (-86400, 250000000))
    trial.do("told", lambda: os.stat(trial.path("small.txt")).st_mtime_ns)


@check("attributes/time-now-and-omitted")
def now_and_omitted(trial):
    path = trial.path("small.txt")
    trial.do("set", utimensat, path, (3, 4), (1234567890, 7))
    trial.do("omit", utimensat, path, (3, UTIME_OMIT), (9, UTIME_OMIT))
    trial.attributes("small.txt")
    trial.do("now", utimensat, path, (3, UTIME_NOW), (9, UTIME_NOW))
    trial.attributes("small.txt")
    trial.do("bad", utimensat, path, (3, 4), (5, 1_000_000_000))
    trial.do("none", utimensat, trial.path("none"), (3, 4), (5, 6))
    trial.do("none omitted", utimensat, trial.path("none"), (3, UTIME_OMIT), (5, UTIME_OMIT))


@check("attributes/time-then-written")
def time_then_written(trial):
    fd = trial.open("small.txt", os.O_RDWR)
    os.utime(fd, ns=(1, 1234567890_000000007))
    trial.attributes(fd)
    trial.write(fd, b"later")
    trial.attributes(fd)
    trial.close(fd)
    trial.attributes("small.txt")


@check("attributes/written-then-time")
def written_then_time(trial):
    """As cp -p, tar and rsync do."""
    fd = trial.open("new", os.O_WRONLY | os.O_CREAT, 0o600)
    trial.write(fd, b"content")
    trial.do("futimens", os.utime, fd, ns=(1, 1234567890_000000007))
    trial.do("fchmod", os.fchmod, fd, 0o644)
    trial.close(fd)
    trial.attributes("new")


@check("attributes/all-at-once")
def all_at_once(trial):
    trial.do("chmod", os.chmod, trial.path("base.bin"), 0o640)
    trial.do("utime", os.utime, trial.path("base.bin"), ns=(1, 1234567890_000000007))
    trial.do("chown", os.chown, trial.path("base.bin"), os.getuid(), os.getgid())
    trial.attributes("base.bin")
    trial.content("base.bin")


@check("attributes/access")
def access(trial):
    for name, mode in (("small.txt", os.R_OK), ("small.txt", os.W_OK), ("small.txt", os.X_OK), (".", os.W_OK | os.X_OK),
                       ("none", os.F_OK), ("small.txt/x", os.F_OK)):
        trial.do("access", os.access, trial.path(name), mode)
    os.chmod(trial.path("small.txt"), 0o755)
    trial.do("executable", os.access, trial.path("small.txt"), os.X_OK)


@check("attributes/space", left=False)
def space(trial):
    """Numbers that are plausible: a program that looks for room finds some."""
    trial.make("a", b"x")
    fd = trial.open("a")
    for what, value in (("by path", os.statvfs(trial.path("a"))), ("by descriptor", os.fstatvfs(fd))):
        trial.say(what, [value.f_bsize > 0, value.f_frsize > 0, value.f_blocks > 0, 0 < value.f_bavail <= value.f_bfree <= value.f_blocks,
                         value.f_files >= value.f_ffree > 0, value.f_namemax == 255])
    trial.do("of nothing", os.statvfs, trial.path("none"))
    trial.close(fd)


@check("attributes/blocks", left=False)
def blocks(trial):
    st = os.stat(trial.path("base.bin"))
    trial.say("blocks", [st.st_blocks * 512 >= st.st_size, st.st_blksize >= 4096, st.st_nlink])
    st = os.stat(trial.path("small.txt"))
    trial.say("small", st.st_blocks > 0)
