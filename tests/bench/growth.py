# SPDX-License-Identifier: Apache-2.0
"""How the cost of one operation changes with ten and a hundred times the entries, and with 8 and 64 processes. Flat is wanted."""
import os
import statistics

import rows
from rows import Row

FACTORS = (1, 10, 100)
PROCESSES = (1, 8, 64)
RUNS = 3        # one where it is a hundred times, or more than SLOW_SECONDS
SLOW_SECONDS = 10
FLAT = 1.5      # of the cheapest step before it: more is growth
EACH_FILES = 200
EACH_WRITTEN = 100


class Growth:
    """steps: the numbers of entries or processes; row and operations: functions of such a number."""

    def __init__(self, name, title, unit, steps, row, operations):
        self.name, self.title, self.unit, self.steps = name, title, unit, steps
        self.row, self.operations = row, operations


def point(session, growth, x, index):
    row = growth.row(x)
    row.need(session)
    found = []
    for _ in range(min(session.runs, RUNS)):
        found.append(rows.once(session, row, "skyshim", None, ()))
        if index == 2 or found[-1]["seconds"] > SLOW_SECONDS:
            break
    seconds = statistics.median(run["seconds"] for run in found)
    return {"workload": growth.name, "title": growth.title, "unit": growth.unit, "x": x, "n": len(found),
            "operations": growth.operations(x), "seconds": seconds, "requests": max(run["requests"] for run in found),
            "peak_mib": max(run["peak_mib"] for run in found), "cpu_seconds": statistics.median(r["cpu_seconds"] for r in found),
            "per_operation_us": seconds / growth.operations(x) * 1e6, "runs": found}


def flatness(points):
    """How much dearer the last is than the cheapest before it."""
    costs = [found["per_operation_us"] for found in points]
    return costs[-1] / min(costs[:-1]) if len(costs) > 1 else None


def generated(query, name):
    """A need: data that the store makes up."""
    return lambda session: session.generated(name, query, mirror=False)


def written_files(count, name):
    def need(session):
        folder = os.path.join(session.source, name)
        if os.path.exists(folder):
            return
        os.makedirs(folder)
        for number in range(count):
            with open(f"{folder}/f{number:06}", "wb") as out:
                out.write(number.to_bytes(8, "little") * 512)
    return need


def side_by_side(count, command):
    """A shell that runs the command for I from 0 on at the same time, and fails when one does."""
    return ["sh", "-c", f"i=0; while [ $i -lt {count} ]; do {{ I=$i; {command}; }} & p=\"$p $!\"; i=$((i + 1)); done; "
            "for one in $p; do wait $one || exit 1; done"]


def by_entries(sizes, quick):
    factors = FACTORS[:2] if quick else FACTORS
    names = [sizes.entries * factor for factor in factors]
    files = [sizes.files * factor for factor in factors]

    def write_row(n):
        return Row("", "", ["cp", "-r", f"{{S}}/grown{n}", f"{{M}}/grown{n}"], need=written_files(n, f"grown{n}"),
                   env={"SKYSHIM_DURABILITY": "exit"}, written=lambda session: (f"grown{n}/", n), settle_s=6)

    return [
        Growth("growth_ls", "ls -l of one directory", "entries", names,
               lambda n: Row("", "", ["ls", "-l", f"{{M}}/names{n}"],
                             need=generated(f"prefix=names{n}/&count={n}&size=4096", f"names{n}")), lambda n: n),
        Growth("growth_find", "find, 100 entries a directory", "entries", names,
               lambda n: Row("", "", ["find", f"{{M}}/spread{n}", "-type", "f"],
                             need=generated(f"prefix=spread{n}/&count={n}&size=100&fanout=100", f"spread{n}")), lambda n: n),
        Growth("growth_cp", "cp -r of 4 KiB files", "entries", files,
               lambda n: Row("", "", ["cp", "-r", f"{{M}}/copied{n}", "{L}/copy"],
                             need=generated(f"prefix=copied{n}/&count={n}&size=4096", f"copied{n}")), lambda n: n),
        Growth("growth_write", "write of 4 KiB files, durable (exit)", "entries", files, write_row, lambda n: n),
    ]


def by_processes(sizes, quick):
    steps = PROCESSES[:2] if quick else PROCESSES
    each = max(EACH_FILES // sizes.scale, 5)
    written = max(EACH_WRITTEN // sizes.scale, 5)
    most = max(steps)
    own = "$(printf d%05d $I)"

    def write_row(n):
        return Row("", "", side_by_side(n, "cp -r {S}/each {M}/each-new-$I"), need=written_files(written, "each"),
                   env={"SKYSHIM_DURABILITY": "exit"}, written=lambda session: ("each-new-", n * written), settle_s=6)

    return [
        Growth("growth_grep", f"grep -r, each process its own {each} files", "processes", steps,
               lambda n: Row("", "", side_by_side(n, f"grep -rc 'no such text' {{M}}/each/{own} || test $? = 1"),
                             need=generated(f"prefix=each/&count={most * each}&size=16384&text=1&fanout={each}", "each")),
               lambda n: n * each),
        Growth("growth_stat", f"ls -l of the same {sizes.entries}", "processes", steps,
               lambda n: Row("", "", side_by_side(n, "ls -l {M}/many >/dev/null"),
                             need=generated(f"prefix=many/&count={sizes.entries}&size=4096", "names_of_many")),
               lambda n: n * sizes.entries),
        Growth("growth_writers", f"each process writes {written} files", "processes", steps, write_row, lambda n: n * written),
    ]


def growths(sizes, quick):
    return [*by_entries(sizes, quick), *by_processes(sizes, quick)]
