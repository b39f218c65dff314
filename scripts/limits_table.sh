#!/usr/bin/env bash
# limits_table.sh [--check] PROGRAM: writes the table of limits in cuda/README.md, between its two
# marker lines. PROGRAM prints the rows: tests/cards/limits_table in the build folder. --check
# writes nothing, and fails if the page has another table.
set -euo pipefail
check=
if [[ ${1-} == --check ]]; then
    check=1
    shift
fi
if (($# != 1)) || [[ ! -f $1 || ! -x $1 ]]; then
    echo "usage: ${0##*/} [--check] BUILD/tests/cards/limits_table" >&2
    exit 2
fi
program=$(realpath -- "$1")
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/common.sh

page=cuda/README.md
begin='<!-- limits: written by scripts/limits_table.sh -->'
end='<!-- end of limits -->'
new=$(mktemp)
trap 'rm -f "$new" "$new.table"' EXIT
{
    echo '| card | compute capability | multiprocessors | resident: rnn, lstm, gru | one block: rnn, lstm, gru | over the grid: rnn, lstm, gru | A B C D E F |'
    echo '|---|---|---|---|---|---|---|'
    "$program" || fail "$program: failed; see above"
} >"$new.table"
awk -v begin="$begin" -v end="$end" -v table="$new.table" '
    $0 == end { inside = 0; found++ }
    !inside
    $0 == begin {
        inside = 1; found++
        print ""
        while ((getline line < table) > 0) print line
        print ""
    }
    END { exit found != 2 || inside }' "$page" >"$new" ||
    fail "$page: no line '$begin' followed by '$end'; add both"
if cmp -s "$page" "$new"; then
    exit 0
elif [[ -n $check ]]; then
    diff "$page" "$new" || true
    fail "$page: the table of limits differs; run scripts/limits_table.sh PROGRAM"
fi
cat "$new" >"$page"
