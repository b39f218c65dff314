#!/usr/bin/env bash
# --overwrite loses no model: the earlier run stays whole and in its place until the new one has its
# first checkpoint, however the training ends before. And it replaces nothing that it reads.
set -euo pipefail
. "$(dirname "$0")/lib.sh" "$1"
write_corpus
train=(train corpus.txt "${tiny[@]}" --pred-period 1000000)
succeeds "${train[@]}" --cell rnn_relu --num-epochs 2 --checkpoint-every 1 --val-fraction 0.2 \
    --out base
cp base/config.json old_config.json
cp "$(model_of base)" old_model
cp corpus.txt base/mine.txt

# is_old RUN: the earlier run must be there, whole, with nothing of the new one.
is_old() {
    cmp "$1/config.json" old_config.json || fail "config.json must be that of the earlier run"
    cmp "$(model_of "$1")" old_model || fail "its model must be there"
    [[ $(wc -l <"$1/metrics.jsonl") == 2 ]] || fail "its metrics must be there"
    succeeds generate "$1" --prefix 分开 --length 1
}
# The run without what belongs to no run.
names_of() {
    (cd "$1" && find . ! -name mine.txt ! -name lock | sort)
}
names=$(names_of base)

# It diverges before its first checkpoint, is refused the disk, or finds an option late.
again=("${train[@]}" --num-epochs 60 --out base --overwrite)
run "${again[@]}" --cell rnn_relu --lr 1e6 --clip-norm 0
expect_error 1 'training: .* NaN or infinite.* \(the earlier run in base stays as it was\)$'
grep -qx 'run: base (its first checkpoint replaces the run that is there)' "$err" ||
    fail "it must say what becomes of the earlier run"
is_old base
status=0
(
    trap '' XFSZ
    ulimit -f 4
    exec "$lyrnn" "${again[@]}" --hidden-size 64 --num-epochs 1 >"$out" 2>"$err" </dev/null
) || status=$?
expect_error 1 'base/.*File too large; .* \(the earlier run in base stays as it was\)$'
is_old base
refuses 1 '--prefix 雪: unknown character' "${again[@]}" --prefix 雪
[[ $(names_of base) == "$names" ]] || fail "nothing else may stay: $(names_of base)"

# It is killed. Whatever opens the run next finds the earlier one and removes what was begun.
kill_begun() { # ARG...: kills a training that has begun
    command="lyrnn $* (killed)"
    "$lyrnn" "$@" >"$out" 2>"$err" </dev/null &
    local pid=$!
    for ((i = 0; i < 500; i++)); do
        [[ ! -s base/.new/metrics.jsonl ]] || break
        sleep 0.02
    done
    # While it trains, no other process may touch the earlier run.
    status=0
    "$lyrnn" train --resume base --num-epochs 9 >/dev/null 2>"$scratch/other" </dev/null ||
        status=$?
    [[ $status == 4 ]] || fail "the earlier run must be locked: $(cat "$scratch/other")"
    kill -KILL $pid
    wait $pid 2>/dev/null || true
}
endless=("${train[@]}" --num-epochs 1000000 --checkpoint-every 1000000 --out base --overwrite)
for next in resume overwrite; do
    kill_begun "${endless[@]}"
    is_old base
    [[ -e base/.new/config.json ]] || fail "it must have begun in base/.new"
    succeeds info base
    grep -q '^epochs  *2$' "$out" || fail "info must show the earlier run"
    case $next in
    resume)
        run train --resume base
        expect_error 2 '--num-epochs 2: base has done 2 epochs already; '
        [[ $(names_of base) == "$names" ]] || fail "nothing else may stay: $(names_of base)"
        ;;
    overwrite) succeeds "${train[@]}" --num-epochs 1 --out base --overwrite ;;
    esac
done
grep -q '"num_epochs": 1,' base/config.json || fail "the new run must be there"
[[ $(ls base/checkpoints) == epoch-000001 && ! -e base/best && ! -e base/.new ]] ||
    fail "the earlier run must be gone: $(ls -A base base/checkpoints)"
[[ -e base/mine.txt ]] || fail "other files must stay"

# A signal saves the new run, which then takes the place.
"$lyrnn" "${endless[@]}" >"$out" 2>"$err" </dev/null &
pid=$!
until [[ -s base/.new/metrics.jsonl ]]; do sleep 0.02; done
kill -TERM $pid
status=0
wait $pid || status=$?
expect_error 143 'base: interrupted after epoch .* saved'
grep -q '"num_epochs": 1000000,' base/config.json || fail "the new run must be there"
succeeds generate base --prefix 分开 --length 1

# What it would replace is no model to start from, and no text to learn.
ln -s base way
mkdir -p deep/er
for init in base base/latest base/latest/model.safetensors ./deep/er/../../base way \
    way/latest "$PWD/base"; do
    for out_path in base way/ "$PWD/way"; do
        refuses 2 "--init $init: is in $out_path, which the new run replaces; choose another" \
            train corpus.txt --num-steps 5 --init "$init" --out "$out_path" --overwrite
    done
done
succeeds train corpus.txt "${tiny[@]}" --num-epochs 1 --init base --out base/tuned
refuses 2 'base/config.json: is a file of the run in way, which the new run replaces; ' \
    train base/config.json "${tiny[@]}" --out way --overwrite
succeeds train base/mine.txt "${tiny[@]}" --num-epochs 1 --out base --overwrite
cmp base/mine.txt corpus.txt || fail "a text in the folder must stay"
[[ -e base/tuned/config.json ]] || fail "a run in the folder must stay"

# A folder with a config.json of another program is no run, and its files stay.
mkdir theirs
echo '{"name": "my-app"}' >theirs/config.json
echo '{"event": 1}' >theirs/metrics.jsonl
for option in --overwrite --continue; do
    refuses 1 'theirs: is neither empty nor a run ' \
        train corpus.txt "${tiny[@]}" --num-epochs 1 --out theirs "$option"
done
grep -q my-app theirs/config.json || fail "their file must stay"

# Nor may a run replace the folder of its own texts.
mkdir texts
cp corpus.txt texts/a.txt
echo '{"lyrics": "月光", "hidden_size": 1}' >texts/config.json
refuses 2 'texts: is the folder texts, which the new run replaces; choose another --out' \
    train texts "${tiny[@]}" --num-epochs 1 --out texts --overwrite
grep -q 月光 texts/config.json || fail "the song must stay"

# A run in the folder of its texts is not read as lyrics.
rm texts/config.json
succeeds train texts "${tiny[@]}" --num-epochs 1 --out texts/runs/a
succeeds train --resume texts/runs/a --num-epochs 2
succeeds train texts "${tiny[@]}" --num-epochs 1 --out texts/runs/a --overwrite
grep -qx 'texts: read 1 file, skipped 1 run of lyrnn (runs/a)' "$err" ||
    fail "it must say what is skipped"
