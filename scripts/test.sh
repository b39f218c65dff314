#!/usr/bin/env bash
# Every test that this machine can run, on a bare Debian or Ubuntu machine too: installs what is
# missing (or takes it from a bundle: --deps DIR), checks the formatting and the kernels, runs the suite
# as built by gcc, by clang, and with gcc's ASan and UBSan, and fuzzes the parsers. The last line is
# "N passed, N failed, N skipped"; the status is 1 when anything failed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/common.sh

# The version whose verdict counts: others lay the same style out a little differently.
clang_format_version=14

passed=0 failed=0 skipped=0

# report passed|failed|skipped WHAT: counts and prints one check.
report() {
    printf '%s: %s\n' "$1" "$2"
    declare -g "$1=$(($1 + 1))"
}

check_scripts() {
    local script
    for script in scripts/*.sh tests/*/*.sh .ci/run; do
        [[ ! -f $script ]] || bash -n "$script" || return
    done
}

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
        report skipped "clang-format $version finds differences; only $clang_format_version's count"
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
        report passed 'kernels: no warning, no spill'
    else
        report failed 'kernels: a warning or a spill, see above'
    fi
}

# suite NAME DIRECTORY CTEST_ARGUMENTS CMAKE_ARGUMENT...: builds, runs and counts.
suite() {
    local name=$1 directory=$2 ctest_arguments=$3 start=$SECONDS junit=$PWD/$2/junit.xml
    shift 3
    echo "== $name"
    build "$directory" "$@" || {
        report failed "$name: the build, see $directory/build.log"
        return
    }
    rm -f "$junit"
    # shellcheck disable=SC2086 # words on purpose
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

if check_scripts; then
    report passed 'bash -n'
else
    report failed 'bash -n'
fi
check_format
check_kernels

export UBSAN_OPTIONS=print_stacktrace=1

# Tests labelled gpu skip themselves where there is no GPU, and are counted so. They, and nvcc, belong to the first
# build. Slow tests run once, in the fastest build: they look at the numbers, not at the compiler. The simulator runs
# as gcc builds it, with its hooks and under ASan; clang builds it all the same.
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
    # All at once: a turn is a minute by the clock.
    suite fuzzers build/fuzz '--parallel 5' "${fuzz_configuration[@]}"
else
    report skipped 'fuzzers: no clang with libFuzzer'
fi

echo "$passed passed, $failed failed, $skipped skipped"
((failed == 0))
