# SPDX-License-Identifier: Apache-2.0
"""Programs that change files: a probe of the system calls, and sessions with everyday tools.

Each runs in a folder of its own, natively and on the bucket. What it says has to be the same, and so
does what it leaves: in the bucket that is asked of the store itself, with what was put in as the base.
"""
import os
import shutil
import signal
import subprocess
import time

from cases.budget import Counted
from case import Case, Result, World, difference, neutral, want

MODEL = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "programs", "model.py")
BASE_BYTES = 5 * 65536 + 1000
BASE = bytes((i * 7 + i // 251) & 255 for i in range(BASE_BYTES))
GROUPS = "bytes offsets append vector size open error fd exec map copy names attr sync sharing threads aio outlived signals".split()
EDITS = 1440  # of writes_sharing.c
SESSIONS = {
    "redirect": "echo one >$D/f; echo two >>$D/f; cat $D/f; : >$D/empty; wc -c $D/empty; { echo a; echo b; } >$D/g; cat $D/g",
    "redirect-both": "cd $D; ls none base.bin >out 2>&1; cat out; exec 3>$D/three; echo x >&3; "
                     "exec 3>&-; cat $D/three",
    "noclobber": "set -C; echo x >$D/f; (echo y >$D/f) 2>/dev/null; echo $?; cat $D/f",
    "cat": "cat $L/text/file0*.txt >$D/all; cat $D/all $D/all >$D/twice; cksum <$D/twice",
    "tee": "echo line | tee $D/a $D/b >/dev/null; echo more | tee -a $D/a; cat $D/a $D/b",
    "cp": "cp $L/binary/three.bin $D/c; cmp $L/binary/three.bin $D/c; cp $D/c $D/d; cmp $D/c $D/d; cp -r $L/text $D/text; "
          "diff -r $L/text $D/text; echo $?",
    "cp-attributes": "cp -p $L/text/file00.txt $D/c; stat -c '%a %s %Y' $D/c; cp -a $L/text/a $D/a; find $D/a -type f -printf '%P %m %T@\n' | sort",
    "dd": "dd if=/dev/zero of=$D/z bs=64k count=20 status=none; dd if=$L/binary/mega.bin of=$D/z bs=1000 seek=70 count=300 conv=notrunc status=none; "
          "dd if=$L/text/file01.txt of=$D/z bs=512 seek=2560 oflag=append conv=notrunc,fsync status=none; cksum <$D/z",
    "dd-direct": "dd if=/dev/zero of=$D/z bs=64k count=3 oflag=sync status=none; stat -c %s $D/z",
    "truncate": "truncate -s 100000 $D/base.bin; truncate -s +50000 $D/base.bin; truncate -s 10M $D/new; stat -c %s $D/base.bin $D/new; cksum <$D/base.bin",
    "sed": "cp $L/text/file02.txt $D/f; sed -i s/cloud/CLOUD/g $D/f; grep -c CLOUD $D/f; sed -i.old s/CLOUD/c/ $D/f; cksum <$D/f; ls $D",
    "sort": "sort -o $D/sorted $L/text/file03.txt; sort -u -o $D/sorted $D/sorted; cksum <$D/sorted",
    "mv": "cp $L/text/file04.txt $D/a; mv $D/a $D/b; ls $D; mkdir $D/sub; mv $D/b $D/sub; mv -T $D/sub $D/other; ls $D/other; mv $D/other/b .; "
          "mv b $D/back; cksum <$D/back; ls $D",
    "mv-written-away": "mkdir $D/q; echo one >$D/q/one; mv $D/q $D/r; echo two >$D/two; mv $D/two $D/three; stat -c %s $D/r/one $D/three; mv $D/r $D/three .; cat r/one three; ls $D",
    "rm": "mkdir -p $D/a/b/c; touch $D/a/1 $D/a/b/2 $D/a/b/c/3; rmdir $D/a 2>/dev/null; echo $?; find $D/a | wc -l; rm -r $D/a; ls $D; rm -f $D/none; rm $D/none 2>/dev/null; echo $?",
    "touch": "touch $D/t; touch -d 2001-02-03T04:05:06 $D/t $D/base.bin; stat -c '%s %Y' $D/t $D/base.bin; cksum <$D/base.bin",
    "chmod": "echo x >$D/s; chmod 755 $D/s; stat -c %a $D/s; chmod go-r $D/s; stat -c %a $D/s; chmod u+w,g=r $D/base.bin; stat -c %a $D/base.bin",
    "install": "install -m 640 $L/text/file05.txt $D/i; stat -c %a $D/i; install -D -m 600 $L/text/file05.txt $D/x/y/z; stat -c %a $D/x/y/z",
    "mktemp": "f=$(mktemp $D/tXXXXXX); echo x >$f; stat -c %a $f; mv $f $D/named; cat $D/named",
    "tar": "tar -cf $D/t.tar -C $L text; tar -tf $D/t.tar | wc -l; mkdir $D/x; tar -xf $D/t.tar -C $D/x; diff -r $L/text $D/x/text; echo $?; "
           "gzip -k $D/t.tar; tar -tzf $D/t.tar.gz | wc -l; tar -rf $D/t.tar -C $L binary/tiny.bin; tar -tf $D/t.tar | tail -1; rm $D/t.tar.gz $D/t.tar",
    "zip": "cd $L && zip -q -r $D/z.zip text && cd $D && unzip -q -o z.zip && diff -r $L/text $D/text; echo $?; rm $D/z.zip",
    "rsync": "rsync -a $L/text/ $D/copy/; rsync -ain $L/text/ $D/copy/ | grep -v '^\\.d'; echo change >>$D/copy/file00.txt; "
             "rsync -a $L/text/ $D/copy/; rsync -a --inplace --no-whole-file $L/binary/three.bin $D/base.bin; diff -r $L/text $D/copy; cksum <$D/base.bin",
    "git": "cd $D && export HOME=$D GIT_AUTHOR_DATE='2001-01-01 00:00' GIT_COMMITTER_DATE='2001-01-01 00:00' && git init -q -b main r && cd r && "
           "git config user.name n && git config user.email e@example.org && cp $L/text/file0*.txt . && git add . && git commit -q -m one && "
           "echo x >>file00.txt && git commit -q -a -m two && git log --format=%H%s && git fsck --strict && git status --short && git gc -q && git fsck && "
           "cd .. && rm -rf r",
    "sqlite": "sqlite3 $D/s.db 'create table t(a integer primary key, b text); with recursive n(i) as (select 1 union all select i+1 from n where i<2000) "
              "insert into t select i, hex(i*i) from n;'; sqlite3 $D/s.db 'update t set b=b||a where a%7=0; delete from t where a%5=0; select count(*), sum(length(b)) from t; "
              "pragma integrity_check; vacuum; pragma integrity_check;'; sqlite3 $D/s.db '.dump' | cksum; ls $D | grep s.db; sqlite3 $D/s.db .dump >$D/dump; rm $D/s.db",
    "sqlite-wal": "sqlite3 $D/s.db 'pragma journal_mode=wal; create table t(a); insert into t values(1),(2); insert into t select a+2 from t; select sum(a) from t;'; "
                  "sqlite3 $D/s.db 'select count(*) from t; pragma journal_mode=delete;'; sqlite3 $D/s.db .dump >$D/dump; rm $D/s.db",
    "python": "python3 -c \"\nimport os, sys, mmap, tempfile, shutil, pathlib\nd = os.environ['D']\n"
              "with open(d + '/t', 'w') as f:\n    for i in range(5000): print(i, file=f)\n"
              "with open(d + '/t', 'r+b') as f:\n    f.seek(100); f.write(b'in place'); f.seek(0, 2); f.write(b'end'); f.truncate(20000)\n"
              "with open(d + '/base.bin', 'r+b') as f, mmap.mmap(f.fileno(), 0) as m:\n    m[70000:70005] = b'HELLO'; m.flush(); m[1:3] = b'xy'\n"
              "with tempfile.NamedTemporaryFile(dir=d) as f:\n    f.write(b'x' * 100000); f.flush(); print(os.stat(f.name).st_size)\n"
              "shutil.copyfile(d + '/t', d + '/u'); shutil.copytree(os.environ['L'] + '/text', d + '/tree'); shutil.rmtree(d + '/tree/a')\n"
              "p = pathlib.Path(d, 'p'); p.write_text('text'); p.rename(d + '/q'); print(sorted(os.listdir(d)), os.path.getsize(d + '/u'))\n\"",
    "logger": "exec >$D/log 2>&1; for i in 1 2 3 4 5; do echo line $i; ls $D/none$i | cat; done; exec >/dev/tty 2>/dev/null; true",
    "here": "cat >$D/f <<X\nsome\nlines\nX\nread a <$D/f; echo $a; while read x; do echo \"<$x>\"; done <$D/f >$D/g; cat $D/g",
    "background": "for i in 1 2 3 4 5 6; do (echo $i >$D/b$i; sleep 0.$i; echo more >>$D/b$i) & done; wait; cat $D/b*",
    "append-many": "for i in 1 2 3 4; do (for j in 1 2 3 4 5 6 7 8 9 10; do echo $i-$j >>$D/log; done) & done; wait; sort $D/log | cksum; sort -o $D/log $D/log",
    "full-device": "cat $L/text/file00.txt >/dev/full 2>/dev/null; echo $?; ls $D",
    "named-descriptor": "echo first >$D/f; echo x 3>>$D/f >/dev/fd/3; cat $D/f",
    "reopen": "exec 5>>$D/f; echo one >&5; echo two >/dev/fd/5; cat $D/f; (echo three >/proc/self/fd/5); echo four >&5; cat $D/f",
    "reopen-renamed": "exec 5>>$D/f; echo one >&5; mv $D/f $D/g; echo precious >$D/f; (echo two >/dev/fd/5) 2>/dev/null; cat $D/f; echo end >&5; exec 5>&-; "
                      "rm -f $D/g",
    "build": "printf '#include <stdio.h>\\nint main(int c, char **v) { return printf(\"%%s %%d\\\\n\", v[c - 1], c) < 0; }\\n' >$D/p.c && "
             "gcc -o $D/p $D/p.c && $D/p one two; cp $D/p $D/q; chmod -x $D/p; $D/p; echo $?; cd $D && ./q; (exec ./q last); rm p q p.c",
    "programs": "cp $(command -v readlink) $D/rl; $D/rl /proc/self/exe | sed s,$D,,; printf '#!/bin/sh\\necho $0 $1 | sed s,$D,,; [ -e /proc/self/fd/100 ]; echo $?' >$D/s; "
                "$D/s x 2>/dev/null; echo $?; chmod +x $D/s; $D/s x; env $D/s y; cp $(command -v busybox) $D/busybox; $D/busybox echo static; "
                "python3 -c 'import os; os.execve(os.open(os.environ[\"D\"] + \"/rl\", os.O_RDONLY), [\"rl\", \"/proc/self/exe\"], {})' | wc -l; rm $D/rl $D/s $D/busybox",
    "link": "ln $D/base.bin $D/hard 2>/dev/null || cp $D/base.bin $D/hard; cmp $D/base.bin $D/hard; echo $?; rm $D/hard",
    "stdout-of-native": "echo before >$D/f; SKYSHIM_OFF=1 env echo from a program by itself >>$D/f; cat $D/f",
}
# What stderr says natively and not here, or the other way round, is not the point of these.
QUIET = {"mv", "link", "git"}


def changing(context):
    """What stands for the bucket that programs change: others read the first one meanwhile."""
    return context.cloud + World.CHANGING


def changed(context):
    return context.bucket + World.CHANGING


class Folder:
    """A case's own folder, natively and in the bucket, with the same file in both."""

    def __init__(self, context, name):
        self.context = context
        self.prefix = f"write-{name}"
        self.native = os.path.join(context.work, "native")
        self.cloud = os.path.join(changing(context), self.prefix)
        os.mkdir(self.native)
        with open(f"{self.native}/base.bin", "wb") as out:
            out.write(BASE)
        if context.store:
            context.store.put(changed(context), f"{self.prefix}/base.bin", BASE)
        else:
            shutil.copytree(self.native, self.cloud)

    def run(self, command, timeout=120, env=None):
        """The two results, told apart by nothing that has to differ."""
        results = []
        for root, run in ((self.native, self.context.run_local), (self.cloud, self.context.run_cloud)):
            work = os.path.join(self.context.work, "w" + str(len(results)))
            os.mkdir(work)
            result = run(command.replace("{D}", root) if isinstance(command, str) else [part.replace("{D}", root) for part in command],
                         env={"D": root, **(env or {})}, timeout=timeout, cwd=work)
            results.append(Result(result.status, neutral(result.stdout, root, work), neutral(result.stderr, root, work)))
        return results

    def left_native(self):
        found = {}
        for top, folders, files in os.walk(self.native):
            for name in files:
                with open(os.path.join(top, name), "rb") as source:
                    found[os.path.relpath(os.path.join(top, name), self.native)] = source.read()
            if top != self.native and not folders and not files:
                found[os.path.relpath(top, self.native) + "/"] = b""
        return found

    def left_cloud(self):
        """What the store has, as an independent client sees it; of folders only the empty ones."""
        if not self.context.store:
            other, self.native = self.native, self.cloud
            found, self.native = self.left_native(), other
            return found
        keys = [key[len(self.prefix) + 1:] for key in keys_below(self.context, self.prefix + "/")]
        keys = [key for key in keys if key and not (key.endswith("/") and any(k != key and k.startswith(key) for k in keys))]
        return {key: self.context.store.get(changed(self.context), f"{self.prefix}/{key}") for key in keys}


def keys_below(context, prefix):
    return [key for key, _ in context.store.times(changed(context), prefix)]


def compare_both(folder, command, stderr=True, env=None):
    native, cloud = folder.run(command, env=env)
    wrong = []
    if native.status != cloud.status:
        wrong.append(f"exit status: native {native.status}, on the bucket {cloud.status}; stderr {cloud.stderr[:2000]!r}")
    if native.stdout != cloud.stdout:
        wrong.append("stdout differs:\n" + difference(native.stdout, cloud.stdout))
    if stderr and native.stderr != cloud.stderr:
        wrong.append("stderr differs:\n" + difference(native.stderr, cloud.stderr))
    one = {name: neutral(content, folder.native, "none") for name, content in folder.left_native().items()}
    other = {name: neutral(content, folder.cloud, "none") for name, content in folder.left_cloud().items()}
    for name in sorted(set(one) | set(other)):
        if one.get(name) != other.get(name):
            wrong.append(f"{name!r}: native {size(one.get(name))}, in the bucket {size(other.get(name))}"[:200])
    want(not wrong, "\n".join(wrong[:12]))
    return native


def size(content):
    return "not there" if content is None else f"{len(content)} bytes {content[:40]!r}"


def session(name, command):
    def check(context):
        compare_both(Folder(context, name), command, name not in QUIET)
    return check


def probe(variant, group):
    def check(context):
        folder = Folder(context, f"{variant}-{group}")
        native = compare_both(folder, [f"{context.world.programs}/writes-{variant}", "{D}", group])
        want(native.stdout.count(b"\n") > 2, "it said nothing")
        if group == "sharing":
            want(b'"%08d"' % EDITS in native.stdout, f"edits were lost: {native.stdout[:3000]}")
    return check


def bucket_has(context, key, content, what):
    """The store has it now: nobody waits."""
    found = context.store.get(changed(context), key)
    want(found == content, f"{what}: the bucket has {size(found)}, wanted {size(content)}")


def lines_from(context, script, replies, folder=None, **env):
    """Runs a Python script that prints a line and reads one before it goes on: each reply is a function that
    is called meanwhile."""
    with subprocess.Popen([context.skyshim, "run", "python3", "-u", "-c", script], cwd=context.work, stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=context.environment({"D": folder or changing(context), **env})) as process:
        try:
            for reply in replies:
                line = process.stdout.readline()
                want(line, f"it ended early: {process.stderr.read()[-2000:]!r}" if process.poll() is not None or not line else "")
                reply(process)
                process.stdin.write(b"\n")
                process.stdin.flush()
            out, err = process.communicate(timeout=60)
            return Result(process.returncode, out, err)
        finally:
            if process.poll() is None:
                process.kill()


def durable(context):
    """In the bucket when fsync, close and the end of a program return; not before fsync, for nobody asked."""
    key = "write-durable/f"
    context.store.put(changed(context), "write-durable/keep")
    script = ("import os, sys\nf = os.open(os.environ['D'] + '/write-durable/f', os.O_RDWR | os.O_CREAT)\n"
              "os.write(f, b'one'); os.fsync(f); print(1); sys.stdin.readline()\n"
              "os.write(f, b'two'); os.close(f); print(2); sys.stdin.readline()\n"
              "f = os.open(os.environ['D'] + '/write-durable/f', os.O_RDWR | os.O_APPEND); os.write(f, b'three')\n"
              "os.dup2(os.open('/dev/null', os.O_RDONLY), f); print(3); sys.stdin.readline()\n"
              "g = open(os.environ['D'] + '/write-durable/g', 'w'); g.write('at exit'); g.flush(); os._exit(0)\n")
    result = lines_from(context, script, [
        lambda p: bucket_has(context, key, b"one", "after fsync"),
        lambda p: bucket_has(context, key, b"onetwo", "after close"),
        lambda p: bucket_has(context, key, b"onetwothree", "after dup2")])
    want(result.status == 0, str(result))
    bucket_has(context, "write-durable/g", b"at exit", "after the end")


def killed(context):
    """What a killed program wrote is published by the daemon, as a local file system keeps it."""
    context.store.put(changed(context), "write-killed/f", BASE)
    script = ("import os, sys, signal\nf = os.open(os.environ['D'] + '/write-killed/f', os.O_RDWR)\n"
              "os.pwrite(f, b'changed', 70000); os.pwrite(f, b'grown', 400000); print(1); sys.stdin.readline()\n"
              "os.kill(os.getpid(), signal.SIGKILL)\n")
    expected = bytearray(BASE.ljust(400000, b"\0") + b"grown")
    expected[70000:70007] = b"changed"
    result = lines_from(context, script, [lambda p: None])
    want(result.status == -signal.SIGKILL or result.status == 128 + signal.SIGKILL, str(result))
    again = context.run_cloud(["cat", changing(context) + "/write-killed/f"])
    want(again.stdout == bytes(expected), "the next program does not see what the killed one wrote")
    deadline = time.monotonic() + 30
    while context.store.get(changed(context), "write-killed/f") != bytes(expected):
        want(time.monotonic() < deadline, "the daemon did not publish what a killed program wrote")
        time.sleep(0.1)


def lost_race(context):
    """Somebody else's version in between: an error, once, and their version stays."""
    key = "write-race/f"
    context.store.put(changed(context), key, b"first version\n")
    script = ("import os, sys\nf = os.open(os.environ['D'] + '/write-race/f', os.O_RDWR)\n"
              "os.pwrite(f, b'ours', 0); print(1); sys.stdin.readline()\n"
              "try:\n    os.close(f); print('closed')\nexcept OSError as e:\n    print(e.errno)\n"
              "try:\n    os.close(f)\nexcept OSError as e:\n    print(e.errno)\n")
    result = lines_from(context, script, [lambda p: context.store.put(changed(context), key, b"their version\n")])
    want(result.stdout == b"116\n9\n", f"ESTALE once, then EBADF: {result}")
    want(result.stderr.count(b"skyshim:") == 1, f"one line says why: {result.stderr!r}")
    bucket_has(context, key, b"their version\n", "the other's version")


def told_by_status(context):
    """Where no call can return the error, the exit status does."""
    result = context.run([context.skyshim, "run", "sh", "-c", f"echo lost >{context.store.root}/no-such-bucket-here/f; echo on"])
    want(result.stdout == b"on\n" and result.status == 1, str(result))
    want(f"{context.store.root}/no-such-bucket-here/f"[len("/cloud/"):].encode() in result.stderr, f"no line says which file: {result.stderr!r}")
    result = context.run([context.skyshim, "run", "cp", "/etc/passwd", f"{context.store.root}/no-such-bucket-here/g"])
    want(result.status == 1 and b"No such file or directory" in result.stderr, str(result))


def budget(context):
    """One upload for one file, whatever the shell does with descriptors; nothing to open it, and nothing to end."""
    with Counted(context) as counted:
        counted.store.put("budget", "w/keep")
        counted.store.put("budget", "w/old", BASE)
        for name, command in (("redirect", "echo x >$D/w/a"), ("exec", "/bin/echo x >$D/w/b"), ("bash", "bash -c 'echo x >$D/w/c'"),
                              ("cp", "cp /etc/passwd $D/w/d"), ("group", "{ echo a; /bin/echo b; } >$D/w/e"), ("overwrite", "echo x >$D/w/old"),
                              ("python", "python3 -c 'import os, subprocess; f = open(os.environ[\"D\"] + \"/w/f\", \"w\"); f.write(\"x\"); "
                                         "subprocess.run([\"true\"]); f.flush(); os.fsync(f.fileno()); f.close()'")):
            cost = counted.cost(command)
            if name == "cp":  # it asks for the name that is not there
                want(cost.pop("HeadObject", 0) <= 1 and cost.pop("ListObjectsV2", 0) <= 1, f"{name}: {cost}")
            want(cost == {"PutObject": 1}, f"{name}: {cost}")


SLOW = ("import os, time\nd = os.environ['D'] + '/w/slow/'\nos.mkdir(d)\nfor i in range(8):\n    time.sleep(0.4)\n"
        "    os.close(os.open(d + str(i), os.O_CREAT | os.O_EXCL | os.O_WRONLY))\n")


def many(context):
    """A new directory is filled, for longer than names are believed: what nobody else can have made is not asked about. tar sets its
    time and its mode afterwards: its mark is put three times, or twice when both come before it is."""
    context.run(["sh", "-c", "mkdir many; for f in 1 2 3 4 5 6 7 8; do echo $f >many/$f; done; tar cf many.tar many"])
    with open(f"{context.work}/slow.py", "w", encoding="ascii") as out:
        out.write(SLOW)
    with Counted(context) as counted:
        counted.store.put("budget", "w/keep")
        for command, puts, most in ("cp -r many $D/w/cp", {9}, 3), ("tar xf many.tar -C $D/w", {10, 11}, 5), ("python3 slow.py", {9}, 3):
            cost = counted.cost(command)
            want(cost.get("PutObject") in puts and sum(cost.values()) <= max(puts) + most, f"{command}: {cost}")


CASES = [Case(f"write/probe/{variant}/{group}", check=probe(variant, group), needs_store=False, timeout=120)
         for variant in ("glibc", "musl-static") for group in GROUPS]
CASES += [Case(f"write/{name}", check=session(name, command), needs_store=False) for name, command in SESSIONS.items()]
CASES += [Case(f"write/model-{seed}", check=session(f"model-{seed}", f"cd $D && python3 {MODEL} {seed} 300"), needs_store=False, timeout=120)
          for seed in range(1, 7)]
CASES += [
    Case("write/durable", check=durable),
    Case("write/killed", check=killed),
    Case("write/lost-race", check=lost_race),
    Case("write/told-by-status", check=told_by_status),
    Case("write/budget", check=budget, embedded_only=True),
    Case("write/budget-many", check=many, embedded_only=True),
]
