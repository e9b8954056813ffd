# SPDX-License-Identifier: Apache-2.0
"""liburing's own tests, and stress-ng's of rings, where io_uring is asked for. $LIBURING_TESTS is the folder `test` of
its source, built (Debian's: `apt-get source liburing`, ./configure, make, make -C test); without it there are none.
What is compared is each test's exit status."""
import os

import world as worlds

FOLDER = os.environ.get("LIBURING_TESTS", "")
LIMIT = 90
STRESS = "stress-ng io-uring"


class Suite:
    title = "liburing's tests, with `--io-uring`"
    packages = ["stress-ng"] if FOLDER else []
    as_root = False

    def __init__(self, quick):
        found = os.listdir(FOLDER) if FOLDER and not quick else []
        self.parts = sorted(name for name in found if name.endswith(".t"))
        if self.parts:
            self.parts.append(STRESS)

    def run(self, world, side, part, only=()):
        # their names are in their arguments, and some make files beside them
        argv = ["stress-ng", "--io-uring", "1", "--timeout", "2", "--temp-path", "."] if part == STRESS else \
            [os.path.join(os.path.abspath(FOLDER), part)]
        result = world.run(argv, side, timeout=LIMIT, env={"SKYSHIM_IO_URING": "1"})
        world.done_with(result)
        # 77: not here
        what = {0: "pass", 77: "skip", worlds.TIMED_OUT: "timeout"}.get(result.status, f"status {result.status}")
        return {part: what}, result.output

    def can_repeat(self, name):
        return True
