#!/usr/bin/env bash
# scripts/slurm/train.sbatch with stand-ins for srun and scontrol, which set Slurm's variables. The
# signal before the time limit makes the ranks save and the script queue the job again. The next
# start continues the run, and its bytes are those of one process that was never interrupted.
set -euo pipefail
script=$(realpath "$(dirname "$0")/../../scripts/slurm/train.sbatch")
. "$(dirname "$0")/lib.sh" "$1"
write_songs 24
mkdir bin
cat >bin/scontrol <<'END_OF_SCONTROL'
#!/usr/bin/env bash
case $1 in
show) echo localhost ;;
requeue) echo "requeued $2" >>requeued ;;
*) exit 1 ;;
esac
END_OF_SCONTROL
# Starts two tasks. Like srun, it ends with the highest exit status of a task.
cat >bin/srun <<'END_OF_SRUN'
#!/usr/bin/env bash
known='^--(kill-on-bad-exit=0|cpus-per-task=1|error=slurm-[0-9]+\.%t\.err|open-mode=append)$'
while [[ $1 == --* ]]; do
    [[ $1 =~ $known ]] || exit 99
    shift
done
[[ ${#LYRNN_TOKEN} == 64 && $MASTER_ADDR == localhost ]] || exit 98
export SLURM_STEP_ID=0 SLURM_STEP_NUM_TASKS=2 SLURM_STEP_NUM_NODES=1
for rank in 0 1; do
    SLURM_PROCID=$rank SLURM_LOCALID=$rank "$@" 2>>"slurm-$SLURM_JOB_ID.$rank.err" &
    echo "$!" >"task.$rank"
done
status=0
for rank in 0 1; do
    task=0
    wait "$(<"task.$rank")" || task=$?
    ((task <= status)) || status=$task
done
exit "$status"
END_OF_SRUN
chmod +x bin/*

# What Slurm gives to the script. The number of the job also decides the port.
export PATH=$PWD/bin:$PATH LYRNN=$lyrnn SLURM_JOB_NODELIST='node[1-2]' SLURM_CPUS_PER_TASK=1
SLURM_JOB_ID=$(($(free_port) + 20000))
export SLURM_JOB_ID
epochs=1500
common=(songs.txt --keep-duplicates --hidden-size 12 --batch-size 8 --shards 2 --num-steps 5
    --threads 1 --pred-len 5 --pred-period 100000 --num-epochs "$epochs" --checkpoint-every 100000)
run=runs/slurm-$SLURM_JOB_ID
messages=slurm-$SLURM_JOB_ID.0.err

# start: runs the script in the background.
start() {
    command="train.sbatch ${common[*]}"
    rm -f task.*
    bash "$script" "${common[@]}" >"$out" 2>"$err" </dev/null &
    pid=$!
}

start
for ((i = 0; i < 1000; i++)); do
    ! grep -qs '^run: ' "$messages" || break
    sleep 0.01
done
# The default of --signal: all tasks get it, and the script does not.
kill -USR2 "$(<task.0)" "$(<task.1)"
status=0
wait "$pid" || status=$?
[[ $status == 140 ]] || fail "the script must end as its ranks do"
[[ $(<requeued) == "requeued $SLURM_JOB_ID" ]] || fail "the job must be queued again"
[[ -L $run/latest ]] || fail "a checkpoint must be saved"

start
status=0
wait "$pid" || status=$?
[[ $status == 0 ]] || fail "the second start must complete the run"
[[ $(wc -l <requeued) == 1 ]] || fail "a job that is complete must not be queued again"
grep -q '^ranks: 2, started by srun, ' "$messages" || fail "the ranks must be those of srun"
succeeds train "${common[@]}" --out one
same_runs one "$run"

# A third start has nothing to do.
start
status=0
wait "$pid" || status=$?
[[ $status == 0 ]] || fail "a complete run is no failure"
