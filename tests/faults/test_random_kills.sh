#!/usr/bin/env bash
# test_random_kills.sh LYRNN [SEED [KILLS]]: kills 200 training processes with SIGKILL, each at a
# random time of its life, including start-up and writes. Each time the run is resumed, and each run
# must end with the bytes of an undisturbed one. Then it kills a quarter as many of a command with
# --continue, which is only repeated and learns songs. Prints the seed, and what the processes were
# doing, judged by what they left.
set -euo pipefail
. "$(dirname "$0")/../cli/lib.sh" "$1"
seed=${2-$RANDOM}
RANDOM=$seed
kills=${3-200}
write_corpus

# An epoch takes no longer than saving it.
train=(train corpus.txt "${tiny[@]}" --cell lstm --num-layers 2 --dropout 0.2 --val-fraction 0.2
    --num-epochs 12 --checkpoint-every 1 --keep 2)
begin=${EPOCHREALTIME/[.,]/}
succeeds "${train[@]}" --out whole
life_us=$((${EPOCHREALTIME/[.,]/} - begin))

mkfifo silence
exec 9<>silence
# kill_within US ARG...: runs lyrnn, and kills it at a random time within US microseconds unless it
# has ended.
kill_within() {
    local us=$((RANDOM * $1 / 32768)) pid
    shift
    command="lyrnn $* (killed after $us us; seed $seed)"
    "$lyrnn" "$@" >"$out" 2>"$err" 9<&- </dev/null &
    pid=$!
    read -rt "$(printf '%d.%06d' $((us / 1000000)) $((us % 1000000)))" -u 9 || true
    kill -KILL "$pid" 2>/dev/null || true
    status=0
    { wait "$pid" || status=$?; } 2>/dev/null
}

# What a killed process was doing, as far as its files show.
place() {
    local half=(run/checkpoints/.*.tmp) newest=(run/checkpoints/epoch-*) latest lines
    latest=$(readlink run/latest || true)
    lines=$(wc -l <run/metrics.jsonl) || lines=0
    if ! grep -q '^run: ' "$err"; then
        echo 'not yet training'
    elif [[ -e ${half[0]}/trainer.safetensors ]]; then
        echo 'writing trainer.safetensors'
    elif [[ -e ${half[0]} ]]; then
        echo 'writing model.safetensors'
    elif [[ -L run/.latest || -L run/.best ]]; then
        echo 'between link and rename'
    elif [[ -e ${newest[-1]} && ${newest[-1]} != "run/$latest" ]]; then
        echo 'between checkpoint and latest'
    elif [[ $latest == '' ]]; then
        echo 'before the first checkpoint'
    elif ((lines > 10#${latest##*-})); then
        echo 'between metrics and checkpoint'
    else
        echo 'elsewhere in an epoch'
    fi
} 2>/dev/null

# Whether there is something to resume: `latest` is made after the first checkpoint.
has_checkpoint() {
    compgen -G 'run/checkpoints/epoch-*' >/dev/null
}

# names_in RUN: the names in its folder and in checkpoints/.
names_in() {
    (cd "$1" && find . -maxdepth 2 | sort)
}

declare -A places=()
runs=0
for ((killed = 0; killed < kills;)); do
    if has_checkpoint; then
        kill_within "$life_us" train --resume run
    elif [[ -e run ]]; then
        run train --resume run
        expect_error 3 \
            'run: nothing has been saved in it yet; start again with --out run --overwrite$'
        kill_within "$life_us" "${train[@]}" --out run --overwrite
    else
        kill_within "$life_us" "${train[@]}" --out run
    fi
    if [[ $status == 137 ]]; then
        killed=$((killed + 1))
        place=$(place)
        places[$place]=$((${places[$place]-0} + 1))
        ((killed == kills)) || continue
        has_checkpoint || succeeds "${train[@]}" --num-epochs 1 --out run --overwrite
        run train --resume run --num-epochs 12
    fi
    # It was killed when everything was done except for removing old checkpoints.
    is_done=0
    if [[ $status == 2 ]]; then
        expect_error 2 \
            '--num-epochs 12: run has done 12 epochs already; raise --num-epochs to continue$'
        is_done=1
    fi
    [[ $status == 0 || $is_done == 1 ]] || fail "it must end, or be killed"
    same_runs whole run
    [[ $(readlink run/best) == "$(readlink whole/best)" ]] || fail "another epoch is the best"
    cmp run/best/model.safetensors whole/best/model.safetensors || fail "best differs"
    ((is_done)) || [[ $(names_in run) == "$(names_in whole)" ]] ||
        fail "other files: $(names_in run)"
    rm -r run
    runs=$((runs + 1))
done

echo "seed $seed: $killed processes killed, $runs runs ended as if none had been"
for place in "${!places[@]}"; do
    printf '%6d %s\n' "${places[$place]}" "$place"
done

# The same over songs, with the options of a recipe, and with one command, repeated until it ends
# with 0.
write_songs 12
train=(train songs.txt "${train[@]:2}" --keep-duplicates --embedding-size 5 --tie
    --dropout-input 0.2 --dropout-weight 0.2 --schedule plateau --warmup 3 --weight-decay 0.1
    --ema 0.9 --report-every 2)
train=("${train[@]/--val-fraction/--val-songs}")
succeeds "${train[@]}" --out whole --overwrite
killed=0
runs=0
while ((killed < kills / 4)); do
    kill_within "$life_us" "${train[@]}" --out run --continue
    if [[ $status == 137 ]]; then
        killed=$((killed + 1))
        continue
    fi
    [[ $status == 0 ]] || fail "it must end, or be killed"
    same_runs whole run
    cmp run/best/model.safetensors whole/best/model.safetensors || fail "best differs"
    [[ $(names_in run) == "$(names_in whole)" ]] || fail "other files: $(names_in run)"
    rm -r run
    runs=$((runs + 1))
done
echo "$killed processes of --continue killed, $runs runs ended as if none had been"
