#!/usr/bin/env bash
# OpenMP's and OpenBLAS's settings change neither the number of CPUs that lyrnn finds, nor keep it
# from ending.
set -euo pipefail
. "$(dirname "$0")/lib.sh" "$1"
unset OMP_WAIT_POLICY

# threads SETTING...: the number of threads that info prints.
threads() {
    env "$@" timeout -s KILL 60 "$lyrnn" info |
        sed -nE 's/^device +cpu: .* ([0-9]+) threads?, .*/\1/p'
}

plain=$(threads A=1)
quota=$(cat /sys/fs/cgroup/cpu.max /sys/fs/cgroup/cpu/cpu.cfs_quota_us 2>/dev/null || true)
[[ $quota == [0-9]* || $plain == "$(nproc)" ]] || fail "one thread per CPU, not $plain"
# A thread that is bound to one CPU still finds all of them. Clang brings an OpenMP next to that of
# OpenBLAS, and the second one only sees the CPU to which the first one bound the thread.
binding=(OMP_PROC_BIND={true,close,spread} OMP_PLACES={cores,threads} GOMP_CPU_AFFINITY=0-1)
! grep -q 'NEEDED.*libomp' < <(readelf -d "$lyrnn") || binding=()
for setting in "${binding[@]}" OMP_WAIT_POLICY={active,passive} GOMP_SPINCOUNT=10 \
    OMP_DYNAMIC=true OMP_NESTED=true OMP_MAX_ACTIVE_LEVELS={0,1} OPENBLAS_NUM_THREADS={1,3} \
    GOTO_NUM_THREADS=1; do
    [[ $(threads "$setting") == "$plain" ]] || fail "$setting must leave $plain threads"
done
[[ $(threads OMP_NUM_THREADS=3) == 3 ]] || fail "OMP_NUM_THREADS must count"
[[ $(threads OMP_NUM_THREADS=3,1) == 3 ]] || fail "the first of a list must count"
[[ $(threads OMP_NUM_THREADS=3 OMP_THREAD_LIMIT=1) == 1 ]] || fail "OMP_THREAD_LIMIT must count"
cpu=$(taskset -cp $$ | sed -E 's/.*: ([0-9]+).*/\1/')
[[ $(threads taskset -c "$cpu") == 1 ]] || fail "one CPU must have one thread"

# Each product needs both threads, so OpenBLAS would wait for one that it does not get.
for setting in OMP_MAX_ACTIVE_LEVELS=0 OMP_THREAD_LIMIT=1 OMP_DYNAMIC=true OMP_NESTED=false \
    OMP_NUM_THREADS={1,4,1} OPENBLAS_NUM_THREADS={1,4} GOTO_NUM_THREADS=1 OMP_PROC_BIND=close; do
    command="$setting bench"
    env "$setting" timeout -s KILL 60 "$lyrnn" bench --device cpu --threads 2 --hidden-size 192 \
        --steps 1 --repetitions 1 --format csv >"$out" 2>"$err" || fail "$setting must end"
done
