# SPDX-License-Identifier: Apache-2.0
"""Figures of several runs as one: a row of a later file replaces the same row of an earlier one, whole, since the ways of a row have
to be of one run. Each row keeps where and when it was measured.
"""
import json
import sys

KEPT = ("seconds", "requests", "bytes_in", "bytes_out", "peak_mib", "cpu_seconds", "stalls", "longest_stall_s")
DIGITS = 4


def measured(found):
    """Of a file as tests/bench/run writes it."""
    return {**found["machine"], "runs": found["runs"], "peer_runs": found.get("peer_runs", found["runs"])}


def trimmed(run):
    """What makes no figure of the page is left out."""
    return {name: round(run[name], DIGITS) if isinstance(run[name], float) else run[name] for name in KEPT if name in run}


def row_of(row, found):
    ways = {name: {**way, "runs": [trimmed(run) for run in way["runs"]]} for name, way in row["ways"].items()}
    return {"measured": measured(found), **row, "ways": ways}


def point_of(point, found):
    return {"measured": measured(found), **point, "runs": [trimmed(run) for run in point["runs"]]}


def memory(told, limit_mib):
    """The most that any run of any row needed, by way; with growth's, which are skyshim's."""
    peaks = {}
    runs = [(way, run) for row in told["rows"] for way, result in row["ways"].items() for run in result["runs"]]
    for way, run in runs + [("skyshim", run) for point in told["growth"] for run in point["runs"]]:
        if run["peak_mib"]:
            peaks[way] = max(peaks.get(way, 0), round(run["peak_mib"], 1))
    return {"peak_mib": peaks, "limit_mib": limit_mib, "met": peaks.get("skyshim", 0) <= limit_mib}


def merged(paths, order):
    """order: names of ways, and after them of rows, as they are shown."""
    rows, growth, told = {}, {}, None
    for path in paths:
        with open(path, encoding="utf-8") as file:
            found = json.load(file)
        if found["scale"] != 1:
            sys.exit(f"{path}: everything is {found['scale']} times smaller: not for the page")
        rows.update({row["name"]: row_of(row, found) for row in found["rows"]})
        for name in dict.fromkeys(point["workload"] for point in found["growth"]):
            growth[name] = [point_of(point, found) for point in found["growth"] if point["workload"] == name]
        limit_mib = (found.get("memory") or (told or {}).get("memory") or {}).get("limit_mib")
        told = {**found, "memory": {"limit_mib": limit_mib}}
    names = order[1] + [name for name in rows if name not in order[1]]
    told["rows"] = [rows[name] for name in names if name in rows]
    told["growth"] = [point for name in growth for point in growth[name]]
    told["ways"] = [way for way in order[0] if any(way in row["ways"] for row in told["rows"])]
    told["memory"] = memory(told, told["memory"]["limit_mib"])
    return told
