#!/usr/bin/env bash
# test_rank_kills.sh LYRNN [FLIPS PROBE FAULTS [SEED [KILLS]]]: kills one rank of a training with
# SIGKILL, 50 times, each time at a random moment: at start-up, in steps, while rank 0 validates or
# saves. The others end within 5 seconds, and one of them prints one line. The same command
# continues the run, with the number of ranks drawn each time. It ends with the bytes of an
# undisturbed one.
set -euo pipefail
. "$(dirname "$0")/lib.sh" "$1"
seed=${5-$RANDOM}
RANDOM=$seed
kills=${6-50}
write_songs 24
train=(train songs.txt --keep-duplicates --cell gru --hidden-size 12 --batch-size 8 --shards 4
    --num-steps 5 --threads 1 --num-epochs 6 --val-songs 0.2 --dropout 0.2 --num-layers 2
    --checkpoint-every 1 --pred-len 5 --pred-period 1 --device cpu)
begin=${EPOCHREALTIME/[.,]/}
ranks_succeed 2 "${train[@]}" --out whole
life_us=$((${EPOCHREALTIME/[.,]/} - begin))

mkfifo silence
exec 9<>silence
# pause_us US: waits, without a process of its own.
pause_us() {
    read -rt "$(printf '%d.%06d' $(($1 / 1000000)) $(($1 % 1000000)))" -u 9 || true
}

# has_ended PID: whether the process is gone, or nothing but its exit status is left.
has_ended() {
    ! grep -qs '^State:[[:space:]]*[^Z[:space:]]' "/proc/$1/status"
}

# describe PID: what it does, for the report of a failure.
describe() {
    echo "process $1: $(tr '\0' ' ' <"/proc/$1/cmdline")"
    grep -E '^(State|Threads|SigCgt)' "/proc/$1/status"
    head "/proc/$1/task"/*/{wchan,syscall,stack}
} 2>&1

# expect_end: every rank that was not killed must end within 5 seconds. $ended_us is how long the
# last one took.
expect_end() {
    local begin=${EPOCHREALTIME/[.,]/} pid
    for pid in "${pids[@]}"; do
        until has_ended "$pid"; do
            if ((${EPOCHREALTIME/[.,]/} > begin + 5000000)); then
                describe "$pid" || true
                kill -KILL "${pids[@]}" || true
                collect_ranks
                fail "a rank lives on; seed $seed"
            fi
            pause_us 5000
        done
    done
    ended_us=$((${EPOCHREALTIME/[.,]/} - begin))
}

# expect_line: the ranks that were left must have failed, with one line about the one that was
# killed. At start-up they do not know each other yet, and the line may name the rendezvous.
expect_line() {
    local rank
    for rank in "${!pids[@]}"; do
        [[ ${statuses[rank]} == $([[ $rank == "$victim" ]] && echo 137 || echo 1) ]] ||
            fail "rank $rank: exit status ${statuses[rank]}; seed $seed"
    done
    [[ $(grep -c '^lyrnn: ' "$err") == 1 ]] || fail "one line must tell; seed $seed"
    grep -qE "^lyrnn: rank $victim \([^)]*process ${pids[victim]}\): is gone; " "$err" ||
        fail "the line must name rank $victim; seed $seed"
}

# has_finished: whether a rank that was not killed has succeeded. The training was then over before
# the kill.
has_finished() {
    local rank
    for rank in "${!pids[@]}"; do
        [[ $rank == "$victim" || ${statuses[rank]} != 0 ]] || return 0
    done
    return 1
}

declare -A victims=()
killed=0 runs=0 slowest_us=0
while ((killed < kills)); do
    size=$((RANDOM % 2 * 2 + 2))
    victim=$((RANDOM % size))
    # A rank may be killed before it opens its files.
    for rank in 0 1 2 3; do
        : >"$out.$rank"
        : >"$err.$rank"
    done
    start_ranks "$size" "${train[@]}" --out run --continue --rendezvous-timeout 1
    pause_us $((RANDOM * life_us * 3 / 4 / 32768))
    kill -KILL "${pids[victim]}" 2>/dev/null || true
    # Without bash's own reports of killed processes.
    {
        expect_end
        finish_ranks
    } 2>/dev/null
    if has_finished; then
        same_runs whole run
        rm -r run
        runs=$((runs + 1))
    elif [[ ${statuses[victim]} == 137 ]] && grep -q '^ranks: ' "$err"; then
        expect_line
        killed=$((killed + 1))
        slowest_us=$((ended_us > slowest_us ? ended_us : slowest_us))
        victims[$victim of $size]=$((${victims[$victim of $size]-0} + 1))
    fi
done
ranks_succeed 2 "${train[@]}" --out run --continue
same_runs whole run
echo "seed $seed: $killed ranks killed; $runs runs, and the last one, ended as if none had been"
echo "the others ended within $slowest_us us"
for victim in "${!victims[@]}"; do
    printf '%6d rank %s\n' "${victims[$victim]}" "$victim"
done
