#!/usr/bin/env bash
# A run that was copied, moved, renamed or taken apart, also while it trains: reading finds the
# newest whole checkpoint and writes nothing, resuming puts the links right, and no model is lost.
set -euo pipefail
. "$(dirname "$0")/lib.sh" "$1"
write_corpus
train=(train corpus.txt "${tiny[@]}" --cell lstm --val-fraction 0.2 --pred-period 1000000)
succeeds "${train[@]}" --num-epochs 3 --checkpoint-every 1 --out base
succeeds "${train[@]}" --num-epochs 5 --checkpoint-every 1 --out whole
succeeds generate base --prefix 分开 --length 9
cp "$out" text
mkdir outside
cp -rP whole outside/run

# Each command changes a copy of the run; the third checkpoint must still be found.
while read -r change; do
    rm -rf copy
    cp -rP base copy
    (cd copy && eval "$change")
    before=$(files_here)
    succeeds generate copy --prefix 分开 --length 9
    cmp "$out" text || fail "another model after: $change"
    succeeds info copy
    ! grep -q '^problem' "$out" || fail "nothing is wrong with it after: $change"
    succeeds eval copy corpus.txt
    [[ $(files_here) == "$before" ]] || fail "reading must write nothing after: $change"
    succeeds train --resume copy --num-epochs 5
    same_runs whole copy
    for link in latest best; do
        [[ $(readlink copy/$link) == "$(readlink whole/$link)" ]] ||
            fail "$link must be put right after: $change"
    done
done <<'END'
true
rm latest best
ln -sfn checkpoints/epoch-000009 latest
ln -sfn checkpoints/epoch-000009 latest; ln -sfn checkpoints/epoch-000009 best
ln -sfn latest latest
ln -sfn ../outside/run/checkpoints/epoch-000005 latest
ln -sfn "$PWD/../outside/run/latest" latest
ln -sfn checkpoints latest
rm latest; echo checkpoints/epoch-000003 >latest
rm latest; echo ../outside/run/checkpoints/epoch-000005 >latest
rm latest; : >latest
cp -rL . ../followed; cd ..; rm -r copy; mv followed copy
END
for path in copy/latest copy/best; do
    succeeds generate "$path" --prefix 分开 --length 9
done
ln -sfn checkpoints/epoch-000009 copy/latest
succeeds generate copy/latest --prefix 分开 --length 9

# A copy that has only `latest` is still a model: nothing removes it before there is another one.
rm -rf copy
mkdir copy
cp base/{config.json,metrics.jsonl} copy
cp -rL base/latest copy/latest
run "${train[@]}" --num-epochs 3 --out copy --continue
expect_error 1 'copy/latest: is a folder whose model no checkpoint has; move it away$'
run "${train[@]}" --num-epochs 9 --cell rnn_relu --lr 1e6 --clip-norm 0 --out copy --overwrite
expect_error 1 'training: .*the earlier run in copy stays as it was'
succeeds generate copy --prefix 分开 --length 9
cmp "$out" text || fail "another model"
succeeds "${train[@]}" --num-epochs 1 --out copy --overwrite
[[ -L copy/latest ]] || fail "the new run must be there"

# begin ARG...: a training in busy that has begun. Sets $pid. It saves only when it is stopped.
begin() {
    rm -rf busy
    command="lyrnn train $*"
    "$lyrnn" train corpus.txt "${tiny[@]}" --num-epochs 1000000 --checkpoint-every 1000000 \
        --pred-period 1000000 --out busy "$@" >"$out" 2>"$err" </dev/null &
    pid=$!
    until [[ -s busy/metrics.jsonl ]]; do sleep 0.02; done
}
end() { # end SIGNAL: sets $status
    kill "-$1" $pid 2>/dev/null || true
    status=0
    wait $pid || status=$?
}

# Renamed while it trains: it is saved where it is, and the log says so.
begin
mv busy renamed
mkdir busy
end TERM
expect_error 143 "$PWD/renamed: interrupted after epoch .*, and saved; .*--resume $PWD/renamed$"
grep -qx "run: has been renamed; it is saved in $PWD/renamed" "$err" ||
    fail "it must say where the run is"
succeeds generate renamed --prefix 分开 --length 1
[[ -z $(ls busy) ]] || fail "another folder of that name must stay as it is"

# Removed: one line. The lock's file removed: the lock holds.
begin
rm -r busy
end TERM
expect_error 1 'busy: was removed while lyrnn trained in it; '
[[ ! -e busy ]] || fail "it must not be made again"
begin --checkpoint-every 1
rm busy/lock
run train --resume busy --num-epochs 1
expect_error 4 'busy: another lyrnn is training there'
[[ $(tail -n +2 "$err") == '' ]] || fail "standard error must be one line"
end TERM
[[ $status == 143 ]] || fail "the first one must not be disturbed"

# A path whose longest names do not fit is refused before anything is done. A shorter one works.
long=$PWD/long
while ((${#long} < 3800)); do long=$long/$(printf 'd%.0s' {1..100}); done
refuses 1 '.*: the path is too long; choose a shorter one$' \
    "${train[@]}" --num-epochs 1 --out "$long/$(printf 'e%.0s' {1..190})"
succeeds "${train[@]}" --num-epochs 1 --out "$long"
succeeds generate "$long" --prefix 分开 --length 1
