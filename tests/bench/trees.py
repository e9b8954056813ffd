# SPDX-License-Identifier: Apache-2.0
"""Rows about many files and names."""
import os
import subprocess

from rows import Row, seconds
from ways import curl, transfer

FILES_AT_ONCE = 64
LATENCY_S = 0.020
NOT_THERE = "no such text"  # so that all is read


def tiny(session):
    session.generated("tiny", f"prefix=tiny/&count={session.sizes.files}&size=4096")


def small(session):
    session.generated("small", f"prefix=small/&count={session.sizes.files}&size=16384&text=1")


def many(session):
    session.generated("many", f"prefix=many/&count={session.sizes.entries}&size=4096", mirror=False)
    mirrored_names(session, "many")


def tree(session):
    session.generated("tree", f"prefix=tree/&count={session.sizes.entries}&size=100&fanout=100", mirror=False)
    mirrored_names(session, "tree")


def mirrored_names(session, name, size=0):
    """Local files of the same names with other bytes: nobody compares these."""
    top = os.path.join(session.mirror, name)
    if os.path.exists(top):
        return
    with session.at_once():
        for key, _ in session.store.times("bench", name + "/"):
            path = os.path.join(session.mirror, key)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as out:
                out.write(os.urandom(size))


def walked(session):
    session.generated("walked", f"prefix=walked/&count={session.sizes.tree_files}&size=4096&fanout=100", mirror=False)
    mirrored_names(session, "walked", 4096)


def fetched(name, **settings):
    """A curl that gets as many files, whose names it is told."""
    def argv(session):
        return curl(session, [transfer(session, f"{name}/f{i:06}", output=os.path.join(session.scratch, f"f{i:06}"),
                                       **settings)
                              for i in range(session.sizes.files)], FILES_AT_ONCE)
    return argv


def same_copy(session, _):
    told = subprocess.run(["diff", "-rq", f"{session.mirror}/tiny", f"{session.scratch}/copy"], capture_output=True, check=False)
    if told.returncode:
        raise RuntimeError(f"the copy differs: {told.stdout[:200]!r}")


def rows(sizes):
    grep = ["grep", "-rc", NOT_THERE, "{M}/small"]
    # grep's status is 1 when nothing is found, and tar does not read what goes to /dev/null
    grep = ["sh", "-c", '"$@"; test $? = 1', "sh", *grep]
    archived = ["sh", "-c", "tar cf - -C {M} walked | cat"]
    walk_seconds = round(1.2 * -(-sizes.tree_files // 64) * LATENCY_S, 1)
    return [
        Row("cp", f"cp -r {sizes.files} × 4 KiB, cold", ["cp", "-r", "{M}/tiny", "{L}/copy"], need=tiny, raw=fetched("tiny"),
            check=same_copy, reaches=[seconds(1.0)]),
        Row("grep", f"grep -r {sizes.files} × 16 KiB, cold", grep, need=small, raw=fetched("small"), reaches=[seconds(1.0)]),
        Row("grep_warm", f"grep -r {sizes.files} × 16 KiB, warm", grep, need=small, warm=True, reaches=[seconds(0.1)]),
        Row("ls", f"ls -l of {sizes.entries}", ["ls", "-l", "{M}/many"], need=many, reaches=[seconds(0.4)]),
        Row("find", f"find {sizes.entries} in 100 directories", ["find", "{M}/tree", "-type", "f"], need=tree,
            reaches=[seconds(0.5)]),
        Row("tar", f"tar c of {sizes.tree_files} × 4 KiB", archived, need=walked, peers="an hour",
            reaches=[seconds(walk_seconds)]),
    ]
