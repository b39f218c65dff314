#!/usr/bin/env bash
# Where the address space or the data of a process are limited, lyrnn works or says so in one line.
# OpenBLAS on its own would ask for its buffers for ever.
set -euo pipefail
. "$(dirname "$0")/lib.sh" "$1"
if is_sanitized; then
    echo "SKIPPED: a sanitizer needs more address space than any limit"
    exit 77
fi
unset OMP_WAIT_POLICY

# ends LIMIT_OPTION KIB ARG...: status 0, or one line. 127: the loader itself had too little.
ends() {
    local option=$1 kib=$2 status=0
    shift 2
    command="ulimit $option $kib; lyrnn $*"
    (
        ulimit "$option" "$kib"
        exec timeout -s KILL 60 "$lyrnn" "$@"
    ) >"$out" 2>"$err" || status=$?
    case $status in
    0) ;;
    1) expect_error 1 'memory: ' ;;
    127) [[ $(wc -l <"$err") == 1 ]] || fail "the loader must print one line" ;;
    *) fail "must end with a line, not with status $status" ;;
    esac
    last=$status
}

for kib in 20000 40000 60000 150000 300000; do
    ends -v "$kib" --version
    ((last != 0)) || fail "OpenBLAS cannot have its buffers"
done
line='^lyrnn: memory: OpenBLAS needs [0-9]+ MiB of address space for [0-9]+ threads?, and a '
grep -qE "${line}limit forbids it; raise ulimit -v and ulimit -d" "$err" ||
    fail "the line must name the limit"
ends -v 2000000 --version
((last == 0)) || fail "2 GB must be enough"
ends -d 100000 --version
((last == 1)) || fail "OpenBLAS's buffers are data"
OMP_NUM_THREADS=8 ends -v 600000 --version
grep -q 'for 8 threads, .*, or lower OMP_NUM_THREADS$' "$err" || fail "it must name the threads"

# The first product takes a buffer, after everything else was allocated.
shape=(bench --device cpu --threads 2 --vocab-size 100 --hidden-size 3000 --batch-size 2
    --num-steps 2 --steps 1 --repetitions 1 --format csv)
for kib in 320000 420000 500000 560000 600000 650000 700000 750000 1200000; do
    ends -v "$kib" "${shape[@]}"
done
((last == 0)) || fail "1.2 GB must be enough"
# OpenBLAS takes buffers for one thread when GNU's OpenMP is loaded, and for all with Clang's.
if ! grep -q 'NEEDED.*libomp' < <(readelf -d "$lyrnn"); then
    ends -v 520000 bench --device cpu --steps 1 --repetitions 1 --format csv
    ((last == 0)) || fail "one thread has room, and is the default then"
    ends -v 420000 "${shape[@]}"
    grep -q 'for 2 threads, .*; lower --threads, or raise' "$err" || fail "it must name the option"
fi
OMP_NUM_THREADS=1 ends -v 520000 --version
((last == 0)) || fail "OMP_NUM_THREADS must count"
