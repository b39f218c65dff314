#!/usr/bin/env bash
# Paths in any bytes: JSON, which must be UTF-8, has all its members, and a run finds its text.
set -euo pipefail
. "$(dirname "$0")/lib.sh" "$1"
write_corpus
text=$'\xe9/100%-lied.txt' run_path=$'r\xe9n'
mkdir $'\xe9' && mv corpus.txt "$text"
succeeds train "$text" "${tiny[@]}" --num-epochs 1 --out "$run_path"

# check_json whole|lines KEY=END...: standard output is JSON, or a JSON object per line, with these
# members, "files.0.file". Each ends in END, where ? is U+FFFD.
check_json() {
    command="$command, read as JSON"
    python3 - "$out" "$@" <<'PYTHON' || fail "JSON must hold this"
import json, sys

text = open(sys.argv[1], encoding="utf-8").read()
objects = [json.loads(part) for part in ([text] if sys.argv[2] == "whole" else text.splitlines())]
assert objects
for value in objects:
    for expected in sys.argv[3:]:
        keys, _, end = expected.partition("=")
        found = value
        for key in keys.split("."):
            found = found[int(key) if key.isdigit() else key]
        assert found.endswith(end.replace("?", "\N{REPLACEMENT CHARACTER}")), (keys, found)
PYTHON
}

cp "$run_path/config.json" "$out"
check_json whole corpus.0=/%E9/100%25-lied.txt 'out=r?n' corpus_xxh128=
succeeds eval "$run_path" "$text" --json
check_json whole 'model=r?n/latest/model.safetensors' 'files.0.file=?/100%-lied.txt'
succeeds eval "$run_path" "$text" --json --per-line
check_json lines 'file=?/100%-lied.txt' text=
succeeds info "$run_path" --json
check_json whole 'model=r?n/latest/model.safetensors' 'run=r?n' corpus.0=/%E9/100%25-lied.txt
for format in json jsonl; do
    succeeds generate "$run_path" --prefix 分 --max-copy 3 --format $format
done
succeeds generate "$run_path" --prefix-file "$text" --max-copy 3 --corpus "$text" --format json
check_json whole 'model=r?n/latest/model.safetensors' 'options.prefix_file=?/100%-lied.txt' \
    'options.corpus.0=?/100%-lied.txt' samples.0.text=
succeeds train --resume "$run_path" --num-epochs 2
[[ $(wc -l <"$run_path/metrics.jsonl") == 2 ]] || fail "the run must continue"
cp "$run_path/config.json" "$out"
check_json whole corpus.0=/%E9/100%25-lied.txt

# A run that begins with another one's model records the texts of both.
sed 's/分开/风光/' "$text" >$'\xff.txt'
for ((epochs = 1; epochs <= 3; epochs++)); do
    start=($'\xff.txt' --init "$run_path" --out $'tun\xe9' "${tiny[@]:2}")
    [[ $epochs == 1 ]] || start=(--resume $'tun\xe9')
    succeeds train "${start[@]}" --num-epochs $epochs
    cp $'tun\xe9/config.json' "$out"
    check_json whole corpus.0=/%FF.txt learned.0.corpus.0=/%E9/100%25-lied.txt
    succeeds generate $'tun\xe9' --prefix 月 --max-copy 3 --format json
    [[ ! -s $err ]] || fail "both texts must be found"
done
