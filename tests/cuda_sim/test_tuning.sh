#!/usr/bin/env bash
# How trainings come by their plans, with the whole program on a simulated card: lyrnn tune, the
# cache, --plan, --resume, and a card with faults. The simulator's times mean nothing, so nothing
# here depends on which plan is the fastest.
# shellcheck disable=SC2030,SC2031 # each simulated device belongs to one subshell
set -euo pipefail
. "$(dirname "$0")/../cli/lib.sh" "$1"
export OMP_NUM_THREADS=1
write_corpus
shape=(--hidden-size 16 --batch-size 2 --num-steps 5)
small=(corpus.txt --max-chars 100 "${shape[@]}" --pred-len 1 --device cuda)
cache=$XDG_CACHE_HOME/lyrnn/plans.json

plan_of() {
    sed -n 's/^  "plan": "\(.*\)",\?$/\1/p' "$1/config.json"
}

# expect_plan REGEX REGEX: what the last training said of forward and backward.
expect_plan() {
    grep -qE "^plan: forward=$1, backward=$2\$" "$err" || fail "the plans must match: $1, $2"
}

expect_warnings() {
    [[ $(grep -c '^warning: ' "$err") == "$1" ]] || fail "there must be $1 warnings"
}

# refuses_late STATUS REGEX ARG...: the plan of the training comes before the error.
refuses_late() {
    run "${@:3}"
    expect_error "$1" "$2"
    [[ ! -e none ]] || fail "a training that cannot start leaves nothing"
}

# lyrnn tune lists the plans of both directions, chooses one of each, and fills the cache.
succeeds tune --device cuda "${shape[@]}"
[[ ! -s $err ]] || fail "standard error must be silent"
for text in '^rnn_tanh, vocab 1027, hidden 16, layers 1, batch 2, time steps 5$' \
    '^  (forward)? +resident\.c1\.s1 +[0-9.]+ +[0-9.e+]+ +[0-9.e-]+( +chosen)?$' \
    '^  forward +[a-z]+' '^  backward +[a-z]+' '^  +steps +6 +[0-9.e+]+ +0( +chosen)?$'; do
    grep -qE "$text" "$out" || fail "the table must hold: $text"
done
[[ $(grep -c 'chosen$' "$out") == 2 ]] || fail "each direction has one choice"
cp "$cache" known
succeeds tune --device cuda "${shape[@]}" --format json
command='a JSON parser'
python3 - "$out" "$cache" <<'EOF' || fail "JSON must hold this"
import json, sys

rows = json.load(open(sys.argv[1], encoding="utf-8"))["rows"]
entries = json.load(open(sys.argv[2], encoding="utf-8"))["entries"]
assert len(entries) == 2
for entry in entries:
    same = [row for row in rows if row["direction"] == entry["direction"]]
    assert [row["plan"] for row in same] == [plan["plan"] for plan in entry["plans"]]
    assert [row["plan"] for row in same if row["chosen"]] == [entry["chosen"]]
    assert (entry["B"], entry["H"], entry["precision"]) == (2, 16, "fp32")
for row in rows:
    assert (row["cell"], row["hidden_size"], row["num_steps"]) == ("rnn_tanh", 16, 5)
    assert row["expected_us"] > 0 and row["us"] > 0 and row["error"] < 1e-5 and row["fault"] == ""
EOF

# Any number of shapes: a device keeps the plans of a few only.
succeeds tune --device cuda --hidden-size 2..6+1 --batch-size 1 --num-steps 1 --format jsonl
[[ $(grep -c '"chosen": true' "$out") == 10 ]] || fail "each shape must be tuned"
succeeds bench --device cuda --hidden-size 2..6+1 --batch-size 1 --num-steps 1 --vocab-size 5 \
    --task operations --steps 1 --repetitions 1 --format csv
grep -o '"forward=[a-z0-9.]*,backward=[a-z0-9.]*"' "$out" | uniq >plans_of_bench
[[ -s plans_of_bench && ! -s $err ]] || fail "bench must choose plans from the cache"
succeeds bench --device cuda --hidden-size 6 --batch-size 1 --num-steps 1 --vocab-size 5 \
    --steps 1 --repetitions 1 --plan forward=steps,backward=resident.c1.s1
grep -qx '  plan          forward=steps,backward=resident.c1.s1' "$out" ||
    fail "the table must name the plan"

# Trainings take the plans from the cache, and have the same bytes.
cp known "$cache"
succeeds train "${small[@]}" --num-epochs 2 --out a
cached='[a-z0-9.]+ \([0-9.e+]+ us per time step, [0-9.]+ expected, from the cache\)'
expect_plan "$cached" "$cached"
expect_warnings 0
cmp known "$cache" || fail "nothing was measured"
succeeds train "${small[@]}" --num-epochs 2 --out b --debug-sync
same_runs a b
[[ $(plan_of a) == forward=*,backward=* && $(plan_of b) == "$(plan_of a)" ]] ||
    fail "both runs must have the same plans: $(plan_of a), $(plan_of b)"

# A resumed run keeps its plan, whatever the cache says.
other=forward=resident.c2.s1,backward=grid.c1.s8
succeeds train "${small[@]}" --num-epochs 2 --out c --plan $other
expect_plan 'resident\.c2\.s1 \(.*given by --plan\)' 'grid\.c1\.s8 \(.*given by --plan\)'
succeeds train "${small[@]}" --num-epochs 1 --out d --plan $other
succeeds train --resume d --num-epochs 2
expect_plan 'resident\.c2\.s1 \(.*as the run began\)' 'grid\.c1\.s8 \(.*as the run began\)'
expect_warnings 0
same_runs c d
[[ $(plan_of d) == "$other" ]] || fail "the run must keep its plan"
! cmp -s "$(model_of a)" "$(model_of c)" || fail "two plans must round differently"
(
    # No clusters: one of the plans does not fit.
    export LYRNN_SIM_CAPABILITY=75
    succeeds train --resume d --num-epochs 3
    expect_warnings 1
    grep -q "^warning: the run's plan forward=resident\.c2\.s1: does not fit .* round differently" \
        "$err" || fail "the warning must name the plan"
    expect_plan '.*' 'grid\.c1\.s8 \(.*as the run began\)'
    [[ $(plan_of d) != *resident.c2* ]] || fail "the run has another plan now"
    refuses_late 2 '--plan forward=grid\.c2\.s8: does not fit .* choose one of .*steps' train \
        "${small[@]}" --out none --plan forward=grid.c2.s8
)
succeeds train --resume c --num-epochs 3 --device cpu
expect_warnings 1
grep -q "^warning: the run's plan $other: does not fit this device" "$err" ||
    fail "the CPU has no plans"

# What is wrong is said in one line, before anything is written.
refuses 2 '--plan nonsense: must be forward=PLAN,backward=PLAN ' train "${small[@]}" --out none \
    --plan nonsense
refuses 2 '--tune maybe: must be one of off\|cache\|now' train "${small[@]}" --tune maybe
refuses 2 '--plan forward=steps: device cpu has only one way ' train corpus.txt --device cpu \
    --out none --plan forward=steps

# One direction may be given, also without measuring.
succeeds train "${small[@]}" --num-epochs 1 --out e --tune off --plan backward=steps
estimate='[a-z0-9.]+ \([0-9.]+ expected, by estimate\)'
expect_plan "$estimate" 'steps \(6 expected, given by --plan\)'
rm -r "$XDG_CACHE_HOME"
succeeds train "${small[@]}" --num-epochs 1 --out f --tune off
expect_plan "$estimate" "$estimate"
[[ ! -e $XDG_CACHE_HOME ]] || fail "nothing was measured"

# A card whose kernels fail trains by other plans, with a warning for each that is dropped.
for fault in wrong:grid_backward launch:resident_forward hang:grid_forward; do
    (
        export LYRNN_SIM_FAULT=$fault
        rm -rf "$XDG_CACHE_HOME" faulty
        succeeds tune --device cuda "${shape[@]}"
        cp "$err" faults
        path=${fault#*:}
        num=$(grep -cE "^warning: plan ${path#*_}=${path%_*}\..* is not used: " faults || true)
        [[ $num -ge 2 && $(wc -l <faults) == "$num" ]] || fail "each such plan has one warning"
        [[ $(grep -c ' not used: ' "$out") == "$num" ]] || fail "the table must say why"
        succeeds train "${small[@]}" --num-epochs 1 --out faulty
        expect_warnings 0
        [[ $(plan_of faulty) != *${path#*_}=${path%_*}* ]] || fail "another plan must run"
    )
done
(
    export LYRNN_SIM_FAULT=wrong:resident_forward
    rm -rf "$XDG_CACHE_HOME"
    refuses_late 1 '--plan forward=resident\.c1\.s1: its results differ ' train "${small[@]}" \
        --out none --plan forward=resident.c1.s1
)

# Blocks that wait for each other forever end a training whose plan was not verified. The error
# names the plan, and what to do.
(
    export LYRNN_SIM_FAULT=hang:grid_forward LYRNN_SIM_LEAKS=0
    run train "${small[@]}" --num-epochs 1 --out hung --tune off --plan forward=grid.c1.s8
    expect_error 1 'cuda: .*forward=grid\.c1\.s8.* --plan forward=steps,backward=steps'
    rm -rf "$XDG_CACHE_HOME"
    refuses_late 1 '--plan forward=grid\.c1\.s8: its blocks waited ' train "${small[@]}" \
        --out none --plan forward=grid.c1.s8
)

# A home that cannot be written, or that is not known, costs a notice.
(
    export XDG_CACHE_HOME=/proc
    succeeds tune --device cuda "${shape[@]}"
    [[ $(grep -c '^notice: the cache of plans is not used: /proc/lyrnn: ' "$err") == 1 ]] ||
        fail "a notice must name the place"
    unset XDG_CACHE_HOME HOME
    succeeds train "${small[@]}" --num-epochs 1 --out g
    [[ $(grep -c '^notice: the cache of plans is not used: .*HOME' "$err") == 1 ]] ||
        fail "a notice must name the cause"
)

# Two at once leave a whole cache.
"$lyrnn" tune --device cuda "${shape[@]}" --debug-sync >/dev/null &
succeeds tune --device cuda "${shape[@]}" --cell gru
wait $!
command='a JSON parser'
python3 -c 'import json, sys; assert json.load(open(sys.argv[1]))["entries"]' "$cache" ||
    fail "the cache must be whole"
