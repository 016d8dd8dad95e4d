#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The study of redux-audit (docs/audit.md): what is planted, and how much of it is found.

  audit-study.py [--program redux-audit] [--work FOLDER] [--only leaks,labels,slices] [--seed N]
                 [--options "OPTIONS"] SET...

SET is a folder: of .nii.gz volumes in HU, of folders of pictures (one a patient, named
PATIENT_SLICE.png), or of pictures that have nothing to do with each other; with labels.csv. Half of
a set is the training side. Copies of 200 of its slices are edited by each of the edits and planted
in the other side. Edits are made with NumPy, SciPy and Pillow; nothing of libredux is in them."""
import argparse
import csv
import io
import json
import pathlib
import re
import subprocess
import tempfile
from collections import Counter, defaultdict

import nibabel
import numpy as np
from PIL import Image
from scipy import ndimage

PART = 10  # consecutive slices of a planted part


# ---- sets ----------------------------------------------------------------------------------------

class Series:
    """Slices in order: [H, W] each, and where each is."""

    def __init__(self, name, slices, places, affine=None, is_hu=False):
        self.name, self.slices, self.places = name, slices, places
        self.affine, self.is_hu = affine, is_hu

    def write(self, folder, name, slices=None):
        """Writes slices (all alike in size if HU) and returns the places they have then."""
        slices = self.slices if slices is None else slices
        if self.is_hu:
            path = folder / f'{name}.nii.gz'
            voxels = np.stack(slices, -1)
            kind = np.int16 if voxels.dtype.kind != 'u' else np.uint8
            if kind is np.int16:
                voxels = np.clip(np.rint(voxels), -32768, 32767)
            image = nibabel.Nifti1Image(voxels.astype(kind), self.affine)
            nibabel.save(image, path)
            return [(str(path), k) for k in range(len(slices))]
        (folder / name).mkdir(parents=True, exist_ok=True)
        paths = [folder / name / f'{name}_{k:03d}.png' for k in range(len(slices))]
        for path, pixels in zip(paths, slices):
            Image.fromarray(np.clip(np.rint(pixels), 0, 255).astype(np.uint8)).save(path)
        return [(str(path), 0) for path in paths]


def read_set(folder):
    folder = pathlib.Path(folder)
    volumes = sorted(folder.glob('*.nii.gz'))
    if volumes:
        images = [(p, nibabel.load(p)) for p in volumes]
        return [Series(p.name.replace('.nii.gz', ''), [np.asarray(i.dataobj)[:, :, k] for k in
                                                      range(i.shape[2])],
                       [(str(p), k) for k in range(i.shape[2])], i.affine, True) for p, i in images]
    groups = defaultdict(list)
    for path in folder.rglob('*.png'):
        groups[path.parent].append(path)
    series = []
    for parent, paths in sorted(groups.items()):
        paths.sort(key=lambda p: [int(t) if t.isdigit() else t for t in re.split(r'(\d+)', p.name)])
        pixels = [np.asarray(Image.open(p).convert('L')) for p in paths]
        if any(re.fullmatch(rf'{re.escape(parent.name)}_\d+\.png', p.name) for p in paths):
            series.append(Series(parent.name, pixels, [(str(p), 0) for p in paths]))
        else:  # pictures that have nothing to do with each other
            series += [Series(p.stem.replace(' ', '_'), [q], [(str(p), 0)])
                       for p, q in zip(paths, pixels)]
    return series


def read_labels(folder):
    with open(pathlib.Path(folder) / 'labels.csv') as file:
        rows = list(csv.DictReader(file))
    column = next(c for c in ('label', 'tumour', 'haemorrhage') if c in rows[0])
    labels = {(str(pathlib.Path(folder) / r['file']), int(r.get('slice') or 0)): r[column]
              for r in rows if r[column] != ''}
    return labels


# ---- edits ---------------------------------------------------------------------------------------

def scale(series):
    return 2000.0 if series.is_hu else 255.0


def zoom(factor):
    return lambda a, s, r: ndimage.zoom(a.astype(float), factor, order=1, grid_mode=True,
                                        mode='nearest')


def window(low, high):
    """In HU, or shares of 8 bits stretched to all of them."""
    def edit(a, s, r):
        if s.is_hu:
            return np.clip(a, low, high)
        lo, hi = np.percentile(a, 20), max(np.percentile(a, 99), 1)
        return np.clip((a - lo) / max(hi - lo, 1), 0, 1) * 255
    return edit


def window8(a, s, r):
    if not s.is_hu:
        return 255 * (a / 255.0) ** 0.6
    return np.rint(np.clip((a + 160) / 400, 0, 1) * 255).astype(np.uint8)


def noise(sigma):
    return lambda a, s, r: a + r.normal(size=a.shape) * sigma / 2000 * scale(s)


def jpeg(quality):
    def edit(a, s, r):
        low = -1000 if s.is_hu else 0
        grey = np.clip((a - low) / scale(s), 0, 1) * 255
        file = io.BytesIO()
        Image.fromarray(np.rint(grey).astype(np.uint8)).save(file, 'JPEG', quality=quality)
        return np.asarray(Image.open(file)) / 255.0 * scale(s) + low
    return edit


def outside(s):
    return -1000 if s.is_hu else 0


def crop(share, sides):
    def edit(a, s, r):
        cut = [max(1, round(n * share)) for n in a.shape]
        return a[tuple(slice(c // 2 if sides == 2 else 0, n - (c - c // 2 if sides == 2 else c))
                       for c, n in zip(cut, a.shape))]
    return edit


EDITS = {
    'same pixels': lambda a, s, r: a,
    'resampled to 1/2': zoom(.5),
    'resampled to 2': zoom(2),
    'resampled to 0.7': zoom(.7),
    're-windowed (-160 ... 240; 20 ... 99 %)': window(-160, 240),
    're-windowed (-1000 ... 400)': window(-1000, 400),
    '8 bits (of -160 ... 240; gamma 0.6)': window8,
    'noise 10 HU of 2000': noise(10),
    'noise 50 HU of 2000': noise(50),
    'noise 200 HU of 2000': noise(200),
    'blurred, sigma 1': lambda a, s, r: ndimage.gaussian_filter(a.astype(float), 1),
    'JPEG 75': jpeg(75),
    'JPEG 20': jpeg(20),
    'shifted by 2, 2': lambda a, s, r: ndimage.shift(a, (2, 2), order=0, cval=outside(s)),
    'tilted by 2 degrees': lambda a, s, r: ndimage.rotate(a.astype(float), 2, reshape=False, order=1,
                                                          cval=outside(s)),
    'tilted by 5 degrees': lambda a, s, r: ndimage.rotate(a.astype(float), 5, reshape=False, order=1,
                                                          cval=outside(s)),
    'cropped 5 %, both sides': crop(.05, 2),
    'cropped 10 %, both sides': crop(.10, 2),
    'cropped 20 %, both sides': crop(.20, 2),
    'cropped 5 %, one side': crop(.05, 1),
    'cropped 10 %, one side': crop(.10, 1),
    'mirrored left to right': lambda a, s, r: a[::-1] if s.is_hu else a[:, ::-1],
    'mirrored top to bottom': lambda a, s, r: a[:, ::-1] if s.is_hu else a[::-1],
    'turned by 90': lambda a, s, r: np.rot90(a),
    'turned by 180': lambda a, s, r: np.rot90(a, 2),
}


# ---- running -------------------------------------------------------------------------------------

class Run:
    def __init__(self, options):
        self.program, self.options = options.program, options.options.split()
        self.faults = options.faults

    def audit(self, *arguments):
        result = subprocess.run([self.program, '--json', '--quiet', *self.options,
                                 *map(str, arguments)], capture_output=True, text=True)
        if result.returncode != 0:
            raise SystemExit(f'{arguments}: {result.stderr}')
        return json.loads(result.stdout)


def share(part, whole):
    return f'{part / whole:.3f}' if whole else '-'


# ---- leaks ---------------------------------------------------------------------------------------

def study_leaks(run, name, series, work, random, most, folder):
    train, other = work / 'train', work / 'test'
    order = random.permutation(len(series))
    known, null = [series[i] for i in order[::2]], [series[i] for i in order[1::2]]
    train.mkdir(), other.mkdir()
    place_of = {}  # in train: (source, slice) -> (series, number)
    for s in known:
        for k, place in enumerate(s.write(train, s.name)):
            place_of[place] = (s.name, k)
    for s in null:
        s.write(other, s.name)
    truth = {}  # in test: (source, slice) -> (edit, series, number)
    parts = {}
    for e, (edit, function) in enumerate(EDITS.items()):
        planted = 0
        while planted < most:
            s = known[random.integers(len(known))]
            count = min(PART, len(s.slices))
            first = int(random.integers(len(s.slices) - count + 1))
            slices = [function(a, s, random) for a in s.slices[first:first + count]]
            stem = f'e{e:02d}_{planted:03d}'
            for k, place in enumerate(s.write(other, stem, slices)):
                truth[place] = (edit, s.name, first + k)
                parts[stem] = (edit, s.name, len(s.slices) > 1.2 * count, count)
            planted += count
    found = run.audit(other, '--against', train, '--skip', 'slices,outliers,redundancy')['leaks']
    right, wrong, nulls = Counter(), Counter(), 0
    for f in found:
        if f['level'] != 'slice':
            continue
        place = (f['source'], f['slice'])
        twin = place_of[(f['other_source'], f['other_slice'])]
        if place not in truth:
            nulls += 1
            continue
        edit, source, number = truth[place]
        good = twin[0] == source and abs(twin[1] - number) <= 2
        (right if good else wrong)[edit] += 1
    of = Counter(edit for edit, _, _ in truth.values())
    print(f'\n{name}: {sum(of.values())} planted slices, {sum(len(s.slices) for s in null)} others '
          f'against {sum(len(s.slices) for s in known)}; others found: {nulls}\n')
    print('| edit | planted | recall | wrong twin |\n| --- | --- | --- | --- |')
    for edit in EDITS:
        print(f'| {edit} | {of[edit]} | {share(right[edit], of[edit])} | {wrong[edit]} |')
    all_right = sum(right.values())
    print(f'\nslices: precision {share(all_right, all_right + sum(wrong.values()) + nulls)}, '
          f'recall {share(all_right, sum(of.values()))}')
    score_parts(found, parts, place_of)


def score_parts(found, parts, place_of):
    names = {source: name for (source, _), (name, _) in place_of.items()}
    folders = {str(pathlib.Path(source).parent): name for source, name in names.items()}
    right = wrong = called = 0
    seen = set()
    for f in found:
        if f['level'] != 'volume' or f['issue'] == 'volume-overlap':
            continue
        stem = pathlib.Path(f['source']).name.replace('.nii.gz', '')
        other = names.get(f['other_source']) or folders.get(f['other_source'].rstrip('/'))
        if stem in parts and parts[stem][1] == other:
            right += stem not in seen
            seen.add(stem)
            called += f['issue'] == 'volume-part' and parts[stem][2]
        else:
            wrong += 1
    longer = sum(p[2] for p in parts.values())
    print(f'volumes: precision {share(right, right + wrong)}, recall {share(right, len(parts))} '
          f'({called} of {longer} parts called parts)')


# ---- labels --------------------------------------------------------------------------------------

def write_table(path, rows):
    with open(path, 'w', newline='') as file:
        csv.writer(file).writerows([('file', 'slice', 'label')] + rows)


def find_labels(run, work, rows, is_hu):
    write_table(work / 'labels.csv', rows)
    found = run.audit(work, '--labels', work / 'labels.csv', '--group-by',
                      'file' if is_hu else 'folder', '--skip', 'slices,outliers,redundancy')
    got = defaultdict(set)
    for f in found['labels']:
        got[f['issue']].add((f['source'], f['slice']))
    return got


def study_labels(run, name, series, work, random, most, folder):
    """2 % of the labels are swapped; then 40 slices are copied to another group and label."""
    labels, places, where = read_labels(folder), [], {}
    for s in series:
        for old, new in zip(s.places, s.write(work, s.name)):
            if old in labels:
                places.append((new, labels[old], s, old))
                where[old] = new
    classes = sorted({label for _, label, _, _ in places})

    def other(label):
        return classes[(classes.index(label) + 1) % len(classes)]

    def report(issue, planted, good, got):
        print(f'| {name} | {issue} | {len(planted)} | {len(got)} | '
              f'{share(len(good & got), len(got))} | {share(len(got & planted), len(planted))} |')

    count = max(1, round(.02 * len(places)))
    swapped = {places[i][0] for i in random.choice(len(places), count, replace=False)}
    rows = [(*p, other(label) if p in swapped else label) for p, label, _, _ in places]
    suspects = find_labels(run, work, rows, series[0].is_hu)['label-suspect']
    report('label-suspect', swapped, swapped, suspects)
    rows, twins, beside = [(*p, label) for p, label, _, _ in places], set(), set()
    for n, i in enumerate(random.choice(len(places), 40, replace=False)):
        place, label, s, old = places[i]
        at = s.places.index(old)
        new = s.write(work, f'twin{n:02d}', [zoom(.7)(s.slices[at], s, random)])[0]
        rows.append((*new, other(label)))
        twins |= {place, new}
        beside |= {where[o] for o in s.places[max(at - 2, 0):at + 3] if o in where}
    conflicts = find_labels(run, work, rows, series[0].is_hu)['label-conflict']
    report('label-conflict', twins, twins | beside, conflicts)  # neighbours are twins too


# ---- slices --------------------------------------------------------------------------------------

def half_grey(a, s):
    return np.full(a.shape, 40.0 if s.is_hu else 128.0)


def shrink(a, s):
    """The picture at half the size, in padding that leaves the size as it was."""
    small = ndimage.zoom(a.astype(float), .5, order=1, grid_mode=True, mode='nearest')
    out = np.full(a.shape, float(outside(s)))
    top, left = [(n - m) // 2 for n, m in zip(a.shape, small.shape)]
    out[top:top + small.shape[0], left:left + small.shape[1]] = small
    return out


FAULTS = {
    'blurred': (['blurred'], lambda a, s, r: ndimage.gaussian_filter(a.astype(float), 2)),
    'slightly blurred': (['blurred'], lambda a, s, r: ndimage.gaussian_filter(a.astype(float), 1)),
    'flat': (['flat'], lambda a, s, r: half_grey(a, s)),
    'air': (['air', 'flat'], lambda a, s, r: outside(s) + np.abs(r.normal(size=a.shape)) *
            (15 if s.is_hu else 0.3)),
    'dark': (['dark', 'flat'], lambda a, s, r: a * .06),
    'light': (['light'], lambda a, s, r: 255 - a * .08),
    'low contrast': (['low-contrast', 'flat'], lambda a, s, r: 100 + a * .06),
    'few values': (['low-information'], lambda a, s, r: (a > a.mean()) * (1000.0 if s.is_hu else 255)),
    'turned by 90': (['orientation'], lambda a, s, r: np.rot90(a)),
    'turned by 180': (['orientation'], lambda a, s, r: np.rot90(a, 2)),
    'padded': (['padding', 'odd-size'], lambda a, s, r: np.pad(
        a, ((0, 0), (a.shape[1] * 6 // 5, 0)), constant_values=outside(s))),
    'half the size in padding': (['padding'], lambda a, s, r: shrink(a, s)),
    'another range': (['odd-range'], lambda a, s, r: a * .2 + (0 if s.is_hu else 20)),
}
HU_ONLY, GREY_ONLY = {'air'}, {'dark', 'light', 'low contrast', 'padded'}


def count_slices(found, places):
    """{issue: slices}, volumes with all of their slices."""
    by_volume = defaultdict(list)
    for source, k in places:
        by_volume[source].append((source, k))
        by_volume[str(pathlib.Path(source).parent)].append((source, k))
    got = defaultdict(set)
    for f in found:
        got[f['issue']] |= ({(f['source'], f['slice'])} if f['level'] == 'slice' else
                            set(by_volume[f['source'].rstrip('/')]))
    return got


def study_slices(run, name, series, work, random, most, _):
    """Faults are planted one kind at a time, in slices with four neighbours at least."""
    long = [s for s in series if len(s.slices) >= 8]
    skip = ('--skip', 'leaks,labels,outliers,redundancy')
    for fault, (issues, function) in FAULTS.items():
        if run.faults not in fault:
            continue
        if not long or fault in (GREY_ONLY if long[0].is_hu else HU_ONLY):
            continue
        folder = work / fault.replace(' ', '-')
        folder.mkdir()
        planted, places, clean_places = set(), [], []
        chosen = [long[i] for i in random.permutation(len(long))[:max(10, most // 8)]]
        per = max(1, most // len(chosen))
        clean = folder / 'clean'
        dirty = folder / 'dirty'
        clean.mkdir(), dirty.mkdir()
        for s in chosen:
            slices = [np.asarray(a) for a in s.slices]
            middle = np.arange(2, len(slices) - 2)
            at = random.choice(middle, min(per, len(middle)), replace=False)
            square = fault.startswith('turned') and s.is_hu
            if square:
                side = min(slices[0].shape)
                slices = [a[:side, :side] for a in slices]
            clean_places += s.write(clean, s.name, slices)
            for k in at:
                slices[k] = function(slices[k], s, random)
            new = s.write(dirty, s.name, slices)
            places += new
            planted |= {new[k] for k in at}
        before = count_slices(run.audit(clean, *skip)['slices'], clean_places)
        after = count_slices(run.audit(dirty, *skip)['slices'], places)
        got = set().union(*(after[i] for i in issues))
        old = {(p.replace('/clean/', '/dirty/'), k) for i in issues for p, k in before[i]}
        new = (got - old) | (got & planted)
        print(f'| {name} | {fault} | {" or ".join(issues)} | {len(planted)} | '
              f'{share(len(new & planted), len(new))} | {share(len(got & planted), len(planted))} | '
              f'{len(old)} of {len(clean_places)} |')


# ---- the whole -----------------------------------------------------------------------------------

def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--program', default='build/bin/redux-audit')
    parser.add_argument('--work')
    parser.add_argument('--only', default='leaks,labels,slices')
    parser.add_argument('--options', default='')
    parser.add_argument('--most', type=int, default=200, help='copies of each edit')
    parser.add_argument('--faults', default='', help='of slices: only those whose name has this')
    parser.add_argument('--seed', type=int, default=24)
    parser.add_argument('sets', nargs='+')
    options = parser.parse_args()
    options.work = options.work and pathlib.Path(options.work).resolve()
    run = Run(options)
    sets = {pathlib.Path(f).name: read_set(f) for f in options.sets}

    def each(study):
        for folder in options.sets:
            name = pathlib.Path(folder).name
            with tempfile.TemporaryDirectory(dir=options.work) as work:
                random = np.random.default_rng(options.seed)
                study(run, name, sets[name], pathlib.Path(work), random, options.most, folder)

    if 'leaks' in options.only:
        each(study_leaks)
    if 'labels' in options.only:
        print('\n| set | check | planted | found | precision | recall |\n' + '| --- ' * 6 + '|')
        each(study_labels)
    if 'slices' in options.only:
        print('\n| set | planted | check | slices | precision | recall | before planting |\n' +
              '| --- ' * 7 + '|')
        each(study_slices)


if __name__ == '__main__':
    main()
