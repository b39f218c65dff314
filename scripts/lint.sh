#!/usr/bin/env bash
# Lints the sources: shell scripts with shellcheck, Python with ruff, C and C++ with clang-tidy.
# Usage: lint.sh [--changed]. --changed limits clang-tidy to sources that differ from main or that
# include a file that does. Each tool gets one verdict. A tool that is not installed is skipped.
# Exit status: 0 nothing failed, 1 something failed, 2 usage.
# check.sh and test.sh source this file and call its functions.
set -euo pipefail

# Only this version decides, because other versions have different checks.
clang_tidy_version=14

# These rules find mistakes; layout is not checked. Three rules are off. E501: check_words.sh checks
# the width. B007: it misses that an exception handler uses the variable. PLW2901: it forbids a loop
# to replace its variable by a converted value.
ruff_options=(--isolated --no-cache --target-version py310
    --select 'E,F,W,B,UP,SIM,C4,PIE,PLE,PLW' --ignore 'E501,B007,PLW2901')

lint_shell() {
    local scripts
    mapfile -t scripts < <(find scripts tests .ci -type f \
        \( -name '*.sh' -o -name '*.sbatch' -o -path .ci/run -o -path '*/hooks/*' ! -name '*.*' \))
    if ! command -v shellcheck >/dev/null; then
        report skipped 'shellcheck: not installed'
        if printf '%s\0' "${scripts[@]}" | xargs -0 -n 1 bash -n; then
            report passed 'bash -n'
        else
            report failed 'bash -n'
        fi
    elif printf '%s\0' "${scripts[@]}" |
        xargs -0 -P "$(nproc)" -n 8 shellcheck --external-sources --source-path=SCRIPTDIR; then
        report passed shellcheck
    else
        report failed shellcheck
    fi
}

lint_python() {
    local ruff
    if ! ruff=$(find_ruff); then
        report skipped 'ruff: not installed'
    elif "$ruff" check "${ruff_options[@]}" scripts tests; then
        report passed ruff
    else
        report failed ruff
    fi
}

# list_units: prints "FILE<tab>COMMAND" once for each C or C++ source that CMake compiles. It leaves
# out generated sources.
list_units() {
    sed -nE 's/^ *"(command|file)": "(.*)",?$/\2/p' build/lint/compile_commands.json |
        sed 's/\\\(["\\]\)/\1/g' |
        awk -v generated="$PWD/build/" 'NR % 2 { command = $0; next }
            !/\.cu$/ && index($0, generated) != 1 && !seen[$0]++ { print $0 "\t" command }'
}

# tidy_unit UNIT: runs clang-tidy on a line of list_units. It skips a unit that was clean before if
# nothing has changed since: clang-tidy, the checks, the command, and the contents of the source and
# all its headers.
tidy_unit() {
    local file=${1%%$'\t'*} command=${1#*$'\t'} words read key found clean
    eval "words=(${command% -o *})"
    read=$("${words[@]}" -M -MT unit "$file") || return 1
    read=$(sed 's/^unit://; s/\\$//' <<<"$read" | xargs realpath)
    [[ -z $changed ]] || grep -qxFf "$changed" <<<"$read" || return 0
    key=$({ echo "$tidy_key $1" && xargs cat <<<"$read"; } | sha256sum)
    clean=build/lint/clean/${file//\//%}
    [[ ! -f $clean || $(<"$clean") != "$key" ]] || return 0
    if found=$("$tidy" --quiet "$file" -- "${words[@]:1}" 2>&1); then
        echo "$key" >"$clean"
    else
        sed '/warnings\{0,1\} generated\.$/d' <<<"$found"
        return 1
    fi
}

# list_changed: prints the files that differ from the merge base with main, and the untracked files.
list_changed() {
    local main base
    for main in origin/main main; do
        if base=$(git merge-base HEAD "$main" 2>/dev/null); then
            { git diff --name-only "$base" && git ls-files --others --exclude-standard; } |
                sed "s|^|$PWD/|"
            return
        fi
    done
    return 1
}

# lint_c [--changed]: lints C and C++, with the compile commands of a build folder of its own.
lint_c() {
    local units version what
    tidy=$(command -v "clang-tidy-$clang_tidy_version" || command -v clang-tidy) || {
        report skipped 'clang-tidy: not installed'
        return
    }
    version=$("$tidy" --version | sed -nE 's/.*version ([0-9]+).*/\1/p')
    what="clang-tidy $version"
    if ! configure build/lint -DLYRNN_CUDA=OFF ||
        ! cmake --build build/lint --target lyrnn_commit >build/lint/build.log 2>&1; then
        report failed "$what: no compile_commands.json, see build/lint/build.log"
        return
    fi
    mkdir -p build/lint/clean
    changed=
    if [[ ${1-} == --changed ]] && list_changed >build/lint/changed; then
        changed=build/lint/changed
        what+=', changed files'
    fi
    tidy_key=$("$tidy" --version && find .clang-tidy tests -name .clang-tidy -exec cat {} +)
    mapfile -t units < <(list_units)
    export tidy tidy_key changed
    export -f tidy_unit
    # shellcheck disable=SC2016 # for the inner shell
    if ((${#units[@]} > 0)) && printf '%s\0' "${units[@]}" |
        xargs -0 -P "$(nproc)" -n 1 bash -c 'tidy_unit "$0"'; then
        report passed "$what"
    elif ((version != clang_tidy_version)); then
        report skipped "$what finds something; only $clang_tidy_version's verdict counts"
    else
        report failed "$what"
    fi
}

# lint_all [--changed]: all three tools.
lint_all() {
    lint_shell
    lint_python
    lint_c "$@"
}

# The rest runs only if this file is the program, not if another script sources it.
if [[ ${BASH_SOURCE[0]} == "$0" ]]; then
    if (($# > 1)) || [[ ${1---changed} != --changed ]]; then
        echo 'usage: lint.sh [--changed]' >&2
        exit 2
    fi
    cd -P "$(dirname "$0")/.."
    source scripts/common.sh
    prefer_openmp_openblas
    lint_all "$@"
    ((failed == 0))
fi
