# SPDX-License-Identifier: Apache-2.0
"""A directory's rename, two that change places, and daemons that are killed in the middle of it: in the end all of it
has the new name, or, where the service refused, the old one, and nothing is there twice or not at all."""
import errno
import os
import random
import signal

from case import Case, want
from cases.faults import Faulty
from cases.stream import kill_daemon, soon
from relay import Relay

FILES = 200
KILLS = 4
EXCHANGED = 90  # files of the one, and half as many of the other: so many copies three times
COPIES = 2 * (EXCHANGED // 2 + 1) + EXCHANGED


def keys(faulty):
    page = faulty.store.expect("GET", "/faulty", query="list-type=2&prefix=w%2F").decode()
    return sorted(key.split("</Key>")[0] for key in page.split("<Key>")[1:])


def fill(faulty, name, files=FILES):
    for i in range(files):
        faulty.store.put("faulty", f"w/{name}/sub{i % 3}/f{i}", b"%d" % i)
    return sorted(f"w/{name}/sub{i % 3}/f{i}" for i in range(files))


def named(wanted, old, new):
    return sorted(key.replace(f"w/{old}/", f"w/{new}/") for key in wanted)


def check_content(faulty, name, files=FILES):
    for i in random.sample(range(files), 20):
        want(faulty.store.get("faulty", f"w/{name}/sub{i % 3}/f{i}") == b"%d" % i, f"f{i} has other bytes")


def killed_once(faulty, copies, program_too):
    """The daemon is killed when it has made so many copies."""
    context = faulty.context
    wanted = fill(faulty, "here")
    soon(lambda: faulty.run("ls -d $D/here").status == 0, "what others made is not seen")
    faulty.store.reset()
    faulty.setting("latency_ms=10")
    process = context.start([context.skyshim, "run", "mv", f"{faulty.env['D']}/here", f"{faulty.env['D']}/there"], env=faulty.env)
    soon(lambda: faulty.store.stats()["verbs"]["CopyObject"] >= copies, "it does not begin")
    if program_too:
        os.killpg(process.pid, signal.SIGKILL)
    kill_daemon(context)
    faulty.setting("latency_ms=0")
    _, err = process.communicate(timeout=60)
    if program_too:
        want(faulty.run("cat $D/keep").status == 0, "the next daemon")
    else:
        want(process.returncode == 0 and not err, f"mv fails: {process.returncode} {err!r}")
    new = named(wanted, "here", "there")
    ends = (new, wanted) if program_too else (new,)
    soon(lambda: [key for key in keys(faulty) if "/sub" in key] in ends and not os.listdir(f"{context.folder}/cache/moves"),
         f"after {copies} copies: it stays in part")
    now = [key for key in keys(faulty) if "/sub" in key]
    check_content(faulty, "there" if now == new else "here")
    listed = faulty.run(f"find $D/{'there' if now == new else 'here'} -type f | wc -l; ls -d $D/{'here' if now == new else 'there'} 2>&1")
    want(listed.stdout.split()[0] == b"%d" % FILES and b"No such file" in listed.stdout, f"what is seen here is not what is there: {listed}")
    faulty.run("rm -r $D/there $D/here")


def killed(program_too):
    def check(context):
        rng = random.Random(program_too)
        with Faulty(context) as faulty:
            for copies in (*(rng.randrange(1, FILES) for _ in range(KILLS - 1)), FILES):
                killed_once(faulty, copies, program_too)
    return check


EXCHANGE = ("import ctypes, os, sys\n"
            "call = ctypes.CDLL(None, use_errno=True).syscall\n"
            "D = os.environ['D']\n"
            "if call(316, -100, f'{D}/{sys.argv[1]}'.encode(), -100, f'{D}/{sys.argv[2]}'.encode(), 2):\n"
            "    sys.exit(os.strerror(ctypes.get_errno()))\n")


def exchange_killed_once(faulty, copies, program_too):
    """The daemon is killed when it has made so many copies of an exchange."""
    context = faulty.context
    here = fill(faulty, "here", EXCHANGED)
    there = [*(f"w/there/sub1/g{i}" for i in range(EXCHANGED // 2)), "w/there/sub1/f1"]
    for key in there:
        faulty.store.put("faulty", key, b"there")
    wanted = sorted(named(here, "here", "there") + named(there, "there", "here"))
    soon(lambda: faulty.run("ls -d $D/here $D/there").status == 0, "what others made is not seen")
    faulty.store.reset()
    faulty.setting("latency_ms=30")
    process = context.start([context.skyshim, "run", "python3", "-c", EXCHANGE, "here", "there"], env=faulty.env)
    soon(lambda: faulty.store.stats()["verbs"]["CopyObject"] >= copies, "it does not begin")
    if program_too:
        os.killpg(process.pid, signal.SIGKILL)
    kill_daemon(context)
    faulty.setting("latency_ms=0")
    _, err = process.communicate(timeout=100)
    if not program_too:
        want(process.returncode == 0 and not err, f"the exchange fails: {process.returncode} {err!r}")
    listed = faulty.run("ls -A $D; ls $D/here/sub1; cat $D/here/sub1/f1 $D/there/sub1/f1")
    names = [b"here", b"keep", b"old", b"there", *sorted(os.path.basename(key).encode() for key in there), b"there1"]
    want(listed.status == 0 and listed.stdout.split() == names, f"after {copies} copies: what is seen is half of it: {listed}")
    want([key for key in keys(faulty) if "/sub" in key] == wanted and not any(".exchange" in key for key in keys(faulty)),
         f"after {copies} copies: it is not exchanged, or something is left")
    check_content(faulty, "there", EXCHANGED)
    want(faulty.run("rm -r $D/there $D/here").status == 0, "they cannot be removed")


def exchange_killed(program_too):
    def check(context):
        rng = random.Random(10 + program_too)
        with Faulty(context) as faulty:
            for copies in (*(rng.randrange(1, COPIES) for _ in range(KILLS - 1)), COPIES):
                exchange_killed_once(faulty, copies, program_too)
    return check


def half_exchanged(faulty):
    """A daemon and its program die in the middle of an exchange. What the bucket is to have when it is finished."""
    context = faulty.context
    here = fill(faulty, "here", EXCHANGED)
    there = [f"w/there/sub1/g{i}" for i in range(EXCHANGED // 2)]
    for key in there:
        faulty.store.put("faulty", key, b"there")
    soon(lambda: faulty.run("ls -d $D/here $D/there").status == 0, "what others made is not seen")
    faulty.store.reset()
    faulty.setting("latency_ms=30")
    process = context.start([context.skyshim, "run", "python3", "-c", EXCHANGE, "here", "there"], env=faulty.env)
    soon(lambda: faulty.store.stats()["verbs"]["CopyObject"] >= EXCHANGED // 2 + 5, "it does not begin")
    os.killpg(process.pid, signal.SIGKILL)
    kill_daemon(context)
    faulty.setting("latency_ms=0")
    process.communicate(timeout=100)
    return sorted(named(here, "here", "there") + named(there, "there", "here"))


def waiting(faulty, **env):
    """The one exchange that waits, as `recover` tells it."""
    left = faulty.left(**env)
    want(len(left) == 1 and left[0]["moved"] == "exchange" and left[0]["object"] == "s3/faulty/w/here/", f"listed: {left}")
    want(left[0]["also"][0] == "s3/faulty/w/there/" and "/w/.exchange-" in left[0]["also"][1], f"names: {left}")
    shown = faulty.recover(**env)
    want(shown.stdout.count(b"half exchanged") == 1 and b"retry finishes it" in shown.stdout, f"shown: {shown}")
    return left[0]["id"]


# nobody comes with the credentials of the job any more
ROTATED = {"AWS_DEFAULT_REGION": "us-east-1"}


def exchange_rotated(context):
    """It is listed, hidden from listings, in nobody's way, and finished by whoever has credentials for it."""
    with Faulty(context) as faulty:
        wanted = half_exchanged(faulty)
        number = waiting(faulty, **ROTATED)
        listed = faulty.run("ls -A $D; cat $D/keep", **ROTATED)
        want(listed.status == 0 and b".exchange" not in listed.stdout, f"others wait, or see it: {listed}")
        target = os.path.join(context.work, "exported")
        handed = faulty.recover("export", number, target, **ROTATED)
        want(handed.status == 1 and b"nothing to hand out" in handed.stderr and not os.path.exists(target), f"export: {handed}")
        context.run([context.skyshim, "stop"], env=faulty.env, timeout=20)
        want(waiting(faulty, **ROTATED) == number, "another number, by another daemon")
        done = faulty.recover("retry", number, **ROTATED)
        want(done.status == 0 and not done.stderr, f"retry: {done}")
        faulty.none_left(**ROTATED)
        want([key for key in keys(faulty) if "/sub" in key] == wanted and not any(".exchange" in key for key in keys(faulty)),
             "it is not exchanged, or something is left")
        again = faulty.recover("retry", number, **ROTATED)
        want(again.status == 1 and b"nothing of this id" in again.stderr, f"again: {again}")


def exchange_discarded(context):
    """All stays where it is, and is seen."""
    with Faulty(context) as faulty:
        half_exchanged(faulty)
        before = keys(faulty)
        number = waiting(faulty, **ROTATED)
        want(faulty.recover("discard", number, **ROTATED).status == 0, "discard")
        faulty.none_left(**ROTATED)
        want(keys(faulty) == before and not os.listdir(f"{context.folder}/cache/moves"), "something is gone, or stays noted")
        want(faulty.run("cat $D/keep").status == 0, "the job's own credentials")
        listed = faulty.run("ls -A $D")
        want(b".exchange-" in listed.stdout, f"what is there is hidden: {listed}")


def exchange_refused(context):
    """One copy that is refused, of each of the three moves: all is as before, and so it is if that can only be done later."""
    with Faulty(context) as faulty:
        for name in ("here", "there"):
            fill(faulty, name, EXCHANGED)
            faulty.store.put("faulty", f"w/{name}/sub0/only-{name}", name.encode())
        wanted = keys(faulty)
        soon(lambda: faulty.run("ls -d $D/here $D/there").status == 0, "what others made is not seen")
        for which in ("skip=50", "key=faulty/w/there/sub0/only-here", "key=faulty/w/here/sub0/only-there"):
            faulty.fault(f"denied,verb=CopyObject,{which}")
            result = context.run([context.skyshim, "run", "python3", "-c", EXCHANGE, "here", "there"], env=faulty.env)
            faulty.fault()
            want(result.status == 1 and b"Permission denied" in result.stderr, f"{which}: {result}")
            soon(lambda: keys(faulty) == wanted, f"{which}: it is not as before")
            want(faulty.store.get("faulty", "w/there/sub0/only-there") == b"there", "other bytes")
        result = context.run([context.skyshim, "run", "python3", "-c", EXCHANGE, "here", "there"], env=faulty.env)
        want(result.status == 0, f"again: {result}")
        want(faulty.store.get("faulty", "w/here/sub0/only-there") == b"there", "it is not exchanged")


def refused(context):
    """One copy that is refused: all is as before; if taking it back fails as well, it is done later."""
    with Faulty(context) as faulty:
        wanted = fill(faulty, "here")
        faulty.fault("denied,verb=CopyObject,key=faulty/w/there/sub1/f7")
        result = faulty.run("mv $D/here $D/there")
        want(result.status == 1 and b"Permission denied" in result.stderr, str(result))
        want([key for key in keys(faulty) if "/sub" in key] == wanted, "it is not as before")
        faulty.fault("denied,verb=CopyObject,key=faulty/w/there/sub1/f7", "denied,verb=DeleteObjects", "denied,verb=DeleteObject")
        result = faulty.run("mv $D/here $D/there")
        want(result.status == 1, str(result))
        want(len([key for key in keys(faulty) if "/there/" in key]) > 0, "nothing is left: this tests nothing")
        kill_daemon(context)
        faulty.fault()
        want(faulty.run("cat $D/keep").status == 0, "the next daemon")
        soon(lambda: [key for key in keys(faulty) if "/sub" in key] == wanted, "it is not taken back")
        want(faulty.run("mv $D/here $D/there").status == 0, "again")
        want([key for key in keys(faulty) if "/sub" in key] == named(wanted, "here", "there"), "it is not renamed")


def changed_since(context):
    """What is made under the old name after everything was copied is not deleted with it."""
    with Faulty(context) as faulty:
        wanted = fill(faulty, "here")
        faulty.fault("denied,verb=DeleteObjects", "denied,verb=DeleteObject")
        want(faulty.run("mv $D/here $D/there").status == 1, "it was deleted")
        kill_daemon(context)
        faulty.store.put("faulty", "w/here/sub0/f0", b"written since")
        faulty.store.put("faulty", "w/here/made", b"made since")
        faulty.store.put("faulty", "w/there/sub1/f1", b"written since, too")
        faulty.fault()
        want(faulty.run("cat $D/keep").status == 0, "the next daemon")
        expected = sorted([*named(wanted, "here", "there"), "w/here/made", "w/here/sub0/f0"])
        soon(lambda: [key for key in keys(faulty) if "/sub" in key or "made" in key] == expected, "it is not finished, or too much is gone")
        want(faulty.store.get("faulty", "w/here/sub0/f0") == b"written since" and faulty.store.get("faulty", "w/there/sub1/f1") == b"written since, too", "other bytes")


def stored_meanwhile(context):
    """What another machine stores under the old name while it is copied stays there."""
    with Faulty(context) as faulty:
        wanted = fill(faulty, "here")
        soon(lambda: faulty.run("ls -d $D/here").status == 0, "what others made is not seen")
        faulty.setting("latency_ms=100")
        process = context.start([context.skyshim, "run", "mv", f"{faulty.env['D']}/here", f"{faulty.env['D']}/there"], env=faulty.env)
        soon(lambda: any("/there/sub" in key for key in keys(faulty)), "it does not begin")
        new = next(key for key in keys(faulty) if "/there/sub" in key)
        old = new.replace("/there/", "/here/")
        faulty.store.put("faulty", old, b"newer")
        _, err = process.communicate(timeout=60)
        want(process.returncode == 0, f"mv fails: {process.returncode} {err!r}")
        faulty.setting("latency_ms=0")
        want([key for key in keys(faulty) if "/sub" in key] == sorted([*named(wanted, "here", "there"), old]), f"{keys(faulty)}")
        want(faulty.store.get("faulty", old) == b"newer", "what another machine has stored is gone")
        soon(lambda: faulty.run(f"cat $D/{old[2:]}").stdout == b"newer", "it is not seen")


class Late(Relay):
    """What is stored by somebody else in the last moment, just before the request for many deletions gets to the store."""

    def __init__(self, store, late):
        self.late, self.done = late, False
        super().__init__(store)

    def request(self, data, link):
        line = data.split(b"\r\n", 1)[0]
        if not self.done and line.startswith(b"POST ") and b"delete" in line:
            self.done = True
            self.late()


def stored_before_deletion(context):
    """A version that comes between the last look at the originals and their deletion stays, where the service heeds ETags there."""
    bucket, prefix = context.bucket + context.world.CHANGING, "move-late"
    for i in range(5):
        context.store.put(bucket, f"{prefix}/here/f{i}", f"{i}".encode())
    folder = os.path.join(context.folder, "home", ".config", "skyshim")
    os.makedirs(folder)
    with open(os.path.join(folder, "config"), "w", encoding="ascii") as out:
        out.write(f"[s3://{bucket}]\nconditional_delete = true\n")
    late = Late(context.store, lambda: context.store.put(bucket, f"{prefix}/here/f3", b"newer"))
    env = {"D": f"{context.cloud}{context.world.CHANGING}/{prefix}", **context.store.environment(late.netloc)}
    try:
        result = context.run([context.skyshim, "run", "sh", "-c", "mv $D/here $D/there; echo $?; ls $D/there; ls $D/here; cat $D/here/f3"], env=env)
    finally:
        late.close()
    want(late.done, "the originals were not deleted by one request")
    want(result.stdout == b"0\nf0\nf1\nf2\nf3\nf4\nf3\nnewer", f"{result}")
    want(context.store.get(bucket, f"{prefix}/here/f3") == b"newer", "what another machine has stored is gone")
    want(context.store.get(bucket, f"{prefix}/there/f3") == b"3", "the copy is not what was renamed")


def copies_gone(context):
    """A rename is interrupted, and another machine removes the copies that were made: they are made again."""
    with Faulty(context) as faulty:
        wanted = fill(faulty, "here")
        soon(lambda: faulty.run("ls -d $D/here").status == 0, "what others made is not seen")
        faulty.store.reset()
        faulty.setting("latency_ms=50")
        process = context.start([context.skyshim, "run", "mv", f"{faulty.env['D']}/here", f"{faulty.env['D']}/there"], env=faulty.env)
        soon(lambda: faulty.store.stats()["verbs"]["CopyObject"] >= 100, "it does not begin")
        os.killpg(process.pid, signal.SIGKILL)
        kill_daemon(context)
        process.communicate(timeout=60)
        faulty.setting("latency_ms=0")
        soon(lambda: faulty.store.stats()["parallel"] == 0, "the store is busy")
        for key in keys(faulty):
            if "/there/" in key:
                faulty.store.delete("faulty", key)
        want(len([key for key in keys(faulty) if "/here/sub" in key]) == FILES, "it had come to its end")
        want(faulty.run("cat $D/keep").status == 0, "the next daemon")
        soon(lambda: not os.listdir(f"{context.folder}/cache/moves"), "it stays in part")
        want([key for key in keys(faulty) if "/sub" in key] == named(wanted, "here", "there"), f"{len(keys(faulty))} {keys(faulty)[:9]}")
        check_content(faulty, "there")


def too_long(context):
    """A directory whose children would get names that no store takes: refused before anything is moved."""
    with Faulty(context) as faulty:
        long = "/".join(["n" * 200] * 4)  # and with "w/here/" and the last name it is 1,024 at most
        last = "z" * (1024 - len(f"w/here/{long}/"))
        faulty.store.put("faulty", f"w/here/{long}/{last}", b"long")
        wanted = sorted([*fill(faulty, "here"), f"w/here/{long}/{last}"])
        script = ("import os\nD = os.environ['D']\n"
                  "for name in 'there', 'home':\n    try:\n        os.rename(D + '/here', D + '/' + name)\n        print(name)\n"
                  "    except OSError as e:\n        print(e.errno)\n")
        faulty.run("cat $D/keep")
        faulty.store.reset()
        result = context.run([context.skyshim, "run", "python3", "-c", script.replace("'there', 'home'", "'there',")], env=faulty.env)
        want(result.stdout == b"%d\n" % errno.ENAMETOOLONG, str(result))
        want(sorted(key for key in keys(faulty) if "/here/" in key or "/there/" in key) == wanted, "something was moved")
        want(not faulty.store.stats()["verbs"]["CopyObject"], "copies were made, and taken back")
        want(not os.listdir(f"{context.folder}/cache/moves"), "it is still to be done")
        result = context.run([context.skyshim, "run", "python3", "-c", script.replace("'there', 'home'", "'home',")], env=faulty.env)
        want(result.stdout == b"home\n", f"as long as before: {result}")
        want(sorted(key for key in keys(faulty) if "/h" in key) == named(wanted, "here", "home"), "not all was moved")


def refused_onto(context):
    """What could not be renamed to an empty directory's name leaves that as it was."""
    with Faulty(context) as faulty:
        faulty.run("mkdir $D/here $D/there; chmod 750 $D/there; for i in 1 2 3 4 5; do echo $i >$D/here/f$i; done")
        before = [key for key in keys(faulty) if "here/" in key]
        for skip in range(6):
            faulty.fault(f"denied,verb=CopyObject,skip={skip}")
            result = faulty.run("mv -T $D/here $D/there")
            want(result.status == 1 and b"Permission denied" in result.stderr, f"after {skip} copies: {result}")
            want([key for key in keys(faulty) if "here/" in key] == before, f"after {skip} copies there is {keys(faulty)}")
            want(faulty.store.head("faulty", "w/there/").get("x-amz-meta-mode") == str(0o40750), f"after {skip} copies it has another mode")
            want(faulty.run("stat -c %a $D/there; ls $D/there $D/here/f3").stdout.split()[0] == b"750", "here it is not seen so")
        faulty.fault()
        result = faulty.run("mv -T $D/here $D/there && cat $D/there/f? && ls $D && stat -c %a $D/there")
        want(result.stdout == b"1\n2\n3\n4\n5\nkeep\nold\nthere\n755\n", f"and when it may: {result}")


def other_endpoint(context):
    """Who would finish it at another service, behind the same names, is told so; nothing is done."""
    with Faulty(context) as faulty:
        wanted = fill(faulty, "here")
        soon(lambda: faulty.run("ls -d $D/here").status == 0, "what others made is not seen")
        faulty.store.reset()
        faulty.setting("latency_ms=10")
        process = context.start([context.skyshim, "run", "mv", f"{faulty.env['D']}/here", f"{faulty.env['D']}/there"], env=faulty.env)
        soon(lambda: faulty.store.stats()["verbs"]["CopyObject"] >= 50, "it does not begin")
        os.killpg(process.pid, signal.SIGKILL)
        kill_daemon(context)
        process.communicate(timeout=60)
        faulty.setting("latency_ms=0")
        here = faulty.store.endpoint
        other = {name: value.replace(here, "http://127.0.0.1:1") for name, value in faulty.env.items() if isinstance(value, str)}
        left = faulty.left(**other)
        want(len(left) == 1 and left[0]["moved"] == "rename", f"it is not listed: {left}")
        result = faulty.recover("retry", left[0]["id"], **other)
        want(result.status == 1 and result.stderr.count(b"\n") == 1 and here.encode() in result.stderr and b"http://127.0.0.1:1" in result.stderr,
             f"it is not told why not: {result}")
        want(faulty.left(**other), "it is forgotten")
        want(faulty.recover("retry", left[0]["id"]).status in (0, 1), "in its own environment")
        soon(lambda: [key for key in keys(faulty) if "/sub" in key] == named(wanted, "here", "there"), "it is not finished where it may be")
        faulty.none_left()


def unreadable(context):
    """A journal that this version does not understand stays, and is told of."""
    with Faulty(context) as faulty:
        folder = os.path.join(context.folder, "cache", "moves")
        os.makedirs(folder)
        text = {"00000000000000ab": b"H" + b"a5" * 16 + b"\0s3/faulty/w/d/\0s3/faulty/w/e/\0Zof a later version\0\0\0", "00000000000000ac": b"Z\0\0\0",
                "00000000000000ad": b"", "00000000000000ae": b"Ha5a5"}
        for name, content in text.items():
            with open(os.path.join(folder, name), "wb") as out:
                out.write(content)
        want(faulty.run("mkdir $D/d && mv $D/d $D/f && cat $D/keep").status == 0, "it keeps others from going on")
        want(sorted(os.listdir(folder)) == ["00000000000000ab", "00000000000000ac"], f"left: {os.listdir(folder)}")
        left = {one["id"]: one for one in faulty.left()}
        want(sorted(left) == [0xab, 0xac] and left[0xab]["object"] == "s3/faulty/w/d/" and left[0xac]["object"] == "?", f"listed: {left}")
        want(all(one["kept"] and "another version of skyshim" in one["why"] for one in left.values()), f"listed: {left}")
        result = faulty.recover("retry", 0xab)
        want(result.status == 1 and b"another version of skyshim" in result.stderr, f"retry: {result}")
        kill_daemon(context)
        want(len(faulty.left()) == 2, "the next daemon does not tell")
        for number in left:
            want(faulty.recover("discard", number).status == 0, "discard")
        want(not os.listdir(folder), "it is there after discard")
        faulty.none_left()


CASES = [
    Case("move/stored-before-deletion", check=stored_before_deletion, s3_only=True, embedded_only=True),
    Case("move/refused-onto", check=refused_onto, embedded_only=True, timeout=110),
    Case("move/other-endpoint", check=other_endpoint, embedded_only=True, timeout=110),
    Case("move/unreadable", check=unreadable, embedded_only=True),
    Case("move/name-too-long", check=too_long, embedded_only=True, timeout=110),
    Case("move/daemon-killed", check=killed(False), embedded_only=True, timeout=170),
    Case("move/both-killed", check=killed(True), embedded_only=True, timeout=170),
    Case("move/stored-meanwhile", check=stored_meanwhile, embedded_only=True, timeout=110),
    Case("move/copies-gone", check=copies_gone, embedded_only=True, timeout=110),
    Case("move/refused", check=refused, embedded_only=True, timeout=110),
    Case("move/changed-since", check=changed_since, embedded_only=True, timeout=110),
    Case("move/exchange-daemon-killed", check=exchange_killed(False), embedded_only=True, timeout=170),
    Case("move/exchange-both-killed", check=exchange_killed(True), embedded_only=True, timeout=170),
    Case("move/exchange-rotated", check=exchange_rotated, embedded_only=True, timeout=110),
    Case("move/exchange-discarded", check=exchange_discarded, embedded_only=True, timeout=110),
    Case("move/exchange-refused", check=exchange_refused, embedded_only=True, timeout=110),
]
