#!/usr/bin/env python3
"""Compares lyrnn's speed of generation with the tutorial's predict loop in PyTorch, on one CPU.

The tutorial generates one text. Each character becomes a one-hot vector and goes through nn.RNN and
a Linear layer, and the most likely character comes next. lyrnn generates one text in the same way,
then many texts in parallel, first greedily and then sampled. Each side uses its fastest number of
threads. The sides take turns, and the script compares the medians of their characters per second.
All sides have random weights of one shape, because the speed does not depend on what a model has
learned.
"""

import argparse
import json
import sys
import time

from bench_shapes import (CELLS, Shape, add_record, fail, origin, positive, run_process, spread,
                          thread_counts, with_range)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lyrnn", default="build/lyrnn", metavar="PATH",
                        help="the lyrnn program [build/lyrnn]")
    parser.add_argument("--cell", choices=CELLS, default="rnn_tanh",
                        help="recurrent cell [rnn_tanh]")
    parser.add_argument("--vocab-size", type=positive, default=1027, metavar="V",
                        help="distinct characters [1027]")
    parser.add_argument("--hidden-size", type=positive, default=256, metavar="H",
                        help="hidden units [256]")
    parser.add_argument("--num-chars", type=positive, default=1000, metavar="N",
                        help="characters per text [1000]")
    parser.add_argument("--batch-size", type=positive, default=64, metavar="B",
                        help="texts in parallel [64]")
    parser.add_argument("--rounds", type=positive, default=5, metavar="N",
                        help="rounds in which the sides take turns [5]")
    parser.add_argument("--json", metavar="FILE",
                        help="append the result to this file as one line of JSON")
    return parser.parse_args()


# This comes before PyTorch, which --help does not need.
ARGUMENTS = parse_arguments() if __name__ == "__main__" else None

try:
    import torch
    from pytorch_sides import TutorialModel, initial_model
except ImportError:
    fail(f"{sys.executable}: has no PyTorch; on Debian and Ubuntu install python3-torch and use "
         "/usr/bin/python3")

SIDES = {"article": "the tutorial's predict loop", "one": "lyrnn, one text, greedy",
         "many": "lyrnn, {} texts, greedy", "drawn": "lyrnn, {} texts, temperature 1, top-p 0.9"}
SAMPLED = ("--temperature", "1", "--top-p", "0.9")


def measure_tutorial(model, num_chars, threads):
    """The tutorial's loop: starts with one character and feeds each prediction back."""
    torch.set_num_threads(threads)
    output, state = [0], None
    start = time.perf_counter()
    with torch.no_grad():
        for _ in range(num_chars):
            logits, state = model(torch.tensor([[output[-1]]]), state)
            output.append(int(logits.argmax(dim=1).item()))
    return {"chars_per_second": num_chars / (time.perf_counter() - start)}


def measure_lyrnn(args, batch_size, threads, *options):
    command = [args.lyrnn, "bench", "--task", "generate", "--device", "cpu", "--cell", args.cell,
               "--vocab-size", args.vocab_size, "--hidden-size", args.hidden_size,
               "--batch-size", batch_size, "--steps", args.num_chars, "--repetitions", 3,
               "--threads", threads, "--format", "jsonl", *options]
    return json.loads(run_process([str(word) for word in command]))


def fastest_threads(side):
    """The number of threads with which the side is fastest, after one run that does not count."""
    side(1)
    return max(thread_counts("cpu"), key=lambda threads: side(threads)["chars_per_second"])


def compare(args):
    shape = Shape(args.cell, args.vocab_size, args.hidden_size, args.batch_size, num_steps=1)
    model = TutorialModel(*initial_model(shape))
    sides = {"article": lambda threads: measure_tutorial(model, args.num_chars, threads),
             "one": lambda threads: measure_lyrnn(args, 1, threads),
             "many": lambda threads: measure_lyrnn(args, args.batch_size, threads),
             "drawn": lambda threads: measure_lyrnn(args, args.batch_size, threads, *SAMPLED)}
    threads = {name: fastest_threads(side) for name, side in sides.items()}
    rounds = [{name: side(threads[name]) for name, side in sides.items()}
              for _ in range(args.rounds)]
    speeds = {name: [results[name]["chars_per_second"] for results in rounds] for name in sides}
    gemm_gflops = [max(results[name]["gemm_gflops"] for name in ("one", "many", "drawn"))
                   for results in rounds]
    # Generation only needs the forward pass, which has a third of a training step's products.
    gflop = shape.gflop_per_step() / 3 / args.batch_size

    def ratio(above, below):
        return spread([a / b for a, b in zip(speeds[above], speeds[below], strict=True)])

    return {**origin(rounds[-1]["many"]), **vars(shape), "num_chars": args.num_chars,
            "torch": torch.__version__, "rounds": args.rounds, "gflop_per_char": gflop,
            "gemm_gflops": spread(gemm_gflops),
            "sides": {name: {"threads": threads[name], "chars_per_second": spread(speeds[name])}
                      for name in sides},
            "ratios": {"one / article": ratio("one", "article"),
                       "many / one": ratio("many", "one")},
            "share_of_floor": spread([gflop * speed / rate for speed, rate
                                      in zip(speeds["many"], gemm_gflops, strict=True)])}


def print_text(record):
    batch_size = record["batch_size"]
    print(f"{record['cell']}, V {record['vocab_size']}, H {record['hidden_size']}, "
          f"{record['num_chars']} characters, PyTorch {record['torch']}, {record['rounds']} rounds")
    for name, side in record["sides"].items():
        print(f"{SIDES[name].format(batch_size):44}"
              f"{with_range(side['chars_per_second'], ',.0f'):>36} characters/s, "
              f"{side['threads']} threads")
    for name, ratio in record["ratios"].items():
        print(f"{name}: {with_range(ratio, '.2f')}")
    print(f"many, share of the GEMM rate: {with_range(record['share_of_floor'], '.0%')}")


def main():
    args = ARGUMENTS
    record = compare(args)
    print_text(record)
    if args.json:
        add_record(args.json, record)


if __name__ == "__main__":
    main()
