#!/usr/bin/env python3
"""Draws the held-out perplexity of lyrnn and PyTorch over the time of training.

    /usr/bin/python3 scripts/bench/plot_quality.py

The input is what bench_quality.py --json wrote. The picture shows the last measurement: the text,
the minutes and the machine of the last record. A line is the median over the seeds, and its band
goes from the lowest to the highest. The legend has the median of the best perplexities.
"""

import argparse
import os
import statistics

from bench_shapes import fail
from quality_results import quality_groups, read_quality

BENCH = os.path.dirname(os.path.abspath(__file__))
RESULTS = os.path.join(BENCH, "results", "quality.jsonl")
PICTURE = os.path.join(BENCH, "pictures", "quality.png")
# Curves that rise far above the best perplexity leave the picture.
HIGHEST = 2.5


def perplexity_at(curve, seconds):
    """Between two epochs the line between them; None before the first and after the last."""
    for (before, low), (after, high) in zip(curve, curve[1:], strict=False):
        if before <= seconds <= after:
            share = (seconds - before) / (after - before) if after > before else 0
            return low + share * (high - low)
    return None


def band(runs, grid):
    """The times at which every seed has a perplexity, with their minimum, median and maximum."""
    points = []
    for seconds in grid:
        values = [perplexity_at(run["curve"], seconds) for run in runs]
        if None not in values:
            points.append((seconds / 60, min(values), statistics.median(values), max(values)))
    return points


def label_of(side, runs):
    best = statistics.median(run["best_perplexity"] for run in runs)
    return f"{side}: {best:.1f}"


def draw(sides, output):
    """sides: the records of each side, by name."""
    # Only drawing needs matplotlib, --help and the tests do without it.
    from figures import plt, save_figure, style_axes
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    figure, axes = plt.subplots(figsize=(8, 4.5), dpi=110, constrained_layout=True)
    last = max((run for runs in sides.values() for run in runs), key=lambda run: run["date"])
    grid = [60 * last["minutes"] * i / 400 for i in range(401)]
    for side, runs in sides.items():
        points = band(runs, grid)
        if not points:
            fail(f"{side}: too few epochs to draw; give it more --minutes")
        times, lowest, middle, highest = zip(*points, strict=True)
        (line,) = axes.plot(times, middle, linewidth=1.8, label=label_of(side, runs))
        axes.fill_between(times, lowest, highest, color=line.get_color(), alpha=0.2, linewidth=0)
    best = min(run["best_perplexity"] for runs in sides.values() for run in runs)
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 1.2, 1.5, 2, 3, 5)))
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set_ylim(0.95 * best, HIGHEST * best)
    axes.set_xlim(0, last["minutes"])
    axes.set(xlabel="minutes of training", ylabel="held-out perplexity (log scale)")
    axes.set_title(f"{' '.join(last['corpus'])}, {last['text']['chars']:,} characters; "
                   f"{last['hardware'].partition(', OpenBLAS')[0]}, {last['date'][:10]}",
                   fontsize=11)
    style_axes(axes)
    axes.legend(frameon=False, title="side: perplexity of the best epoch")
    save_figure(figure, output)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", nargs="*", default=[RESULTS], metavar="RESULTS",
                        help="[scripts/bench/results/quality.jsonl]")
    parser.add_argument("--output", default=PICTURE, metavar="FILE",
                        help="[scripts/bench/pictures/quality.png]")
    parser.add_argument("--sides", metavar="NAME[,NAME...]",
                        help="draw only these [tutorial,pytorch,lyrnn, or all without these]")
    args = parser.parse_args()
    groups = quality_groups(read_quality(args.results))
    if not groups:
        fail(f"{' '.join(args.results)}: no records; add some with bench_quality.py --json")
    sides = groups[-1]
    wanted = args.sides.split(",") if args.sides else ["tutorial", "pytorch", "lyrnn"]
    unknown = [name for name in wanted if name not in sides]
    if args.sides and unknown:
        fail(f"--sides {unknown[0]}: not in the last measurement; it has {', '.join(sides)}")
    draw({name: sides[name] for name in wanted if name in sides} or sides, args.output)


if __name__ == "__main__":
    main()
