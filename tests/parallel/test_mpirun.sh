#!/usr/bin/env bash
# Ranks that a real mpirun of Open MPI starts: MPI moves their bytes where lyrnn was built with it,
# and TCP does otherwise. A rank that fails or is killed ends the others, with one line of lyrnn's
# among those of mpirun.
set -euo pipefail
. "$(dirname "$0")/../cli/lib.sh" "$1"
probe=$(realpath "$3")
mpirun=$(type -P mpirun || true)
if [[ -z $mpirun ]] || ! grep -q 'Open MPI' < <("$mpirun" --version); then
    echo 'skipped: no mpirun of Open MPI'
    exit 77
fi
# Open MPI never frees some of its memory.
export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0

# launch N PROGRAM ARG...: runs the program as N ranks.
launch() {
    local n=$1
    shift
    command="mpirun -n $n $*"
    status=0
    "$mpirun" --allow-run-as-root --oversubscribe --bind-to none -n "$n" "$@" >"$out" 2>"$err" \
        </dev/null || status=$?
}

# fails_once REGEX N PROGRAM ARG...: one line of lyrnn's must say why, soon.
fails_once() {
    local regex=$1 begin=$SECONDS
    shift
    launch "$@"
    [[ $status != 0 ]] || fail "must fail"
    [[ $(grep -c '^lyrnn: ' "$err") == 1 ]] || fail "one line must begin with lyrnn:"
    grep -qE "^lyrnn: $regex" "$err" || fail "the line must match: $regex"
    ((SECONDS - begin <= 10)) || fail "must end soon, not after $((SECONDS - begin)) s"
}

module=${lyrnn%/*}/liblyrnn_mpi.so
carrier='^TCP and MPI \(Open MPI v[0-9.]+\)$'
[[ -e $module ]] || carrier='^TCP \(mpi: liblyrnn_mpi\.so cannot be loaded \(.*\); install '
for size in 2 3; do
    launch "$size" "$probe" move
    [[ $status == 0 ]] || fail "all bytes must arrive"
    grep -qE "$carrier" "$out" || fail "the carrier must match: $carrier"
done
fails_once 'rank 2 \([^ ]+\): the probe: fails; ' 3 "$probe" fail 2
fails_once 'the probe: fails; ' 3 "$probe" fail 0
fails_once 'rank 1 \([^ ]+, process [0-9]+\): is gone; ' 3 "$probe" kill 1
fails_once 'rank 0 \([^ ]+, process [0-9]+\): is gone; ' 3 "$probe" kill 0

# Without the module next to it, the same program uses TCP.
cp "$probe" without_module
launch 2 ./without_module move
[[ $status == 0 ]] || fail "all bytes must arrive over TCP"
grep -q '^TCP (mpi: liblyrnn_mpi\.so cannot be loaded (' "$out" || fail "TCP must be the carrier"

# A process that MPI did not start, whatever the variables say, uses TCP and says why.
if [[ -e $module ]]; then
    export MASTER_ADDR=127.0.0.1 MASTER_PORT=$((20000 + $$ % 10000))
    for rank in 0 1; do
        mkdir "$scratch/$rank"
        TMPDIR=$scratch/$rank OMPI_COMM_WORLD_RANK=$rank OMPI_COMM_WORLD_SIZE=2 \
            "$probe" move >"$out.$rank" 2>"$err.$rank" &
    done
    unset MASTER_ADDR MASTER_PORT
    wait
    cat "$out".? >"$out"
    cat "$err".? >"$err"
    command='two processes of no mpirun'
    grep -qE '^TCP \(mpi: lyrnn was built with Open MPI v[0-9.]+, which did not start ' "$out" ||
        fail "TCP must be the carrier"
fi

# Trainings. Their bytes are those of one process.
write_songs 24
common=(train songs.txt --keep-duplicates --cell gru --hidden-size 12 --batch-size 8 --shards 4
    --num-steps 5 --threads 1 --dropout 0.2 --num-layers 2 --val-songs 0.2 --pred-len 5)
short=("${common[@]}" --num-epochs 3)
succeeds "${short[@]}" --out one
connected='connected by TCP and MPI '
[[ -e $module ]] || connected='connected by TCP '
for size in 1 2 4; do
    launch "$size" "$lyrnn" "${short[@]}" --out "$size"
    [[ $status == 0 ]] || fail "must succeed"
    same_runs one "$size"
    [[ $size == 1 ]] || grep -qF "ranks: $size, started by mpirun, $connected" "$err" ||
        fail "a line must say how the ranks are connected"
done
fails_once '--batch-size nine: ' 2 "$lyrnn" "${short[@]}" --batch-size nine
fails_once '--batch-size 8: 3 ranks cannot share it equally; ' 3 "$lyrnn" "${short[@]}"
fails_once '--ranks 2: mpirun has started this process as rank 0 of 2; leave the option out$' 2 \
    "$lyrnn" "${short[@]}" --ranks 2

# A process of mpirun that is not lyrnn never starts MPI.
if [[ -e $module ]]; then
    command='mpirun of a process that is not lyrnn, and two that are'
    status=0
    timeout -k 1 20 "$mpirun" --allow-run-as-root --oversubscribe --bind-to none -n 1 true : \
        -n 2 "$lyrnn" "${short[@]}" --rendezvous-timeout 1 >"$out" 2>"$err" </dev/null || status=$?
    [[ $status == 1 ]] || fail "must fail after 1 s"
    [[ $(grep -c '^lyrnn: ' "$err") == 1 ]] || fail "one line must begin with lyrnn:"
    grep -q '^lyrnn: rank 1: MPI did not start within 1 s; ' "$err" || fail "the line must say why"
fi

# mpirun passes SIGUSR2 on: the ranks save and end.
set -m
long=("${common[@]}" --num-epochs 100000 --pred-period 100000 --checkpoint-every 100000)
: >"$err"
"$mpirun" --allow-run-as-root --oversubscribe --bind-to none -n 2 "$lyrnn" "${long[@]}" --out run \
    >"$out" 2>"$err" </dev/null &
pid=$!
for ((i = 0; i < 1000; i++)); do
    ! grep -q '^run: ' "$err" || break
    sleep 0.01
done
kill -USR2 "$pid"
status=0
wait "$pid" || status=$?
[[ $status == 140 ]] || fail "must end with the status of a saved training"
expect_saved='^lyrnn: run: interrupted after .*, and saved; to continue: '
[[ $(grep -c "$expect_saved" "$err") == 1 ]] || fail "one line must say that it saved"
epochs=$(wc -l <run/metrics.jsonl)
launch 4 "$lyrnn" train --resume run --num-epochs $((epochs + 2)) --checkpoint-every 1
[[ $status == 0 ]] || fail "it must continue"
succeeds "${common[@]}" --num-epochs $((epochs + 2)) --checkpoint-every 1 --out whole
same_runs run whole
