#!/usr/bin/env bash
# lyrnn train --ranks N starts the ranks itself, with the same command line: they write the bytes of
# one process. Signals to the one that starts them reach all. Its exit status is theirs, and none of
# them outlives it.
set -euo pipefail
. "$(dirname "$0")/lib.sh" "$1"
# Otherwise background processes ignore SIGINT.
set -m
pid='' ranks=()
trap 'kill -KILL $pid "${ranks[@]}" 2>/dev/null || true; rm -rf "$scratch"' EXIT
write_songs 24
common=(train songs.txt --keep-duplicates --hidden-size 12 --batch-size 8 --shards 2 --num-steps 5
    --threads 1 --pred-len 5)
short=("${common[@]}" --num-epochs 3)

succeeds "${short[@]}" --out one
cp "$out" "$scratch/samples"
succeeds "${short[@]}" --out "two ranks" --ranks 2
same_runs one "two ranks"
diff <(times_removed "$scratch/samples") <(times_removed "$out") || fail "other samples"
grep -q '^ranks: 2, started by lyrnn, connected by TCP$' "$err" || fail "a line must say so"
grep -q '"ranks": 2' "two ranks/config.json" || fail "config.json must have their number"
succeeds "${short[@]}" --out three --rank=2
same_runs one three
succeeds "${short[@]}" --out four --ranks 1
same_runs one four
! grep '^ranks: ' "$err" || fail "one rank is none"

# Without --threads, two ranks share the cores.
threads_of() {
    sed -nE 's/^ *"threads": ([0-9]+),?$/\1/p' "$1/config.json"
}
few=(train songs.txt --keep-duplicates --hidden-size 4 --batch-size 4 --num-epochs 1)
succeeds "${few[@]}" --out all_cores
succeeds "${few[@]}" --out half --ranks 2
expected=$(($(threads_of all_cores) / 2))
[[ $(threads_of half) == $((expected > 0 ? expected : 1)) ]] || fail "each must have half of them"

# lyrnn bench starts ranks too: its rows are those of one rank, and of two.
succeeds bench --ranks 2 --threads 1 --steps 1 --repetitions 1 --device cpu --vocab-size 9 \
    --hidden-size 4 --batch-size 4 --num-steps 3 --format jsonl
[[ $(grep -c '"scaling"' "$out") == 3 ]] || fail "three rows"

# A mistake is reported once, and names no rank that would tell nothing.
refuses 2 '--batch-size nine: ' "${short[@]}" --ranks 2 --batch-size nine
refuses 2 '--ranks 0: ' "${short[@]}" --ranks 0
echo '{"lr": 0.1}' >trials.jsonl
refuses 2 '--trial: cannot be used with several ranks; ' "${short[@]}" --ranks 2 \
    --trial trials.jsonl
refuses 2 '-: several ranks cannot all read standard input; ' train - --ranks 2
run "${short[@]}" --ranks 3
expect_error 2 '--batch-size 8: 3 ranks cannot share it equally; '
# A launcher that starts a single process may be asked for ranks within it.
RANK=0 WORLD_SIZE=1 MASTER_ADDR=127.0.0.1 MASTER_PORT=1 succeeds "${short[@]}" --out five --ranks 2
same_runs one five

# If a process cannot be started, those that were started end at once.
faulty=$(realpath "$4")
command='lyrnn train --ranks 4, where the third process cannot be started'
status=0
LYRNN_TEST_FORKS=2 timeout -k 1 20 "$faulty" "${short[@]}" --ranks 4 --out "$scratch/forks" \
    >"$out" 2>"$err" </dev/null || status=$?
expect_error 1 '--ranks: cannot start a process \(.*\); start fewer ranks, or raise the limit$'
! pgrep -f "$scratch/forks" || fail "no process may be left"

# Too few open files: the process that starts the ranks says so, and starts none.
(ulimit -n 64; refuses 1 'rank 0: 4 ranks need [0-9]+ open files, and the limit is 64; raise it ' \
    "${short[@]}" --ranks 4)

# The file of the program is no longer there.
cp "$lyrnn" removed
exec 7<removed
rm removed
command='lyrnn train --ranks 2, whose file is gone'
status=0
LD_LIBRARY_PATH=${lyrnn%/*} timeout -k 1 20 /proc/self/fd/7 "${short[@]}" --ranks 2 \
    >"$out" 2>"$err" </dev/null || status=$?
exec 7<&-
expect_error 1 '--ranks: .*/removed \(deleted\) cannot be executed again \(No such file .*\); '

# The variables of another group of ranks are still in the environment.
export LYRNN_ADDRESS=127.0.0.1 LYRNN_PORT=1
for size in 1 3; do
    LYRNN_RANK=0 LYRNN_SIZE=$size \
        refuses 2 "--ranks 2: LYRNN_SIZE is $size in the environment; unset LYRNN_RANK and " \
        "${short[@]}" --ranks 2
done
unset LYRNN_ADDRESS LYRNN_PORT

# begin N ARG...: starts N ranks in a process group of their own, and waits until they train.
# Sets pid, and ranks to the processes of the ranks.
begin() {
    command="lyrnn ${*:2} --ranks $1"
    : >"$err"
    "$lyrnn" "${@:2}" --ranks "$1" >"$out" 2>"$err" </dev/null &
    pid=$!
    for ((i = 0; i < 1000; i++)); do
        ! grep -q '^run: ' "$err" || break
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.01
    done
    mapfile -t ranks < <(pgrep -P "$pid")
    [[ ${#ranks[@]} == "$1" ]] || fail "$1 processes must run, not ${#ranks[@]}"
    await_catching "${ranks[@]}"
}

# ended PROCESS...: whether all of them are gone, or nothing but their exit status is left.
ended() {
    local process
    for process; do
        ! grep -qs '^State:[[:space:]]*[^Z[:space:]]' "/proc/$process/status" || return 1
    done
}

finish() {
    status=0
    wait "$pid" || status=$?
    ended "${ranks[@]}" || fail "no rank may outlive its parent"
}

long=("${common[@]}" --num-epochs 100000 --pred-period 100000 --checkpoint-every 100000 --out run)

# One signal to the parent stops all ranks at the same step, and they continue from there.
for signal in TERM INT HUP; do
    number=$(kill -l "$signal")
    begin 2 "${long[@]}"
    kill "-$signal" "$pid"
    finish
    expect_error $((128 + number)) 'run: interrupted after .*, and saved; to continue: '
    rm -r run
done
# A terminal sends SIGINT to the whole group.
begin 2 "${long[@]}"
kill -INT -- "-$pid"
finish
expect_error 130 'run: interrupted after .*, and saved; '
epochs=$(wc -l <run/metrics.jsonl)
succeeds train --resume run --num-epochs $((epochs + 2)) --checkpoint-every 1 --ranks 2
succeeds "${common[@]}" --num-epochs $((epochs + 2)) --checkpoint-every 1 --out whole
same_runs run whole
rm -r run whole

# SIGUSR1 saves, and the training continues. A second SIGTERM ends it at once.
begin 2 "${long[@]}"
kill -USR1 "$pid"
for ((i = 0; i < 500; i++)); do
    [[ ! -e run/latest ]] || break
    sleep 0.01
done
[[ -e run/latest ]] || fail "SIGUSR1 must save a checkpoint"
kill -0 "$pid" || fail "the training must continue"
# A rank that is killed ends the others.
kill -KILL "${ranks[1]}"
finish
advice='see there why it ended, then start again, or continue with --resume if a run was saved'
expect_error 1 "rank [01] \\([^ ]+, process ${ranks[1]}\\): is gone; $advice\$"

# Rank 0 saves slowly, because it was asked to stop, when rank 1 is killed. It ends once it has
# saved, although more than 30 s have passed for the parent, whose clock runs fast.
rm -r run
program=$lyrnn lyrnn=$faulty
export LYRNN_TEST_SLOW=4 LYRNN_TEST_HURRY=30
begin 2 "${long[@]}"
lyrnn=$program
unset LYRNN_TEST_SLOW LYRNN_TEST_HURRY
kill -TERM "${ranks[0]}"
sleep 1
[[ ! -e run/latest ]] || fail "rank 0 must still be saving"
kill -KILL "${ranks[1]}"
finish
[[ -e run/latest ]] || fail "rank 0 must save before it ends"
expect_error 1 "rank 1 \\([^ ]+, process ${ranks[1]}\\): is gone; "

# All are killed, so that only the parent can report it.
rm -r run
begin 2 "${long[@]}"
kill -STOP "${ranks[@]}"
kill -KILL "${ranks[@]}"
finish
expect_error 137 "rank [01] \\(process ${ranks[0]}|${ranks[1]}\\): was killed \\(Killed\\); "

# The parent is killed: the ranks save and end.
rm -r run
begin 2 "${long[@]}"
kill -KILL "$pid"
for ((i = 0; i < 500; i++)); do
    ! ended "${ranks[@]}" || break
    sleep 0.01
done
ended "${ranks[@]}" || fail "the ranks must end with their parent"
[[ -e run/latest ]] || fail "they must save first"
