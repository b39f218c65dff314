#!/usr/bin/env python3
"""Measures PyTorch's training speed, with the field names of `lyrnn bench`.

Three sides do the same work as lyrnn:
  article    the tutorial's script, unchanged: a one-hot vector per step, nn.RNN, a Linear layer,
             gradient clipping by hand, Adam
  installed  the fastest of several ways to write the same model in PyTorch; the script tries them
  best       the same with lyrnn's --precision
article and installed keep the precision that PyTorch has by default. On a GPU since compute
capability 8.0 this is TF32 in nn.RNN, nn.LSTM and nn.GRU, and fp32 elsewhere. On a CPU, installed
is the same as best.

Each side uses its fastest number of CPU threads. The script prints one line of JSON per side and
shape. On a GPU (--device cuda), the tutorial's script keeps its tensors there, and most other ways
replay the whole step as one CUDA graph. On a CPU, all but the tutorial's script make glibc's malloc
keep freed memory, which speeds up PyTorch; OMP_WAIT_POLICY and OMP_PROC_BIND do not. Peak memory is
the process's, including the trials. Give --threads, --steps and, except for article, --way to skip
the trials. The CUDA sides were written on a machine without a GPU and have never run.
"""

import argparse
import ctypes
import json
import math
import os
import platform
import statistics
import sys
import time

from bench_shapes import (add_machine_options, add_shape_options, check_machine_options,
                          chosen_shapes, fail, note, now, positive, random_ids, steps_for,
                          text_length, thread_counts, training_sides)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    add_shape_options(parser)
    add_machine_options(parser)
    parser.add_argument("--side", choices=["article", "installed", "best", "all"], default="all",
                        help="the sides to measure [all]")
    parser.add_argument("--way", metavar="NAME",
                        help="measure this way of --side installed or best, by the name in an "
                        "earlier result [the fastest]")
    parser.add_argument("--threads", type=positive, metavar="N", help="CPU threads [the fastest]")
    parser.add_argument("--steps", type=positive, metavar="N",
                        help="optimizer steps per repetition [as many as take one second]")
    parser.add_argument("--repetitions", type=positive, default=5, metavar="N",
                        help="repetitions, after one that is not counted [5]")
    check = parser.add_argument_group("print losses instead of times")
    check.add_argument("--corpus", metavar="FILE", help="train on this text")
    check.add_argument("--init", metavar="FILE", help="start from this model.safetensors")
    check.add_argument("--num-epochs", type=positive, default=2, metavar="N", help="epochs [2]")
    args = parser.parse_args()
    check_machine_options(parser, args)
    if (args.corpus is None) != (args.init is None):
        parser.error("--corpus and --init: one needs the other; give both")
    if args.way and args.side not in ("installed", "best"):
        parser.error("--way: belongs to one side only; add --side installed or --side best")
    return args


# This comes before PyTorch, which --help does not need.
ARGUMENTS = parse_arguments() if __name__ == "__main__" else None

try:
    import torch
    from pytorch_sides import initial_model, numeric_precision, tutorial_trainer, ways
except ImportError:
    fail(f"{sys.executable}: has no PyTorch; on Debian and Ubuntu install python3-torch and use "
         "/usr/bin/python3")

SEED = 1
TRIAL_SECONDS, SECONDS = 0.5, 1
TRIAL_LOSS_TOLERANCE = {"fp32": 1e-3, "tf32": 1e-2, "bf16": 5e-2, "default": 1e-2}


def precision_of(side, args):
    return args.precision if side == "best" else "default"


def keep_freed_memory():
    """Makes glibc keep freed memory. Otherwise it returns each large tensor to the system, and
    every step starts with page faults.
    """
    m_trim_threshold, m_mmap_max = -1, -4
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except AttributeError:
        return
    mallopt(m_mmap_max, 0)
    mallopt(m_trim_threshold, 2**31 - 1)


# ---- one measurement -----------------------------------------------------------------------------


def make_trainer(side, trainer, shape, args, ids, weights=None):
    torch.manual_seed(SEED)
    rnn, dense = initial_model(shape, weights)
    return trainer(rnn.to(args.device), dense.to(args.device), ids.to(args.device), shape,
                   numeric_precision(precision_of(side, args)))


def time_epochs(side, trainer, shape, args, steps, repetitions):
    """Returns the loss of an untimed first epoch, and the ms per step of each later epoch."""
    ids = torch.tensor(random_ids(shape, text_length(shape, steps)))
    epoch = make_trainer(side, trainer, shape, args, ids)
    loss, ms = epoch(), []
    for _ in range(repetitions):
        start = time.perf_counter()
        epoch()
        ms.append(1e3 * (time.perf_counter() - start) / steps)
    return loss, ms


def try_out(side, trainer, shape, args, threads):
    """Returns the loss after two steps and the minimum ms per step, which has little noise."""
    torch.set_num_threads(threads)
    loss, probe = time_epochs(side, trainer, shape, args, steps=2, repetitions=1)
    if 2e-3 * probe[0] > TRIAL_SECONDS:
        return loss, probe[0]
    _, ms = time_epochs(side, trainer, shape, args, steps_for(TRIAL_SECONDS / 2, probe[0]),
                        repetitions=3)
    return loss, min(ms)


def candidates(side, shape, args):
    if side == "article":
        return {"as written": tutorial_trainer}
    return ways(args.device, shape.cell)


def choose(side, shape, args):
    """Tries each way with each number of threads. Returns the fastest way, its threads and its ms
    per step. Stops this script if the losses of the ways differ.
    """
    results, first_loss = {}, None
    for way, trainer in candidates(side, shape, args).items():
        if args.way not in (None, way):
            continue
        for threads in [args.threads] if args.threads else thread_counts(args.device):
            try:
                loss, ms = try_out(side, trainer, shape, args, threads)
            except RuntimeError as error:  # some versions of PyTorch cannot run or capture a way
                note(f"  {way}: skipped: {str(error).splitlines()[0]}")
                break
            note(f"  {side}: {way}, {threads} threads: {ms:.3g} ms per step")
            first_loss = loss if first_loss is None else first_loss
            tolerance = TRIAL_LOSS_TOLERANCE[precision_of(side, args)]
            if not abs(loss - first_loss) <= tolerance * first_loss:
                fail(f"{way}: its loss after two steps is {loss:.6f}, but the first way's is "
                     f"{first_loss:.6f}; correct the way in pytorch_sides.py")
            results[way, threads] = ms
    if not results:
        fail(f"{side}: this PyTorch runs none of its ways; use another version of PyTorch")
    way, threads = min(results, key=results.get)
    return way, threads, results[way, threads]


# ---- the result ----------------------------------------------------------------------------------


def peak_bytes(device):
    """This process's peak memory: resident memory on a CPU, PyTorch's allocations on a GPU."""
    if device == "cuda":
        return torch.cuda.max_memory_allocated()
    # The peak of getrusage would also count the program that this process was before exec.
    with open("/proc/self/status", encoding="utf-8") as file:
        return 1024 * next(int(line.split()[1]) for line in file if line.startswith("VmHWM:"))


def gemm_gflops(args):
    """The rate of large square products with the fastest number of threads: the practical peak."""
    size = 2048 if args.device == "cpu" else 8192
    dtype = torch.bfloat16 if args.precision == "bf16" else torch.float32
    a, b = (torch.rand(size, size, device=args.device, dtype=dtype) for _ in range(2))
    out = torch.empty_like(a)
    best = 0.0
    for threads in thread_counts(args.device):
        torch.set_num_threads(threads)
        for _ in range(4):
            start = time.perf_counter()
            torch.mm(a, b, out=out)
            if args.device == "cuda":
                torch.cuda.synchronize()
            best = max(best, 2 * size**3 / (time.perf_counter() - start))
    return best / 1e9


def blas_library():
    """The BLAS library that this process has loaded, or the one that PyTorch was built with."""
    try:
        with open("/proc/self/maps", encoding="utf-8") as maps:
            files = sorted({line.split()[-1] for line in maps if "openblas" in line})
        return next(file for file in files if "libopenblas" in file)
    except (OSError, StopIteration):
        return "MKL" if torch.backends.mkl.is_available() else "unknown"


def cpu_name():
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            return next(line.partition(":")[2].strip() for line in file
                        if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.machine()


def quantile(values, share):
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def describe(side, shape, args, way, threads):
    return {"task": "train", "side": side, "way": way, "preset": shape.preset, **vars(shape),
            "device": args.device, "precision": precision_of(side, args), "threads": threads,
            "settings": {"matmul.allow_tf32": torch.backends.cuda.matmul.allow_tf32,
                         "cudnn.allow_tf32": torch.backends.cudnn.allow_tf32,
                         "cudnn.benchmark": torch.backends.cudnn.benchmark},
            "backend": args.device, "torch": torch.__version__, "blas": blas_library(),
            "device_name": (torch.cuda.get_device_name() if args.device == "cuda"
                            else cpu_name()),
            "date": now()}


def measure(side, shape, args):
    way, threads, ms = args.way, args.threads, None
    if args.steps is None or threads is None or (side != "article" and way is None):
        way, threads, ms = choose(side, shape, args)
    way = way or "as written"
    torch.set_num_threads(threads)
    steps = args.steps or steps_for(SECONDS, ms)
    loss, ms = time_epochs(side, candidates(side, shape, args)[way], shape, args, steps,
                           args.repetitions)
    if not math.isfinite(loss):
        fail(f"{way}: its loss is {loss}; correct the way in pytorch_sides.py")
    result = describe(side, shape, args, way, threads)
    median = statistics.median(ms)
    gflop, peak = shape.gflop_per_step(), peak_bytes(args.device)
    gemm = gemm_gflops(args)
    result.update({
        "steps": steps, "repetitions": args.repetitions, "ms_per_step": median,
        "ms_per_step_p10": quantile(ms, 0.1), "ms_per_step_p90": quantile(ms, 0.9),
        "chars_per_second": 1e3 * shape.chars_per_step() / median, "gflop_per_step": gflop,
        "gflops": gflop / median * 1e3, "gemm_gflops": gemm, "floor_ms": 1e3 * gflop / gemm,
        "times_floor": median * gemm / (1e3 * gflop), "peak_bytes": peak})
    return result


# ---- losses from given weights -------------------------------------------------------------------


def read_safetensors(path):
    """Reads a file that lyrnn wrote: tensors by name, all of them float32."""
    with open(path, "rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        data = bytearray(file.read())
    header.pop("__metadata__", None)
    return {name: torch.frombuffer(data, dtype=torch.float32, offset=tensor["data_offsets"][0],
                                   count=math.prod(tensor["shape"])).view(tensor["shape"])
            for name, tensor in header.items()}


def losses(side, shape, args):
    """The mean loss of each epoch on --corpus, starting from the weights of --init."""
    with open(args.corpus, encoding="utf-8") as file:
        text = file.read()
    id_of = {char: i for i, char in enumerate(sorted(set(text)))}
    if len(id_of) != shape.vocab_size:
        fail(f"{args.corpus}: has {len(id_of)} distinct characters, not {shape.vocab_size}; change "
             "--vocab-size")
    way = args.way or next(iter(candidates(side, shape, args)))
    threads = args.threads or len(os.sched_getaffinity(0))
    torch.set_num_threads(threads)
    epoch = make_trainer(side, candidates(side, shape, args)[way], shape, args,
                         torch.tensor([id_of[char] for char in text]), read_safetensors(args.init))
    return {**describe(side, shape, args, way, threads),
            "losses": [epoch() for _ in range(args.num_epochs)]}


def main():
    args = ARGUMENTS
    if args.device == "cuda" and not torch.cuda.is_available():
        fail(f"--device cuda: PyTorch {torch.__version__} finds no GPU; use --device cpu")
    for shape in chosen_shapes(args):
        if args.way and args.way not in candidates("best", shape, args):
            fail(f"--way {args.way}: unknown; choose one of: "
                 f"{'; '.join(candidates('best', shape, args))}")
        sides = [side for side in training_sides(args.device) if side != "lyrnn"]
        for side in sides if args.side == "all" else [args.side]:
            if side != "article" and args.device == "cpu":
                keep_freed_memory()
            result = (losses if args.corpus else measure)(side, shape, args)
            print(json.dumps(result, ensure_ascii=False), flush=True)


if __name__ == "__main__":
    main()
