#!/usr/bin/env bash
# --checkpoint-minutes: checkpoints by time, within an epoch too, that change nothing else.
set -euo pipefail
. "$(dirname "$0")/lib.sh" "$1"
write_corpus
for ((i = 0; i < 100 / slowness; i++)); do
    cat corpus.txt
done >long.txt
epochs=(long.txt "${tiny[@]}" --cell gru --num-layers 2 --dropout 0.2 --num-epochs 10
    --checkpoint-every 100)

# latest_names RUN: all names that `latest` has until the process $pid ends.
latest_names() {
    while kill -0 "$pid" 2>/dev/null; do
        readlink "$1/latest" || true
    done | sort -u
}

train() {
    command="lyrnn train $*"
    "$lyrnn" train "$@" >"$out" 2>"$err" </dev/null &
    pid=$!
    names=$(latest_names run)
    status=0
    wait "$pid" || status=$?
    [[ $status == 0 ]] || fail "must succeed"
}

train corpus.txt "${tiny[@]}" --num-epochs 9 --checkpoint-minutes 0 --out run
[[ $names != *-batch-* ]] || fail "0 must mean never: $names"
rm -r run
succeeds train "${epochs[@]}" --checkpoint-minutes 0 --out whole

# Every 30 ms. Where something else uses the cores, latest_names may miss names, so up to five
# trainings try.
for _ in {1..5}; do
    train "${epochs[@]}" --checkpoint-minutes 0.0005 --out run --overwrite
    num_within=$(grep -c -- '-batch-' <<<"$names" || true)
    ((num_within < 3)) || break
done
((num_within >= 3)) || fail "too few checkpoints within epochs: $names"
same_runs whole run
# One that is due at the end of an epoch stays.
others=$(find run/checkpoints -mindepth 1 -maxdepth 1 ! -regex '.*/epoch-[0-9]*')
[[ -z $others ]] || fail "those within epochs must go: $others"
grep -q '"checkpoint_minutes": 0.0005' run/config.json || fail "config.json must have it"

# The default is ten minutes, which this training does not take. A resumed run may change it; a run
# of a lyrnn without the option has the default.
train "${epochs[@]}" --out run --overwrite
[[ $names != *-batch-* ]] || fail "ten minutes have not passed: $names"
grep -q '"checkpoint_minutes": 10.0' run/config.json || fail "10 must be the default"
sed -i '/"checkpoint_minutes"/d' run/config.json
train --resume run --num-epochs 20
[[ $names != *-batch-* ]] || fail "ten minutes have not passed: $names"
for num_epochs in 30 40 50 60; do
    train --resume run --num-epochs "$num_epochs" --checkpoint-minutes 0.0005
    [[ $names != *-batch-* ]] || break
done
[[ $names == *-batch-* ]] || fail "--resume must take the option: $names"
refuses 2 '--checkpoint-minutes -1: ' train "${epochs[@]}" --checkpoint-minutes -1 --out new
