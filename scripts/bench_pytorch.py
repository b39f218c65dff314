#!/usr/bin/env python3
"""lyrnn's training speed beside PyTorch's, on the same CPU cores or the same GPU, in one run.

Two PyTorch sides do the same work as `lyrnn train` from the same kind of initial weights:
  article   the article's script as it stands: one-hot vectors made step by step, nn.RNN, a Linear
            layer, clipping by hand, Adam
  best      the fastest of several ways to write the same model in PyTorch, found by trying them
Each takes the number of threads that suits it. The sides then take turns, so that whatever else the
machine does hits all of them. Characters per second count training steps alone.

With --device cuda the article's script keeps its tensors on the GPU, and "best" is chosen among
ways that replay the whole step as one CUDA graph. TF32 is off on all sides unless --tf32. The CUDA
side was written on a machine without a GPU and has not been run.
"""

import argparse
import collections
import json
import math
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time

try:
    import torch
    import torch.nn.functional as F
    from torch import nn
except ImportError:
    sys.exit(f"bench_pytorch.py: {sys.executable} has no PyTorch; on Debian and Ubuntu install "
             "python3-torch and use /usr/bin/python3")

LEARNING_RATE = 1e-3
CLIP_NORM = 1e-2
SEED = 1
TRIAL_EPOCHS = 5
# Initial weights differ between the sides, so their perplexities agree only roughly.
PERPLEXITY_FACTOR = 1.25
SAMPLE_LYRICS = os.path.join(os.path.dirname(__file__), "..", "host", "data", "sample_lyrics.txt")

Shape = collections.namedtuple("Shape", "T B H V N batches")


def fail(message):
    sys.exit(f"bench_pytorch.py: {message}")


# ---- corpus --------------------------------------------------------------------------------------


def synthetic_text(vocab_size, length=10_000):
    """Text of the article's size with exactly vocab_size characters, used unevenly."""
    if not 2 <= vocab_size <= length:
        fail(f"--vocab-size {vocab_size}: must be from 2 to {length}")
    chars = [chr(0x4E00 + i) for i in range(vocab_size)]
    rng = random.Random(SEED)
    weights = [1 / (rank + 3) for rank in range(vocab_size)]
    text = chars + rng.choices(chars, weights, k=length - vocab_size)
    rng.shuffle(text)
    return "".join(text)


def read_text(path, max_chars):
    try:
        with open(path, encoding="utf-8-sig") as file:  # newlines of every kind become \n
            text = file.read()
    except OSError as error:
        fail(f"{path}: {error.strerror}")
    except UnicodeDecodeError as error:
        fail(f"{path}: {error}")
    return text[:max_chars] if max_chars else text


def make_shape(text, args):
    batches = (len(text) // args.batch_size - 1) // args.num_steps
    if batches < 1:
        fail(f"the corpus has {len(text)} characters, fewer than one batch of "
             f"{args.batch_size} * ({args.num_steps} + 1)")
    return Shape(T=args.num_steps, B=args.batch_size, H=args.hidden_size, V=len(set(text)),
                 N=len(text), batches=batches)


def encode(text):
    ids = {char: i for i, char in enumerate(sorted(set(text)))}
    return torch.tensor([ids[char] for char in text])


# ---- the article's script ------------------------------------------------------------------------


def one_hot(ids, vocab_size):
    vectors = torch.zeros(ids.shape[0], vocab_size, device=ids.device)
    return vectors.scatter_(1, ids.view(-1, 1), 1)


class ArticleModel(nn.Module):
    def __init__(self, rnn, dense):
        super().__init__()
        self.rnn, self.dense = rnn, dense

    def forward(self, inputs, state):
        """inputs (B,T)"""
        steps = [one_hot(inputs[:, t], self.rnn.input_size) for t in range(inputs.shape[1])]
        outputs, state = self.rnn(torch.stack(steps), state)
        return self.dense(outputs.view(-1, outputs.shape[-1])), state


def article_batches(ids, shape):
    streams = ids[: shape.N // shape.B * shape.B].view(shape.B, -1)
    for k in range(shape.batches):
        start = k * shape.T
        yield streams[:, start : start + shape.T], streams[:, start + 1 : start + 1 + shape.T]


def clip_by_hand(parameters):
    norm = torch.zeros(1, device=parameters[0].device)
    for parameter in parameters:
        norm += (parameter.grad**2).sum()
    norm = norm.sqrt().item()
    if norm > CLIP_NORM:
        for parameter in parameters:
            parameter.grad *= CLIP_NORM / norm


def article_trainer(rnn, dense, ids, shape):
    """Returns a function that trains for one epoch and gives its perplexity."""
    model = ArticleModel(rnn, dense)
    parameters = list(model.parameters())
    optimizer = torch.optim.Adam(parameters, lr=LEARNING_RATE)
    cross_entropy = nn.CrossEntropyLoss()

    def epoch():
        state, loss_sum, count = None, 0.0, 0
        for inputs, targets in article_batches(ids, shape):
            if state is not None:
                state = state.detach()
            logits, state = model(inputs, state)
            targets = targets.transpose(0, 1).contiguous().view(-1)
            loss = cross_entropy(logits, targets)
            optimizer.zero_grad()
            loss.backward()
            clip_by_hand(parameters)
            optimizer.step()
            loss_sum += loss.item() * targets.shape[0]
            count += targets.shape[0]
        return math.exp(loss_sum / count)

    return epoch


# ---- PyTorch at its best -------------------------------------------------------------------------
#
# The parameters are the same; how one-hot rows meet W_ih and who runs the recurrence differs.


class OneHotAtOnce(nn.Module):
    """nn.RNN fed by one scatter over the whole sequence."""

    def __init__(self, rnn, dense):
        super().__init__()
        self.rnn, self.dense = rnn, dense

    def forward(self, inputs, state):
        """inputs (T,B), state (B,H)"""
        vectors = torch.zeros(*inputs.shape, self.rnn.input_size, device=inputs.device)
        vectors.scatter_(2, inputs.unsqueeze(-1), 1)
        outputs, state = self.rnn(vectors, state.unsqueeze(0))
        return self.dense(outputs.flatten(0, 1)), state[0]


class Gather(nn.Module):
    """W_ih looked up by character: no one-hot vector, no product with zeros."""

    def __init__(self, rnn, dense):
        super().__init__()
        self.table = nn.Parameter(rnn.weight_ih_l0.detach().t().contiguous())
        self.w_hh = nn.Parameter(rnn.weight_hh_l0.detach().clone())
        self.b_ih = nn.Parameter(rnn.bias_ih_l0.detach().clone())
        self.b_hh = nn.Parameter(rnn.bias_hh_l0.detach().clone())
        self.dense = dense

    def forward(self, inputs, state):
        gates = F.embedding(inputs, self.table) + (self.b_ih + self.b_hh)
        outputs = self.recurrence(gates, self.w_hh, state)
        return self.dense(outputs.flatten(0, 1)), outputs[-1]


@torch.jit.script
def scripted_recurrence(gates, w_hh, state):
    w = w_hh.t()
    outputs = []
    for gate in gates.unbind(0):
        state = torch.tanh(torch.addmm(gate, state, w))
        outputs.append(state)
    return torch.stack(outputs)


class GatherScripted(Gather):
    """The recurrence as a TorchScript loop."""

    recurrence = staticmethod(scripted_recurrence)


class HandWrittenRecurrence(torch.autograd.Function):
    """The recurrence with its own backward pass, so that dW_hh is one product over all steps."""

    @staticmethod
    def forward(ctx, gates, w_hh, state):
        h = gates.new_empty(gates.shape[0] + 1, *state.shape)
        h[0] = state
        w = w_hh.t()
        steps = h.unbind(0)
        for t, gate in enumerate(gates.unbind(0)):
            torch.addmm(gate, steps[t], w, out=steps[t + 1]).tanh_()
        ctx.save_for_backward(h, w_hh)
        return h[1:]

    @staticmethod
    def backward(ctx, doutputs):
        h, w_hh = ctx.saved_tensors
        slope = 1 - h[1:] ** 2
        dgates = torch.empty_like(doutputs)
        steps, slopes, douts = dgates.unbind(0), slope.unbind(0), doutputs.unbind(0)
        torch.mul(douts[-1], slopes[-1], out=steps[-1])
        for t in range(len(steps) - 2, -1, -1):
            torch.addmm(douts[t], steps[t + 1], w_hh, out=steps[t]).mul_(slopes[t])
        return dgates, dgates.flatten(0, 1).t() @ h[:-1].flatten(0, 1), None


class GatherHandWritten(Gather):
    """The recurrence as an autograd function of our own."""

    recurrence = staticmethod(HandWrittenRecurrence.apply)


class GatherIntoRNN(nn.Module):
    """nn.RNN's own loop over the gathered rows, its input weights fixed to the identity."""

    def __init__(self, rnn, dense):
        super().__init__()
        hidden_size = rnn.hidden_size
        self.table = nn.Parameter(rnn.weight_ih_l0.detach().t().contiguous())
        self.rnn = nn.RNN(hidden_size, hidden_size)
        self.rnn.load_state_dict({**rnn.state_dict(), "weight_ih_l0": torch.eye(hidden_size)})
        self.rnn.to(self.table.device)
        self.rnn.weight_ih_l0.requires_grad_(False)
        self.dense = dense

    def forward(self, inputs, state):
        outputs, state = self.rnn(F.embedding(inputs, self.table), state.unsqueeze(0))
        return self.dense(outputs.flatten(0, 1)), state[0]


def best_batches(ids, shape):
    return [(x.t().contiguous(), y.t().reshape(-1)) for x, y in article_batches(ids, shape)]


def best_trainer(way):
    def trainer(rnn, dense, ids, shape):
        model = way(rnn, dense)
        parameters = [p for p in model.parameters() if p.requires_grad]
        flavour = {"fused": True} if ids.is_cuda else {"foreach": True}
        optimizer = torch.optim.Adam(parameters, lr=LEARNING_RATE, **flavour)
        batches = best_batches(ids, shape)

        def epoch():
            state = torch.zeros(shape.B, shape.H, device=ids.device)
            loss_sum = torch.zeros((), device=ids.device)
            for inputs, targets in batches:
                logits, state = model(inputs, state)
                loss = F.cross_entropy(logits, targets)
                optimizer.zero_grad(set_to_none=True)
                loss.backward()
                nn.utils.clip_grad_norm_(parameters, CLIP_NORM)
                optimizer.step()
                state = state.detach()
                loss_sum += loss.detach()
            return math.exp(loss_sum.item() / len(batches))

        return epoch

    return trainer


def graph_trainer(way):
    """CUDA only: the whole step captured once, then replayed on batches copied to its inputs."""

    def trainer(rnn, dense, ids, shape):
        model = way(rnn, dense)
        parameters = [p for p in model.parameters() if p.requires_grad]
        optimizer = torch.optim.Adam(parameters, lr=LEARNING_RATE, fused=True, capturable=True)
        batches = best_batches(ids, shape)
        inputs, targets = batches[0][0].clone(), batches[0][1].clone()
        state = torch.zeros(shape.B, shape.H, device=ids.device)
        loss_sum = torch.zeros((), device=ids.device)

        def step():
            logits, next_state = model(inputs, state)
            loss = F.cross_entropy(logits, targets)
            loss.backward()
            nn.utils.clip_grad_norm_(parameters, CLIP_NORM)
            optimizer.step()
            state.copy_(next_state.detach())
            loss_sum.add_(loss.detach())

        # As PyTorch's notes on CUDA graphs ask: first some steps on a stream aside, and no
        # gradients before the capture, so that backward makes them in the graph's own memory.
        initial = [p.detach().clone() for p in parameters]
        aside = torch.cuda.Stream()
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):
            for _ in range(3):
                optimizer.zero_grad(set_to_none=True)
                step()
        torch.cuda.current_stream().wait_stream(aside)
        optimizer.zero_grad(set_to_none=True)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            step()
        # Those steps have trained: back to the start, in place.
        with torch.no_grad():
            for parameter, value in zip(parameters, initial):
                parameter.copy_(value)
            for moments in optimizer.state.values():
                for moment in moments.values():
                    moment.zero_()

        def epoch():
            state.zero_()
            loss_sum.zero_()
            for batch_inputs, batch_targets in batches:
                inputs.copy_(batch_inputs)
                targets.copy_(batch_targets)
                graph.replay()
            return math.exp(loss_sum.item() / len(batches))

        return epoch

    return trainer


WAYS = {
    "cpu": {
        "one-hot in one call, nn.RNN": best_trainer(OneHotAtOnce),
        "gather, nn.RNN": best_trainer(GatherIntoRNN),
        "gather, TorchScript loop": best_trainer(GatherScripted),
        "gather, own autograd function": best_trainer(GatherHandWritten),
    },
    "cuda": {
        "one-hot in one call, cuDNN, CUDA graph": graph_trainer(OneHotAtOnce),
        "gather, cuDNN, CUDA graph": graph_trainer(GatherIntoRNN),
        "gather, own autograd function, CUDA graph": graph_trainer(GatherHandWritten),
        "gather, cuDNN, no graph": best_trainer(GatherIntoRNN),
    },
}


# ---- sides: name, threads, run(epochs) -> (characters per second, perplexity) --------------------


class TorchSide:
    def __init__(self, name, trainer, ids, shape):
        self.name, self.trainer, self.ids, self.shape = name, trainer, ids, shape
        self.threads, self.way = 1, ""

    def run(self, epochs):
        """Trains from the same initial weights each time; the first epoch is not timed."""
        torch.set_num_threads(self.threads)
        torch.manual_seed(SEED)
        shape = self.shape
        rnn, dense = nn.RNN(shape.V, shape.H), nn.Linear(shape.H, shape.V)
        epoch = self.trainer(rnn.to(self.ids.device), dense.to(self.ids.device), self.ids, shape)
        epoch()
        seconds = []
        for _ in range(epochs):
            start = time.perf_counter()
            perplexity = epoch()
            seconds.append(time.perf_counter() - start)
        chars = shape.T * shape.B * shape.batches
        return chars / statistics.median(seconds), perplexity


class LyrnnSide:
    def __init__(self, program, corpus, text, shape, args):
        self.name, self.shape = "lyrnn", shape
        self.threads, self.way = args.lyrnn_threads, ""
        self.directory = tempfile.TemporaryDirectory()
        self.out = os.path.join(self.directory.name, "run")
        self.command = [program, "train", corpus, "--out", self.out, "--overwrite",
                        "--device", args.device, "--hidden-size", str(shape.H),
                        "--batch-size", str(shape.B), "--num-steps", str(shape.T),
                        "--prefix=" + next(c for c in text if c > " ")]
        if args.max_chars:
            self.command += ["--max-chars", str(args.max_chars)]
        if args.lyrnn_threads:
            self.command += ["--threads", str(args.lyrnn_threads)]
        if args.tf32:
            self.command += ["--precision", "tf32"]

    def run(self, epochs):
        command = self.command + ["--num-epochs", str(epochs + 1), "--pred-period", str(epochs + 1)]
        try:
            subprocess.run(command, check=True, capture_output=True, text=True,
                           stdin=subprocess.DEVNULL)
        except OSError as error:
            fail(f"{command[0]}: {error.strerror}")
        except subprocess.CalledProcessError as error:
            fail(f"{' '.join(command)}: {(error.stderr.strip() or 'failed').splitlines()[-1]}")
        with open(os.path.join(self.out, "metrics.jsonl"), encoding="utf-8") as file:
            epochs_done = [json.loads(line) for line in file]
        self.check_shape(epochs_done)
        rates = [epoch["chars_per_second"] for epoch in epochs_done[1:]]
        return statistics.median(rates), epochs_done[-1]["perplexity"]

    def check_shape(self, epochs_done):
        """A comparison of different work would be worth nothing."""
        with open(os.path.join(self.out, "latest", "model.safetensors"), "rb") as file:
            header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        shape = self.shape
        done = (header["rnn.weight_ih_l0"]["shape"], header["dense.weight"]["shape"],
                epochs_done[0]["step"])
        meant = ([shape.H, shape.V], [shape.V, shape.H], shape.batches)
        if done != meant:
            fail(f"not the same work: lyrnn's W_ih, W_hq and batches an epoch are {done}, "
                 f"PyTorch's {meant}")


# ---- measuring -----------------------------------------------------------------------------------


def note(text):
    print(text, file=sys.stderr, flush=True)


def thread_counts(device):
    if device != "cpu":
        return [1]
    cores = len(os.sched_getaffinity(0))
    return sorted({cores} | {2**k for k in range(cores.bit_length()) if 2**k <= cores})


def choose_article(ids, shape):
    side = TorchSide("article", article_trainer, ids, shape)
    rates = {}
    for side.threads in thread_counts(ids.device.type):
        rates[side.threads], perplexity = side.run(TRIAL_EPOCHS)
        note(f"  article, {side.threads} threads: {rates[side.threads]:,.0f} characters/s")
    side.threads = max(rates, key=rates.get)
    return side, perplexity


def choose_best(ids, shape, article_perplexity):
    """Tries each way with each number of threads; all must learn what the article's does."""
    side = TorchSide("best", None, ids, shape)
    rates = {}
    ways = WAYS[ids.device.type]
    for side.way, side.trainer in ways.items():
        for side.threads in thread_counts(ids.device.type):
            try:
                rates[side.way, side.threads], perplexity = side.run(TRIAL_EPOCHS)
            except RuntimeError as error:  # not every PyTorch can capture every way
                note(f"  {side.way}: left out: {str(error).splitlines()[0]}")
                continue
            note(f"  {side.way}, {side.threads} threads: "
                 f"{rates[side.way, side.threads]:,.0f} characters/s")
            if not math.isclose(perplexity, article_perplexity, rel_tol=0.01):
                fail(f"{side.way}: perplexity {perplexity:.2f}, the article's "
                     f"{article_perplexity:.2f}: not the same model")
    if not rates:
        fail("PyTorch ran none of the ways to write the model")
    side.way, side.threads = max(rates, key=rates.get)
    side.trainer = ways[side.way]
    return side


def sgemm_rate(device):
    """FLOP per second of big square products, over thread counts; the machine's practical peak."""
    size = 2048 if device == "cpu" else 8192
    a, b = torch.rand(size, size, device=device), torch.rand(size, size, device=device)
    out = torch.empty(size, size, device=device)

    def product():
        torch.mm(a, b, out=out)
        if device != "cpu":
            torch.cuda.synchronize()

    best = 0.0
    for threads in thread_counts(device):
        torch.set_num_threads(threads)
        product()
        for _ in range(3):
            start = time.perf_counter()
            product()
            best = max(best, 2 * size**3 / (time.perf_counter() - start))
    return best


def flop_per_step(shape):
    """Forward, and twice that backward: output layer and recurrence; the lookup costs none."""
    return 3 * 2 * shape.T * shape.B * (shape.H * shape.V + shape.H * shape.H)


def spread(values):
    return {"median": statistics.median(values), "min": min(values), "max": max(values),
            "rounds": values}


def measure(sides, shape, args):
    rates = {side.name: [] for side in sides}
    perplexities, sgemm = {}, []
    for number in range(args.rounds):
        sgemm.append(sgemm_rate(args.device))
        for side in sides:
            rate, perplexities[side.name] = side.run(args.epochs)
            rates[side.name].append(rate)
        note(f"round {number + 1}: " + ", ".join(f"{n} {r[-1]:,.0f}" for n, r in rates.items())
             + f" characters/s; sgemm {sgemm[-1] / 1e9:.0f} GFLOP/s")
    result = {
        "shape": shape._asdict(),
        "torch": torch.__version__,
        "device": torch.cuda.get_device_name() if args.device == "cuda" else "cpu",
        "tf32": args.tf32,
        "cores": len(os.sched_getaffinity(0)),
        "epochs": args.epochs + 1,
        "sides": {side.name: {"threads": side.threads, "way": side.way,
                              "perplexity": perplexities[side.name],
                              "chars_per_second": spread(rates[side.name])} for side in sides},
        "sgemm_flops": spread(sgemm),
        "flop_per_step": flop_per_step(shape),
        "floor_ms": spread([1e3 * flop_per_step(shape) / rate for rate in sgemm]),
    }
    # Round by round, so that a slow minute of the machine weighs on both.
    result["share_of_floor"] = spread([flop_per_step(shape) / (shape.T * shape.B) * rate / peak
                                       for rate, peak in zip(rates[sides[-1].name], sgemm)])
    if "lyrnn" in rates:
        result["ratios"] = {other: spread([a / b for a, b in zip(rates["lyrnn"], rates[other])])
                            for other in ("article", "best")}
    return result


def step_ms(result, name):
    shape = result["shape"]
    return 1e3 * shape["T"] * shape["B"] / result["sides"][name]["chars_per_second"]["median"]


def print_text(result):
    shape, places = result["shape"], 1 if result["device"] == "cpu" else 3
    print(f"T {shape['T']}, B {shape['B']}, H {shape['H']}, V {shape['V']}, "
          f"{shape['N']} characters, {shape['batches']} batches an epoch; "
          f"{result['cores']} cores, torch {result['torch']}"
          + ("" if result["device"] == "cpu" else
             f"; {result['device']}, TF32 {'on' if result['tf32'] else 'off'}"))
    print(f"{'':10}{'characters/s':>14}{'min':>12}{'max':>12}{'ms a step':>11}{'threads':>9}"
          f"{'perplexity':>12}")
    for name, side in result["sides"].items():
        rate = side["chars_per_second"]
        print(f"{name:10}{rate['median']:>14,.0f}{rate['min']:>12,.0f}{rate['max']:>12,.0f}"
              f"{step_ms(result, name):>11.{places}f}{side['threads'] or 'default':>9}"
              f"{side['perplexity']:>12.2f}")
    print(f"best is: {result['sides']['best']['way']}")
    for other, ratio in result.get("ratios", {}).items():
        print(f"lyrnn / {other}: {ratio['median']:.2f} ({ratio['min']:.2f} to {ratio['max']:.2f})")
    print(f"sgemm {result['sgemm_flops']['median'] / 1e9:.0f} GFLOP/s, a step "
          f"{result['flop_per_step'] / 1e9:.2f} GFLOP")
    name = list(result["sides"])[-1]
    share = result["share_of_floor"]
    print(f"floor {result['floor_ms']['median']:.{places}f} ms a step, "
          f"{name} {step_ms(result, name):.{places}f} ms: {share['median']:.0%} "
          f"({share['min']:.0%} to {share['max']:.0%})")


def check_perplexities(result):
    values = {name: side["perplexity"] for name, side in result["sides"].items()}
    if max(values.values()) > PERPLEXITY_FACTOR * min(values.values()):
        fail(f"the sides did not learn the same: perplexities after {result['epochs']} epochs: "
             f"{values}")
    return (f"perplexities after {result['epochs']} epochs agree within a factor of "
            f"{max(values.values()) / min(values.values()):.2f} (allowed: {PERPLEXITY_FACTOR})")


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)

    def positive(text):
        if not text.isdigit() or int(text) < 1:
            raise argparse.ArgumentTypeError(f"{text}: must be a positive whole number")
        return int(text)

    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu", help="[cpu]")
    parser.add_argument("--tf32", action="store_true",
                        help="with --device cuda: TF32 products on all sides")
    parser.add_argument("--lyrnn", metavar="PATH", help="the program to compare with")
    parser.add_argument("--lyrnn-threads", type=positive, metavar="N", help="its --threads")
    corpus = parser.add_mutually_exclusive_group()
    corpus.add_argument("--corpus", metavar="FILE", default=SAMPLE_LYRICS,
                        help="text to train on [the sample lyrics]")
    corpus.add_argument("--vocab-size", type=positive, metavar="V",
                        help="instead: 10,000 random characters, V distinct (article: 1027)")
    parser.add_argument("--max-chars", type=positive, metavar="N", help="use only the first N")
    parser.add_argument("--num-steps", type=positive, default=35, metavar="T", help="[35]")
    parser.add_argument("--batch-size", type=positive, default=32, metavar="B", help="[32]")
    parser.add_argument("--hidden-size", type=positive, default=256, metavar="H", help="[256]")
    parser.add_argument("--epochs", type=positive, default=10, metavar="N",
                        help="timed epochs a round, after one to warm up [10]")
    parser.add_argument("--rounds", type=positive, default=5, metavar="N", help="[5]")
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")
    parser.add_argument("--save", metavar="FILE", help="write the JSON there as well")
    args = parser.parse_args()
    if args.tf32 and args.device == "cpu":
        parser.error("--tf32: only with --device cuda")
    return args


def choose_device(args):
    if args.device == "cuda" and not torch.cuda.is_available():
        fail(f"--device cuda: PyTorch {torch.__version__} sees no GPU")
    torch.backends.cuda.matmul.allow_tf32 = args.tf32
    torch.backends.cudnn.allow_tf32 = args.tf32


def main():
    args = parse_arguments()
    choose_device(args)
    with tempfile.TemporaryDirectory() as directory:
        if args.vocab_size:
            args.corpus = os.path.join(directory, "synthetic.txt")
            with open(args.corpus, "w", encoding="utf-8") as file:
                file.write(synthetic_text(args.vocab_size))
        text = read_text(args.corpus, args.max_chars)
        shape = make_shape(text, args)
        ids = encode(text).to(args.device)
        if args.lyrnn and not os.access(args.lyrnn, os.X_OK):
            fail(f"{args.lyrnn}: no such program")
        note("choosing threads and the best way:")
        article, perplexity = choose_article(ids, shape)
        sides = [article, choose_best(ids, shape, perplexity)]
        if args.lyrnn:
            sides.append(LyrnnSide(args.lyrnn, args.corpus, text, shape, args))
        result = measure(sides, shape, args)
    if args.save:
        with open(args.save, "w", encoding="utf-8") as file:
            json.dump(result, file, indent=2)
    agreement = check_perplexities(result)
    if args.json:
        print(json.dumps(result, indent=2))
    else:
        print_text(result)
        print(agreement)


if __name__ == "__main__":
    main()
