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
    for rank in 0 1; do
        OMPI_COMM_WORLD_RANK=$rank OMPI_COMM_WORLD_SIZE=2 MASTER_ADDR=127.0.0.1 \
            MASTER_PORT=$((20000 + $$ % 10000)) "$probe" move >"$out.$rank" 2>"$err.$rank" &
    done
    wait
    cat "$out".? >"$out"
    cat "$err".? >"$err"
    command='two processes of no mpirun'
    grep -qE '^TCP \(mpi: lyrnn was built with Open MPI v[0-9.]+, which did not start ' "$out" ||
        fail "TCP must be the carrier"
fi
