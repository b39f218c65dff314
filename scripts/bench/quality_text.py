"""The text of the quality benchmark: how it is read, cut into poems and divided into a part to
learn and a part that is held out. Both lyrnn and PyTorch get exactly this text.
"""

import dataclasses
import hashlib
import re

from bench_shapes import fail, run_process


@dataclasses.dataclass(frozen=True)
class Split:
    """A text whose last poems are held out. Positions count characters."""

    text: str
    starts: tuple  # where the poems begin, with the blank lines after a poem belonging to it
    cut: int  # where the held-out poems begin

    @property
    def held_out(self):
        """The (begin, end) of each held-out poem."""
        starts = [start for start in self.starts if start >= self.cut]
        return list(zip(starts, [*starts[1:], len(self.text)], strict=True))

    @property
    def num_targets(self):
        """The characters that every side is scored on: all that are held out, except the first of
        each poem, which no side has anything to predict from if it reads poem by poem.
        """
        return len(self.text) - self.cut - len(self.held_out)

    @property
    def val_fraction(self):
        """lyrnn's --val-fraction that holds out the same poems. The half character keeps a rounded
        share from holding out one character less.
        """
        return f"{(len(self.text) - self.cut + 0.5) / len(self.text):.9f}"

    @property
    def vocabulary(self):
        return sorted(set(self.text))

    def record(self):
        return {"sha256": hashlib.sha256(self.text.encode()).hexdigest(), "chars": len(self.text),
                "vocab_size": len(self.vocabulary), "poems": len(self.starts),
                "held_out_poems": len(self.held_out),
                "held_out_chars": len(self.text) - self.cut, "targets": self.num_targets}


def split_text(text, share):
    """Holds out the last poems: those from the poem's start that is nearest to the share."""
    text = text.rstrip()  # as lyrnn reads a whole text; one that --max-chars cut may end in a space
    starts = (0, *(match.end() for match in re.finditer(r"\n\n+(?=[^\n])", text)))
    if len(starts) < 2:
        fail("the text has only one poem; give one with blank lines between its poems")
    wanted = len(text) * (1 - share)
    return Split(text, starts, min(starts[1:], key=lambda start: abs(start - wanted)))


def read_text(program, paths, num_chars, share):
    """The text as lyrnn reads the files, without copies of poems, and no longer than num_chars."""
    text = run_process([program, "corpus", "--max-chars", str(num_chars), *paths])
    return split_text(text, share)
