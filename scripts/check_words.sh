#!/usr/bin/env bash
# Checks how lyrnn reads: reports each phrase that scripts/words.txt lists, and each line of code or
# comment that is wider than 100 columns. Markdown and lines of data may be wider.
# Usage: check_words.sh [--summary] [FILE...]. Without FILE it reads all tracked files that people
# read. It skips a FILE of another kind, such as a picture. --summary prints the hits per folder.
# Exit status: 0 nothing found, 1 something found, 2 usage or a bad list, 77 no perl or no git.
set -euo pipefail
scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

# read_by_people: passes on those names from standard input (each ended by NUL) that people read.
read_by_people() {
    local name
    while IFS= read -r -d '' name; do
        case $name in
        *golden/* | *seeds/* | *host/data/*) ;;
        *.[ch] | *.cu | *.cuh | *.cpp | *.cmake | *CMakeLists.txt) printf '%s\0' "$name" ;;
        *.sh | *.py | *.pl | *.awk | *.md | *.ci/run | *scripts/hooks/*) printf '%s\0' "$name" ;;
        esac
    done
}

summary=
if [[ ${1-} == --summary ]]; then
    summary=--summary
    shift
fi
if [[ ${1-} == -* ]]; then
    echo 'usage: check_words.sh [--summary] [FILE...]' >&2
    exit 2
fi
if ! command -v perl >/dev/null; then
    echo 'check_words: skipped: no perl here'
    exit 77
fi
if (($# == 0)); then
    cd "$scripts/.."
    git rev-parse HEAD >/dev/null 2>&1 || {
        echo 'check_words: skipped: no git checkout here; name the files'
        exit 77
    }
fi
if (($# > 0)); then
    printf '%s\0' "$@"
else
    git ls-files -z
fi | read_by_people | perl "$scripts/check_words.pl" $summary "$scripts/words.txt"
