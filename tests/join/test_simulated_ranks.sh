#!/usr/bin/env bash
# Trainings of two ranks on simulated GPUs, as a user starts them, with the fake NCCL: the bytes of
# one rank, one line if they cannot start, and an end within 5 s if a rank is killed while its
# peer's device waits for it.
#     test_simulated_ranks.sh PROGRAM FAKE_NCCL
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../cli/lib.sh" "$1"
export LYRNN_NCCL=$2 LYRNN_SIM_DEVICES=2 OMP_NUM_THREADS=1
write_corpus
train=(train corpus.txt "${tiny[@]}" --shards 2 --tune off --device)

succeeds "${train[@]}" cuda --num-epochs 2 --out alone
succeeds "${train[@]}" cuda --num-epochs 2 --out both --ranks 2
for file in model trainer; do
    cmp alone/latest/$file.safetensors both/latest/$file.safetensors ||
        fail "two ranks must write the bytes of one: $file"
done

cannot() {
    run "${train[@]}" "$1" --num-epochs 2 --out none --ranks 2
    expect_error 1 "$2"
    [[ ! -e none/latest ]] || fail "there must be no training"
}
cannot cuda:0 'cuda: rank 0 \(.+\) and rank 1 \(.+\) have the same GPU, 0000:01:00\.0; start at '
LYRNN_NCCL=/nowhere/libnccl.so.2 cannot cuda \
    '(rank 1 \(.+\): )?NCCL: /nowhere/libnccl\.so\.2: cannot open .*; install libnccl2 '

# ended PROCESS...: whether all of them are gone, or nothing but their exit status is left.
ended() {
    local process
    for process; do
        ! grep -qs '^State:[[:space:]]*[^Z[:space:]]' "/proc/$process/status" || return 1
    done
}

# kill_rank VICTIM: kills this rank of two. The other one must end within 5 s, with one line. The
# command ends as rank 0 does.
statuses=(137 1)
kill_rank() {
    local victim=$1 pid ranks
    rm -rf run
    command="kill -9 rank $victim"
    "$lyrnn" "${train[@]}" cuda --num-epochs 100000 --checkpoint-every 1 --pred-period 100000 \
        --out run --ranks 2 >"$out" 2>"$err" </dev/null &
    pid=$!
    for ((i = 0; i < 3000; i++)); do
        [[ ! -e run/latest ]] || break
        sleep 0.01
    done
    mapfile -t ranks < <(pgrep -P "$pid")
    ((${#ranks[@]} == 2)) || fail "two ranks must run"
    kill -KILL "${ranks[victim]}"
    SECONDS=0
    status=0
    wait "$pid" || status=$?
    ((SECONDS <= 5)) || fail "the other rank must end within 5 s, not $SECONDS"
    ended "${ranks[@]}" || fail "no rank may be left"
    expect_error "${statuses[victim]}" "rank $victim \\(.+\\): is gone; .*continue with --resume"
}
for victim in 0 1; do
    kill_rank $victim
    epochs=$(wc -l <run/metrics.jsonl)
    succeeds train --resume run --num-epochs $((epochs + 1)) --device cuda
done

# The same if NCCL then hangs, and so does a rank that has an error of its own.
export LYRNN_SIM_LEAVING_HANGS=1
kill_rank 1
rm -rf run
(
    ulimit -f 24
    run "${train[@]}" cuda --hidden-size 64 --num-epochs 1 --out run --ranks 2
    expect_error 1 'run/.*: File too large; raise the limit of file sizes \(ulimit -f\)'
)
