#!/usr/bin/env bash
# Two hosts: network namespaces with a cable between them. Rank 0 listens only at the address that
# MASTER_ADDR names, over IPv4 and IPv6. The ranks write the bytes of one process.
set -euo pipefail
. "$(dirname "$0")/lib.sh" "$1"
hosts=("lyrnn_$$_a" "lyrnn_$$_b")
remove_hosts() {
    ip netns del "${hosts[0]}" || true
    ip netns del "${hosts[1]}" || true
} 2>/dev/null
trap 'remove_hosts; rm -rf "$scratch"' EXIT

# make_hosts: the first host also has a second network.
make_hosts() {
    ip netns add "${hosts[0]}" && ip netns add "${hosts[1]}" &&
        ip link add cable netns "${hosts[0]}" type veth peer name cable netns "${hosts[1]}" &&
        ip -n "${hosts[0]}" link add other type veth peer name unused
} 2>"$err"
if ! command -v ip >/dev/null || ! make_hosts; then
    echo "skipped: network namespaces need root and ip (package iproute2): $(<"$err")"
    exit 77
fi
for host in 0 1; do
    number=$((host + 1))
    ip -n "${hosts[host]}" addr add "10.77.1.$number/24" dev cable
    ip -n "${hosts[host]}" addr add "fd77:1::$number/64" dev cable nodad
    ip -n "${hosts[host]}" link set lo up
    ip -n "${hosts[host]}" link set cable up
done
ip -n "${hosts[0]}" addr add 10.77.2.1/24 dev other
ip -n "${hosts[0]}" link set other up

write_songs 24
short=(train songs.txt --keep-duplicates --hidden-size 12 --batch-size 8 --shards 2 --num-steps 5
    --threads 1 --pred-len 5 --num-epochs 3)
succeeds "${short[@]}" --out one

# listeners: the addresses and ports at which anyone listens on the first host.
listeners() {
    ip netns exec "${hosts[0]}" ss -ltnH | awk '{print $4}'
}

# is_open ADDRESS: whether a process of the first host can connect to the port there.
is_open() {
    ip netns exec "${hosts[0]}" bash -c ": <>/dev/tcp/$1/$port" 2>/dev/null
}

# start_on HOST ADDRESS: starts the rank of that number on that host.
start_on() {
    RANK=$1 WORLD_SIZE=2 MASTER_ADDR=$2 MASTER_PORT=$((port - 1)) ip netns exec "${hosts[$1]}" \
        "$lyrnn" "${short[@]}" --out two >"$out.$1" 2>"$err.$1" </dev/null &
    pids[$1]=$!
}

for address in 10.77.1.1 fd77:1::1; do
    port=29501
    command="two ranks that meet at $address"
    start_on 0 "$address"
    for ((i = 0; i < 500; i++)); do
        [[ -z $(listeners) ]] || break
        sleep 0.01
    done
    shown=$address:$port
    [[ $address != *:* ]] || shown=[$address]:$port
    [[ $(listeners) == "$shown" ]] || fail "rank 0 must listen at $shown only: $(listeners)"
    is_open "$address" || fail "a process of this host reaches the address of MASTER_ADDR"
    for elsewhere in 127.0.0.1 10.77.2.1 ::1; do
        ! is_open "$elsewhere" || fail "rank 0 must not listen at $elsewhere"
    done
    start_on 1 "$address"
    finish_ranks
    [[ ${statuses[*]} == '0 0' ]] || fail "both ranks must succeed"
    same_runs one two
    grep -q '^ranks: 2, started by torchrun, connected by TCP$' "$err" || fail "a line must say so"
    rm -r two
done

# An address that is not one of rank 0's host.
port=29501
command="rank 0 at an address of another host"
pids=()
start_on 0 10.77.1.2
finish_ranks
[[ ${statuses[0]} == 1 ]] || fail "rank 0 must fail"
grep -q '^lyrnn: rank 0: 10\.77\.1\.2 is no address of this host; set MASTER_ADDR ' "$err" ||
    fail "a line must say what to set"
