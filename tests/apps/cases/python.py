# SPDX-License-Identifier: Apache-2.0
"""Python programs, each a few lines on the folder that D names."""
from case import Case

HEAD = "import os, sys\nD = os.environ['D']\n"
SCRIPTS = {
    "open": "print(open(D + '/text/file00.txt').read()); print(len(open(D + '/binary/nine.bin', 'rb').read()))",
    "lines": "print(sum(int(line.split(',')[1]) for line in open(D + '/text/table.csv')))",
    "seek": """
f = open(D + '/binary/nine.bin', 'rb')
import hashlib, random
h, r = hashlib.sha256(), random.Random(5)
for _ in range(300):
    f.seek(r.randrange(9 << 20)); h.update(f.read(r.randrange(5000)))
print(h.hexdigest(), f.seek(0, 2), f.seek(-7, 2), f.read().hex(), f.tell())
""",
    "mmap": """
import hashlib, mmap
with open(D + '/binary/nine.bin', 'rb') as f, mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ) as m:
    print(len(m), hashlib.sha256(m).hexdigest(), m[5000000:5000010].hex(), m.find(m[4000000:4000016]))
with open(D + '/binary/three.bin', 'rb') as f, mmap.mmap(f.fileno(), 8192, offset=1 << 20, access=mmap.ACCESS_COPY) as m:
    m[0:4] = b'abcd'; print(m[0:8].hex())
with open(D + '/text/empty.txt', 'rb') as f:
    try: mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ)
    except ValueError as e: print(e)
""",
    # Each child reads D: one that escaped would find nothing there.
    "exec-by-descriptor": """
import ctypes
FILE = D + '/text/no-newline.txt'
libc, env = ctypes.CDLL(None), {'PATH': '/usr/bin:/bin'}
def child(what, f):
    sys.stdout.flush(); pid = os.fork()
    if not pid:
        try: f()
        except OSError as e: print(what, e)
        os._exit(9)
    print(what, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
cat = os.open('/bin/cat', os.O_RDONLY)
child('descriptor', lambda: os.execve(cat, ['cat', FILE], env))
copy = os.memfd_create('copy', os.MFD_CLOEXEC); os.write(copy, open('/bin/cat', 'rb').read())
child('memfd', lambda: os.execve(copy, ['cat', FILE], env))
child('by /proc/self/fd', lambda: os.execve('/proc/self/fd/%d' % copy, ['cat', FILE], env))
script = os.memfd_create('script', 0); os.write(script, b'#!/bin/sh\\ncat "$1"\\n')
child('script', lambda: os.execve(script, ['script', FILE], env))
folder = os.open('/bin', os.O_RDONLY | os.O_DIRECTORY)
argv = (ctypes.c_char_p * 3)(b'cat', os.fsencode(FILE), None)
child('relative', lambda: libc.syscall(322, folder, b'cat', argv, (ctypes.c_char_p * 1)(None), 0))
""",
    "walk": """
for top, dirs, files in os.walk(D):
    dirs.sort(); print(top, sorted(files), [os.path.getsize(os.path.join(top, f)) for f in sorted(files)])
""",
    "scandir": """
for e in sorted(os.scandir(D + '/text'), key=lambda e: e.name):
    print(e.name, e.is_file(), e.is_dir(), e.is_symlink(), e.stat().st_size if e.is_file() else '', e.inode() == e.stat().st_ino)
""",
    "stat": """
import stat
for p in ('text/table.csv', 'text', 'text/empty.txt', '.'):
    s = os.stat(D + '/' + p); print(p, stat.filemode(s.st_mode), s.st_uid, s.st_gid, s.st_size if stat.S_ISREG(s.st_mode) else '')
    print(os.path.exists(D + '/' + p), os.path.isfile(D + '/' + p), os.path.islink(D + '/' + p), os.access(D + '/' + p, os.R_OK))
print(os.path.samefile(D + '/text', D + '/odd/../text'), os.path.exists(D + '/none'))
""",
    "copytree": "import shutil; shutil.copytree(D + '/text', 'copy'); shutil.copy2(D + '/binary/three.bin', 'one'); "
                "shutil.copyfile(D + '/binary/mega.bin', 'two')",
    "zipfile": """
import zipfile
with zipfile.ZipFile(D + '/binary/archive.zip') as z:
    print(z.namelist(), z.testzip()); print(z.read('inside/7.txt').decode())
""",
    "tarfile": """
import io, tarfile
b = io.BytesIO()
def plain(i): i.mtime = 0; return i
with tarfile.open(fileobj=b, mode='w') as t:
    for n in sorted(os.listdir(D + '/text')):
        if n.endswith('.txt'): t.add(D + '/text/' + n, n, filter=plain)
import hashlib; print(len(b.getvalue()), hashlib.sha256(b.getvalue()).hexdigest())
""",
    "sqlite": """
import sqlite3
c = sqlite3.connect('file:' + D + '/binary/words.sqlite?mode=ro&immutable=1', uri=True)
print(c.execute('select word, count(*), sum(square) from words group by word order by word').fetchall())
print(c.execute('select * from words where id in (1, 777, 19999)').fetchall(), c.execute('pragma integrity_check').fetchall())
try: c.execute('delete from words')
except sqlite3.OperationalError as e: print(e)
""",
    "subprocess": """
import subprocess
print(subprocess.run(['cat', 'file00.txt'], cwd=D + '/text', capture_output=True))
print(subprocess.run('wc -l < table.csv', cwd=D + '/text', shell=True, capture_output=True).stdout)
print(subprocess.run(['cat'], stdin=open(D + '/text/no-newline.txt'), capture_output=True, env={}).stdout)
print(subprocess.run(['none'], capture_output=True, shell=True).returncode)
try: subprocess.run(['none'])
except FileNotFoundError as e: print(e)
try: subprocess.run(['cat'], cwd=D + '/none')
except FileNotFoundError as e: print(e)
p = subprocess.Popen(['cat', D + '/binary/nine.bin'], stdout=subprocess.PIPE, close_fds=True)
print(len(p.communicate()[0]), p.returncode)
print(subprocess.getoutput('cat ' + D + '/text/file00.txt'))
""",
    "threads": """
import hashlib
from concurrent.futures import ThreadPoolExecutor
files = sorted(os.path.join(t, f) for t, _, fs in os.walk(D) for f in fs)
def digest(p): return hashlib.sha256(open(p, 'rb').read()).hexdigest()
with ThreadPoolExecutor(16) as pool:
    for p, h in zip(files, pool.map(digest, files)): print(p.encode(), h)
f = os.open(D + '/binary/nine.bin', os.O_RDONLY)
with ThreadPoolExecutor(16) as pool:
    print(hashlib.sha256(b''.join(pool.map(lambda o: os.pread(f, 65536, o), range(0, 9 << 20, 65536)))).hexdigest())
""",
    "processes": """
import multiprocessing, hashlib
def digest(p): return hashlib.md5(open(p, 'rb').read()).hexdigest()
if __name__ == '__main__':
    files = [D + '/binary/' + n for n in sorted(os.listdir(D + '/binary'))]
    with multiprocessing.get_context('fork').Pool(4) as pool: print(pool.map(digest, files))
""",
    "spawned-processes": """
import multiprocessing, os.path
if __name__ == '__main__':
    with multiprocessing.get_context('spawn').Pool(2) as pool:
        print(pool.map(os.path.getsize, [D + '/binary/' + n for n in sorted(os.listdir(D + '/binary'))]))
""",
    "errors": """
import errno
def tell(what, *a, **k):
    try: r = what(*a, **k); print(what.__name__, 'worked')
    except OSError as e: print(what.__name__, errno.errorcode[e.errno], e)
tell(open, D + '/none'); tell(open, D + '/text'); tell(os.listdir, D + '/none'); tell(os.listdir, D + '/text/table.csv')
tell(os.stat, D + '/none/x'); tell(os.readlink, D + '/text'); tell(os.chdir, D + '/text/table.csv')
tell(open, D + '/' + 'n' * 256); tell(open, D + '/n' * 3000); tell(os.getxattr, D + '/text/table.csv', 'user.x')
""",
    "chdir": """
os.chdir(D + '/text/a'); print(os.getcwd(), sorted(os.listdir()), sorted(os.listdir('..')))
os.chdir('b'); print(os.getcwd(), os.path.abspath('x'), os.path.realpath('..')); d = os.open('.', os.O_RDONLY)
os.chdir('/'); print(sorted(os.listdir(d)), os.stat('file02.txt', dir_fd=d).st_size); os.fchdir(d); print(os.getcwd())
""",
    "descriptors": """
f = os.open(D + '/text/table.csv', os.O_RDONLY); g = os.dup(f); os.lseek(f, 100, 0); print(os.read(g, 20), os.lseek(f, 0, 1))
os.set_inheritable(f, True); print(os.get_inheritable(f), os.get_blocking(f), os.fstat(f).st_size)
r, w = os.pipe(); print(os.sendfile(w, f, 50, 100), os.read(r, 100)); print(os.splice(f, w, 64), os.read(r, 64))
out = os.open('out', os.O_RDWR | os.O_CREAT); print(os.sendfile(out, f, 0, 40000)); print(os.copy_file_range(f, out, 1000, 0), os.fstat(out).st_size)
print(os.preadv(f, [bytearray(10), bytearray(20)], 500), os.posix_fadvise(f, 0, 0, os.POSIX_FADV_SEQUENTIAL))
import select; p = select.poll(); p.register(f); print(p.poll(0)[0][1]); print(os.isatty(f), os.statvfs(D).f_namemax)
""",
    "asyncio": """
import asyncio
async def main():
    p = await asyncio.create_subprocess_exec('sha256sum', D + '/binary/nine.bin', stdout=asyncio.subprocess.PIPE)
    q = await asyncio.create_subprocess_shell('cat ' + D + '/text/table.csv | wc -l', stdout=asyncio.subprocess.PIPE)
    print((await p.communicate())[0], (await q.communicate())[0])
asyncio.run(main())
""",
    "signals": """
import signal, time
n = 0
def up(*a):
    global n; n += 1
signal.signal(signal.SIGALRM, up); signal.setitimer(signal.ITIMER_REAL, .001, .001)
sizes = set()
end = time.monotonic() + .5
while time.monotonic() < end: sizes.add(len(open(D + '/binary/mega.bin', 'rb').read())); os.listdir(D + '/text')
signal.setitimer(signal.ITIMER_REAL, 0); print(sizes, n > 50)
""",
    "import-from-bucket": """
sys.path.insert(0, D + '/text'); sys.dont_write_bytecode = True
try: import table
except ModuleNotFoundError as e: print(e)
import runpy
try: runpy.run_path(D + '/text/script.sh')
except SyntaxError as e: print('syntax', e.lineno)
""",
    "glob-pathlib": """
import glob, pathlib
print(sorted(glob.glob(D + '/**/*.txt', recursive=True))); p = pathlib.Path(D)
print(sorted(p.rglob('*.bin')), (p / 'text/table.csv').stat().st_size, (p / 'text').is_dir(), (p / 'none').exists())
print((p / 'text' / 'a' / '..' / 'table.csv').resolve())
""",
    "filecmp": "import filecmp; print(filecmp.dircmp(D + '/text', os.environ['L'] + '/text').diff_files, "
               "filecmp.cmp(D + '/binary/nine.bin', os.environ['L'] + '/binary/nine.bin', shallow=False))",
}
CASES = [Case(f"python/{name}", ["python3", "-c", HEAD + script]) for name, script in SCRIPTS.items()]
CASES = [case for case in CASES if "processes" not in case.name]
# These need a file that the children can import again.
for script_name in ("processes", "spawned-processes"):
    CASES.append(Case(f"python/{script_name}", "cat >p.py <<'END'\n" + HEAD + SCRIPTS[script_name] + "\nEND\n"
                      "python3 p.py; s=$?; rm -r p.py __pycache__ 2>/dev/null; exit $s"))
