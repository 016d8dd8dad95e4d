#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Puts the tables of docs/performance.md in place: performance.py BENCH.json [GROWTH.csv] FILE.md

BENCH.json is what `redux-bench --json` printed, GROWTH.csv what tools/growth.sh wrote. The text between
<!-- bench --> and <!-- /bench --> (and growth) is replaced; nothing else is touched.
"""
import csv
import json
import math
import re
import sys


def rate(value, unit):
    for prefix in ("", "k", "M", "G", "T"):
        if value < 1000:
            return f"{value:.3g} {prefix}{unit}"
        value /= 1000
    return f"{value:.3g} P{unit}"


def bench_table(bench):
    machine = bench["machine"]
    limits = ", ".join(f"{value:.4g} {name}" for name, value in machine.items() if isinstance(value, float))
    lines = [f"{machine['cpu']}, tier {machine['tier']}, OpenBLAS kernels {machine['blas']}, {machine['threads']} threads; limits of all threads: {limits}.", "",
             "| path | threads | ours | spread | of the limit | peer | its rate | ratio |", "| --- | ---: | ---: | ---: | ---: | --- | ---: | ---: |"]
    for row in bench["results"]:
        percent = "" if row["percent"] is None else f"{row['percent']:.0f} %"
        peer = ["", "", ""] if row["peer"] is None else [row["peer"], rate(row["peer_rate"], row["unit"]), f"{row['ratio']:.3g}"]
        lines.append("| " + " | ".join([row["name"], str(row["threads"]), rate(row["rate"], row["unit"]), f"{100 * row['spread']:.0f} %", percent, *peer]) + " |")
    return "\n".join(lines)


def exponent(points):
    """Slope of log seconds over log size, by least squares."""
    xs, ys = [math.log(x) for x, _ in points], [math.log(y) for _, y in points]
    mx, my = sum(xs) / len(xs), sum(ys) / len(ys)
    spread = sum((x - mx) ** 2 for x in xs)
    return sum((x - mx) * (y - my) for x, y in zip(xs, ys)) / spread if spread else float("nan")


def growth_table(path):
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    curves = {}
    for row in rows:
        curves.setdefault((row["curve"], row["what"]), []).append(row)
    lines = ["| curve | of | sizes | seconds | peak MB | exponent |", "| --- | --- | --- | --- | --- | ---: |"]
    for (curve, what), points in curves.items():
        fit = exponent([(float(p["size"]), float(p["seconds"])) for p in points])
        lines.append("| " + " | ".join([curve, what, ", ".join(p["size"] for p in points), ", ".join(p["seconds"] for p in points),
                                         ", ".join(p["mb"] for p in points), f"{fit:.2f}"]) + " |")
    return "\n".join(lines)


def replace(text, name, table):
    pattern = re.compile(rf"(<!-- {name} -->\n).*?(\n<!-- /{name} -->)", re.S)
    if not pattern.search(text):
        sys.exit(f"performance.py: no <!-- {name} --> in the document")
    return pattern.sub(lambda match: match.group(1) + table + match.group(2), text)


def main():
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    with open(sys.argv[1]) as file:
        bench = json.load(file)
    document = sys.argv[-1]
    with open(document) as file:
        text = file.read()
    text = replace(text, "bench", bench_table(bench))
    if len(sys.argv) == 4:
        text = replace(text, "growth", growth_table(sys.argv[2]))
    with open(document, "w") as file:
        file.write(text)


main()
