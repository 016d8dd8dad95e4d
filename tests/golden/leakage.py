#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""How well `redux-reduce --against` finds leakage, and what calibration predicts of it.

    leakage.py BIN FOLDER   BIN: where redux-reduce is; FOLDER: NIfTI volumes, one a patient

Set A is half of the volumes. Set B is the other half, and edited copies of slices of A: noisy,
shifted, resampled, re-windowed to 8 bits, cropped, saved as JPEG. Precision: how many of the slices
that --against calls redundant with A are planted ones; recall: how many planted ones it finds.
Calibration: thresholds chosen on A alone (--false-drops), then the share of pairs of slices of
different volumes of B that they call redundant, with the jackknife's standard error beside it.
"""
import csv
import glob
import io
import json
import os
import subprocess
import sys
import tempfile

import nibabel
import numpy as np
from PIL import Image
from scipy import ndimage

LOW, HIGH = -160.0, 240.0  # window of the 8-bit copies


def grey(image):
    return np.clip((image - LOW) / (HIGH - LOW) * 255 + 0.5, 0, 255).astype(np.uint8)


def jpeg(image):
    memory = io.BytesIO()
    Image.fromarray(grey(image)).save(memory, 'JPEG', quality=60)
    return np.asarray(Image.open(memory))


EDITS = {
    'copy': lambda image, rng: image,
    'noise 20 HU': lambda image, rng: image + rng.normal(0, 20, image.shape),
    'shift 2 px': lambda image, rng: ndimage.shift(image, (2, -2), order=1, mode='nearest'),
    'resampled 0.8': lambda image, rng: ndimage.zoom(image, 0.8, order=1),
    '8-bit window': lambda image, rng: grey(image).astype(np.float64),
    'JPEG 60': lambda image, rng: jpeg(image).astype(np.float64),
    'cropped 5 %': lambda image, rng: image[image.shape[0] // 40:-(image.shape[0] // 40) or None,
                                            image.shape[1] // 40:-(image.shape[1] // 40) or None],
}


def slices_of(path):
    """Slices as redux-reduce takes them for profile paper-hash: along the third storage axis."""
    volume = np.asarray(nibabel.load(path).dataobj)
    return [volume[:, :, k].T.astype(np.float64) for k in range(volume.shape[2])]


def plant(folder, paths, per_volume=6):
    """Edited copies as .npy, one folder an edit; name -> edit."""
    rng = np.random.default_rng(0)
    planted = {}
    for path in paths:
        slices = slices_of(path)
        for k in np.linspace(2, len(slices) - 3, per_volume).astype(int):
            for number, (name, edit) in enumerate(EDITS.items()):
                out = os.path.join(folder, f'{os.path.basename(path)[:7]}_{k}_{number}.npy')
                np.save(out, edit(slices[k], rng).astype(np.float32))
                planted[out] = name
    return planted


def reduce(program, out, options, inputs):
    subprocess.run([program, '--quiet', '--threads', '0', '--manifest', out] + options + inputs,
                   check=True)
    with open(out, newline='') as file:
        rows = list(csv.DictReader(file))
    with open(out[:-4] + '.json') as file:
        return rows, json.load(file)


def main():
    program = os.path.join(sys.argv[1], 'redux-reduce')
    paths = sorted(glob.glob(os.path.join(sys.argv[2], '*.nii*')))
    half_a, half_b = paths[::2], paths[1::2]
    with tempfile.TemporaryDirectory() as work:
        folder = os.path.join(work, 'planted')
        os.mkdir(folder)
        planted = plant(folder, half_a)
        a_csv, b_csv = os.path.join(work, 'a.csv'), os.path.join(work, 'b.csv')
        reduce(program, a_csv, ['--strategy', 'all'], half_a)
        own = sum(len(slices_of(path)) for path in half_b)
        print(f'A: {len(half_a)} volumes; B: {len(half_b)} volumes, {own} slices, '
              f'and {len(planted)} planted')
        methods = [['--threshold', str(t)] for t in (3, 6, 12)]
        methods += [['--threshold', '12', '--then', 'ssim:0.6'],
                    ['--threshold', '20', '--then', 'ssim:0.7'],
                    ['--strategy', 'ssim'], ['--strategy', 'mi'], ['--strategy', 'cosine'],
                    ['--hash', 'dct', '--threshold', '10'], ['--hash', 'pdq', '--threshold', '31']]
        print('| method | found | precision | recall | ' + ' | '.join(EDITS) + ' |')
        print('| --- ' * (4 + len(EDITS)) + '|')
        for options in methods:
            rows, _ = reduce(program, b_csv, options + ['--against', a_csv], half_b + [folder])
            a_names = set(half_a)
            found = [row['source'] for row in rows if row['witness_source'] in a_names]
            hits = [source for source in found if source in planted]
            by_edit = {name: 0 for name in EDITS}
            for source in hits:
                by_edit[planted[source]] += 1
            each = len(planted) // len(EDITS)
            print('| ' + ' '.join(options).replace('--', '') + f' | {len(found)} '
                  f'| {len(hits) / max(len(found), 1):.3f} | {len(hits) / len(planted):.3f} | ' +
                  ' | '.join(f'{by_edit[name] / each:.2f}' for name in EDITS) + ' |')
        print()
        print('| strategy | asked | threshold from A | predicted on A | its standard error | observed on B |')
        print('| --- | --- | --- | --- | --- | --- |')
        for strategy in ('hash', 'ssim', 'mi', 'cosine'):
            for rate in ('0.1%', '1%', '5%'):
                _, on_a = reduce(program, b_csv, ['--strategy', strategy, '--false-drops', rate],
                                 half_a)
                threshold = on_a['threshold']
                _, on_b = reduce(program, b_csv, ['--strategy', strategy, '--calibrate',
                                                  '--threshold', repr(threshold)], half_b)
                print(f"| {strategy} | {rate} | {threshold:.4g} "
                      f"| {100 * on_a['calibration']['false_drops']:.3f} % "
                      f"| {100 * on_a['calibration']['standard_error']:.3f} % "
                      f"| {100 * on_b['calibration']['false_drops']:.3f} % |")


if __name__ == '__main__':
    main()
