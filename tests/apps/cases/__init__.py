# SPDX-License-Identifier: Apache-2.0
"""All cases, in the order of their families."""
from cases import budget, commands, coverage, errors, faults, filter, fsx, names, odd_elf, processes, programs, python, shell, twins, warm, write

ALL = [*commands.CASES, *shell.CASES, *python.CASES, *programs.CASES, *coverage.CASES, *filter.CASES, *odd_elf.CASES, *processes.CASES,
       *names.CASES, *twins.CASES, *errors.CASES, *budget.CASES, *warm.CASES, *write.CASES, *fsx.CASES, *faults.CASES]
assert len({case.name for case in ALL}) == len(ALL), "two cases have the same name"
