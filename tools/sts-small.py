#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Makes data/sts-small, the demo's twenty patients at 64 x 64 pixels, from the CT volumes of IBSI's validation data.

tools/sts-small.py DIR    DIR has STS_001_CT.nii.gz ... STS_020_CT.nii.gz and labels.csv (file, slice, tumour)
Window -160:240 HU to 0 ... 255, axial slices, Pillow's Lanczos. Odd patients are for pre-training, even ones are judged.
"""
import csv
import os
import sys

import nibabel
import numpy as np
from PIL import Image

LOW, HIGH, SIZE = -160, 240, 64


def volume(path):
    image = nibabel.load(path)
    hounsfield = np.asarray(image.dataobj, np.float32).transpose(2, 1, 0)
    grey = np.clip((hounsfield - LOW) / (HIGH - LOW), 0, 1) * 255
    return np.stack([np.asarray(Image.fromarray(np.rint(s).astype(np.uint8)).resize((SIZE, SIZE), Image.LANCZOS))
                     for s in grey])


def main():
    source = sys.argv[1]
    out = os.path.join(os.path.dirname(__file__), '..', 'data', 'sts-small')
    names = ['STS_%03d' % i for i in range(1, 21)]
    for name, part in (('pretrain.npz', names[0::2]), ('judged.npz', names[1::2])):
        np.savez_compressed(os.path.join(out, name),
                            **{n: volume(os.path.join(source, n + '_CT.nii.gz')) for n in part})
    with open(os.path.join(source, 'labels.csv'), encoding='utf-8') as table, \
            open(os.path.join(out, 'labels.csv'), 'w', encoding='utf-8', newline='') as file:
        writer = csv.writer(file, lineterminator='\n')
        writer.writerow(['file', 'slice', 'patient', 'tumour'])
        for row in csv.DictReader(table):
            name = row['file'][:7]
            if name in names[1::2]:
                writer.writerow(['judged.npz:' + name, row['slice'], name, row['tumour']])


if __name__ == '__main__':
    main()
