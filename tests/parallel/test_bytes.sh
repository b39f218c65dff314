#!/usr/bin/env bash
# test_bytes.sh LYRNN [FLIPS PROBE ABSENT [mpirun]]: the results depend on the shards of a batch and
# not on the number of ranks that compute them: 1, 2 and 4 ranks write the same bytes. Prints a
# table of them. The ranks meet over TCP, or mpirun of Open MPI starts them and moves their bytes.
set -euo pipefail
. "$(dirname "$0")/lib.sh" "$1"
if [[ ${5-} == mpirun ]]; then
    if ! [[ -e ${lyrnn%/*}/liblyrnn_mpi.so ]] ||
        ! grep -q 'Open MPI' < <(mpirun --version 2>/dev/null); then
        echo 'skipped: no mpirun of Open MPI, or lyrnn was built without MPI'
        exit 77
    fi
    # Open MPI never frees some of its memory.
    export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0
    # mpirun passes the output of all ranks on, so only rank 0 may print anything here too.
    ranks_succeed() {
        command="mpirun -n $1 lyrnn ${*:2}"
        status=0
        mpirun --allow-run-as-root --oversubscribe --bind-to none -n "$1" "$lyrnn" "${@:2}" \
            >"$out" 2>"$err" </dev/null || status=$?
        [[ $status == 0 ]] || fail "must succeed"
        grep -q '^ranks: .*, connected by TCP and MPI ' "$err" || fail "MPI must move the bytes"
    }
fi
write_songs 24
common=(train songs.txt --keep-duplicates --hidden-size 12 --num-layers 2 --dropout 0.5
    --batch-size 8 --shards 4 --num-steps 5 --threads 1 --lr 1e-2 --num-epochs 2 --pred-period 1
    --pred-len 8 --report-every 3 --checkpoint-every 1)

# digest RUN: the first digits of a hash of all its models and of its last state. Within an epoch a
# state holds the seconds that the steps took.
digest() {
    (cd "$1" && cat checkpoints/*/model.safetensors latest/*.safetensors) |
        sha256sum | head -c 8
}

# names_of RUN: its checkpoints, and the best and the latest of them.
names_of() {
    ls "$1/checkpoints"
    readlink "$1/best" "$1/latest"
}

# plan_of LOG: its lines without those that name the run or the ranks.
plan_of() {
    grep -v '^ranks: \|^run: \|^best: ' "$1"
}

# compare ARG...: trains with 1, 2 and 4 ranks and compares what they write.
compare() {
    local size digests=()
    succeeds "${common[@]}" "$@" --out 1
    cp "$out" "$scratch/samples"
    cp "$err" "$scratch/log"
    digests+=("$(digest 1)")
    for size in 2 4; do
        ranks_succeed "$size" "${common[@]}" "$@" --out "$size"
        same_runs 1 "$size"
        [[ $(names_of 1) == "$(names_of "$size")" ]] || fail "$size ranks: other epochs"
        diff <(times_removed "$scratch/samples") <(times_removed "$out") ||
            fail "$size ranks: other samples"
        diff <(plan_of "$scratch/log") <(plan_of "$err") ||
            fail "$size ranks: another log"
        digests+=("$(digest "$size")")
        [[ ${digests[-1]} == "${digests[0]}" ]] || fail "$size ranks: other checkpoints"
    done
    printf '%-76s %s %s %s\n' "$*" "${digests[@]}"
    rm -r 1 2 4
}

printf '%-76s %-8s %-8s %-8s\n' 'checkpoints by their hash' '1 rank' '2 ranks' '4 ranks'
for cell in rnn_tanh lstm gru; do
    for sampling in songs consecutive random; do
        for validation in '--val-songs 0.2' '--val-fraction 0.2'; do
            # shellcheck disable=SC2086 # two words
            compare --cell "$cell" --sampling "$sampling" $validation
        done
    done
done

# What rank 0 decides by the validation must reach the others: that the rate is halved, and that the
# training ends.
compare --cell gru --val-songs 0.2 --schedule plateau --lr 2 --num-epochs 9
grep -q '^plateau: ' "$scratch/log" || fail "the rate must have been halved"
compare --cell gru --val-songs 0.2 --patience 2 --lr 2 --num-epochs 30
grep -q '^stopped: ' "$scratch/log" || fail "the training must have ended early"
compare --cell lstm --embedding-size 6 --tie --dropout-input 0.2 --val-fraction 0.2
compare --cell lstm --dropout-output 0.2 --dropout-weight 0.3 --ema 0.9 --val-fraction 0.2
compare --cell gru --weight-decay 0.1 --schedule cosine --warmup 5 --offset random \
    --sampling consecutive
# 12 shards on 4 ranks: no rank's part of the tree is a subtree, and the log says so.
succeeds "${common[@]}" --batch-size 12 --shards 12 --out 1
ranks_succeed 4 "${common[@]}" --batch-size 12 --shards 12 --out 4
grep -q '^ranks: 3 shards per rank are no power of two' "$err" || fail "the log must say so"
