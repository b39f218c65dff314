#!/usr/bin/env bash
# How the program starts: under its own name, through any loader, and with a setting for libgomp
# before any library runs.
#     test_start.sh PROGRAM C_COMPILER SANITIZERS
set -euo pipefail
compiler=$2 sanitizers=$3
. "$(dirname "${BASH_SOURCE[0]}")/../cli/lib.sh" "$1"
unset OMP_WAIT_POLICY

# start_training SETTING: sets $name, the process's, and $masks, the CPUs of each of its threads.
start_training() {
    local process
    env "$1" "$lyrnn" train --hidden-size 192 --threads 2 --num-epochs 1000000 \
        --pred-period 1000000 --device cpu --out run --overwrite >"$out" 2>"$err" &
    process=$!
    for ((tries = 0; ; tries++)); do
        (($(find "/proc/$process/task" -mindepth 1 -maxdepth 1 | wc -l) < 2)) || break
        if ! kill -0 "$process" || ((tries > 400)); then
            fail "a second thread must start"
        fi
        sleep 0.05
    done
    name=$(cat /proc/$process/comm)
    masks=$(cat /proc/$process/task/*/status | sed -n 's/^Cpus_allowed:\t*//p' | sort -u)
    kill -KILL $process
    wait $process 2>/dev/null || true
}

start_training A=1
[[ $name == "${lyrnn##*/}" ]] || fail "the process is called $name"
all_cpus=$(sed -n 's/^Cpus_allowed:\t*//p' /proc/self/status)
[[ $masks == "$all_cpus" ]] || fail "its threads may use the CPUs $masks"
# Only GNU's OpenMP binds every thread, and only it needs what follows below.
is_gnu=1
! grep -q 'NEEDED.*libomp' < <(readelf -d "$lyrnn") || is_gnu=0
if ((is_gnu && $(nproc) > 1)); then
    for setting in OMP_{PLACES=threads,PROC_BIND=spread} "GOMP_CPU_AFFINITY=0-$(($(nproc) - 1))"; do
        start_training "$setting"
        [[ $(grep -cvxF "$all_cpus" <<<"$masks") == 2 ]] ||
            fail "$setting: each thread must have its own CPU: $masks"
    done
fi

# What follows is not for sanitizers: they want to be the first library.
[[ -z $sanitizers ]] || exit 0
loader=$(readelf -l "$lyrnn" | sed -n 's/.*interpreter: \(.*\)\]$/\1/p')
"$loader" "$lyrnn" --version >"$out" || fail "it must run through $loader"
grep -q '^lyrnn [0-9]' "$out" || fail "another program ran through $loader"

# A library that shows what libraries find when they start.
cat >show.c <<'END'
#define _GNU_SOURCE
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
__attribute__((constructor)) static void show(void)
{
    cpu_set_t cpus;
    const char *spins = getenv("GOMP_SPINCOUNT");
    sched_getaffinity(0, sizeof cpus, &cpus);
    if (spins == NULL)
        spins = "unset";
    dprintf(STDERR_FILENO, "%d CPUs, spins %s\n", CPU_COUNT(&cpus), spins);
}
END
"$compiler" -shared -fPIC -o show.so show.c
((is_gnu)) || exit 0
# shows EXPECTED SETTING [LOADER]: the library must start once, and find EXPECTED.
shows() {
    local found
    found=$(env "$2" LD_PRELOAD="$PWD/show.so" ${3+"$3"} "$lyrnn" --version 2>&1 >/dev/null)
    [[ $found == "$(nproc) CPUs, spins $1" ]] || fail "$2 ${3-}: $found"
}
shows 10000 A=1
shows 10 GOMP_SPINCOUNT=10
shows unset OMP_WAIT_POLICY=active
shows unset A=1 "$loader"
