"""Sets up matplotlib for the plotting scripts: figures go to files and share one style."""

import sys

from bench_shapes import fail

try:
    import matplotlib
except ImportError:
    fail(f"{sys.executable}: has no matplotlib; on Debian and Ubuntu install python3-matplotlib "
         "and use /usr/bin/python3")
matplotlib.use("Agg")  # draws to files, so it needs no display
import matplotlib.pyplot as plt

__all__ = ["COLORS", "plt", "save_figure", "style_axes"]

# One color per side of a comparison, in every picture. "one" is lyrnn generating one text.
COLORS = {"lyrnn": "C0", "one": "C0", "best": "C1", "article": "C2", "installed": "C3"}


def style_axes(axes):
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)


def save_figure(figure, path, metadata=None):
    try:
        figure.savefig(path, metadata=metadata)
    except OSError as error:
        fail(f"{path}: {error.strerror}")
    except ValueError as error:
        fail(f"{path}: {error}")
