#!/usr/bin/env python3
"""Draws the perplexity of one or more training runs over their epochs, on a logarithmic scale.

A solid line is the training, a dashed one in the same color the validation. A perplexity that is
not finite, null in metrics.jsonl, is a gap. Reports within an epoch are left out. The legend has
each run's last perplexity, its lowest validation perplexity, and its median number of characters
per second.
"""

import argparse
import json
import math
import os
import statistics

from bench_shapes import fail


def number_or_nan(value):
    return math.nan if value is None else float(value)


def read_metrics(run):
    """Reads a run's folder or its metrics.jsonl. Returns the epochs, their training perplexities,
    their validation perplexities (None without validation) and the speeds that are known.
    """
    path = os.path.join(run, "metrics.jsonl") if os.path.isdir(run) else run
    lines = []
    try:
        with open(path, encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                epoch = json.loads(line)
                if "batch" in epoch:
                    continue
                lines.append((int(epoch["epoch"]), number_or_nan(epoch["perplexity"]),
                              number_or_nan(epoch.get("val_perplexity")),
                              number_or_nan(epoch["chars_per_second"]), "val_perplexity" in epoch))
    except OSError as error:
        fail(f"{path}: {error.strerror}")
    except KeyError as error:
        fail(f"{path}:{number}: lacks {error}; name a metrics.jsonl that lyrnn train wrote")
    except (ValueError, TypeError, AttributeError):
        fail(f"{path}:{number}: is not the JSON of an epoch; remove this line")
    if not lines:
        fail(f"{path}: has no epoch; train for at least one")
    epochs, training, validation, rates, is_validated = zip(*lines, strict=True)
    return (epochs, training, validation if any(is_validated) else None,
            [rate for rate in rates if math.isfinite(rate)])


def training_label(name, epochs, perplexities, rates):
    last = perplexities[-1]
    shown = f"{last:.3f}" if math.isfinite(last) else "not finite"
    speed = f", {statistics.median(rates):,.0f} characters/s" if rates else ""
    return f"{name}: {shown} at epoch {epochs[-1]}{speed}"


def validation_label(name, epochs, perplexities):
    finite = [(value, epoch) for epoch, value in zip(epochs, perplexities, strict=True)
              if math.isfinite(value)]
    shown = "{:.3f} at epoch {}".format(*min(finite)) if finite else "never finite"
    return f"{name}, validation: {shown}"


def run_name(run):
    path = os.path.abspath(run)
    return os.path.basename(path if os.path.isdir(path) else os.path.dirname(path))


def draw(runs, title, output):
    # Only drawing needs matplotlib; --help and the tests do without it.
    from figures import plt, save_figure, style_axes
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    figure, axes = plt.subplots(figsize=(8, 4.5), dpi=150, constrained_layout=True)
    for i, run in enumerate(runs):
        epochs, training, validation, rates = read_metrics(run)
        style = {"color": f"C{i}", "linewidth": 1.8, "marker": "." if len(epochs) == 1 else None}
        axes.plot(epochs, training, label=training_label(run_name(run), epochs, training, rates),
                  **style)
        if validation is not None:
            axes.plot(epochs, validation, linestyle="--",
                      label=validation_label(run_name(run), epochs, validation), **style)
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
    parser.add_argument("--title", default="Perplexity", metavar="TEXT",
                        help="[Perplexity]")
    args = parser.parse_args()
    draw(args.runs, args.title, args.output)


if __name__ == "__main__":
    main()
