# SPDX-License-Identifier: Apache-2.0
"""What tells an intercepted program from another, found by other people's suites (scripts/transparency): each a session
that natively, on local files, says the same."""
import os
import shutil
import subprocess

from case import Case

ROOT = os.geteuid() == 0


def allowed(*command):
    """Whether this machine lets us: containers often forbid namespaces."""
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


CASES = []
# A root without /proc and without the runtime's file; in a user namespace if need be.
ENTER = "" if ROOT else "unshare -Ur "
if allowed(*ENTER.split(), "chroot", "/", "true"):
    CASES.append(Case("transparent/chroot", f"""
mkdir -p r/bin; cp $(command -v busybox) r/bin/busybox; ln -s busybox r/bin/sh
{ENTER}chroot r /bin/sh -c 'echo in; busybox ls /; busybox sh -c "busybox echo deeper; exit 4"; echo $?; exit 5'; echo $?; rm -r r"""))
if shutil.which("valgrind"):
    # What valgrind maps it translates; a twin's jumps lead out of what it knows.
    CASES.append(Case("transparent/valgrind", "valgrind -q --trace-children=yes sh -c 'cat $D/probe/small.txt; exit 4'; echo $?"))
