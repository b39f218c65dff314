#!/usr/bin/env bash
# Tests of scripts/check_words.sh: it reports what is planted, and nothing in a file that is fine.
# The planted phrases are put together here, so that the check finds none in this file.
set -euo pipefail
check=$(cd "$(dirname "$0")/../.." && pwd)/scripts/check_words.sh
command -v perl >/dev/null || {
    echo 'skipped: no perl here'
    exit 77
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

fail() {
    echo "FAILED: $*"
    [[ ! -f out ]] || sed 's/^/    /' out
    exit 1
}

# expect STATUS OUTPUT ARGUMENT...: runs the check and compares its exit status and its output.
expect() {
    local status=0
    "$check" "${@:3}" >out 2>&1 || status=$?
    ((status == $1)) || fail "${*:3}: exit status $status, not $1"
    [[ $(<out) == "$2" ]] || fail "${*:3}: printed this, not '$2'"
}

# line N: a comment of C that is N columns wide.
line() {
    printf '/* %*s */\n' "$(($1 - 6))" '' | sed 's/   / to/g'
}

per_file='row a'
per_file+=' file'
advice='write "X per Y" instead'
echo "/* Prints a $per_file. */" >row.c
expect 1 "row.c:1: \"$per_file\": $advice" row.c
printf 'int x;\n/* Prints a %s\n * %s. */\n' "${per_file% *}" "${per_file##* }" >break.c
expect 1 "break.c:2: \"$per_file\": $advice" break.c
echo "# Prints a $per_file." >script.sh
expect 1 "script.sh:1: \"$per_file\": $advice" script.sh
british=learn
british+=t
echo "${british^} from texts." >page.md
expect 1 "page.md:1: \"${british^}\": write \"learned\" instead" page.md
superlative=l
superlative+=east
printf 'It has\nat %s two, the %s.\n' $superlative $superlative >two.md
expect 1 "two.md:2: \"$superlative\": write \"smallest, minimum\" instead" two.md

line 101 >wide.c
expect 1 'wide.c:1: 101 columns: break the line, 100 fit' wide.c
# Columns, not bytes: a Chinese character has three bytes and takes two columns.
printf '/* %s */\n' "$(printf '分%.0s' {1..46})" >fits.c
expect 0 '' fits.c
printf '/* %s %s */\n' "$(printf '分%.0s' {1..24})" "$(printf '开%.0s' {1..24})" >chinese.c
expect 1 'chinese.c:1: 103 columns: break the line, 100 fit' chinese.c

# Code's own names, Markdown's width, lines of data, and files that nobody reads.
line 100 >clean.c
echo "int $british = 1; /* at $superlative one */" >>clean.c
printf 'const char *s = "at "\n    "%s two";\n' $superlative >>clean.c
line 101 >wide.md
printf 'expect "%s"\n' "$(printf 'ab %.0s' {1..40})" >data.sh
mkdir golden
echo "$british" | tee golden/text.py >picture.png
expect 0 '' clean.c wide.md data.sh golden/text.py picture.png

expect 1 '    2 .
    2 in all' --summary wide.c row.c clean.c
expect 2 'usage: check_words.sh [--summary] [FILE...]' --no-such-option
# Without FILE it reads the repository.
if git -C "${check%/*}" rev-parse HEAD >/dev/null 2>&1; then
    "$check" --summary >out || [[ $(tail -n 1 out) == *' in all' ]] || fail 'the whole repository'
fi
