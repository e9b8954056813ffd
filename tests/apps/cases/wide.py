# SPDX-License-Identifier: Apache-2.0
"""Directories of many pages are listed in parts: programs see what one page after the other would have told."""
import os
import time

from case import Case, want
from cases.budget import Counted
from store import start_embedded

NAMES = 24000
PAGE = 1000
EXTRA = NAMES // PAGE // 10 + 3  # requests for nothing

SHOWN = """
import os, sys
seen = os.listdir(sys.argv[1])
assert len(set(seen)) == len(seen), 'a name twice'
assert seen == sorted(seen, key=os.fsencode), 'another order'
print(len(seen), seen[0], seen[-1])
"""


def filled(counted, count=NAMES):
    counted.store.admin("POST", "generate", f"bucket=budget&prefix=many/&count={count}&size=10")


def shown(counted, **env):
    """Lists the directory: what came of it, and how many pages were asked for."""
    counted.run("true", **env)
    counted.store.reset()
    text = counted.run(f"python3 -c \"{SHOWN}\" $D/many", **env).stdout.decode().split()
    return int(text[0]), text[1:], sum(counted.store.stats()["verbs"].get(page, 0) for page in ("ListObjectsV2", "ListObjects",
                                                                                              "objects.list"))


def in_parts(language):
    """The same names in the same order, for a tenth more requests at most."""
    def check(context):
        with Counted(context, language) as counted:
            filled(counted)
            count, ends, pages = shown(counted)
            want(count == NAMES and ends == ["f000000", f"f{NAMES - 1:06}"], f"{count} names, {ends}")
            want(pages <= NAMES // PAGE + EXTRA, f"{pages} pages")
            # a part's last page is not all new: so it shows that there were parts
            want(pages > NAMES // PAGE, f"only {pages} pages")
    return check


class Unable(Counted):
    """A store that lacks something."""

    def __init__(self, context, *words):  # pylint: disable=super-init-not-called
        self.context, self.page = context, "ListObjectsV2"
        lacks = [option for word in words for option in ("--lacks", word)]
        self.store = start_embedded(context.world.build, context.folder, *lacks)
        self.store.make_bucket("budget")
        self.folder = f"{self.store.root}/budget"


def unable(word, most, again):
    """A store that cannot begin behind a name: all names all the same, and it is not asked so again."""
    def check(context):
        with Unable(context, word) as counted:
            filled(counted)
            for pages_most in (most, again):
                count, _, pages = shown(counted, SKYSHIM_META_TTL_MS="0")
                want(count == NAMES, f"{count} names")
                want(pages <= NAMES // PAGE + pages_most, f"{pages} pages")
    return check


def leaves(context):
    """Who reads a little of a large directory costs little."""
    with Counted(context) as counted:
        filled(counted, 100000)
        counted.run("true")
        counted.store.reset()
        counted.run("python3 -c \"import os, sys, itertools; names = os.scandir(sys.argv[1]);"
                    " assert len(list(itertools.islice(names, 8000))) == 8000\" $D/many")
        pages = counted.store.stats()["verbs"]["ListObjectsV2"]
        want(pages <= 20, f"{pages} pages for 8")


def two_readers(context):
    """Two programs that read the same directory at once each see all of it."""
    with Counted(context) as counted:
        filled(counted)
        counted.store.admin("POST", "config", "latency_ms=5")
        out = counted.run("ls -U $D/many > $HOME/one & ls -U $D/many > $HOME/two; wait; sort -u $HOME/one | wc -l;"
                          " cmp $HOME/one $HOME/two && echo same").stdout.split()
        want(out == [str(NAMES).encode(), b"same"], out)


def one_fails(context):
    """What does not come at first is asked for again: nothing is left out."""
    with Counted(context) as counted:
        filled(counted)
        counted.run("true")
        counted.store.admin("POST", "config", "fault=reset,verb=ListObjectsV2,rate=0.2,seed=3")
        count, _, _ = shown(counted)
        want(count == NAMES, f"{count} names")


def with_folders(context):
    """Folders among the files, one beside a file of its name."""
    with Counted(context) as counted:
        filled(counted, NAMES // 2)
        for i in range(0, NAMES // 2, 997):
            counted.store.put("budget", f"many/f{i:06}/inside", b"x")
        count = int(counted.run("ls -U $D/many | sort -u | wc -l").stdout)  # f%~d is not where f/ would be
        want(count == NAMES // 2 + len(range(0, NAMES // 2, 997)), f"{count} names")


# the C library reads some pages ahead of the program: those were shown in time
LATE = """
import itertools, os, sys, time
names = os.scandir(sys.argv[1])
seen = [entry.name for entry in itertools.islice(names, 12500)]
open(sys.argv[2] + '/ready', 'w').close()
while not os.path.exists(sys.argv[2] + '/go'):
    time.sleep(0.1)
seen += [entry.name for entry in names]
print(len(seen), *[i for i in range(18000, 24000, 1000) if os.stat(sys.argv[1] + '/f%06d' % i).st_size != 5])
"""


def late(context):
    """What came long before it is read tells no old size."""
    with Counted(context) as counted:
        filled(counted)
        # the store is slow, so that parts are ahead of the reader when he stops
        counted.store.admin("POST", "config", "latency_ms=20")
        process = context.start([context.skyshim, "run", "python3", "-c", LATE, f"{counted.folder}/many", context.folder],
                                env=counted.store.environment())
        deadline = time.monotonic() + 60
        while not os.path.exists(f"{context.folder}/ready"):
            want(time.monotonic() < deadline and process.poll() is None, "it does not come that far")
            time.sleep(0.05)
        for i in range(18000, NAMES, 1000):
            counted.store.put("budget", f"many/f{i:06}", b"other")
        time.sleep(11)
        open(f"{context.folder}/go", "w", encoding="ascii").close()
        out, _ = process.communicate(timeout=60)
        want(out.split() == [str(NAMES).encode()], out)


CASES = [
    Case("wide/s3", check=in_parts("s3"), embedded_only=True),
    Case("wide/gcs", check=in_parts("gcs"), embedded_only=True),
    Case("wide/ignored", check=unable("start-after", 1, 0), embedded_only=True),
    Case("wide/no-order", check=unable("order", 0, 0), embedded_only=True),
    Case("wide/old", check=unable("list-v2-seen", 1, 0), embedded_only=True),
    Case("wide/leaves", check=leaves, embedded_only=True),
    Case("wide/two-readers", check=two_readers, embedded_only=True),
    Case("wide/one-fails", check=one_fails, embedded_only=True),
    Case("wide/late", check=late, embedded_only=True),
    Case("wide/folders", check=with_folders, embedded_only=True),
]
