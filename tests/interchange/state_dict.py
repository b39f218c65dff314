"""Moves weights between PyTorch and lyrnn and compares the results: the tutorial's RNNModel, for
every cell, one and two layers, one and both directions, and the same with an embedding, which the
output layer may share.

    PyTorch to lyrnn   a bare state_dict, as safetensors.torch.save_file writes it, gives the same
                       logits to 1e-5, and `lyrnn train --init` saves it bit for bit
    lyrnn to PyTorch   what lyrnn writes, trained or not, loads with strict=True and gives the same
                       logits

    state_dict.py LYRNN LOGITS    (the program, and tests/interchange/logits.c)
"""
import functools
import itertools
import json
import os
import pathlib
import random
import re
import struct
import subprocess
import sys
import tempfile

import torch
from torch import nn

CELLS = {
    "rnn_tanh": nn.RNN,
    "rnn_relu": functools.partial(nn.RNN, nonlinearity="relu"),
    "lstm": nn.LSTM,
    "gru": nn.GRU,
}
HIDDEN_SIZE = 9
TEXT = "我们分开又相逢\n不分开的是晚风\n月光落在屋檐上\n一夜听雨到天明\n" * 4
CHARS = sorted(set(TEXT))
TOLERANCE = 1e-5


class RNNModel(nn.Module):
    """The tutorial's model for one-hot characters. forward returns the logits (T, V) of a text."""

    def __init__(self, cell, num_layers, bidirectional):
        super().__init__()
        self.rnn = CELLS[cell](input_size=len(CHARS), hidden_size=HIDDEN_SIZE,
                               num_layers=num_layers, bidirectional=bidirectional)
        self.dense = nn.Linear(HIDDEN_SIZE * (2 if bidirectional else 1), len(CHARS))

    def forward(self, ids):
        one_hot = nn.functional.one_hot(torch.tensor(ids), len(CHARS)).to(torch.float32)
        return self.dense(self.rnn(one_hot.unsqueeze(1))[0].squeeze(1))


def class_of_page():
    """LyricsModel as the page for users of PyTorch has it."""
    page = pathlib.Path(__file__).parents[2] / "include" / "lyrnn" / "README.md"
    blocks = re.findall("^```python\n(.*?)^```", page.read_text(encoding="utf-8"), re.M | re.S)
    code, = (block for block in blocks if block.startswith("class LyricsModel"))
    names = {"nn": nn}
    exec(code, names)
    return names["LyricsModel"]


class EmbeddedModel(class_of_page()):
    """RNNModel after an embedding. The output layer of a tied model has the embedding's weight, and
    a projection before it if the two sizes differ."""

    def __init__(self, cell, num_layers, bidirectional, embedding_size, tied):
        super().__init__(CELLS[cell], len(CHARS), HIDDEN_SIZE, embedding_size, tied, num_layers,
                         bidirectional)
        if tied:
            self.dense.weight = self.embedding.weight

    def forward(self, ids):
        return super().forward(torch.tensor(ids).unsqueeze(1))[0].squeeze(1)


# Embedding sizes: that of the features of one direction, and others.
EMBEDDINGS = [(HIDDEN_SIZE, True), (5, True), (5, False)]


def weights_of(model):
    """The tensors of the file: a tied weight once."""
    tensors = dict(model.state_dict())
    if isinstance(model, EmbeddedModel) and model.dense.weight is model.embedding.weight:
        del tensors["dense.weight"]
    return tensors


def load_weights(model, tensors):
    """load_state_dict with strict=True, for a tied model too, which has the weight twice."""
    if "dense.weight" not in tensors:
        tensors = {**tensors, "dense.weight": tensors["embedding.weight"]}
    model.load_state_dict(tensors, strict=True)


def save_by_hand(tensors, path, metadata=None):
    """safetensors.torch.save_file, only for float32."""
    header, data = {"__metadata__": metadata} if metadata else {}, b""
    for name in sorted(tensors):
        values = tensors[name].contiguous()
        begin, data = len(data), data + values.numpy().tobytes()
        header[name] = {"dtype": "F32", "shape": list(values.shape),
                        "data_offsets": [begin, len(data)]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def read_header(path):
    size, = struct.unpack("<Q", path.read_bytes()[:8])
    return json.loads(path.read_bytes()[8:8 + size]), 8 + size


def load_by_hand(path):
    """safetensors.torch.load_file, only for float32."""
    header, data = read_header(path)
    data = path.read_bytes()[data:]
    return {name: torch.frombuffer(bytearray(data[slice(*entry["data_offsets"])]),
                                   dtype=torch.float32).reshape(entry["shape"])
            for name, entry in header.items() if name != "__metadata__"}


try:
    from safetensors.torch import load_file, save_file
except ImportError:
    load_file, save_file = load_by_hand, save_by_hand


def run(*words):
    result = subprocess.run([str(word) for word in words], capture_output=True, text=True,
                            check=False)
    assert result.returncode == 0, f"{words}: {result.stderr}"
    return result.stdout


def assert_same_logits(model, logits_program, path, cell):
    ids = random.choices(range(len(CHARS)), k=12)
    with torch.no_grad():
        expected = model(ids)
    rows = [[float(word) for word in line.split()]
            for line in run(logits_program, path, cell, *ids).splitlines()]
    difference = (torch.tensor(rows) - expected).abs().max().item()
    assert difference <= TOLERANCE, f"{path}: logits differ by {difference}"
    return difference


def check(lyrnn, logits_program, folder, shape, make_model, options):
    """Both ways for one network; returns the largest difference of logits."""
    cell, num_layers, bidirectional = shape[:3]
    model, bare = make_model(*shape), folder / "bare.safetensors"
    save_file(weights_of(model), bare)
    largest = assert_same_logits(model, logits_program, bare, cell)

    train = (lyrnn, "train", folder / "corpus.txt", "--batch-size", 2, "--num-steps", 5,
             "--threads", 1, "--overwrite", "--cell", cell, "--out", folder / "run")
    written = folder / "run" / "latest" / "model.safetensors"
    run(*train, "--init", bare, "--num-epochs", 0)
    for name, values in load_file(written).items():
        assert torch.equal(values, model.state_dict()[name]), f"{shape}: {name} has changed"

    both = ("--bidirectional",) if bidirectional else ()
    run(*train, "--hidden-size", HIDDEN_SIZE, "--num-layers", num_layers, *both, *options,
        "--num-epochs", 2)
    trained = make_model(*shape)
    load_weights(trained, load_file(written))
    return max(largest, assert_same_logits(trained, logits_program, written, cell))


def check_vocab(lyrnn, folder):
    """A vocabulary in an order of its own goes along, and its model's greedy text is PyTorch's."""
    model, bare = RNNModel("rnn_tanh", 1, False), folder / "bare.safetensors"
    idx_to_char = random.sample(CHARS, len(CHARS))
    save_file(model.state_dict(), bare, metadata={"vocab": json.dumps(idx_to_char)})
    ids = [idx_to_char.index("月")]
    with torch.no_grad():
        for _ in range(20):
            ids.append(int(model(ids)[-1].argmax()))
    text = "".join(idx_to_char[i] for i in ids)
    written = run(lyrnn, "generate", bare, "--prefix", "月", "--length", 20, "--threads", 1)
    assert written == text + "\n", f"generate writes {written!r}, PyTorch {text!r}"
    run(lyrnn, "train", folder / "corpus.txt", "--batch-size", 2, "--num-steps", 5, "--init", bare,
        "--num-epochs", 0, "--out", folder / "kept")
    header, _ = read_header(folder / "kept" / "latest" / "model.safetensors")
    assert json.loads(header["__metadata__"]["vocab"]) == idx_to_char, "the vocabulary has changed"


def main():
    lyrnn, logits_program = sys.argv[1:]
    torch.manual_seed(1)
    random.seed(1)
    os.environ["LC_ALL"] = "C.UTF-8"
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "corpus.txt").write_text(TEXT, encoding="utf-8")
        shapes = list(itertools.product(CELLS, (1, 2), (False, True)))
        largest = max(check(lyrnn, logits_program, folder, shape, RNNModel, ())
                      for shape in shapes)
        for shape, (size, tied) in itertools.product(shapes, EMBEDDINGS):
            options = ("--embedding-size", size, *(("--tie",) if tied else ()))
            largest = max(largest, check(lyrnn, logits_program, folder, (*shape, size, tied),
                                         EmbeddedModel, options))
        check_vocab(lyrnn, folder)
    package = "by hand" if save_file is save_by_hand else "by safetensors"
    print(f"PyTorch {torch.__version__}, files {package}: logits differ by {largest:.1e} at most")


if __name__ == "__main__":
    main()
