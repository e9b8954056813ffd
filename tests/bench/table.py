# SPDX-License-Identifier: Apache-2.0
"""The table as text: for each row times, requests and MiB by each way, then what is wanted of it and whether it is met."""
MIB = 1 << 20
TITLE_WIDTH = 50
CELL_WIDTH = 13


def line(title, cells):
    return f"{title:<{TITLE_WIDTH}}" + "".join(f"{cell:>{CELL_WIDTH}}" for cell in cells)


def head(ways):
    return line("workload", ways)


def time_text(told, rounds):
    """Fewer runs than asked for are told: 12.3 s/1."""
    if told["seconds"] is None:
        return told["note"]
    seconds = told["seconds"]
    text = f"{seconds:.3f} s" if seconds < 10 else f"{seconds:.1f} s"
    if told["note"]:
        text = f"{told['note']}!"
    return text if told["n"] == rounds else f"{text}/{told['n']}"


def amount(told, what):
    if told["seconds"] is None:
        return ""
    return f"{told['requests']}" if what == "requests" else f"{told['moved_bytes'] / MIB:.1f}"


def reach_text(reach, judged):
    verdict = ("met" if reach["met"] else "NOT met") if judged else "not judged: other sizes"
    return f"{reach['wanted']}: {reach['found']}, {verdict}"


def row_lines(told, judged):
    """told: a row as the JSON has it."""
    ways = list(told["ways"].values())
    yield line(told["title"], [time_text(way, told["rounds"]) for way in ways])
    yield line("    requests", [amount(way, "requests") for way in ways])
    yield line("    MiB moved", [amount(way, "moved") for way in ways])
    for reach in told["reaches"]:
        yield f"    {reach_text(reach, judged)}"


def growth_line(point):
    return (f"{point['title']:<{TITLE_WIDTH}}{point['x']:>11,} {point['unit']:<10}{point['seconds']:>9.2f} s"
            f"{point['per_operation_us']:>11.1f} µs each{point['requests']:>10} requests")
