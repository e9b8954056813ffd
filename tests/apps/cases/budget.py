# SPDX-License-Identifier: Apache-2.0
"""The request budget: what each thing costs, by the embedded store's own count, in each of its languages."""
import json
import os
import time

import store as stores
from case import Case, want


# language: (how its store is started, what it calls a page of a listing, a look at a name, and reading)
LANGUAGES = {
    "s3": (lambda context: stores.start_embedded(context.world.build, context.folder), "ListObjectsV2", "HeadObject", "GetObject"),
    "azure": (lambda context: stores.start_azure(context.folder, context.world.build), "ListBlobs", "GetBlobProperties", "GetBlob"),
    "gcs": (lambda context: stores.start_gcs(context.folder, context.world.build), "objects.list", "objects.get", "xml.get"),
}


class Counted:
    """A store of the case's own, so that nobody else's requests are counted."""

    def __init__(self, context, language="s3"):
        self.context = context
        start, self.page, self.look, self.read = LANGUAGES[language]
        self.store = start(context)
        self.store.make_bucket("budget")
        self.folder = f"{self.store.root}/budget"

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
    def check(context, language):
        with Counted(context, language) as counted:
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
    def check(context, language):
        with Counted(context, language) as counted:
            counted.store.admin("POST", "generate", f"bucket=budget&prefix=many/&count={entries}&size=100")
            cost = counted.cost(f"{command} >$HOME/out")
            with open(os.path.join(context.folder, "home", "out"), "rb") as out:
                found = len([line for line in out if line.strip() and not line.startswith(b"total")])
            want(found == lines, f"{found} lines, expected {lines}")
            head = cost.pop(counted.look, 0)
            pages = -(-entries // 1000)
            want(cost == {counted.page: pages} and head <= heads,
                 f"{command} of {entries}: {cost} and {head} heads, expected {pages} listings")
    return check


def sequential(context, language):
    """A whole big object is fetched once: no byte twice, no part smaller than need be."""
    with Counted(context, language) as counted:
        counted.store.put("budget", "twenty", os.urandom(20 << 20))
        cost = counted.cost("cat $D/twenty | wc -c")
        stats = counted.store.stats()
        want(set(cost) == {counted.read} and cost[counted.read] <= 40, f"{cost}")
        out = stats["bytes_out"]
        want(out < (21 << 20), f"{out} bytes sent for {20 << 20}: {json.dumps(stats)[:300]}")


PYTHON_LIST = "python3 -c 'import os; print(*os.listdir(os.environ[\"D\"] + \"/many\"), sep=\"\\n\")'"
CHECKS = {
    "cat-small": budget("cat $D/small", 1, 1),
    "cat-300k": budget("cat $D/big", 1, 1),
    "stat-file": budget("stat $D/small", 1, 1),
    "stat-missing": budget("stat $D/none", 1, 2),
    "stat-directory": budget("stat $D/dir", 1, 2),
    "open-missing": budget("cat $D/none", 1, 2),
    "cat-twice": budget("cat $D/small; cat $D/small", 1, 1),
    "stat-after-cat": budget("cat $D/small; stat $D/small; test -r $D/small", 1, 1),
    "missing-twice": budget("test -e $D/none; test -e $D/none", 1, 2),
    "cat-again-within-ttl": budget("cat $D/small", 0, 0, before="cat $D/small"),
    "cat-again-after-ttl": budget("cat $D/small", 1, 1, before="cat $D/small", pause=1.3),
    "other-process-within-ttl": budget("sh -c 'stat $D/small; cat $D/small'", 0, 0, before="cat $D/small"),
    "local-files-cost-nothing": budget("ls -lR /etc/apt; cat /etc/passwd", 0, 0),
    "ls-then-stat": budget("ls -l $D/dir", 1, 2),
    "list-1": listing(1, "ls $D/many/", 1),
    "list-1000": listing(1000, "ls $D/many/", 1000),
    "list-2500": listing(2500, "ls $D/many/", 2500),
    "list-python": listing(2500, PYTHON_LIST, 2500),
    "ls-long-10000": listing(10000, "ls -l $D/many/", 10000),
    "ls-long-10000-no-slash": listing(10000, "ls -l $D/many", 10000, heads=1),
    "find-10000": listing(10000, "find $D/many/ -type f -size -1k", 0),
    "sequential": sequential,
}


def in_language(language, check):
    return lambda context: check(context, language)


# of S3 alone: what says the same again in more time
S3_ONLY = {"local-files-cost-nothing", "list-1000", "list-python", "ls-long-10000-no-slash", "find-10000"}
CASES = [Case(f"budget/{language}/{name}", check=in_language(language, check), embedded_only=True)
         for name, check in CHECKS.items() for language in LANGUAGES if language == "s3" or name not in S3_ONLY]
