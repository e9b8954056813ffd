# SPDX-License-Identifier: Apache-2.0
"""What is known of names when a directory has moved or gone, while all that was ever known is still believed: the same
calls on a bucket and on a local directory, and the answers compared."""
import os

from case import Case, want

LONG = {"SKYSHIM_META_TTL_MS": "600000"}  # nothing is asked about again just because time has passed
NEVER = {"SKYSHIM_META_TTL_MS": "0"}

PRELUDE = """
import ctypes, os
D = os.environ["D"]
os.chdir("/")
def tell(what, call, *args):
    try:
        print(what, call(*args))
    except OSError as e:
        print(what, e.strerror)
def write(path, text=b"content", flags=os.O_TRUNC, mode=0o644):
    fd = os.open(f"{D}/{path}", os.O_WRONLY | os.O_CREAT | flags, mode)
    os.write(fd, text)
    os.close(fd)
def read(path):
    with open(f"{D}/{path}", "rb") as f:
        return f.read()
def each(call):
    return lambda *paths: call(*(f"{D}/{path}" for path in paths))
mkdir, rmdir, rename, unlink, makedirs = (each(call) for call in (os.mkdir, os.rmdir, os.rename, os.unlink, os.makedirs))
exists = each(os.path.exists)
ls = each(lambda path: sorted(os.listdir(path)))
mode = each(lambda path: oct(os.lstat(path).st_mode))
opened = each(lambda path: os.close(os.open(path, os.O_RDWR)))
new = lambda path: write(path, flags=os.O_EXCL)
def exchange(old, new):
    if ctypes.CDLL(None, use_errno=True).syscall(316, -100, f"{D}/{old}".encode(), -100, f"{D}/{new}".encode(), 2):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
def tree():
    return sorted(os.path.relpath(os.path.join(at, name), D) for at, dirs, files in os.walk(D) for name in dirs + files)
"""

# What was known of a directory before the one that it is in is renamed.
LOOKS = ("'nothing', lambda path: None", "'stat', exists", "'list', ls", "'open', lambda path: os.close(os.open(f'{D}/{path}', os.O_RDONLY))",
         "'missing', lambda path: exists(path + '/x')", "'append', lambda path: tell('append', write, path, b'', os.O_APPEND)",
         "'file', lambda path: (write(path + '/y'), unlink(path + '/y'))", "'bytes', lambda path: (write(path + '/y'), read(path + '/y'))")
MOVED = """
for at, (what, look) in enumerate(LOOKS):
    old, new_name = f"e{at}", f"a{at}"
    makedirs(old + "/f/g")
    look(old + "/f/g")
    look(old + "/f")
    HOW
    for name in "/f/g", "/f", "":
        tell("exists", exists, old + name)
        tell("list", ls, old + name)
        tell("new", new, f"{old}{name}/n")
        tell("renamed", rename, old + name, "gone")
        tell("exchanged", exchange, old + name, new_name)
        tell("removed", rmdir, old + name)
        tell("beside", exists, f"{new_name}{name}")
        tell("beside list", ls, f"{new_name}{name}")
    makedirs(old)
    for name in "/f/g", "/f":
        tell("exists in the next", exists, old + name)
    makedirs(old + "/f/g")
    print(what, ls(old + "/f/g"), ls(new_name + "/f/g"))
print(tree())
"""


def same(script, env):
    """On the bucket as on the local directory."""
    def check(context):
        bucket = context.bucket + context.world.CHANGING
        folder = f"told-{os.path.basename(context.folder)}"
        context.store.put(bucket, f"{folder}/keep", b"keep")
        local = os.path.join(context.work, "local")
        os.mkdir(local)
        with open(os.path.join(local, "keep"), "wb") as kept:
            kept.write(b"keep")
        program = ["python3", "-c", PRELUDE + script]
        there = context.run([context.skyshim, "run", *program], env={**env, "D": f"{context.cloud}{context.world.CHANGING}/{folder}"})
        here = context.run(program, env={"D": local})
        want(here.status == 0 and not here.stderr and here.stdout, f"the script: {here}")
        differ = [f"{a.decode()} and not {b.decode()}" for a, b in zip(there.stdout.splitlines(), here.stdout.splitlines()) if a != b]
        want(there.status == 0 and there.stdout == here.stdout, f"{differ}\n{there.stdout.decode()}\n{there.stderr.decode()}")
    return check


def moved(how):
    return MOVED.replace("LOOKS", f"({', '.join(f'({look})' for look in LOOKS)})").replace("HOW", how)


# Opened with O_TRUNC, where nothing believed says what has the name.
CUT_DIRECTORY = """
makedirs("x/y/u")
write("x/y/f")
write("x/y/u/g")
rename("x", "z")
for name in "z/y/u", "z/y", "z":
    tell("moved", write, name)
mkdir("s")
tell("made", write, "s")
mkdir("empty")
mkdir("empty/t")
write("empty/t/f")
unlink("empty/t/f")
tell("emptied", write, "empty/t")
makedirs("v/w")
write("v/w/f")
mkdir("o")
exchange("v", "o")
tell("exchanged", write, "o/w")
tell("not there", write, "v/w")
print(tree())
"""
CUT_BELOW = """
mkdir("q")
rmdir("q")
tell("removed", write, "q/f")
tell("and below", write, "q/r/f")
makedirs("m/n/o")
rename("m", "l")
for name in "m", "m/n", "m/n/o":
    tell("moved", write, name + "/f")
write("l/n/o/f")
mkdir("m")
tell("made again", write, "m/f")
tell("but not", write, "m/n/f")
print(tree())
"""

# What has the name is another than before. A file that was written is a draft for a second or two, and moves with its directory.
AGAIN = """
import time
for way in "unlink", "rename", "directory":
    mkdir(way)
    link, file = f"{way}/link", f"{way}/file"
    os.symlink("nowhere", f"{D}/{link}")
    tell("link", opened, link)
    write(file, b"old content")
    os.chmod(f"{D}/{file}", 0o777)
    read(file)
    if way == "directory":
        time.sleep(2.5)
        rename(way, "aside")
        mkdir(way)
    for name in link, file:
        if way == "unlink":
            unlink(name)
        elif way == "rename":
            rename(name, f"{name}-away")
        write(name, b"content", mode=0o600)
        tell("mode", mode, name)
        tell("opened", opened, name)
        tell("read", read, name)
        rename(name, f"{name}-moved")
        tell("mode", mode, f"{name}-moved")
        tell("read", read, f"{name}-moved")
print(tree(), mode("aside/link"), mode("rename/link-away"))
"""


SCRIPTS = {
    "below-renamed": (moved("rename(old, new_name)"), LONG),
    "below-renamed-onto": (moved("mkdir(new_name); ls(new_name); rename(old, new_name)"), LONG),
    "cut-directory": (CUT_DIRECTORY, LONG),
    "cut-directory-asked": (CUT_DIRECTORY, NEVER),
    "cut-below-nothing": (CUT_BELOW, LONG),
    "cut-below-nothing-asked": (CUT_BELOW, NEVER),
    "again": (AGAIN, LONG),
    "again-asked": (AGAIN, NEVER),
}

def gone_elsewhere(context):
    """A directory that is still believed to be there, and another machine has removed, is not renamed; an empty one is."""
    bucket = context.bucket + context.world.CHANGING
    folder = f"told-{os.path.basename(context.folder)}"
    env = {**LONG, "D": f"{context.cloud}{context.world.CHANGING}/{folder}"}
    for key in ("keep", "d/keep", "d/a/f", "d/b/", "u/f"):
        context.store.put(bucket, f"{folder}/{key}", b"")

    def run(script):
        result = context.run([context.skyshim, "run", "python3", "-c", PRELUDE + script], env=env)
        want(result.status == 0 and not result.stderr, f"{script}: {result}")
        return result.stdout.decode().split("\n")[:-1]
    want(run("print(tree())") == ["['d', 'd/a', 'd/a/f', 'd/b', 'd/keep', 'keep', 'u', 'u/f']"], "what others made is not seen")
    context.store.delete(bucket, f"{folder}/d/a/f")
    context.store.delete(bucket, f"{folder}/d/b/")
    said = run("for name in 'd/a', 'd/b':\n    tell(exists(name), rename, name, 'c')\n    print(exists(name), exists('c'))")
    want(said == ["True No such file or directory", "False False"] * 2, f"renamed: {said}")
    said = run("unlink('u/f')\nrename('u', 'c')\nprint(ls('c'), exists('u'))")
    want(said == ["[] False"], f"one that is only remembered: {said}")
    said = run("makedirs('g/h')\nrename('g/h', 'i')\nrename('g', 'k')\nprint(ls('k'), ls('i'), exists('g'))")
    want(said == ["[] [] False"], f"one whose only directory has moved: {said}")


CASES = [*(Case(f"told/{name}", check=same(*script)) for name, script in SCRIPTS.items()),
         Case("told/gone-elsewhere", check=gone_elsewhere)]
