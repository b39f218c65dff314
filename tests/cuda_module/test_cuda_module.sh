#!/usr/bin/env bash
# The program loads the CUDA backend only when a CUDA device is requested. If that is impossible,
# one line says what is missing. Uses an installed lyrnn whose module is replaced.
#     test_cuda_module.sh BUILD_DIRECTORY CMAKE STAND_INS BUILT_WITH_CUDA SANITIZERS
set -euo pipefail
build=$1 cmake=$2 stand_ins=$3 with_cuda=$4 sanitizers=$5
. "$(dirname "${BASH_SOURCE[0]}")/../cli/lib.sh" "$build/lyrnn"
export OMP_NUM_THREADS=1
write_corpus
prefix=$scratch/prefix
"$cmake" --install "$build" --prefix "$prefix" >"$out"
lyrnn=$prefix/bin/lyrnn
library=$(find "$prefix" -name liblyrnn.a)
modules=${library%/*}/lyrnn
module=$modules/liblyrnn_cuda.so
mkdir -p "$modules"
train=(train corpus.txt "${tiny[@]}" --num-epochs 1 --device)

# A file that is not a library hides the driver of a machine that has one.
mkdir no_driver
: >no_driver/libcuda.so.1
paths=${LD_LIBRARY_PATH-}
with_driver() {
    export LD_LIBRARY_PATH=$1${paths:+:$paths}
}

# falls_back REASON: --device auto uses the CPU and prints the reason.
falls_back() {
    succeeds "${train[@]}" auto --out auto --overwrite
    grep -q '^device: cpu (' "$err" || fail "auto must take the CPU"
    grep -qE "^device: no CUDA: $1" "$err" || fail "it must print the reason: $1"
}

with_driver "$stand_ins/driver"
if ((with_cuda)); then
    [[ -s $module ]] || fail "the module must be installed"
    ! grep -qE 'NEEDED.*(cuda|cublas)' < <(readelf -d "$lyrnn") ||
        fail "the program must not be linked to CUDA"
    [[ $(nm -D --defined-only "$module" | grep -c .) == 1 ]] ||
        fail "the module must export one name"
    # CUDA itself reports that such a driver does not work.
    refuses 1 'cuda: (there is no NVIDIA driver here|no usable device \(.+\)); use --device cpu$' \
        "${train[@]}" cuda --out none
fi

# Training on the CPU must not load CUDA libraries, however lyrnn was built. Sanitizers load more
# libraries.
if [[ -z $sanitizers ]]; then
    succeeds bench --device cpu --hidden-size 16 --batch-size 2 --num-steps 5 --threads 1 \
        --steps 5 \
        --repetitions 1 --format json
    bytes=$(sed -nE 's/.*"peak_bytes": ([0-9]+).*/\1/p' "$out")
    ((bytes > 0 && bytes < 64 << 20)) || fail "64 MiB must be enough, not ${bytes:-?} bytes"
fi

# The driver is looked for first, and the module only if there is one.
rm -f "$module"
with_driver "$PWD/no_driver"
refuses 1 'cuda: there is no NVIDIA driver here; use --device cpu$' "${train[@]}" cuda --out none
falls_back 'there is no NVIDIA driver here'
with_driver "$stand_ins/driver"
refuses 1 \
    'cuda: liblyrnn_cuda\.so cannot be loaded \(liblyrnn_cuda\.so: .*\); install .* use --device cpu$' \
    "${train[@]}" cuda --out none
falls_back 'liblyrnn_cuda\.so cannot be loaded \('
# The module of the current directory is no lyrnn's, whatever LD_LIBRARY_PATH says.
cp "$stand_ins/module/liblyrnn_cuda.so" .
for here in : :.; do
    LD_LIBRARY_PATH=$LD_LIBRARY_PATH$here refuses 1 \
        'cuda: liblyrnn_cuda\.so cannot be loaded \(' "${train[@]}" cuda --out none
done
rm liblyrnn_cuda.so
cp "$stand_ins/driver/libcuda.so.1" "$module"
refuses 1 \
    'cuda: liblyrnn_cuda\.so is of version unknown and this program of [0-9.]+-[0-9a-f]+; install ' \
    "${train[@]}" cuda --out none
# So is a file that breaks off.
for bytes in 0 40 64 100 600; do
    head -c "$bytes" "$stand_ins/module/liblyrnn_cuda.so" >"$module"
    refuses 1 'cuda: liblyrnn_cuda\.so is of version unknown and ' "${train[@]}" cuda --out none
done
# A module of another version would announce that its code runs.
cp "$stand_ins/other/liblyrnn_cuda.so" "$module"
refuses 1 \
    'cuda: liblyrnn_cuda\.so is of version 0\.0\.9-other and this program of [0-9.]+-[0-9a-f]+; install ' \
    "${train[@]}" cuda --out none
falls_back 'liblyrnn_cuda\.so is of version 0\.0\.9-other'

# A module that matches the program is used, and the program reports its errors.
cp "$stand_ins/module/liblyrnn_cuda.so" "$module"
succeeds info
grep -q '^device *cuda: the stand-in$' "$out" || fail "info must describe the device"
refuses 1 'cuda:1: the stand-in has no such device; use another$' "${train[@]}" cuda:1 --out none
run "${train[@]}" cuda --out none
expect_error 1 'device memory: [0-9]+ bytes requested, 0 free.*; lower --'
ulimit -c 0
# Here bash reports the killed process.
run "${train[@]}" cuda:2 --out none 2>/dev/null
[[ $status -gt 128 ]] || fail "a broken lyrnn must abort"
grep -q '^lyrnn: .*stand_in\.c:[0-9]*: check failed: device != 2; ' "$err" ||
    fail "the error must name the place in the code"
