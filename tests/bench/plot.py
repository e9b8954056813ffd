# SPDX-License-Identifier: Apache-2.0
"""Two plots by gnuplot, as SVG: each row's time by every way, and what an operation costs as things grow. Of the same figures come
the same bytes.
"""
import re
import subprocess

COLOURS = {"skyshim": "#d62728", "local": "#7f7f7f", "curl": "#2ca02c", "s3fs": "#1f77b4", "rclone": "#9467bd"}
MARKS = {"skyshim": 7, "local": 3, "curl": 5, "s3fs": 9, "rclone": 11}
NEVER_BELOW_S = 0.001


def quoted(text):
    """For gnuplot, which takes % in the label of a tick for a format."""
    return '"' + text.replace("\\", "").replace('"', "'").replace("%", "%%") + '"'


def gnuplot(script, path):
    done = subprocess.run(["gnuplot"], input=script, capture_output=True, text=True, check=False, env={"PATH": "/usr/bin:/bin",
                          "LC_ALL": "C.UTF-8"})
    if done.returncode:
        raise RuntimeError(f"gnuplot: {done.stderr.strip()}")
    # what gnuplot says of itself and of its version is no part of the figures
    text = re.sub(r"<(title|desc)>.*?</\1>\n?", "", done.stdout, flags=re.S)
    with open(path, "w", encoding="utf-8") as out:
        out.write("\n".join(line.rstrip() for line in text.splitlines()) + "\n")


def block(name, lines):
    return f"${name} << EOD\n" + "\n".join(lines) + "\nEOD\n"


def times(told, path):
    """One line a row, a mark for each way, on a logarithmic scale of seconds."""
    rows = [row for row in told["rows"] if row["ways"]["skyshim"]["seconds"]]
    if not rows:
        return
    script = (f"set terminal svg size 900,{110 + 24 * len(rows)} background '#ffffff' font 'sans-serif,12'\nset encoding utf8\n"
              "set logscale x\n"
              "set grid x\nset key outside top center horizontal\nset xlabel 'seconds'\nset format x '%g'\nset lmargin 48\n"
              f"set yrange [{len(rows) - 0.5}:-0.5]\nset ytics scale 0\nset grid y lc '#eeeeee' lt 1\n")
    plots = []
    for way in told["ways"]:
        points = []
        for index, row in enumerate(rows):
            seconds = row["ways"].get(way, {}).get("seconds")
            if seconds:
                points.append(f"{max(seconds, NEVER_BELOW_S):.4f} {index}")
        if points:
            script += block(way, points)
            plots.append(f"${way} using 1:2 with points pt {MARKS[way]} ps 1 lc '{COLOURS[way]}' title '{way}'")
    ticks = ", ".join(f"{quoted(row['title'])} {index}" for index, row in enumerate(rows))
    gnuplot(script + f"set ytics ({ticks})\nplot " + ", ".join(plots) + "\n", path)


def growth(told, path):
    """Microseconds for each operation by the number of entries, and of processes."""
    panels = []
    for unit in "entries", "processes":
        names = list(dict.fromkeys(point["workload"] for point in told["growth"] if point["unit"] == unit))
        if names:
            panels.append((unit, names))
    if not panels:
        return
    script = (f"set terminal svg size {450 * len(panels)},420 background '#ffffff' font 'sans-serif,12'\nset encoding utf8\n"
              "set logscale xy\n"
              f"set grid\nset format '%g'\nset key below left vertical maxrows 4 Left reverse\nset multiplot layout 1,{len(panels)}\n")
    for unit, names in panels:
        plots = []
        for number, name in enumerate(names, 1):
            points = [point for point in told["growth"] if point["workload"] == name]
            script += block(name, [f"{point['x']} {point['per_operation_us']:.2f}" for point in points])
            plots.append(f"${name} using 1:2 with linespoints lw 2 pt 7 lt {number} title {quoted(points[0]['title']).replace('%%', '%')}")
        script += f"set xlabel '{unit}'\nset ylabel 'µs for each operation'\nplot " + ", ".join(plots) + "\n"
    gnuplot(script + "unset multiplot\n", path)
