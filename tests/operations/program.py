# SPDX-License-Identifier: Apache-2.0
"""The program that is run twice, on local folders and on folders in a bucket: takes lines `CHECK FOLDER` and
answers each with a line of JSON, [[what, value], ...], once everything that the check opened is closed."""
import gc
import json
import os
import sys
import traceback

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import checks  # noqa: E402,F401  # pylint: disable=unused-import
from trial import CHECKS, Trial  # noqa: E402

FIRST_OWN = 3


def open_descriptors():
    return {int(name) for name in os.listdir("/proc/self/fd")}


def run(name, folder):
    trial = Trial(folder)
    before = open_descriptors()
    os.umask(0o022)
    os.chdir("/")
    try:
        CHECKS[name].function(trial)
    except BaseException:  # pylint: disable=broad-except
        trial.say("raised", traceback.format_exc(limit=-3))
    gc.collect()
    os.chdir("/")
    for fd in sorted(open_descriptors() - before):
        try:
            os.close(fd)
            trial.say("left open", fd)
        except OSError:
            pass  # the folder's own, which is gone by now
    return trial.said


def main():
    for line in sys.stdin:
        name, folder = line.rstrip("\n").split(" ", 1)
        print(json.dumps(run(name, folder)), flush=True)


if __name__ == "__main__":
    main()
