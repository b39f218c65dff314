#!/usr/bin/env bash
# Signals beyond Ctrl-C: which of them save, in steps, in validation and in samples, and what a
# second one does. test_interrupt.sh has the exact continuation after SIGINT and SIGTERM.
set -euo pipefail
. "$(dirname "$0")/lib.sh" "$1"
# Otherwise background processes ignore SIGINT.
set -m
write_corpus
for ((i = 0; i < 100 / slowness; i++)); do
    cat corpus.txt
done >long.txt

# start ARG...: starts `lyrnn train` in the background and waits until it has begun its run.
start() {
    command="lyrnn train $*"
    : >"$err"
    "$lyrnn" train "$@" >"$out" 2>"$err" </dev/null &
    pid=$!
    wait_for 'it must begin' grep -q '^run: ' "$err"
}

# wait_for WHAT COMMAND...: until the command succeeds.
wait_for() {
    local what=$1
    shift
    for ((i = 0; i < 2000; i++)); do
        ! "$@" 2>/dev/null || return 0
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.01
    done
    status=none
    fail "$what"
}

# ends STATUS: the process must end with this status.
ends() {
    status=0
    { wait "$pid" || status=$?; } 2>/dev/null
    [[ $status == "$1" ]] || fail "exit status must be $1"
}

latest_is() {
    [[ $(readlink "$1/latest") =~ ^checkpoints/$2$ ]]
}

# An epoch is much longer than the wait below, so that the signal comes within one.
for ((i = 0; i < 40; i++)); do
    cat long.txt
done >endless.txt
endless=(endless.txt "${tiny[@]}" --num-epochs 1000000 --checkpoint-every 1000000
    --pred-period 1000000)
for signal in HUP:129 USR2:140 XCPU:152; do
    start "${endless[@]}" --out stopped --overwrite
    sleep 0.1
    kill "-${signal%:*}" "$pid"
    ends "${signal#*:}"
    expect_error "$status" 'stopped: interrupted after epoch [0-9]+ and .*, and saved; '
    latest_is stopped 'epoch-[0-9]+-batch-[0-9]+' || fail "SIG${signal%:*} must save"
done

# Several signals within a second are one request: schedulers send two, and a terminal sends SIGINT
# to the whole group.
start "${endless[@]}" --out twice
kill -TERM "$pid"
sleep 0.002
kill -TERM "$pid" 2>/dev/null || true
ends 143
expect_error 143 'twice: interrupted after '
start "${endless[@]}" --out group
kill -STOP "$pid"
kill -INT "$pid"
kill -HUP "$pid"
kill -TERM "$pid"
kill -CONT "$pid"
while ends_with_stop=0 && { wait "$pid" || ends_with_stop=$?; } 2>/dev/null &&
    [[ $ends_with_stop == 147 ]]; do :; done
status=$ends_with_stop
[[ $status == 129 || $status == 130 || $status == 143 ]] || fail "three signals at once are one"
expect_error "$status" 'group: interrupted after '

# SIGUSR1 saves and continues. A kill afterwards costs only what came after it.
epochs=(--num-epochs 20 --cell gru --dropout 0.2 --num-layers 2)
succeeds train long.txt "${tiny[@]}" "${epochs[@]}" --out whole
start long.txt "${tiny[@]}" "${epochs[@]}" --out kept
kill -USR1 "$pid"
wait_for 'SIGUSR1 must save' latest_is kept 'epoch-[0-9]+-batch-[0-9]+'
first=$(readlink kept/latest)
kill -USR1 "$pid"
saved_again() {
    [[ $(readlink kept/latest) != "$first" ]]
}
wait_for 'the second SIGUSR1 must save too' saved_again
[[ $(find kept/checkpoints -name 'epoch*batch*' | wc -l) -le 2 ]] ||
    fail "the new checkpoint must replace the earlier one: $(ls kept/checkpoints)"
kill -KILL "$pid"
ends 137
succeeds train --resume kept
same_runs whole kept
start long.txt "${tiny[@]}" "${epochs[@]}" --out saved
kill -USR1 "$pid"
ends 0
same_runs whole saved
[[ $(ls saved/checkpoints) == epoch-000020 ]] || fail "others: $(ls saved/checkpoints)"

# A long validation: SIGUSR1 saves within it, and a stop does not wait for its end.
validated=(long.txt --hidden-size 192 --cell lstm --batch-size 8 --num-steps 20 --threads 1
    --num-epochs 1 --val-fraction 0.9)
succeeds train "${validated[@]}" --out whole --overwrite
num_batches=$(sed -nE 's/^batches: ([0-9]+) per epoch.*/\1/p' "$err")
start "${validated[@]}" --out run
in_validation() {
    kill -USR1 "$pid"
    latest_is run "epoch-000001-batch-0*$num_batches"
}
wait_for 'SIGUSR1 must save in the validation' in_validation
kill -HUP "$pid"
ends 129
batches="$num_batches of $num_batches batches"
expect_error 129 "run: interrupted after epoch 0 and $batches, and saved; "
[[ ! -s run/metrics.jsonl ]] || fail "the validation must not have come to its end"
cp -a run older
succeeds train --resume run
same_runs whole run
# All steps were those of the first process, and its time and speed are those of the epoch.
number_of() {
    sed -nE "s/.*\"$2\": ([^,}]*).*/\1/p" "$1/metrics.jsonl"
}
awk -v seconds="$(number_of run seconds)" -v chars="$(number_of run chars_per_second)" \
    -v whole="$(number_of whole seconds)" -v num=$((num_batches * 160)) 'BEGIN {
        exit !(seconds > whole / 10 && chars * seconds > num - 1 && chars * seconds < num + 1)
    }' || fail "time and speed must cover the epoch: $(cat run/metrics.jsonl)"
[[ $(number_of run lr) == 0.001 && $(number_of run gradient_norm) =~ ^[0-9.e-]+$ ]] ||
    fail "the learning rate and the norm must be there: $(cat run/metrics.jsonl)"
# A checkpoint of an older lyrnn has neither: they are unknown, not zero.
trainer=older/latest/trainer.safetensors
sed -i 's/"gradient_norm"/"gradient_morn"/; s/"epoch_seconds"/"epoch_minutes"/; s/"lyrnn_checksum":"xxh128:/"other_checksum":"none__:/' \
    $trainer
succeeds train --resume older
[[ $(number_of older chars_per_second) == null && $(number_of older gradient_norm) == null ]] ||
    fail "nothing was computed: $(cat older/metrics.jsonl)"

# Long samples: a stop does not wait for their end, and the epoch is saved.
samples=(corpus.txt "${tiny[@]}" --pred-period 1 --pred-len 1000000 --checkpoint-every 100)
succeeds train corpus.txt "${tiny[@]}" --num-epochs 2 --out whole --overwrite
start "${samples[@]}" --num-epochs 2 --out sampled
wait_for 'the first epoch must end' grep -q . sampled/metrics.jsonl
kill -TERM "$pid"
ends 143
expect_error 143 'sampled: interrupted after epoch 1, and saved; to continue: '
latest_is sampled epoch-000001 || fail "the epoch must be saved"
! grep -q '^ - ' "$out" || fail "a sample must not have come to its end"
start --resume sampled
wait_for 'the last epoch must end' grep -q '"epoch": 2' sampled/metrics.jsonl
kill -TERM "$pid"
ends 143
expect_error 143 'sampled: interrupted in its last samples; the run is complete and saved, to '
same_runs whole sampled

# While it can reach no safe place (it writes to a pipe that nobody reads), a second signal of the
# first second is the same request, and so is any SIGXCPU. A later one ends the program at once.
mkfifo unread
exec 3<>unread
# start_blocked RUN: once its first sample fills the pipe, the program waits.
start_blocked() {
    command="lyrnn train to a pipe that nobody reads"
    "$lyrnn" train corpus.txt "${tiny[@]}" --pred-period 1 --pred-len 40000 --num-epochs 2 \
        --checkpoint-every 100 --out "$1" >unread 2>"$err" 3<&- </dev/null &
    pid=$!
    wait_for 'the first epoch must end' grep -q . "$1/metrics.jsonl"
    wait_for 'it must wait for a reader' grep -q 'State:.*S' "/proc/$pid/status"
    sleep 0.5
}
start_blocked lost
kill -TERM "$pid"
sleep 0.3
kill -TERM "$pid"
sleep 0.3
kill -0 "$pid" 2>/dev/null || fail "the second signal must count as the first"
sleep 0.7
kill -TERM "$pid"
ends 143
[[ ! -e lost/latest ]] || fail "the program must have ended at once"
dd if=unread of=/dev/null bs=64k count=1 status=none
start_blocked limited
kill -XCPU "$pid"
sleep 1.2
kill -XCPU "$pid"
sleep 0.2
kill -0 "$pid" 2>/dev/null || fail "SIGXCPU comes every second and must not be a second request"
cat unread >/dev/null &
reader=$!
ends 152
latest_is limited epoch-000001 || fail "the epoch must be saved"
kill "$reader"
exec 3<&-

# A signal that was ignored at the start stays ignored.
: >"$err"
(
    trap '' HUP USR1
    exec "$lyrnn" train long.txt "${tiny[@]}" --num-epochs 1 --out quiet >"$out" 2>"$err" </dev/null
) &
pid=$!
wait_for 'it must begin' grep -q '^run: ' "$err"
kill -HUP "$pid"
kill -USR1 "$pid"
ends 0
[[ $(ls quiet/checkpoints) == epoch-000001 ]] || fail "SIGHUP and SIGUSR1 were to be ignored"
