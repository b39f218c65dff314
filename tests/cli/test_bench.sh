#!/usr/bin/env bash
# Tests lyrnn bench: lists and presets, every format as a real parser reads it, shapes that do not
# fit, and wrong options.
set -euo pipefail
. "$(dirname "$0")/lib.sh" "$1"

small=(--threads 1 --steps 1 --repetitions 1)
tiny_shape=(--vocab-size 9 --hidden-size 4 --batch-size 2 --num-steps 3)

# One JSON object per combination; the last list varies fastest. Each has all keys of a row.
succeeds bench "${small[@]}" --vocab-size 9,12 --hidden-size 4 --batch-size 2..4*2 --num-steps 3 \
    --format jsonl
[[ ! -s $err ]] || fail "standard error must be silent"
command='a JSON parser'
python3 - "$out" <<'EOF' || fail "JSON must hold this"
import json, sys

rows = [json.loads(line) for line in open(sys.argv[1], encoding="utf-8")]
sizes = [(row["vocab_size"], row["batch_size"]) for row in rows]
assert sizes == [(9, 2), (9, 4), (12, 2), (12, 4)]
for row in rows:
    for key in ("ms_per_step", "ms_per_step_p10", "ms_per_step_p90", "chars_per_second",
                "gflop_per_step", "gflops", "gbytes_per_second", "estimate_ms", "times_estimate",
                "gemm_gflops", "copy_gbytes_per_second", "bare_call_us", "device_bytes",
                "peak_bytes"):
        assert row[key] > 0, key
    assert row["bare_step_us"] >= 0
    assert row["task"] == "train" and row["cell"] == "rnn_tanh"
    assert row["row"] == "" and row["backend"] == "cpu"
    assert (row["hidden_size"], row["num_layers"], row["num_steps"]) == (4, 1, 3)
    for key in ("device_name", "driver", "compiler", "commit", "flags", "version"):
        assert isinstance(row[key], str) and row[key], key
    assert row["date"].endswith("Z") and "T" in row["date"]
    assert abs(row["ms_per_step"] * row["chars_per_second"] / 1e3 - 3 * row["batch_size"]) < 1e-6
    assert abs(row["times_estimate"] * row["estimate_ms"] / row["ms_per_step"] - 1) < 1e-6
    operations = {operation["name"]: operation for operation in row["operations"]}
    assert len(operations) == len(row["operations"])
    assert "linear_forward_output" in operations
    assert abs(sum(operation["share"] for operation in row["operations"]) - 1) < 1e-6
    for key, step_key in (("gflop", "gflop_per_step"), ("gbytes", "gbytes_per_step"),
                          ("estimate_ms", "estimate_ms")):
        total = sum(operation[key] for operation in row["operations"])
        assert abs(total / row[step_key] - 1) < 1e-6
    for operation in row["operations"]:
        for key in ("calls", "ms", "gbytes", "estimate_ms", "predicted_ms", "times_predicted"):
            assert operation[key] > 0, key
        calls_ms = operation["calls"] * row["bare_call_us"] / 1e3
        assert abs((operation["estimate_ms"] + calls_ms) / operation["predicted_ms"] - 1) < 1e-6
        ms = operation["times_predicted"] * operation["predicted_ms"]
        assert abs(ms / operation["ms"] - 1) < 1e-6
    product = operations["linear_forward_output"]
    flop = 2 * 3 * row["batch_size"] * 4 * row["vocab_size"]
    assert abs(product["gflop"] * 1e9 - flop) < 1e-3
    assert abs(product["intensity"] - product["gflop"] / product["gbytes"]) < 1e-6
EOF

# One JSON object with all rows has the same members.
cp "$out" lines
succeeds bench "${small[@]}" --vocab-size 9,12 --hidden-size 4 --batch-size 2..4*2 --num-steps 3 \
    --format json
command='a JSON parser'
python3 - "$out" lines <<'EOF' || fail "JSON must hold the rows of the JSON lines"
import json, sys

with open(sys.argv[1], encoding="utf-8") as file:
    rows = json.load(file)["rows"]
lines = [json.loads(line) for line in open(sys.argv[2], encoding="utf-8")]
assert [list(row) for row in rows] == [list(line) for line in lines]
for row, line in zip(rows, lines):
    for key in ("task", "vocab_size", "batch_size", "gflop_per_step"):
        assert row[key] == line[key], key
    assert (row["format"], line["format"]) == ("json", "jsonl")
EOF

# CSV has the same values: a head, and the same number of columns in each row.
succeeds bench "${small[@]}" --preset ladder --vocab-size 9 --hidden-size 4 --batch-size 2 \
    --num-steps 3 --dropout 0.5 --format csv
command='a CSV parser'
python3 - "$out" <<'EOF' || fail "CSV must hold this"
import csv, sys

with open(sys.argv[1], encoding="utf-8", newline="") as file:
    head, *rows = csv.reader(file)
assert len(rows) == 6 and len(set(head)) == len(head)
assert all(len(row) == len(head) for row in rows)
rows = [dict(zip(head, row)) for row in rows]
assert [row["row"] for row in rows] == list("ABCDEF")
assert [row["cell"] for row in rows] == ["rnn_tanh", "lstm", "gru", "lstm", "rnn_tanh", "lstm"]
assert [row["num_layers"] for row in rows] == ["1", "1", "1", "2", "1", "1"]
for key, value in (("hidden_size", "4"), ("batch_size", "2"), ("preset", "ladder")):
    assert all(row[key] == value for row in rows), key
for row in rows:
    for key in ("ms_per_step", "chars_per_second", "op_clip_and_adam_ms"):
        assert float(row[key]) > 0, key
    assert (row["op_dropout_ms"] != "") == (row["row"] == "D")
    assert row["op_sample_token_ms"] == ""
    assert "operations" not in row and "thread" in row["device_name"]
EOF

succeeds bench "${small[@]}" "${tiny_shape[@]}" --preset D
grep -qE '^shape D: lstm, vocab 9, hidden 4, layers 2, batch 2, time steps 3$' "$out" ||
    fail "shape D of the ladder must be measured, with the sizes given"

# One row per operation.
succeeds bench "${small[@]}" "${tiny_shape[@]}" --task operations --cell gru --format csv
command='a CSV parser'
python3 - "$out" <<'EOF' || fail "CSV of operations must hold this"
import csv, sys

with open(sys.argv[1], encoding="utf-8", newline="") as file:
    rows = list(csv.DictReader(file))
names = [row["operation"] for row in rows]
assert len(set(names)) == len(names)
assert {"recurrence_forward", "clip_and_adam", "zero"} <= set(names)
assert all(None not in row and None not in row.values() for row in rows)
assert all(row["cell"] == "gru" for row in rows)
assert all(float(row["ms"]) > 0 for row in rows)
assert all(0 < float(row["estimate_ms"]) < float(row["predicted_ms"]) for row in rows)
assert abs(sum(float(row["share"]) for row in rows) - 1) < 1e-6
EOF

succeeds bench "${small[@]}" "${tiny_shape[@]:0:6}" --preset article --task generate
for text in '^cpu: .*1 thread' \
    '^shape A: rnn_tanh, vocab 9, hidden 4, layers 1, batch 2, text length 1$' \
    '^  speed +[0-9]+ characters/s, [0-9.e-]+ ms per step of one character per text \(p10 ' \
    '^  throughput +.* GFLOP/s, .* GB/s$' \
    '^  device rates +GEMM .* copy .* latency .* us per time step, .* us per call$' \
    '^  estimate +.* ms per step at these rates; measured: [0-9.]+ times the estimate$' \
    '^  memory +[0-9.]+ MiB on the device, [0-9.]+ MiB at the peak$' \
    '^  linear_forward_output +1 ' '^  sample_token +2 '; do
    grep -qE "$text" "$out" || fail "table must hold: $text"
done

# The line of an operation ends with estimate, prediction and ratio. All lines fit into 100 columns.
succeeds bench "${small[@]}" "${tiny_shape[@]}" --task operations --cell lstm
sed -n '/^  operations, timed one at a time/,$p' "$out" >operations
for text in '^  operation +calls +ms .* estimate +predicted +ratio$' \
    '^  linear_backward_weights_output +1 .*%( +[0-9.e-]+){4} +[0-9]+\.[0-9]{2}$'; do
    grep -qE "$text" operations || fail "table must hold: $text"
done
[[ $(wc -L <operations) -le 100 ]] || fail "lines of operations must fit into 100 columns"

# The peak leaves out what the process held before exec. Linux's getrusage includes it.
command='bench from a Python that held 300 MiB'
python3 - "$lyrnn" bench "${small[@]}" "${tiny_shape[@]}" --device cpu --format jsonl <<'EOF' ||
import json, subprocess, sys

def peak_bytes(*begin):
    run = subprocess.run([*begin, *sys.argv[1:]], check=True, capture_output=True)
    return json.loads(run.stdout)["peak_bytes"]

held = 300 << 20
large = "import os, sys; held = b'1' * int(sys.argv[1]); os.execv(sys.argv[2], sys.argv[2:])"
assert peak_bytes(sys.executable, "-c", large, str(held)) < peak_bytes() + held / 2
EOF
    fail "the peak must leave out memory from before exec"

# An error names a shape that does not fit, its bytes and the remedy. The others are measured.
if (($(sed -nE 's/^MemAvailable: +([0-9]+) kB/\1/p' /proc/meminfo) < 80000000)); then
    run bench "${small[@]}" --vocab-size 9 --num-steps 3 --hidden-size 4,65536,8 --batch-size 2 \
        --format jsonl
    expect_error 1 'bench: 1 of 3 shapes do not fit into memory; '
    [[ $(wc -l <"$err") == 2 ]] || fail "one line for the shape and one at the end"
    shape='rnn_tanh, vocab 9, hidden 65536, layers 1, batch 2, time steps 3'
    head -n 1 "$err" | grep -qE "^$shape: memory: [0-9]+ bytes requested.*; lower " ||
        fail "the error must name the shape"
    [[ $(wc -l <"$out") == 2 ]] || fail "the others must be measured"
    refuses 1 'memory: [0-9]+ bytes requested, [0-9]+ available .*in all; lower --hidden-size' \
        bench "${small[@]}" --hidden-size 65536
fi

refuses 2 '--hidden-size : must be whole numbers' bench --hidden-size ''
refuses 2 '--hidden-size 4,: must be whole numbers' bench --hidden-size 4,
refuses 2 '--hidden-size 4\.\.8: must be whole numbers' bench --hidden-size 4..8
refuses 2 '--hidden-size 0: out of range; give numbers from 1 to 65536$' bench --hidden-size 0
refuses 2 '--hidden-size 8\.\.65537\*2: out of range' bench --hidden-size '8..65537*2'
below='a range must end above its first number; give numbers from 1 to 65536$'
refuses 2 "--batch-size 32\\.\\.8\\*2: $below" bench --batch-size '32..8*2'
refuses 2 '--batch-size 8\.\.32\*1: a range must grow: ' bench --batch-size '8..32*1'
refuses 2 '--num-steps 1\.\.400\+1: too many numbers' bench --num-steps 1..400+1
refuses 2 'bench: more than 10000 shapes; ' bench --hidden-size 1..200+1 --batch-size 1..200+1
refuses 2 '--preset big: must be one of none\|article\|ladder\|A\|B\|C\|D\|E\|F$' bench --preset big
refuses 2 '--task all: must be one of train' bench --task all
refuses 2 '--format xml: must be one of table' bench --format xml
refuses 2 '--steps 0: must be from 1 ' bench --steps 0
refuses 2 '--format jsonlines: must be one of .*; did you mean json or jsonl\?$' \
    bench --format jsonlines

# Every pair of option and task: an option that the task does not use is refused, and names both.
# The others get as far as the device, which does not exist.
declare -A value=([preset]=A [cell]=gru [format]=csv [top-p]=0.5 [temperature]=1 [dropout]=0.5
    [precision]=fp32 [ranks]=1 [tune]=off [plan]=forward=steps)
declare -A ignored=([train]='temperature top-k top-p' [operations]='temperature top-k top-p'
    [generate]='dropout num-steps tune plan')
"$lyrnn" bench --help | sed -nE 's/^ {6}--([a-z0-9-]+)(=)?.*/\1 \2/p' >options
(($(wc -l <options) > 15)) || fail "bench must have options"
for task in train generate operations; do
    while read -r option takes_value; do
        [[ $option != task && $option != device ]] || continue
        given=(--"$option")
        [[ -z $takes_value ]] || given+=("${value[$option]-2}")
        if [[ " ${ignored[$task]} " == *" $option "* ]]; then
            refuses 2 "--$option: --task $task does not use it; leave it out, or choose --task " \
                bench --task $task "${given[@]}" --device none
        else
            refuses 2 '--device none: ' bench --task $task "${given[@]}" --device none
        fi
    done <options
done
