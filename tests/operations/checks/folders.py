# SPDX-License-Identifier: Apache-2.0
"""Directories: made, removed, moved, exchanged."""
import os

from calls import RENAME_EXCHANGE, RENAME_NOREPLACE, RENAME_WHITEOUT, renameat2
from trial import check


def tree(trial, name, files=("a", "sub/b", "sub/deeper/c")):
    for file in files:
        os.makedirs(os.path.dirname(trial.path(f"{name}/{file}")), exist_ok=True)
        trial.make(f"{name}/{file}", file.encode())


@check("folder/make")
def make(trial):
    trial.do("mkdir", os.mkdir, trial.path("d"))
    trial.attributes("d")
    trial.do("again", os.mkdir, trial.path("d"))
    trial.do("onto a file", os.mkdir, trial.path("small.txt"))
    trial.do("in nothing", os.mkdir, trial.path("none/d"))
    trial.do("in a file", os.mkdir, trial.path("small.txt/d"))
    trial.do("with a slash", os.mkdir, trial.path("e/"))
    trial.names()


@check("folder/make-deep")
def make_deep(trial):
    os.makedirs(trial.path("a/b/c/d/e"))
    trial.make("a/b/c/d/e/file", b"deep")
    trial.names("a/b/c/d/e")


@check("folder/remove")
def remove(trial):
    os.mkdir(trial.path("d"))
    trial.do("rmdir", os.rmdir, trial.path("d"))
    trial.do("again", os.rmdir, trial.path("d"))
    trial.do("a file", os.rmdir, trial.path("small.txt"))
    trial.do("nothing", os.rmdir, trial.path("none"))
    trial.do("below a file", os.rmdir, trial.path("small.txt/d"))


@check("folder/remove-full")
def remove_full(trial):
    tree(trial, "d")
    trial.do("full", os.rmdir, trial.path("d"))
    trial.do("by unlink", os.unlink, trial.path("d"))
    os.unlink(trial.path("d/a"))
    trial.do("a folder is left", os.rmdir, trial.path("d"))
    trial.names("d")


@check("folder/remove-with-what-is-new")
def remove_with_new(trial):
    os.mkdir(trial.path("d"))
    fd = trial.open("d/new", os.O_WRONLY | os.O_CREAT)
    trial.do("rmdir", os.rmdir, trial.path("d"))
    trial.close(fd)


@check("folder/remove-all")
def remove_all(trial):
    tree(trial, "d")
    for name in ("a", "sub/b", "sub/deeper/c"):
        trial.do("unlink", os.unlink, trial.path(f"d/{name}"))
    for name in ("d/sub/deeper", "d/sub", "d"):
        trial.do("rmdir", os.rmdir, trial.path(name))
    trial.names()


@check("folder/remove-open")
def remove_open(trial):
    os.mkdir(trial.path("d"))
    fd = trial.open("d", os.O_RDONLY | os.O_DIRECTORY)
    trial.do("rmdir", os.rmdir, trial.path("d"))
    trial.do("make in it", lambda: os.open("x", os.O_WRONLY | os.O_CREAT, dir_fd=fd))
    trial.do("list it", os.listdir, fd)
    trial.close(fd)


@check("folder/make-again")
def make_again(trial):
    for _ in range(3):
        trial.do("mkdir", os.mkdir, trial.path("d"))
        trial.make("d/file", b"x")
        trial.do("unlink", os.unlink, trial.path("d/file"))
        trial.do("rmdir", os.rmdir, trial.path("d"))
    trial.do("mkdir", os.mkdir, trial.path("d"))


@check("folder/file-in-its-place")
def file_in_its_place(trial):
    os.mkdir(trial.path("x"))
    os.rmdir(trial.path("x"))
    trial.make("x", b"a file now")
    trial.do("mkdir", os.mkdir, trial.path("x"))
    os.unlink(trial.path("x"))
    trial.do("mkdir then", os.mkdir, trial.path("x"))
    trial.attributes("x")


@check("folder/rename")
def rename(trial):
    tree(trial, "d")
    trial.do("rename", os.rename, trial.path("d"), trial.path("e"))
    trial.names("e")
    trial.names("e/sub")
    trial.content("e/sub/deeper/c")
    trial.attributes("d")


@check("folder/rename-with-open-files")
def rename_open(trial):
    tree(trial, "d")
    changed, new = trial.open("d/a", os.O_RDWR), trial.open("d/sub/new", os.O_WRONLY | os.O_CREAT)
    trial.write(changed, b"changed", 0)
    trial.write(new, b"new")
    trial.do("rename", os.rename, trial.path("d"), trial.path("e"))
    trial.write(changed, b" and more", 7)
    trial.write(new, b" and more")
    trial.close(changed)
    trial.close(new)
    trial.names("e/sub")
    trial.content("e/a")
    trial.content("e/sub/new")
    trial.attributes("d")


@check("folder/rename-onto-empty")
def rename_onto_empty(trial):
    tree(trial, "d")
    os.mkdir(trial.path("e"))
    trial.do("rename", os.rename, trial.path("d"), trial.path("e"))
    trial.names()


@check("folder/rename-refused")
def rename_refused(trial):
    tree(trial, "d")
    tree(trial, "e", ("full",))
    trial.do("onto a full one", os.rename, trial.path("d"), trial.path("e"))
    trial.do("into itself", os.rename, trial.path("d"), trial.path("d/sub/d"))
    trial.do("onto its parent", os.rename, trial.path("d/sub"), trial.path("d"))
    trial.do("onto a file", os.rename, trial.path("d"), trial.path("small.txt"))
    trial.do("into nothing", os.rename, trial.path("d"), trial.path("none/d"))
    trial.do("not replacing", renameat2, trial.path("d"), trial.path("e"), RENAME_NOREPLACE)
    trial.do("onto itself", os.rename, trial.path("d"), trial.path("d"))
    trial.names()


@check("folder/rename-empty")
def rename_empty(trial):
    os.mkdir(trial.path("d"))
    trial.do("rename", os.rename, trial.path("d"), trial.path("e"))
    trial.attributes("e")
    trial.names()


@check("folder/rename-twice")
def rename_twice(trial):
    tree(trial, "d")
    for old, new in (("d", "e"), ("e", "d"), ("d/sub", "sub"), ("sub/deeper", "d/deeper")):
        trial.do("rename", os.rename, trial.path(old), trial.path(new))
    trial.names("d")
    trial.names("sub")


@check("folder/exchange")
def exchange(trial):
    tree(trial, "d")
    tree(trial, "e", ("other", "sub/b", "only/here"))
    os.stat(trial.path("d/sub"))
    trial.do("a name that is to come", os.stat, trial.path("e/sub/deeper"))
    trial.do("exchange", renameat2, trial.path("d"), trial.path("e"), RENAME_EXCHANGE)
    for name in ("d", "e"):
        trial.names(name)
        trial.names(f"{name}/sub")
        trial.content(f"{name}/sub/b")
    trial.content("e/sub/deeper/c")
    trial.attributes("d/only")
    trial.attributes("e/only")
    trial.names()
    trial.do("and back", renameat2, trial.path("d"), trial.path("e"), RENAME_EXCHANGE)
    trial.names("d")
    trial.content("e/other")


@check("folder/exchange-with-a-file", lacks=("azure-hierarchical",))  # they would have one name for a while
def exchange_kinds(trial):
    tree(trial, "d")
    os.symlink("small.txt", trial.path("l"))
    trial.do("with a file", renameat2, trial.path("d"), trial.path("small.txt"), RENAME_EXCHANGE)
    trial.attributes("d")
    trial.names("small.txt")
    trial.do("with a link", renameat2, trial.path("l"), trial.path("small.txt/sub"), RENAME_EXCHANGE)
    trial.do("the link", os.readlink, trial.path("small.txt/sub"))
    trial.names("l")
    trial.content("d")
    trial.names()
    trial.do("back", renameat2, trial.path("d"), trial.path("small.txt"), RENAME_EXCHANGE)
    trial.names()


@check("folder/exchange-refused", lacks=("azure-hierarchical",))
def exchange_refused(trial):
    tree(trial, "d")
    os.mkdir(trial.path("e"))
    for what, one, other in (("with what is in it", "d", "d/sub"), ("with what it is in", "d/sub", "d"), ("with a file in it", "d", "d/sub/b"),
                             ("with nothing", "d", "none"), ("nothing with it", "none", "d"), ("in nothing", "d", "none/e"),
                             ("below a file", "d", "small.txt/e"), ("a file with a slash", "d", "small.txt/"),
                             ("a slash behind a file", "small.txt/", "d"), ("with itself", "d", "d")):
        trial.do(what, renameat2, trial.path(one), trial.path(other), RENAME_EXCHANGE)
    for what, flags in (("and not replace", RENAME_EXCHANGE | RENAME_NOREPLACE), ("and a whiteout", RENAME_EXCHANGE | RENAME_WHITEOUT)):
        trial.do(what, renameat2, trial.path("d"), trial.path("e"), flags)
    trial.do("slashes behind folders", renameat2, trial.path("d/"), trial.path("e/"), RENAME_EXCHANGE)
    trial.do("a slash behind one", renameat2, trial.path("small.txt"), trial.path("e/"), RENAME_EXCHANGE)
    trial.names("small.txt")
    trial.names()


@check("folder/exchange-empty")
def exchange_empty(trial):
    tree(trial, "d")
    os.mkdir(trial.path("e"))
    os.mkdir(trial.path("f"))
    os.chmod(trial.path("e"), 0o711)
    trial.do("full and empty", renameat2, trial.path("d"), trial.path("e"), RENAME_EXCHANGE)
    trial.names("d")
    trial.attributes("d")
    trial.names("e")
    trial.do("two empty", renameat2, trial.path("d"), trial.path("f"), RENAME_EXCHANGE)
    trial.attributes("d")
    trial.attributes("f")
    trial.do("remove", os.rmdir, trial.path("f"))
    trial.names()


@check("folder/exchange-with-open-files")
def exchange_open(trial):
    tree(trial, "d")
    tree(trial, "e")
    trial.make("e/large", b"0123456789abcdef" * 65536)
    changed, new = trial.open("d/a", os.O_RDWR), trial.open("e/sub/new", os.O_WRONLY | os.O_CREAT)
    fresh, read = trial.open("d/fresh", os.O_RDWR | os.O_CREAT), trial.open("e/large")
    trial.write(changed, b"changed", 0)
    trial.write(new, b"new")
    trial.do("exchange", renameat2, trial.path("d"), trial.path("e"), RENAME_EXCHANGE)
    trial.write(changed, b" and more", 7)
    trial.write(new, b" and more")
    trial.write(fresh, b"since")
    trial.do("read", os.pread, read, 20, 1000000)
    trial.do("where it is", lambda: os.path.basename(os.path.dirname(os.readlink(f"/proc/self/fd/{changed}"))))
    for fd in (changed, new, fresh, read):
        trial.close(fd)
    for name in ("d/a", "e/a", "d/sub/new", "e/fresh", "d/sub/b", "d/large"):
        trial.content(name)
    trial.names("e/sub")


@check("folder/exchange-by-descriptor")
def exchange_by_descriptor(trial):
    """One is where a program is, the other where it has a descriptor: what it names there is as the kernel has it."""
    tree(trial, "d/one")
    tree(trial, "d/two", ("other",))
    fd = trial.open("d", os.O_RDONLY | os.O_DIRECTORY)
    trial.do("exchange", renameat2, "one", "two", RENAME_EXCHANGE, fd, fd)
    trial.names("d/one")
    trial.names("d/two/sub")
    trial.close(fd)


@check("folder/rename-with-a-reader")
def rename_reader(trial):
    tree(trial, "d")
    trial.make("d/large", b"0123456789abcdef" * 262144)
    fd = trial.open("d/large")
    trial.do("a name that is to come", os.stat, trial.path("e/sub"))
    trial.do("rename", os.rename, trial.path("d"), trial.path("e"))
    trial.do("read", os.pread, fd, 16, 4000000)
    trial.do("folder", lambda: os.path.isdir(trial.path("e/sub")))
    trial.close(fd)
