#!/usr/bin/env bash
# SIGINT and SIGTERM in the middle of an epoch: the step is completed, everything is saved, and the
# resumed run ends like an uninterrupted one. Two processes cannot use the same run.
set -euo pipefail
. "$(dirname "$0")/lib.sh" "$1"
# Otherwise background processes ignore SIGINT.
set -m

# An epoch has about 11,000 steps, or fewer that take as long.
write_corpus
for ((i = 0; i < 300 / slowness; i++)); do
    cat corpus.txt
done >long.txt
long=(train long.txt --hidden-size 48 --batch-size 2 --num-steps 5 --threads 1 --lr 1e-3)

# start ARG...: starts lyrnn in the background and waits for its first steps.
start() {
    command="lyrnn $*"
    : >"$err"
    "$lyrnn" "$@" >"$out" 2>"$err" </dev/null &
    pid=$!
    for ((i = 0; i < 2000; i++)); do
        ! grep -q '^run: ' "$err" || return 0
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.01
    done
    status=none
    fail "training must begin"
}

finish() {
    status=0
    wait "$pid" || status=$?
}

# interrupt SIGNAL STATUS ARG...: sends the signal after an eighth of an epoch, by the duration of
# an epoch in `whole`.
interrupt() {
    local signal=$1 expected=$2 batches='[0-9]+ of [0-9]+ batches'
    shift 2
    start "$@"
    seconds=$(sed -nE '1s/.*"seconds": ([^,}]*).*/\1/p' whole/metrics.jsonl)
    sleep "$(awk -v seconds="$seconds" 'BEGIN { print seconds / 8 }')"
    kill "-$signal" "$pid"
    finish
    expect_error "$expected" \
        "run: interrupted after epoch [01] and $batches, and saved; to continue: lyrnn train --resume run\$"
    [[ $(readlink run/latest) =~ ^checkpoints/epoch-0*[0-9]+-batch-[0-9]+$ ]] ||
        fail "latest must be within an epoch, not $(readlink run/latest)"
    [[ $(find run/checkpoints -mindepth 1 -name '*batch*' | wc -l) == 1 ]] ||
        fail "an earlier checkpoint within an epoch must go: $(ls run/checkpoints)"
    cmp -s "run/$(readlink run/latest)/model.safetensors" run/latest/model.safetensors ||
        fail "no model was saved"
}

write_songs $((2500 / slowness))
for options in 'long.txt --cell lstm --num-layers 2 --dropout 0.3 --val-fraction 0.1' \
    'long.txt --cell gru --sampling random --dropout 0.2' \
    'long.txt --cell rnn_tanh --bidirectional --offset random' \
    'songs.txt --cell gru --num-layers 2 --dropout 0.2 --val-songs 0.1 --keep-duplicates'; do
    # shellcheck disable=SC2206 # words of a command line
    train=(train $options "${long[@]:2}" --num-epochs 2)
    succeeds "${train[@]}" --out whole
    interrupt INT 130 "${train[@]}" --out run
    first=$(readlink run/latest)
    interrupt TERM 143 train --resume run
    [[ $(readlink run/latest) > $first ]] || fail "the resumed run must have continued from $first"
    succeeds generate run --prefix 分开 --length 5
    succeeds train --resume run
    same_runs whole run
    [[ $(ls run/checkpoints) == "$(ls whole/checkpoints)" ]] ||
        fail "other checkpoints: $(ls run/checkpoints)"
    rm -r whole run
done

# While it trains, no other process may train in this run or replace it. Reading it is allowed.
succeeds "${long[@]}" --num-epochs 6 --checkpoint-every 1 --out whole
start "${long[@]}" --num-epochs 6 --checkpoint-every 1 --out run
first=$pid
refusal="run: another lyrnn is training there \(process $first on $(hostname)\); "
run train --resume run
expect_error 4 "$refusal"
[[ $(wc -l <"$err") == 1 ]] || fail "standard error must be one line"
run "${long[@]}" --out run --overwrite
expect_error 4 "$refusal"
[[ $(wc -l <"$err") == 1 ]] || fail "standard error must be one line"

# A kill costs only what came after the last checkpoint.
until [[ -e run/latest ]]; do sleep 0.02; done
kill -STOP "$first"
succeeds info run
kill -KILL "$first"
status=147
# As long as it is only reported as stopped.
while [[ $status == 147 ]]; do
    status=0
    wait "$first" || status=$?
done
[[ $status == 137 ]] || fail "SIGKILL must end the program"
succeeds generate run --prefix 分开 --length 5
# The lock ended with the process.
succeeds train --resume run
same_runs whole run

# Before there is anything to save (here: while it reads the text), the first signal ends it at
# once.
mkfifo pipe
for signal in INT TERM; do
    command="lyrnn train pipe"
    "$lyrnn" "${long[@]:0:1}" pipe "${long[@]:2}" --out early >"$out" 2>"$err" &
    pid=$!
    exec 3>pipe # waits until it is read
    kill "-$signal" "$pid"
    for ((i = 0; i < 500; i++)); do
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.02
    done
    ! kill -0 "$pid" 2>/dev/null || fail "SIG$signal must end it while it reads the text"
    exec 3>&-
    finish
    [[ $signal$status == INT130 || $signal$status == TERM143 ]] || fail "SIG$signal must be the end"
    [[ ! -e early ]] || fail "no run must have been made"
done

# If the caller ignored SIGINT, it stays ignored.
rm -r run
: >"$err"
(
    trap '' INT
    exec "$lyrnn" "${long[@]}" --num-epochs 1 --out run >"$out" 2>"$err" </dev/null
) &
pid=$!
until grep -q '^run: ' "$err"; do sleep 0.01; done
kill -INT "$pid"
finish
[[ $status == 0 && $(readlink run/latest) == checkpoints/epoch-000001 ]] ||
    fail "SIGINT was to be ignored"
