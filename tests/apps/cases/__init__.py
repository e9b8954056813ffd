# SPDX-License-Identifier: Apache-2.0
"""All cases, in the order of their families."""
from cases import (budget, cache_dirs, commands, copies, coverage, creds, durability, enforce, errors, faults, filter, foreign, fsx, full_disk, fullmeta, links, moves, names, odd_elf, other_version, processes, programs, python, realms, resent, routes, shell, stream, symlinks,
                   transparent, twins, uploads, uring, waiting, warm, write, write_races, xattrs)

ALL = [*commands.CASES, *shell.CASES, *python.CASES, *programs.CASES, *coverage.CASES, *filter.CASES, *odd_elf.CASES, *processes.CASES,
       *names.CASES, *twins.CASES, *transparent.CASES, *uring.CASES, *errors.CASES, *budget.CASES, *warm.CASES, *write.CASES, *write_races.CASES,
       *durability.CASES, *enforce.CASES, *waiting.CASES, *stream.CASES, *moves.CASES, *copies.CASES, *links.CASES, *symlinks.CASES, *xattrs.CASES, *foreign.CASES, *fullmeta.CASES, *fsx.CASES, *full_disk.CASES, *faults.CASES, *uploads.CASES, *cache_dirs.CASES, *resent.CASES, *creds.CASES, *realms.CASES, *routes.CASES, *other_version.CASES]
assert len({case.name for case in ALL}) == len(ALL), "two cases have the same name"
