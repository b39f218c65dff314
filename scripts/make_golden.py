#!/usr/bin/env python3
"""Writes the files in tests/golden, with which test_golden.c compares lyrnn and the tests' oracle.

PyTorch computes the numbers on the CPU in float32, with the tutorial's RNNModel: one-hot input,
torch.nn.RNN, LSTM or GRU, and torch.nn.Linear. There is one file for each cell, one to three
layers, and one or two directions. It has one batch with its gradients, a training with consecutive
sampling and the tutorial's gradient clipping, and the text of the tutorial's prediction loop.
Numbers have nine significant digits, which identify a float32 exactly. golden_recipe.py makes the
files of the recipe.

    python3 scripts/make_golden.py --date 2026-11-24
"""
import argparse
import itertools
import json
import pathlib
import statistics
import sys


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--date", required=True, help="the date to record in the files, YYYY-MM-DD")
    parser.add_argument(
        "--out",
        default=pathlib.Path(__file__).parent.parent / "tests" / "golden",
        type=pathlib.Path,
        help="the folder to write into [tests/golden]",
    )
    parser.add_argument(
        "--part",
        choices=("networks", "recipe"),
        help="write only the files of networks, or only those of the recipe [both]",
    )
    return parser.parse_args()


# This comes before PyTorch, which --help does not need.
ARGUMENTS = parse_arguments() if __name__ == "__main__" else None

try:
    import torch
    from torch import nn
except ImportError:
    sys.exit(f"make_golden.py: {sys.executable}: has no PyTorch; on Debian and Ubuntu install "
             "python3-torch and use /usr/bin/python3")

LAYERS = {
    "rnn_tanh": lambda *args, **kwargs: nn.RNN(*args, nonlinearity="tanh", **kwargs),
    "rnn_relu": lambda *args, **kwargs: nn.RNN(*args, nonlinearity="relu", **kwargs),
    "lstm": nn.LSTM,
    "gru": nn.GRU,
}
# Small shapes keep the files small. Only the hidden size of LARGE is a power of two, which is usual
# for a model.
SMALL = {"V": 11, "H": 5, "B": 3, "T": 5, "epochs": 2, "batches": 5}
LARGE = {"V": 61, "H": 32, "B": 4, "T": 9, "epochs": 2, "batches": 25}
GATED = {"V": 19, "H": 17, "B": 4, "T": 9, "epochs": 2, "batches": 25}
ONE_LAYER = {"rnn_tanh": LARGE, "rnn_relu": LARGE, "lstm": GATED, "gru": GATED}
LEARNING_RATE = 1e-2
SNAPSHOT_STEP = 10
# The text comes from the weights after SNAPSHOT_STEP steps, multiplied by WEIGHT_SCALE. Without the
# factor, they have learned too little and repeat themselves. SURE_MARGIN is the smallest allowed
# difference between the two largest logits.
PREFIX_LENGTH, TEXT_LENGTH, WEIGHT_SCALE, SURE_MARGIN = 3, 20, 8, 1e-3
# The largest allowed difference between float32 and float64, relative to the largest value as in
# the tests. A run with a larger difference cannot serve as a reference, so the next seed replaces
# it. Such runs have a relu near its kink, or a gradient near zero in Adam.
FORWARD_ERROR, GRADIENT_ERROR, TRAINING_ERROR = 2e-6, 5e-6, 2e-6


class RNNModel(nn.Module):
    """The tutorial's model. forward returns logits (T*B,V) and the last state, h or (h, c)."""

    def __init__(self, rnn_layer, vocab_size):
        super().__init__()
        self.rnn = rnn_layer
        self.hidden_size = rnn_layer.hidden_size * (2 if rnn_layer.bidirectional else 1)
        self.vocab_size = vocab_size
        self.dense = nn.Linear(self.hidden_size, vocab_size)

    def forward(self, inputs, state):
        one_hot = nn.functional.one_hot(inputs, self.vocab_size).to(self.dense.weight.dtype)
        output, state = self.rnn(one_hot, state)
        return self.dense(output.view(-1, self.hidden_size)), state


def detached(state):
    """The same state without its history for autograd, as in the tutorial."""
    if isinstance(state, tuple):
        return (state[0].detach(), state[1].detach())
    return state.detach() if state is not None else None


def grad_clipping(params, theta):
    """The tutorial's gradient clipping. Returns the norm before clipping."""
    norm = torch.zeros(1, dtype=params[0].dtype)
    for param in params:
        norm += (param.grad.data ** 2).sum()
    norm = norm.sqrt().item()
    if norm > theta:
        for param in params:
            param.grad.data *= theta / norm
    return norm


def corpus(length, vocab_size):
    """Ids that a recurrent model can learn: each has two successors; the position selects one."""
    ids = [0]
    for i in range(1, length):
        ids.append((ids[-1] * 7 + (3 if i % 5 < 3 else 11)) % vocab_size)
    return torch.tensor(ids)


def consecutive(ids, streams, steps):
    """Yields the batches of the tutorial's data_iter_consecutive as (T,B) inputs and targets."""
    columns = len(ids) // streams
    chunks = ids[: streams * columns].view(streams, columns)
    for k in range((columns - 1) // steps):
        chunk = chunks[:, k * steps : (k + 1) * steps + 1].t()
        yield chunk[:-1], chunk[1:]


def named(model, of):
    return {name: of(parameter).detach().clone() for name, parameter in model.named_parameters()}


def one_batch(model, inputs, targets, state):
    """Runs forward and backward from a nonzero state. Returns logits, loss, states, gradients."""
    logits, last = model(inputs, state)
    loss = nn.CrossEntropyLoss()(logits, targets.reshape(-1))
    model.zero_grad()
    loss.backward()
    results = {"logits": logits, "loss": loss}
    if isinstance(last, tuple):
        results["h_n"], results["c_n"] = last
    else:
        results["h_n"] = last
    results["grads"] = named(model, lambda p: p.grad)
    return results


def train(model, ids, shape, clip_norm):
    optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)
    losses, norms, snapshot = [], [], None
    for _ in range(shape["epochs"]):
        state = None
        for inputs, targets in consecutive(ids, shape["B"], shape["T"]):
            logits, state = model(inputs, detached(state))
            loss = nn.CrossEntropyLoss()(logits, targets.reshape(-1))
            optimizer.zero_grad()
            loss.backward()
            norms.append(grad_clipping(list(model.parameters()), clip_norm))
            optimizer.step()
            losses.append(loss.item())
            if len(losses) == SNAPSHOT_STEP:
                snapshot = named(model, lambda p: p)
    return {
        "losses": torch.tensor(losses),
        "norms": torch.tensor(norms),
        "weights_after_10_steps": snapshot,
    }


def predict(model, prefix, num_chars):
    """The tutorial's loop: reads the prefix, then feeds back the most likely id each time. Returns
    the ids and the smallest difference between the two largest logits.
    """
    ids, state, margin = list(prefix), None, float("inf")
    with torch.no_grad():
        for i in range(len(prefix) + num_chars - 1):
            logits, state = model(torch.tensor([[ids[i]]]), state)
            if i >= len(prefix) - 1:
                first, second = logits[0].topk(2).values
                margin = min(margin, (first - second).item())
                ids.append(logits[0].argmax().item())
    return ids, margin


def generated_text(model, corpus_ids):
    """A generated text in which rounding cannot change any character."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter *= WEIGHT_SCALE
    for start in itertools.count():
        prefix = corpus_ids[start : start + PREFIX_LENGTH].tolist()
        ids, margin = predict(model, prefix, TEXT_LENGTH)
        if margin > SURE_MARGIN:
            return {"weight_scale": WEIGHT_SCALE, "prefix_length": PREFIX_LENGTH, "ids": ids}


def error(actual, expected):
    """The largest difference divided by the largest expected value, of tensors or dicts of them."""
    if isinstance(expected, dict):
        return max(error(actual[name], expected[name]) for name in expected)
    largest = expected.abs().max()
    return ((actual - expected).abs().max() / largest).item() if largest > 0 else float("inf")


class Run:
    """Everything that one seed determines. It can compute in float32 and in float64, from the same
    weights and states.
    """

    def __init__(self, cell, num_layers, bidirectional, shape, seed):
        torch.manual_seed(seed)
        self.arguments = (shape["V"], shape["H"])
        self.options = {"num_layers": num_layers, "bidirectional": bidirectional}
        self.cell, self.shape = cell, shape
        self.weights = named(self.model(torch.float32, None), lambda p: p)
        self.inputs = torch.randint(0, shape["V"], (shape["T"], shape["B"]))
        self.targets = torch.randint(0, shape["V"], (shape["T"], shape["B"]))
        self.targets[0, 0], self.targets[0, 1] = 0, shape["V"] - 1
        rows = num_layers * (2 if bidirectional else 1)
        self.h_0 = torch.rand(rows, shape["B"], shape["H"]) - 0.5
        self.c_0 = torch.rand(rows, shape["B"], shape["H"]) - 0.5 if cell == "lstm" else None
        # The ids after the last batch show that consecutive sampling drops them.
        length = shape["B"] * (shape["batches"] * shape["T"] + 1) + shape["B"] - 1
        self.corpus = corpus(length, shape["V"])

    def model(self, dtype, weights):
        model = RNNModel(LAYERS[self.cell](*self.arguments, **self.options), self.shape["V"])
        if weights is not None:
            model.load_state_dict(weights)
        return model.to(dtype)

    def batch(self, dtype):
        state = self.h_0.to(dtype)
        if self.c_0 is not None:
            state = (state, self.c_0.to(dtype))
        return one_batch(self.model(dtype, self.weights), self.inputs, self.targets, state)

    def training(self, dtype, clip_norm):
        return train(self.model(dtype, self.weights), self.corpus, self.shape, clip_norm)

    def clip_norm(self):
        """The median of the first norms, so that only some of the steps are clipped."""
        norms = self.training(torch.float32, float("inf"))["norms"][:SNAPSHOT_STEP]
        return float(f"{statistics.median(norms.tolist()):.3g}")


def is_good_reference(batch, precise_batch, training, precise_training, clip_norm):
    forward = [name for name in ("logits", "h_n", "c_n", "loss") if name in batch]
    norms = training["norms"]
    clipped = (norms[:SNAPSHOT_STEP] > clip_norm).sum().item()
    return (
        0 < clipped < SNAPSHOT_STEP
        and (norms / clip_norm - 1).abs().min() > 1e-3
        and all(error(batch[name], precise_batch[name]) < FORWARD_ERROR for name in forward)
        and error(batch["grads"], precise_batch["grads"]) < GRADIENT_ERROR
        and error(training, precise_training) < TRAINING_ERROR
    )


def provenance(date, seed):
    """Where a golden file comes from."""
    return {
        "command": f"python3 scripts/make_golden.py --date {date}",
        "date": date,
        "torch": torch.__version__,
        "device": "cpu, float32, one thread",
        "seed": seed,
    }


def as_json(value):
    """Tensors as lists of numbers with nine digits, for json.dumps."""
    if isinstance(value, dict):
        return {name: as_json(item) for name, item in value.items()}
    if value.dim() == 0:
        return float(f"{value.item():.9g}")
    if value.dtype == torch.int64:
        return value.reshape(-1).tolist()
    return [float(f"{x:.9g}") for x in value.detach().reshape(-1).tolist()]


def make(cell, num_layers, bidirectional, date):
    is_simple = num_layers == 1 and not bidirectional
    shape = ONE_LAYER[cell] if is_simple else SMALL
    for seed in itertools.count(1):
        run = Run(cell, num_layers, bidirectional, shape, seed)
        clip_norm = run.clip_norm()
        batch, training = run.batch(torch.float32), run.training(torch.float32, clip_norm)
        precise = run.batch(torch.float64), run.training(torch.float64, clip_norm)
        if is_good_reference(batch, precise[0], training, precise[1], clip_norm):
            break
    start = {"inputs": run.inputs, "targets": run.targets, "h_0": run.h_0}
    if run.c_0 is not None:
        start["c_0"] = run.c_0
    return {
        "provenance": provenance(date, seed),
        "cell": cell,
        "num_layers": num_layers,
        "bidirectional": bidirectional,
        **{name: shape[name] for name in ("V", "H", "B", "T", "epochs")},
        "learning_rate": LEARNING_RATE,
        "clip_norm": clip_norm,
        "weights": as_json(run.weights),
        "batch": as_json({**start, **batch}),
        "corpus": as_json(run.corpus),
        "training": as_json(training),
        "text": generated_text(
            run.model(torch.float32, training["weights_after_10_steps"]), run.corpus
        ),
    }


def write_golden(path, golden):
    lines = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in golden.items()]
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


def write_networks():
    for cell, num_layers, bidirectional in itertools.product(LAYERS, (1, 2, 3), (False, True)):
        golden = make(cell, num_layers, bidirectional, ARGUMENTS.date)
        path = ARGUMENTS.out / f"{cell}_{num_layers}_{'bi' if bidirectional else 'uni'}.json"
        write_golden(path, golden)
        norms, losses = golden["training"]["norms"], golden["training"]["losses"]
        print(
            f"{path.name}: {path.stat().st_size} bytes, seed {golden['provenance']['seed']}, "
            f"loss {losses[0]:.4f} to {losses[-1]:.4f}, norms {min(norms):.3f} to {max(norms):.3f}, "
            f"clip_norm {golden['clip_norm']}"
        )


def main():
    torch.set_num_threads(1)
    if ARGUMENTS.part != "recipe":
        write_networks()
    if ARGUMENTS.part != "networks":
        import golden_recipe  # it imports this file

        golden_recipe.write_files(ARGUMENTS.out, ARGUMENTS.date)


if __name__ == "__main__":
    main()
