#!/usr/bin/env bash
# The man pages are valid roff: man renders each without a warning, including the Chinese
# characters.
set -euo pipefail
. "$(dirname "$0")/lib.sh" "$1"
pages=$(dirname "$lyrnn")/share/man/man1
if ! command -v man >/dev/null || ! command -v groff >/dev/null; then
    echo 'SKIPPED: man (package man-db) is not installed'
    exit 77
fi

# warnings_of PAGE: prints man's warnings, and writes the rendered page to $out.
render() {
    command="man -l $1"
    MANWIDTH=100 man --warnings=w -l "$1" >"$out" 2>"$err" || fail "$1 must render"
}

for page in "$pages"/lyrnn*.1; do
    render "$page"
    [[ ! -s $err ]] || fail "$page must render without a warning"
    (($(wc -l <"$out") > 30)) || fail "$page must not be empty"
done
render "$pages/lyrnn-train.1"
grep -q 'The default is 分开, 不分开\.' "$out" || fail "Chinese characters must be rendered"
for line in '       --cell=rnn_tanh|rnn_relu|lstm|gru' 'EXAMPLES' '   Model' \
    '       lyrnn train --prefix 月光 --out runs/mine my_lyrics.txt'; do
    grep -qxF -e "$line" "$out" || fail "the page must have the line: $line"
done
# The test must notice a warning.
(cat "$pages/lyrnn-train.1" && echo '.unknown_request') >bad.1
render bad.1
[[ -s $err ]] || fail "an unknown request must be warned of"
