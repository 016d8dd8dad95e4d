#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Checkpoints as PyTorch's users have them, written by PyTorch and read by libredux without it.

    LIBRARY=build/lib/libredux.so tests/golden/torch_files.py

Every form in which the weights of one ResNet-18 are saved must give the same tensors as PyTorch has and the same
features of the same slices, bit for bit. Forms that are not read must be refused with the reason. Pickles that would run
something, in the weights' place and beside them, must not. Prints a line for each form.
"""
import argparse
import os
import sys
import tempfile
from collections import OrderedDict

import numpy as np
import torch
import torchvision

os.environ["REDUX_LIBRARY"] = os.path.abspath(os.environ.get("LIBRARY", "build/lib/libredux.so"))
sys.path.insert(0, "python")
import redux  # noqa: E402

torch.manual_seed(1)


def new_model(name="resnet18"):
    model = getattr(torchvision.models, name)(weights=None)
    for key, value in model.state_dict().items():
        if key.endswith("running_mean"):
            value.normal_(0, 0.1)
        elif key.endswith("running_var"):
            value.uniform_(0.5, 1.5)
    return model.eval()


MODEL, OTHER = new_model(), new_model()
STATE = MODEL.state_dict()


class Callback:
    """What Lightning keeps beside the weights: a class that the reader does not have."""
    def __init__(self):
        self.best, self.where = 0.5, {"path": "x"}


class Runs:
    def __init__(self, command):
        self.command = command

    def __reduce__(self):
        return os.system, (self.command,)


def put(prefix, state=STATE, skip="none"):
    return OrderedDict((prefix + key, value) for key, value in state.items() if not key.startswith(skip))


def numbered(prefix):
    children = ["conv1", "bn1", "relu", "maxpool", "layer1", "layer2", "layer3", "layer4"]
    return OrderedDict((f"{prefix}{children.index(key.split('.')[0])}.{key.split('.', 1)[1]}", value)
                       for key, value in STATE.items() if not key.startswith("fc."))


def trained():
    """A model with an optimiser that has momentum, as checkpoints hold it."""
    optimiser = torch.optim.SGD(MODEL.parameters(), 0.0, momentum=0.9)
    for parameter in MODEL.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimiser.step()
    return optimiser


def forms():
    """Name, object, prefix of the encoder's tensors in the file."""
    flipped = OrderedDict((key, value.to(memory_format=torch.channels_last) if value.ndim == 4 else value)
                          for key, value in STATE.items())
    block = torch.cat([value.reshape(-1) for value in STATE.values() if value.dtype == torch.float32])
    shared, at = OrderedDict(), 0
    for key, value in STATE.items():
        shared[key] = value
        if value.dtype == torch.float32:
            shared[key] = block[at:at + value.numel()].view(value.shape)
            at += value.numel()
    marked = OrderedDict(STATE)
    marked["conv1.weight"] = STATE["conv1.weight"].clone()
    marked["conv1.weight"].note = "an attribute"
    moco = {**put("module.encoder_q."), **put("module.encoder_k.", OTHER.state_dict()),
            "module.queue": torch.randn(128, 64), "module.queue_ptr": torch.zeros(1, dtype=torch.long)}
    byol = {**put("online_network.encoder."), **put("target_network.encoder.", OTHER.state_dict()),
            "online_network.projector.0.weight": torch.randn(8, 512)}
    lightning = {"epoch": 3, "global_step": 100, "pytorch-lightning_version": "1.9.0",
                 "state_dict": put("model."), "callbacks": {Callback: {"x": Callback()}},
                 "lr_schedulers": [Callback()], "loops": {"fit": {"a": [1, 2.5, None, True, "x", b"y", (1,), {3}]}},
                 "hyper_parameters": argparse.Namespace(lr=0.1, dtype=torch.float32),
                 "optimizer_states": [trained().state_dict()]}
    yield "state_dict()", STATE, ""
    yield "a plain dict", dict(STATE), ""
    yield "named_parameters() and buffers", {**dict(MODEL.named_parameters()), **dict(MODEL.named_buffers())}, ""
    yield "without fc", put("", skip="fc."), ""
    for prefix in ("module.", "encoder_q.", "model.", "backbone.", "encoder.", "online_network.encoder.",
                   "module.encoder_q.", "model.backbone.", "_orig_mod.", "student_of.x_1."):
        yield f"prefix {prefix}", put(prefix), prefix
    yield "MoCo: query, key and queue", moco, "module.encoder_q."
    yield "MoCo in a state_dict", {"state_dict": moco, "epoch": 1}, "state_dict.module.encoder_q."
    yield "BYOL: online and target", byol, "online_network.encoder."
    yield "lightly: backbone and backbone_momentum", {**put("backbone."), **put("backbone_momentum.", OTHER.state_dict())}, \
        "backbone."
    yield "Sequential of children", numbered(""), None
    yield "Sequential behind a prefix", numbered("backbone."), None
    yield "model and model_ema", {"model": STATE, "model_ema": OTHER.state_dict()}, "model."
    yield "a model, its optimiser, a scheduler", {"model": STATE, "optimizer": trained().state_dict(), "args": Callback()}, \
        "model."
    yield "Lightning", lightning, "state_dict.model."
    yield "channels last (strides)", flipped, ""
    yield "one storage for all (offsets)", shared, ""
    yield "a tensor with an attribute", marked, ""


def other_types():
    for dtype in (torch.float64, torch.float16, torch.bfloat16):
        yield str(dtype), OrderedDict((key, value.to(dtype) if value.dtype == torch.float32 else value)
                                      for key, value in STATE.items())


def refusals(folder):
    """Name, a function that writes the file, a part of the message."""
    def save(thing, **options):
        return lambda path: torch.save(thing, path, **options)
    lacking = OrderedDict(STATE)
    del lacking["layer3.0.conv2.weight"]
    sparse = OrderedDict(STATE)
    sparse["layer2.0.conv1.weight"] = sparse["layer2.0.conv1.weight"].reshape(128, -1).to_sparse()
    teachers = {"student": STATE, "teacher": OTHER.state_dict()}
    deep = STATE
    for _ in range(20):
        deep = {"a": deep}
    yield "before PyTorch 1.6", save(STATE, _use_new_zipfile_serialization=False), "before PyTorch 1.6"
    yield "a pickled module", save(MODEL), "pickled torchvision.models.resnet.ResNet"
    yield "a module in a dict", save({"model": MODEL, "epoch": 1}), "'model' is a pickled torchvision.models.resnet.ResNet"
    yield "TorchScript", lambda path: torch.jit.script(MODEL).save(path), "TorchScript"
    yield "one tensor", save(STATE["fc.weight"]), "state_dict()"
    yield "a list", save(list(STATE.values())), "state_dict()"
    yield "no tensors", save({"epoch": 1}), "no tensors by name"
    yield "a tensor is missing", save(lacking), "has no layer3.0.conv2.weight"
    yield "a sparse tensor", save(sparse), "layer2.0.conv1.weight is made by torch._utils._rebuild_sparse_tensor"
    yield "student and teacher", save(teachers), "holds 2 encoders"
    yield "another network", save(torchvision.models.vgg11(weights=None).state_dict()), "no ResNet"
    yield "squeeze and excitation", save({**STATE, "layer1.0.se.fc1.weight": torch.ones(4, 4)}), "layer1.0.se.fc1.weight"
    yield "dicts in dicts in dicts", save(deep), "its dicts"


def features(path, dataset):
    return redux.Encoder(path).embed(dataset)


def main():
    rng = np.random.default_rng(1)
    wrong = 0

    def report(good, name, what):
        nonlocal wrong
        wrong += not good
        print(f"{'equal' if good else 'WRONG'}  {name}: {what}")

    with tempfile.TemporaryDirectory() as folder:
        volume, path = os.path.join(folder, "v.npy"), os.path.join(folder, "w.pt")
        marker = os.path.join(folder, "it-ran")
        np.save(volume, rng.integers(0, 255, (3, 64, 64)).astype(np.uint8))
        dataset = redux.Dataset([volume])
        redux.save_safetensors(os.path.join(folder, "w.safetensors"), {k: v.contiguous() for k, v in STATE.items()})
        wanted = features(os.path.join(folder, "w.safetensors"), dataset)
        assert float(np.abs(wanted).max()) > 0.1
        for name, thing, prefix in forms():
            torch.save(thing, path)
            tensors = redux.load_safetensors(path)
            same = prefix is None or all(
                torch.equal(torch.from_dlpack(tensors[prefix + key]), value)
                for key, value in STATE.items() if prefix + key in tensors)
            got = features(path, dataset)
            report(same and np.array_equal(got, wanted), name,
                   f"{len(tensors)} tensors, largest difference of features {np.abs(got - wanted).max():g}")
        for protocol in (3, 4, 5):
            torch.save({"state_dict": STATE, "x": Callback()}, path, pickle_protocol=protocol)
            got = features(path, dataset)
            report(np.array_equal(got, wanted), f"pickle protocol {protocol}", f"largest difference {np.abs(got - wanted).max():g}")
        for name, thing in other_types():
            torch.save(thing, path)
            tensors = redux.load_safetensors(path)
            same = all(torch.equal(torch.from_dlpack(tensors[key]), value) for key, value in thing.items())
            got = features(path, dataset)
            report(same, name, f"relative difference of features "
                   f"{np.linalg.norm(got - wanted) / np.linalg.norm(wanted):.2g}")
        for name, write, part in refusals(folder):
            write(path)
            try:
                redux.Encoder(path)
                report(False, name, "was not refused")
            except redux.ReduxError as error:
                report(part in str(error) and path in str(error), name, f"refused: {error}".replace(path, "w.pt"))
        runs = Runs(f"touch {marker}")
        for name, thing, works in (("a pickle that runs something, in the weights' place", runs, False),
                                   ("the same, as one weight", {**STATE, "conv1.weight": runs}, False),
                                   ("the same, beside the weights", {"a": runs, "state_dict": STATE, "z": [runs]}, True)):
            torch.save(thing, path)
            try:
                good = np.array_equal(features(path, dataset), wanted) == works
                said = "read"
            except redux.ReduxError as error:
                good, said = not works, f"refused: {error}".replace(path, "w.pt")
            report(good and not os.path.exists(marker), name, f"{said}; nothing ran: {not os.path.exists(marker)}")
    if wrong:
        sys.exit(f"{wrong} forms are wrong")


if __name__ == "__main__":
    main()
