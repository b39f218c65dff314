#!/usr/bin/env bash
# test.sh [--deps DIR]: runs every test that this machine can run. It works on a bare Debian or
# Ubuntu machine: it installs the missing packages (or uses the bundle DIR, see bundle_deps.sh). It
# checks the format, lints the sources, checks the kernels, runs the test suite in a gcc build, a
# clang build and a gcc build with ASan and UBSan, and fuzzes the parsers. The last line is "N
# passed, N failed, N skipped". The exit status is 1 if anything failed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/common.sh
source scripts/lint.sh

# Only this version decides, because other versions format the same style slightly differently.
clang_format_version=14

check_format() {
    local program version files
    program=$(command -v "clang-format-$clang_format_version" || command -v clang-format) || {
        report skipped 'clang-format: not installed'
        return
    }
    version=$("$program" --version | sed -E 's/.*version ([0-9]+).*/\1/')
    mapfile -t files < <(
        find include host cuda tests -name '*.[ch]' -o -name '*.cu*' 2>/dev/null)
    if "$program" --dry-run -Werror "${files[@]}" 2>build/format.log; then
        report passed "clang-format $version"
    elif ((version != clang_format_version)); then
        report skipped "clang-format $version: finds differences; install $clang_format_version"
    else
        head -n 20 build/format.log
        report failed "clang-format $version"
    fi
}

check_kernels() {
    echo '== kernels'
    if ! find_nvcc >/dev/null; then
        report skipped 'kernels: no nvcc'
    elif scripts/kernel_report.sh; then
        report passed 'kernels: no warnings and no spills'
    else
        report failed 'kernels: a warning or a spill; see above'
    fi
}

# suite NAME DIRECTORY CTEST_ARGUMENTS CMAKE_ARGUMENT...: builds, runs the tests and counts them.
suite() {
    local name=$1 directory=$2 ctest_arguments=$3 start=$SECONDS junit=$PWD/$2/junit.xml
    shift 3
    echo "== $name"
    build "$directory" "$@" || {
        report failed "$name: the build failed; see $directory/build.log"
        return
    }
    rm -f "$junit"
    # shellcheck disable=SC2086 # several words, split on purpose
    ctest --test-dir "$directory" --parallel "$(nproc)" --output-on-failure --no-tests=error \
        --output-junit "$junit" $ctest_arguments || true
    [[ -s $junit ]] || {
        report failed "$name: ctest ran no test"
        return
    }
    count_tests "$junit"
    passed=$((passed + tests_ok))
    skipped=$((skipped + tests_not_run))
    failed=$((failed + tests_total - tests_ok - tests_not_run))
    echo "$name: $((SECONDS - start)) s"
}

parse_options "$@"
set_up "${build_packages[@]}" "${test_packages[@]}"
mkdir -p build
[[ -n $deps ]] || install_ruff

check_format
lint_shell
lint_python
lint_c
check_kernels

export UBSAN_OPTIONS=print_stacktrace=1

# A test labeled gpu skips itself if there is no GPU, and counts as skipped. Only the first build
# has these tests and uses nvcc. Slow tests check the numbers and not the compiler, so they only run
# in the fastest build. The simulator's tests run in both gcc builds: one has the simulator's hooks,
# the other ASan. clang only builds them.
gcc=(-DCMAKE_C_COMPILER=gcc -DCMAKE_CXX_COMPILER=g++)
clang=(-DCMAKE_C_COMPILER=clang -DCMAKE_CXX_COMPILER=clang++)
suite gcc build/test-gcc '' -DCMAKE_BUILD_TYPE=Release -DLYRNN_WERROR=ON "${gcc[@]}"
if command -v clang >/dev/null; then
    suite clang build/test-clang '-LE slow|sim' -DCMAKE_BUILD_TYPE=Release -DLYRNN_WERROR=ON \
        -DLYRNN_CUDA=OFF "${clang[@]}"
else
    report skipped 'clang: not installed'
fi
suite 'gcc, ASan and UBSan' build/test-asan '-LE slow' -DCMAKE_BUILD_TYPE=RelWithDebInfo \
    -DLYRNN_SANITIZE=address,undefined -DLYRNN_CUDA=OFF "${gcc[@]}"
if can_fuzz; then
    # All fuzzers run in parallel, because each takes one minute by the clock.
    suite fuzzers build/fuzz '--parallel 5' "${fuzz_configuration[@]}"
else
    report skipped 'fuzzers: no clang with libFuzzer'
fi

echo "$passed passed, $failed failed, $skipped skipped"
((failed == 0))
