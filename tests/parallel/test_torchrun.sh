#!/usr/bin/env bash
# The real torchrun starts lyrnn. It also starts all ranks again if one of them dies, with the same
# command, which continues the run. Its bytes are those of one process that was never interrupted.
set -euo pipefail
. "$(dirname "$0")/lib.sh" "$1"
torchrun=$(type -P torchrun || true)
# PyTorch 1.13's cannot start anything with Python 3.11.
if [[ -z $torchrun ]] || ! "$torchrun" --no_python --nnodes 1 --nproc_per_node 1 \
    --master_port "$(free_port)" true >"$out" 2>&1; then
    echo 'skipped: no torchrun that works'
    exit 77
fi
write_songs 24
common=(train songs.txt --keep-duplicates --hidden-size 12 --batch-size 8 --shards 2 --num-steps 5
    --threads 1 --pred-len 5 --pred-period 100000 --checkpoint-every 100)

# launch ARG...: starts lyrnn as two ranks in the background.
launch() {
    command="torchrun lyrnn $*"
    "$torchrun" --no_python --nnodes 1 --nproc_per_node 2 --master_port "$(free_port)" \
        --max_restarts 1 --monitor_interval 0.1 "$lyrnn" "$@" >"$out" 2>"$err" </dev/null &
    pid=$!
}

epochs=2000
launch "${common[@]}" --num-epochs "$epochs" --out two --continue
for ((i = 0; i < 3000; i++)); do
    [[ ! -e two/latest ]] || break
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.01
done
[[ -e two/latest ]] || fail "the run must begin"
pkill -KILL -n -f -P "$pid" "train songs.txt" || fail "a rank must be killed"
status=0
wait "$pid" || status=$?
[[ $status == 0 ]] || fail "torchrun must have started the ranks again"
grep -qE '^lyrnn: (rank [01] \([^ ]+, process [0-9]+\): is gone|.*rank [01])' "$err" ||
    fail "a line must name the rank that is gone"
[[ $(grep -c '^ranks: 2, started by torchrun' "$err") == 2 ]] || fail "two groups must have begun"
succeeds "${common[@]}" --num-epochs "$epochs" --out one
cmp "$(model_of one)" "$(model_of two)" || fail "other bytes"
