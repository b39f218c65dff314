# The checks that check.sh and test.sh share. Those scripts source this file from the repository
# root, after common.sh and lint.sh. Each function reports its verdicts with `report`.
# shellcheck shell=bash disable=SC2154

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

# Checks the words and the width of all lines (words.txt).
check_words() {
    local status=0
    scripts/check_words.sh >build/words.log || status=$?
    case $status in
    0) report passed 'words and width of lines' ;;
    77) report skipped "$(<build/words.log)" ;;
    *)
        head -n 20 build/words.log
        report failed 'words and width of lines; see build/words.log'
        ;;
    esac
}

# suite NAME DIRECTORY CTEST_ARGUMENTS CMAKE_ARGUMENT...: builds, runs the tests and counts them.
suite() {
    local name=$1 directory=$2 ctest_arguments=$3 junit=$PWD/$2/junit.xml
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
}

parts=()

# part NAME COMMAND...: runs COMMAND as a part of the whole check and notes how long it takes.
part() {
    local name=$1 start=$SECONDS
    shift
    "$@"
    parts+=("$name $((SECONDS - start))")
}

# print_verdict: prints the seconds of each part and then the counts. Fails if a check failed.
print_verdict() {
    local IFS=,
    echo "seconds:${parts[*]/#/ }"
    echo "$passed passed, $failed failed, $skipped skipped"
    ((failed == 0))
}
