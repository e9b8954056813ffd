# SPDX-License-Identifier: Apache-2.0
"""rename in all its forms, unlink, link: what the states do not cover."""
import os
import stat

from calls import AT_FDCWD, RENAME_EXCHANGE, RENAME_NOREPLACE, RENAME_WHITEOUT, renameat2
from trial import check


@check("rename/noreplace")
def noreplace(trial):
    trial.do("new name", renameat2, trial.path("small.txt"), trial.path("other"), RENAME_NOREPLACE)
    trial.do("taken", renameat2, trial.path("other"), trial.path("base.bin"), RENAME_NOREPLACE)
    trial.do("of nothing", renameat2, trial.path("none"), trial.path("other2"), RENAME_NOREPLACE)
    trial.content("other")


@check("rename/exchange")
def exchange(trial):
    trial.do("exchange", renameat2, trial.path("small.txt"), trial.path("base.bin"), RENAME_EXCHANGE)
    trial.do("with nothing", renameat2, trial.path("small.txt"), trial.path("none"), RENAME_EXCHANGE)
    trial.do("of nothing", renameat2, trial.path("none"), trial.path("small.txt"), RENAME_EXCHANGE)
    trial.do("both", renameat2, trial.path("small.txt"), trial.path("base.bin"), RENAME_EXCHANGE | RENAME_NOREPLACE)
    trial.do("unknown", renameat2, trial.path("small.txt"), trial.path("base.bin"), 64)
    trial.content("small.txt")


@check("rename/exchange-open")
def exchange_open(trial):
    one, two = trial.open("small.txt", os.O_RDWR), trial.open("base.bin", os.O_RDWR)
    trial.write(one, b"SMALL", 0)
    trial.do("exchange", renameat2, trial.path("small.txt"), trial.path("base.bin"), RENAME_EXCHANGE)
    trial.write(two, b"LARGE", 0)
    trial.write(one, b"small", 6)
    trial.close(one)
    trial.close(two)
    trial.content("small.txt")
    trial.content("base.bin")


@check("rename/whiteout", differs={"whiteout": "EINVAL"}, left=False)
def whiteout(trial):
    trial.do("whiteout", renameat2, trial.path("small.txt"), trial.path("other"), RENAME_WHITEOUT)


@check("rename/of-nothing")
def of_nothing(trial):
    trial.do("nothing", os.rename, trial.path("none"), trial.path("other"))
    trial.do("into nothing", os.rename, trial.path("small.txt"), trial.path("none/other"))
    trial.do("into a file", os.rename, trial.path("small.txt"), trial.path("base.bin/other"))
    trial.do("onto itself", os.rename, trial.path("small.txt"), trial.path("small.txt"))
    trial.do("with a slash", os.rename, trial.path("small.txt"), trial.path("other/"))
    trial.do("from a slash", os.rename, trial.path("small.txt/"), trial.path("other"))
    trial.names()


@check("rename/between-kinds")
def between_kinds(trial):
    os.mkdir(trial.path("d"))
    trial.do("file onto directory", os.rename, trial.path("small.txt"), trial.path("d"))
    trial.do("directory onto file", os.rename, trial.path("d"), trial.path("small.txt"))
    trial.do("file into itself", os.rename, trial.path("small.txt"), trial.path("small.txt/x"))
    trial.names()


@check("rename/keeps-attributes")
def keeps_attributes(trial):
    os.chmod(trial.path("small.txt"), 0o751)
    os.utime(trial.path("small.txt"), ns=(1, 1234567890_000000005))
    trial.do("rename", os.rename, trial.path("small.txt"), trial.path("other"))
    trial.attributes("other")


@check("rename/many-times")
def many_times(trial):
    fd = trial.open("small.txt", os.O_RDWR)
    for i in range(6):
        trial.do("rename", os.rename, trial.path("small.txt" if i == 0 else f"n{i - 1}"), trial.path(f"n{i}"))
        trial.write(fd, b"%d" % i)
    trial.close(fd)
    trial.names()


@check("rename/chain-of-logs")
def chain(trial):
    """As logrotate: each takes the other's name, while one is open."""
    fd = trial.open("log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    trial.write(fd, b"one\n")
    for i in range(3):
        for n in range(i, 0, -1):
            trial.do("rename", os.rename, trial.path(f"log.{n}"), trial.path(f"log.{n + 1}"))
        trial.do("rename", os.rename, trial.path("log"), trial.path("log.1"))
        trial.write(fd, b"after %d\n" % i)
        trial.close(fd)
        fd = trial.open("log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        trial.write(fd, b"new %d\n" % i)
    trial.close(fd)
    trial.names()


@check("unlink/refused")
def unlink_refused(trial):
    os.mkdir(trial.path("d"))
    trial.do("directory", os.unlink, trial.path("d"))
    trial.do("nothing", os.unlink, trial.path("none"))
    trial.do("below a file", os.unlink, trial.path("small.txt/x"))
    trial.do("with a slash", os.unlink, trial.path("small.txt/"))
    trial.names()


@check("unlink/open-by-many")
def open_by_many(trial):
    fds = [trial.open("base.bin", os.O_RDWR) for _ in range(3)]
    trial.do("unlink", os.unlink, trial.path("base.bin"))
    for i, fd in enumerate(fds):
        trial.write(fd, b"%d" % i, i)
        trial.do("read", os.pread, fds[0], 5, 0)
        trial.close(fd)
    trial.names()


@check("unlink/last-in-a-folder")
def last_in_a_folder(trial):
    os.mkdir(trial.path("d"))
    trial.make("d/only", b"x")
    trial.do("unlink", os.unlink, trial.path("d/only"))
    trial.attributes("d")
    trial.names("d")


@check("link/second-name")
def second_name(trial):
    trial.do("link", os.link, trial.path("small.txt"), trial.path("second"))
    trial.content("second")
    trial.do("taken", os.link, trial.path("small.txt"), trial.path("base.bin"))
    trial.do("of nothing", os.link, trial.path("none"), trial.path("third"))
    trial.do("into nothing", os.link, trial.path("small.txt"), trial.path("none/x"))
    trial.do("unlink the first", os.unlink, trial.path("small.txt"))
    trial.content("second")


@check("link/of-a-directory")
def of_a_directory(trial):
    os.mkdir(trial.path("d"))
    trial.do("link", os.link, trial.path("d"), trial.path("e"))


@check("link/of-what-is-written")
def of_what_is_written(trial):
    fd = trial.open("new", os.O_WRONLY | os.O_CREAT, 0o600)
    trial.write(fd, b"written before the link")
    trial.do("link", os.link, trial.path("new"), trial.path("second"))
    trial.close(fd)
    trial.content("second")
    trial.attributes("second")


@check("names/device-nodes", differs={"device": "EPERM", "pipe": "EPERM", "socket": "EPERM"}, left=False)
def device_nodes(trial):
    for what, kind in (("device", stat.S_IFCHR), ("pipe", stat.S_IFIFO), ("socket", stat.S_IFSOCK)):
        trial.do(what, os.mknod, trial.path(what), kind | 0o600, os.makedev(1, 3))
    trial.do("taken", os.mknod, trial.path("small.txt"), stat.S_IFIFO | 0o600)


@check("names/mknod-of-a-file")
def mknod_file(trial):
    trial.do("mknod", os.mknod, trial.path("node"), stat.S_IFREG | 0o640)
    trial.attributes("node")
    trial.do("again", os.mknod, trial.path("node"), stat.S_IFREG | 0o640)


@check("names/backslash", lacks=("azure",))
def backslash(trial):
    trial.make("\\back", b"a\\b")
    trial.names()
    trial.do("rename", os.rename, trial.path("\\back"), trial.path("a\\b"))
    trial.content("a\\b")


@check("names/odd", lacks=("gcs",))  # one has a line end
def odd(trial):
    for name in ("a space", "ünïcode", "100%", "a+b&c=d?e#f", "'quote\"", "-dash", "tab\there", "new\nline", "~", "%41", "x" * 255):
        trial.make(name, name.encode())
    trial.names()
    trial.do("rename", os.rename, trial.path("100%"), trial.path("a+b&c=d?e#f"))
    trial.do("unlink", os.unlink, trial.path("new\nline"))
    trial.do("too long", os.rename, trial.path("~"), trial.path("y" * 256))
    trial.do("too long by descriptor", lambda: os.open("z" * 256, os.O_CREAT | os.O_WRONLY, dir_fd=AT_FDCWD))
