#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Compares ratios to peers with those on record.

bench-check.py FILE.md BENCH.json

FILE.md holds the tables that tools/performance.py wrote, BENCH.json is what `redux-bench --json --peers` printed on a
quiet machine. A row fails if its ratio is 20 % below that on record after both spreads are allowed for; a row with one
of the two only is listed. Exit status: 0 all rows hold, 1 a row fails, 2 nothing could be compared.
"""
import json
import re
import sys

LOSS = 0.2


def key(path, peer, threads):
    """A peer's version may change between two runs: "torch 1.13.0" is "torch"."""
    return path, re.sub(r" [0-9][^ ]*$", "", peer), int(threads)


def recorded(document, tier):
    """{key: (ratio, spread)} of the table of a tier."""
    with open(document) as file:
        found = re.search(rf"<!-- bench {tier} -->\n(.*?)<!-- /bench {tier} -->", file.read(), re.S)
    rows = {}
    for line in found.group(1).splitlines() if found else []:
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) >= 8 and re.fullmatch(r"[0-9.]+(e[+-]?[0-9]+)?", cells[7]):
            rows[key(cells[0], cells[5], cells[1])] = float(cells[7]), float(cells[3].rstrip(" %")) / 100
    return rows


def measured(bench):
    return {key(row["name"], row["peer"], row["threads"]): (row["ratio"], row["spread"])
            for row in bench["results"] if row["ratio"] is not None}


def verdict(before, now):
    """The word for a row, and whether it fails."""
    least = before[0] * (1 - LOSS - before[1] - now[1])
    return ("LOST", True) if now[0] < least else ("holds", False)


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    with open(sys.argv[2]) as file:
        bench = json.load(file)
    before, now = recorded(sys.argv[1], bench["machine"]["tier"]), measured(bench)
    common, failed = [k for k in before if k in now], 0
    for k in common:
        word, fails = verdict(before[k], now[k])
        failed += fails
        print(f"{word:5}  {k[0]} ({k[1]}): {now[k][0]:.3g}, on record {before[k][0]:.3g}")
    for k in sorted(before.keys() ^ now.keys()):
        print(f"{'new' if k in now else 'not measured'}: {k[0]} ({k[1]})")
    if not common:
        print(f"bench-check: no row of {sys.argv[2]} is on record for this tier: give the folders of the peers")
        sys.exit(2)
    print(f"{len(common)} ratios compared, {failed} lost more than {LOSS:.0%} beyond the spread")
    sys.exit(1 if failed else 0)


main()
