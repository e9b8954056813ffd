# SPDX-License-Identifier: Apache-2.0
"""SKYSHIM_DURABILITY: when what was written is in the bucket."""
import contextlib
import os
import signal
import time

from case import Case, want
from cases.budget import Counted, requests
from cases.faults import Faulty
from cases.write import lines_from

MANY = 60


def many(folder):
    """A local tree of small files to copy."""
    os.makedirs(folder)
    for i in range(MANY):
        with open(os.path.join(folder, f"f{i}"), "w", encoding="ascii") as out:
            out.write(f"content of {i}\n" * 10)


def at_exit(context):
    """The end of the program waits for everything; one upload for a file, many at a time."""
    with Counted(context) as counted:
        local = os.path.join(context.work, "many")
        many(local)
        counted.store.put("budget", "w/keep")
        cost = counted.cost(f"cp -r {local} $D/w/copy", SKYSHIM_DURABILITY="exit")
        want(cost.get("PutObject") == MANY + 1, f"one upload each and the folder's: {cost}")
        for i in range(MANY):
            want(counted.store.get("budget", f"w/copy/f{i}") == f"content of {i}\n".encode() * 10, f"f{i} is not there at the end")


def at_exit_of_a_child(context):
    """Each process answers for its own, also through an execve."""
    with Counted(context) as counted:
        counted.store.put("budget", "w/keep")
        counted.run("echo one >$D/w/a; (echo two >$D/w/b); sh -c 'echo three >$D/w/c; exec true'; cat $D/w/a $D/w/b $D/w/c",
                    SKYSHIM_DURABILITY="exit")
        for name, content in (("a", b"one\n"), ("b", b"two\n"), ("c", b"three\n")):
            want(counted.store.get("budget", f"w/{name}") == content, f"{name} is not there at the end")


def failure_at_exit(context):
    """What cannot be stored makes the status non-zero, and one line says so."""
    missing = f"{context.store.root}/no-such-bucket-here"
    script = "\n".join(f"open('{missing}/f{i}', 'w').write('x')" for i in range(3)) + "\nprint('done')"
    result = context.run([context.skyshim, "run", "python3", "-c", script], env={"SKYSHIM_DURABILITY": "exit"})
    want(result.stdout == b"done\n", f"close(2) reported it: {result}")
    want(result.status == 1, f"its status is {result.status}")
    want(b"3 files could not be stored" in result.stderr, f"no line says so: {result.stderr!r}")
    result = context.run([context.skyshim, "run", "cp", "/etc/passwd", f"{missing}/f"], env={"SKYSHIM_DURABILITY": "exit"})
    want(result.status == 1 and result.stderr, f"a program that closes standard error before it ends: {result}")


def configure(context, text):
    path = os.path.join(context.folder, "home", ".config", "skyshim")
    os.makedirs(path, exist_ok=True)
    with open(os.path.join(path, "config"), "w", encoding="ascii") as out:
        out.write(text)


def by_path(context):
    """Where the configuration says `exit`, close(2) does not wait, so it reports nothing; elsewhere it does. A renamed program
    and one that is executed have the same rules; the environment goes before all of them."""
    configure(context, "; the user's own\n[/cloud/s3/no-such-bucket-here/late]\ndurability = exit\n\n"
                       "[s3://no-such-bucket-here/late/but]\ndurability=close\n")
    script = ("import os\nfor name in ('late/f', 'late/but/f', 'later', 'f'):\n    try:\n"
              "        open('/cloud/s3/no-such-bucket-here/' + name, 'w').close()\n        print(name, 'closed')\n"
              "    except OSError as e:\n        print(name, e.errno)\n")
    for env, closed in (({}, {"late/f"}), ({"SKYSHIM_DURABILITY": "exit"}, {"late/f", "late/but/f", "later", "f"}),
                        ({"SKYSHIM_DURABILITY": "close"}, set())):
        result = context.run([context.skyshim, "run", "env", "python3", "-c", script], env=env)
        lines = dict(line.split() for line in result.stdout.decode().splitlines())
        want({name for name, what in lines.items() if what == "closed"} == closed and len(lines) == 4, f"{env}: {result}")
        want(result.status == (1 if closed else 0), f"{env}: its status is {result.status}")
    shown = context.run([context.skyshim, "doctor"]).stdout.decode()
    want("exit from /cloud/s3/no-such-bucket-here/late on" in shown and "close from /cloud/s3/no-such-bucket-here/late/but on" in shown, shown)


def configured_wrong(context):
    """The file, the line, and what to write instead."""
    for text, said in (("\ndurability = soon\n", b"config:2: durability = soon: it is close, exit or fsync"),
                       ("[/home]\ndurability = exit\n", b"config:2: [/home]: write the path of"),
                       ("durable = exit\n", b"config:1: durable: there is no such setting"),
                       ("[/cloud/s3/b\n", b"config:1: this is no setting: write")):
        configure(context, text)
        result = context.run([context.skyshim, "run", "true"])
        want(result.status == 126 and said in result.stderr, f"{text!r}: {result}")
        want(said in context.run([context.skyshim, "doctor"]).stdout, f"{text!r}: doctor does not say so")


def after_fsync(context):
    """fsync(2) waits, close(2) does not, and the end neither; it comes all the same."""
    with Counted(context) as counted:
        counted.store.put("budget", "w/keep")
        counted.run("python3 -c 'import os; f = os.open(os.environ[\"D\"] + \"/w/f\", os.O_RDWR | os.O_CREAT); os.write(f, b\"one\"); "
                    "os.fsync(f); os.write(f, b\"two\"); os.close(f)'", SKYSHIM_DURABILITY="fsync")
        want(counted.store.get("budget", "w/f") in (b"one", b"onetwo"), "fsync did not wait")
        deadline = time.monotonic() + 20
        while counted.store.get("budget", "w/f") != b"onetwo":
            want(time.monotonic() < deadline, "what was closed does not come")
            time.sleep(0.05)
        want(requests(counted.store.stats())["PutObject"] <= 3, "it was uploaded again and again")


def seen_at_once(context):
    """Other programs here see what was closed before it is in the bucket."""
    with Counted(context) as counted:
        counted.store.put("budget", "w/keep")
        result = counted.run("for i in 1 2 3 4 5; do echo $i >$D/w/n$i; cat $D/w/n$i; mv $D/w/n$i $D/w/m$i; cat $D/w/m$i; ls $D/w | wc -l; done; "
                             "rm $D/w/m1; ls $D/w", SKYSHIM_DURABILITY="fsync")
        want(result.stdout.decode().split() == ["1", "1", "2", "2", "2", "3", "3", "3", "4", "4", "4", "5", "5", "5", "6",
                                                "keep", "m2", "m3", "m4", "m5"], f"{result.stdout!r}")


EXIT = {"SKYSHIM_DURABILITY": "exit"}


LIST_ON_ITS_WAY = """
import os, sys, threading, time
folder = sys.argv[1]
os.mkdir(folder)
names = ["sent", "again", "removed", "moved", "waiting"]
files = {name: os.open(f"{folder}/{name}", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644) for name in names}
for file in files.values():
    os.write(file, b"content")
listed = []
reader = threading.Thread(target=lambda: listed.extend(sorted(os.listdir(folder))))
reader.start()
time.sleep(0.5)  # the store has looked, and has not told yet
for name in names[:-1]:
    os.fsync(files[name])
os.write(files["again"], b" and more")
os.unlink(f"{folder}/removed")
os.rename(f"{folder}/moved", f"{folder}/elsewhere")
reader.join()
print(*(name for name in listed if name not in ("moved", "elsewhere")))
print(*sorted(os.listdir(folder)))
"""


def listed_on_its_way(context):
    """A file that is there is listed, once, though it gets into the bucket after the store has looked and before that is told."""
    with Faulty(context) as faulty:
        faulty.fault("slow-headers,verb=ListObjectsV2,ms=6")
        result = faulty.run(f"python3 -c '{LIST_ON_ITS_WAY}' $D/d", SKYSHIM_DURABILITY="exit")
        want(result.stdout == b"again sent waiting\nagain elsewhere sent waiting\n" and result.status == 0, str(result))


def removed(context):
    """Many files by few requests; who looks sees them gone, and the end of the program waits."""
    with Counted(context) as counted:
        for i in range(MANY):
            counted.store.put("budget", f"w/d/f{i}", b"x")
            counted.store.put("budget", f"w/d/sub/f{i}", b"x")
        counted.store.put("budget", "w/keep")
        counted.store.admin("POST", "config", "latency_ms=20")
        cost = counted.cost("rm -r $D/w/d", **EXIT)
        want(cost.get("DeleteObject", 0) + cost.get("DeleteObjects", 0) <= MANY // 4, f"one by one: {cost}")
        want(counted.store.expect("GET", "/budget", query="list-type=2").count(b"<Key>") == 1, "something is left")
        result = counted.run("for i in 1 2 3; do echo $i >$D/w/f; rm $D/w/f; test -e $D/w/f && echo there; echo again$i >$D/w/f; cat $D/w/f; done; "
                             "ls $D/w; rm $D/w/f; ls $D/w", **EXIT)
        want(result.stdout == b"again1\nagain2\nagain3\nf\nkeep\nkeep\n", str(result))
        want(counted.store.expect("GET", "/budget", query="list-type=2").count(b"<Key>") == 1, "something is left at the end")


def removing_refused(context):
    """Then it is there, a line says so, and the status does."""
    with Faulty(context) as faulty:
        for i in range(9):
            faulty.store.put("faulty", f"w/d{i}", b"x")
        faulty.fault("denied,verb=DeleteObject", "denied,verb=DeleteObjects")
        result = faulty.run("rm $D/d*; echo $?", **EXIT)
        want(result.stdout == b"1\n", f"its status is 0: {result}")
        want(b"could not be removed" in result.stderr, f"no line says so: {result.stderr!r}")
        want(len(faulty.run("ls $D").stdout.split()) == 11, "they are not there")
        faulty.fault()
        want(faulty.run("rm $D/d*; ls $D", **EXIT).stdout == b"keep\nold\n", "and can be removed")


def removing_untold(context):
    """The program that could have been told is killed: recover lists them, tries them again, or lets them stay."""
    with Faulty(context) as faulty:
        for i in range(9):
            faulty.store.put("faulty", f"w/d{i}", b"x")
        faulty.fault("denied,verb=DeleteObject", "denied,verb=DeleteObjects")
        script = "import os\nfor i in range(9):\n    os.unlink(os.environ['D'] + f'/w/d{i}')\nprint(1); input()\n"

        def refused():
            return [one for one in faulty.left() if one.get("removal")]

        def kill(process):
            deadline = time.monotonic() + 30
            while len(refused()) < 9:
                want(time.monotonic() < deadline, f"listed: {refused()}")
                time.sleep(0.05)
            process.kill()
        with contextlib.suppress(BrokenPipeError):
            lines_from(context, script, [kill], faulty.context.cloud, **EXIT)
        context.run([context.skyshim, "stop"], env=faulty.env, timeout=20)
        want(len(faulty.run("ls $D").stdout.split()) == 11, "they are not there")
        left = refused()
        want(len(left) == 9 and all(one["kept"] and one["error"] == "Permission denied" for one in left), f"the next daemon: {left}")
        want(b"not removed  s3/faulty/w/d" in faulty.recover().stdout, f"{faulty.recover()}")
        want(faulty.recover("export", left[0]["id"], context.work + "/out").status == 1, "there is nothing to export")
        want(faulty.recover("retry", left[0]["id"]).status == 1, "it is refused still")
        faulty.fault()
        stays = left[0]["object"].rsplit("/", 1)[1]
        want(faulty.recover("discard", left[0]["id"]).status == 0, "discard")
        want(faulty.recover("retry", "--all").status == 0, "retry")
        want(faulty.run("ls $D").stdout.decode().split() == [stays, "keep", "old"], "other files")
        faulty.none_left()


def removing_killed(program_too):
    """A daemon that dies before the store has heard of it: the next one does it, for the program that waits, or for nobody."""
    def check(context):
        with Faulty(context) as faulty:
            for i in range(9):
                faulty.store.put("faulty", f"w/d{i}", b"x")
            faulty.fault("internal,verb=DeleteObject", "internal,verb=DeleteObjects")
            script = "import os\nfor i in range(9):\n    os.unlink(os.environ['D'] + f'/w/d{i}')\nprint(1); input()\n"

            def kill(process):
                for pid in context.daemons():
                    os.kill(pid, signal.SIGKILL)
                if program_too:
                    process.kill()
                want(faulty.store.request("GET", "/faulty/w/d8")[0] == 200, "it is gone already")
                faulty.fault()
            if program_too:
                with contextlib.suppress(BrokenPipeError):
                    lines_from(context, script, [kill], faulty.context.cloud, **EXIT)
            else:
                result = lines_from(context, script, [kill], faulty.context.cloud, **EXIT)
                want(result.status == 0 and not result.stderr, str(result))
                want(faulty.store.request("GET", "/faulty/w/d8")[0] == 404, "it is still in the bucket")
            want(faulty.run("ls $D").stdout == b"keep\nold\n", "they are there again")
            want(faulty.store.expect("GET", "/faulty", query="list-type=2").count(b"<Key>") == 2, "they are still in the bucket")
    return check


def no_such_mode(context):
    result = context.run([context.skyshim, "run", "true"], env={"SKYSHIM_DURABILITY": "never"})
    want(result.status == 126 and b"SKYSHIM_DURABILITY=never" in result.stderr, str(result))


CASES = [
    Case("durability/exit", check=at_exit, embedded_only=True),
    Case("durability/exit-of-a-child", check=at_exit_of_a_child, embedded_only=True),
    Case("durability/failure-at-exit", check=failure_at_exit),
    Case("durability/fsync", check=after_fsync, embedded_only=True),
    Case("durability/seen-at-once", check=seen_at_once, embedded_only=True),
    Case("durability/listed-on-its-way", check=listed_on_its_way),
    Case("durability/removed", check=removed, embedded_only=True),
    Case("durability/removing-refused", check=removing_refused, embedded_only=True),
    Case("durability/removing-untold", check=removing_untold, embedded_only=True),
    Case("durability/removing-killed", check=removing_killed(False), embedded_only=True),
    Case("durability/removing-both-killed", check=removing_killed(True), embedded_only=True),
    Case("durability/no-such-mode", check=no_such_mode),
    Case("durability/by-path", check=by_path, s3_only=True),
    Case("durability/configured-wrong", check=configured_wrong, needs_store=False),
]
