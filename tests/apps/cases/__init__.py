# SPDX-License-Identifier: Apache-2.0
"""All cases, in the order of their families."""
from cases import budget, commands, errors, names, processes, programs, python, shell, warm

ALL = [*commands.CASES, *shell.CASES, *python.CASES, *programs.CASES, *processes.CASES, *names.CASES,
       *errors.CASES, *budget.CASES, *warm.CASES]
assert len({case.name for case in ALL}) == len(ALL), "two cases have the same name"
