#!/usr/bin/env python3
"""How fast texts are written: lyrnn beside the article's predict loop in PyTorch, on the same CPU, in one run.

The article writes one text: each character becomes a one-hot vector, goes through nn.RNN and a Linear
layer, and the likeliest comes next. lyrnn writes the same greedy text (B = 1), then many texts drawn side
by side. Each side takes the number of threads that suits it best; then they take turns, and medians of
characters per second are compared. Both sides have random weights of one shape: speed does not depend
on what has been learnt.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time

try:
    import torch
    from torch import nn
except ImportError:
    sys.exit(f"bench_generation.py: {sys.executable} has no PyTorch; on Debian and Ubuntu install "
             "python3-torch and use /usr/bin/python3")

from pytorch_sides import ArticleModel

CELLS = {
    "rnn_tanh": lambda V, H: nn.RNN(V, H, nonlinearity="tanh"),
    "rnn_relu": lambda V, H: nn.RNN(V, H, nonlinearity="relu"),
    "lstm": nn.LSTM,
    "gru": nn.GRU,
}


def article_chars_per_second(model, num_chars):
    """The article's loop: the prefix's character, then each prediction fed back."""
    output, state = [0], None
    start = time.perf_counter()
    with torch.no_grad():
        for _ in range(num_chars):
            logits, state = model(torch.tensor([[output[-1]]]), state)
            output.append(int(logits.argmax(dim=1).item()))
    return num_chars / (time.perf_counter() - start)


def lyrnn_chars_per_second(args, batch_size, threads, *options):
    command = [args.lyrnn, "bench", "--task", "generate", "--device", "cpu", "--cell", args.cell,
               "--vocab-size", args.vocab_size, "--hidden-size", args.hidden_size,
               "--batch-size", batch_size, "--steps", args.num_chars, "--repetitions", 3,
               "--threads", threads, "--format", "json", *options]
    run = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    if run.returncode != 0:
        sys.exit(f"bench_generation.py: {run.stderr.strip()}")
    return json.loads(run.stdout)["chars_per_second"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lyrnn", default="build/lyrnn", help="the program [build/lyrnn]")
    parser.add_argument("--cell", choices=CELLS, default="rnn_tanh")
    parser.add_argument("--vocab-size", type=int, default=1027)
    parser.add_argument("--hidden-size", type=int, default=256)
    parser.add_argument("--num-chars", type=int, default=1000, help="of a text [1000]")
    parser.add_argument("--batch-size", type=int, default=64, help="texts side by side [64]")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--max-threads", type=int, default=torch.get_num_threads())
    args = parser.parse_args()

    model = ArticleModel(CELLS[args.cell](args.vocab_size, args.hidden_size),
                         nn.Linear(args.hidden_size, args.vocab_size))
    sampled = ("--temperature", 1, "--top-p", 0.9)

    def article(threads):
        torch.set_num_threads(threads)
        return article_chars_per_second(model, args.num_chars)

    sides = {
        "article": article,
        "one": lambda threads: lyrnn_chars_per_second(args, 1, threads),
        "many": lambda threads: lyrnn_chars_per_second(args, args.batch_size, threads),
        "drawn": lambda threads: lyrnn_chars_per_second(args, args.batch_size, threads, *sampled),
    }
    threads = {}
    for name, side in sides.items():
        side(1)
        threads[name] = max(range(1, args.max_threads + 1), key=side)
    rounds = [{name: side(threads[name]) for name, side in sides.items()}
              for _ in range(args.rounds)]

    def report(label, name):
        speeds = [speeds[name] for speeds in rounds]
        print(f"{label:44} {statistics.median(speeds):12,.0f} characters/s "
              f"({min(speeds):,.0f} to {max(speeds):,.0f}), {threads[name]} threads")

    def ratio(above, below):
        ratios = [speeds[above] / speeds[below] for speeds in rounds]
        return f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"

    print(f"{args.cell}, V {args.vocab_size}, H {args.hidden_size}, {args.num_chars} characters, "
          f"PyTorch {torch.__version__}, {args.rounds} rounds")
    report("the article's predict loop", "article")
    report("lyrnn, one text, greedy", "one")
    report(f"lyrnn, {args.batch_size} texts, greedy", "many")
    report(f"lyrnn, {args.batch_size} texts, temperature 1, top-p 0.9", "drawn")
    print(f"lyrnn, one text / article: {ratio('one', 'article')}")
    print(f"lyrnn, {args.batch_size} texts / one: {ratio('many', 'one')}")


if __name__ == "__main__":
    main()
