#!/usr/bin/env bash
# Trainings of several ranks on simulated devices, with the fake NCCL: the same bytes for 1, 2 and 4
# ranks, the end of all ranks when one is killed, and two ranks on one device. Arguments: the
# program, and the library.
set -euo pipefail
LYRNN_NCCL=$(realpath "$2")
. "$(dirname "$0")/../parallel/lib.sh" "$1"
export LYRNN_NCCL LYRNN_SIM_DEVICES=4 OMP_NUM_THREADS=1
write_songs 6
# Measured times would choose other plans from run to run.
common=(train songs.txt --keep-duplicates --device cuda --tune off --hidden-size 8 --dropout 0.3
    --batch-size 8 --shards 4 --num-steps 6 --lr 1e-2 --num-epochs 2 --pred-len 2
    --checkpoint-every 1)

# compare ARG...: trains with 1, 2 and 4 ranks, in other orders of work, and compares what they
# write. All steps but the first two are replays of a graph.
compare() {
    local size
    LYRNN_SIM_SEED=0 succeeds "${common[@]}" "$@" --out 1
    for size in 2 4; do
        LYRNN_SIM_SEED=$((size / 2 - 1)) ranks_succeed "$size" "${common[@]}" "$@" --out "$size"
        same_runs 1 "$size"
    done
    rm -r 1 2 4
}
compare --cell rnn_tanh --sampling consecutive --val-fraction 0.2
compare --cell lstm --num-layers 2 --val-songs 0.2
compare --cell gru --sampling random --debug-sync

# lose RANK SECONDS: kills one of 4 ranks so long after the first epoch. The others must end within
# 5 s, and only one of them may say so.
lose() {
    local begin rank
    start_ranks 4 "${common[@]}" --num-epochs 1000 --out lost
    until [[ -e lost/latest/trainer.safetensors ]]; do
        kill -0 "${pids[0]}" || { finish_ranks && fail "rank 0 must train"; }
        sleep 0.1
    done
    sleep "$2"
    begin=${EPOCHREALTIME/./}
    kill -KILL "${pids[$1]}"
    finish_ranks
    ((${EPOCHREALTIME/./} - begin < 5000000)) || fail "all ranks must end within 5 s"
    for rank in "${!pids[@]}"; do
        [[ $rank == "$1" || ${statuses[rank]} == 1 ]] || fail "rank $rank must end with 1"
    done
    [[ $(grep -c '^lyrnn: ' "$err") == 1 ]] || fail "one line must begin with lyrnn:"
    grep -q "^lyrnn: rank $1 (.*, process ${pids[$1]}): is gone" "$err" || fail "which rank is gone"
    ! grep -q lyrnn_sim "$err" || fail "the fake must not accuse"
}
lose 3 0.05
rm -r lost
lose 0 0.13
epoch=$(sed -n 's/^{"epoch": \([0-9]*\).*/\1/p' lost/metrics.jsonl | tail -n 1)
succeeds train songs.txt --resume lost --device cuda --num-epochs "$((epoch + 1))" --ranks 2

LYRNN_SIM_DEVICES=1 run "${common[@]}" --out same --ranks 2
expect_error 1 'cuda: rank 0 \(.*\) and rank 1 \(.*\) have the same GPU, '
