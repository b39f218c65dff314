#!/usr/bin/env bash
# lyrnn bench: lists and presets, every format read by a real parser, shapes that do not fit, wrong flags.
set -euo pipefail
. "$(dirname "$0")/lib.sh" "$1"

small=(--threads 1 --steps 1 --repetitions 1)
tiny_shape=(--vocab-size 9 --hidden-size 4 --batch-size 2 --num-steps 3)

# A row a combination, the last list fastest; each a JSON object with all that a row must have.
succeeds bench "${small[@]}" --vocab-size 9,12 --hidden-size 4 --batch-size 2..4*2 --num-steps 3 \
    --format json
[[ ! -s $err ]] || fail "standard error must be silent"
command='a JSON parser'
python3 - "$out" <<'EOF' || fail "JSON must hold this"
import json, sys

rows = [json.loads(line) for line in open(sys.argv[1], encoding="utf-8")]
assert [(row["vocab_size"], row["batch_size"]) for row in rows] == [(9, 2), (9, 4), (12, 2), (12, 4)]
for row in rows:
    for key in ("ms_per_step", "ms_per_step_p10", "ms_per_step_p90", "chars_per_second", "gflop_per_step", "gflops",
                "gbytes_per_second", "floor_ms", "times_floor", "gemm_gflops", "copy_gbytes_per_second",
                "bare_call_us", "device_bytes", "peak_bytes"):
        assert row[key] > 0, key
    assert row["bare_step_us"] >= 0
    assert row["task"] == "train" and row["cell"] == "rnn_tanh" and row["row"] == "" and row["backend"] == "cpu"
    assert (row["hidden_size"], row["num_layers"], row["num_steps"]) == (4, 1, 3)
    for key in ("device_name", "driver", "compiler", "commit", "flags", "version"):
        assert isinstance(row[key], str) and row[key], key
    assert row["date"].endswith("Z") and "T" in row["date"]
    assert abs(row["ms_per_step"] * row["chars_per_second"] / 1e3 - 3 * row["batch_size"]) < 1e-6
    assert abs(row["times_floor"] * row["floor_ms"] / row["ms_per_step"] - 1) < 1e-6
    operations = {operation["name"]: operation for operation in row["operations"]}
    assert len(operations) == len(row["operations"]) and "linear_forward_output" in operations
    assert abs(sum(operation["share"] for operation in row["operations"]) - 1) < 1e-6
    for of_operation, of_step in (("gflop", "gflop_per_step"), ("gbytes", "gbytes_per_step"), ("floor_ms", "floor_ms")):
        assert abs(sum(operation[of_operation] for operation in row["operations"]) / row[of_step] - 1) < 1e-6
    for operation in row["operations"]:
        for key in ("calls", "ms", "gbytes", "floor_ms", "predicted_ms", "times_predicted"):
            assert operation[key] > 0, key
        calls_ms = operation["calls"] * row["bare_call_us"] / 1e3
        assert abs((operation["floor_ms"] + calls_ms) / operation["predicted_ms"] - 1) < 1e-6
        assert abs(operation["times_predicted"] * operation["predicted_ms"] / operation["ms"] - 1) < 1e-6
    product = operations["linear_forward_output"]
    assert abs(product["gflop"] * 1e9 - 2 * 3 * row["batch_size"] * 4 * row["vocab_size"]) < 1e-3
    assert abs(product["intensity"] - product["gflop"] / product["gbytes"]) < 1e-6
EOF

# The same as CSV: a head and as many columns in each row.
succeeds bench "${small[@]}" --preset ladder --vocab-size 9 --hidden-size 4 --batch-size 2 \
    --num-steps 3 --dropout 0.5 \
    --format csv
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
assert all(row["hidden_size"] == "4" and row["batch_size"] == "2" and row["preset"] == "ladder" for row in rows)
for row in rows:
    assert all(float(row[key]) > 0 for key in ("ms_per_step", "chars_per_second", "op_clip_and_adam_ms"))
    assert (row["op_dropout_ms"] != "") == (row["row"] == "D") and row["op_sample_token_ms"] == ""
    assert "operations" not in row and "thread" in row["device_name"]
EOF

succeeds bench "${small[@]}" "${tiny_shape[@]}" --preset D
grep -qE '^row D: lstm, V 9, H 4, L 2, B 2, T 3$' "$out" ||
    fail "the ladder's row D must be measured, cut to fit"

# A row an operation.
succeeds bench "${small[@]}" "${tiny_shape[@]}" --task operations --cell gru --format csv
command='a CSV parser'
python3 - "$out" <<'EOF' || fail "CSV of operations must hold this"
import csv, sys

with open(sys.argv[1], encoding="utf-8", newline="") as file:
    rows = list(csv.DictReader(file))
names = [row["operation"] for row in rows]
assert len(set(names)) == len(names) and {"recurrence_forward", "clip_and_adam", "zero"} <= set(names)
assert all(None not in row and None not in row.values() for row in rows)
assert all(row["cell"] == "gru" for row in rows)
assert all(float(row["ms"]) > 0 and 0 < float(row["floor_ms"]) < float(row["predicted_ms"]) for row in rows)
assert abs(sum(float(row["share"]) for row in rows) - 1) < 1e-6
EOF

succeeds bench "${small[@]}" "${tiny_shape[@]}" --preset article --task generate
for text in '^cpu: .*1 thread' '^row A: rnn_tanh, V 9, H 4, L 1, B 2, 1 characters$' \
    ' ms a character of every text .* characters/s' '^  floor .* times that$' \
    '^  GEMM .* bare time step ' \
    '^  linear_forward_output +1 ' '^  sample_token +2 '; do
    grep -qE "$text" "$out" || fail "table must hold: $text"
done

# An operation's line ends with its time beside floor and prediction, and all of the lines fit 100 columns.
succeeds bench "${small[@]}" "${tiny_shape[@]}" --task operations --cell lstm
sed -n '/^  operations, one by one /,$p' "$out" >operations
for text in '^  operations, .* ms .* floor +predicted +times$' \
    '^  linear_backward_weights_output +1 .*%( +[0-9.e-]+){4} +[0-9]+\.[0-9]{2}$'; do
    grep -qE "$text" operations || fail "table must hold: $text"
done
[[ $(wc -L <operations) -le 100 ]] || fail "operations' lines must fit 100 columns"

# What a process held before it became bench is not bench's; to Linux's getrusage it is.
command='bench from a Python that held 300 MiB'
python3 - "$lyrnn" bench "${small[@]}" "${tiny_shape[@]}" --device cpu --format json <<'EOF' ||
import json, subprocess, sys

def peak_bytes(*begin):
    run = subprocess.run([*begin, *sys.argv[1:]], check=True, capture_output=True)
    return json.loads(run.stdout)["peak_bytes"]

held = 300 << 20
large = "import os, sys; held = b'1' * int(sys.argv[1]); os.execv(sys.argv[2], sys.argv[2:])"
assert peak_bytes(sys.executable, "-c", large, str(held)) < peak_bytes() + held / 2
EOF
    fail "the peak must be bench's own"

# A shape that does not fit is named, with its bytes and what to do; the others are measured.
if (($(sed -nE 's/^MemAvailable: +([0-9]+) kB/\1/p' /proc/meminfo) < 80000000)); then
    run bench "${small[@]}" --vocab-size 9 --num-steps 3 --hidden-size 4,65536,8 --batch-size 2 \
        --format json
    expect_error 1 'bench: 1 of 3 shapes do not fit into memory; '
    [[ $(wc -l <"$err") == 2 ]] || fail "one line for the shape and one in the end"
    head -n 1 "$err" | grep -qE \
        '^rnn_tanh, V 9, H 65536, L 1, B 2, T 3: memory: [0-9]+ bytes requested.*; lower ' ||
        fail "it must be named"
    [[ $(wc -l <"$out") == 2 ]] || fail "the others must be measured"
    refuses 1 'memory: [0-9]+ bytes requested, [0-9]+ available .*in all; lower --hidden-size' \
        bench "${small[@]}" --hidden-size 65536
fi

refuses 2 '--hidden-size : must be whole numbers' bench --hidden-size ''
refuses 2 '--hidden-size 4,: must be whole numbers' bench --hidden-size 4,
refuses 2 '--hidden-size 4\.\.8: must be whole numbers' bench --hidden-size 4..8
refuses 2 '--hidden-size 0: out of range; numbers from 1 to 65536$' bench --hidden-size 0
refuses 2 '--hidden-size 8\.\.65537\*2: out of range' bench --hidden-size '8..65537*2'
refuses 2 '--batch-size 32\.\.8\*2: a range must end above its beginning; numbers from 1 to 65536$' bench --batch-size '32..8*2'
refuses 2 '--batch-size 8\.\.32\*1: a range must grow: ' bench --batch-size '8..32*1'
refuses 2 '--num-steps 1\.\.400\+1: too many numbers' bench --num-steps 1..400+1
refuses 2 'bench: more than 10000 shapes; ' bench --hidden-size 1..200+1 --batch-size 1..200+1
refuses 2 '--preset big: must be one of none\|article\|ladder\|A\|B\|C\|D\|E\|F$' bench --preset big
refuses 2 '--task all: must be one of train' bench --task all
refuses 2 '--format xml: must be one of table' bench --format xml
refuses 2 '--steps 0: must be from 1 ' bench --steps 0
