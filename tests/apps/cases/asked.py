# SPDX-License-Identifier: Apache-2.0
"""Names that are asked about one by one, without their directory's being read: what that costs, and that nothing is told wrongly."""
import errno
import json
import os
import subprocess
import time
import urllib.parse

from case import Case, want
from cases.budget import Counted, requests

FILES = 300
LONG = {"SKYSHIM_META_TTL_MS": "60000"}  # a loaded machine must not make what was fetched too old


def python(counted, script, **env):
    """Runs it with D set. Returns (what it printed, requests by verb, what was fetched ahead)."""
    context = counted.context
    env = {**counted.store.environment(), "D": counted.folder, **env}
    context.run_cloud(["true"], env=env)
    counted.store.reset()
    result = context.run([context.skyshim, "run", "python3", "-SEsc", "import os, sys, time\nD = os.environ['D']\n" + script], timeout=100, env=env)
    want(result.status == 0, str(result))
    told = json.loads(context.run([context.skyshim, "stats", "--json"], env=env).stdout)
    return result.stdout.decode(), requests(counted.store.stats()), told["ahead"]


def in_a_row(context):
    """Who asks about one name after the other has the next ones asked about ahead: a HEAD each, as before, and one listing. Each answer is the object's own,
    which a listing would not have given."""
    with Counted(context) as counted:
        counted.store.admin("POST", "generate", f"bucket=budget&prefix=many/&count={FILES}&size=4096")
        for number in (50, 150):
            counted.store.put("budget", f"many/f{number:06}", b"#!\n", meta={"mode": str(0o100755)})
        counted.store.admin("POST", "config", "latency_ms=20")
        out, counts, ahead = python(counted, f"""
for number in range({FILES}):
    st = os.stat(f"{{D}}/many/f{{number:06}}")
    print(oct(st.st_mode & 0o777), st.st_size)
""", **LONG)
        lines = [("0o755 3" if number in (50, 150) else "0o644 4096") for number in range(FILES)]
        want(out.splitlines() == lines, out)
        want(counts.pop("HeadObject") == FILES and counts.pop("ListObjectsV2") == 1 and not counts, f"{counts}, {ahead}")
        ahead = ahead["names"]
        want(ahead["fetched"] >= FILES * 0.6 and ahead["used"] == ahead["fetched"] and not ahead["wasted"], f"{ahead}")


def read_as_well(context):
    """What is asked about and then read is fetched, and not asked about besides."""
    with Counted(context) as counted:
        counted.store.admin("POST", "generate", f"bucket=budget&prefix=many/&count={FILES}&size=4096")
        counted.store.admin("POST", "config", "latency_ms=20")
        out, counts, ahead = python(counted, f"""
for number in range({FILES}):
    name = f"{{D}}/many/f{{number:06}}"
    print(os.stat(name).st_size, len(open(name, "rb").read()))
""", **LONG)
        want(out == "4096 4096\n" * FILES, out)
        want(counts.pop("GetObject") == FILES and counts.pop("HeadObject") <= 10 and counts.pop("ListObjectsV2") == 1 and not counts, f"{counts}, {ahead}")


def here_and_there(context):
    """Who asks about every tenth name causes nothing to be asked about ahead."""
    with Counted(context) as counted:
        counted.store.admin("POST", "generate", f"bucket=budget&prefix=many/&count={FILES}&size=4096")
        _, counts, ahead = python(counted, f"""
for number in range(0, {FILES}, 10):
    os.stat(f"{{D}}/many/f{{number:06}}")
""", **LONG)
        want(counts.pop("HeadObject") == FILES // 10 and counts.pop("ListObjectsV2") <= 3 and not counts, f"{counts}, {ahead}")
        want(ahead["names"]["fetched"] == 0, f"{ahead}")


MISSING = {
    "stat": "os.stat(name)",
    "open": "open(name)",
    "access": "if not os.access(name, os.F_OK): raise FileNotFoundError",
}


def missing(how):
    """The second name that is missing has the directory listed, and the others cost nothing; what is there is found all the same."""
    def check(context):
        with Counted(context) as counted:
            for number in range(20):
                counted.store.put("budget", f"dir/f{number}", b"x", meta={"mode": str(0o100600)})
            out, counts, _ = python(counted, f"""
found = 0
for number in range(40):
    name = f"{{D}}/dir/" + (f"none{{number}}" if number % 20 else f"f{{number // 20 * 7}}")
    try:
        {MISSING[how]}
    except FileNotFoundError:
        found += 1
print(found, oct(os.stat(D + "/dir/f7").st_mode & 0o777), os.path.isdir(D + "/dir"))
""", **LONG)
            want(out == "38 0o600 True\n", out)
            want(sum(counts.values()) <= 9, f"{counts}")
    return check


def seen_in_time(context):
    """What another machine makes where a listing has said that there is nothing is there when the listing's time is over, and what it changes or removes."""
    with Counted(context) as counted:
        for number in range(20):
            counted.store.put("budget", f"dir/f{number:02}", b"old")
        mark = f"{context.work}/mark"
        process = subprocess.Popen([context.skyshim, "run", "python3", "-SEsc", f"""
import os, time
D, mark = {counted.folder!r}, {mark!r}
there = lambda name: os.path.exists(f"{{D}}/dir/{{name}}")
print(*[there(f"n{{number}}") for number in range(5)], *[os.stat(f"{{D}}/dir/f{{number:02}}").st_size for number in range(20)])
open(mark, "w").close()
while os.path.exists(mark):
    time.sleep(0.01)
print(there("n3"), open(f"{{D}}/dir/n4").read(), there("n2"), os.stat(f"{{D}}/dir/f12").st_size, there("f13"))
"""], env=context.environment(counted.store.environment()), stdout=subprocess.PIPE)
        deadline = time.monotonic() + 20
        while not os.path.exists(mark) and time.monotonic() < deadline:
            time.sleep(0.01)
        try:
            counted.store.put("budget", "dir/n3", b"new")
            counted.store.put("budget", "dir/n4", b"new")
            counted.store.put("budget", "dir/f12", b"newer")
            counted.store.expect("DELETE", "/budget/dir/f13")
            time.sleep(1.1)  # the TTL and more
        finally:
            if os.path.exists(mark):
                os.remove(mark)
            out, _ = process.communicate(timeout=50)
        want(out.decode().splitlines() == [" ".join(["False"] * 5 + ["3"] * 20), "True new False 5 False"], f"{out}")


def exclusive(context):
    """A file that somebody else makes under a name that a listing has denied is not replaced by one made with O_EXCL."""
    with Counted(context) as counted:
        counted.store.put("budget", "dir/f", b"x")
        mark = f"{context.work}/mark"
        process = subprocess.Popen([context.skyshim, "run", "python3", "-SEsc", f"""
import os, time
D, mark = {counted.folder!r}, {mark!r}
print(*[os.path.exists(f"{{D}}/dir/n{{number}}") for number in range(5)])
open(mark, "w").close()
while os.path.exists(mark):
    time.sleep(0.01)
try:
    fd = os.open(D + "/dir/n4", os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    os.write(fd, b"ours")
    os.close(fd)
    print("made")
except OSError as error:
    print(error.errno)
"""], env=context.environment({**counted.store.environment(), **LONG}), stdout=subprocess.PIPE)
        deadline = time.monotonic() + 20
        while not os.path.exists(mark) and time.monotonic() < deadline:
            time.sleep(0.01)
        try:
            counted.store.put("budget", "dir/n4", b"theirs")
        finally:
            if os.path.exists(mark):
                os.remove(mark)
            out, _ = process.communicate(timeout=50)
        want(out.decode().splitlines()[1:] in ([str(errno.ESTALE)], [str(errno.EEXIST)]), f"{out}")
        want(counted.store.get("budget", "dir/n4") == b"theirs", "the other's file was replaced")


def believed_before(context):
    """What was known before the listing is not missing when it is believed no more, and the listing still is."""
    with Counted(context) as counted:
        counted.store.put("budget", "dir/sub/key", b"x")
        for number in range(4):
            counted.store.put("budget", f"dir/f{number}", b"x")
        out, _, _ = python(counted, """
os.listdir(D + "/dir/sub"), open(D + "/dir/f0").read()
time.sleep(0.5)
print(*[os.path.exists(f"{D}/dir/n{number}") for number in range(4)])
for _ in range(8):
    time.sleep(0.1)
    print(open(D + "/dir/f0").read(), os.stat(D + "/dir/f0").st_size)
print(os.listdir(D + "/dir/sub"))
""")
        want(out.splitlines() == ["False False False False"] + ["x 1"] * 8 + ["['key']"], out)


def made_here(context):
    """What this machine makes, renames and removes under such names is seen at once."""
    with Counted(context) as counted:
        for number in range(4):
            counted.store.put("budget", f"dir/f{number}", b"x")
        out, _, _ = python(counted, """
there = lambda name: os.path.exists(f"{D}/dir/{name}")
print(*[there(f"n{number}") for number in range(6)])
open(D + "/dir/n2", "w").write("new")
os.rename(D + "/dir/f1", D + "/dir/n3")
os.mkdir(D + "/dir/n4")
os.remove(D + "/dir/f2")
print(*[there(f"n{number}") for number in range(6)], *[there(f"f{number}") for number in range(4)])
os.remove(D + "/dir/n2")
os.rmdir(D + "/dir/n4")
print(*[there(f"n{number}") for number in range(6)], sorted(os.listdir(D + "/dir")))
""", **LONG)
        want(out.splitlines() == ["False False False False False False", "False False True True True False True False False True",
                                  "False False False True False False ['f0', 'f3', 'n3']"], out)


def read_after(context):
    """Who reads the directory after all has its entries' attributes from that listing, as always."""
    with Counted(context) as counted:
        counted.store.admin("POST", "generate", f"bucket=budget&prefix=many/&count={FILES}&size=4096")
        out, counts, _ = python(counted, """
print(*[os.path.exists(f"{D}/many/n{number}") for number in range(4)])
print(sum(entry.stat().st_size for entry in os.scandir(D + "/many")))
""", **LONG)
        want(out == f"False False False False\n{4096 * FILES}\n", out)
        want(counts.pop("ListObjectsV2") <= 5 and counts.pop("HeadObject") <= 2 and not counts, f"{counts}")


def not_listed(after, rule):
    """Answers do not wait for a listing that nobody has asked for: a directory that cannot be listed, or not now, is asked name by name."""
    def check(context):
        with Counted(context) as counted:
            counted.store.admin("POST", "generate", f"bucket=budget&prefix=dir/&count={FILES}&size=10")
            env = {**counted.store.environment()}
            counted.run("true")
            process = subprocess.Popen([context.skyshim, "run", "python3", "-SEsc", f"""
import os, sys
D = {counted.folder!r} + "/dir"
print(*[os.path.exists(D + "/none") for _ in range({int(after == "misses")})], flush=True)
sys.stdin.readline()
print(sum(os.stat(f"{{D}}/f{{number:06}}").st_size for number in range(40)), len(open(D + "/f000077", "rb").read()))
"""], env=context.environment(env), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            try:
                first = process.stdout.readline()
                counted.store.reset()
                counted.store.admin("POST", "config", "fault=" + urllib.parse.quote(rule))
                began = time.monotonic()
                out, _ = process.communicate(b"go on\n", timeout=100)
                seconds = time.monotonic() - began
                counts = requests(counted.store.stats())
            finally:
                process.kill()
                counted.store.admin("POST", "config", "fault=none")
            want(first.split() == [b"False"] * (after == "misses") and out == b"400 10\n", f"{first!r} {out!r}")
            want(counts.get("HeadObject") == 40 and counts.get("GetObject") == 1, f"{counts}")
            want(counts.get("ListObjectsV2", 0) <= 1 or "denied" not in rule, f"{counts}")
            want(seconds < 20, f"{seconds:.1f} s")  # of the 40 until the store gives up
    return check


def wide(context):
    """A directory of more than a page is listed once, in vain; names in it cost what they cost."""
    with Counted(context) as counted:
        counted.store.admin("POST", "generate", "bucket=budget&prefix=many/&count=1500&size=1")
        out, counts, _ = python(counted, """
print(sum(os.path.exists(f"{D}/many/n{number}") for number in range(10)), os.path.exists(D + "/many/f001400"))
""", **LONG)
        want(out == "0 True\n", out)
        want(counts.pop("HeadObject") == 11 and counts.pop("ListObjectsV2") <= 12 and not counts, f"{counts}")


def appended(context):
    """Names that were missing make the daemon list the directory, which does not say that what another machine has stored there since is
    new to who appends to it."""
    with Counted(context) as counted:
        counted.store.put("budget", "w/keep", b"k\n")
        env = {**counted.store.environment(), "D": counted.folder}
        script = ("import os, sys\nD = os.environ['D']\nfor number in range(4):\n    assert not os.path.exists(f'{D}/w/missing{number}')\n"
                  "print(flush=True)\nsys.stdin.readline()\nwith open(f'{D}/w/log', 'a') as out:\n    out.write('ours\\n')\n")
        writer = context.start([context.skyshim, "run", "python3", "-SEsc", script], env={**env, **LONG})
        writer.stdout.readline()
        counted.store.put("budget", "w/log", b"theirs\n")
        out, err = writer.communicate(b"\n", timeout=50)
        want(writer.returncode == 0, f"{out} {err}")
        want(counted.store.get("budget", "w/log") == b"theirs\nours\n", f"{counted.store.get('budget', 'w/log')}")


CASES = [
    Case("asked/in-a-row", check=in_a_row, timeout=120),
    Case("asked/read-as-well", check=read_as_well, timeout=120),
    Case("asked/here-and-there", check=here_and_there, timeout=60),
    *(Case(f"asked/missing-{how}", check=missing(how), timeout=60) for how in MISSING),
    Case("asked/seen-in-time", check=seen_in_time, timeout=60),
    Case("asked/exclusive", check=exclusive, timeout=60),
    Case("asked/believed-before", check=believed_before, timeout=60),
    Case("asked/made-here", check=made_here, timeout=60),
    Case("asked/read-after", check=read_after, timeout=60),
    Case("asked/appended", check=appended, timeout=60),
    Case("asked/not-listed-mute", check=not_listed("nothing", "mute,verb=ListObjectsV2,ms=60000"), timeout=150),
    Case("asked/not-listed-after-misses", check=not_listed("misses", "mute,verb=ListObjectsV2,ms=60000"), timeout=150),
    Case("asked/not-listed-denied", check=not_listed("nothing", "denied,verb=ListObjectsV2"), timeout=150),
    Case("asked/wide", check=wide, timeout=60),
]
for case in CASES:
    case.embedded_only = True
