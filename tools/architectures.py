#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The table of suites by architecture in docs/testing.md.

tools/architectures.py [DOCUMENT] reads what tools/check-arch.sh wrote (build-ARCH/results.tsv: stage, suite, checks
passed and failed, seconds of a processor; of a suite that ran twice the later one counts) and replaces the text between
<!-- architectures --> and <!-- /architectures -->. A number is how many checks passed, with the seconds in parentheses;
"stopped" is a suite that had not ended at its time limit, and a dash one that was not run.
"""
import pathlib
import re
import sys

ARCHITECTURES = ["arm64", "s390x", "i386"]
STAGES = {"check-tests": "tests", "check-tiers portable": "tests, portable tier", "check-fuzz": "fuzz corpora",
          "check-programs": "programs"}


def read(path):
    """{(stage, suite): (passed, failed, seconds)}; passed is None where the suite was stopped."""
    results = {}
    for line in path.read_text().splitlines() if path.exists() else []:
        stage, suite, passed, failed, seconds = line.split("\t")
        stopped = passed == "-"
        results[stage, suite] = (None if stopped else int(passed), 0 if stopped else int(failed), int(seconds))
    return results


def cell(result):
    if result is None:
        return "-"
    passed, failed, seconds = result
    if passed is None:
        return f"stopped ({seconds})"
    return f"{passed}{f', **{failed} failed**' if failed else ''} ({seconds})"


def total(results):
    """Of several suites: passed, failed, seconds, and how many ran to their end."""
    ended = [r for r in results if r is not None and r[0] is not None]
    passed, failed, seconds = (sum(r[i] for r in ended) for i in range(3))
    return f"{passed:,} passed, {failed} failed ({seconds:,}), {len(ended)} of {len(results)}"


def table(measured, stage, suites):
    rows = [[suite] + [cell(measured[a].get((stage, suite))) for a in ARCHITECTURES] for suite in suites]
    totals = ["all"] + [total([measured[a].get((stage, suite)) for suite in suites]) for a in ARCHITECTURES]
    head = [STAGES[stage]] + ARCHITECTURES
    lines = [" | ".join(row) for row in [head, ["---"] + ["---:"] * len(ARCHITECTURES)] + rows + [totals]]
    return "".join(f"| {line} |\n" for line in lines)


def suites_of(stage):
    """All suites that a stage has."""
    if stage == "check-programs":
        return sorted(p.stem for p in pathlib.Path("tests/programs").glob("*.sh") if p.stem != "run")
    if stage == "check-fuzz":
        return sorted(p.stem for p in pathlib.Path("tests/fuzz").glob("*.c") if p.stem not in ("fuzz", "runner"))
    return sorted(p.stem for p in pathlib.Path("tests").glob("*/**/test_*.c"))


def main():
    document = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "docs/testing.md")
    measured = {a: read(pathlib.Path(f"build-{a}/results.tsv")) for a in ARCHITECTURES}
    parts = []
    for stage in STAGES:
        ran = {s for a in ARCHITECTURES for (of, s) in measured[a] if of == stage}
        # of the tiers only what was run; of the others also what has another name by now
        suites = sorted(ran if stage == "check-tiers portable" else ran | set(suites_of(stage)))
        if stage == "check-fuzz":  # in one line
            parts.append("".join(table(measured, stage, suites).splitlines(True)[:2] +
                                 table(measured, stage, suites).splitlines(True)[-1:]))
        elif suites:
            parts.append(table(measured, stage, suites))
    text = document.read_text()
    pattern = re.compile(r"(<!-- architectures -->\n).*?(<!-- /architectures -->)", re.S)
    if not pattern.search(text):
        sys.exit(f"architectures.py: no <!-- architectures --> in {document}")
    document.write_text(pattern.sub(lambda m: m.group(1) + "\n".join(parts) + m.group(2), text))


main()
