#!/usr/bin/env python3
"""Draws the perplexity of one or more training runs over their epochs, on a logarithmic scale.

The legend has each run's last perplexity and its median number of characters per second.
"""

import argparse
import json
import os
import statistics

from bench_shapes import fail
from figures import plt, save_figure, style_axes
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter


def read_metrics(run):
    """Reads a run's folder or its metrics.jsonl. Returns the epochs, perplexities and speeds."""
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
        fail(f"{path}:{number}: lacks {error}; name a metrics.jsonl that lyrnn train wrote")
    except (ValueError, TypeError):
        fail(f"{path}:{number}: is not the JSON of an epoch; remove this line")
    if not epochs:
        fail(f"{path}: has no epoch; train for at least one")
    return zip(*epochs, strict=True)


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
    parser.add_argument("runs", nargs="+", metavar="RUN",
                        help="a run's folder or its metrics.jsonl")
    parser.add_argument("--output", default="metrics.png", metavar="FILE", help="[metrics.png]")
    parser.add_argument("--title", default="Training perplexity", metavar="TEXT",
                        help="[Training perplexity]")
    args = parser.parse_args()
    draw(args.runs, args.title, args.output)


if __name__ == "__main__":
    main()
