#!/usr/bin/env python3
"""Draws the efficiency that scaling_model.py expects over the number of cards.

    /usr/bin/python3 scripts/bench/plot_scaling.py

A column is a card with its links, the rows are strong and weak scaling, and a line is one shape.
The picture's description holds the numbers, so that a test can compare it with the model.
"""

import argparse
import os

from bench_shapes import PRESETS
from scaling_model import LABEL, SYSTEMS, scaling_rows

PICTURE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "pictures", "scaling.png")
COLUMNS = ("h200-ib400", "a100-ib200", "rtx4090-eth100")
RANKS = (1, 2, 4, 8, 16, 32, 64)
SCALINGS = {"strong": "strong: one batch is split",
            "weak": "weak: a batch per card"}
TITLE = f"Efficiency of data-parallel training: {LABEL}"


def curves():
    """Maps system, scaling and preset to the numbers of cards and their efficiencies."""
    found = {}
    for row in scaling_rows(COLUMNS, RANKS):
        key = (row["system"], row["scaling"], row["preset"])
        found.setdefault(key, []).append((row["ranks"], row["efficiency"]))
    return found


def description_of(found):
    return "; ".join([TITLE, *(
        f"{' '.join(key)} {' '.join(f'{ranks}:{efficiency:.3f}' for ranks, efficiency in points)}"
        for key, points in found.items())])


def draw_panel(axes, found, system, scaling):
    from figures import style_axes
    from matplotlib.ticker import FixedLocator, NullLocator, PercentFormatter, ScalarFormatter

    for preset in PRESETS:
        ranks, efficiencies = zip(*found[system, scaling, preset], strict=True)
        axes.plot(ranks, efficiencies, marker="o", markersize=3, linewidth=1.6, label=preset)
    axes.axvline(8, color="0.6", linewidth=0.8, linestyle=":")
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_locator(FixedLocator(RANKS))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(ScalarFormatter())
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.set_ylim(0, 1.05)
    style_axes(axes)


def draw(output):
    # Only drawing needs matplotlib; the tests import this file without it.
    from figures import plt, save_figure

    found = curves()
    figure, panels = plt.subplots(len(SCALINGS), len(COLUMNS), figsize=(10, 6), dpi=100,
                                  layout="constrained", sharex=True, sharey=True)
    for line, scaling in zip(panels, SCALINGS, strict=True):
        for axes, name in zip(line, COLUMNS, strict=True):
            draw_panel(axes, found, SYSTEMS[name].label(), scaling)
        line[0].set_ylabel(SCALINGS[scaling], fontsize=9)
    for axes, name in zip(panels[0], COLUMNS, strict=True):
        system = SYSTEMS[name]
        axes.set_title(f"{system.card.name}, {system.node.name}\n{system.network.name}",
                       fontsize=9)
    panels[0][0].legend(frameon=False, ncols=2, fontsize=9)
    figure.suptitle(TITLE, fontsize=12)
    figure.supxlabel("cards; dotted: one full node of 8; shapes A to F", fontsize=9)
    save_figure(figure, output, metadata={"Description": description_of(found)})


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", default=PICTURE, metavar="FILE",
                        help="[scripts/bench/pictures/scaling.png]")
    draw(parser.parse_args().output)


if __name__ == "__main__":
    main()
