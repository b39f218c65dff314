#!/usr/bin/env bash
# Slurm itself, with two nodes that are two addresses of this machine, in its own namespaces. srun
# starts two ranks, and one is killed. scripts/slurm/train.sbatch saves at a signal and is queued
# again. The bytes are those of one process.
set -euo pipefail
for tool in unshare ip munged slurmctld slurmd srun sbatch; do
    PATH=$PATH:/usr/sbin type -P "$tool" >/dev/null || missing=$tool
done
if [[ -n ${missing-} ]]; then
    echo "skipped: no $missing (packages slurm-wlm and munge)"
    exit 77
fi
inside=(unshare --mount --net --pid --fork --mount-proc --kill-child)
if [[ ${2-} != inside ]]; then
    "${inside[@]}" true 2>/dev/null || {
        echo 'skipped: namespaces need root'
        exit 77
    }
    exec "${inside[@]}" bash "$0" "$1" inside
fi
PATH=$PATH:/usr/sbin
script=$(realpath "$(dirname "$0")/../../scripts/slurm/train.sbatch")
. "$(dirname "$0")/lib.sh" "$1"
ip link set lo up
ip link add cable type veth peer name end
ip addr add 10.77.1.1/24 dev cable
ip addr add 10.77.1.2/24 dev cable
ip link set cable up
ip link set end up
printf '127.0.0.1 localhost\n10.77.1.1 n1 %s\n10.77.1.2 n2\n' "$(hostname)" >hosts
mount --bind hosts /etc/hosts

# munged's clients must reach its socket.
chmod 755 "$scratch" "$scratch/work"
head -c 64 /dev/urandom >key
chmod 400 key
export SLURM_CONF=$scratch/slurm.conf
cat >"$SLURM_CONF" <<CONF
ClusterName=lyrnn
SlurmctldHost=$(hostname)(10.77.1.1)
AuthType=auth/munge
AuthInfo=socket=$scratch/munge
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmUser=root
SlurmdUser=root
StateSaveLocation=$scratch/state
SlurmdSpoolDir=$scratch/%n
SlurmctldPidFile=$scratch/slurmctld.pid
SlurmdPidFile=$scratch/%n.pid
SlurmctldLogFile=$scratch/slurmctld.log
SlurmdLogFile=$scratch/%n.log
NodeName=n1 NodeHostname=$(hostname) NodeAddr=10.77.1.1 Port=17001 CPUs=2 State=UNKNOWN
NodeName=n2 NodeHostname=$(hostname) NodeAddr=10.77.1.2 Port=17002 CPUs=2 State=UNKNOWN
PartitionName=all Nodes=n1,n2 Default=YES State=UP
CONF
mkdir "$scratch/state" "$scratch/n1" "$scratch/n2"

# wait_until WHAT COMMAND...: for at most 60 s.
wait_until() {
    local what=$1
    shift
    for ((i = 0; i < 600; i++)); do
        ! "$@" >/dev/null 2>&1 || return 0
        sleep 0.1
    done
    fail "$what"
}

munged --force --key-file=key --socket="$scratch/munge" --pid-file="$scratch/munge.pid" \
    --log-file="$scratch/munge.log" --seed-file="$scratch/munge.seed"
slurmctld
slurmd -N n1
slurmd -N n2
nodes_are_idle() {
    [[ $(sinfo -h -t idle -o %D) == 2 ]]
}
command='starting Slurm'
: >"$out"
: >"$err"
wait_until 'both nodes must be idle' nodes_are_idle

write_songs 24
common=(songs.txt --keep-duplicates --hidden-size 12 --batch-size 8 --shards 2 --num-steps 5
    --threads 1 --pred-len 5 --pred-period 100000 --checkpoint-every 100000)
epochs=4000
succeeds train "${common[@]}" --num-epochs "$epochs" --out whole

# srun starts a rank on each node. The other one says that a rank was killed, and ends.
for victim in 0 1; do
    command="srun of a training whose rank $victim is killed"
    srun --kill-on-bad-exit=0 -N 2 -n 2 --error=rank.%t "$lyrnn" train "${common[@]}" \
        --num-epochs 1000000 --out killed --overwrite >"$out" 2>srun_messages </dev/null &
    pid=$!
    wait_until 'it must begin' grep -q '^run: ' rank.0
    grep -q '^ranks: 2, started by srun, connected by TCP$' rank.0 || fail "a line must say so"
    for process in $(pgrep -x lyrnn); do
        ! grep -qz "^SLURM_PROCID=$victim$" "/proc/$process/environ" || kill -KILL "$process"
    done
    begin=$SECONDS
    status=0
    wait "$pid" || status=$?
    cat rank.? >"$err"
    ((status != 0 && SECONDS - begin <= 5)) || fail "must fail soon"
    [[ $(grep -c '^lyrnn: ' "$err") == 1 ]] || fail "one line must begin with lyrnn:"
    grep -qE "^lyrnn: rank $victim \([^ ]+, process [0-9]+\): is gone; " "$err" ||
        fail "it must say which"
    rm rank.?
done

# The script is queued again after the signal that comes before the time limit. Slurm would wait two
# minutes before it starts it again.
command='train.sbatch'
id=$(LYRNN=$lyrnn sbatch --parsable --nodes=2 --ntasks-per-node=1 --gpus-per-node=0 \
    --cpus-per-task=1 "$script" "${common[@]}" --num-epochs "$epochs")
run=runs/slurm-$id messages=slurm-$id.0.err
wait_until 'it must begin' grep -q "^run: $run" "$messages"
scancel --signal=USR2 "$id"
state_is() {
    [[ $(scontrol show job "$id") =~ JobState=$1 ]]
}
wait_until 'it must be queued again' state_is PENDING
[[ -e $run/latest ]] || fail "it must have saved"
grep -q "^lyrnn: $run: interrupted after .*, and saved; " "$messages" || fail "a line must say so"
wait_until 'it must start again' scontrol update "job=$id" StartTime=now
wait_until 'it must be completed' state_is COMPLETED
[[ $(grep -c '^ranks: 2, started by srun' "$messages") == 2 ]] || fail "two groups must have begun"
same_runs whole "$run"
