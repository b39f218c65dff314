#!/usr/bin/env python3
"""Draws perplexity over epochs, on a logarithmic scale, for one or more training runs.

The legend notes each run's last perplexity and its median characters per second.
"""

import argparse
import json
import os
import statistics

from bench_shapes import fail
from figures import plt, save_figure, style_axes
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter


def read_metrics(run):
    """Gives the epochs of a run directory or of a metrics.jsonl file."""
    path = os.path.join(run, "metrics.jsonl") if os.path.isdir(run) else run
    epochs = []
    try:
        with open(path, encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                epoch = json.loads(line)
                epochs.append((epoch["epoch"], float(epoch["perplexity"]),
                               float(epoch["chars_per_second"])))
    except OSError as error:
        fail(f"{path}: {error.strerror}")
    except KeyError as error:
        fail(f"{path}:{number}: no {error}")
    except (ValueError, TypeError):
        fail(f"{path}:{number}: not an epoch's metrics")
    if not epochs:
        fail(f"{path}: holds no epoch")
    return zip(*epochs)


def run_name(run):
    path = os.path.abspath(run)
    return os.path.basename(path if os.path.isdir(path) else os.path.dirname(path))


def draw(runs, title, output):
    figure, axes = plt.subplots(figsize=(8, 4.5), dpi=150, constrained_layout=True)
    for run in runs:
        epochs, perplexities, rates = read_metrics(run)
        axes.plot(epochs, perplexities, linewidth=1.8, marker="." if len(epochs) == 1 else None,
                  label=f"{run_name(run)}: {perplexities[-1]:.3f} at epoch {epochs[-1]}, "
                        f"{statistics.median(rates):,.0f} characters/s")
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set_xlim(left=0)
    axes.set(title=title, xlabel="epoch", ylabel="perplexity (log scale)")
    style_axes(axes)
    axes.legend(frameon=False)
    save_figure(figure, output)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", metavar="RUN", help="run directory or metrics.jsonl")
    parser.add_argument("--output", default="metrics.png", metavar="FILE", help="[metrics.png]")
    parser.add_argument("--title", default="Training perplexity", metavar="TEXT")
    args = parser.parse_args()
    draw(args.runs, args.title, args.output)


if __name__ == "__main__":
    main()
