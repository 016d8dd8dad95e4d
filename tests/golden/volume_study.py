#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The study of volume hashes (docs/volume-hash-study.md): distances between volumes and edited
copies of them against distances between different volumes, through redux-hash; and a leakage test,
edited copies planted in a second set.

  volume_study.py [--hash PROGRAM] [--work FOLDER] VOLUME.nii.gz... > tables.txt

Volumes are CT in HU. Edits are made with NumPy and SciPy, nothing of libredux is in them."""
import argparse
import itertools
import pathlib
import subprocess
import tempfile

import nibabel
import numpy as np
from scipy import ndimage

HASHES = {'difference': 64, 'dct': 160, 'block-mean': 32}  # and the default thresholds
random = np.random.default_rng(20)


def save(path, voxels, affine, dtype=np.int16):
    image = nibabel.Nifti1Image(voxels.astype(dtype), affine)
    image.set_data_dtype(dtype)
    nibabel.save(image, path)


def resampled(factors, order):
    def edit(v, a):
        out = ndimage.zoom(v.astype(np.float32), factors, order=order, mode='nearest', grid_mode=True)
        real = np.array(v.shape) / np.array(out.shape)
        return np.rint(out), a @ np.diag([*real, 1])
    return edit


def cropped(share, sided):
    """Takes away that share of each axis, on one side or half of it on both."""
    def edit(v, a):
        cut = [max(1, round(n * share)) if n > 3 else 0 for n in v.shape]
        parts = tuple(slice(c // 2 if sided == 2 else 0, n - (c - c // 2 if sided == 2 else c))
                      for c, n in zip(cut, v.shape))
        return v[parts], a
    return edit


def clipped(low, high):
    return lambda v, a: (np.clip(v, low, high), a)


def noisy(sigma):
    return lambda v, a: (np.rint(v + random.normal(size=v.shape) * sigma), a)


def blurred(sigma):
    return lambda v, a: (np.rint(ndimage.gaussian_filter(v.astype(np.float32), sigma)), a)


def scaled8(v, a):
    """8 bits by a soft-tissue window, as exports do; stored in the window's HU."""
    return np.rint(np.clip((v + 160) / 400, 0, 1) * 255) / 255 * 400 - 160, a


def jpeg(quality):
    """Slices through JPEG, -1000 ... 1000 HU on 8 bits."""
    import io
    from PIL import Image

    def edit(v, a):
        out = np.empty(v.shape, np.float32)
        for k in range(v.shape[2]):
            grey = np.rint(np.clip((v[:, :, k] + 1000) / 2000, 0, 1) * 255).astype(np.uint8)
            file = io.BytesIO()
            Image.fromarray(grey).save(file, 'JPEG', quality=quality)
            out[:, :, k] = np.asarray(Image.open(file)) / 255 * 2000 - 1000
        return np.rint(out), a
    return edit


def shifted(v, a):
    """Two voxels in plane, one slice, air where nothing was."""
    return ndimage.shift(v, (2, 2, 1), order=0, mode='constant', cval=-1000), a


def tilted(degrees):
    def edit(v, a):
        return np.rint(ndimage.rotate(v.astype(np.float32), degrees, axes=(0, 1), reshape=False,
                                      order=1, mode='constant', cval=-1000)), a
    return edit


# Family, name, edit (voxels, affine) -> the same.
EDITS = [
    ('resampled', '2 x 2 x 1', resampled((2, 2, 1), 1)),
    ('resampled', '1/2 x 1/2 x 1', resampled((.5, .5, 1), 1)),
    ('resampled', '0.7 x 0.7 x 0.7', resampled((.7, .7, .7), 3)),
    ('resampled', '1 x 1 x 1/2', resampled((1, 1, .5), 1)),
    ('resampled', 'to 1.5 mm each way', None),
    ('re-windowed', '-160 ... 240', clipped(-160, 240)),
    ('re-windowed', '-1000 ... 400', clipped(-1000, 400)),
    ('re-windowed', '8 bits of -160 ... 240', scaled8),
    ('noisy', 'sigma 10 HU', noisy(10)),
    ('noisy', 'sigma 50 HU', noisy(50)),
    ('noisy', 'sigma 200 HU', noisy(200)),
    ('blurred', 'sigma 1 voxel', blurred(1)),
    ('compressed', 'JPEG 75', jpeg(75)),
    ('compressed', 'JPEG 20', jpeg(20)),
    ('shifted', '2, 2, 1 voxels', shifted),
    ('tilted', '2 degrees', tilted(2)),
    ('tilted', '5 degrees', tilted(5)),
    ('cropped', '5 %, both sides', cropped(.05, 2)),
    ('cropped', '10 %, both sides', cropped(.10, 2)),
    ('cropped', '20 %, both sides', cropped(.20, 2)),
    ('cropped', '5 %, one side', cropped(.05, 1)),
    ('cropped', '10 %, one side', cropped(.10, 1)),
]
# Stored otherwise, with a header that says so: the same volume. And turned without telling.
AXES = ('RAS', 'LPI', 'SAR', 'PIR')
TURNS = [('rot90 in plane', lambda v: np.rot90(v, 1, (0, 1))),
         ('rot180 in plane', lambda v: np.rot90(v, 2, (0, 1))),
         ('rot90 out of plane', lambda v: np.rot90(v, 1, (1, 2))),
         ('axes rolled', lambda v: v.transpose(2, 0, 1)),
         ('mirrored left to right', lambda v: v[::-1]),
         ('slices upside down', lambda v: v[:, :, ::-1])]


def make_copies(paths, work):
    """Writes all copies; returns [(family, edit, source number, path)]."""
    copies = []
    for number, path in enumerate(paths):
        image = nibabel.load(path)
        voxels, affine = np.asarray(image.dataobj), image.affine
        spacing = image.header.get_zooms()[:3]
        stem = f'{number:02d}'
        for e, (family, name, edit) in enumerate(EDITS):
            if edit is None:
                edit = resampled([s / 1.5 for s in spacing], 1)
            out = work / f'{stem}-{e:02d}.nii'
            save(out, *edit(voxels, affine))
            copies.append((family, name, number, out))
        out = work / f'{stem}-float.nii'
        save(out, voxels, affine, np.float32)
        copies.append(('re-saved', 'as float32', number, out))
        for axes in AXES:
            target = nibabel.orientations.axcodes2ornt(axes)
            now = nibabel.orientations.io_orientation(affine)
            turned = nibabel.Nifti1Image(voxels, affine).as_reoriented(
                nibabel.orientations.ornt_transform(now, target))
            out = work / f'{stem}-{axes}.nii'
            nibabel.save(turned, out)
            copies.append(('re-saved', f'stored as {axes}', number, out))
        for t, (name, turn) in enumerate(TURNS):
            out = work / f'{stem}-turn{t}.nii'
            save(out, np.ascontiguousarray(turn(voxels)), np.diag([-1, -1, 1, 1]))
            copies.append(('turned', name, number, out))
    return copies


def run(*command):
    return subprocess.run([str(c) for c in command], check=True, capture_output=True,
                          text=True).stdout


def codes(program, kind, paths):
    lines = [line.split('\t') for line in
             run(program, '--volume', '--hash', kind, *paths).splitlines()[1:]]
    return {name: np.unpackbits(np.frombuffer(bytes.fromhex(text), np.uint8))
            for name, text in lines}


def all_turns(paths, work, program, limit):
    """{hash: [volumes, 48, 512]}: codes of every volume in all turns, made by turning its voxels;
    the first 24 are rotations."""
    turns = [(order, signs) for want in (1, -1) for order in itertools.permutations(range(3))
             for signs in itertools.product((1, -1), repeat=3)
             if np.linalg.det(np.eye(3)[list(order)] * np.array(signs)) * want > 0][:limit]
    out = {kind: np.zeros((len(paths), len(turns), 512), np.uint8) for kind in HASHES}
    for i, path in enumerate(paths):
        voxels = np.asarray(nibabel.load(path).dataobj)
        files = []
        for t, (order, signs) in enumerate(turns):
            view = voxels.transpose(order)[tuple(slice(None, None, s) for s in signs)]
            files.append(work / f'turned-{t:02d}.nii')
            save(files[-1], np.ascontiguousarray(view), np.diag([-1, -1, 1, 1]))
        for kind in HASHES:
            made = codes(program, kind, files)
            out[kind][i] = [made[str(f)] for f in files]
    return out


def turned_distances(turned, made):
    """[copies, originals]: the least distance over the turns."""
    out = np.zeros((len(made), len(turned)), int)
    for j, variants in enumerate(turned):
        out[:, j] = (made[:, None, :] != variants[None, :, :]).sum(2).min(1)
    return out


def auc(same, other):
    """The share of pairs (copy, other) in which the copy is nearer; ties count half."""
    return np.mean(same[:, None] < other[None, :]) + np.mean(same[:, None] == other[None, :]) / 2


def best_threshold(same, other):
    """The threshold with the largest sensitivity + specificity, in the middle of its range."""
    limits = np.arange(513)
    score = [(same <= t).mean() + (other > t).mean() for t in limits]
    best = np.flatnonzero(np.isclose(score, max(score)))
    t = int(best[len(best) // 2])
    return t, int(best[0]), int(best[-1]), (same <= t).mean(), (other > t).mean()


def quantiles(values):
    q = np.percentile(values, [0, 50, 95, 100]).astype(int)
    return f'{q[0]:4d} {q[1]:4d} {q[2]:4d} {q[3]:4d}'


def study(args, work):
    originals = [str(p) for p in args.volumes]
    copies = make_copies(originals, work)
    paths = [str(c[3]) for c in copies]
    source = np.array([c[2] for c in copies])
    family = np.array([c[0] for c in copies])
    name = np.array([c[1] for c in copies])
    print(f'{len(originals)} volumes, {len(copies)} copies\n')
    turns = None if args.plain else all_turns(originals, work, args.hash, 48)
    for kind, limit in HASHES.items():
        bits = codes(args.hash, kind, originals)
        made = codes(args.hash, kind, paths)
        a = np.array([bits[p] for p in originals])
        b = np.array([made[p] for p in paths])
        plain = (b[:, None, :] != a[None, :, :]).sum(2)
        between = (a[:, None, :] != a[None, :, :]).sum(2)
        tables = [('as it is', plain, between, family != 'turned')]
        for option, count in () if args.plain else (('--rotations', 24), ('--flips', 48)):
            turned = turned_distances(turns[kind][:, :count], b)
            nearest = turned_distances(turns[kind][:, :count], a)
            rigid = np.isin(name, ['mirrored left to right', 'slices upside down'])
            counted = ~rigid if option == '--rotations' else family == family
            tables.append((option, turned, nearest, counted))
        for title, d, pairs, counted in tables:
            rows = np.arange(len(copies))
            same = d[rows, source]
            mask = np.ones_like(d, bool)
            mask[rows, source] = False
            other = d[mask].reshape(len(copies), -1)
            null = pairs[np.triu_indices(len(originals), 1)]
            print(f'== {kind}, {title}: bits of 512 ==')
            print(f'different volumes          least median 95 % most: {quantiles(null)}')
            print(f'copy                         least median 95 % most   <= {limit:3d}   AUC')
            for f, n in dict.fromkeys(zip(family, name)):
                pick = (family == f) & (name == n)
                print(f'{f:12s} {n:22s} {quantiles(same[pick])}   '
                      f'{(same[pick] <= limit).mean():7.3f} {auc(same[pick], other[pick].ravel()):7.4f}')
            s, o = same[counted], other[counted].ravel()
            hard = np.isin(name, ['20 %, both sides', '10 %, one side', '5 degrees',
                                  '8 bits of -160 ... 240', '-160 ... 240'])
            for what, pick in (('all', counted), ('all but the five hardest edits', counted & ~hard)):
                s, o = same[pick], other[pick].ravel()
                t, low, high, sensitivity, specificity = best_threshold(s, o)
                print(f'{what}: {len(s)} copies, {len(o)} others: AUC {auc(s, o):.5f}; best '
                      f'threshold {t} ({low} ... {high}): sensitivity {sensitivity:.4f}, '
                      f'specificity {specificity:.4f}')
                print('   threshold: sensitivity/specificity ' + '  '.join(
                    f'{t}: {(s <= t).mean():.3f}/{(o > t).mean():.4f}'
                    for t in (16, 24, 32, 48, 64, 80, 96, 128, 144, 160, 176)))
            # A threshold chosen on one half of the volumes, judged on the other.
            first = source % 2 == 0
            columns = np.arange(len(originals)) % 2 == 0
            parts = []
            for side in (True, False):
                pick = counted & (first == side)
                inner = mask & (columns == side)[None, :]
                parts.append((same[pick], d[pick][inner[pick]]))
            t = best_threshold(*parts[0])[0]
            s, o = parts[1]
            print(f'chosen on every other volume: {t}; on the rest: sensitivity '
                  f'{(s <= t).mean():.4f}, specificity {(o > t).mean():.4f}; default {limit}: '
                  f'{(s <= limit).mean():.4f}, {(o > limit).mean():.4f}')
            print()
    leakage(args, copies, originals, work)


def leakage(args, copies, originals, work):
    """Half of the volumes are A. B is the other half, and one copy of each kind of edit of volumes
    drawn from A. Which of B are in A?"""
    print('== leakage: edited copies of A planted in B ==')
    half = originals[::2]
    in_a = {i for i in range(len(originals)) if i % 2 == 0}
    for kind in HASHES:
        for options, turned in (([], False), (['--rotations'], True)):
            planted = [c for c in copies if c[2] in in_a and
                       (c[0] != 'turned' or (turned and c[1] in [t[0] for t in TURNS[:4]]))]
            fresh = [c for c in copies if c[2] not in in_a and c[0] != 'turned']
            listing = work / 'a.tsv'
            listing.write_text(run(args.hash, '--volume', '--hash', kind, *half))
            text = run(args.hash, '--volume', '--quiet', '--hash', kind, *options, '--against', listing,
                       *[c[3] for c in planted], *[c[3] for c in fresh], *originals[1::2])
            rows = [line.split(',') for line in text.splitlines()[1:]]
            found = [row[1] == '0' for row in rows]
            right = [originals[c[2]] == row[2] for c, row in zip(planted, rows)]
            hits = sum(f and r for f, r in zip(found, right))
            told = sum(found)
            print(f'{kind:12s} {" ".join(options):12s} A {len(half)}, B {len(rows)} of which '
                  f'{len(planted)} planted: told {told}, of the right volume {hits}; precision '
                  f'{hits / max(told, 1):.4f}, recall {hits / len(planted):.4f}')


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--hash', default='build/bin/redux-hash')
    parser.add_argument('--work', type=pathlib.Path)
    parser.add_argument('--plain', action='store_true', help='without turned comparisons')
    parser.add_argument('volumes', nargs='+')
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=args.work) as work:
        study(args, pathlib.Path(work))


main()
