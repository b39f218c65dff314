#!/usr/bin/env bash
# The variables of torchrun and of srun, set by hand for two processes: they find each other, and
# write the bytes of one process.
set -euo pipefail
. "$(dirname "$0")/lib.sh" "$1"
write_songs 24
short=(train songs.txt --keep-duplicates --hidden-size 12 --batch-size 8 --shards 2 --num-steps 5
    --threads 1 --pred-len 5 --num-epochs 3)
succeeds "${short[@]}" --out one

# compare LAUNCHER: trains with two ranks and compares.
compare() {
    ranks_succeed 2 "${short[@]}" --out two
    same_runs one two
    grep -q "^ranks: 2, started by $1, connected by TCP\$" "$err" || fail "it must be $1"
    rm -r two
}

# torchrun itself listens at MASTER_PORT, so that rank 0 takes the next port.
set_variables() {
    export RANK=$1 WORLD_SIZE=$2 LOCAL_RANK=$1 LOCAL_WORLD_SIZE=$2
    export MASTER_ADDR=localhost MASTER_PORT=$(($3 - 1)) TORCHELASTIC_RUN_ID=none
}
compare torchrun
run_ranks 2 "${short[@]}" --out two --ranks 2
expect_rank_error 2 '--ranks 2: torchrun has started this process as rank [01] of 2; leave the '

# srun: the port follows from the numbers of job and step. The host is that of rank 0.
set_variables() {
    export SLURM_PROCID=$1 SLURM_STEP_NUM_TASKS=$2 SLURM_NTASKS=$2 SLURM_LOCALID=$1
    export SLURM_JOB_ID=$((40000 + $3 - 20000)) SLURM_STEP_ID=0 SLURM_STEP_NUM_NODES=1
}
compare srun
set_variables() {
    export SLURM_PROCID=$1 SLURM_STEP_NUM_TASKS=$2 SLURM_NTASKS=$2 SLURM_LOCALID=$1
    export SLURM_JOB_ID=7 SLURM_STEP_ID=3 SLURM_JOB_NODELIST='none[1-2]'
    export MASTER_ADDR=127.0.0.1 MASTER_PORT=$3 LYRNN_TOKEN=a_secret
}
compare srun

# The script of sbatch has such variables too, but is no rank.
export SLURM_PROCID=0 SLURM_NTASKS=2 SLURM_JOB_ID=7
succeeds "${short[@]}" --out two
same_runs one two
! grep '^ranks: ' "$err" || fail "the script of sbatch is no rank"
