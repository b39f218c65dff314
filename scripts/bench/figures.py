"""matplotlib as the plotting scripts use it: figures go to files, in one style."""

import sys

from bench_shapes import fail

try:
    import matplotlib
except ImportError:
    fail(f"{sys.executable} has no matplotlib; on Debian and Ubuntu install python3-matplotlib "
         "and use /usr/bin/python3")
matplotlib.use("Agg")  # draws to files where there is no display
import matplotlib.pyplot as plt


def style_axes(axes):
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)


def save_figure(figure, path):
    try:
        figure.savefig(path)
    except OSError as error:
        fail(f"{path}: {error.strerror}")
    except ValueError as error:
        fail(f"{path}: {error}")
