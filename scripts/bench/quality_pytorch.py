#!/usr/bin/env python3
"""The PyTorch side of bench_quality.py: the usual recipe for a character model, and the scorer.

The recipe is nn.Embedding, nn.GRU or nn.LSTM with PyTorch's dropout between the layers, nn.Linear,
Adam with a constant learning rate, gradients clipped to a norm, and consecutive batches that carry
the state. --score names models that lyrnn wrote: the script then scores them and does not train.

A model is scored on the held-out poems in two ways, always on the same characters: poem by poem,
each from the zero state, and as running text, which continues with the state that the text before
has left. The output is one JSON object per epoch or model.
"""

import argparse
import json
import math
import sys
import time

from bench_shapes import fail, positive
from quality_text import split_text


def parse_arguments(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("text", metavar="TEXT", help="the text, as bench_quality.py wrote it")
    parser.add_argument("--held-out", type=float, default=0.17, metavar="SHARE",
                        help="hold out the last poems, about this SHARE of the text [0.17]")
    parser.add_argument("--score", nargs="+", metavar="MODEL",
                        help="score these model.safetensors instead of training")
    parser.add_argument("--seconds", type=float, default=600, metavar="S",
                        help="seconds to train; the time of scoring does not count [600]")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="[1]")
    parser.add_argument("--threads", type=positive, default=1, metavar="N", help="[1]")
    add_recipe_options(parser)
    return parser.parse_args(arguments)


def add_recipe_options(parser):
    parser.add_argument("--cell", choices=["gru", "lstm"], default="gru", help="[gru]")
    sizes = {"embedding-size": 256, "hidden-size": 256, "num-layers": 1, "batch-size": 32,
             "num-steps": 35}
    for name, default in sizes.items():
        parser.add_argument("--" + name, type=positive, default=default, metavar="N",
                            help=f"[{default}]")
    parser.add_argument("--dropout", type=float, default=0, metavar="P",
                        help="dropout between the layers [0]")
    parser.add_argument("--lr", type=float, default=1e-3, metavar="RATE", help="[1e-3]")
    parser.add_argument("--clip-norm", type=float, default=1, metavar="NORM", help="[1]")


# This comes before PyTorch, which --help does not need.
ARGUMENTS = parse_arguments() if __name__ == "__main__" else None

try:
    import torch
    import torch.nn.functional as F
    from bench_pytorch import read_safetensors
    from pytorch_sides import recurrent_module, streams_in_batches
    from torch import nn
except ImportError:
    fail(f"{sys.executable}: has no PyTorch; on Debian and Ubuntu install python3-torch and use "
         "/usr/bin/python3")


# ---- models --------------------------------------------------------------------------------------


class UsualModel(nn.Module):
    def __init__(self, vocab_size, args):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, args.embedding_size)
        modules = {"lstm": nn.LSTM, "gru": nn.GRU}
        self.rnn = modules[args.cell](args.embedding_size, args.hidden_size, args.num_layers,
                                      dropout=args.dropout)
        self.dense = nn.Linear(args.hidden_size, vocab_size)

    def forward(self, inputs, state):
        """inputs (T,B). Returns logits (T,B,V) and the next state."""
        outputs, state = self.rnn(self.embedding(inputs), state)
        return self.dense(outputs), state


class LyrnnModel(nn.Module):
    """A model that lyrnn wrote. A one-hot input is an embedding by the columns of the input
    weights, followed by the identity.
    """

    def __init__(self, path):
        super().__init__()
        with open(path, "rb") as file:
            header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        config = json.loads(header["__metadata__"]["config"])
        self.vocabulary = json.loads(header["__metadata__"]["vocab"])
        weights = read_safetensors(path)
        layers = {name.removeprefix("rnn."): tensor for name, tensor in weights.items()
                  if name.startswith("rnn.")}
        self.vectors = weights.get("embedding.weight")
        if self.vectors is None:
            self.vectors = layers["weight_ih_l0"].t().contiguous()
            layers["weight_ih_l0"] = torch.eye(self.vectors.shape[1])
        self.rnn = recurrent_module(config["cell"], self.vectors.shape[1], config["hidden_size"],
                                    config["num_layers"])
        self.rnn.load_state_dict(layers)
        self.projection = weights.get("projection.weight")
        self.output = weights.get("dense.weight", self.vectors)
        self.bias = weights["dense.bias"]

    def forward(self, inputs, state):
        outputs, state = self.rnn(F.embedding(inputs, self.vectors), state)
        if self.projection is not None:
            outputs = F.linear(outputs, self.projection)
        return F.linear(outputs, self.output, self.bias), state


# ---- scoring -------------------------------------------------------------------------------------


class Scorer:
    """Knows the ids of the text, and computes the mean nats per character of the held-out poems."""

    STREAMS, CONTEXT, STEPS = 32, 256, 64

    def __init__(self, split, vocabulary):
        id_of = {char: i for i, char in enumerate(vocabulary)}
        self.ids = torch.tensor([id_of[char] for char in split.text])
        self.split = split
        poems = sorted(split.held_out, key=lambda poem: poem[1] - poem[0])
        self.groups = [self.table([(begin, begin + 1, end) for begin, end in group])
                       for group in (poems[i : i + self.STREAMS]
                                     for i in range(0, len(poems), self.STREAMS))]
        self.running = self.table(self.running_streams(), {begin for begin, _ in split.held_out})

    def running_streams(self):
        """(where it begins to read, the first character that counts, the end) of each stream."""
        cut, end = self.split.cut, len(self.split.text)
        bounds = [cut + (end - cut) * i // self.STREAMS for i in range(self.STREAMS + 1)]
        return [(max(0, first - self.CONTEXT), first, last)
                for first, last in zip(bounds, bounds[1:], strict=False)]

    def table(self, streams, left_out=()):
        """Inputs and targets (T,B). A target of -100 does not count."""
        num_steps = max(end - begin for begin, _, end in streams) - 1
        inputs = torch.zeros(num_steps, len(streams), dtype=torch.long)
        targets = torch.full_like(inputs, -100)
        for b, (begin, first, end) in enumerate(streams):
            inputs[: end - 1 - begin, b] = self.ids[begin : end - 1]
            targets[first - begin - 1 : end - 1 - begin, b] = self.ids[first:end]
            for poem in left_out:
                if first <= poem < end:
                    targets[poem - begin - 1, b] = -100
        return inputs, targets

    def nats_of(self, model, tables):
        total, count = 0.0, 0
        for inputs, targets in tables:
            state = None
            for first in range(0, len(inputs), self.STEPS):
                wanted = targets[first : first + self.STEPS].flatten()
                logits, state = model(inputs[first : first + self.STEPS], state)
                total += F.cross_entropy(logits.flatten(0, 1), wanted, reduction="sum").item()
                count += int((wanted >= 0).sum())
        if count != self.split.num_targets:
            fail(f"scored {count} characters instead of {self.split.num_targets}; correct the "
                 "scorer")
        return total / count

    @torch.no_grad()
    def score(self, model):
        model.eval()
        nats = {"poems": self.nats_of(model, self.groups),
                "running": self.nats_of(model, [self.running])}
        model.train()
        return nats


# ---- training ------------------------------------------------------------------------------------


def detached(state):
    return tuple(part.detach() for part in state) if isinstance(state, tuple) else state.detach()


class Trainer:
    """Counts only the seconds of its steps."""

    def __init__(self, model, ids, args):
        self.model, self.ids, self.args = model, ids, args
        self.optimizer = torch.optim.Adam(model.parameters(), lr=args.lr)
        self.seconds, self.num_chars = 0.0, 0

    def step(self, inputs, targets, state):
        logits, state = self.model(inputs.t(), state)
        loss = F.cross_entropy(logits.flatten(0, 1), targets.t().flatten())
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), self.args.clip_norm)
        self.optimizer.step()
        self.num_chars += targets.numel()
        return loss.item() * targets.numel(), detached(state)

    def epoch(self):
        """Trains for one epoch, or until the time is over. Returns the mean loss."""
        state, total, before, start = None, 0.0, self.num_chars, time.perf_counter()
        for inputs, targets in streams_in_batches(self.ids, self.args):
            loss, state = self.step(inputs, targets, state)
            total += loss
            if self.seconds + time.perf_counter() - start >= self.args.seconds:
                break
        self.seconds += time.perf_counter() - start
        return total / (self.num_chars - before)


def train(split, args):
    """Yields one report per epoch."""
    torch.manual_seed(args.seed)
    scorer = Scorer(split, split.vocabulary)
    model = UsualModel(len(split.vocabulary), args)
    trainer = Trainer(model, scorer.ids[: split.cut], args)
    num_parameters = sum(parameter.numel() for parameter in model.parameters())
    while trainer.seconds < args.seconds:
        loss = trainer.epoch()
        if not math.isfinite(loss):
            fail(f"--seed {args.seed}: the loss became {loss}; lower --lr")
        yield {"seconds": trainer.seconds, "chars": trainer.num_chars, "loss": loss,
               "nats": scorer.score(model), "parameters": num_parameters,
               "torch": torch.__version__}


def score_models(split, args):
    for path in args.score:
        model = LyrnnModel(path)
        if sorted(model.vocabulary) != split.vocabulary:
            fail(f"{path}: has other characters than {args.text}; score models of this text")
        yield {"model": path, "nats": Scorer(split, model.vocabulary).score(model)}


def main():
    args = ARGUMENTS
    torch.set_num_threads(args.threads)
    try:
        with open(args.text, encoding="utf-8", newline="") as file:
            split = split_text(file.read(), args.held_out)
    except OSError as error:
        fail(f"{args.text}: {error.strerror}")
    for report in (score_models if args.score else train)(split, args):
        print(json.dumps(report), flush=True)


if __name__ == "__main__":
    main()
