# SPDX-License-Identifier: Apache-2.0
"""Sessions of ours with other people's programs, in the files of folder sessions/: a shell script each, whose output
and exit status have to be the same natively and intercepted. The head of a script says what it needs:

    # packages: gdb gcc         installed when the whole is run
    # quick                     a part of the quick run, too
    # root                      run as root, and left out for others
    # seconds: 120              its time limit, else 60
    # if: COMMAND               skipped where this fails natively
"""
import glob
import os
import re
import shutil

import world as worlds

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "sessions")


class Session:
    def __init__(self, path):
        self.path = path
        self.name = os.path.basename(path)
        with open(path, encoding="utf-8") as script:
            head = [line[2:].strip() for line in script if line.startswith("# ")]
        fields = dict(re.findall(r"^(packages|seconds|if): (.*)$", "\n".join(head), re.M))
        self.packages = fields.get("packages", "").split()
        self.seconds = int(fields.get("seconds", 60))
        self.condition = fields.get("if")
        self.quick = "quick" in head
        self.root = "root" in head

    def possible(self, world):
        if not self.condition:
            return True
        result = world.run(["sh", "-c", self.condition], "native", as_root=self.root)
        world.done_with(result)
        return result.status == 0


class Suite:
    title = "sessions"
    all_pass = True

    def __init__(self, quick):
        found = [Session(path) for path in sorted(glob.glob(os.path.join(HERE, "*")))]
        self.parts = {s.name: s for s in found if (s.quick or not quick) and (os.geteuid() == 0 or not s.root)}
        self.packages = sorted({p for s in self.parts.values() for p in s.packages})

    def run(self, world, side, part, only=()):
        session = self.parts[part]
        if not session.possible(world):
            return {part: "skip"}, ""
        result = world.run(["sh", "-eu", "./session"], side, timeout=session.seconds, as_root=session.root,
                           fill=lambda folder: shutil.copy(session.path, os.path.join(folder, "session")))
        world.done_with(result)
        if result.status == worlds.TIMED_OUT:
            return {part: "timeout"}, result.output
        # natively, ending with 0 is to pass; intercepted, it is to say the same (see compare.py)
        return {part: "pass" if result.status == 0 else f"status {result.status}"}, result.output

    @staticmethod
    def same_output(native, intercepted):
        return native == intercepted

    def can_repeat(self, name):
        return True
