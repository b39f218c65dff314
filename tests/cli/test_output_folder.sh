#!/usr/bin/env bash
# Where a run may be written, and what must not be changed.
set -euo pipefail
. "$(dirname "$0")/lib.sh" "$1"
write_corpus
train=(train corpus.txt "${tiny[@]}" --num-epochs 1)

succeeds "${train[@]}" --out run
refuses 1 'run: .*--overwrite' "${train[@]}" --out run
mkdir empty
refuses 1 'empty: .*--overwrite' "${train[@]}" --out empty
succeeds "${train[@]}" --out empty --overwrite
touch file
refuses 1 'file' "${train[@]}" --out file
refuses 1 'file' "${train[@]}" --out file --overwrite
refuses 1 'file: ' "${train[@]}" --out file/run
if ((EUID != 0)); then # root may write everywhere
    mkdir -m 555 locked
    refuses 1 'locked: .*Permission denied' "${train[@]}" --out locked/run
fi
# Only the attempt shows that nothing can be created here, so the plan comes before the error.
run "${train[@]}" --out /proc/run
expect_error 1 '/proc(/run)?: cannot '
[[ ! -s $out ]] || fail "standard output must be empty"

mkdir songs
echo 'my own' >songs/keep.txt
refuses 1 'songs: ' "${train[@]}" --out songs
refuses 1 'songs: ' "${train[@]}" --out songs --overwrite

succeeds "${train[@]}" --out run --overwrite --hidden-size 8
grep -q '"hidden_size": 8' run/config.json || fail "--overwrite must replace the run"
succeeds "${train[@]}" --out deep/er/run
[[ -s $(model_of deep/er/run) ]] || fail "missing folders must be made"

# Two runs within one second.
succeeds "${train[@]}"
succeeds "${train[@]}"
[[ $(find runs -mindepth 1 -maxdepth 1 -type d | wc -l) == 2 ]] ||
    fail "without --out each run must have its own folder under runs"
