# SPDX-License-Identifier: Apache-2.0
"""Symbolic links in a bucket: what programs see, natively and there; what stands in the bucket; links that another tool
has made; and what they cost."""
import os
import stat
import time

from case import Case, difference, want
from cases.budget import Counted, requests
from cases.write import Folder, changed, keys_below, lines_from

LINK_MODE = stat.S_IFLNK | 0o777
TREE = ("mkdir -p src/sub/deep; echo one >src/one; echo x >src/sub/deep/x; ln -s one src/link; ln -s sub src/dlink; ln -s ../one src/sub/up; "
        "ln -s deep/x src/sub/y; ln -s gone src/dangling; ln -s /etc/hostname src/abs; ")
SAME = "diff -r --no-dereference src $D/copy && find $D/copy -type l -printf '%P -> %l %y %s\\n' | sort; cat $D/copy/link $D/copy/dlink/up $D/copy/dlink/y"
CALLS = """
import errno, os, sys
D = os.environ['D']
os.chdir(D)
def tell(what, *args, **named):
    try:
        r = what(*args, **named)
        if isinstance(r, os.stat_result):
            r = oct(r.st_mode), r.st_size if r.st_mode & 0o170000 != 0o40000 else 0
        print(what.__name__, args[1:], r)
    except OSError as e:
        print(what.__name__, args[1:], errno.errorcode[e.errno])
"""
CALLS_BASIC = CALLS + """
open('f', 'w').write('content')
os.mkdir('dir')
os.symlink('f', 'l'); os.symlink('dir', 'dl'); os.symlink('none', 'dead'); os.symlink('self', 'self')
for name in ('l', 'dl', 'dead', 'self', 'f', 'dir', 'none', 'l/', 'dl/', 'dead/', 'self/', 'f/', 'dl/none', 'l/x', 'dead/x', 'self/x'):
    print('--', name)
    tell(os.stat, name); tell(os.lstat, name); tell(os.readlink, name)
    tell(os.access, name, os.R_OK); tell(os.path.realpath, name)
    for flags in (os.O_RDONLY, os.O_RDONLY | os.O_NOFOLLOW, os.O_RDONLY | os.O_DIRECTORY, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW):
        try:
            os.close(os.open(name, flags)); print('open', flags, 'yes')
        except OSError as e:
            print('open', flags, errno.errorcode[e.errno])
tell(os.symlink, 'x', 'l'); tell(os.symlink, 'x', 'dir'); tell(os.symlink, 'x', 'dead'); tell(os.symlink, 'x', 'none/y'); tell(os.symlink, '', 'e')
tell(os.symlink, 'x' * 4096, 'e'); tell(os.symlink, 'x' * 4095, 'e'); print(len(os.readlink('e')), os.lstat('e').st_size); os.unlink('e')
tell(os.mkdir, 'l'); tell(os.mkdir, 'dead'); tell(os.rmdir, 'dl'); tell(os.unlink, 'dl/'); tell(os.mknod, 'dead')
tell(os.symlink, 'odd \\n bytes \\xff', 'odd'); print(os.readlink('odd').encode())
"""
CALLS_DESCRIPTORS = CALLS + """
open('f', 'w').write('content'); os.mkdir('dir'); open('dir/in', 'w').write('in')
os.symlink('f', 'l'); os.symlink('dir', 'dl')
fd = os.open('l', os.O_PATH | os.O_NOFOLLOW)
tell(os.fstat, fd); tell(os.readlink, '', dir_fd=fd); tell(os.read, fd, 1); os.close(fd)
fd = os.open('l', os.O_PATH); tell(os.fstat, fd); os.close(fd)
d = os.open('dl', os.O_RDONLY | os.O_DIRECTORY)
print(sorted(os.listdir(d)), os.readlink('../l', dir_fd=d)); tell(os.stat, 'in', dir_fd=d); os.symlink('in', 'l2', dir_fd=d); tell(os.stat, 'l2', dir_fd=d)
print(open('dl/l2').read()); os.chdir('dl'); print(os.path.relpath(os.getcwd(), D), sorted(os.listdir('.'))); os.chdir(D)
os.fchdir(d); print(os.path.relpath(os.getcwd(), D)); os.chdir(D)
for flags in (os.O_CREAT | os.O_EXCL, os.O_CREAT | os.O_NOFOLLOW, os.O_TRUNC, os.O_CREAT | os.O_TRUNC, os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, os.O_APPEND):
    for name in ('l', 'new-by-link%d' % flags):
        if name != 'l':
            os.symlink('made%d' % flags, name)
        try:
            fd = os.open(name, os.O_WRONLY | flags); os.write(fd, b'+%d' % flags); os.close(fd); print(name, flags, 'yes')
        except OSError as e:
            print(name, flags, errno.errorcode[e.errno])
print(open('f').read(), sorted(os.listdir('.')))
for e in sorted(os.scandir('.'), key=lambda e: e.name): print(e.name, e.is_symlink(), e.is_dir(), e.is_file(), e.is_dir(follow_symlinks=False))
"""
# openat2(2) with RESOLVE_BENEATH: links that stay below, that leave, and that leave and come back.
CALLS_BENEATH = CALLS + """
import ctypes, struct
call = ctypes.CDLL(None, use_errno=True).syscall
open('f', 'w').write('content'); os.makedirs('dir/sub'); open('dir/in', 'w').write('in'); open('dir/sub/deep', 'w').write('deep')
os.symlink('f', 'l'); os.symlink('dir', 'dl'); os.symlink('in', 'dir/l'); os.symlink('../f', 'dir/up'); os.symlink('../dir/in', 'dir/around')
os.symlink('sub', 'dir/sl'); os.symlink('../sl/deep', 'dir/sub/twice'); os.symlink(D + '/f', 'abs'); os.symlink(D + '/dir/in', 'dir/abs')
os.symlink('none', 'dead'); os.symlink('self', 'self'); os.symlink('.', 'dot'); os.symlink('..', 'dir/parent')
def beneath(fd, name, flags=0):
    how = ctypes.create_string_buffer(struct.pack('QQQ', flags, 0, 8), 24)
    got = call(437, fd, name.encode(), how, 24)
    if got < 0:
        return errno.errorcode[ctypes.get_errno()]
    said = 'a directory' if os.path.isdir('/proc/self/fd/%d' % got) else os.read(got, 100).decode()
    os.close(got)
    return said
top, below = os.open('.', os.O_RDONLY), os.open('dir', os.O_RDONLY)
for name in ('f', 'l', 'dl/in', 'dl/l', 'dir/up', 'dl/up', 'dir/around', 'abs', 'dir/abs', 'dir/sub/twice', 'dl/sl/twice', 'dead', 'self', 'dot/l', 'dot/dot/dl',
             'none', D + '/f', '..', 'dir/..', 'dir/../f', '../x', 'dir/../../x', 'dl/parent/f', '.'):
    print('top', name.replace(D, 'D'), beneath(top, name), beneath(-100, name), beneath(top, name, os.O_NOFOLLOW))
for name in ('in', 'l', 'up', 'around', 'abs', 'sub/twice', 'sl/twice', '../f', '../dir/in', 'sub/../in', 'sub/../../dir/in', 'parent', 'parent/f', '..'):
    print('below', name, beneath(below, name))
"""
CALLS_ATTRIBUTES = CALLS + """
open('f', 'w').write('content'); os.symlink('f', 'l'); os.chmod('f', 0o600)
os.chmod('l', 0o640); print(oct(os.stat('f').st_mode), oct(os.lstat('l').st_mode))
os.utime('l', (5, 5), follow_symlinks=False); print(os.lstat('l').st_mtime, os.stat('f').st_mtime > 5)
os.utime('l', (7, 7)); print(os.lstat('l').st_mtime, os.stat('f').st_mtime)
os.lchown('l', -1, os.getgid()); os.truncate('l', 3); print(open('f').read(), os.readlink('l'), os.path.getsize('l'))
os.rename('l', 'm'); print(os.readlink('m'), os.path.lexists('l'), os.lstat('m').st_mtime)
os.symlink('other', 'n'); os.rename('m', 'n'); print(os.readlink('n'), sorted(os.listdir('.')))
open('over', 'w').write('file'); os.rename('over', 'n'); print(open('n').read(), os.path.islink('n'), open('f').read())
os.symlink('f', 'l'); os.rename('l', 'f'); tell(os.stat, 'f'); tell(os.readlink, 'f')
os.symlink('n', 'l'); os.link('l', 'hard', follow_symlinks=False); print(os.path.islink('hard'), os.readlink('hard'), open('hard').read())
os.link('l', 'followed', follow_symlinks=True); print(os.path.islink('followed'), open('followed').read())
os.unlink('l'); tell(os.lstat, 'l'); print(open('n').read())
os.mkdir('dir'); os.symlink('dir', 'dl'); tell(os.rename, 'dl', 'dir'); tell(os.rename, 'dir', 'dl'); os.rename('dl', 'dm'); print(os.readlink('dm'))
os.symlink('../n', 'dir/up'); os.rename('dir', 'dir2'); print(os.readlink('dir2/up'), open('dir2/up').read(), os.path.exists('dm'))
"""
CHAIN = CALLS + """
open('end', 'w').write('the end')
os.symlink('end', 'c1')
for i in range(2, 42): os.symlink('c%d' % (i - 1), 'c%d' % i)
print(open('c40').read()); tell(os.stat, 'c40'); tell(os.stat, 'c41')
os.mkdir('d0'); open('d0/f', 'w').write('deep')
for i in range(1, 6): os.symlink('../d%d' % (i - 1) if i > 1 else '../d0', 'd0/up%d' % i)
os.symlink('d0', 'd1'); print(open('d1/f').read(), open('d1/up1/f').read(), open('d1/up1/up2/f').read(), os.listdir('d1/up2') == os.listdir('d0'))
os.mkdir('a'); os.mkdir('a/b'); open('a/b/f', 'w').write('abf'); os.symlink('a/b', 's'); os.symlink('../../end', 'a/b/e'); os.symlink('s/e', 't')
print(open('s/f').read(), open('s/e').read(), open('t').read(), os.path.relpath(os.path.realpath('t'), D))
open('s/new', 'w').write('n'); os.mkdir('s/sub'); os.rename('s/new', 's/sub/moved'); os.link('s/sub/moved', 's/copy'); print(sorted(os.listdir('a/b')))
os.unlink('s/copy'); os.rmdir('a') if False else None; tell(os.rmdir, 's/sub'); os.unlink('s/sub/moved'); tell(os.rmdir, 's/sub'); print(sorted(os.listdir('a/b')))
"""
# Of another kind outside: D is where the bucket is for the program, so absolute links into it are compared by what they yield.
LOCAL = ("echo local >here; ln -s $PWD/here $D/tolocal; cat $D/tolocal; echo more >>$D/tolocal; cat here; mkdir dir; echo in >dir/in; ln -s $PWD/dir $D/todir; "
         "cat $D/todir/in; ls $D/todir; ls -d $D/todir/; echo new >$D/todir/new; cat dir/new; (cd $D/todir && pwd -P | sed s,$PWD,,); rm $D/todir/new; "
         "ln -s $D/base.bin back; ln -s $PWD/back $D/there; cmp $D/there $D/base.bin && echo there and back; ln -s $D/todir again; cat again/in; "
         "ln -s $D/base.bin $D/own; cmp $D/own $D/base.bin && echo own; rm $D/tolocal $D/todir $D/there $D/own; cat here; ls $D")
PROGRAMS = ("mkdir $D/bin $D/lib; cp $(command -v busybox) $D/lib/busybox; ln -s ../lib/busybox $D/bin/box; $D/bin/box echo by a link; ln -s box $D/bin/cat; echo x | $D/bin/cat; "
            "printf '#!/bin/sh\\necho script $1\\n' >$D/lib/s; chmod +x $D/lib/s; ln -s $D/lib/s $D/bin/s; $D/bin/s one; PATH=$D/bin:$PATH s two; ln -s bin $D/binlink; $D/binlink/s three; "
            "ln -s /bin/echo $D/bin/e; $D/bin/e local program; env -i $D/bin/e clean; ln -s none $D/bin/dead; $D/bin/dead 2>/dev/null; echo $?; cd $D/binlink; pwd; pwd -P; ./s four; ls; "
            "rm -r $D/bin $D/lib $D/binlink")
# What is known below a name is not so any more when it has become a link.
MISSED = ("cd $D; stat m/f m/d; stat x/f; mkdir real real/d; echo 1 >real/f; ln -s real m; stat -c '%n %F' m/f m/d; ls m; echo new >x; "
          "ln -s real y; mv y z; stat w/f; mv z w; stat -c '%n %F' w/f; "
          "python3 -c 'import ctypes; print(ctypes.CDLL(None).renameat2(-100, b\"w\", -100, b\"x\", 2))'; stat -c '%n %F' x/f x/d; ls x")
# What is refused, and with which words of several that are true.
REFUSED = """
import errno, os
os.chdir(os.environ["D"])
def tell(what, *args):
    try:
        print(what.__name__, *args, what(*args))
    except OSError as e:
        print(what.__name__, *args, errno.errorcode[e.errno])
def cut(name):
    os.close(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC))
for name in ("d", "d/e", "d/e/e"):
    os.mkdir(name)
for name in ("f", "d/f", "d/e/f"):
    cut(name)
for pair in (("d", "d/f"), ("d", "d/e"), ("d", "d/e/e"), ("d", "d/new"), ("d/f", "d"), ("d/e", "d"), ("d/e/f", "d"), ("d", "f"), ("f", "d"), ("f", "d/e")):
    tell(os.rename, *pair)
    tell(os.link, *pair)
for name in ("f/x", "d/f/x", "d/e/f/x", "d/e/f/x/y"):
    tell(cut, name)
    tell(os.mkdir, name)
print(sorted(os.listdir(".")), sorted(os.listdir("d")), sorted(os.listdir("d/e")))
"""
SESSIONS = {
    "missed": MISSED,
    "refused": ["python3", "-c", REFUSED],
    "calls": ["python3", "-c", CALLS_BASIC],
    "descriptors": ["python3", "-c", CALLS_DESCRIPTORS],
    "beneath": ["python3", "-c", CALLS_BENEATH],
    "attributes": ["python3", "-c", CALLS_ATTRIBUTES],
    "chains": ["python3", "-c", CHAIN],
    "local": LOCAL,
    "programs": PROGRAMS,
    "ls": "cd $D; echo 1 >f; mkdir d; ln -s f l; ln -s d m; ln -s none n; ls -F; ls -l | awk '{print $1, $9, $10, $11}'; ls -lL f l | awk '{print $1, $5, $9}'; ls -FR; ls m m/; "
          "find . -type l | sort; find -L . -type f | sort; stat -c '%N %F %s' l m n; test -L l && test -f l && test -L n && test ! -e n && echo right; readlink -f l n; file l n | cut -c1-30",
    "tar": TREE + "tar cf t.tar src; mkdir $D/x; tar xf t.tar -C $D/x; mv $D/x/src $D/copy; " + SAME + "; tar cf u.tar -C $D/copy .; tar tvf u.tar | awk '{print $1, $6, $7, $8}' | sort; rmdir $D/x",
    "cp": TREE + "cp -a src $D/copy; " + SAME + "; cp -a $D/copy $D/copy2; diff -r --no-dereference src $D/copy2; cp -a $D/copy2 back; diff -r --no-dereference src back; "
          "cp -rL $D/copy/dlink $D/followed; ls -F $D/followed; cp -P $D/copy/abs $D/abs; readlink $D/abs; cp $D/copy/link $D/file; ls -F $D/file; rm -r $D/copy2 $D/copy/dlink; ls -F $D/copy",
    "mv": TREE + "mv src $D/copy; mkdir src; ls -F $D/copy $D/copy/sub; mv $D/copy $D/other; ls -F $D/other $D/other/sub; cat $D/other/dlink/up; mv $D/other/link $D/l; readlink $D/l; mv $D/other back; "
          "ls -F back back/sub; ln -sfn x $D/l; readlink $D/l; ln -sf y $D/l; readlink $D/l",
    "rsync": TREE + "rsync -a src/ $D/copy/; " + SAME + "; rsync -ai src/ $D/copy/ | grep -v '^\\.d'; ln -sf two src/link; rsync -ai src/ $D/copy/ | grep -v '^\\.d' | cut -c 1-3,12-; readlink $D/copy/link; "
             "rsync -a --delete $D/copy/ back/; diff -r --no-dereference src back; rsync -ai $D/copy/ back/ | grep -v '^\\.d'",
    "git": TREE + "export HOME=$PWD GIT_AUTHOR_DATE='2001-01-01 00:00' GIT_COMMITTER_DATE='2001-01-01 00:00'; cd src; git init -q -b main; git config user.name n; git config user.email e@example.org; "
           "git add .; git commit -q -m one; cd ..; git clone -q src $D/copy; cd $D/copy; git config --get core.symlinks; git status --short; ls -F; cat dlink/y; git fsck --strict; ln -sf two link; git status --short; "
           "git commit -qam two; git checkout -q HEAD^; readlink link; git checkout -q main; readlink link; git status --short; rm -rf .git",
    "venv": "python3 -m venv --without-pip $D/venv; $D/venv/bin/python3 -c 'import sys, os; print(os.path.relpath(sys.prefix, os.environ[\"D\"]))'; ls -F $D/venv; . $D/venv/bin/activate; "
            "python3 -c 'import sys, os; print(os.path.relpath(sys.executable, os.environ[\"D\"]))'; ls -F $D/venv/bin | grep @ | sort; rm -r $D/venv/lib64; rm -r $D/venv",
    "npm": "export HOME=$PWD npm_config_cache=$PWD/cache npm_config_offline=true npm_config_audit=false npm_config_fund=false npm_config_update_notifier=false; mkdir -p tool lib; "
           "echo '{\"name\":\"tool\",\"version\":\"1.0.0\",\"bin\":{\"tool\":\"cli.js\"}}' >tool/package.json; printf '#!/usr/bin/env node\\nconsole.log(\"tool says\", require(\"lib\"), process.argv[2]);\\n' >tool/cli.js; "
           "echo '{\"name\":\"lib\",\"version\":\"1.0.0\",\"main\":\"i.js\"}' >lib/package.json; echo 'module.exports = \"lib\";' >lib/i.js; (cd tool && npm pack -s) >/dev/null; (cd lib && npm pack -s) >/dev/null; "
           "mkdir $D/app; cd $D/app; echo '{\"name\":\"app\",\"version\":\"1.0.0\"}' >package.json; npm install -s $OLDPWD/tool/tool-1.0.0.tgz $OLDPWD/lib/lib-1.0.0.tgz; ls -F node_modules node_modules/.bin; "
           "node_modules/.bin/tool one; npm exec -s tool two; npm install -s $OLDPWD/lib; ls -lF node_modules | awk '{print $1, $9}' | grep lib; node -e 'console.log(require(\"lib\"))'; cd ..; rm -r app",
}
SLOW = {"npm": 240, "venv": 120, "git": 120, "rsync": 120}


def tree_native(folder):
    """What is there, without following: a name to its content and, of a link, that it is one."""
    found = {}
    for top, folders, files in os.walk(folder.native):
        for name in files + [f for f in folders if os.path.islink(os.path.join(top, f))]:
            path = os.path.join(top, name)
            if os.path.islink(path):
                content = b"link to " + os.fsencode(os.readlink(path))
            else:
                with open(path, "rb") as source:
                    content = source.read()
            found[os.path.relpath(path, folder.native)] = content
    return found


def tree_cloud(folder):
    """The same of the bucket, by an independent client: a link is what s3fs takes for one."""
    context, found = folder.context, {}
    for key in keys_below(context, folder.prefix + "/"):
        if key.endswith("/"):
            continue
        content = context.store.get(changed(context), key)
        mode = int(context.store.head(changed(context), key).get("x-amz-meta-mode", "0"))
        found[key[len(folder.prefix) + 1:]] = b"link to " + content if stat.S_ISLNK(mode) else content
    return found


def session(name, command):
    def check(context):
        folder = Folder(context, "symlinks-" + name)
        native, cloud = folder.run(command, timeout=SLOW.get(name, 60))
        want(native.stdout.count(b"\n") > 2, f"it said nothing: {native}")
        wrong = [] if native.status == cloud.status else [f"status: native {native.status}, on the bucket {cloud.status}"]
        for what in ("stdout", "stderr"):
            if getattr(native, what) != getattr(cloud, what):
                wrong.append(f"{what} differs:\n" + difference(getattr(native, what), getattr(cloud, what)))
        one = {key: content.replace(folder.native.encode(), b"D") for key, content in tree_native(folder).items()}
        other = {key: content.replace(folder.cloud.encode(), b"D") for key, content in tree_cloud(folder).items()} if context.store else one
        wrong += [f"{key!r}: native {one.get(key, b'-')[:80]!r}, in the bucket {other.get(key, b'-')[:80]!r}"
                  for key in sorted(set(one) | set(other)) if one.get(key) != other.get(key)]
        want(not wrong, "\n".join(wrong[:12]))
    return check


def foreign(context):
    """Links that s3fs has made: known by nothing but their objects."""
    bucket, prefix = changed(context), "symlinks-foreign"
    meta = {"mode": str(LINK_MODE), "uid": "0", "gid": "0", "mtime": "1700000000"}
    context.store.put(bucket, f"{prefix}/dir/file", b"found\n")
    context.store.put(bucket, f"{prefix}/small", b"dir")
    for name, target in (("link", "dir/file"), ("dlink", "dir"), ("dir/up", "../dlink"), ("abs", "/etc/hostname"), ("dead", "none")):
        context.store.put(bucket, f"{prefix}/{name}", target.encode(), meta)
    root = f"{context.cloud}-changing/{prefix}"
    for command, output in (
            ("cat $D/link; ls -F $D | grep link", b"found\ndlink\nlink@\n"),  # touched, so known
            ("cat $D/dlink/file $D/dlink/up/file; ls $D/dlink/; ls -F $D | tr '\\n' ' '", b"found\nfound\nfile\nup\nabs dead dir/ dlink@ link@ small "),
            ("readlink $D/abs $D/dead $D/link; readlink $D/small; stat -c '%F %s %Y' $D/dead", b"/etc/hostname\nnone\ndir/file\nsymbolic link 4 1700000000\n"),
            ("cmp /etc/hostname $D/abs && stat -L -c %F $D/dir/up; cat $D/small; cat $D/small/file $D/dead", b"directory\ndir"),
            ("cat $D/dlink/none 2>&1 | sed 's,.*: ,,'; mkdir $D/dlink/new; echo x >$D/dlink/new/f; mv $D/dlink/new $D/dlink/other; ls $D/dir", b"No such file or directory\nfile\nother\nup\n")):
        result = context.run_cloud(command, env={"D": root})
        want(result.stdout == output, f"{command}: {result}")
    want(context.store.get(bucket, f"{prefix}/dir/other/f") == b"x\n", "what was made through the link is elsewhere")


def replaced(context):
    """What was a link is believed to be one no longer than it is: another machine puts something else there."""
    bucket, prefix = changed(context), "symlinks-replaced"
    meta = {"mode": str(LINK_MODE)}
    context.store.put(bucket, f"{prefix}/one/f", b"one\n")
    context.store.put(bucket, f"{prefix}/two/f", b"two\n")
    context.store.put(bucket, f"{prefix}/l", b"one", meta)

    def as_link(_):
        time.sleep(1.1)
        context.store.put(bucket, f"{prefix}/l", b"two", meta)

    def as_directory(_):
        time.sleep(1.1)
        context.store.delete(bucket, f"{prefix}/l")
        context.store.put(bucket, f"{prefix}/l/f", b"three\n")

    def as_file(_):
        time.sleep(1.1)
        context.store.delete(bucket, f"{prefix}/l/f")
        context.store.put(bucket, f"{prefix}/l", b"four\n")

    script = ("import os, time\nd = os.environ['D']\ndef look(name):\n    try: return open(d + name).read().strip()\n    except OSError as e: return type(e).__name__\n"
              "for i in range(3):\n    print(look('/l/f'), os.path.islink(d + '/l'))\n    input()\nprint(look('/l'), os.path.islink(d + '/l'))\n")
    said = []
    result = lines_from(context, script, [as_link, as_directory, as_file], folder=f"{context.cloud}-changing/{prefix}", PYTHONUNBUFFERED="1")
    said.append(result.stdout)
    want(result.status == 0 and result.stdout == b"four False\n", f"{result}")


def remembered(context):
    """A daemon that never touched them shows the links that one before it has made or met."""
    with Counted(context) as counted:
        counted.store.put("budget", "foreign", b"target", {"mode": str(LINK_MODE)})
        counted.run("mkdir $D/d; echo x >$D/d/f; ln -s f $D/d/l; ln -s d $D/dl; ln -s gone $D/was; rm $D/was; echo file >$D/was; mv $D/d $D/e; readlink $D/foreign; "
                    "ln -s f $D/changed")
        context.run([context.skyshim, "stop"])
        counted.store.put("budget", "changed", b"no link\n")
        counted.store.reset()
        result = counted.run("ls -lF $D/e/ | awk '/ [fl] ?/ {print $1, $9, $10, $11}'; ls -F $D/; readlink $D/e/l")
        want(result.stdout == b"-rw-r--r-- f  \nlrwxrwxrwx l -> f\nchanged\ndl@\ne/\nforeign@\nwas\nf\n", f"{result}")
        cost = requests(counted.store.stats())
        want(cost == {"ListObjectsV2": 2, "HeadObject": 1}, f"two listings and what the mark of e says, but it cost {cost}")


def cost(command, most, before=""):
    """At most so many requests."""
    def check(context):
        with Counted(context) as counted:
            meta = {"mode": str(LINK_MODE)}
            counted.store.put("budget", "real/file", b"x")
            counted.store.put("budget", "real/sub/file", b"x")
            counted.store.put("budget", "flink", b"real/file", meta)
            counted.store.put("budget", "dlink", b"real", meta)
            if before:
                counted.run(before)
            spent = counted.cost(command)
            again = counted.run(command)  # it works, and still does when it is known
            want(not again.stderr or b"none" in again.stderr, f"{again}")
            want(sum(spent.values()) <= most, f"{command}: {spent}, at most {most}")
    return check


COSTS = {
    "file-link": ("cat $D/flink", 2, ""),
    "made-here": ("readlink $D/l; cat $D/l; stat $D/l; ls -l $D/l", 1, "ln -s real/file $D/l"),
    "making": ("rm -f $D/l; ln -s x $D/l", 5, ""),
    "directory-link": ("cat $D/dlink/file", 5, ""),
    "directory-link-again": ("cat $D/dlink/file; stat $D/dlink/file; readlink $D/dlink", 0, "cat $D/dlink/file"),
    "missing-in-directory": ("stat $D/real/none; true", 2, "ls $D/real"),
    "missing-in-unknown-directory": ("stat $D/real/none; true", 3, ""),
    "missing-again": ("stat $D/real/none; stat $D/real/none2; true", 2, "stat $D/real/none; true"),
    "existing-deep": ("stat $D/real/sub/file; cat $D/real/sub/file", 2, ""),
    "list": ("ls -l $D/", 1, ""),
}
CASES = [Case(f"symlinks/{name}", check=session(name, command), timeout=SLOW.get(name, 60) + 60) for name, command in SESSIONS.items()]
CASES += [Case("symlinks/foreign", check=foreign), Case("symlinks/replaced", check=replaced), Case("symlinks/remembered", check=remembered, embedded_only=True)]
CASES += [Case(f"symlinks/cost-{name}", check=cost(*what), embedded_only=True) for name, what in COSTS.items()]
