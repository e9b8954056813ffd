# SPDX-License-Identifier: Apache-2.0
"""What a listing told is answered from the shared table, and never wrongly: changes by others here, and elsewhere."""
import json
import os
import re
import subprocess
import time

from case import Case, want
from cases.budget import Counted

ENTRIES = 5000
LONG = {"SKYSHIM_META_TTL_MS": "60000"}


def asked(counted):
    """How often programs came to the daemon, by kind of question."""
    out = counted.context.run([counted.context.skyshim, "stats", "--json"], env=counted.store.environment()).stdout
    return json.loads(out)["runtime_requests"]


def cost(counted, command, **env):
    """Questions at the daemon, requests at the store, and what the command printed."""
    counted.run("true", **env)
    before = asked(counted)
    counted.store.reset()
    result = counted.run(command, **env)
    after = asked(counted)
    return {kind: after[kind] - before[kind] for kind in after}, counted.store.stats()["verbs"], result


def attributes_need_nobody(context):
    """Of what was listed, nothing is asked: neither the daemon nor the store."""
    with Counted(context) as counted:
        counted.store.admin("POST", "generate", f"bucket=budget&prefix=many/&count={ENTRIES}&size=4096")
        questions, verbs, result = cost(counted, "ls -l $D/many", **LONG)
        lines = re.findall(rb"^-rw-r--r-- +1 \S+ +\S+ +4096 ", result.stdout, re.MULTILINE)
        want(len(lines) == ENTRIES, f"{len(lines)} entries of the right kind and size")
        want(questions["stat"] <= 10, f"{questions['stat']} questions for attributes")
        want(verbs["ListObjectsV2"] == ENTRIES // 1000 and verbs["HeadObject"] <= 1, f"requests: {verbs}")


def folders_need_nobody(context):
    """`find` opens each folder, and asks about none."""
    with Counted(context) as counted:
        counted.store.admin("POST", "generate", "bucket=budget&prefix=tree/&count=2000&size=10&fanout=100")
        questions, _, result = cost(counted, "find $D/tree -type f | wc -l", **LONG)
        want(result.stdout.strip() == b"2000", f"found {result.stdout}")
        want(questions["stat"] <= 10, f"{questions['stat']} questions for attributes")


def fetched_ahead_need_nobody(context):
    """A file that was fetched before anybody asked is still told of in the table."""
    with Counted(context) as counted:
        counted.store.admin("POST", "generate", "bucket=budget&prefix=many/&count=300&size=4096")
        questions, _, _ = cost(counted, "cp -r $D/many $HOME/copy && ls $HOME/copy | wc -l", **LONG)
        want(questions["open"] >= 300, f"opened {questions['open']}")
        want(questions["stat"] <= 60, f"{questions['stat']} questions for attributes")  # 300 without the table


def copied_again_need_nobody(context):
    """What the cache has whole is copied by the kernel, and opened without the daemon."""
    with Counted(context) as counted:
        counted.store.admin("POST", "generate", "bucket=budget&prefix=many/&count=300&size=4096")
        counted.run("cp -r $D/many $HOME/first", **LONG)
        questions, verbs, _ = cost(counted, "cp -r $D/many $HOME/copy && diff -r $HOME/first $HOME/copy", **LONG)
        want(questions["open"] <= 10, f"opened {questions['open']}")
        want(questions["stat"] <= 10 and questions["ensure"] <= 10, f"questions: {questions}")
        want(not any(verbs.values()), f"requests: {verbs}")


PAUSE = """
import os, sys, time
mark, folder = sys.argv[1:3]
told = {entry.name: entry.stat().st_size for entry in os.scandir(folder)} if sys.argv[3] == "asked" else os.listdir(folder)
open(mark, "w").close()
while os.path.exists(mark):
    time.sleep(0.01)
if sys.argv[3] == "asked":
    print(told["key"], os.stat(folder + "/key").st_size)
else:
    print(os.stat(folder + "/key").st_size, os.stat(folder + "/key").st_size)
"""


def beyond_its_time(how, sizes):
    """An entry's answer is believed once more after its time, but only by the first who asks: who has taken it from the
    table was the first."""
    def check(context):
        with Counted(context) as counted:
            counted.store.put("budget", "dir/key", b"old")
            counted.store.put("budget", "dir/other", b"x")
            mark = os.path.join(context.work, "mark")
            process = subprocess.Popen([context.skyshim, "run", "python3", "-c", PAUSE, mark, f"{counted.folder}/dir", how],
                                       env=context.environment(counted.store.environment()), stdout=subprocess.PIPE)
            deadline = time.monotonic() + 20
            while not os.path.exists(mark) and time.monotonic() < deadline:
                time.sleep(0.01)
            try:
                counted.store.put("budget", "dir/key", b"newer")
                time.sleep(1.3)  # the TTL and more
            finally:
                if os.path.exists(mark):
                    os.remove(mark)
                out, _ = process.communicate(timeout=50)
            want(out == sizes, f"sizes seen: {out!r}, expected {sizes!r}")
    return check


UNREAD = """
import os, sys, time
mark, folder, before, after = sys.argv[1:]
print(open(folder + "/key").read(), open(folder + "/gone").read())
time.sleep(1.3)  # what that has told is too old
eval(before)(folder)
open(mark, "w").close()
while os.path.exists(mark):
    time.sleep(0.01)
def look(name):
    try:
        return os.stat(f"{folder}/{name}").st_size if after == "stat" else open(f"{folder}/{name}").read()
    except FileNotFoundError:
        return None
print(look("key"), look("gone"), look("empty"))
"""


def seen_after(before, after, told):
    """What another machine has changed since is seen when the TTL is over: by who only asks about a file, unless somebody has read its directory, and by who
    opens it always."""
    def check(context):
        with Counted(context) as counted:
            for name, content in {"key": b"old", "gone": b"there", "empty": b""}.items():
                counted.store.put("budget", f"dir/{name}", content)
            mark = os.path.join(context.work, "mark")
            process = subprocess.Popen([context.skyshim, "run", "python3", "-SEsc", UNREAD, mark, f"{counted.folder}/dir", before, after],
                                       env=context.environment(counted.store.environment()), stdout=subprocess.PIPE)
            deadline = time.monotonic() + 20
            while not os.path.exists(mark) and time.monotonic() < deadline:
                time.sleep(0.01)
            try:
                counted.store.put("budget", "dir/key", b"newer")
                counted.store.put("budget", "dir/empty", b"filled")
                counted.store.expect("DELETE", "/budget/dir/gone")
                time.sleep(1.3)  # the TTL and more
            finally:
                if os.path.exists(mark):
                    os.remove(mark)
                out, _ = process.communicate(timeout=50)
            want(out.decode().splitlines() == ["old there", told], f"seen: {out!r}, expected {told!r}")
    return check


MANY = 40000
OPENED = [5, MANY // 2, MANY - 1]
APPEND = """
import collections, os, sys
folder = sys.argv[1]
files = [open(f"{folder}/f{int(number):06}", "ab") for number in sys.argv[2:]]
for file in files:
    file.write(b"more")
    file.flush()
new = open(folder + "/new", "wb")
seen = collections.Counter(os.listdir(folder))
print(len(seen), [name for name, times in seen.items() if times > 1], "new" in seen)
"""


def written_to_is_listed_once(context):
    """A file that is open for writing is in its directory once, also when that has more names than the daemon can remember."""
    with Counted(context) as counted:
        counted.store.admin("POST", "generate", f"bucket=budget&prefix=many/&count={MANY}&size=10")
        env = counted.store.environment() | {"SKYSHIM_MEMORY_CAP": "16M"}  # the names' share of it holds half as many
        context.run_cloud(["true"], env=env)
        result = context.run([context.skyshim, "run", "python3", "-SEsc", APPEND, counted.folder + "/many", *map(str, OPENED)], timeout=100, env=env)
        want(result.stdout.decode().strip() == f"{MANY + 1} [] True", str(result))


POLL = """
import os, stat, sys, time
mark, folder = sys.argv[1:]
def look():
    os.listdir(folder)
    return stat.S_ISDIR(os.lstat(folder).st_mode)
os.listdir(os.path.dirname(folder))
print(look())
open(mark, "w").close()
while os.path.exists(mark):
    time.sleep(0.01)
for i in range(8):
    time.sleep(0.5)
    is_dir = look()
print(is_dir)
"""


def replaced_by_a_file(context):
    """Who lists a directory again and again sees, too, that somebody has put a file in its place."""
    with Counted(context) as counted:
        counted.store.put("budget", "dir/sub/key", b"x")
        mark = os.path.join(context.work, "mark")
        process = subprocess.Popen([context.skyshim, "run", "python3", "-c", POLL, mark, f"{counted.folder}/dir/sub"],
                                   env=context.environment(counted.store.environment()), stdout=subprocess.PIPE)
        deadline = time.monotonic() + 20
        while not os.path.exists(mark) and time.monotonic() < deadline:
            time.sleep(0.01)
        try:
            counted.store.put("budget", "dir/sub", b"a file")
        finally:
            if os.path.exists(mark):
                os.remove(mark)
            out, _ = process.communicate(timeout=50)
        want(out == b"True\nFalse\n", f"is it a directory: {out!r}")


FOLDER = """
import os, sys
parent = sys.argv[1]
list(os.scandir(parent))
mode = lambda name: oct(os.stat(parent + name).st_mode & 0o777)
print(mode("/inner"), open(parent + "/inner/key").read(), mode("/inner"))
"""


def opened_folder(context):
    """What was asked about a folder to enforce its mode is what its name tells then."""
    with Counted(context) as counted:
        counted.store.put("budget", "dir/inner/", b"", meta={"mode": str(0o040700)})
        counted.store.put("budget", "dir/inner/key", b"x")
        result = context.run([context.skyshim, "run", "python3", "-c", FOLDER, f"{counted.folder}/dir"],
                             env={**counted.store.environment(), **LONG, "SKYSHIM_ENFORCE_MODE": "1"})
        want(result.stdout.split()[1:] == [b"x", b"0o700"], f"{result.stdout}, {result.stderr}")


# One process changes names in a folder, two others list it and ask about them all the time. In `shared`: a round's
# number, odd while a change is under way; what is to be found then (kind, and size or mode); and which rounds were
# checked by whom. Each round is waited for until both have checked it.
BOARD = """
import mmap, os, struct, sys, time
board = mmap.mmap(os.open(sys.argv[1], os.O_RDWR), 4096)
folder, role = sys.argv[2], sys.argv[3]
get = lambda at: struct.unpack_from("q", board, 8 * at)[0]
put = lambda at, value: struct.pack_into("q", board, 8 * at, value)
ROUND, NAME, SIZE, MODE, STOP, CHECKED = 0, 1, 2, 3, 4, 5
NAMES = ["a", "b", "c", "d"]
"""

WRITER = BOARD + """
def wait(number):
    until = time.monotonic() + 60
    while min(get(CHECKED), get(CHECKED + 1)) < number:
        if time.monotonic() > until:
            sys.exit(f"nobody checked round {number}")
        time.sleep(0.0005)

def write(path, mode, text):
    with open(path, mode) as out:
        out.write(text)

def change(number):
    '''Returns the name that was changed, its size (-1: it is not there) and its mode (0: whatever).'''
    name = NAMES[number % len(NAMES)]
    path, kind = f"{folder}/{name}", number // 2 % 9
    size = os.path.getsize(path) if os.path.exists(path) else -1
    if kind == 1 and size >= 0:
        os.remove(path)
        return name, -1, 0
    if kind == 2 and size >= 0:
        os.chmod(path, 0o600 if os.stat(path).st_mode & 0o44 else 0o644)
        return name, size, 0o600 if os.stat(path).st_mode & 0o77 == 0 else 0o644
    if kind == 3 and size >= 0:
        write(path, "a", "more")
        return name, size + 4, 0
    if kind == 4:
        write(f"{folder}/new", "w", "n" * number)
        os.rename(f"{folder}/new", path)
        return name, number, 0
    if kind == 5 and size >= 0:
        os.truncate(path, 3)
        return name, 3, 0
    if kind == 6 and size >= 0:
        os.rename(path, f"{folder}/away")
        os.remove(f"{folder}/away")
        return name, -1, 0
    if kind == 7 and size < 0:
        os.mkdir(path)
        os.rmdir(path)
        return name, -1, 0
    write(path, "w", "w" * number)
    return name, number, 0

for number in range(2, 2 * int(sys.argv[4]) + 2, 2):
    put(ROUND, number - 1)
    name, size, mode = change(number)
    put(NAME, NAMES.index(name)), put(SIZE, size), put(MODE, mode)
    put(ROUND, number)
    wait(number)
put(STOP, 1)
print("done")
"""

READER = BOARD + """
me = CHECKED + int(role)
while not get(STOP):
    number = get(ROUND)
    expected = get(NAME), get(SIZE), get(MODE)
    os.listdir(folder)
    path = f"{folder}/{NAMES[expected[0]]}"
    try:
        st = os.stat(path)
        seen = st.st_size, st.st_mode & 0o777
    except FileNotFoundError:
        seen = -1, 0
    if number % 2 or number < 2 or get(ROUND) != number:
        continue
    if seen[0] != expected[1] or (expected[2] and seen[1] != expected[2]):
        put(STOP, 1)
        sys.exit(f"round {number}: {path} is {seen}, and should be {expected}")
    put(me, number)
"""

ROUNDS = 144


def changed_by_another(**options):
    """Two processes list and ask all the time while a third changes: no answer is of before."""
    def check(context):
        board = os.path.join(context.work, "board")
        with open(board, "wb") as out:
            out.write(bytes(4096))
        with Counted(context) as counted:
            counted.store.put("budget", "dir/keep", b"x")
            env = context.environment({**counted.store.environment(), **options})
            run = [context.skyshim, "run", "python3", "-c"]
            counted.run("true", **options)
            readers = [subprocess.Popen([*run, READER, board, f"{counted.folder}/dir", str(i)], env=env,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT) for i in range(2)]
            writer = subprocess.Popen([*run, WRITER, board, f"{counted.folder}/dir", "writer", str(ROUNDS)], env=env,
                                      stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            try:
                told = [process.communicate(timeout=100)[0] for process in (*readers, writer)]
            finally:
                for process in (*readers, writer):
                    process.kill()
                    process.wait()
            want(told == [b"", b"", b"done\n"], f"told: {told}")
    return check


CASES = [
    Case("listed/attributes-need-nobody", check=attributes_need_nobody, timeout=60),
    Case("listed/folders-need-nobody", check=folders_need_nobody, timeout=60),
    Case("listed/fetched-ahead-need-nobody", check=fetched_ahead_need_nobody, timeout=60),
    Case("listed/copied-again-need-nobody", check=copied_again_need_nobody, timeout=60),
    Case("listed/replaced-by-a-file", check=replaced_by_a_file, timeout=60),
    Case("listed/beyond-its-time-asked", check=beyond_its_time("asked", b"3 5\n")),
    Case("listed/beyond-its-time-not-asked", check=beyond_its_time("not", b"3 5\n")),
    Case("listed/seen-after-a-look-stat", check=seen_after("os.path.isdir", "stat", "5 None 6")),
    Case("listed/seen-after-a-look-open", check=seen_after("os.path.isdir", "open", "newer None filled")),
    Case("listed/seen-after-listing-open", check=seen_after("os.listdir", "open", "newer None filled")),
    Case("listed/written-to-is-listed-once", check=written_to_is_listed_once, timeout=120),
    Case("listed/opened-folder", check=opened_folder),
    Case("listed/changed-by-another", check=changed_by_another(), timeout=120),
    Case("listed/changed-by-another-exit", check=changed_by_another(SKYSHIM_DURABILITY="exit"), timeout=120),
]
for case in CASES:
    case.embedded_only = True
