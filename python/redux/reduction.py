# SPDX-License-Identifier: MIT
"""Reductions: which slices, files or embeddings to keep, and why each other one is dropped."""
from __future__ import annotations

import os
from ctypes import byref, c_void_p, pointer, string_at
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Tuple

import numpy as np

from . import _abi, _show
from ._context import Context, long_call, short_call
from ._lib import Owner, lib
from ._options import Keep, Path, code_of, keep_of, window_of
from ._tensor import Array, Tensor
from .datasets import Dataset, dataset_of
from .metrics import Metric

ROW = np.dtype([("source", object), ("slice", np.int64), ("kept", bool), ("witness_source", object),
                ("witness_slice", np.int64), ("score", np.float64)])

_PAPER_HASH = 0  # REDUX_PROFILE_PAPER_HASH


_MANIFEST_ROW: Any = np.dtype(_abi.ManifestRow)
_REDUCTION_ROW: Any = np.dtype(_abi.Row)


def _names_at(addresses: Array) -> Tuple[List[str], Array]:
    """The texts at addresses, each once, by their first appearance, and the number of each
    address's text; -1: NULL."""
    different, first, place = np.unique(addresses, return_index=True, return_inverse=True)
    known: Dict[str, int] = {}
    numbers = np.full(len(different), -1, np.int64)
    for i in np.argsort(first):
        if different[i] != 0:
            name = os.fsdecode(string_at(int(different[i])))
            numbers[i] = known.setdefault(name, len(known))
    return list(known), numbers[place]


class Columns:
    """The rows of a manifest by columns; a million rows make no Python object each.

    Attributes
    ----------
    sources, groups : list of str
        Each source once, and each group; groups are empty where they are volumes.
    source, witness_source, group : [rows] int64
        Numbers in `sources` and `groups`; -1: none.
    slice, witness_slice : [rows] int64
    kept : [rows] bool
    score : [rows] float64
    """

    def __init__(self, sources: List[str], source: Array, slice: Array, kept: Array,
                 witness_source: Array, witness_slice: Array, score: Array,
                 grouping: Callable[[], Tuple[List[str], Array]]) -> None:
        self._grouping = grouping
        self._grouped: Optional[Tuple[List[str], Array]] = None
        self.sources, self.source, self.slice, self.kept = sources, source, slice, kept
        self.witness_source, self.witness_slice = witness_source, witness_slice
        self.score = score

    def _groups(self) -> Tuple[List[str], Array]:
        if self._grouped is None:
            self._grouped = self._grouping()
        return self._grouped

    @property
    def groups(self) -> List[str]:
        return self._groups()[0]

    @property
    def group(self) -> Array:
        return self._groups()[1]

    @classmethod
    def of_file(cls, path: Path) -> Columns:
        """Of a CSV manifest."""
        handle = c_void_p()
        lib.manifest_load(byref(handle), None, os.fsencode(path))
        try:
            rows = np.empty(lib.manifest_row_count(handle), _MANIFEST_ROW)
            lib.manifest_get_rows(rows.ctypes.data, handle, 0, len(rows))
            sources, number = _names_at(np.concatenate([rows["source"], rows["witness_source"]]))
            grouping = _names_at(rows["group"])
        finally:
            lib.manifest_free(handle)
        source, witness = np.split(number, 2)
        return cls(sources, source, rows["slice"].copy(), rows["kept"] != 0, witness,
                   np.where(witness < 0, -1, rows["witness_slice"]), rows["score"].copy(),
                   lambda: grouping)

    def rows(self) -> Array:
        """As an array of ROW. Rows of one source share one str."""
        names = np.array([*self.sources, None], object)  # the last one is number -1
        rows = np.empty(len(self.slice), ROW)
        rows["source"], rows["witness_source"] = names[self.source], names[self.witness_source]
        for name in "slice", "kept", "witness_slice", "score":
            rows[name] = getattr(self, name)
        return rows


class Manifest:
    """What was kept.

    Attributes
    ----------
    columns : Columns
        The rows as NumPy arrays.
    kept : [slices] bool
    summary : dict
        Counts and thresholds; empty of a file's manifest.
    dataset : Dataset or None
        What was reduced.
    """

    def __init__(self, columns: Columns, summary: Optional[Dict[str, Any]] = None,
                 reduction: Optional[_Reduction] = None) -> None:
        self.columns, self.summary, self._reduction = columns, summary or {}, reduction
        self.kept: Array = columns.kept
        self._rows: Optional[Array] = None

    @classmethod
    def load(cls, path: Path) -> Manifest:
        """Reads a CSV manifest of save() or redux-reduce."""
        return cls(Columns.of_file(path))

    @property
    def rows(self) -> Array:
        """An array of ROW, made when it is asked for: source, slice, kept, witness_source (None:
        none), witness_slice, score (NaN: none)."""
        if self._rows is None:
            self._rows = self.columns.rows()
        return self._rows

    def __len__(self) -> int:
        return len(self.kept)

    def __repr__(self) -> str:
        return f"<redux.Manifest: {int(self.kept.sum())} of {len(self)} slices kept>"

    @property
    def indices(self) -> Array:
        """The numbers of the kept slices, in the order of the dataset."""
        return np.flatnonzero(self.kept)

    @property
    def dataset(self) -> Optional[Dataset]:
        return None if self._reduction is None else self._reduction.dataset

    def to_pandas(self) -> Any:
        """A pandas.DataFrame, a row a slice."""
        import pandas
        return pandas.DataFrame.from_records(self.rows)

    def data_list(self, only_kept: bool = False) -> List[Dict[str, Any]]:
        """A data list as MONAI and Lightly take it: {"image": path, "slice", "group", "kept",
        "score"} for each slice."""
        columns = self.columns
        chosen = self.indices if only_kept else np.arange(len(self))
        return [{"image": columns.sources[source], "slice": slice, "kept": kept, "score": score,
                 "group": columns.groups[group] if group >= 0 else columns.sources[source]}
                for source, slice, kept, score, group in zip(*(
                    column[chosen].tolist() for column in (
                        columns.source, columns.slice, columns.kept, columns.score,
                        columns.group)))]

    def save(self, path: Path, seconds: float = 0) -> None:
        """Writes PATH (CSV) and, beside it, the parameters as JSON; replaces files of these names."""
        csv = os.fsdecode(path)
        json = (csv[:-4] if csv.endswith(".csv") else csv) + ".json"
        lib.results_save(os.fsencode(csv), os.fsencode(json), short_call(),
                         self._made("is saved").handle, seconds)

    def save_sheet(self, path: Path, columns: int = 12, volumes: int = 20) -> None:
        """Draws a contact sheet as a PNG: slices by volume, numbered; kept ones framed."""
        lib.contact_sheet(os.fsencode(path), short_call(), self._made("is drawn").handle, columns,
                          volumes)

    @property
    def metric(self) -> Metric:
        """Of what reduce() returned: the metric of its scores, for metric.pair(kept, dropped)."""
        return Metric._of(self._made("has a metric").options)

    def items(self, indices: Sequence[int], context: Optional[Context] = None) -> Array:
        """What that metric compares of these slices: hashes, vectors or images, a row each. Images
        at their own size are to be of one volume."""
        made, out = self._made("has items"), Tensor()
        rows = np.asarray(indices, np.int64)
        long_call(context, lambda c: lib.reduce_items(
            out._tensor, c, made.dataset._handle, rows.ctypes.data, len(rows), byref(made.options)))
        return out.numpy()

    def _made(self, what: str) -> _Reduction:
        if self._reduction is None:
            raise ValueError(f"only what reduce() returned {what}")
        return self._reduction

    # ---- in a notebook ----

    def _repr_html_(self) -> str:
        return str(self.show(6))

    def show(self, count: int = 12) -> _show.Html:
        """The report inside a notebook: counts for each source, and the dropped slices that are the
        least like the kept ones that replace them."""
        columns, most = self.columns, 20
        total = np.bincount(columns.source)  # its witnesses may be of further sources
        kept = np.bincount(columns.source, weights=self.kept).astype(int)
        sources = columns.sources[:len(total)]
        counts = _show.table(("source", "slices", "kept"), zip(sources[:most], total, kept))
        further = f"<p>and {len(sources) - most} more sources</p>" if len(sources) > most else ""
        return _show.Html(f"<p>{int(self.kept.sum())} of {len(self)} slices kept{self._threshold()}"
                          f"</p>{counts}{further}{self._pairs(count)}")

    def _threshold(self) -> str:
        threshold = self.summary.get("threshold", _abi.NAN)
        return "" if threshold != threshold else f", threshold {threshold:.4g}"

    def _pairs(self, count: int) -> str:
        """Dropped slices beside those that replace them, the least similar pairs first."""
        if self.dataset is None or self._reduction is None:
            return ""
        replaced = self._reduction.witnesses
        dropped = np.flatnonzero(~self.kept & (replaced >= 0) & (replaced < len(self)))
        score = self.columns.score[dropped]
        by_distance = self._reduction.is_distance
        order = np.argsort(-score if by_distance else score, kind="stable")[:count]
        shown = []
        for i in dropped[order]:
            for number, what in ((i, "dropped"), (replaced[i], "kept")):
                caption = f"{what} {int(number)} ({self.columns.score[i]:.3g})"
                shown.append(_show.picture(self.dataset.read(int(number), "auto"), 96, caption))
        return f"<p>The least similar pairs:</p>{''.join(shown)}" if shown else ""

    # ---- for PyTorch ----

    def subset(self, dataset: Any) -> Any:
        """torch.utils.data.Subset of a PyTorch dataset (or Inputs) with an item for each slice."""
        from torch.utils.data import Subset
        return Subset(dataset, self._indices_of(dataset))

    def sampler(self, dataset: Any = None, generator: Any = None) -> Any:
        """A torch sampler of the kept slices in random order, for DataLoader(sampler=...)."""
        from torch.utils.data import SubsetRandomSampler
        return SubsetRandomSampler(self._indices_of(dataset), generator)

    def _indices_of(self, dataset: Any) -> List[int]:
        if dataset is not None and len(dataset) != len(self):
            raise ValueError(f"{len(dataset)} items, but the manifest has {len(self)} rows")
        indices: List[int] = self.indices.tolist()
        return indices


class _Reduction:
    """Owns the handle, and what must outlive it."""

    def __init__(self, dataset: Dataset, options: _abi.ReduceOptions, context: Optional[Context],
                 needs: Any) -> None:
        self.dataset, self.options, self._needs = dataset, options, needs
        handle = c_void_p()
        long_call(context, lambda c: lib.reduce(byref(handle), c, dataset._handle, byref(options)))
        self._owner = Owner(handle, lib.reduction_free, (dataset, options, needs))
        self.handle = handle
        self.count: int = lib.reduction_row_count(handle)
        rows = np.empty(self.count, _REDUCTION_ROW)
        lib.reduction_get_rows(rows.ctypes.data, handle, 0, self.count)
        self._read, self.witnesses = rows, rows["witness"].copy()

    @property
    def is_distance(self) -> bool:
        try:
            return Metric._of(self.options).is_distance
        except RuntimeError:  # every-n counts slices
            return True

    def columns(self) -> Columns:
        rows, count = self._read, self.count
        at, slices = np.empty(count, np.uint64), np.empty(count, np.int64)
        lib.reduction_get_names(at.ctypes.data, slices.ctypes.data, self.handle, 0, count)
        outside = np.unique(self.witnesses[self.witnesses >= count])  # of another dataset
        others = np.empty(len(outside), np.uint64), np.empty(len(outside), np.int64)
        for i, row in enumerate(outside.tolist()):
            lib.reduction_get_name(others[0].ctypes.data + 8 * i, others[1].ctypes.data + 8 * i,
                                   self.handle, row)
        sources, number = _names_at(np.concatenate([at, others[0]]))
        slices = np.concatenate([slices, others[1]])
        # Where a witness stands among rows and others; -1, which any index will do for, has none.
        place = np.where(self.witnesses < count, self.witnesses,
                         count + np.searchsorted(outside, self.witnesses))
        has_one = self.witnesses >= 0
        return Columns(sources, number[:count], slices[:count], rows["kept"] != 0,
                       np.where(has_one, number[place], -1), np.where(has_one, slices[place], -1),
                       rows["score"].copy(), self.dataset._numbered_groups)

    def summary(self) -> Dict[str, Any]:
        summary = _abi.ReduceSummary()
        lib.reduction_get_summary(byref(summary), self.handle)
        return {name: getattr(summary, name) for name, _ in summary._fields_[1:]}


def _then_of(then: str) -> Tuple[int, float]:
    name, _, threshold = then.partition(":")
    return code_of("strategy", name), float(threshold) if threshold else _abi.NAN


def _options_of(strategy: str, threshold: Optional[float], keep: Keep, window: Optional[str],
                then: Optional[str], further: Mapping[str, Any]) -> _abi.ReduceOptions:
    known = {name for name, _ in _abi.ReduceOptions._fields_}
    if not set(further) <= known:
        raise TypeError(f"no such option: {', '.join(sorted(set(further) - known))}")
    count, percent = keep_of(keep)
    options = _abi.ReduceOptions(
        strategy=code_of("strategy", strategy), keep_count=count, keep_percent=percent,
        threshold=_abi.NAN if threshold is None else threshold, window=window_of(window), **further)
    if then is not None:
        options.then, options.then_threshold = _then_of(then)
    return options


def reduce(data: Any, strategy: str = "hash", threshold: Optional[float] = None,
           keep: Keep = None, *, window: Optional[str] = None, scope: str = "group",
           order: str = "anatomical", group_by: Optional[str] = None, rule: str = "first",
           hash: Optional[str] = None, profile: Optional[str] = None, then: Optional[str] = None,
           embeddings: Any = None, encoder: Optional[str] = None, skip_errors: bool = False,
           context: Optional[Context] = None, **further: Any) -> Manifest:
    """Which slices to keep; the options are those of redux-reduce.

    Parameters
    ----------
    data : Dataset or paths
    strategy : str
        "hash", "ssim", "mi", "cosine", "ms-ssim", "mattes", "phase-correlation",
        "information-gain", "semdedup", "hierarchical", "density", "entropy", "every-n", "all".
    threshold : float, optional
        From which two slices are redundant; by default the strategy's own.
    keep : int or str, optional
        A budget instead: 100 slices, or "20%" of them.
    scope : {"group", "volume", "dataset"}
        What is compared with each other.
    rule : {"first", "medoid", "k-centre", "complete-link"}
        Which slice of a group represents it.
    then : str, optional
        A second stage: "ssim" or "ssim:0.8".
    embeddings : [slices, D] array, optional
        Of cosine, semdedup, hierarchical and density.
    encoder : str, optional
        Which one made them; recorded with the result.
    **further
        Fields of redux_reduce_options: each_group, bins, size, seed, clusters, levels, nearest,
        temperature, hash_size, calibrate, false_drops.

    Examples
    --------
    >>> kept = redux.reduce("data/ct", strategy="every-n", keep="20%")
    >>> kept
    <redux.Manifest: 40 of 199 slices kept>
    >>> kept.indices[:3]
    array([0, 3, 6])
    """
    options = _options_of(strategy, threshold, keep, window, then, further)
    options.scope, options.order = code_of("scope", scope), code_of("order", order)
    options.rule, options.skip_errors = code_of("rule", rule), skip_errors
    options.encoder = encoder.encode() if encoder else None
    if hash is not None:
        options.hash = code_of("hash", hash)
        options.profile = lib.hash_default_profile(options.hash)
    if profile is not None:
        options.profile = code_of("hash_profile", profile)
    vectors = None if embeddings is None else Tensor.of(embeddings)
    if vectors is not None:
        options.embeddings = pointer(vectors._tensor)
    if isinstance(data, Dataset) and group_by is not None:
        raise TypeError("group_by is for paths: a Dataset has groups of its own")
    # The paper's profile takes slices as they are stored.
    hashes = strategy == "hash" or (then or "").startswith("hash")
    paper = hashes and options.profile == _PAPER_HASH
    dataset = dataset_of(data, orientation="stored" if paper else "axial",
                         skip_errors=skip_errors, group_by=group_by)
    made = _Reduction(dataset, options, context, vectors)
    return Manifest(made.columns(), made.summary(), made)


_METHODS: Dict[str, Dict[str, Any]] = {
    "cosine": dict(strategy="cosine"), "k-centre": dict(strategy="cosine", rule="k-centre"),
    "semdedup": dict(strategy="semdedup"), "hierarchical": dict(strategy="hierarchical"),
    "density": dict(strategy="density")}


def select(embeddings: Any, keep: Keep = None, method: str = "k-centre",
           threshold: Optional[float] = None, seed: int = 0, context: Optional[Context] = None,
           **further: Any) -> Manifest:
    """Which rows of an array of embeddings to keep, whatever model made them.

    Parameters
    ----------
    embeddings : [n, D] array or torch tensor
    keep : int or str, optional
        100 rows, or "10%" of them; without it the threshold decides.
    method : {"k-centre", "semdedup", "hierarchical", "density", "cosine"}
        "semdedup" is defined by a threshold: with `keep`, up to twelve thresholds are tried, and
        each repeats the k-means.
    threshold : float, optional
        The cosine from which two rows are redundant.

    Returns
    -------
    Manifest
        `kept` and `indices`; rows name each dropped row's witness (`witness_slice`).

    Examples
    --------
    >>> rows = np.repeat(np.eye(4, dtype=np.float32), 25, axis=0)
    >>> redux.select(rows, keep=4).indices
    array([ 0, 25, 50, 75])
    """
    if method not in _METHODS:
        raise ValueError(f"method={method!r}: use {', '.join(_METHODS)}")
    shape = Tensor.of(embeddings).shape
    if len(shape) != 2:
        raise ValueError(f"embeddings are {list(shape)}, not [n, D]")
    nothing = np.broadcast_to(np.uint8(0), (shape[0], 1, 1))  # slices that nobody looks at
    items = Dataset.of_arrays({"embeddings": nothing}, layout="NHW")
    options = dict(scope="dataset", embeddings=embeddings, seed=seed, context=context,
                   **_METHODS[method], **further)
    if method == "semdedup" and keep is not None:
        if threshold is not None:
            raise ValueError("semdedup takes a threshold or keep, not both")
        return _within_budget(items, _budget(keep, shape[0]), options)
    return reduce(items, threshold=threshold, keep=keep, **options)


def _budget(keep: Keep, count: int) -> int:
    number, percent = keep_of(keep)
    wanted = number or int(percent * count / 100 + 0.5)
    if not 0 < wanted <= count:
        raise ValueError(f"keep={keep!r} of {count} rows")
    return wanted


def _within_budget(items: Dataset, wanted: int, options: Dict[str, Any]) -> Manifest:
    """SemDeDup with a budget, as its paper has it: the threshold that keeps about as many, by
    bisection, and then again the dropped rows that are the least like what replaces them."""
    low, high = -1.0, 1.0
    best = reduce(items, threshold=low, **options)
    if int(best.kept.sum()) > wanted:
        raise ValueError(f"semdedup keeps {int(best.kept.sum())} rows at least, one a cluster: "
                         f"give fewer clusters, or keep more than {wanted}")
    while high - low > 1e-3 and int(best.kept.sum()) != wanted:
        middle = (low + high) / 2
        found = reduce(items, threshold=middle, **options)
        if int(found.kept.sum()) <= wanted:
            low, best = middle, found
        else:
            high = middle
    dropped = np.flatnonzero(~best.kept)
    columns = best.columns
    weakest = np.argsort(columns.score[dropped], kind="stable")
    again = dropped[weakest[:wanted - int(best.kept.sum())]]
    columns.kept[again], columns.score[again] = True, _abi.NAN
    columns.witness_source[again] = columns.witness_slice[again] = -1
    return best


def mark(data_list: Sequence[Mapping[str, Any]], key: str = "image",
         **options: Any) -> List[Dict[str, Any]]:
    """Marks what is redundant in a list of files: MONAI's data lists, Lightly's, yours.

    Parameters
    ----------
    data_list : list of dict, or of paths
    key : str
        Under which an item has its path.
    **options
        As reduce() takes them.

    Returns
    -------
    list of dict
        A copy of each item with "kept" (whether any of its slices is) and "kept_slices".

    Examples
    --------
    >>> files = [{"image": "data/ct/STS_002_CT.nii.gz", "label": 1}]
    >>> marked = redux.mark(files, strategy="every-n", threshold=20)
    >>> marked[0]["kept"], marked[0]["kept_slices"]
    (True, [0, 20, 40])
    """
    items = [dict(item) if isinstance(item, Mapping) else {key: item} for item in data_list]
    paths = [os.fspath(item[key]) for item in items]
    manifest = reduce(list(dict.fromkeys(paths)), **options)
    columns = manifest.columns
    names = [os.path.realpath(name) for name in columns.sources]
    kept: Dict[str, List[int]] = {name: [] for name in names}
    for i in manifest.indices:
        kept[names[columns.source[i]]].append(int(columns.slice[i]))
    for item, path in zip(items, paths):
        if os.path.realpath(path) not in kept:
            raise ValueError(f"{path} is not among the sources of the dataset: give files, not "
                             "folders")
        item["kept_slices"] = kept[os.path.realpath(path)]
        item["kept"] = bool(item["kept_slices"])
    return items
