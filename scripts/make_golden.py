#!/usr/bin/env python3
"""Writes the golden files that tests/test_golden.c holds lyrnn and the tests' oracle to.

The article's RNNModel (one-hot input, torch.nn.RNN, torch.nn.Linear) in PyTorch, on the CPU, in float32:
one batch with its gradients, then consecutive-sampling training with the article's gradient clipping.
Numbers are printed with nine significant digits, which names a float32 exactly.

    python3 scripts/make_golden.py --date 2026-11-23
"""
import argparse
import json
import pathlib

import torch
from torch import nn

# Small shapes keep the files small; none is a power of two except where a model's size usually is.
VOCAB, HIDDEN, STREAMS, STEPS = 61, 32, 4, 9
EPOCHS, BATCHES = 2, 25
LEARNING_RATE = 1e-2
# Between the smallest and the largest norm of each run, so that some steps are clipped and others not.
CLIP_NORM = {"rnn_tanh": 0.325, "rnn_relu": 0.325}
SNAPSHOT_STEP = 10


class RNNModel(nn.Module):
    """The article's model; forward returns logits of (T*B) rows and the last state."""

    def __init__(self, cell):
        super().__init__()
        self.rnn = nn.RNN(VOCAB, HIDDEN, nonlinearity=cell.split("_")[1])
        self.dense = nn.Linear(HIDDEN, VOCAB)

    def forward(self, inputs, state):
        one_hot = nn.functional.one_hot(inputs, VOCAB).to(torch.float32)
        output, state = self.rnn(one_hot, state)
        return self.dense(output.view(-1, HIDDEN)), state


def grad_clipping(params, theta):
    """The article's: returns the norm before clipping."""
    norm = torch.zeros(1)
    for param in params:
        norm += (param.grad.data ** 2).sum()
    norm = norm.sqrt().item()
    if norm > theta:
        for param in params:
            param.grad.data *= theta / norm
    return norm


def corpus(length):
    """Ids that a recurrent model can learn: every id has two followers, the position picks one."""
    ids = [0]
    for i in range(1, length):
        ids.append((ids[-1] * 7 + (3 if i % 5 < 3 else 11)) % VOCAB)
    return torch.tensor(ids)


def consecutive(ids):
    """The article's data_iter_consecutive, as (T,B) inputs and targets."""
    columns = len(ids) // STREAMS
    streams = ids[: STREAMS * columns].view(STREAMS, columns)
    for k in range((columns - 1) // STEPS):
        chunk = streams[:, k * STEPS : (k + 1) * STEPS + 1].t()
        yield chunk[:-1], chunk[1:]


def floats(tensor):
    return [float(f"{x:.9g}") for x in tensor.detach().reshape(-1).tolist()]


def named(model, of):
    return {name: floats(of(parameter)) for name, parameter in model.named_parameters()}


def one_batch(model):
    """Forward and backward from a state that is not zero."""
    inputs = torch.randint(0, VOCAB, (STEPS, STREAMS))
    targets = torch.randint(0, VOCAB, (STEPS, STREAMS))
    targets[0, 0], targets[0, 1] = 0, VOCAB - 1
    h_0 = torch.rand(1, STREAMS, HIDDEN) - 0.5
    logits, h_n = model(inputs, h_0)
    loss = nn.CrossEntropyLoss()(logits, targets.reshape(-1))
    model.zero_grad()
    loss.backward()
    return {
        "inputs": inputs.reshape(-1).tolist(),
        "targets": targets.reshape(-1).tolist(),
        "h_0": floats(h_0),
        "logits": floats(logits),
        "loss": float(f"{loss.item():.9g}"),
        "h_n": floats(h_n),
        "grads": named(model, lambda p: p.grad),
    }


def train(model, ids, clip_norm):
    optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)
    losses, norms, snapshot = [], [], None
    for _ in range(EPOCHS):
        state = None
        for inputs, targets in consecutive(ids):
            state = state.detach() if state is not None else None
            logits, state = model(inputs, state)
            loss = nn.CrossEntropyLoss()(logits, targets.reshape(-1))
            optimizer.zero_grad()
            loss.backward()
            norms.append(float(f"{grad_clipping(list(model.parameters()), clip_norm):.9g}"))
            optimizer.step()
            losses.append(float(f"{loss.item():.9g}"))
            if len(losses) == SNAPSHOT_STEP:
                snapshot = named(model, lambda p: p)
    clipped = sum(norm > clip_norm for norm in norms[:SNAPSHOT_STEP])
    assert 0 < clipped < SNAPSHOT_STEP, f"clip_norm {clip_norm} clips {clipped} steps: {norms}"
    return {"losses": losses, "norms": norms, "weights_after_10_steps": snapshot}


def make(cell, date):
    torch.manual_seed(1)
    model = RNNModel(cell)
    # The three left over show that consecutive sampling drops them.
    ids = corpus(STREAMS * (BATCHES * STEPS + 1) + 3)
    golden = {
        "provenance": {
            "command": f"python3 scripts/make_golden.py --date {date}",
            "date": date,
            "torch": torch.__version__,
            "device": "cpu, float32, one thread",
        },
        "cell": cell,
        "V": VOCAB,
        "H": HIDDEN,
        "B": STREAMS,
        "T": STEPS,
        "epochs": EPOCHS,
        "learning_rate": LEARNING_RATE,
        "clip_norm": CLIP_NORM[cell],
        "weights": named(model, lambda p: p),
        "batch": one_batch(model),
        "corpus": ids.tolist(),
    }
    golden["training"] = train(model, ids, CLIP_NORM[cell])
    return golden


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--date", required=True, help="written into the files, YYYY-MM-DD")
    parser.add_argument(
        "--out", default=pathlib.Path(__file__).parent.parent / "tests" / "golden", type=pathlib.Path
    )
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    for cell in ("rnn_tanh", "rnn_relu"):
        golden = make(cell, arguments.date)
        path = arguments.out / f"{cell}.json"
        lines = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in golden.items()]
        path.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
        norms = golden["training"]["norms"]
        print(
            f"{path}: {path.stat().st_size} bytes, loss {golden['training']['losses'][0]:.4f} to "
            f"{golden['training']['losses'][-1]:.4f}, norms {min(norms):.3f} to {max(norms):.3f}, "
            f"first ten {' '.join(f'{n:.3f}' for n in norms[:10])}"
        )


if __name__ == "__main__":
    main()
