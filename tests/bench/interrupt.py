# SPDX-License-Identifier: Apache-2.0
"""Signals that end the bench. One raises KeyboardInterrupt, once: those after it must not break off the tidying."""
import contextlib
import signal

NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

came = False
held = 0


def on_signal(_number, _frame):
    global came
    if came:
        return
    came = True
    if not held:
        raise KeyboardInterrupt


def install():
    """Also where SIGINT was ignored, as it is of what a shell starts in the background; but nohup(1) keeps its word."""
    for number in NUMBERS:
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, on_signal)


def check():
    """Where it may go unnoticed, since who was interrupted has called it an error of his own."""
    if came:
        raise KeyboardInterrupt


@contextlib.contextmanager
def hold():
    """What is begun in here is also noted in here, so that there is somebody to end it."""
    global held
    held += 1
    try:
        yield
    finally:
        held -= 1
    if not held:
        check()


def ignore():
    """From here on nothing comes any more."""
    for number in NUMBERS:
        signal.signal(number, signal.SIG_IGN)
