# SPDX-License-Identifier: MIT
"""python/redux: its numbers against NumPy's, its arrays against copies, and what PyTorch makes of
it. Run from the project's root."""
import csv
import gc
import glob
import json
import os
import pickle
import re
import resource
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest

import numpy as np

sys.path.insert(0, "python")
import redux  # noqa: E402
from redux import _tensor  # noqa: E402

try:
    import torch
except ImportError:
    torch = None
try:
    import torchvision
except ImportError:
    torchvision = None
try:
    import pandas
except ImportError:
    pandas = None
try:
    from PIL import Image
except ImportError:
    Image = None

CT = "data/ct"
SCAN = "data/ct/STS_019_CT.nii.gz"


def needs(module, package):
    return unittest.skipIf(module is None, f"{package} is not installed")


def text_of(path):
    with open(path, encoding="utf-8", newline="") as file:
        return file.read()


def pictures(count=6, side=48, seed=0):
    """Smooth random pictures."""
    rng = np.random.default_rng(seed)
    rough = rng.normal(size=(count, 6, 6))
    smooth = np.kron(rough, np.ones((side // 6, side // 6)))
    smooth += 0.2 * rng.normal(size=smooth.shape)
    low, high = smooth.min(), smooth.max()
    return np.rint((smooth - low) / (high - low) * 255).astype(np.uint8)


class ArrayTest(unittest.TestCase):
    def test_arrays_are_shared_not_copied(self):
        base = np.arange(24, dtype=np.int16).reshape(4, 6)
        for array in base, base[::-1, ::2], base.T, base[1:3, 1:4], base[0], base[:0]:
            tensor = redux.Tensor.of(array)
            self.assertEqual(tensor.shape, array.shape)
            seen = tensor.numpy()
            np.testing.assert_array_equal(seen, array)
            if array.size:
                self.assertTrue(np.shares_memory(seen, base))

    def test_every_element_type(self):
        for dtype in _tensor.CODES:
            array = np.array([[0, 1], [1, 0]]).astype(dtype)
            seen = redux.Tensor.of(array).numpy()
            self.assertEqual(seen.dtype, dtype)
            np.testing.assert_array_equal(seen, array)
        with self.assertRaises(TypeError):
            redux.Tensor.of(np.zeros(3, complex))
        swapped = np.array([1, 258], ">i2")
        np.testing.assert_array_equal(redux.Tensor.of(swapped).numpy(), swapped)

    def test_memory_lives_as_long_as_it_is_seen(self):
        dataset = redux.Dataset(SCAN)
        expected = dataset[20]
        seen = np.asarray(dataset.stored(20))
        passed_on = np.from_dlpack(dataset.stored(20))
        del dataset
        gc.collect()
        np.testing.assert_array_equal(seen, expected)
        np.testing.assert_array_equal(passed_on, expected)

    def test_memory_is_given_back(self):
        def peak():
            return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024  # MiB

        def use():  # 2 MiB each: a view, one taken by NumPy, one that nobody takes
            tensor = redux.Dataset(SCAN).stored(0)
            np.from_dlpack(tensor)
            tensor.__dlpack__()
        use()
        before = peak()
        for _ in range(40):
            use()
        self.assertLess(peak() - before, 40)

    @needs(torch, "python3-torch")
    def test_torch_tensors_go_both_ways(self):
        own = torch.arange(12, dtype=torch.float32).reshape(3, 4)[:, 1:]
        tensor = redux.Tensor.of(own)
        own[2, 2] = 77
        np.testing.assert_array_equal(tensor.numpy(), own.numpy())
        del own
        gc.collect()
        self.assertEqual(tensor.numpy()[2, 2], 77)
        back = torch.from_dlpack(tensor)
        back[0, 0] = -5
        self.assertEqual(tensor.numpy()[0, 0], -5)
        learned = torch.ones(2, 2, requires_grad=True)
        self.assertEqual(redux.cosine(learned[0], learned[1]), 1)
        half = redux.Tensor.of(torch.tensor([1.5, -2.0], dtype=torch.bfloat16))
        self.assertEqual(torch.from_dlpack(half).tolist(), [1.5, -2.0])
        with self.assertRaises(TypeError):
            half.numpy()


class NumbersTest(unittest.TestCase):
    def test_hashes(self):
        images = pictures(5)
        hashes = redux.hash(images)
        self.assertEqual(hashes.bits.shape, (5, 64))
        distances = (hashes.bits[:, None] != hashes.bits[None]).sum(2)
        np.testing.assert_array_equal(hashes.distances(), distances)
        self.assertEqual([hashes.hex[2]], redux.hash(images[2]).hex)
        self.assertEqual(hashes.hex, redux.hash(images[:, :, ::-1][:, :, ::-1]).hex)
        self.assertFalse(hashes.flat.any())
        self.assertTrue(redux.hash(np.full((40, 40), 9, np.uint8)).flat.all())
        for kind, profile, bits in (("dct", None, 64), ("average", None, 64), ("pdq", None, 256),
                                    ("wavelet", "imagehash", 64), ("blockhash", None, 256),
                                    ("block-mean-0", "opencv", 256), ("colour", None, 42)):
            self.assertEqual(redux.hash(images, kind, profile).bits.shape, (5, bits), kind)
        # Bits of OpenCV's means: blocks of 16 pixels of a picture of 256 are above the mean or not.
        grid = np.zeros((256, 256), np.uint8)
        grid[16:32, 48:64] = 255
        means = redux.hash(grid, "block-mean-0", "opencv").bits[0].reshape(16, 16)
        self.assertEqual(np.argwhere(means).tolist(), [[1, 3]])
        with self.assertRaises(redux.ReduxError) as raised:
            redux.hash(images, "difference", "pdq")
        self.assertEqual(raised.exception.status, redux.Status.INVALID)

    def test_hex_is_what_imagehash_reads(self):
        """hex_to_hash: the digits as a number, its binary digits row by row."""
        for kind, size in ("difference", 8), ("dct", 8), ("average", 16), ("wavelet", 8):
            hashes = redux.hash(pictures(4), kind, "imagehash", size)
            for text, bits in zip(hashes.hex, hashes.bits):
                side = int((len(text) * 4) ** 0.5)
                self.assertEqual(side, size)
                digits = bin(int(text, 16))[2:].zfill(side * side)
                np.testing.assert_array_equal(np.array([d == "1" for d in digits]), bits)
            grey = pictures(4)[0].astype(float)
            if kind == "average":  # the definition, where nothing has to be resized
                exact = redux.hash(grey[:16, :16].astype(np.uint8), kind, "imagehash", 16)
                np.testing.assert_array_equal(
                    exact.bits[0], (grey[:16, :16] > grey[:16, :16].mean()).ravel())

    def test_entropy_and_information(self):
        a, b = pictures(2)
        joint = np.histogram2d(a.ravel(), b.ravel(), bins=256, range=[[0, 256]] * 2)[0] / a.size

        def bits(p):
            p = p[p > 0]
            return -(p * np.log2(p)).sum()
        h_a, h_b, h_ab = bits(joint.sum(1)), bits(joint.sum(0)), bits(joint.ravel())
        self.assertAlmostEqual(redux.entropy(a), h_a, places=12)
        found = redux.information(a, b)
        for name, value in (("entropy_b", h_b), ("joint", h_ab), ("mutual", h_a + h_b - h_ab),
                            ("a_given_b", h_ab - h_b)):
            self.assertAlmostEqual(found[name], value, places=10, msg=name)
        mutual = h_a + h_b - h_ab
        for kind, value in (("arithmetic", 2 * mutual / (h_a + h_b)), ("bits", mutual),
                            ("joint", mutual / h_ab), ("studholme", (h_a + h_b) / h_ab)):
            self.assertAlmostEqual(redux.mutual_information(a, b, kind), value, places=10, msg=kind)
        self.assertNotEqual(redux.entropy(a, bins=16), redux.entropy(a))

    def test_ssim(self):
        a, b = (p.astype(float) for p in pictures(2))
        windows = [np.lib.stride_tricks.sliding_window_view(p, (7, 7)) for p in (a, b)]
        mean = [w.mean((2, 3)) for w in windows]
        var = [w.var((2, 3), ddof=1) for w in windows]
        both = ((windows[0] * windows[1]).mean((2, 3)) - mean[0] * mean[1]) * 49 / 48
        c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
        expected = ((2 * mean[0] * mean[1] + c1) * (2 * both + c2) /
                    ((mean[0] ** 2 + mean[1] ** 2 + c1) * (var[0] + var[1] + c2))).mean()
        a, b = pictures(2)
        self.assertAlmostEqual(redux.ssim(a, b, gaussian=False), expected, places=5)
        self.assertEqual(redux.ssim(a, a), 1)
        self.assertEqual(redux.ms_ssim(a, a), 1)
        self.assertLess(redux.ms_ssim(a, b), 0.9)
        small, large = a / np.float32(255), b / np.float32(255)
        self.assertAlmostEqual(redux.ssim(small, large), redux.ssim(a, b), places=5)

    def test_metrics(self):
        rng = np.random.default_rng(2)
        rows = rng.normal(size=(20, 8)).astype(np.float32)
        unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        cosines = unit @ unit.T
        scores = redux.one_to_many("cosine", rows[3], rows)
        np.testing.assert_allclose(scores, cosines[3], atol=1e-5)
        self.assertAlmostEqual(redux.cosine(rows[0], rows[1]), cosines[0, 1], places=5)
        metric = redux.Metric("cosine")
        found = {(a, b) for a, b, _ in metric.pairs(rows, 0.3)}
        expected = {(a, b) for b in range(20) for a in range(b) if cosines[a, b] >= 0.3}
        self.assertEqual(found, expected)
        indices, scores = metric.nearest(rows[:4], rows, 3)
        np.testing.assert_array_equal(indices, np.argsort(-cosines[:4], axis=1)[:, :3])
        np.testing.assert_allclose(scores, -np.sort(-cosines[:4], axis=1)[:, :3], atol=1e-5)
        images = pictures(3)
        self.assertEqual(redux.Metric("ssim").pair(images[0], images[1]),
                         redux.ssim(images[0], images[1]))
        self.assertTrue(redux.Metric("hamming").is_distance)
        shift = redux.phase_correlation(images[0], np.roll(images[0], (3, -5), (0, 1)))
        self.assertEqual((shift.dy, shift.dx), (3, -5))

    def test_k_means(self):
        rng = np.random.default_rng(3)
        centres = 9 * rng.standard_normal((4, 6))
        label = np.arange(80) % 4
        rows = (centres[label] + rng.standard_normal((80, 6))).astype(np.float32)
        cluster, centroids = redux.k_means(rows, 6, seed=5)
        np.testing.assert_array_equal(
            cluster, ((rows[:, None] - centroids[None]) ** 2).sum(2).argmin(1))
        for c in range(6):
            np.testing.assert_allclose(centroids[c], rows[cluster == c].mean(0), rtol=1e-5)
        with self.assertRaisesRegex(redux.ReduxError, "81 clusters of 80 vectors"):
            redux.k_means(rows, 81)

    def test_errors_say_what_and_why(self):
        with self.assertRaises(redux.ReduxError) as raised:
            redux.Dataset("no such file.nii")
        self.assertEqual(raised.exception.status, redux.Status.NOT_FOUND)
        self.assertIn("no such file.nii", str(raised.exception))
        with self.assertRaises(redux.ReduxError):
            redux.ssim(np.zeros((4, 4), np.uint8), np.zeros((4, 5), np.uint8))
        with self.assertRaises(redux.ReduxError):
            redux.Metric("sism")


class DatasetTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dataset = redux.Dataset(CT)

    def test_slices(self):
        dataset = self.dataset
        self.assertEqual(len(dataset), 199)
        self.assertEqual([v["slices"] for v in dataset.volumes], [48, 51, 53, 47])
        self.assertEqual(dataset.place(48), (1, 0))
        self.assertEqual(dataset.place(-1), (3, 46))
        self.assertEqual([dataset.number(*dataset.place(i)) for i in range(199)], list(range(199)))
        with self.assertRaises(IndexError):
            dataset.number(0, 48)
        self.assertEqual(dataset.name(198), (SCAN, 46))
        np.testing.assert_array_equal(dataset[-1], dataset[198])
        with self.assertRaises(IndexError):
            dataset[199]
        self.assertEqual(sum(1 for _ in redux.Dataset(SCAN)), 47)
        np.testing.assert_array_equal(redux.Dataset([SCAN])[3], dataset[155])

    def test_values_and_windows(self):
        values = self.dataset[100].astype(np.float64)
        self.assertEqual(values.dtype, np.float64)
        self.assertLess(values.min(), -900)
        lung = self.dataset.read(100, "lung")
        np.testing.assert_allclose(lung, np.clip((values + 1350) / 1500, 0, 1), atol=1e-6)
        low, high = values.min(), values.max()
        grey = np.rint((values - low) / (high - low + 1e-5) * 255)
        np.testing.assert_array_equal(self.dataset.read(100, "slice"), grey)
        np.testing.assert_array_equal(redux.window(self.dataset[100]), grey)

    def test_arrays(self):
        """The same slices from memory: the same manifest, but for the names."""
        scan = redux.Dataset(SCAN)
        stack = np.stack([np.asarray(scan.stored(i)) for i in range(len(scan))])
        info = scan.volumes[0]
        held = redux.Dataset.of_arrays({"mine": stack}, info["slope"], info["intercept"],
                                       info["spacing"], scan=True)
        del stack
        for dataset in (held, pickle.loads(pickle.dumps(held))):
            self.assertEqual(dataset.volumes[0]["source"], "mine")
            self.assertEqual(dataset.volumes[0]["format"], "memory")
            np.testing.assert_array_equal(dataset.read(7, "lung"), scan.read(7, "lung"))
            mine, theirs = redux.reduce(dataset, "ssim"), redux.reduce(scan, "ssim")
            for column in ("slice", "kept", "witness_slice", "score"):
                np.testing.assert_array_equal(mine.rows[column], theirs.rows[column])
        with self.assertRaises(redux.ReduxError):
            redux.Dataset.of_arrays({"flat": np.zeros((3, 4), np.uint8)})

    def test_scores_again(self):
        """Each score of a manifest, from its metric and items."""
        for strategy in "hash", "ssim", "mi", "cosine":
            manifest = redux.reduce(SCAN, strategy)
            metric, items = manifest.metric, manifest.items(range(len(manifest)))
            dropped = np.flatnonzero(~manifest.kept)
            self.assertGreater(len(dropped), 5)
            for i in dropped:
                witness = manifest.rows["witness_slice"][i]
                self.assertEqual(metric.pair(items[witness], items[i]), manifest.rows["score"][i])
        with self.assertRaises(ValueError):
            redux.Manifest(manifest.columns).metric
        with self.assertRaises(redux.ReduxError):
            redux.reduce(SCAN, "every-n").metric

    def test_loader(self):
        """Every slice once an epoch, the same batches from any start and on any threads."""
        scan = redux.Dataset(SCAN)
        seen, all_rows = [], []
        for rows, views in redux.Loader(scan, 10, size=16, seed=3, epochs=2, threads=1):
            self.assertEqual([view.shape for view in views], [(10, 16, 16, 1)] * 2)
            seen.append(views[0].copy())
            all_rows.append(rows)
        self.assertEqual(len(seen), 8)
        self.assertEqual(len(set(np.concatenate(all_rows[:4]))), 40)
        later = redux.Loader(scan, 10, size=16, seed=3, epochs=2, first_batch=5, threads=3)
        for i, (rows, views) in enumerate(later, 5):
            np.testing.assert_array_equal(rows, all_rows[i])
            np.testing.assert_array_equal(views[0], seen[i])
        kept = np.arange(47) % 5 == 0
        rows, _ = next(redux.Loader(scan, kept=kept, size=16))
        self.assertEqual(sorted(rows), list(range(0, 47, 5)))

    def test_scaled_values(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "small.nii")
            header = bytearray(352)
            struct.pack_into("<i", header, 0, 348)
            struct.pack_into("<8h", header, 40, 3, 5, 4, 3, 1, 1, 1, 1)
            struct.pack_into("<2h", header, 70, 4, 16)  # int16
            struct.pack_into("<8f", header, 76, 1, 1, 1, 2, 1, 1, 1, 1)
            struct.pack_into("<3f", header, 108, 352, 0.5, -1024)
            header[344:348] = b"n+1\0"
            voxels = np.arange(60, dtype="<i2").reshape(3, 4, 5)
            with open(path, "wb") as file:
                file.write(bytes(header) + voxels.tobytes())
            seen = np.stack(list(redux.Dataset(path, "stored")))
            np.testing.assert_array_equal(seen, voxels * 0.5 - 1024)

    def test_dicom(self):
        series = redux.Dataset("tests/golden/data/dicom/STS_019")
        self.assertEqual((len(series), series.volumes[0]["scan"]), (10, True))
        for i, values in enumerate(series):
            np.testing.assert_array_equal(values, self.dataset[152 + 19 + i])
            self.assertEqual(series.read(i, "auto").dtype, np.uint8)

    def test_copies_for_other_processes(self):
        copy = pickle.loads(pickle.dumps(self.dataset))
        np.testing.assert_array_equal(copy[60], self.dataset[60])

    def test_few_volumes_stay_open(self):
        dataset = redux.Dataset(CT, open_volumes=1)
        kept = [np.asarray(dataset.stored(i)) for i in (0, 50, 100, 150)]
        self.assertEqual(len(dataset._open), 1)
        for i, seen in zip((0, 50, 100, 150), kept):
            np.testing.assert_array_equal(seen, np.asarray(self.dataset.stored(i)))

    def test_unusable_files_are_told(self):
        with tempfile.TemporaryDirectory() as folder:
            bad = os.path.join(folder, "bad.nii")
            with open(bad, "wb") as file:
                file.write(b"nothing")
            dataset = redux.Dataset([bad, SCAN], skip_errors=True)
            self.assertEqual(list(dataset.skipped), [bad])
            self.assertEqual(len(redux.Dataset(CT, exclude=[SCAN])), 152)


class ReduceTest(unittest.TestCase):
    def test_like_the_program(self):
        """The same rows as redux-reduce, for each kind of option."""
        for arguments, options in (
                ([], {}),
                (["--strategy", "ssim", "--threshold", "0.7"],
                 {"strategy": "ssim", "threshold": 0.7}),
                (["--strategy", "mi", "--keep", "30", "--scope", "dataset"],
                 {"strategy": "mi", "keep": 30, "scope": "dataset"}),
                (["--strategy", "hash", "--hash", "dct", "--profile", "imagehash",
                  "--rule", "k-centre"],
                 {"hash": "dct", "profile": "imagehash", "rule": "k-centre"})):
            manifest = redux.reduce(CT, **options)
            with tempfile.TemporaryDirectory() as folder:
                path, other = os.path.join(folder, "a.csv"), os.path.join(folder, "b.csv")
                manifest.save(path)
                subprocess.run([os.environ["REDUX_BIN"] + "/redux-reduce", CT, *arguments,
                                "--manifest", other], check=True, capture_output=True)
                self.assertEqual(text_of(path), text_of(other))
                loaded = redux.Manifest.load(other)
                with open(os.path.join(folder, "a.json"), encoding="utf-8") as file:
                    self.assertEqual(json.load(file)["counts"]["kept"], manifest.summary["kept"])
            self.assertEqual(manifest.rows.tolist()[:-1:7][0][:5], loaded.rows.tolist()[0][:5])
            np.testing.assert_array_equal(manifest.kept, loaded.kept)
            np.testing.assert_array_equal(manifest.rows["witness_slice"],
                                          loaded.rows["witness_slice"])
            np.testing.assert_array_equal(manifest.rows["score"], loaded.rows["score"])
            self.assertEqual(len(manifest.indices), manifest.summary["kept"])

    def test_options_are_checked(self):
        with self.assertRaises(TypeError):
            redux.reduce(SCAN, tresh=1)
        with self.assertRaises(redux.ReduxError):
            redux.reduce(SCAN, "nothing")
        with self.assertRaises(ValueError):
            redux.Manifest(redux.reduce(SCAN, "every-n").columns).save("x.csv")

    def test_embeddings_of_one_s_own(self):
        angle = np.repeat([0.0, 1.0, 2.0], [20, 20, 7])
        vectors = np.stack([np.cos(angle), np.sin(angle)], axis=1).astype(np.float32)
        manifest = redux.reduce(SCAN, "cosine", threshold=0.9, embeddings=vectors)
        self.assertEqual(manifest.indices.tolist(), [0, 20, 40])
        self.assertEqual(repr(manifest), "<redux.Manifest: 3 of 47 slices kept>")
        self.assertEqual(repr(redux.Dataset(SCAN)), "<redux.Dataset: 47 slices of 1 volumes>")

    def test_progress_and_its_end(self):
        seen = []
        redux.reduce(SCAN, context=redux.Context(2, lambda done, total: seen.append((done, total))))
        self.assertEqual(seen[-1], (47, 47))
        with self.assertRaises(redux.ReduxError) as raised:
            redux.reduce(SCAN, context=redux.Context(1, lambda done, total: True))
        self.assertEqual(raised.exception.status, redux.Status.CANCELLED)

        def stop(done, total):
            raise ZeroDivisionError
        context = redux.Context(1, stop)
        with self.assertRaises(ZeroDivisionError):
            redux.reduce(SCAN, context=context)
        context._progress = None  # and it can be used again
        self.assertEqual(len(redux.reduce(SCAN, context=context)), 47)

    def test_control_c(self):
        seen = []
        # A script's background job ignores the signal, and Python then leaves it ignored.
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        self.addCleanup(signal.signal, signal.SIGINT, before)

        def press(done, total):
            seen.append(done)
            if len(seen) == 1:
                signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
            time.sleep(0.02)  # there is time to notice it
        with self.assertRaises(KeyboardInterrupt):
            redux.reduce(CT, context=redux.Context(1, press))
        self.assertLess(len(seen), 40)

    @needs(torch, "python3-torch")
    def test_what_pytorch_gets(self):
        from torch.utils.data import DataLoader
        dataset = redux.Dataset(CT)
        manifest = redux.reduce(dataset, "every-n", threshold=10)
        inputs = redux.Inputs(dataset, "-160:240", size=32)
        subset = manifest.subset(inputs)
        self.assertEqual(list(subset.indices), manifest.indices.tolist())
        for workers in 0, 2:
            batches = list(DataLoader(subset, batch_size=8, num_workers=workers))
            self.assertEqual(batches[0].shape, (8, 1, 32, 32))
            self.assertEqual(sum(len(b) for b in batches), len(manifest.indices))
            np.testing.assert_array_equal(batches[0][1, 0], inputs[manifest.indices[1]][0])
        drawn = [int(i) for i in manifest.sampler(inputs)]
        self.assertEqual(sorted(drawn), manifest.indices.tolist())
        self.assertNotEqual(drawn, sorted(drawn))
        with self.assertRaises(ValueError):
            manifest.subset(range(3))


def read_safetensors(path):
    """A reader of its own, from the format's description: length, JSON, data."""
    with open(path, "rb") as file:
        length, = struct.unpack("<Q", file.read(8))
        header, data = json.loads(file.read(length)), file.read()
    metadata = header.pop("__metadata__", {})
    kinds = {"F32": "<f4", "F16": "<f2", "F64": "<f8", "I64": "<i8", "U8": "u1"}
    tensors = {}
    for name, entry in header.items():
        start, end = entry["data_offsets"]
        values = np.frombuffer(data[start:end], kinds[entry["dtype"]])
        tensors[name] = values.reshape(entry["shape"])
    return tensors, metadata


class WeightsTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = os.path.join(folder.name, "weights.safetensors")

    def test_tensors_out_and_in(self):
        tensors = {"b": np.arange(6, dtype=np.float32).reshape(2, 3).T, "a": np.array([1, 2, 3]),
                   "half": np.array([0.5, -2], np.float16), "one": np.array(7.0)}
        redux.save_safetensors(self.path, tensors, {"made by": "a test"})
        read, metadata = read_safetensors(self.path)
        self.assertEqual(metadata["made by"], "a test")
        again = redux.load_safetensors(self.path)
        gc.collect()
        for name, value in tensors.items():
            np.testing.assert_array_equal(read[name], value)
            np.testing.assert_array_equal(again[name].numpy(), value)
            self.assertEqual(read[name].dtype, value.dtype)
        self.assertEqual(set(read), set(again))

    @needs(torchvision, "python3-torchvision")
    def test_torchvision_sees_what_libredux_sees(self):
        torch.manual_seed(3)
        model = torchvision.models.resnet18().eval()
        for parameter in model.buffers():  # statistics that are not those of the start
            if parameter.dtype == torch.float32:
                parameter.uniform_(0.5, 1.5)
        redux.save_safetensors(self.path, model.state_dict(),
                               {"window": "lung", "size": "48", "mean": "0.4", "deviation": "0.2"})
        features = redux.embed(SCAN, self.path)
        inputs = redux.Inputs(redux.Dataset(SCAN), "lung", 48, 0.4, 0.2, channels=3)
        loaded = redux.load_torchvision(self.path, torchvision.models.resnet18()).eval()
        for name, value in model.state_dict().items():
            self.assertTrue(torch.equal(value, loaded.state_dict()[name]), name)
        loaded.fc = torch.nn.Identity()
        with torch.no_grad():
            expected = loaded(torch.stack([torch.from_numpy(inputs[i]) for i in range(3)])).numpy()
        np.testing.assert_allclose(features[:3], expected, rtol=1e-4, atol=1e-4)
        manifest = redux.reduce(SCAN, "cosine", keep="20%", embeddings=features)
        self.assertEqual(manifest.summary["kept"], 9)

    @needs(torchvision, "python3-torchvision")
    def test_checkpoints_of_pytorch(self):
        state = torchvision.models.resnet18().state_dict()
        redux.save_safetensors(self.path, state)
        features = redux.embed(SCAN, self.path)
        nested = {"epoch": 1, "args": complex(1, 2),  # an object that is not read
                  "state_dict": {"module." + k: v for k, v in state.items()}}
        for thing in (state, nested):
            torch.save(thing, self.path + ".pth")
            np.testing.assert_array_equal(redux.embed(SCAN, self.path + ".pth"), features)
        torch.save(torchvision.models.resnet18(), self.path + ".pth")
        with self.assertRaisesRegex(redux.ReduxError, "pickled torchvision.models.resnet.ResNet"):
            redux.Encoder(self.path + ".pth")

    @needs(torchvision, "python3-torchvision")
    def test_a_checkpoint_of_redux_pretrain(self):
        out = os.path.dirname(self.path)
        subprocess.run([os.environ["REDUX_BIN"] + "/redux-pretrain", SCAN, "--out", out, "--epochs",
                        "1", "--batch", "8", "--size", "32", "--quiet"], check=True,
                       capture_output=True)
        path = os.path.join(out, "weights.safetensors")
        tensors, metadata = read_safetensors(path)
        self.assertIn("window", metadata)
        stem = tensors["conv1.weight"]
        self.assertEqual(stem.shape, (64, 1, 7, 7))
        own = redux.load_torchvision(path, torchvision.models.resnet18(num_classes=4)).state_dict()
        for channel in range(3):  # grey in each channel: the same answers
            np.testing.assert_allclose(own["conv1.weight"][:, channel].numpy(), stem[:, 0] / 3)
        np.testing.assert_array_equal(own["layer4.1.conv2.weight"].numpy(),
                                      tensors["layer4.1.conv2.weight"])
        wide = torchvision.models.ResNet(torchvision.models.resnet.BasicBlock, [2, 2, 2, 2],
                                         width_per_group=64)
        wide.layer4[1].bn2 = torch.nn.BatchNorm2d(256)
        for model, part in ((torchvision.models.resnet34(), "is missing"),
                            (torchvision.models.resnet50(),
                             "layer1.0.conv1.weight is [64, 64, 3, 3], and [64, 64, 1, 1]"),
                            (wide, "is [512], and [256] in this model")):
            with self.assertRaises(redux.ReduxError) as raised:  # in one line
                redux.load_torchvision(path, model)
            self.assertIn(part, str(raised.exception))
            self.assertNotIn("\n", str(raised.exception))
        deeper = out + "/deeper.safetensors"
        redux.save_safetensors(deeper, torchvision.models.resnet34().state_dict())
        with self.assertRaises(redux.ReduxError) as raised:
            redux.load_torchvision(deeper, torchvision.models.resnet18())
        self.assertIn("layer1.2.", str(raised.exception))
        encoder = redux.Encoder(path)
        again = path + ".again"
        encoder.save(again)
        saved, kept = redux.load_safetensors(again), redux.load_safetensors(path)
        self.assertEqual(set(saved), set(kept))
        for name in kept:
            self.assertEqual(np.asarray(saved[name]).tobytes(), np.asarray(kept[name]).tobytes())
        self.assertRegex(encoder.name, r"^resnet18 crc32 [0-9a-f]{8}$")
        self.assertEqual(encoder.embed(redux.Dataset(SCAN)).shape, (47, encoder.features))


class FormatsTest(unittest.TestCase):
    """What programs write, read by what others have."""

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        cls.manifest = os.path.join(cls.folder.name, 'a "name", with.csv')
        cls.run_program("redux-reduce", SCAN, "--manifest", cls.manifest)

    @classmethod
    def run_program(cls, name, *arguments):
        return subprocess.run([os.environ["REDUX_BIN"] + "/" + name, *arguments], check=True,
                              capture_output=True).stdout.decode()

    def test_manifest_by_python_s_csv(self):
        with open(self.manifest, newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        own = redux.Manifest.load(self.manifest).rows
        self.assertEqual([int(r["slice"]) for r in rows], own["slice"].tolist())
        self.assertEqual([r["kept"] == "1" for r in rows], own["kept"].tolist())

    @needs(pandas, "python3-pandas")
    def test_manifest_by_pandas(self):
        frame = pandas.read_csv(self.manifest)
        own = redux.Manifest.load(self.manifest).rows
        self.assertEqual(frame["kept"].dtype, np.int64)
        self.assertEqual(frame["source"].tolist(), own["source"].tolist())
        exact = pandas.read_csv(self.manifest, float_precision="round_trip")["score"]
        np.testing.assert_array_equal(exact, own["score"])
        dropped = frame[frame.kept == 0]
        self.assertEqual(dropped["witness_slice"].astype(int).tolist(),
                         own["witness_slice"][~own["kept"]].tolist())

    def test_exports_by_numpy(self):
        dataset = redux.Dataset(SCAN)
        for form in "npy", "npz":
            out = os.path.join(self.folder.name, form)
            self.run_program("redux-reduce", SCAN, "--export", out, "--format", form, "--manifest",
                             os.path.join(self.folder.name, "m.csv"))
            with open(os.path.join(out, "index.csv"), newline="", encoding="utf-8") as file:
                index = list(csv.DictReader(file))
            self.assertGreater(len(index), 5)
            for row in index:
                array = np.load(os.path.join(out, row["file"]))
                array = array[row["key"]] if form == "npz" else array
                np.testing.assert_array_equal(array, dataset[int(row["slice"])])

    @needs(Image, "python3-pil")
    def test_exports_by_pillow(self):
        out = os.path.join(self.folder.name, "png")
        self.run_program("redux-reduce", SCAN, "--export", out, "--window", "slice", "--manifest",
                         os.path.join(self.folder.name, "m.csv"))
        dataset = redux.Dataset(SCAN)
        with open(os.path.join(out, "index.csv"), newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                with Image.open(os.path.join(out, row["file"])) as picture:
                    self.assertEqual(picture.mode, "L")
                    np.testing.assert_array_equal(np.asarray(picture),
                                                  dataset.read(int(row["slice"]), "slice"))

    def test_hash_lists(self):
        """redux-hash's text: SOURCE, SLICE, HEX, the digits of which are imagehash's."""
        text = self.run_program("redux-hash", "--profile", "imagehash", "--hash", "dct", SCAN)
        dataset = redux.Dataset(SCAN)
        lines = [line.split("\t") for line in text.splitlines() if not line.startswith("#")]
        self.assertEqual(len(lines), 47)
        for source, number, digits in lines[::9]:
            own = redux.hash(dataset.read(int(number), "slice"), "dct", "imagehash")
            self.assertEqual((source, [digits]), (SCAN, own.hex))

    @needs(torch, "python3-torch")
    def test_the_examples_run(self):
        """What "getting started" shows, and the example; in one process, for PyTorch is big."""
        code = re.search(r"```python\n(.*?)```", text_of("docs/getting-started.md"), re.S).group(1)
        example = os.path.abspath("python/reduce_and_train.py")
        code += ("print(sum(len(batch) for batch in loader), 'of', len(manifest))\n"
                 "import runpy, sys\nsys.argv = ['', 'data/ct', 'example.csv']\n"
                 f"runpy.run_path({example!r})\n")
        os.symlink(os.path.abspath("data"), os.path.join(self.folder.name, "data"))
        printed = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True,
                                 cwd=self.folder.name,
                                 env={**os.environ, "PYTHONPATH": os.path.abspath("python")})
        lines = printed.stdout.decode().splitlines()
        self.assertEqual(lines[0], "50 of 199")
        self.assertIn("kept 50 of 199 slices", lines[1])
        losses = [float(x) for x in re.findall(r"loss ([0-9.]+)", "".join(lines))]
        self.assertEqual(len(losses), 5)
        self.assertLess(losses[-1], losses[0] / 2)
        for name in "kept.csv", "example.csv":
            kept = redux.Manifest.load(os.path.join(self.folder.name, name)).kept
            self.assertEqual(kept.sum(), 50)


def load_tests(loader, tests, pattern):
    import test_abi
    import test_package
    tests.addTests(loader.loadTestsFromModule(module) for module in (test_abi, test_package))
    return tests


def main():
    result = unittest.TextTestRunner(stream=sys.stderr, verbosity=1).run(
        unittest.defaultTestLoader.loadTestsFromModule(sys.modules[__name__]))
    for reason in sorted({reason for _, reason in result.skipped}):
        count = sum(1 for _, other in result.skipped if other == reason)
        print(f"  check-python: {count} skipped: {reason}")
    failed = len(result.failures) + len(result.errors)
    print(f"check-python: {result.testsRun - failed - len(result.skipped)} passed, {failed} failed")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
