# SPDX-License-Identifier: Apache-2.0
"""Programs built for these tests in every way: the probe, a threaded C reader, a Go program."""
import build_programs
from case import Case

GROUPS = ["open", "stat", "dir", "read", "copy", "fd", "error", "cwd", "fork", "exec", "self", "signal", "frame", "thread"]

CASES = [Case(f"probe/{variant}/{group}", f"$P/probe-{variant} $D/probe {group}")
         for variant in build_programs.VARIANTS for group in GROUPS]
CASES += [Case(f"probe/{variant}/all", f"$P/probe-{variant} $D/probe", timeout=120)
          for variant in build_programs.VARIANTS]
CASES += [Case(f"reader/{variant}", f"$P/reader-{variant} $D") for variant in build_programs.VARIANTS]
CASES += [Case("go/walk", "$P/walk-go $D"), Case("go/walk-twice", "$P/walk-go $D/text | head -n 3; $P/walk-go $D | tail -n 9"),
          Case("go/missing", "$P/walk-go $D/none")]
