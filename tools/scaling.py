#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""docs/scaling.md: what several processes cost, measured on this machine and projected to others.

tools/scaling.py measure DATA... > measured.json   runs the work on 1 and 2 processes (make MPI=1 before)
tools/scaling.py write measured.json               writes the tables of docs/scaling.md

DATA: folders of volumes for reductions. The projection is a model: its inputs and formulas stand on the page."""
import json
import math
import os
import re
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.environ.get("BUILD", os.path.join(ROOT, "build"))
PAGE = os.path.join(ROOT, "docs", "scaling.md")
MPIRUN = ["mpirun", "--oversubscribe", "--bind-to", "none"]
SHAPES = [(1, 1), (1, 2), (2, 1)]  # processes, threads of each
WORK = [
    ("hash, volumes", ["hash", "volume", "128"]),
    ("ssim, volumes", ["ssim", "volume", "128"]),
    ("mi, volumes", ["mi", "volume", "128"]),
    ("hash, dataset", ["hash", "dataset", "128"]),
    ("ssim, dataset, 128 px", ["ssim", "dataset", "128"]),
]


# ---- measuring ----

def environment():
    unset = {"OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"}
    known = {k: v for k, v in os.environ.items() if k not in unset}
    return dict(known, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")


def run(processes, command):
    done = subprocess.run([*MPIRUN, "-np", str(processes), *command], env=environment(), check=True,
                          stdout=subprocess.PIPE, text=True)
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def build_work(folder):
    program, library = os.path.join(folder, "work"), os.path.join(BUILD, "lib")
    subprocess.run(["mpicc", "-std=c11", "-D_GNU_SOURCE", "-O2", "-I", f"{ROOT}/include", "-I", f"{ROOT}/lib/mpi",
                    f"{ROOT}/tools/scaling/work.c", f"{library}/libredux-mpi.so", f"{library}/libredux.so",
                    f"-Wl,-rpath,{os.path.realpath(library)}", "-o", program], check=True)
    return program


def of_ranks(rows):
    """The slowest rank's seconds; bytes sent by the one that sends most."""
    return {"slices": rows[0]["slices"], "kept": rows[0]["kept"], "pairs": rows[0]["pairs"],
            "seconds": max(r["seconds"] for r in rows), "sent": max(r["sent"] for r in rows),
            "exchanging": max(r["exchanging"] for r in rows), "megabytes": max(r["megabytes"] for r in rows)}


def measure_reductions(program, data, rounds=int(os.environ.get("ROUNDS", "3"))):
    table = []
    for name, arguments in WORK:
        for processes, threads in SHAPES:
            runs = [of_ranks(run(processes, [program, str(threads), "reduce", *arguments, *data]))
                    for _ in range(rounds)]
            table.append(dict(min(runs, key=lambda r: r["seconds"]), work=name, processes=processes, threads=threads))
            print(table[-1], file=sys.stderr)
    return table


def measure_training(folder, data, steps=40):
    table = []
    for processes, threads in SHAPES:
        out = os.path.join(folder, f"run-{processes}-{threads}")
        subprocess.run([*MPIRUN, "-np", str(processes), os.path.join(BUILD, "bin", "redux-pretrain"), "--mpi", "--quiet",
                        "--threads", str(threads), "--width", "0.5", "--size", "64", "--batch", "64", "--part", "64",
                        "--steps", str(steps), "--warm-up", "0", "--out", out, *data], env=environment(), check=True)
        with open(os.path.join(out, "run.json"), encoding="utf-8") as file:
            made = json.load(file)
        ranks = made.get("ranks", [])
        exchanged = [{k: v for k, v in r.items() if isinstance(v, dict)} for r in ranks]
        table.append({"processes": processes, "threads": threads, "seconds": made["seconds"], "images": 128 * steps,
                      "sent": max([sum(p["bytes_sent"] for p in r.values()) for r in exchanged], default=0),
                      "exchanging": max([sum(p["seconds"] for p in r.values()) for r in exchanged], default=0)})
        print(table[-1], file=sys.stderr)
    return table


def measure(data):
    with tempfile.TemporaryDirectory() as folder:
        program = build_work(folder)
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            cpu = re.search(r"model name\s*: (.*)", file.read())
        result = {"cpu": cpu.group(1) if cpu else "unknown", "reductions": measure_reductions(program, data),
                  "training": measure_training(folder, data),
                  "codes": of_ranks(run(2, [program, "1", "codes", os.environ.get("CODES", "10000000")]))}
    json.dump(result, sys.stdout, indent=1)
    print()


# ---- the model ----

NETS = {"10 GbE": (20e-6, 1.1e9), "25 GbE": (10e-6, 2.8e9), "100 GbE": (5e-6, 11e9), "InfiniBand HDR": (1.5e-6, 23e9)}
NODES = [1, 2, 4, 8, 16, 32, 64]
CORES = 64      # of a node
SHARE = 0.7     # of 64 times one core's rate that 64 cores reach: an assumption
SLICES, VOLUMES = 541439, 891  # the paper's PET-CT set
SEARCH = 2 * 96.1 * 60  # seconds of a core for its search by mutual information (docs/performance.md: by two)
ROW = 56        # bytes of a row that all ranks get
GATHERING = 4   # exchanges of a reduction that all ranks take part in


def gather_seconds(nodes, total, net):
    latency, bandwidth = NETS[net]
    return 0 if nodes == 1 else (nodes - 1) * latency + total / bandwidth


def reduction_seconds(nodes, net):
    """Groups are shared out whole, so that a node has ceil(volumes / nodes) of them at most."""
    share = math.ceil(VOLUMES / nodes) / VOLUMES
    return share * SEARCH / (CORES * SHARE) + GATHERING * gather_seconds(nodes, SLICES * ROW, net)


FLOPS = 4 * 2 * 4.1e9        # an image of 224 px through ResNet-50, forward twice (parts) and back (as long as both);
                             # multiply and add count as two
BACKWARD = 1 / 2             # of that
RATE = 120e9                 # float32 a core that the step reaches (57 % of this machine's peak of 211)
WEIGHTS = 4 * 28e6           # bytes of gradients, projection head included
BATCH, PART, PROJECTION = 4096, 64, 128
CHUNK = 1 << 19              # bytes of gradients that are summed and handed on by themselves


def step_seconds(nodes, net):
    latency, bandwidth = NETS[net]
    work = 2 * BATCH * FLOPS / (nodes * CORES * SHARE * RATE)
    if nodes == 1:
        return work
    levels = math.ceil(math.log2(nodes))
    sums = levels * WEIGHTS / bandwidth  # what rank 0 receives; sums come back while later chunks go up
    overlap = work / (2 * BATCH / PART / nodes) * BACKWARD  # the backward pass of a node's last part
    last = (levels + nodes) * (latency + CHUNK / bandwidth)  # the first layer's way up and back
    return work + max(0, sums - overlap) + last + gather_seconds(nodes, 2 * BATCH * PROJECTION * 4, net)


def projection(seconds, unit):
    lines = ["| nodes | " + " | ".join(f"{net}, {unit}" + " | efficiency" for net in NETS) + " |",
             "| ---: |" + " ---: | ---: |" * len(NETS)]
    for nodes in NODES:
        cells = []
        for net in NETS:
            time = seconds(nodes, net)
            cells.append(f"{time:.3g} | {seconds(1, net) / nodes / time:.0%}".replace("%", " %"))
        lines.append(f"| {nodes} | " + " | ".join(cells) + " |")
    return lines


# ---- the page ----

def measured_table(rows, amount, unit):
    lines = [f"| work | processes x threads | seconds | {unit} | beside 1 x 2 | MB sent | seconds of exchange |",
             "| --- | --- | ---: | ---: | ---: | ---: | ---: |"]
    for row in rows:
        base = next(r for r in rows if r.get("work") == row.get("work") and (r["processes"], r["threads"]) == (1, 2))
        lines.append(f"| {row.get('work', 'SimCLR, ResNet-18 / 2, 64 px, batch 64, parts of 64')} "
                     f"| {row['processes']} x {row['threads']} | {row['seconds']:.2f} "
                     f"| {amount(row) / row['seconds']:.0f} | {base['seconds'] / row['seconds']:.2f} "
                     f"| {row['sent'] / 1e6:.2f} | {row['exchanging']:.2f} |")
    return lines


def tables(measured):
    codes = measured["codes"]
    a_slice = codes["megabytes"] * 1024 * 1024 / codes["slices"]
    return {
        "machine": [f"Measured on {measured['cpu']}, two cores, one machine: messages go through its memory."],
        "reductions": measured_table(measured["reductions"], lambda r: r["slices"], "slices/s"),
        "training": measured_table(measured["training"], lambda r: r["images"], "images/s"),
        "codes": [f"{codes['slices']:,} synthetic slices, hashes over the dataset, on two ranks: {codes['seconds']:.0f} s, "
                  f"{codes['megabytes']:,.0f} MB a rank at most ({a_slice:.0f} bytes a slice), {codes['kept']:,} kept. "
                  f"So 10^8 slices need {a_slice * 1e8 / 1e9:.0f} GB on each rank, whatever their number."],
        "reduction": projection(reduction_seconds, "s"),
        "step": projection(step_seconds, "s a step"),
    }


def write(measured):
    with open(PAGE, encoding="utf-8") as file:
        page = file.read()
    for name, lines in tables(measured).items():
        begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
        head, rest = page.split(begin)
        page = head + begin + "\n" + "\n".join(lines) + "\n" + end + rest.split(end)[1]
    with open(PAGE, "w", encoding="utf-8") as file:
        file.write(page)


if __name__ == "__main__":
    if len(sys.argv) > 2 and sys.argv[1] == "measure":
        measure(sys.argv[2:])
    elif len(sys.argv) == 3 and sys.argv[1] == "write":
        with open(sys.argv[2], encoding="utf-8") as stream:
            write(json.load(stream))
    else:
        sys.exit(__doc__)
