#!/usr/bin/env bash
# lint.sh finds planted mistakes in a small project: in a shell script, a source, a header and, with
# ruff, in Python. clang-tidy reads a clean source again only if something has changed that it
# depends on, and never a generated one.
# shellcheck disable=SC2016 # the planted scripts expand what is in single quotes
set -euo pipefail
root=$(realpath "$(dirname "${BASH_SOURCE[0]}")/../..")
tidy=$(command -v clang-tidy-14 || command -v clang-tidy || true)
if [[ -z $tidy ]] || ! command -v shellcheck >/dev/null ||
    [[ $("$tidy" --version) != *' version 14.'* ]]; then
    echo 'skipped: no clang-tidy 14 or no shellcheck'
    exit 77
fi
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"
mkdir -p scripts tests .ci host build
cp "$root/scripts/lint.sh" "$root/scripts/common.sh" scripts
cp "$root/.clang-tidy" .
[[ ! -e $root/build/venv ]] || ln -s "$root/build/venv" build/venv # perhaps with ruff
echo '#!/usr/bin/env bash' >.ci/run
cat >CMakeLists.txt <<'CMAKE'
cmake_minimum_required(VERSION 3.24)
project(planted LANGUAGES C)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
file(WRITE ${CMAKE_BINARY_DIR}/generated.c "int generated(int *p) { return p ? 0 : *p; }\n")
add_library(planted STATIC host/one.c host/two.c ${CMAKE_BINARY_DIR}/generated.c)
add_custom_target(lyrnn_commit)
CMAKE

write_clean() {
    printf '#!/usr/bin/env bash\necho "$1"\n' >tests/some.sh
    echo 'print("some")' >scripts/some.py
    echo 'int one(int n);' >host/one.h
    printf '#include "one.h"\nint one(int n) { return n + 1; }\n' >host/one.c
    printf 'int two(void);\nint two(void) { return 2; }\n' >host/two.c
}

fail() {
    echo "FAILED: $*"
    cat out
    exit 1
}

# lint STATUS LINE READ: lint.sh must end with this status, print a line that begins with LINE, and
# have found these sources clean, for which clang-tidy had to read them.
lint() {
    local status=0 read
    touch before
    scripts/lint.sh >out 2>&1 || status=$?
    [[ $status == "$1" ]] || fail "status $status instead of $1"
    grep -q "^$2" out || fail "no line: $2"
    read=$(find build/lint/clean -type f -newer before | sed 's/.*%//' | sort | paste -sd ' ')
    [[ $read == "$3" ]] || fail "clang-tidy found clean: '$read' instead of '$3'"
}

# plant FILE LINE VERDICT: FILE ends with this mistake, which lint.sh must report.
plant() {
    write_clean
    echo "$2" >>"$1"
    lint 1 "failed: $3" ''
    write_clean
}

write_clean
lint 0 'passed: clang-tidy 14' 'one.c two.c'
lint 0 'passed: clang-tidy 14' ''
plant tests/some.sh 'echo $1' shellcheck
plant host/two.c 'int deref(int *p) { return p ? 0 : *p; }' clang-tidy
plant host/one.h 'static inline int sign(int n) { if (n < 0) return -1; else return 1; }' clang-tidy
! grep -q '^passed: ruff' out || plant scripts/some.py 'import os' ruff

# What was clean before stays so. A change of a header, a command or the checks has it read again.
lint 0 'passed: clang-tidy 14' ''
echo '/* Changed. */' >>host/one.h
lint 0 'passed: clang-tidy 14' one.c
sed -i '/^add_library/a set_source_files_properties(host/two.c PROPERTIES COMPILE_OPTIONS -DX)' \
    CMakeLists.txt
lint 0 'passed: clang-tidy 14' two.c
echo '# Changed.' >>.clang-tidy
lint 0 'passed: clang-tidy 14' 'one.c two.c'
