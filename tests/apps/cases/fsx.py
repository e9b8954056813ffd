# SPDX-License-Identifier: Apache-2.0
"""Random operations on one file beside a model: the short form. `make fsx OPS=1000000` is the long one."""
import fsx_session
from case import Case


def short(seed, operations, most, odds):
    def check(context):
        fsx_session.fill(context.store, context.bucket)
        fsx_session.Session(context, seed, operations, most, odds).run(110)
    return check


CASES = [Case(f"fsx/{seed}", check=short(seed, 1000, *fsx_session.sizes_of(seed)), timeout=120) for seed in range(1, 6)]
CASES += [Case("fsx/large", check=short(6, 120, *fsx_session.LARGE), timeout=120)]
