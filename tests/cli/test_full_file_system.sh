#!/usr/bin/env bash
# A real file system that fills up between two checkpoints, and a read-only one. This needs the
# right to mount. Without it the test is skipped (77), not passed.
set -euo pipefail
if [[ ${LYRNN_IN_NAMESPACE-} == '' ]]; then
    if unshare --mount true 2>/dev/null; then
        LYRNN_IN_NAMESPACE=1 exec unshare --mount bash "$0" "$1"
    elif unshare --map-root-user --mount true 2>/dev/null; then
        LYRNN_IN_NAMESPACE=1 exec unshare --map-root-user --mount bash "$0" "$1"
    fi
    echo "skipped: mounting a tmpfs is not allowed here"
    exit 77
fi
. "$(dirname "$0")/lib.sh" "$1"
write_corpus
mkdir small
mount -t tmpfs -o size=1m tmpfs small || {
    echo "skipped: mounting a tmpfs is not allowed here"
    exit 77
}
trap 'umount "$scratch/work/small"; rm -rf "$scratch"' EXIT

# 64 hidden units make a model of about 32 KiB: many fit, forty do not.
run train corpus.txt "${tiny[@]}" --hidden-size 64 --num-epochs 40 --checkpoint-every 1 \
    --out small/run
expect_error 1 'small/run.*No space left'
saved=$(basename "$(readlink small/run/latest)")
[[ -s small/run/latest/model.safetensors ]] || fail "the last good checkpoint must stay"
[[ $(find small/run/checkpoints -mindepth 1 -maxdepth 1 | sort | tail -n 1) == */$saved ]] ||
    fail "nothing half-written may stay: $(ls small/run/checkpoints)"
succeeds generate small/run --prefix 分开 --length 5

# The same for a disk that is full from the start.
dd if=/dev/zero of=small/filler bs=4k status=none 2>/dev/null || true
run train corpus.txt "${tiny[@]}" --num-epochs 1 --out small/other
expect_error 1 'small/other.*No space left'

# A file system that is read-only says so.
mount -o remount,ro small
read_only='Read-only file system; make the file system writable, or choose another place$'
for out_path in small/new small/deep/er/new; do
    refuses 1 "small: cannot write there: $read_only" train corpus.txt "${tiny[@]}" --out $out_path
done
refuses 1 "small/run: cannot write there: $read_only" train --resume small/run --num-epochs 50
refuses 1 "small/run: cannot write there: $read_only" \
    train corpus.txt "${tiny[@]}" --out small/run --overwrite
