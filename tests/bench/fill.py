# SPDX-License-Identifier: Apache-2.0
"""Which rows a JSON file of figures lacks, or has without s3fs and rclone; and which of them there is time for."""
import json

import growth
import ways

# Seconds that a row takes with three runs of skyshim, local files and curl, and one of each peer of at most PEER_SECONDS, as seen on
# two processors; what is not here takes OTHERS.
PEER_SECONDS = 30
TAKES = {"tar": 150, "random_1": 130, "growth_ls": 60, "growth_find": 60, "growth_cp": 200, "growth_write": 260, "growth_grep": 60,
         "growth_stat": 40, "growth_writers": 60}
OTHERS = 90


def has(told, name):
    return told is not None and (told["ways"].get(name, {}).get("seconds") is not None or told["ways"].get(name, {}).get("note"))


def is_missing(item, known, asked):
    """Of a row, also one of whose peers nobody knows anything."""
    if isinstance(item, growth.Growth):
        return not any(point["workload"] == item.name for point in known["growth"])
    told = next((row for row in known["rows"] if row["name"] == item.name), None)
    if told is None:
        return True
    return item.peers is True and any(not has(told, name) for name in asked if name in ways.PEERS and not ways.missing(name))


def missing(path, items, asked):
    """Of items those that the file lacks: rows that it has nothing of, rows without peers, growth; of each the shorter ones first."""
    with open(path, encoding="utf-8") as file:
        known = json.load(file)
    names = {row["name"] for row in known["rows"]}
    found = [item for item in items if is_missing(item, known, asked)]
    return sorted(found, key=lambda item: (isinstance(item, growth.Growth), item.name in names, takes(item)))


def takes(item):
    return TAKES.get(item.name, OTHERS)
