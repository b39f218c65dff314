#!/usr/bin/env bash
# A run continues with another number of ranks, and ends with the bytes of a run that one process
# trained without a stop. A signal to any rank stops all of them after the same step.
set -euo pipefail
. "$(dirname "$0")/lib.sh" "$1"
write_songs 1500
common=(train songs.txt --keep-duplicates --hidden-size 12 --num-layers 2 --dropout 0.5
    --batch-size 8 --num-steps 5 --threads 1 --num-epochs 6 --pred-len 4 --lr 1e-3)
sharded=("${common[@]}" --shards 4 --report-every 200)

# wait_for_reports N: waits until the run has more than N lines of metrics.
wait_for_reports() {
    for ((i = 0; i < 3000; i++)); do
        [[ ! -e run/metrics.jsonl || $(wc -l <run/metrics.jsonl) -le $1 ]] || return 0
        sleep 0.01
    done
    collect_ranks
    fail "the run must have more than $1 reports"
}

# stop SIGNAL STATUS RANK N ARG...: trains with N ranks, and sends the signal to one of them after
# two more reports.
stop() {
    local signal=$1 expected=$2 victim=$3 reports=0
    shift 3
    [[ ! -e run/metrics.jsonl ]] || reports=$(wc -l <run/metrics.jsonl)
    start_ranks "$@"
    wait_for_reports $((reports + 1))
    kill "-$signal" "${pids[victim]}"
    finish_ranks
    expect_rank_error "$expected" 'run: interrupted after epoch [0-9]+( and [0-9]+ of [0-9]+ batches)?, and saved; to continue: lyrnn train --resume run$'
    [[ ${statuses[*]} == "$(printf "$expected %.0s" "${!pids[@]}" | sed 's/ $//')" ]] ||
        fail "all ranks must end with $expected, not ${statuses[*]}"
}

# The last one spends most of its time in validation, which rank 0 does while the others wait.
for options in '--cell lstm --val-fraction 0.1 --sampling consecutive' \
    '--cell gru --val-songs 0.1 --ema 0.9' '--cell rnn_tanh --sampling random' \
    '--cell gru --val-fraction 0.8 --sampling consecutive --report-every 100'; do
    # shellcheck disable=SC2206 # words of a command line
    train=("${sharded[@]}" $options)
    succeeds "${train[@]}" --out whole
    stop TERM 143 1 2 "${train[@]}" --out run
    stop INT 130 0 4 train --resume run
    first=$(readlink run/latest)
    succeeds train --resume run
    same_runs whole run
    [[ $(ls run/checkpoints) == "$(ls whole/checkpoints)" ]] ||
        fail "other checkpoints: $(ls run/checkpoints)"
    echo "2 ranks, 4 ranks until ${first#*/}, then 1: the bytes of 1 that never stopped: $options"
    rm -r run whole
done

# SIGUSR1 to another rank than 0 saves a checkpoint within the epoch, and nothing else changes. The
# other ranks need the lyrics and no other file, also to resume.
mkdir other
ln songs.txt other/songs.txt
folders=([1]="$PWD/other")
succeeds "${sharded[@]}" --out whole
start_ranks 2 "${sharded[@]}" --out run
wait_for_reports 1
kill -USR1 "${pids[1]}"
for ((i = 0; i < 1000; i++)); do
    [[ ! $(readlink run/latest) =~ batch ]] || break
    sleep 0.01
done
[[ $(readlink run/latest) =~ batch ]] || fail "a checkpoint must have been saved"
kill -TERM "${pids[0]}"
finish_ranks
[[ $status == 143 ]] || fail "the training must have been stopped"
ranks_succeed 2 "${sharded[@]}" --out run --continue
same_runs whole run
ranks_succeed 2 "${sharded[@]}" --out run --continue
grep -q '^run: is complete' "$err" || fail "nothing was left to do"

# --continue begins a run too, and --init takes the weights that rank 0 reads.
tuned=("${sharded[@]}" --num-epochs 1 --init whole)
succeeds "${tuned[@]}" --out tuned
ranks_succeed 2 "${tuned[@]}" --out run2 --continue
same_runs tuned run2
ranks_succeed 2 "${sharded[@]}" --num-epochs 0 --out untrained
[[ $(ls other) == songs.txt ]] || fail "rank 1 must write nothing: $(ls other)"

# Another number of shards is another training, to rounding. Without --shards it is the number of
# ranks, and the run keeps it.
folders=()
ranks_succeed 2 "${common[@]}" --num-epochs 1 --out two
grep -q '"shards": 2' two/config.json || fail "two ranks must have two shards"
grep -q '"ranks": 2' two/config.json || fail "config.json must name the number of ranks"
succeeds train --resume two --num-epochs 2
