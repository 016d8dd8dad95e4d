#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Seconds and memory of redux-audit by the number of slices (docs/audit.md), beside reading alone.

  audit-timing.py [--program redux-audit] [--info redux-info] [--work FOLDER] [--threads N]
                  [--skip redundancy] [--only SECTION] SLICES...

Slices are smooth random fields of 64 x 64, 8 bits, in volumes of 100 (.npy); neighbours are alike. A
tenth are the split "test", and a tenth of those are copies of slices of "train", with noise. Labels:
two classes, by volume. Times are of processor, so that other work on the machine counts less."""
import argparse
import csv
import os
import pathlib
import shutil
import subprocess
import tempfile
import time

import numpy as np

SIDE, DEPTH = 64, 100


def fields(random, count):
    """[count, SIDE, SIDE] uint8: sums of waves whose phases drift along the volume."""
    y, x = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32) / SIDE
    t = np.arange(count, dtype=np.float32)[:, None, None]
    out = np.zeros((count, SIDE, SIDE), np.float32)
    for _ in range(12):
        a, b = random.normal(size=2) * 4
        out += np.cos(2 * np.pi * (a * x + b * y) + random.uniform(0, 6.3) +
                      random.normal() * .15 * t) * random.uniform(.3, 1)
    out += random.normal(size=out.shape).astype(np.float32) * .05
    return np.clip(out * 30 + 128, 0, 255).astype(np.uint8)


def write(folder, slices):
    random = np.random.default_rng(24)
    rows, copied = [('file', 'slice', 'label', 'split', 'group')], []
    for v in range((slices + DEPTH - 1) // DEPTH):
        depth = min(DEPTH, slices - v * DEPTH)
        voxels = fields(random, depth)
        split = 'test' if v % 10 == 9 else 'train'
        if split == 'test' and copied:
            some = random.choice(depth, depth // 10, replace=False)
            noisy = copied[-1][:len(some)] + random.normal(size=(len(some), SIDE, SIDE)) * 2
            voxels[some] = np.clip(noisy, 0, 255).astype(np.uint8)
        copied = [voxels]
        name = f'{v:05d}.npy'
        np.save(folder / name, voxels)
        rows += [(name, k, v % 2, split, f'p{v}') for k in range(depth)]
    with open(folder / 'labels.csv', 'w', newline='') as file:
        csv.writer(file).writerows(rows)


def measure(command):
    """Seconds of processor, seconds on the clock, MB at most."""
    start = time.perf_counter()
    pid = os.posix_spawn(command[0], command, os.environ, file_actions=[
        (os.POSIX_SPAWN_OPEN, 1, '/dev/null', os.O_WRONLY, 0)])
    _, status, usage = os.wait4(pid, 0)
    if status != 0:
        raise SystemExit(f'{command}: status {status}')
    return (usage.ru_utime + usage.ru_stime, time.perf_counter() - start, usage.ru_maxrss / 1e3)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--program', default='build/bin/redux-audit')
    parser.add_argument('--info', default='build/bin/redux-info')
    parser.add_argument('--work')
    parser.add_argument('--threads', default='0')
    parser.add_argument('--each', action='store_true', help='a line for each section, too')
    parser.add_argument('slices', nargs='+', type=int)
    options = parser.parse_args()
    sections = ['leaks', 'labels', 'slices', 'outliers', 'redundancy']
    print('| slices | what | seconds of CPU | seconds | MB |\n| --- | --- | --- | --- | --- |')
    for slices in options.slices:
        with tempfile.TemporaryDirectory(dir=options.work) as work:
            folder = pathlib.Path(work)
            write(folder, slices)
            common = ['--quiet', '--threads', options.threads, str(folder)]
            audit = [options.program, '--json', '--labels', str(folder / 'labels.csv'), '--split',
                     'split', '--group', 'group', *common]
            runs = [('reading (redux-info)', [options.info, *common]),
                    ('scan', audit + ['--skip', ','.join(sections)])]
            if options.each:
                runs += [(f'scan, {s}', audit + ['--skip', ','.join(o for o in sections if o != s)])
                         for s in sections]
            runs.append(('all but redundancy', audit + ['--skip', 'redundancy']))
            for name, command in runs:
                cpu, clock, memory = measure([str(c) for c in command])
                print(f'| {slices:,} | {name} | {cpu:.1f} | {clock:.1f} | {memory:.0f} |', flush=True)


if __name__ == '__main__':
    main()
