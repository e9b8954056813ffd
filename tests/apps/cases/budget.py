# SPDX-License-Identifier: Apache-2.0
"""The request budget: what each thing costs, by the embedded store's own count."""
import json
import os
import time

import store as stores
from case import Case, want


class Counted:
    """A store of the case's own, so that nobody else's requests are counted."""

    def __init__(self, context):
        self.context = context
        self.store = stores.start_embedded(context.world.build, context.folder)
        self.store.make_bucket("budget")
        self.folder = "/cloud/s3/budget"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.store.stop()

    def run(self, command, **env):
        result = self.context.run([self.context.skyshim, "run", "sh", "-c", command],
                                  env={**self.store.environment(), "D": self.folder, **env})
        want(result.status == 0, f"{command}: {result}")
        return result

    def cost(self, command, **env):
        """Requests that command makes, by verb, whatever it returns."""
        self.store.reset()
        self.context.run([self.context.skyshim, "run", "sh", "-c", command],
                         env={**self.store.environment(), "D": self.folder, **env})
        return requests(self.store.stats())


def requests(stats):
    return {verb: count for verb, count in stats["verbs"].items() if count}


def budget(command, least, most, before=None, pause=0.0, **env):
    """Between least and most requests for command, with nothing cached but what `before` left."""
    def check(context):
        with Counted(context) as counted:
            counted.store.put("budget", "small", b"small object\n")
            counted.store.put("budget", "dir/inside", b"inside\n")
            counted.store.put("budget", "big", os.urandom(300000))
            if before:
                counted.run(before, **env)
            time.sleep(pause)
            cost = counted.cost(command, **env)
            want(least <= sum(cost.values()) <= most,
                 f"{command}: {sum(cost.values())} requests {cost}, expected {least}..{most}")
    return check


def listing(entries, command, lines, heads=0):
    """heads: a name that may be a file or a folder is looked up first, unless it ends in a slash."""
    def check(context):
        with Counted(context) as counted:
            counted.store.admin("POST", "generate", f"bucket=budget&prefix=many/&count={entries}&size=100")
            cost = counted.cost(f"{command} >$HOME/out")
            with open(os.path.join(context.folder, "home", "out"), "rb") as out:
                found = len([line for line in out if line.strip() and not line.startswith(b"total")])
            want(found == lines, f"{found} lines, expected {lines}")
            head = cost.pop("HeadObject", 0)
            pages = -(-entries // 1000)
            want(cost == {"ListObjectsV2": pages} and head <= heads,
                 f"{command} of {entries}: {cost} and {head} heads, expected {pages} listings")
    return check


def sequential(context):
    """A whole big object is fetched once: no byte twice, no part smaller than need be."""
    with Counted(context) as counted:
        counted.store.put("budget", "twenty", os.urandom(20 << 20))
        cost = counted.cost("cat $D/twenty | wc -c")
        stats = counted.store.stats()
        want(set(cost) == {"GetObject"} and cost["GetObject"] <= 40, f"{cost}")
        out = stats["bytes_out"]
        want(out < (21 << 20), f"{out} bytes sent for {20 << 20}: {json.dumps(stats)[:300]}")


PYTHON_LIST = "python3 -c 'import os; print(*os.listdir(os.environ[\"D\"] + \"/many\"), sep=\"\\n\")'"
CASES = [
    Case("budget/cat-small", check=budget("cat $D/small", 1, 1)),
    Case("budget/cat-300k", check=budget("cat $D/big", 1, 1)),
    Case("budget/stat-file", check=budget("stat $D/small", 1, 1)),
    Case("budget/stat-missing", check=budget("stat $D/none", 1, 2)),
    Case("budget/stat-directory", check=budget("stat $D/dir", 1, 2)),
    Case("budget/open-missing", check=budget("cat $D/none", 1, 2)),
    Case("budget/cat-twice", check=budget("cat $D/small; cat $D/small", 1, 1)),
    Case("budget/stat-after-cat", check=budget("cat $D/small; stat $D/small; test -r $D/small", 1, 1)),
    Case("budget/missing-twice", check=budget("test -e $D/none; test -e $D/none", 1, 2)),
    Case("budget/cat-again-within-ttl", check=budget("cat $D/small", 0, 0, before="cat $D/small")),
    Case("budget/cat-again-after-ttl", check=budget("cat $D/small", 1, 1, before="cat $D/small", pause=1.3)),
    Case("budget/other-process-within-ttl", check=budget("sh -c 'stat $D/small; cat $D/small'", 0, 0, before="cat $D/small")),
    Case("budget/local-files-cost-nothing", check=budget("ls -lR /etc/apt; cat /etc/passwd", 0, 0)),
    Case("budget/ls-then-stat", check=budget("ls -l $D/dir", 1, 2)),
    Case("budget/list-1", check=listing(1, "ls $D/many/", 1)),
    Case("budget/list-1000", check=listing(1000, "ls $D/many/", 1000)),
    Case("budget/list-2500", check=listing(2500, "ls $D/many/", 2500)),
    Case("budget/list-python", check=listing(2500, PYTHON_LIST, 2500)),
    Case("budget/ls-long-10000", check=listing(10000, "ls -l $D/many/", 10000)),
    Case("budget/ls-long-10000-no-slash", check=listing(10000, "ls -l $D/many", 10000, heads=1)),
    Case("budget/find-10000", check=listing(10000, "find $D/many/ -type f -size -1k", 0)),
    Case("budget/sequential", check=sequential),
]
for case in CASES:
    case.embedded_only = True
