#!/usr/bin/env bash
# A program that was built for another CPU says so before it uses an instruction that this one
# lacks.
#     test_cpu.sh PROGRAM PROGRAM_OF_ANOTHER_CPU COMPILER_FLAGS
set -euo pipefail
another=$(realpath "$2") flags=$3
. "$(dirname "${BASH_SOURCE[0]}")/../cli/lib.sh" "$1"
write_corpus

# The table lists what the compiler may use: here, what this CPU has.
bytes=$(nm -S "$lyrnn" | awk '$4 == "lyrnn_cpu_needs" {print $2}')
if [[ $flags == *-march=native* ]] && grep -qm1 'avx2' /proc/cpuinfo; then
    ((16#$bytes > 10 * 32)) || fail "the table has no rows: $bytes bytes"
    grep -qx avx2 < <(strings "$lyrnn") || fail "the table must have AVX2"
fi
succeeds --version

lyrnn=$another
needs='this build needs AVX-512 \(avx512er\), which this CPU lacks; build it here, or with '
needs+='-DLYRNN_NATIVE=OFF$'
for arguments in --version info 'train corpus.txt --device cpu' 'eval none corpus.txt'; do
    # shellcheck disable=SC2086 # several arguments
    refuses 1 "$needs" $arguments
done
