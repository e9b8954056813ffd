# SPDX-License-Identifier: Apache-2.0
"""What open makes, cuts and refuses; descriptors' flags."""
import fcntl
import os
import resource

from trial import check


@check("open/create")
def create(trial):
    fd = trial.open("new", os.O_WRONLY | os.O_CREAT, 0o640)
    trial.attributes("new")
    trial.write(fd, b"content")
    trial.close(fd)
    trial.attributes("new")


@check("open/create-empty")
def create_empty(trial):
    trial.close(trial.open("new", os.O_WRONLY | os.O_CREAT, 0o600))
    trial.attributes("new")


@check("open/create-to-read")
def create_to_read(trial):
    fd = trial.open("new", os.O_RDONLY | os.O_CREAT, 0o444)
    trial.do("read", os.read, fd, 10)
    trial.do("write", os.write, fd, b"no")
    trial.close(fd)
    trial.attributes("new")


@check("open/creat")
def creat(trial):
    trial.attributes("small.txt", "known")
    fd = trial.open("small.txt", os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
    trial.attributes("small.txt", "mode of what was there")
    trial.close(fd)


@check("open/creat-of-what-nobody-asked-about", differs={"mode": "0o100600"}, left=False)
def creat_unasked(trial):
    """It is overwritten without a request, so its mode is not known: docs/writing.md."""
    trial.close(trial.open("small.txt", os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600))
    trial.do("mode", lambda: oct(os.stat(trial.path("small.txt")).st_mode))


@check("open/umask")
def umask(trial):
    for mask in (0, 0o027, 0o077, 0o777):
        os.umask(mask)
        trial.close(trial.open(f"masked-{mask:o}", os.O_WRONLY | os.O_CREAT, 0o666))
        trial.attributes(f"masked-{mask:o}")
    os.umask(0o022)
    trial.do("mode of set-uid", os.chmod, trial.path("masked-0"), 0o4755)
    for mask in (0o027, 0o077, 0o777):  # who is not root cannot read what nobody may read
        os.chmod(trial.path(f"masked-{mask:o}"), 0o600 | mask >> 3 & 0o44)


@check("open/exclusive")
def exclusive(trial):
    fd = trial.open("new", os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    trial.open("new", os.O_WRONLY | os.O_CREAT | os.O_EXCL, what="of what is not closed")
    trial.close(fd)
    trial.open("new", os.O_WRONLY | os.O_CREAT | os.O_EXCL, what="of what is closed")
    os.unlink(trial.path("new"))
    fd = trial.open("new", os.O_RDWR | os.O_CREAT | os.O_EXCL, what="again")
    trial.write(fd, b"second")
    trial.close(fd)


@check("open/exclusive-by-many")
def exclusive_by_many(trial):
    def take():
        fd = os.open(trial.path("lock"), os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        os.write(fd, b"taken")
        os.close(fd)
        return 0
    pids = [trial.start(take) for _ in range(8)]
    statuses = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids]
    trial.say("who got it", sorted(statuses))
    trial.content("lock")


@check("open/truncate-read-only")
def truncate_read_only(trial):
    fd = trial.open("base.bin", os.O_RDONLY | os.O_TRUNC)
    trial.attributes(fd)
    trial.close(fd)


@check("open/truncate-while-read")
def truncate_while_read(trial):
    reader = trial.open("base.bin")
    trial.do("read", os.read, reader, 10)
    fd = trial.open("base.bin", os.O_WRONLY | os.O_TRUNC)
    trial.do("read what is cut", os.read, reader, 10)
    trial.write(fd, b"0123456789ABCDEF")
    trial.do("read what is new", os.read, reader, 10)
    trial.close(fd)
    trial.close(reader)


@check("open/truncate-wins-over-buffered")
def truncate_wins(trial):
    one = trial.open("base.bin", os.O_RDWR)
    trial.write(one, b"one", 300000)
    two = trial.open("base.bin", os.O_WRONLY | os.O_TRUNC)
    trial.write(two, b"two")
    trial.close(two)
    trial.close(one)
    trial.content("base.bin")


@check("open/directory-flag")
def directory_flag(trial):
    trial.open("base.bin", os.O_RDONLY | os.O_DIRECTORY)
    trial.open("base.bin", os.O_RDONLY | os.O_DIRECTORY | os.O_CREAT, what="make")
    trial.open("none", os.O_RDONLY | os.O_DIRECTORY, what="none")
    fd = trial.open(".", os.O_RDONLY | os.O_DIRECTORY)
    trial.do("write", os.write, fd, b"x")
    trial.do("ftruncate", os.ftruncate, fd, 0)
    trial.close(fd)


@check("open/path-only")
def path_only(trial):
    fd = trial.open("base.bin", os.O_PATH)
    for what, call in (("read", lambda: os.read(fd, 1)), ("write", lambda: os.write(fd, b"x")),
                       ("fchmod", lambda: os.fchmod(fd, 0o600)), ("ftruncate", lambda: os.ftruncate(fd, 0)),
                       ("fsync", lambda: os.fsync(fd)), ("size", lambda: os.fstat(fd).st_size)):
        trial.do(what, call)
    again = trial.do("again", lambda: os.open(f"/proc/self/fd/{fd}", os.O_RDWR) > 0)
    trial.say("opened", again)
    for other in set(map(int, os.listdir("/proc/self/fd"))):
        try:
            if other > 2 and other != fd and os.path.basename(os.readlink(f"/proc/self/fd/{other}")) == "base.bin":
                trial.write(other, b"through")
                os.close(other)
        except OSError:
            pass
    trial.close(fd)


@check("open/flags-told")
def flags_told(trial):
    mask = os.O_ACCMODE | os.O_APPEND | os.O_NONBLOCK
    for flags in (os.O_RDONLY, os.O_WRONLY, os.O_RDWR | os.O_APPEND, os.O_RDWR | os.O_NONBLOCK):
        fd = trial.open("base.bin", flags)
        trial.do("flags", lambda: fcntl.fcntl(fd, fcntl.F_GETFL) & mask)
        trial.do("close-on-exec", fcntl.fcntl, fd, fcntl.F_GETFD)
        trial.close(fd)


@check("open/append-set-later")
def append_later(trial):
    fd = trial.open("small.txt", os.O_RDWR)
    fcntl.fcntl(fd, fcntl.F_SETFL, os.O_APPEND)
    trial.write(fd, b"appended")
    fcntl.fcntl(fd, fcntl.F_SETFL, 0)
    trial.write(fd, b"HELLO", 0)
    trial.close(fd)


@check("open/no-descriptors-left")
def no_descriptors(trial):
    """Nothing is made or cut for whom there is no descriptor."""
    def crowded():
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
        held = []
        try:
            while True:
                held.append(os.dup(0))
        except OSError:
            pass
        wrong = 0
        for name, flags in (("new", os.O_CREAT), ("base.bin", os.O_TRUNC)):
            try:
                os.open(trial.path(name), os.O_WRONLY | flags)
                wrong += 1
            except OSError as error:
                wrong += error.errno != 24
        for fd in held:
            os.close(fd)
        return wrong
    trial.child(crowded)
    trial.attributes("new")
    trial.attributes("base.bin")


@check("open/relative")
def relative(trial):
    folder = trial.open(".", os.O_RDONLY | os.O_DIRECTORY)
    fd = os.open("new", os.O_WRONLY | os.O_CREAT, 0o644, dir_fd=folder)
    trial.write(fd, b"relative to a descriptor")
    trial.close(fd)
    os.chdir(trial.path())
    fd = os.open("./new", os.O_WRONLY | os.O_APPEND)
    trial.write(fd, b", and to where we are")
    trial.close(fd)
    trial.do("rename", os.rename, "new", "../" + os.path.basename(trial.folder) + "/newer", src_dir_fd=folder)
    trial.do("unlink", os.unlink, "small.txt", dir_fd=folder)
    trial.do("mkdir", os.mkdir, "made", dir_fd=folder)
    trial.close(folder)
    trial.names()


@check("open/by-descriptor-name")
def by_descriptor_name(trial):
    fd = trial.open("base.bin", os.O_RDWR)
    other = os.open(f"/proc/self/fd/{fd}", os.O_WRONLY)
    trial.write(other, b"by its number", 10)
    trial.close(other)
    other = os.open(f"/dev/fd/{fd}", os.O_WRONLY | os.O_TRUNC)
    trial.write(other, b"cut")
    trial.close(other)
    trial.attributes(fd)
    trial.close(fd)
