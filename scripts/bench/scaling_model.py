#!/usr/bin/env python3
"""Estimates how training scales over several cards: a model, not a measurement.

    scripts/bench/scaling_model.py
    scripts/bench/scaling_model.py --system rtx4090-eth25 --ranks 1,2,4 --format json

One training step takes compute time plus the part of the all-reduce that nothing hides. Compute
time comes from the cost model of the recurrence and from the card's peak rates. The all-reduce is
an alpha-beta model: latencies plus bytes over the rates that NCCL reaches. Strong scaling splits
one batch over the cards. Weak scaling gives each card a batch of its own.
scripts/bench/README.md cites the source of each constant.
"""

import argparse
import dataclasses
import json
import os

from bench_shapes import GATES, PRESETS, fail, positives, read_lines

LABEL = "model, not measured"
ESTIMATES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "results",
                         "recurrence_estimates.jsonl")
CARDS_PER_NODE = 8

# ---- machines ------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Card:
    name: str
    estimates: str  # its name in the results file
    fp32_flops: float
    memory_rate: float  # bytes/s
    cache_bytes: float  # L2


@dataclasses.dataclass(frozen=True)
class Link:
    """Rates are bytes/s per direction: of each card within a node, of each node in a network.
    message is the latency of one of the messages that a rank sends at the same time; hop is the
    latency of one step of a ring. Both are in seconds.
    """

    name: str
    rate: float
    message: float
    hop: float


@dataclasses.dataclass(frozen=True)
class System:
    card: Card
    node: Link
    network: Link

    def label(self):
        return f"{self.card.name}, {self.node.name}, {self.network.name}"


H200 = Card("H200", "H100 SXM, H200", 67e12, 4.8e12, 50e6)
A100 = Card("A100 80GB", "A100", 19.5e12, 2.039e12, 40e6)
RTX_4090 = Card("RTX 4090", "RTX 4090", 82.6e12, 1.008e12, 72e6)

NVLINK_4 = Link("NVLink 4", 370e9, 0.6e-6, 3.4e-6)
NVLINK_3 = Link("NVLink 3", 195e9, 0.6e-6, 3.4e-6)
PCIE = Link("PCIe 4.0 through host memory", 12e9, 1.0e-6, 5.7e-6)
IB_400 = Link("8 x 400 Gbit/s InfiniBand", 8 * 48e9, 2.7e-6, 14e-6)
IB_200 = Link("8 x 200 Gbit/s InfiniBand", 8 * 24e9, 2.7e-6, 14e-6)
ETHERNET_100 = Link("100 Gbit/s Ethernet", 5e9, 10e-6, 35e-6)
ETHERNET_25 = Link("25 Gbit/s Ethernet", 2e9, 10e-6, 35e-6)

SYSTEMS = {
    "h200-ib400": System(H200, NVLINK_4, IB_400),
    "h200-eth100": System(H200, NVLINK_4, ETHERNET_100),
    "a100-ib200": System(A100, NVLINK_3, IB_200),
    "rtx4090-eth100": System(RTX_4090, PCIE, ETHERNET_100),
    "rtx4090-eth25": System(RTX_4090, PCIE, ETHERNET_25),
}

# ---- compute -------------------------------------------------------------------------------------

GEMM_SHARE = 0.8  # of the card's fp32 peak
NODES_IN_A_ROW = 12  # of the step's graph
NODE_SECONDS = 2e-6
LOGITS_PASSES, GATES_PASSES, OPTIMIZER_PASSES = 4, 6, 8  # reads and writes of each number


def read_estimates(paths=(ESTIMATES,)):
    """Maps card, preset and number of streams to a record of the file."""
    records = read_lines(paths, "tests/cards/recurrence_estimates", lambda record: (
        record["card"], record["preset"], record["streams"], record["forward_us"],
        record["backward_us"], record["forward"], record["backward"]))
    return {(record["card"], record["preset"], record["streams"]): record for record in records}


def output_parameters(shape):
    return (shape.hidden_size + 1) * shape.vocab_size


def num_parameters(shape):
    H, gates = shape.hidden_size, GATES[shape.cell] * shape.hidden_size
    inputs = shape.vocab_size + (shape.num_layers - 1) * H
    return output_parameters(shape) + gates * (inputs + shape.num_layers * (H + 2))


@dataclasses.dataclass(frozen=True)
class Compute:
    """seconds of one step on one card. During hidden_seconds, the ranks can sum the dense layer's
    gradients.
    """

    seconds: float
    hidden_seconds: float


def recurrence_seconds(shape, card, record, way):
    """All time steps of one direction. By steps, W_hh comes from memory if the cache is too small.
    """
    weights = 4 * GATES[shape.cell] * shape.hidden_size**2
    read = weights / card.memory_rate if weights > card.cache_bytes else 0
    by_steps = record[way] == "steps"
    return (shape.num_layers * shape.num_steps
            * max(1e-6 * record[f"{way}_us"], read if by_steps else 0))


def compute_of(shape, card, record):
    """`record` has the recurrence's times for this shape with this number of streams."""
    H, gates = shape.hidden_size, GATES[shape.cell] * shape.hidden_size
    rows = record["streams"] * shape.num_steps
    # Forward, and backward to inputs and to weights; of W_hh only the weights' gradient is left.
    layers = 6 * (shape.num_layers - 1) + 2 * shape.num_layers
    products = 6 * H * shape.vocab_size + layers * gates * H
    passes = (rows * (LOGITS_PASSES * shape.vocab_size + GATES_PASSES * shape.num_layers * gates)
              + OPTIMIZER_PASSES * num_parameters(shape))
    backward = recurrence_seconds(shape, card, record, "backward")
    seconds = (recurrence_seconds(shape, card, record, "forward") + backward
               + rows * products / (GEMM_SHARE * card.fp32_flops) + 4 * passes / card.memory_rate
               + NODES_IN_A_ROW * NODE_SECONDS)
    return Compute(seconds, 0 if record["backward"] == "grid" else backward)


# ---- communication -------------------------------------------------------------------------------

MESSAGES_SECONDS, RING_SECONDS = 6.6e-6, 8.4e-6  # before the first byte


def all_reduce_seconds(num_bytes, ranks, system):
    """The ordered all-reduce: each rank gets its piece from all others (all-to-all), adds the
    pieces, and sends the sum to all others (all-gather).
    """
    if ranks == 1:
        return 0.0
    local = min(ranks, CARDS_PER_NODE)
    nodes = ranks / local
    piece = num_bytes / ranks
    remote_rate = system.network.rate / local
    all_to_all = (MESSAGES_SECONDS + (local - 1) * system.node.message
                  + (ranks - local) * system.network.message
                  + max((local - 1) * piece / system.node.rate,
                        (ranks - local) * piece / remote_rate))
    added = NODE_SECONDS + (num_bytes + piece) / system.card.memory_rate
    crossings = nodes - 1
    ring_rate = min(system.node.rate, system.network.rate) if nodes > 1 else system.node.rate
    all_gather = (RING_SECONDS + (ranks - 1 - crossings) * system.node.hop
                  + crossings * system.network.hop + (ranks - 1) * piece / ring_rate)
    return all_to_all + added + all_gather


def exposed_seconds(shape, ranks, system, buckets, hidden_seconds):
    """The part of the all-reduce that the step waits for. If there are two buckets, the dense
    layer's gradients travel while the recurrence computes its own.
    """
    whole = all_reduce_seconds(4 * num_parameters(shape), ranks, system)
    if buckets == 1 or hidden_seconds == 0:
        return whole
    dense = all_reduce_seconds(4 * output_parameters(shape), ranks, system)
    rest = all_reduce_seconds(4 * (num_parameters(shape) - output_parameters(shape)), ranks, system)
    return min(whole, rest + max(0.0, dense - hidden_seconds))


# ---- rows ----------------------------------------------------------------------------------------


def scaling_row(system, preset, scaling, ranks, buckets, estimates):
    """None: the batch has fewer streams than there are cards."""
    shape, card = PRESETS[preset], system.card
    streams = shape.batch_size // (ranks if scaling == "strong" else 1)
    record = estimates.get((card.estimates, preset, streams))
    if record is None:
        return None
    one = compute_of(shape, card, estimates[card.estimates, preset, shape.batch_size]).seconds
    compute = compute_of(shape, card, record)
    exposed = exposed_seconds(shape, ranks, system, buckets, compute.hidden_seconds)
    step = compute.seconds + exposed
    speedup = one / step * (1 if scaling == "strong" else ranks)
    return {"system": system.label(), "preset": preset, "scaling": scaling, "ranks": ranks,
            "streams_per_rank": streams, "gradient_bytes": 4 * num_parameters(shape),
            "one_card_ms": 1e3 * one, "step_ms": 1e3 * step, "compute_ms": 1e3 * compute.seconds,
            "all_reduce_ms": 1e3 * all_reduce_seconds(4 * num_parameters(shape), ranks, system),
            "exposed_ms": 1e3 * exposed, "speedup": speedup, "efficiency": speedup / ranks}


def scaling_rows(systems, ranks, buckets=2, estimates=None):
    estimates = estimates or read_estimates()
    rows = [scaling_row(SYSTEMS[name], preset, scaling, number, buckets, estimates)
            for name in systems for preset in PRESETS for number in ranks
            for scaling in ("strong", "weak")]
    return [row for row in rows if row is not None]


# ---- output --------------------------------------------------------------------------------------

RANKS = (2, 8, 64)


def column_names(ranks):
    return (f"system ({LABEL})", "shape", "gradients, MB", "one card, ms",
            *(f"{number} cards, {scaling}" for number in ranks for scaling in ("strong", "weak")))


def cell_of(row):
    return "no split" if row is None else f"{row['speedup']:.3g}x ({row['efficiency']:.0%})"


def table_rows(rows, ranks):
    """One row per system and shape. A cell has the speedup and the efficiency."""
    found = {}
    for row in rows:
        found.setdefault((row["system"], row["preset"]), {})[row["ranks"], row["scaling"]] = row
    for (system, preset), cells in found.items():
        first = next(iter(cells.values()))
        yield (system, preset, f"{first['gradient_bytes'] / 1e6:.1f}",
               f"{first['one_card_ms']:.3g}",
               *(cell_of(cells.get((number, scaling)))
                 for number in ranks for scaling in ("strong", "weak")))


def readme_rows(estimates):
    """The rows of the table in README.md; bench_table.py writes it."""
    return list(table_rows(scaling_rows(SYSTEMS, RANKS, estimates=estimates), RANKS))


def print_table(rows, ranks):
    lines = [column_names(ranks), *table_rows(rows, ranks)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    print(f"{LABEL}: speedup over one card (efficiency)")
    for line in lines:
        print("  ".join(map(str.ljust, line, widths)).rstrip())


def rank_list(text):
    numbers = positives(text)
    for number in numbers:
        if number & (number - 1) or number > 1024:
            raise argparse.ArgumentTypeError(f"{number}: must be a power of two, at most 1024")
    return numbers


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.error = fail  # one line, as lyrnn itself prints
    parser.add_argument("--system", choices=[*SYSTEMS], action="append",
                        help="a card with its links; give it again for another one [all]")
    parser.add_argument("--ranks", type=rank_list, default=list(RANKS), metavar="N[,N...]",
                        help=f"numbers of cards; up to {CARDS_PER_NODE} share a node [2,8,64]")
    parser.add_argument("--buckets", type=int, choices=[1, 2], default=2,
                        help="2: the dense layer's gradients travel during the recurrence's "
                        "backward pass, except where that fills the card [2]")
    parser.add_argument("--format", choices=["table", "json"], default="table", help="[table]")
    args = parser.parse_args()
    rows = scaling_rows(args.system or SYSTEMS, args.ranks, args.buckets)
    if args.format == "json":
        print(json.dumps({"label": LABEL, "rows": rows}, indent=1))
    else:
        print_table(rows, args.ranks)


if __name__ == "__main__":
    main()
