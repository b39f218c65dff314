#!/usr/bin/env bash
# --resume continues as if the run had never stopped: the same bytes for every cell, each way of
# sampling, dropout and validation. Also: what may change, and what is refused.
set -euo pipefail
. "$(dirname "$0")/lib.sh" "$1"
write_corpus
write_songs 30

# 20 epochs, compared with 10 epochs resumed for 10 more.
declare -A shapes=(
    [rnn_tanh]='--val-fraction 0.2 --patience 15'
    [rnn_relu]=''
    [lstm]='--num-layers 2 --dropout 0.3 --val-fraction 0.2'
    [gru]='--num-layers 2 --bidirectional --dropout 0.2'
)
for cell in "${!shapes[@]}"; do
    for sampling in consecutive 'consecutive --offset random' random 'random --offset random' \
        'songs --keep-duplicates' 'songs --keep-duplicates --threads 2'; do
        text=corpus.txt
        [[ $sampling != songs* ]] || text=songs.txt
        shape=${shapes[$cell]}
        [[ $sampling != songs* ]] || shape=${shape/--bidirectional/} # which reads no songs
        # shellcheck disable=SC2206 # words of a command line
        train=(train "$text" "${tiny[@]}" --cell "$cell" --lr 1e-2 --checkpoint-every 7
            $shape --sampling $sampling)
        [[ $sampling != *threads* ]] || train=("${train[@]/--val-fraction/--val-songs}")
        succeeds "${train[@]}" --num-epochs 20 --out whole
        cp "$out" whole.out
        succeeds "${train[@]}" --num-epochs 10 --out parts
        succeeds train --resume parts --num-epochs 20
        same_runs whole parts
        # The last report without its seconds.
        diff <(tail -n 3 whole.out | sed 's/, time.*//') <(tail -n 3 "$out" | sed 's/, time.*//') ||
            fail "$cell, $sampling: the last report differs"
        if [[ -e whole/best ]]; then
            [[ $(readlink whole/best) == "$(readlink parts/best)" ]] ||
                fail "another epoch is the best"
            cmp whole/best/model.safetensors parts/best/model.safetensors || fail "best differs"
        fi
        [[ ! ${shapes[$cell]} =~ val || -e whole/best ]] || fail "validation must name a best"
        rm -r whole parts
    done
done

# Epoch by epoch, and from a run that started with --init.
train=(train corpus.txt "${tiny[@]}" --cell lstm --checkpoint-every 1)
succeeds "${train[@]}" --num-epochs 1 --seed 9 --out seed9
succeeds "${train[@]}" --init seed9 --num-epochs 5 --out whole
succeeds "${train[@]}" --init seed9 --num-epochs 0 --out parts
for epoch in 1 2 3 4 5; do
    succeeds train --resume parts --num-epochs "$epoch"
    [[ $(readlink parts/latest) == checkpoints/epoch-00000$epoch ]] ||
        fail "latest must be epoch $epoch"
done
same_runs whole parts
grep -q '"init": "seed9"' parts/config.json || fail "config.json must still say how the run began"
rm -r parts

# Patience continues to count. A run that it has ended has nothing left to do. Since nothing is
# learned, the first epoch is the best.
patient=("${train[@]}" --lr 0 --val-fraction 0.2 --patience 3)
succeeds "${patient[@]}" --num-epochs 60 --out impatient
[[ $(wc -l <impatient/metrics.jsonl) == 4 ]] || fail "patience must end this run after epoch 4"
succeeds "${patient[@]}" --num-epochs 2 --out parts
succeeds train --resume parts --num-epochs 60
same_runs impatient parts
refuses 2 '--patience 3: impatient has ended, 3 epochs after its best validation; raise' \
    train --resume impatient
succeeds train --resume impatient --patience 5 --num-epochs 60
[[ $(wc -l <impatient/metrics.jsonl) == 6 ]] || fail "more patience must continue to epoch 6"
rm -r parts

# What a process that was killed after its last checkpoint may leave: lines for epochs that will be
# repeated, half a line, half a checkpoint, and half a config.json.
succeeds "${train[@]}" --val-fraction 0.2 --num-epochs 8 --checkpoint-every 4 --out whole \
    --overwrite
succeeds "${train[@]}" --val-fraction 0.2 --num-epochs 4 --checkpoint-every 4 --out parts
sed -n 5,6p whole/metrics.jsonl >>parts/metrics.jsonl
printf '{"epoch": 7, "st' >>parts/metrics.jsonl
mkdir parts/checkpoints/.epoch-000008.tmp
echo half >parts/checkpoints/.epoch-000008.tmp/model.safetensors
echo half >parts/.config.json
succeeds train --resume parts --num-epochs 5
[[ $(wc -l <parts/metrics.jsonl) == 5 ]] || fail "metrics.jsonl must hold an object for each epoch"
succeeds train --resume parts --num-epochs 8
same_runs whole parts
[[ -z $(find parts -name '.*' ! -name .) ]] || fail "leftovers must go: $(find parts -name '.*')"

# Also a checkpoint that is the best, but that `best` does not name yet. An epoch that learns far
# too fast does not make a better one.
cp -rP parts unnamed
rm unnamed/best
succeeds train --resume unnamed --num-epochs 9 --lr 1
[[ $(readlink unnamed/best) == "$(readlink parts/best)" ]] || fail "best must be named again"

# At the end of an epoch its sums are zero.
grep -q '"batch":"0",.*"loss_sum":"0x0p+0","loss_count":"0"' parts/latest/trainer.safetensors ||
    fail "the sums of the next epoch must begin at zero"

# What may change; config.json records it.
succeeds train --resume parts --num-epochs 9 --lr 2e-3 --clip-norm 0.5 --patience 50 \
    --pred-period 7 \
    --pred-len 3 --prefix 月光 --checkpoint-every 3 --keep 2 --threads 2 --device cpu \
    --precision fp32
[[ $(tail -n 1 "$out") =~ ^\ -\ 月光.{3}$ ]] || fail "one sample after 月光"
for text in '"num_epochs": 9,' '"lr": 0.002,' '"clip_norm": 0.5,' '"patience": 50,' \
    '"pred_len": 3,' \
    '"checkpoint_every": 3,' '"keep": 2,' '"threads": 2,' '"device": "cpu",' \
    '"hidden_size": 16,'; do
    grep -qF "$text" parts/config.json ||
        fail "config.json must hold $text: $(cat parts/config.json)"
done
! grep -q '"resume"' parts/config.json || fail "--resume is no option of the run"
# The same values may be repeated.
succeeds train --resume parts --num-epochs 10 --hidden-size 16 --cell lstm --seed 1 \
    --sampling consecutive

# What may not change.
refuses 2 '--hidden-size 32: the run in parts has 16; leave' train --resume parts --hidden-size 32
refuses 2 '--cell gru: the run in parts has lstm; ' train --resume parts --cell gru --num-epochs 99
refuses 2 '--num-layers 2: the run in parts has 1; ' train --resume parts --num-layers 2
refuses 2 '--bidirectional: the run in parts does not have it' train --resume parts --bidirectional
refuses 2 '--dropout 0.5: the run in parts has 0.0; ' train --resume parts --dropout 0.5
refuses 2 '--batch-size 4: the run in parts has 2; ' train --resume parts --batch-size 4
refuses 2 '--num-steps 6: the run in parts has 5; ' train --resume parts --num-steps 6
refuses 2 '--sampling random: the run in parts has consec' train --resume parts --sampling random
refuses 2 '--val-fraction 0.3: the run in parts has 0.2; ' train --resume parts --val-fraction 0.3
refuses 2 '--max-chars 9: the run in parts has 0; ' train --resume parts --max-chars 9
refuses 2 '--newlines space: the run in parts has keep; ' train --resume parts --newlines space
refuses 2 '--seed 2: the run in parts has 1; ' train --resume parts --seed 2
refuses 2 '--init: cannot be used with --resume; leave one of them out$' \
    train --resume parts --init whole
refuses 2 '--out: cannot be used with --resume; leave one of them out$' \
    train --resume parts --out other
refuses 2 '--overwrite: cannot be used with --resume; leave one of them out$' \
    train --resume parts --overwrite
refuses 2 '--num-epochs 10: parts has done 10 epochs already; raise' train --resume parts
refuses 2 '--num-epochs 3: parts has done 10 epochs already; raise' train --resume parts \
    --num-epochs 3
refuses 3 'nowhere/config.json: .*No such file' train --resume nowhere
refuses 1 'corpus.txt/config.json: .*Not a directory' train --resume corpus.txt
# The process was killed while it created its run.
mkdir empty
refuses 3 'empty: nothing has been saved in it yet; start again with --out empty --overwrite$' \
    train --resume empty
refuses 1 'empty: exists; choose another --out, or add --overwrite$' train corpus.txt \
    "${tiny[@]}" --out empty
for command_line in 'generate empty --prefix 分' 'eval empty corpus.txt' 'info empty'; do
    # shellcheck disable=SC2086 # words of a command line
    refuses 1 'empty: has no checkpoint; name a model.safetensors or a run that has one$' \
        $command_line
done
succeeds train corpus.txt "${tiny[@]}" --num-epochs 0 --out empty --overwrite

# The corpus is identified by its text: it may move and be given again, but it must be the same
# text.
more=(train --resume parts --num-epochs 11)
mv corpus.txt moved.txt
refuses 1 '.*/corpus.txt: cannot open: No such file' "${more[@]}"
tail -n +2 moved.txt >other.txt
hash='XXH128 [0-9a-f]{32}'
refuses 1 \
    "corpus: is not the text that parts learns: it has 376 characters, 27 distinct, $hash, and that text has 384, 27 distinct, $hash; give the text of the run$" \
    "${more[@]}" other.txt
sed '1s/^../春天/' moved.txt >other.txt
refuses 1 'corpus: is not the text that parts learns: it has 384 characters, 28 distinct, ' \
    "${more[@]}" \
    other.txt
echo 春夏秋冬 >seasons.txt
refuses 1 'corpus: is not the text' "${more[@]}" moved.txt seasons.txt
succeeds "${more[@]}" moved.txt
mkdir elsewhere
cd elsewhere
succeeds train --resume ../parts --num-epochs 12
cd ..

# The sample lyrics need no name.
sample=(train --hidden-size 8 --num-epochs)
succeeds "${sample[@]}" 2 --out sample2
succeeds "${sample[@]}" 1 --out sample
succeeds train --resume sample --num-epochs 2
same_runs sample2 sample

# A run that was changed by hand or in part.
breaks() { # breaks SED_EXPRESSION REGEX [STATUS]: an edit of config.json, and the refusal
    rm -rf broken
    cp -rP parts broken
    sed -i "$1" broken/config.json
    ! cmp -s parts/config.json broken/config.json || fail "edit without effect: $1"
    refuses "${3-5}" "$2" train --resume broken --num-epochs 99
}
breaks 's/"hidden_size": 16/"hidden_size": 8/' \
    'broken: hidden_size is 8 but its latest model has 16; '
breaks 's/"cell": "lstm"/"cell": "gru"/' 'broken: cell is gru but its latest model has lstm; '
breaks 's/"batch_size": 2/"batch_size": 3/' \
    'broken: reads 3 text sequences per batch but its latest checkpoint has 2; correct config.json'
breaks 's/"num_steps": 5/"num_steps": 4/' \
    'broken: num_steps is 4 but its latest checkpoint has 5; correct config.json'
breaks 's/"val_fraction": 0.2/"val_fraction": 0.20001/' \
    'broken: val_fraction is 0.20001 but its latest checkpoint has 0.2; '
breaks 's/"sampling": "consecutive"/"sampling": "random"/' \
    'broken: sampling is random but its latest checkpoint has consecutive; '
breaks 's/"dropout": 0.0/"dropout": 0.5/' \
    'broken: dropout is 0.5 but its latest checkpoint has 0; '
# Those that --resume may change are named.
rm -rf broken
cp -rP parts broken
sed -i 's/"clip_norm": 0.5/"clip_norm": 8.5/; s/"lr": 0.002/"lr": 0.003/' broken/config.json
succeeds train --resume broken --num-epochs 99
grep -q '^warning: lr is 0.003; until the latest checkpoint it was 0.002$' "$err" || fail 'lr'
grep -q '^warning: clip_norm is 8.5; until the latest checkpoint it was 0.5$' "$err" ||
    fail 'clip_norm'
succeeds train --resume broken --num-epochs 100
! grep -q '^warning' "$err" || fail 'the latest checkpoint has them now'

# A checkpoint of an earlier version says neither its options nor a checksum.
mv parts new_parts
cp -rP new_parts parts
LC_ALL=C sed -i 's/"num_steps":/"num.steps":/; s/"val_fraction":/"val.fraction":/
    s/"lyrnn_checksum":"xxh128:/"lyrnn.checksum":"xxh.28:/' parts/latest/trainer.safetensors
for steps in 4 10; do # for 10, each epoch has half as many batches
    breaks "s/\"num_steps\": 5/\"num_steps\": $steps/" \
        'broken: its latest checkpoint, at step [0-9]*, does not fit'
done
breaks 's/"val_fraction": 0.2/"val_fraction": 0.4/' \
    'broken: its latest checkpoint, at step [0-9]*, does not'
rm -r parts
mv new_parts parts
breaks 's/"seed": 1/"seed": 2/' 'broken: seed is 2 but its latest checkpoint has 1; '
breaks 's/"max_chars": 0/"max_chars": 300/' \
    'corpus: is not the text that broken learns: it has 300 characters' 1
breaks 's/"num_steps": 5/"num_steps": 0/' 'broken/config.json: --num-steps 0: must be from 1'
breaks 's/"num_steps": 5/"num_steps": "5"/' \
    'broken/config.json: "num_steps" must be a whole number; '
breaks 's/"num_steps": 5,//' 'broken/config.json: "num_steps" is missing; '
breaks 's/"num_steps": 5/"num_steps": 5, "num_steps": 5/' \
    'broken/config.json: has a key twice; correct the file'
breaks '1d' 'broken/config.json: is not JSON; correct the file'
rm -rf broken
cp -rP parts broken
rm broken/latest/trainer.safetensors
refuses 5 'broken/latest/trainer.safetensors: cannot open: No such file.*--init broken' \
    train --resume broken --num-epochs 99
cp parts/latest/model.safetensors broken/latest/trainer.safetensors
refuses 5 'broken/latest/trainer.safetensors: it has no tensor exp_avg' \
    train --resume broken --num-epochs 99
rm -rf broken
cp -rP parts broken
rm broken/latest # as after a copy without links
succeeds train --resume broken --num-epochs 99
[[ $(readlink broken/latest) == checkpoints/epoch-000099 ]] ||
    fail "it must continue from the newest checkpoint"
rm -r broken/latest broken/checkpoints
refuses 3 'broken: nothing has been saved in it yet; start again with --out broken --overwrite$' \
    train --resume broken --num-epochs 99

# --keep: the last checkpoints, and the best.
succeeds train moved.txt "${tiny[@]}" --num-epochs 6 --checkpoint-every 1 --keep 2 --out kept
[[ $(ls -A kept/checkpoints) == $'epoch-000005\nepoch-000006' ]] ||
    fail "two must stay: $(ls kept/checkpoints)"
succeeds train --resume kept --num-epochs 8 --keep 3
[[ $(ls -A kept/checkpoints) == $'epoch-000006\nepoch-000007\nepoch-000008' ]] ||
    fail "three must stay"
succeeds train moved.txt "${tiny[@]}" --lr 0 --val-fraction 0.2 --num-epochs 5 \
    --checkpoint-every 1 \
    --keep 1 --out best
[[ $(ls -A best/checkpoints) == $'epoch-000001\nepoch-000005' ]] ||
    fail "latest and best must stay: $(ls best/checkpoints)"

# A run whose metrics.jsonl was truncated or changed is resumed, and a warning names the epochs
# whose lines are missing or not in their place.
succeeds train moved.txt "${tiny[@]}" --num-epochs 5 --out logged
# warns_of LINES WARNING: resumes a copy that has these lines of metrics.jsonl, as sed prints them.
warns_of() {
    rm -rf copy
    cp -r logged copy
    sed -n "$1" logged/metrics.jsonl >copy/metrics.jsonl
    succeeds train --resume copy --num-epochs 6
    [[ $(grep -c '^warning: .*metrics' "$err") == 1 ]] || fail 'one warning must name the file'
    grep -q "^warning: copy/metrics.jsonl: has $2" "$err" || fail "must warn: $2"
    tail -n 1 copy/metrics.jsonl | grep -q '"epoch": 6,' || fail 'the next line must be there'
}
warns_of 1,3p 'no line for epoch 4 to 5;'
warns_of '1p;3p;5p' 'no line for epoch 2, 4;'
warns_of '' 'no line for epoch 1 to 5;'
warns_of '1,5p;2p' 'a line for epoch 2 again or too late;'
warns_of '1,2p;2p;3,5p' 'a line for epoch 2 again or too late;'
[[ $(wc -l <copy/metrics.jsonl) == 7 ]] || fail 'all lines must stay'
rm -rf copy
cp -r logged copy
succeeds train --resume copy --num-epochs 6
! grep '^warning: .*metrics' "$err" || fail 'whole metrics need no warning'
