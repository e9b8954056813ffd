# SPDX-License-Identifier: Apache-2.0
"""CPython's own tests (Debian: libpython3.11-testsuite), compared test method by test method."""
import os
import shutil

import world as worlds

PYTHON = "/usr/bin/python3"
PACKAGES = ["libpython3.11-testsuite"]
RECORDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "record.py")
QUICK = {"test_fork1": 120, "test_thread": 120, "test_mmap": 60, "test_posix": 120, "test_select": 60}
MODULES = {  # seconds each may take
    "test_os": 300, "test_posix": 200, "test_subprocess": 600, "test_signal": 300, "test_threading": 300,
    "test_thread": 120, "test_fork1": 120, "test_mmap": 60, "test_fileio": 60, "test_io": 600, "test_shutil": 120,
    "test_pathlib": 120, "test_tempfile": 120, "test_socket": 600, "test_select": 60, "test_faulthandler": 300,
    "test_ctypes": 300, "test_asyncio": 900, "test_multiprocessing_fork": 900, "test_multiprocessing_spawn": 1500,
    "test_multiprocessing_forkserver": 1500, "test_concurrent_futures": 1200, "test_eintr": 300, "test_pty": 60,
    "test_openpty": 60, "test_poll": 120, "test_epoll": 60, "test_selectors": 120, "test_resource": 60, "test_wait3": 60,
    "test_wait4": 60, "test_popen": 60, "test_fcntl": 60, "test_file": 60, "test_gdb": 900, "test_venv": 300,
    "test_pdb": 300, "test_mailbox": 120, "test_zipapp": 60, "test_cmd_line": 300,
}


def run(world, side, module, limit, only=()):
    """{test: "pass", "skip", "fail" or "died"} of one module."""
    def fill(folder):
        shutil.copy(RECORDER, folder)

    chosen = [part for name in only for part in ("-m", name.split("/")[-1])]
    result = world.run([PYTHON, "record.py", *chosen, module], side, timeout=limit, fill=fill,
                       env={"TRANSPARENCY_RECORD": "record.txt"})
    found = {}
    try:
        with open(os.path.join(result.folder, "record.txt"), encoding="utf-8", errors="replace") as record:
            for line in record:
                what, _, name = line.rstrip("\n").partition(" ")
                name = name.removeprefix("test.")
                # a test that has begun and says nothing more has taken the interpreter with it
                if what == "begin":
                    found.setdefault(name, "died")
                elif found.get(name) != "fail":
                    found[name] = what
    except FileNotFoundError:
        pass
    if not only:
        ended = result.status in (0, 2, 3)  # regrtest: all passed, some failed, environment changed
        what = "pass" if ended else "timeout" if result.status == worlds.TIMED_OUT else f"status {result.status}"
        found[f"{module} comes to its end"] = what
    world.done_with(result)
    return found, result.output


class Suite:
    title = "CPython 3.11"
    packages = PACKAGES
    as_root = False

    def __init__(self, quick):
        self.parts = QUICK if quick else MODULES

    def run(self, world, side, part, only=()):
        return run(world, side, part, self.parts[part], [n for n in only if "comes to its end" not in n])

    def can_repeat(self, name):
        """A test that can be asked for alone."""
        return " " not in name
