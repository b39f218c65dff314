#!/usr/bin/env bash
# What goes wrong on one rank ends all of them, with one line from the rank that has it, and nothing
# is lost: a signal to one rank, a rank that stops answering, a disk that is full on rank 0, a port
# that is taken, and ranks that do not come.
set -euo pipefail
. "$(dirname "$0")/lib.sh" "$1"
# Otherwise background processes ignore SIGINT.
set -m
write_songs 24
common=(train songs.txt --keep-duplicates --hidden-size 12 --batch-size 8 --num-steps 5 --threads 1
    --pred-len 5 --device cpu)
long=("${common[@]}" --num-epochs 100000 --pred-period 100000 --checkpoint-every 100000 --out run)

# begin N ARG...: starts N ranks, and waits until they train.
begin() {
    rm -rf run "$err".*
    start_ranks "$@"
    for ((i = 0; i < 1000; i++)); do
        if grep -qs "^run: " "$err.0"; then
            await_catching "${pids[@]}"
            return 0
        fi
        sleep 0.01
    done
    collect_ranks
    fail "the training must begin"
}

# A signal to any rank stops all of them after the same step. Rank 0 says how to continue.
for victim in 0 1 2; do
    for signal in TERM INT; do
        begin 3 "${long[@]}" --shards 6 --batch-size 12
        kill "-$signal" "${pids[victim]}"
        finish_ranks
        number=$((128 + $(kill -l "$signal")))
        [[ ${statuses[*]} == "$number $number $number" ]] || fail "statuses: ${statuses[*]}"
        expect_rank_error $number 'run: interrupted after .*, and saved; to continue: '
        grep -q '^lyrnn: ' "$err.0" || fail "rank 0 must say so"
    done
done
epochs=$(wc -l <run/metrics.jsonl)
more=(--num-epochs $((epochs + 2)) --checkpoint-every 1)
ranks_succeed 3 train --resume run "${more[@]}"
ranks_succeed 3 "${common[@]}" --shards 6 --batch-size 12 "${more[@]}" --out whole
same_runs whole run

# SIGUSR1 to rank 1 saves, and all continue.
begin 2 "${long[@]}"
kill -USR1 "${pids[1]}"
for ((i = 0; i < 500; i++)); do
    [[ ! -e run/latest ]] || break
    sleep 0.01
done
[[ -e run/latest ]] || { collect_ranks; fail "SIGUSR1 to one rank must save"; }
kill -0 "${pids[@]}" || fail "all must continue"
# A rank that is stopped holds the others up and does not end them.
kill -STOP "${pids[1]}"
sleep 0.5
kill -0 "${pids[0]}" || fail "rank 0 must wait"
kill -CONT "${pids[1]}"
kill -TERM "${pids[0]}"
finish_ranks
expect_rank_error 143 'run: interrupted after .*, and saved; '

# A checkpoint that rank 0 cannot write: a file may not grow beyond some KiB there.
cat >limited <<SH
#!/usr/bin/env bash
ulimit -f 24
exec "$lyrnn" "\$@"
SH
chmod +x limited
rm -rf run
programs=("$PWD/limited")
run_ranks 2 "${common[@]}" --hidden-size 128 --num-epochs 2 --out run
programs=()
expect_rank_error 1 'run/.*: File too large; raise the limit of file sizes \(ulimit -f\)'
[[ ${statuses[1]} == 1 ]] || fail "rank 1 must end with it"
[[ ! -e run/latest ]] || fail "nothing half-written may stay"

# The port of the rendezvous is taken, by rank 0 of another training, which waits for its rank 1.
port=$(free_port)
pids=()
start_rank 0 2 "$port" "${common[@]}" --rendezvous-timeout 60
holder=${pids[0]}
until grep -q "^ *[0-9]*: 0100007F:$(printf %04X "$port") .* 0A " /proc/net/tcp; do sleep 0.01; done
start_rank 0 2 "$port" "${common[@]}" --rendezvous-timeout 1
finish_ranks
expect_rank_error 1 "rank 0: port $port of 127.0.0.1 is taken by another process; "
kill -KILL "$holder"

# Rank 0 never comes, or another rank does not.
pids=()
start_rank 1 2 "$(free_port)" "${common[@]}" --rendezvous-timeout 1
statuses=(1)
wait "${pids[1]}" || statuses=("$?")
status=${statuses[0]}
collect_ranks
[[ $status == 1 && $(wc -l <"$err") == 1 ]] || fail "rank 1 must end with one line"
grep -qE '^lyrnn: rank 1: rank 0 \(127.0.0.1 port [0-9]+\) did not answer within 1 s; ' "$err" ||
    fail "the line must name rank 0"
pids=()
start_rank 0 3 "$(free_port)" "${common[@]}" --rendezvous-timeout 1
finish_ranks
expect_rank_error 1 'rank 0: ranks 1 and 2 of 3 did not come within 1 s; '
