# SPDX-License-Identifier: Apache-2.0
"""Runs CPython's regression tests and writes what becomes of each test method, as it ends, to the file that
TRANSPARENCY_RECORD names: a crash takes nothing of it away. The file is open only while it is written, since
some tests count descriptors."""
import os
import sys

RECORD = os.path.abspath(os.environ.pop("TRANSPARENCY_RECORD", "record.txt"))


def watch():
    from test.support import testresult
    result = testresult.RegressionTestResult

    def say(what, test):
        name = test.id().split(" (")[0].split(" [")[0] if not test.id().startswith("setUp") else test.id()
        with open(RECORD, "a", encoding="utf-8", errors="backslashreplace") as out:
            out.write(f"{what} {name}\n")

    def wrap(method, what):
        original = getattr(result, method)

        def wrapped(self, test, *rest):
            say(what, test)
            return original(self, test, *rest)
        setattr(result, method, wrapped)

    for method, what in (("startTest", "begin"), ("addSuccess", "pass"), ("addExpectedFailure", "pass"),
                         ("addSkip", "skip"), ("addError", "fail"), ("addFailure", "fail"),
                         ("addUnexpectedSuccess", "fail")):
        wrap(method, what)
    original = result.addSubTest

    def add_sub_test(self, test, subtest, err):
        if err is not None:
            say("fail", test)
        return original(self, test, subtest, err)
    result.addSubTest = add_sub_test


if __name__ == "__main__":
    watch()
    from test.libregrtest import main
    sys.path.pop(0)  # as with `python3 -m test`: the tests shall not find us
    main()
