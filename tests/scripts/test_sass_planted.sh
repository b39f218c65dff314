#!/usr/bin/env bash
# Checks that sass_lint.py finds each class of defect in the machine code of planted_sass.cu, and
# that it compares with the table, accepts a reason, and writes the table. Needs nvcc, nvdisasm and
# Python.
# Usage: test_sass_planted.sh
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
source scripts/common.sh
source scripts/kernels.sh
export PYTHONDONTWRITEBYTECODE=1
if ! { command -v python3 && find_nvcc; } >/dev/null || ! nvdisasm=$(find_tool nvdisasm); then
    echo 'skipped: no nvcc, no nvdisasm or no python3'
    exit 77
fi
find_toolkit
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
problems=0

problem() {
    echo "FAILED: $*"
    cat "$work/log"
    problems=$((problems + 1))
}

# lint ARGUMENT...: runs the lint on the planted kernels, with tables of their own.
lint() {
    status=0
    python3 scripts/sass/sass_lint.py --nvdisasm "$nvdisasm" --nvcc-version 1 --tables "$work" \
        "90=$work" "$@" >"$work/log" 2>&1 || status=$?
}

# expect STATUS PATTERN FILE WHAT: the status of the last lint, and a line in a file.
expect() {
    { ((status == $1)) && grep -qE "$2" "$3"; } || problem "status $status $4"
}

"$nvcc" -std=c++17 -O3 -arch=compute_90 -ptx -o "$work/planted.ptx" tests/scripts/planted_sass.cu
"$ptxas" -arch=sm_90 -o "$work/planted.cubin" "$work/planted.ptx"
classes='fp64 membar cctl local calls divisions guarded'
counts=$work/counts.txt
echo '# nvcc 1' >"$counts"
for class in $classes; do
    echo "$class | ${class}_kernel | planted"
done >"$work/allowed.txt"

# All kernels are new. The table then has each class in its kernel, and no class in the others.
lint --update 'a reason'
((status == 0)) || problem "status $status with every class allowed"
for class in $classes; do
    grep -qE "^90 ${class}_kernel all ${class}=[1-9][0-9]*$" "$counts" ||
        problem "no $class, or something else, in ${class}_kernel: $(grep "$class" "$counts")"
done
grep -qx '90 fine_kernel all' "$counts" || problem 'something was found in fine_kernel'
lint
[[ $status == 0 && ! -s $work/log ]] || problem "status $status without a change"

# Each class must be allowed, and nothing else may be.
for class in $classes; do
    cp "$work/allowed.txt" "$work/allowed"
    sed -i "/^$class /d" "$work/allowed.txt"
    lint
    expect 1 "^${class}_kernel .sm_90.: [0-9]+ .*; remove them or allow" "$work/log" \
        "with $class not allowed"
    mv "$work/allowed" "$work/allowed.txt"
done
echo 'fp64 | fine_kernel | stale' >>"$work/allowed.txt"
lint
expect 1 'stale: no kernel needs this' "$work/log" 'with a stale line'
sed -i /stale/d "$work/allowed.txt"

# A count that got worse is an error, unless another nvcc made the table. A reason accepts it.
cp "$counts" "$work/good"
sed -i -E 's/^(90 membar_kernel all) .*/\1/
    s/(90 fine_kernel loop1 instructions)=[0-9]+/\1=2/' "$counts"
lint
expect 1 '^worse: membar_kernel .sm_90., all: membar 0 -> 1$' "$work/log" 'with worse counts'
expect 1 '^worse: fine_kernel .sm_90., loop1: instructions 2 -> ' "$work/log" 'with a longer loop'
sed -i 's/^# nvcc 1/# nvcc 0/' "$counts"
lint
((status == 77)) || problem "status $status with a table of another nvcc"
lint --update
expect 1 'give --update a reason' "$work/log" 'without a reason'
lint --update 'the fence is needed'
expect 0 '^90 membar_kernel all membar=1 [|] the fence is needed$' "$counts" 'with a reason'

# A better count is reported, and updated without a reason. The old reason goes.
sed -i 's/^\(90 membar_kernel all membar\)=1.*/\1=5 | old/' "$counts"
lint
expect 0 '^better: membar_kernel .sm_90., all: membar 5 -> 1$' "$work/log" 'with a better count'
lint --update
expect 0 '^90 membar_kernel all membar=1$' "$counts" 'at the update of a better count'
exit $((problems > 0))
