# SPDX-License-Identifier: Apache-2.0
"""Extended attributes of files in a bucket: what programs see, natively and there; what stands in the object's metadata; those
that another tool has set; and what they cost."""
import base64
import json
import os
import urllib.parse

from case import Case, difference, want
from cases.budget import Counted, requests
from cases.write import Folder, changed, keys_below

CALLS = """
import errno, os, sys
os.chdir(os.environ['D'])
def short(v):
    return '%d bytes' % len(v) if isinstance(v, bytes) and len(v) > 40 else sorted(v) if isinstance(v, list) else v
def tell(what, *args, **named):
    try:
        print(what.__name__, *map(short, args), short(what(*args, **named)))
    except OSError as e:
        print(what.__name__, *map(short, args), errno.errorcode[e.errno])
def all_of(name):
    print(name, [(n, os.getxattr(name, n)) for n in sorted(os.listxattr(name))])
"""
BY_NAME = CALLS + """
open('f', 'w').write('content'); os.mkdir('d'); os.symlink('f', 'l'); os.symlink('none', 'dead')
tell(os.listxattr, 'f'); tell(os.getxattr, 'f', 'user.a'); tell(os.removexattr, 'f', 'user.a'); tell(os.setxattr, 'f', 'user.a', b'x', os.XATTR_REPLACE)
tell(os.setxattr, 'f', 'user.a', b'one', os.XATTR_CREATE); tell(os.setxattr, 'f', 'user.a', b'two', os.XATTR_CREATE); all_of('f')
tell(os.setxattr, 'f', 'user.a', b'two', os.XATTR_REPLACE); tell(os.setxattr, 'f', 'user.empty', b''); tell(os.setxattr, 'f', 'user.bytes', bytes(range(256))); all_of('f')
tell(os.setxattr, 'f', 'user.odd name, with: \\\\ "quotes"', b'odd'); tell(os.setxattr, 'f', 'user.\\u00e4', b'utf'); all_of('f')
tell(os.removexattr, 'f', 'user.empty'); tell(os.removexattr, 'f', 'user.empty'); all_of('f')
tell(os.setxattr, 'f', 'user.' + 'n' * 250, b'long'); tell(os.removexattr, 'f', 'user.' + 'n' * 250); tell(os.setxattr, 'f', 'user.' + 'n' * 251, b'')
tell(os.setxattr, 'f', 'user.', b''); tell(os.getxattr, 'f', 'user.'); tell(os.setxattr, 'f', '', b''); tell(os.setxattr, 'f', 'user.big', b'x' * 65537)
tell(os.setxattr, 'f', 'nothing', b'x'); tell(os.getxattr, 'f', 'nothing'); tell(os.getxattr, 'f', 'nothing.x'); tell(os.setxattr, 'f', 'user.a', b'x', 4)
tell(os.getxattr, 'f', 'security.none'); tell(os.setxattr, 'none', 'user.a', b''); tell(os.listxattr, 'none'); tell(os.getxattr, 'none', 'user.a')
tell(os.getxattr, 'l', 'user.a'); tell(os.listxattr, 'l'); tell(os.listxattr, 'l', follow_symlinks=False); tell(os.getxattr, 'l', 'user.a', follow_symlinks=False)
tell(os.setxattr, 'l', 'user.l', b'by link'); all_of('f'); tell(os.setxattr, 'l', 'user.a', b'', follow_symlinks=False); tell(os.setxattr, 'dead', 'user.a', b'')
tell(os.listxattr, 'd'); tell(os.getxattr, 'd', 'user.a'); tell(os.removexattr, 'd/', 'user.a') if False else None; tell(os.listxattr, 'f/')
import ctypes; libc = ctypes.CDLL(None, use_errno=True); b = ctypes.create_string_buffer(8)
for size in (0, 2, 3, 8):
    r = libc.getxattr(b'f', b'user.a', b if size else None, size); print(size, r, ctypes.get_errno() if r < 0 else b.raw[:size])
for size in (0, 5):
    r = libc.listxattr(b'f', b if size else None, size); print(size, r, ctypes.get_errno() if r < 0 else '')
"""
KEPT = CALLS + """
import shutil, time
open('f', 'w').write('content'); os.setxattr('f', 'user.a', b'kept'); os.chmod('f', 0o640); all_of('f')
with open('f', 'a') as f: f.write(' and more')
all_of('f'); os.utime('f', (9, 9)); all_of('f'); os.rename('f', 'g'); all_of('g'); os.truncate('g', 3); all_of('g')
open('g', 'w').write('cut'); all_of('g'); os.link('g', 'h'); all_of('h'); os.remove('h')
shutil.copy2('g', 'copy'); all_of('copy'); shutil.copyfile('g', 'plain'); all_of('plain')
with open('g', 'r+') as f:
    f.write('X'); f.flush(); os.setxattr(f.fileno(), 'user.fd', b'while written'); tell(os.getxattr, f.fileno(), 'user.fd'); all_of('g')
    os.rename('g', 'moved'); tell(os.listxattr, f.fileno()); os.removexattr(f.fileno(), 'user.a'); all_of('moved')
all_of('moved'); print(open('moved').read())
with open('new', 'w') as f:
    os.setxattr(f.fileno(), 'user.n', b'new'); f.write('new'); all_of('new')
all_of('new')
fd = os.open('new', os.O_RDONLY); os.setxattr(fd, 'user.r', b'by a reader'); tell(os.listxattr, fd); os.close(fd); all_of('new')
fd = os.open('new', os.O_PATH); tell(os.listxattr, fd); tell(os.setxattr, fd, 'user.x', b''); os.close(fd)
os.mkdir('d'); open('d/in', 'w').write('in'); os.setxattr('d/in', 'user.in', b'dir'); os.rename('d', 'e'); all_of('e/in')
os.remove('new'); open('new', 'w').write('another'); all_of('new')
os.setxattr('new', 'user.x', b'x'); os.rename('e/in', 'new'); all_of('new')
"""
# Large ones go in parts, which begin before the attributes are set.
LARGE = CALLS + """
with open('large', 'w') as f:
    for i in range(20): f.write('x' * (1 << 20)); f.flush()
    os.setxattr(f.fileno(), 'user.a', b'late'); f.write('y' * (20 << 20))
all_of('large')
with open('large', 'r+') as f: f.seek(5 << 20); f.write('edited')
all_of('large'); os.chmod('large', 0o600); all_of('large'); os.rename('large', 'renamed'); all_of('renamed'); print(os.path.getsize('renamed'))
with open('renamed', 'a') as f: f.write('z')
all_of('renamed'); os.removexattr('renamed', 'user.a'); all_of('renamed')
"""
TOOLS = ("echo one >f; setfattr -n user.comment -v 'a comment' f; setfattr -n user.b -v 0x00ff f; echo two >g; cp --preserve=xattr f g $D/; getfattr -d $D/f $D/g 2>&1; "
         "cp -a $D/f $D/h; getfattr -d -m - $D/h; cp $D/f $D/plain; getfattr -d $D/plain; cp -a $D/h back; getfattr -d back; mkdir src; mv f g src; rsync -aX src/ $D/r/; getfattr -d $D/r/*; "
         "rsync -aXi src/ $D/r/ | grep -v '^\\.d'; setfattr -n user.new -v n src/g; rsync -aXi src/ $D/r/ | grep -v '^\\.d'; getfattr -d $D/r/g; rsync -aX $D/r/ b/; getfattr -d b/*; "
         "tar --xattrs -cf t.tar -C $D/r .; mkdir $D/x; tar --xattrs --xattrs-include='*' -xf t.tar -C $D/x; getfattr -d $D/x/f $D/x/g; mv $D/x/f moved; getfattr -d moved; "
         "setfattr -x user.b $D/r/f; getfattr -d $D/r/f; setfattr -x user.none $D/r/f; ls -l $D | wc -l; find $D -type f | wc -l")
SESSIONS = {"by-name": ["python3", "-c", BY_NAME], "kept": ["python3", "-c", KEPT], "large": ["python3", "-c", LARGE], "tools": TOOLS}


def decoded(text):
    """What s3fs reads of it."""
    return {name: base64.b64decode(value) for name, value in json.loads(urllib.parse.unquote(text, errors="surrogateescape")).items()}


def session(name, command):
    def check(context):
        folder = Folder(context, "xattrs-" + name)
        native, cloud = folder.run(command)
        want(native.stdout.count(b"\n") > 5, f"it said nothing: {native}")
        # getfattr says names without their first slash
        ours = cloud.stdout.replace(folder.cloud[1:].encode(), b"<D>").replace(folder.native[1:].encode(), b"<D>")
        theirs = native.stdout.replace(folder.native[1:].encode(), b"<D>")
        want(theirs == ours and native.status == cloud.status, f"status {native.status} and {cloud.status}\n" + difference(theirs, ours) + f"\n{cloud.stderr!r}")
        if not context.store:
            return
        for key in keys_below(context, folder.prefix + "/"):
            path = os.path.join(folder.native, key[len(folder.prefix) + 1:])
            if key.endswith("/") or os.path.islink(path):
                continue
            there = decoded(context.store.head(changed(context), key).get("x-amz-meta-xattr", "{}"))
            here = {name: os.getxattr(path, name) for name in os.listxattr(path) if name.startswith("user.")}
            want(there == here, f"{key}: natively {here}, in the bucket {there}"[:900])
    return check


def foreign(context):
    """Set by s3fs, which encodes less: read, added to, and what else the object has stays."""
    bucket, prefix = changed(context), "xattrs-foreign"
    text = "%7B%22user.s3fs%22%3A%22aGVsbG8%3D%22%2C%22user.none%22:%22%22%7D"
    for name in ("f", "g", "h"):
        context.store.put(bucket, f"{prefix}/{name}", b"content", {"xattr": text, "mode": "33184", "other": "stays"})
    root = f"{context.cloud}-changing/{prefix}"
    script = ("import os; os.chdir(os.environ['D']); print(os.getxattr('f', 'user.s3fs'), os.listxattr('f')); os.setxattr('f', 'user.ours', b'x')\n"
              "open('g', 'a').write(' more'); print(open('g').read(), os.listxattr('g')); os.rename('h', 'i'); print(os.listxattr('i'))\n")
    result = context.run_cloud(["python3", "-c", script], env={"D": root})
    want(result.stdout == b"b'hello' ['user.s3fs', 'user.none']\ncontent more ['user.s3fs', 'user.none']\n['user.s3fs', 'user.none']\n", f"{result}")
    for name, more in (("f", {"user.ours": b"x"}), ("g", {}), ("i", {})):
        head = context.store.head(bucket, f"{prefix}/{name}")
        want(decoded(head["x-amz-meta-xattr"]) == {"user.s3fs": b"hello", "user.none": b"", **more}, f"{name}: {head}")
        want(int(head["x-amz-meta-mode"]) == 33184 and head.get("x-amz-meta-other") == "stays", f"{name}: {head}")


def limits(context):
    """More than a service keeps is ENOSPC, and changes nothing."""
    script = ("import os, errno\nos.chdir(os.environ['D']); open('full', 'w').write('x'); os.setxattr('full', 'user.a', b'a' * 1000)\n"
              "for size in (500, 3000, 60000):\n    try: os.setxattr('full', 'user.b', b'b' * size); print('no error')\n    except OSError as e: print(size, errno.errorcode[e.errno])\n"
              "with open('full', 'a') as f:\n    try: os.setxattr(f.fileno(), 'user.b', b'b' * 1500)\n    except OSError as e: print(errno.errorcode[e.errno])\n"
              "print(os.listxattr('full'), len(os.getxattr('full', 'user.a')))\n"
              "os.mkdir('full.d')\ntry: os.setxattr('full.d', 'user.a', b'a' * 1500)\nexcept OSError as e: print(errno.errorcode[e.errno])\n")
    result = context.run_cloud(["python3", "-c", script], env={"D": f"{context.cloud}-changing"})
    want(result.stdout == b"500 ENOSPC\n3000 ENOSPC\n60000 ENOSPC\nENOSPC\n['user.a'] 1000\nENOSPC\n", f"{result}")


def cost(context):
    """Nothing for what is known; none for those that nobody has set."""
    get = "import os, sys; print([os.getxattr(p, n) for p in sys.argv[1:] for n in os.listxattr(p)])"
    with Counted(context) as counted:
        for i in range(20):
            counted.store.put("budget", f"many/{i}", b"x")
        counted.run("echo x >$D/f; setfattr -n user.a -v b $D/f")
        for command, most in ((f"python3 -c '{get}' $D/f", {}), ("setfattr -n user.c -v d $D/f", {"HeadObject": 1, "CopyObject": 1}),
                              ("ls -l $D/many/; getfattr -d $D/many/*", {"ListObjectsV2": 1}),
                              ("cp -a $D/many $HOME/copy", {"GetObject": 20, "ListObjectsV2": 1, "HeadObject": 1})):
            spent = counted.cost(command)
            want(all(count <= most.get(verb, 0) for verb, count in spent.items()), f"{command}: {spent}, at most {most}")
        context.run([context.skyshim, "stop"])
        counted.store.reset()
        result = counted.run("ls $D/ >/dev/null; getfattr -d $D/f")  # another daemon knows what this machine has set
        want(b'user.a="b"\nuser.c="d"' in result.stdout and requests(counted.store.stats()) == {"ListObjectsV2": 1},
             f"{result} {requests(counted.store.stats())}")


CASES = [Case(f"xattrs/{name}", check=session(name, command)) for name, command in SESSIONS.items()]
CASES += [Case("xattrs/foreign", check=foreign), Case("xattrs/limits", check=limits), Case("xattrs/cost", check=cost, embedded_only=True)]
