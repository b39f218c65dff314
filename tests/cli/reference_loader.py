"""reference_loader.py FILE CELL V HIDDEN LAYERS DIRECTIONS: reads one of lyrnn's safetensors files
with the format's reference package, safetensors, and compares the result with a parse by hand. For
a model.safetensors it also compares names and shapes with those of PyTorch's nn.RNN, nn.LSTM or
nn.GRU. Exits with status 77 if the package or numpy is missing."""

import json
import os
import sys

try:
    import numpy
    from safetensors import safe_open
    from safetensors.numpy import load_file
except ImportError as error:
    print(f"skipped: {error}")
    sys.exit(77)


def parse_by_hand(path):
    """Names, in the order of the file, to arrays; and the metadata."""
    with open(path, "rb") as file:
        content = file.read()
    data_start = 8 + int.from_bytes(content[:8], "little")
    assert data_start % 8 == 0, "the data section must be aligned"
    header = json.loads(content[8:data_start].decode("utf-8"))
    metadata = header.pop("__metadata__", {})
    numpy_types = {"F32": "<f4", "F64": "<f8", "I32": "<i4", "I64": "<i8",
                   "U32": "<u4", "U64": "<u8", "U8": "u1"}
    tensors, end = {}, 0
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        part = content[data_start + begin : data_start + end]
        tensors[name] = numpy.frombuffer(part, numpy_types[entry["dtype"]]).reshape(entry["shape"])
    assert data_start + end == len(content), "the last tensor must end with the file"
    return tensors, metadata


def expected_shapes(cell, V, hidden, layers, directions):
    rows = {"rnn_tanh": 1, "rnn_relu": 1, "lstm": 4, "gru": 3}[cell] * hidden
    shapes = {}
    for layer in range(layers):
        inputs = V if layer == 0 else directions * hidden
        for suffix in ["", "_reverse"][:directions]:
            shapes[f"rnn.weight_ih_l{layer}{suffix}"] = (rows, inputs)
            shapes[f"rnn.weight_hh_l{layer}{suffix}"] = (rows, hidden)
            shapes[f"rnn.bias_ih_l{layer}{suffix}"] = (rows,)
            shapes[f"rnn.bias_hh_l{layer}{suffix}"] = (rows,)
    shapes["dense.weight"] = (V, directions * hidden)
    shapes["dense.bias"] = (V,)
    return shapes


def main():
    path, cell = sys.argv[1:3]
    V, hidden, layers, directions = map(int, sys.argv[3:])
    by_hand, metadata = parse_by_hand(path)
    loaded = load_file(path)
    assert set(loaded) == set(by_hand), "the same names"
    for name, array in loaded.items():
        assert array.dtype == by_hand[name].dtype, f"{name}: {array.dtype}"
        assert array.shape == by_hand[name].shape, f"{name}: {array.shape}"
        assert array.tobytes() == by_hand[name].tobytes(), f"{name}: the same bits"
    with safe_open(path, framework="np") as file:
        names = file.keys()
        assert set(names) == set(by_hand)
        assert (file.metadata() or {}) == metadata
        for name in names:
            assert file.get_tensor(name).tobytes() == by_hand[name].tobytes(), name

    if os.path.basename(path) == "model.safetensors":
        assert metadata["format"] == "pt", metadata["format"]
        assert {name: array.shape for name, array in loaded.items()} == expected_shapes(
            cell, V, hidden, layers, directions
        )
        assert all(array.dtype == numpy.float32 and array.any() for array in loaded.values())
        vocab = json.loads(metadata["vocab"])
        assert len(vocab) == V and vocab == sorted(set(vocab)) and all(len(c) == 1 for c in vocab)
        assert json.loads(metadata["config"]) == {
            "cell": cell, "input_size": V, "hidden_size": hidden, "num_layers": layers,
            "bidirectional": directions == 2, "dropout": 0,
        }  # fmt: skip


main()
