#!/usr/bin/env bash
# test_file_systems.sh LYRNN_ON_FILE_SYSTEM: a training on file systems that lack links, locks, or a
# flush or an exchange of folders. It must give the same bytes, every command must find its models,
# and no two processes may train in one run.
set -euo pipefail
. "$(dirname "$0")/../cli/lib.sh" "$1"
write_corpus
train=(train corpus.txt "${tiny[@]}" --cell lstm --val-fraction 0.2 --checkpoint-every 1 --keep 2)
succeeds "${train[@]}" --num-epochs 5 --out whole
succeeds generate whole --prefix 分开 --length 9
cp "$out" text

# model_in RUN LINK: the folder of the checkpoint that a link or a file in its place names.
model_in() {
    if [[ -L $1/$2 ]]; then
        readlink "$1/$2"
    else
        cat "$1/$2"
    fi
}

# is_locked ARG...: while a training runs, also when its run gets another name and loses the lock's
# file, no other training may begin there.
is_locked() {
    "$lyrnn" "${train[@]}" --num-epochs 1000000 --out busy >"$out" 2>"$scratch/first" \
        </dev/null &
    local pid=$! name=busy
    until [[ -e busy/latest ]]; do sleep 0.02; done
    for change in none name "$@"; do
        case $change in
        name) mv busy moved && name=moved ;;
        file) rm moved/lock ;;
        esac
        run train --resume $name --num-epochs 1
        expect_error 4 "$name: another lyrnn is training there"
    done
    kill -KILL $pid
    wait $pid 2>/dev/null || true
    # The lock goes with its process, and the other one takes over.
    succeeds train --resume moved --num-epochs \
        "$(($(model_in moved latest | sed 's/.*epoch-0*//') + 1))"
    [[ ! -e moved/owner ]] || fail "the lock must be given back"
    rm -r moved
}

for lacks in '' links flush exchange folder-flock flock 'flock ofd' \
    'links flush exchange folder-flock flock ofd'; do
    export LYRNN_LACKS=$lacks
    rm -rf run
    succeeds "${train[@]}" --num-epochs 2 --out run
    # A process was killed between a checkpoint and `latest`: the next one replaces the checkpoint.
    cp -r run/checkpoints/epoch-000002 run/checkpoints/epoch-000003
    succeeds train --resume run --num-epochs 5
    for file in model trainer; do
        cmp {run,whole}/checkpoints/epoch-000005/$file.safetensors || fail "other bytes"
    done
    [[ $(ls -A run/checkpoints) == "$(ls -A whole/checkpoints)" ]] ||
        fail "other checkpoints: $(ls -A run/checkpoints)"
    for link in latest best; do
        [[ $(model_in run $link) == "$(readlink whole/$link)" ]] || fail "another $link"
    done
    [[ $lacks != *links* || (-f run/latest && ! -L run/latest) ]] || fail "latest must be a file"
    for model in run run/latest run/best; do
        succeeds generate $model --prefix 分开 --length 9
        cmp "$out" text || fail "another text from $model"
    done
    succeeds info run
    grep -q '^hidden size  *16' "$out" || fail "info must show the model: $(cat "$out")"
    succeeds eval run corpus.txt
    succeeds train corpus.txt "${tiny[@]}" --cell lstm --init run --num-epochs 1 --out tuned
    succeeds train corpus.txt "${tiny[@]}" --num-epochs 1 --out tuned --overwrite
    rm -r tuned
    case $lacks in
    '') is_locked file ;;
    *links*) is_locked ;;
    *flock*) is_locked ;;
    esac
done
