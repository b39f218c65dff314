#!/usr/bin/env bash
# A training that has too little memory is refused, and the line names what limits it: ulimit, or
# the cgroup of a container. Without it the kernel would kill the program without a word.
set -euo pipefail
. "$(dirname "$0")/lib.sh" "$1"
if is_sanitized; then
    echo "SKIPPED: a sanitizer needs more memory than any limit"
    exit 77
fi
write_corpus
train=(train corpus.txt "${tiny[@]}" --device cpu --num-epochs 1)

# limited COMMAND ARG...: runs lyrnn after the shell command.
limited() {
    local limit=$1
    shift
    command="$limit; lyrnn $*"
    status=0
    (
        eval "$limit"
        exec "$lyrnn" "$@"
    ) >"$out" 2>"$err" || status=$?
}

limited 'ulimit -v 700000' "${train[@]}" --hidden-size 4096 --out big
in_all='for this training in all; lower --hidden-size'
expect_error 1 "memory: [0-9]+ bytes requested, [0-9]+ available \\(ulimit -v, 683 MiB\\) $in_all"
[[ ! -e big ]] || fail "a run that cannot start leaves nothing"
limited 'ulimit -d 700000' "${train[@]}" --hidden-size 4096 --out big
expect_error 1 "memory: .* available \\(ulimit -d, 683 MiB\\) $in_all"
# The remedy names what there is.
limited 'ulimit -v 700000' "${train[@]}" --hidden-size 1024 --embedding-size 65536 --out big
expect_error 1 '.*in all; lower --embedding-size, --hidden-size, --batch-size or --num-steps$'
limited 'ulimit -v 700000' "${train[@]}" --out small
[[ $status == 0 ]] || fail "a small training must run"

# The memory line counts the text: its characters and their ids, 4 bytes each.
for ((i = 0; i < 200; i++)); do
    printf '%.0s一夜听雨到天明\n' {1..100}
done >long.txt
succeeds train long.txt "${tiny[@]}" --device cpu --num-epochs 0 --out long
grep -qE '^memory: .*, text 1\.2$' "$err" || fail "160,000 characters take 1.2 MiB"

# Shards make the activations smaller.
streams=(train long.txt --device cpu --threads 1 --hidden-size 512 --batch-size 1600 --num-steps 99)
limited 'ulimit -v 700000' "${streams[@]}" --sampling consecutive --out streams
expect_error 1 '.*in all; lower --hidden-size, --batch-size or --num-steps, or raise --shards$'

# The text itself is refused before it is read.
truncate -s 900M sparse.txt
limited 'ulimit -v 700000' train sparse.txt --device cpu --out sparse
expect_error 1 'sparse\.txt: [0-9]+ bytes requested, [0-9]+ available \(ulimit -v, 683 MiB\); '

# A real cgroup, where this user may make one.
group=/sys/fs/cgroup/memory/lyrnn_test_$$ file=memory.limit_in_bytes
[[ -d /sys/fs/cgroup/memory ]] || group=/sys/fs/cgroup/lyrnn_test_$$ file=memory.max
if mkdir "$group" 2>/dev/null; then
    trap 'sleep 0.2; rmdir "$group"; rm -rf "$scratch"' EXIT
    if echo 60M 2>/dev/null >"$group/$file"; then
        limited "echo \$BASHPID >$group/cgroup.procs" "${train[@]}" --hidden-size 2048 --out big
        expect_error 1 "memory: .* available \(the cgroup's $file, 60 MiB\) $in_all"
        # So is a model that does not fit.
        succeeds train corpus.txt "${tiny[@]}" --device cpu --num-epochs 0 --hidden-size 2048 \
            --out whole
        echo 40M >"$group/$file"
        for task in 'generate whole --prefix 月' 'eval whole corpus.txt' 'train --resume whole'; do
            # shellcheck disable=SC2086 # several arguments
            limited "echo \$BASHPID >$group/cgroup.procs" $task --device cpu
            [[ $status == 1 ]] || fail "$task must be refused"
            tail -n 1 "$err" | grep -q "available (the cgroup's $file, 40 MiB)" ||
                fail "$task must name the limit"
        done
    fi
fi
