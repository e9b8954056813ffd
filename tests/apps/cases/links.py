# SPDX-License-Identifier: Apache-2.0
"""Second names, names that change places, and files that get their name late: natively and in a bucket."""
import os

from case import Case, want
from cases.budget import Counted
from cases.write import Folder, compare_both

RENAMEAT2 = ("import ctypes, os\nD = os.environ['D']\nlibc = ctypes.CDLL(None, use_errno=True)\n"
             "def swap(a, b, flags=2):\n"
             "    r = libc.syscall(316, -100, os.fsencode(D + a), -100, os.fsencode(D + b), flags)\n"
             "    print(a, b, flags, r, os.strerror(ctypes.get_errno()) if r else '')\n")
UNNAMED = ("import os\nD = os.environ['D']\nf = os.open(D, os.O_TMPFILE | os.O_RDWR, 0o640)\nos.write(f, b'no name yet')\n"
           "print(sorted(os.listdir(D)), os.fstat(f).st_size, oct(os.fstat(f).st_mode))\n")

LINKED = """import fcntl, mmap, os, subprocess, sys
D = os.environ['D'] + '/'
def both(*names, times=False):
    s = [os.stat(D + n) for n in names]
    print(names, [x.st_nlink for x in s], [x.st_size for x in s], [oct(x.st_mode) for x in s], len({(x.st_dev, x.st_ino) for x in s}),
          [x.st_mtime_ns for x in s] if times else len({x.st_mtime_ns for x in s}), [open(D + n, 'rb').read(60) for n in names])
"""

WHILE_OPEN = LINKED + """
f = os.open(D + 'a', os.O_RDWR | os.O_CREAT, 0o640)
os.write(f, b'first')
os.link(D + 'a', D + 'b')
print(os.fstat(f).st_nlink)
both('a', 'b')
os.write(f, b', second')
both('a', 'b')
g = os.open(D + 'b', os.O_RDWR)
print(os.path.sameopenfile(f, g), os.fstat(g).st_nlink)
os.pwrite(g, b'F', 0)
both('a', 'b')
m, n = mmap.mmap(f, 0), mmap.mmap(g, 0)
m[1] = ord('I')
print(n[:8], os.pread(g, 8, 0))
n[2] = ord('R')
print(m[:8], os.pread(f, 8, 0))
m.close(), n.close()
os.ftruncate(g, 4)
both('a', 'b')
open(D + 'b', 'a').write('-by-path')
both('b', 'a')
os.truncate(D + 'a', 6)
both('b', 'a')
os.chmod(D + 'b', 0o600)
os.utime(D + 'a', (1e9, 1e9))
both('a', 'b', times=True)
os.fchmod(f, 0o644)
os.utime(g, ns=(5, 1234567890123456789))
both('a', 'b', times=True)
try:
    os.setxattr(D + 'b', 'user.x', b'y')
    print(os.getxattr(D + 'a', 'user.x'), os.listxattr(D + 'a'), os.getxattr(g, 'user.x'))
except OSError as e:
    print(b'y', ['user.x'], b'y') if e.errno == 95 else print(e)  # the local file system has none
os.link(D + 'b', D + 'c')
os.link('/proc/self/fd/%d' % f, D + 'd', follow_symlinks=True)
both('a', 'b', 'c', 'd')
os.rename(D + 'b', D + 'e')
os.rename(D + 'a', D + 'e')
print(sorted(os.listdir(D)))
both('a', 'c', 'd', 'e')
os.unlink(D + 'a')
os.write(f, b'still')
both('c', 'd', 'e')
print(os.fstat(f).st_nlink)
open(D + 'other', 'w').write('another')
os.rename(D + 'other', D + 'c')
both('d', 'e')
both('c')
open(D + 'a', 'w').write('new file of the first name')
both('a')
both('d', 'e')
os.unlink(D + 'd')
os.unlink(D + 'e')
print(os.fstat(f).st_nlink, sorted(os.listdir(D)), os.pread(f, 40, 0))
os.close(g)
os.close(f)
"""

LOCKS = LINKED + """
f = os.open(D + 'a', os.O_RDWR | os.O_CREAT, 0o640)
os.link(D + 'a', D + 'b')
OTHER = '''import fcntl, os
f = os.open(os.environ['D'] + '/b', os.O_RDWR)
for lock in (fcntl.flock, fcntl.lockf):
    try:
        lock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
        print(lock.__name__, 'free', flush=True)
    except OSError as e:
        print(lock.__name__, e.errno, flush=True)
'''
def other():
    print(subprocess.run([sys.executable, '-c', OTHER], stdout=subprocess.PIPE).stdout.decode())
other()
fcntl.flock(f, fcntl.LOCK_EX)
other()
fcntl.lockf(f, fcntl.LOCK_EX)
other()
os.unlink(D + 'a')
other()
"""

# As mail programs lock (open(2): O_EXCL): the link's count says who has it, whatever link(2) said.
SAFE_LOCK = LINKED + """
def lock(name, closes):
    f = os.open(D + name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    os.write(f, name.encode())
    if closes:
        os.close(f)
    try:
        os.link(D + name, D + 'lock')
        said = 'made'
    except FileExistsError:
        said = 'taken'
    count = (os.stat(D + name) if closes else os.fstat(f)).st_nlink
    same = os.path.samefile(D + name, D + 'lock')
    os.unlink(D + name)
    if not closes:
        os.close(f)
    print(name, closes, said, count, same, os.stat(D + 'lock').st_nlink, open(D + 'lock').read())
for closes in (False, True):
    lock('one', closes)
    lock('two', closes)
    os.unlink(D + 'lock')
    lock('three', closes)
    os.unlink(D + 'lock')
print(os.listdir(D))
"""

SESSIONS = {
    "while-open": ["python3", "-c", WHILE_OPEN],
    "locks": ["python3", "-c", LOCKS],
    "safe-lock": ["python3", "-c", SAFE_LOCK],
    "cp-al": "mkdir $D/t $D/t/s; echo one >$D/t/a; echo two >$D/t/s/b; cp -al $D/t $D/u; cd $D; stat -c '%n %h' t/a u/a t/s/b u/s/b; echo more >>u/a; "
             "cat t/a; sed -i s/two/2/ u/s/b; cat t/s/b u/s/b; stat -c %h t/s/b u/s/b; cp -a u v; stat -c %h v/a; rm -r t; cat u/a",
    "tar": "cd $D; mkdir t; echo one >t/a; ln t/a t/b; tar c --sort=name -f x.tar t; tar tvf x.tar | sed 's/ .* t/ t/'; rm -r t; tar xf x.tar; stat -c %h t/a t/b; "
           "test t/a -ef t/b; echo $?; cat t/b; rm x.tar",
    "rsync-link-dest": "cd $D; mkdir from; echo one >from/a; echo two >from/b; rsync -a from/ day1/; echo TWO >from/b; "
                       "rsync -a --no-times --size-only --link-dest=../day1 from/ day2/; rsync -a -c --link-dest=../day1 from/ day3/; "
                       "for d in day2 day3; do cat $d/a $d/b; test $d/a -ef day1/a; echo $?; done; "
                       "ln from/a from/c; rsync -aH from/ whole/; stat -c %h whole/a whole/c",
    "git-clone": "cd $D; export HOME=$PWD GIT_AUTHOR_DATE='1 Jan 2020 00:00 +0000' GIT_COMMITTER_DATE='1 Jan 2020 00:00 +0000'; "
                 "git init -q -b main r; cd r; git config user.email a@b; git config user.name a; echo one >f; git add f; git commit -q -m one; git gc -q; cd ..; "
                 "git clone -q --local r c; cd c; echo two >>f; git -c user.email=a@b -c user.name=a commit -q -a -m two; git push -q origin HEAD:other; "
                 "git fsck; git log --format=%s; cd ../r; git log --format=%s other; git fsck; cd ..; rm -rf r c",
    "hard": "echo one >$D/a; ln $D/a $D/b; cat $D/b; ln $D/a $D/b; echo $?; ln $D/none $D/c; echo $?; mkdir $D/d; ln $D/d $D/e; echo $?; "
            "ln $D/a $D/none/x; echo $?; rm $D/a; cat $D/b",
    "hard-while-written": ["python3", "-c", "import os\nD = os.environ['D']\nf = open(D + '/a', 'w')\nf.write('not closed')\nf.flush()\n"
                           "os.link(D + '/a', D + '/b')\nprint(open(D + '/b').read())\nf.close()\n"],
    "lock-file": "echo $$ >$D/mine; ln $D/mine $D/lock && echo locked; ln $D/mine $D/lock 2>/dev/null || echo taken; rm $D/mine $D/lock",
    "exchange": ["python3", "-c", RENAMEAT2 + "open(D + '/a', 'w').write('A' * 10)\nopen(D + '/b', 'w').write('B' * 100000)\n"
                 "f = open(D + '/a')\nswap('/a', '/b')\nprint(os.path.getsize(D + '/a'), os.path.getsize(D + '/b'), f.read())\n"
                 "swap('/a', '/a')\nswap('/a', '/none')\nswap('/none', '/a')\nswap('/a', '/b', 1)\nswap('/a', '/c', 1)\n"],
    "unnamed": ["python3", "-c", UNNAMED + "os.close(f)\nprint(sorted(os.listdir(D)))\n"],
    "unnamed-linked": ["python3", "-c", UNNAMED + "os.link('/proc/self/fd/%d' % f, D + '/named', src_dir_fd=f, follow_symlinks=True)\n"
                       "print(open(D + '/named').read(), sorted(os.listdir(D)))\nos.write(f, b', and more')\nos.close(f)\n"
                       "print(open(D + '/named').read(), oct(os.stat(D + '/named').st_mode))\n"],
    "unnamed-taken": ["python3", "-c", "open(__import__('os').environ['D'] + '/named', 'w').write('first')\n" + UNNAMED +
                      "try:\n    os.link('/proc/self/fd/%d' % f, D + '/named', src_dir_fd=f, follow_symlinks=True)\nexcept OSError as e:\n    print(e.errno)\n"],
}


def session(name, command):
    def check(context):
        compare_both(Folder(context, "links-" + name), command, stderr=False, env={"SKYSHIM_LINKED_MS": "600000"})
    return check


def copied_by_the_service(context):
    """cp within the clouds uploads nothing, over something and beside it, and the copy is a file like any other."""
    content = os.urandom(300000)
    with Counted(context) as counted:
        counted.store.put("budget", "w/from", content)
        counted.store.put("budget", "w/over", b"old")
        for name in ("new", "over"):
            cost = counted.cost(f"cp $D/w/from $D/w/{name}")
            want(cost.get("CopyObject") == 1 and "PutObject" not in cost and sum(cost.values()) <= 9, f"{name}: {cost}")
            want(counted.store.get("budget", f"w/{name}") == content, f"{name} is not a copy")
        result = counted.run("echo more >>$D/w/new; cp $D/w/new $D/w/again; tail -c 5 $D/w/again; stat -c %a $D/w/again; "
                             "chmod 700 $D/w/again; cp $D/w/again $D/w/exe; stat -c %a $D/w/exe")
        want(result.stdout == b"more\n644\n700\n", f"{result.stdout!r}")
        want(counted.store.get("budget", "w/again") == content + b"more\n", "the copy of what was appended to")


CASES = [Case("links/copied-by-the-service", check=copied_by_the_service, embedded_only=True)]
CASES += [Case(f"links/{name}", check=session(name, command)) for name, command in SESSIONS.items()]
