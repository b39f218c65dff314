#!/usr/bin/env bash
# test.sh [--deps DIR]: runs every test that this machine can run. It works on a bare Debian or
# Ubuntu machine: it installs the missing packages (or uses the bundle DIR, see bundle_deps.sh). It
# checks format and words, lints the sources, checks the kernels and their machine code, runs the
# test suite in a gcc build, a clang build and a gcc build with ASan and UBSan, and fuzzes the
# parsers. Before the last line it prints the seconds that each part took. The last line is "N
# passed, N failed, N skipped". The exit status is 1 if anything failed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/common.sh
source scripts/lint.sh
source scripts/checks.sh
source scripts/kernels.sh

check_kernels() {
    echo '== kernels'
    if ! find_nvcc >/dev/null; then
        report skipped 'kernels: no nvcc'
    elif scripts/kernel_report.sh; then
        report passed 'kernels: no warnings, no spills and no local memory'
    else
        report failed 'kernels: a warning, a spill or local memory; see above'
    fi
}

check_machine_code() {
    local status=0
    scripts/sass_lint.sh >build/sass_lint.log 2>&1 || status=$?
    cat build/sass_lint.log
    case $status in
    0) report passed 'machine code: no new fp64, fences, divisions or instructions in loops' ;;
    77) report skipped "machine code: $(tail -n 1 build/sass_lint.log)" ;;
    *) report failed 'machine code: see above' ;;
    esac
}

parse_options "$@"
set_up "${build_packages[@]}" "${test_packages[@]}"
mkdir -p build
[[ -n $deps ]] || {
    install_ruff
    install_disassemblers
}

part format check_format
part words check_words
part lint lint_all
part kernels check_kernels
part 'machine code' check_machine_code

export UBSAN_OPTIONS=print_stacktrace=1

# A test labeled gpu skips itself if there is no GPU, and counts as skipped. Only the first build
# has these tests and uses nvcc. Slow tests check the numbers and not the compiler, so they only run
# in the fastest build. The simulator's tests run in both gcc builds: one has the simulator's hooks,
# the other ASan. clang only builds them. clang's build also goes without the optional libraries.
gcc=(-DCMAKE_C_COMPILER=gcc -DCMAKE_CXX_COMPILER=g++)
clang=(-DCMAKE_C_COMPILER=clang -DCMAKE_CXX_COMPILER=clang++)
part gcc suite gcc build/test-gcc '' -DCMAKE_BUILD_TYPE=Release -DLYRNN_WERROR=ON "${gcc[@]}"
if command -v clang >/dev/null; then
    part clang suite clang build/test-clang '-LE slow|sim|ptx' -DCMAKE_BUILD_TYPE=Release \
        -DLYRNN_WERROR=ON -DLYRNN_CUDA=OFF -DLYRNN_LIBARCHIVE=OFF -DLYRNN_OPENCC=OFF \
        -DLYRNN_MPI=OFF "${clang[@]}"
else
    report skipped 'clang: not installed'
fi
part ASan suite 'gcc, ASan and UBSan' build/test-asan '-LE slow' -DCMAKE_BUILD_TYPE=RelWithDebInfo \
    -DLYRNN_SANITIZE=address,undefined -DLYRNN_CUDA=OFF "${gcc[@]}"
if can_fuzz; then
    # All fuzzers run in parallel, because each takes one minute by the clock.
    part fuzzers suite fuzzers build/fuzz '--parallel 8' "${fuzz_configuration[@]}"
else
    report skipped 'fuzzers: no clang with libFuzzer'
fi

print_verdict
