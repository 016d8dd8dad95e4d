#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Puts the tables of docs/performance.md in place.

performance.py FILE.md [--bench BENCH.json ...] [--growth GROWTH.csv] [--loss NAME=log.csv ...]

BENCH.json is what `redux-bench --json` printed, GROWTH.csv what tools/growth.py wrote, log.csv what redux-pretrain
wrote. The text between <!-- bench TIER --> and <!-- /bench TIER --> (growth, full, loss) is replaced, TIER being that of
BENCH.json; nothing else is touched.
"""
import argparse
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
             "| path | threads | ours | spread | of the limit | peer | its rate | ratio | MiB, its MiB |",
             "| --- | ---: | ---: | ---: | ---: | --- | ---: | ---: | ---: |"]
    for row in bench["results"]:
        percent = "" if row["percent"] is None else f"{row['percent']:.0f} %"
        peer = ["", "", ""] if row["peer"] is None else [row["peer"], rate(row["peer_rate"], row["unit"]), f"{row['ratio']:.3g}"]
        peaks = f"{row['peak_mb']:.0f}, {row['peer_peak_mb']:.0f}" if "peak_mb" in row else ""
        lines.append("| " + " | ".join([row["name"], str(row["threads"]), rate(row["rate"], row["unit"]), f"{100 * row['spread']:.0f} %", percent, *peer, peaks]) + " |")
    return "\n".join(lines)


def exponent(points):
    """Slope of log seconds over log size, by least squares."""
    xs, ys = [math.log(x) for x, _ in points], [math.log(y) for _, y in points]
    mx, my = sum(xs) / len(xs), sum(ys) / len(ys)
    spread = sum((x - mx) ** 2 for x in xs)
    return sum((x - mx) * (y - my) for x, y in zip(xs, ys)) / spread if spread else float("nan")


def read_curves(path):
    curves = {}
    with open(path, newline="") as file:
        for row in csv.DictReader(file):
            curves.setdefault((row["curve"], row["what"]), []).append(row)
    return curves


def growth_table(path):
    curves = read_curves(path)
    lines = ["| curve | of | sizes | seconds | peak MB | exponent |", "| --- | --- | --- | --- | --- | ---: |"]
    for (curve, what), points in curves.items():
        if curve == "full":
            continue
        fit = exponent([(float(p["size"]), float(p["seconds"])) for p in points])
        lines.append("| " + " | ".join([curve, what, ", ".join(p["size"] for p in points), ", ".join(p["seconds"] for p in points),
                                         ", ".join(p["mb"] for p in points), f"{fit:.2f}"]) + " |")
    return "\n".join(lines)


PAPER_SLICES = 541439


def duration(seconds):
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.1f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def full_table(path):
    """The paper's PET-CT job: the largest measured part, and the rest at the rate of its second half."""
    lines = ["| strategy | slices measured | seconds | peak MB | kept | pairs | all 541,439 slices |",
             "| --- | --- | --- | --- | ---: | ---: | ---: |"]
    for (curve, what), points in read_curves(path).items():
        if curve != "full":
            continue
        (n, t), (m, s) = [(float(p["size"]), float(p["seconds"])) for p in points[-2:]]
        whole = s + (PAPER_SLICES - m) * (s - t) / (m - n)
        lines.append("| " + " | ".join([what, ", ".join(p["size"] for p in points), ", ".join(p["seconds"] for p in points),
                                         ", ".join(p["mb"] for p in points), points[-1]["kept"], points[-1]["pairs"], duration(whole)]) + " |")
    return "\n".join(lines)


def loss_table(logs):
    """Mean loss of some epochs, a column for each run."""
    runs = {}
    for name, path in (log.split("=", 1) for log in logs):
        epochs = {}
        with open(path, newline="") as file:
            for row in csv.DictReader(file):
                epochs.setdefault(int(row["epoch"]), []).append(float(row["loss"]))
        runs[name] = {epoch: sum(losses) / len(losses) for epoch, losses in epochs.items()}
    lines = ["| epoch | " + " | ".join(runs) + " |", "| ---: |" + " ---: |" * len(runs)]
    shown = sorted(set.intersection(*(set(run) for run in runs.values())))
    for epoch in shown[::max(1, len(shown) // 5)] + shown[-1:]:
        lines.append(f"| {epoch} | " + " | ".join(f"{run[epoch]:.3f}" for run in runs.values()) + " |")
    return "\n".join(lines)


def replace(text, name, table):
    pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.S)
    if not pattern.search(text):
        sys.exit(f"performance.py: no <!-- {name} --> in the document")
    return pattern.sub(lambda match: match.group(1) + table + "\n" + match.group(2), text)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("document")
    parser.add_argument("--bench", action="append", default=[])
    parser.add_argument("--growth")
    parser.add_argument("--loss", action="append", metavar="NAME=log.csv")
    options = parser.parse_args()
    with open(options.document) as file:
        text = file.read()
    for path in options.bench:
        with open(path) as file:
            bench = json.load(file)
        text = replace(text, f"bench {bench['machine']['tier']}", bench_table(bench))
    if options.growth:
        text = replace(text, "growth", growth_table(options.growth))
        text = replace(text, "full", full_table(options.growth))
    if options.loss:
        text = replace(text, "loss", loss_table(options.loss))
    with open(options.document, "w") as file:
        file.write(text)


main()
