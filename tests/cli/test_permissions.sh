#!/usr/bin/env bash
# Paths that the system refuses: the error names the folder that is in the way, the first reason and
# what helps. A user who may not do everything meets them; root runs the program as such a user.
set -euo pipefail
. "$(dirname "$0")/lib.sh" "$1"
write_corpus
train=(train corpus.txt "${tiny[@]}" --num-epochs 1)
succeeds "${train[@]}" --out mine
succeeds "${train[@]}" --out sealed

if ((EUID == 0)); then
    cp "$lyrnn" "$scratch/lyrnn.program"
    {
        echo '#!/bin/sh'
        echo "exec setpriv --reuid=65534 --regid=65534 --clear-groups $scratch/lyrnn.program" '"$@"'
    } >"$scratch/lyrnn"
    chmod 755 "$scratch" "$scratch/lyrnn" "$scratch/lyrnn.program"
    lyrnn=$scratch/lyrnn
    run --version
    [[ $status == 0 ]] || { cat "$err" && echo "skipped: cannot run as another user" && exit 77; }
    chown -R 65534:65534 .
fi

# Folders that cannot be made or read.
mkdir -m 555 fixed && mkdir -m 666 no_search && mkdir -m 333 no_list
((EUID != 0)) || chown 65534:65534 fixed no_search no_list
ln -s nothing dangling
ln -s circle circle
touch file
long=$(printf 'n%.0s' {1..300})
denied='Permission denied; change the permissions, or choose another place$'
for out_path in fixed/run fixed/deep/er/run; do
    refuses 1 "fixed: cannot write there: $denied" "${train[@]}" --out "$out_path"
done
refuses 1 "no_search/run: cannot use it: $denied" "${train[@]}" --out no_search/run
refuses 1 "no_list: cannot open: $denied" "${train[@]}" --out no_list --overwrite
cp corpus.txt "$scratch" && chmod 644 "$scratch/corpus.txt"
cd fixed
refuses 1 "\.: cannot write there: $denied" "${train[@]/corpus/..\/..\/corpus}"
cd ..
for out_path in dangling dangling/ dangling/run dangling/deep/er/run; do
    refuses 1 'dangling: is a link to nothing; remove it, or choose another --out$' \
        "${train[@]}" --out "$out_path"
done
for out_path in file file/ file/run file/deep/er/run; do
    refuses 1 'file: exists and is not a folder; choose another --out$' \
        "${train[@]}" --out "$out_path"
done
refuses 1 'circle: cannot use it: Too many .*symbolic links; correct the symbolic links$' \
    "${train[@]}" --out circle
refuses 1 'circle/run: cannot use it: Too many .*symbolic links; correct the symbolic links$' \
    "${train[@]}" --out circle/run
refuses 1 'n*: cannot use it: File name too long; choose a shorter name$' \
    "${train[@]}" --out "$long"

# A run or a model that may not be read is not taken for one that is not there.
chmod 000 sealed
refuses 1 "sealed: cannot open: $denied" "${train[@]}" --out sealed --overwrite
refuses 1 "sealed(/config.json)?: cannot open: $denied" train --resume sealed
for command_line in "generate sealed --prefix 分开" "info sealed" "eval sealed corpus.txt" \
    "train corpus.txt --init sealed --out new"; do
    # shellcheck disable=SC2086 # words of a command line
    refuses 1 "sealed/latest/model.safetensors: cannot open: $denied" $command_line
done
refuses 1 'file/model: cannot open: Not a directory; check the path$' info file/model
chmod 700 sealed

# A run in which nothing can be saved is refused before it trains.
chmod 500 sealed/checkpoints
refuses 1 "sealed/checkpoints: cannot write there: $denied" train --resume sealed --num-epochs 2
refuses 1 "sealed/checkpoints: cannot write there: $denied" \
    "${train[@]}" --out sealed --overwrite
chmod 700 sealed/checkpoints
chmod 500 sealed
refuses 1 "sealed: cannot write there: $denied" train --resume sealed --num-epochs 2
chmod 700 sealed
chmod 000 mine/checkpoints
refuses 1 "mine/latest/model.safetensors: cannot open: $denied" generate mine --prefix 分开
chmod 700 mine/checkpoints
chmod 000 "$(realpath "$(model_of mine)")"
refuses 1 "mine/latest/model.safetensors: cannot open: $denied" generate mine --prefix 分开

# A corpus is a folder, and a part of it cannot be read.
mkdir songs songs/open songs/private
cp corpus.txt songs/open/a.txt
((EUID != 0)) || chown -R 65534:65534 songs
chmod 000 songs/private
refuses 1 "songs: cannot read 1 of its folders \(private\): $denied" corpus songs
rmdir songs/private
chmod 000 songs/open/a.txt
refuses 1 "songs/open/a\.txt: cannot open: $denied" corpus songs
