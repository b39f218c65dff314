#!/usr/bin/env bash
# --continue is for schedulers, which repeat one command: it begins the run, begins it again if
# nothing was saved, continues it, and ends with 0 when it is complete. The exit status tells the
# other outcomes apart.
set -euo pipefail
. "$(dirname "$0")/lib.sh" "$1"
write_corpus
train=(train corpus.txt "${tiny[@]}" --cell lstm --val-fraction 0.2 --checkpoint-every 1 --lr 1e-2)
succeeds "${train[@]}" --num-epochs 6 --out whole
again=("${train[@]}" --num-epochs 6 --out run --continue)

# complete_line RUN EPOCH: the last run must have done nothing but say so.
is_complete() {
    [[ $(cat "$err") == "$1: is complete after epoch $2; nothing is left to do" && ! -s $out ]] ||
        fail "it must say in one line that the run is complete"
}

# One command from begin to end, whatever is there: no folder, an empty one, what a process left
# that was killed at each step of making the run, and a run without a checkpoint.
for left in nothing empty lock half_config config metrics; do
    rm -rf run
    case $left in
    nothing) ;;
    empty) mkdir run ;;
    lock) mkdir run && echo '1 nowhere' >run/lock ;;
    half_config) mkdir run && echo '{' >run/.config.json ;;
    config) mkdir run && cp whole/config.json run ;;
    metrics)
        mkdir -p run/checkpoints/.epoch-000001.tmp
        cp whole/{config.json,metrics.jsonl} run
        echo half >run/checkpoints/.epoch-000001.tmp/model.safetensors
        ;;
    esac
    succeeds "${again[@]}"
    same_runs whole run
    [[ $(cd run && find . | sort) == "$(cd whole && find . | sort)" ]] ||
        fail "other files: $(find run)"
done
! grep -q '"continue"' run/config.json || fail "--continue is no option of the run"
succeeds "${again[@]}"
is_complete run 6

# A run that was stopped. More epochs may be asked for, and fewer are complete.
rm -rf run
succeeds "${train[@]}" --num-epochs 2 --out run --continue
succeeds "${train[@]}" --num-epochs 6 --out ./run/ --continue
same_runs whole run
succeeds "${train[@]}" --num-epochs 4 --out run --continue
is_complete run 6
succeeds train --out run --continue --num-epochs 7 # the others are the run's
[[ $(readlink run/latest) == checkpoints/epoch-000007 ]] || fail "it must continue to epoch 7"

# A process that was killed at the end may have left what was to be removed.
cp -rP run tidied
ln -sfn checkpoints/epoch-000001 tidied/best
mkdir tidied/checkpoints/.epoch-000009.tmp
succeeds train --out tidied --continue --keep 1
is_complete tidied 7
[[ ! -e tidied/checkpoints/.epoch-000009.tmp && $(readlink tidied/best) == "$(readlink run/best)" &&
    $(find tidied/checkpoints -mindepth 1 -maxdepth 1 | wc -l) -le 2 ]] ||
    fail "it must be tidied: $(ls -A tidied tidied/checkpoints)"

# The options must be those of the run.
refuses 2 '--hidden-size 8: the run in run has 16; ' "${again[@]}" --hidden-size 8
refuses 2 '--seed 2: the run in run has 1; ' "${again[@]}" --seed 2
refuses 2 '--cell gru: the run in run has lstm; ' "${again[@]}" --cell gru
refuses 2 '--val-fraction 0.1: the run in run has 0.2; ' "${again[@]}" --val-fraction 0.1
refuses 2 '--init whole: the run in run has none; ' "${again[@]}" --init whole
tail -n +2 corpus.txt >other.txt
refuses 1 'corpus: is not the text that run learns: ' train other.txt --out run --continue
refuses 2 '--continue: does not know which run; name its folder with --out$' "${train[@]}" \
    --continue
refuses 2 '--continue: cannot be used with --resume; ' train --resume run --continue
refuses 2 '--overwrite: cannot be used with --continue; ' "${again[@]}" --overwrite
mkdir songs
echo mine >songs/mine.txt
refuses 1 'songs: is neither empty nor a run' "${train[@]}" --out songs --continue

# --init is used only when the run begins.
tune=(train corpus.txt --batch-size 2 --num-steps 5 --threads 1 --init whole --out tuned --continue)
succeeds "${tune[@]}" --num-epochs 1
mv whole gone
succeeds "${tune[@]}" --num-epochs 2
refuses 2 '--init gone: the run in tuned has whole; ' "${tune[@]}" --init gone
mv gone whole

# Another process trains there: 4. A file of the run is damaged: 5. Nothing to resume: 3.
"$lyrnn" "${train[@]}" --num-epochs 1000000 --out busy --continue >"$out" 2>/dev/null </dev/null &
pid=$!
until [[ -e busy/latest ]]; do sleep 0.02; done
refuses_busy() {
    run "$@"
    expect_error 4 "busy: another lyrnn is training there \(process $pid on "
}
refuses_busy "${train[@]}" --num-epochs 1000000 --out busy --continue
refuses_busy train --resume busy
kill -TERM $pid
wait $pid || [[ $? == 143 ]] || fail "it must have been stopped"
for option in '--resume' '--continue --out'; do
    for damage in 'truncate -s 100 hurt/latest/model.safetensors' \
        'truncate -s -8 hurt/latest/trainer.safetensors' 'rm hurt/latest/trainer.safetensors' \
        "sed -i 1d hurt/config.json" "sed -i s/16/8/ hurt/config.json"; do
        rm -rf hurt
        cp -rP run hurt
        $damage
        # shellcheck disable=SC2086 # words of a command line
        refuses 5 'hurt' train --num-epochs 9 $option hurt
    done
done
mkdir vacant
for name in absent vacant; do
    refuses 3 "$name" train --resume $name
done
