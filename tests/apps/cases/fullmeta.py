# SPDX-License-Identifier: Apache-2.0
"""SKYSHIM_METADATA=full: what a listing does not tell is asked for when a directory is read, once for each version."""
import time

from case import Case, want
from cases.budget import Counted

PAGE = 1000  # names of one LIST
FULL = {"SKYSHIM_METADATA": "full"}


def foreign(counted):
    """As s3fs stores a file, a link and another's script."""
    counted.store.put("budget", "w/private", b"content", {"mode": str(0o100600), "uid": "1234", "gid": "2345", "mtime": "1000000000"})
    counted.store.put("budget", "w/script", b"#!/bin/sh\n", {"mode": str(0o100755)})
    counted.store.put("budget", "w/link", b"private", {"mode": str(0o120777)})
    counted.store.put("budget", "w/plain", b"x")


def shown(context):
    """Modes, owners, times and links, by names alone (find -type looks at d_type) and by ls -l."""
    with Counted(context) as counted:
        foreign(counted)
        result = counted.run("find $D/w -type l -printf '%f %l\\n'; stat -c '%n %a %u %g %Y' $D/w/private; cd $D/w; ls -l | grep -c -e '^-rwxr-xr-x.*script' -e '^l.*link -> private'", **FULL)
        want(result.stdout == b"link private\n/cloud/s3/budget/w/private 600 1234 2345 1000000000\n2\n", f"{result}")


def cost(context):
    """A HEAD for each; for those that are known, none, even when the listing is old; one for what is new."""
    with Counted(context) as counted:
        foreign(counted)
        first = counted.cost("ls -l $D/w/", **FULL)
        want(first.get("HeadObject") == 4 and first.get("ListObjectsV2", 0) <= 2, f"{first}")
        time.sleep(1.5)
        again = counted.cost("ls -l $D/w/", **FULL)
        want(again.get("HeadObject", 0) == 0, f"{again}")
        counted.store.put("budget", "w/plain", b"another", {"mode": str(0o100640)})
        time.sleep(1.5)
        changed = counted.cost("ls -l $D/w/", **FULL)
        want(changed.get("HeadObject") == 1, f"{changed}")
        want(b"640" in counted.run("stat -c %a $D/w/plain", **FULL).stdout, "the mode of the new version")


def pages(context):
    """Of more than one page, each is asked about; nothing is missing or there twice."""
    with Counted(context) as counted:
        for i in range(PAGE + 50):
            counted.store.put("budget", f"w/f{i:04}", b"x", {"mode": str(0o100600 if i % 2 else 0o100644)})
        result = counted.run("find $D/w -type f -printf '%f %m\\n' | sort | awk '{n[$2]++; if ($1 != sprintf(\"f%04d\", NR - 1)) print \"wrong\", $1} "
                             "END {print NR, n[600], n[644]}'", **FULL)
        want(result.stdout == f"{PAGE + 50} {PAGE // 2 + 25} {PAGE // 2 + 25}\n".encode(), f"{result}")


CASES = [
    Case("full-metadata/shown", check=shown, embedded_only=True),
    Case("full-metadata/cost", check=cost, embedded_only=True),
    Case("full-metadata/pages", check=pages, embedded_only=True),
]
