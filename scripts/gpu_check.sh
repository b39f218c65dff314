#!/usr/bin/env bash
# gpu_check.sh OUT [--deps DIR] [--time SECONDS] [--arch ARCH]: finds out whether lyrnn is right on
# this machine's GPU, and how fast. It builds lyrnn for this GPU only, and then runs the parts at
# the end of this script, those first that matter most. A failure does not stop the other checks. A
# check that hangs is stopped, because each part has its share of SECONDS [480]; with a longer time,
# each part has longer. A build in build/gpu that was made for this GPU and CPU is used again.
# It writes into the folder OUT, and what is there is complete whenever the script stops:
#   report.md     what was measured against what was predicted (gpu_report.py), after each part
#   summary.json  the machine, then each check: passed, failed or not run, why, and its command
#   log.txt       the output of all checks
#   tune.jsonl    lyrnn tune: each plan of shapes A to F, its time, its error and its prediction
#   bench.jsonl   lyrnn bench: shapes A to F in each precision
#   profile.txt   what Nsight Systems and Nsight Compute say of the kernels, as CSV
#   estimate.txt  the cycles of a time step, by kernel_report.sh --estimate
#   speed.jsonl   lyrnn and PyTorch, one record per shape; append it to the file of the same name in
#                 scripts/bench/results
# The exit status is 1 if a check failed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/common.sh
source scripts/kernels.sh
source scripts/gpu_results.sh

usage() {
    echo "usage: ${0##*/} OUT [--deps DIR] [--time SECONDS] [--arch ARCH]" >&2
    exit 2
}

default_limit=480
out='' limit=$default_limit arch=''
arguments=$*
while (($# > 0)); do
    case $#:$1 in
    1:--*) usage ;;
    *:--deps) parse_options "$1" "$2" ;;
    *:--time) limit=$2 ;;
    *:--arch) arch=$2 ;;
    *:-*) usage ;;
    *)
        [[ -z $out ]] || usage
        out=$(cd "$OLDPWD" && realpath -m -- "$1")
        shift
        continue
        ;;
    esac
    shift 2
done
[[ -n $out && $limit =~ ^[1-9][0-9]*$ ]] || usage

command -v nvidia-smi >/dev/null ||
    fail 'nvidia-smi: not found; run this script on a machine with an NVIDIA driver'
query_gpu() {
    timeout 30 nvidia-smi --format=csv,noheader --query-gpu="$1" 2>&1 | head -n 1
}
gpu=$(query_gpu name,driver_version,compute_cap,memory.total) ||
    fail "nvidia-smi: $gpu; run this script on a machine with a GPU"
nvcc=$(find_nvcc) || fail 'nvcc: not found; install the CUDA toolkit'
capability=$(query_gpu compute_cap)
arch=${arch:-${capability/./}-real}

build=$PWD/build/gpu
lyrnn=$build/lyrnn
log=$out/log.txt
deadline=$((SECONDS + limit))
running=$(mktemp -d) # scratch files, and in processes/ a file per process that runs
mkdir -p "$running/processes" "$out"
# Plans are measured again, and the user's cache stays as it is.
export running log XDG_CACHE_HOME=$running/cache
tests=()
rm -f "$out"/{report.md,summary.json,log.txt,tune.jsonl,bench.jsonl,profile.txt,estimate.txt} \
    "$out/speed.jsonl"

# ---- parts ---------------------------------------------------------------------------------------

# The device's properties, and how many clusters fit at once. Needs no build.
part_device() {
    check 'compile device_properties.cu' 60 "$nvcc" -std=c++17 -arch="sm_${capability/./}" \
        -o "$running/device_properties" scripts/device_properties.cu || return
    if stdout=$running/device.json check 'device properties and a first kernel' 60 \
        "$running/device_properties"; then
        device=$(<"$running/device.json")
    fi
}

# Installs the packages that the build needs, unless --deps brings them.
part_packages() {
    if [[ -z $deps ]]; then
        # shellcheck disable=SC2016 # for the inner shell
        check packages 300 bash -c 'set -euo pipefail; source scripts/common.sh
            install_packages "$@"' - "${build_packages[@]}" libcmocka-dev || true
    fi
    optional_packages=()
    # shellcheck disable=SC2119 # it installs nothing
    (set_up) >>"$log" 2>&1 || {
        record set-up failed 0 "$(tail -n 1 "$log")"
        return
    }
    # shellcheck disable=SC2119
    set_up >>"$log" 2>&1
}

# build_key: prints all that decides whether an earlier build may be used again. The host's code is
# for this CPU.
build_key() {
    echo "$PWD $arch $deps $host"
    "$nvcc" --version
}

# Builds only the programs that this script runs: the simulator's take longer than all others.
part_build() {
    local fresh=(--fresh)
    [[ ! -f $build/built_for || $(<"$build/built_for") != "$(build_key)" ]] || fresh=()
    check configure 60 cmake "${fresh[@]}" -S . -B "$build" -DCMAKE_BUILD_TYPE=Release \
        -DLYRNN_CUDA=ON -DCMAKE_CUDA_COMPILER="$nvcc" -DCMAKE_CUDA_ARCHITECTURES="$arch" || return
    build_key >"$build/built_for"
    mapfile -t tests < <(ctest --test-dir "$build" -L gpu -N | sed -n 's/.*: gpu_//p')
    check build 900 cmake --build "$build" --parallel "$(nproc)" \
        --target lyrnn_program "${tests[@]}" && is_built=true
}

# attempt_tests PATH SELECTION...: attempts the tests of the label gpu that ctest selects, and sets
# tests_total, tests_ok and tests_not_run.
attempt_tests() {
    local junit=$build/junit.xml path=$1
    shift
    rm -f "$junit"
    tests_total=0 tests_ok=0 tests_not_run=0
    attempt "ctest $*, recurrence path $path" 120 env LYRNN_DEBUG_RECURRENCE="$path" \
        ctest --test-dir "$build" -L gpu "$@" --parallel 4 --output-on-failure \
        --no-tests=error --output-junit "$junit"
    [[ ! -s $junit ]] || count_tests "$junit"
}

# run_tests PATH SELECTION...: this machine has a GPU, so a test that skips itself has failed.
run_tests() {
    attempt_tests "$@"
    ((tests_ok == tests_total)) || status=1
    ((status == 0 || tests_total == 0)) ||
        why="only $tests_ok of $tests_total passed, $tests_not_run skipped; see log.txt"
    record_attempt || true
}

# All tests but those of several ranks, which need a GPU each (part_ranks).
for_one_gpu=(-LE ranks)

recurrence_paths=(steps resident grid block)

part_operations() {
    local path
    run_tests cost "${for_one_gpu[@]}" -R '^gpu_test_operations'
    for path in "${recurrence_paths[@]}"; do
        run_tests "$path" "${for_one_gpu[@]}" -R '^gpu_test_operations_(recurrence|invariant)$'
    done
}

# sanitize END SANITIZER TOOL PATH TEST: runs a test under compute-sanitizer until END, in seconds
# since 1970. Prints the result as one line.
sanitize() {
    local start=$EPOCHSECONDS status=-1 left output
    left=$(($1 - start))
    output=$(mktemp "$running/XXXXXX")
    if ((left > 0)); then
        status=0
        LYRNN_TEST_DEVICE=cuda LYRNN_DEBUG_RECURRENCE=$4 guarded "$left" "$2" --tool "$3" \
            --error-exitcode 99 "$5" >"$output" 2>&1 || status=$?
    fi
    {
        flock 9
        printf '\n$ LYRNN_DEBUG_RECURRENCE=%s compute-sanitizer --tool %s %s\n' "$4" "$3" "$5" >&9
        head -c 200000 "$output" >&9
    } 9>>"$log"
    rm "$output"
    echo "$status $((EPOCHSECONDS - start)) $3 $4 ${5##*/}"
}
export -f sanitize

# list_sanitizations: prints a tool, a path of the recurrence and a test per line. The recurrence
# waits between blocks, so it comes first.
list_sanitizations() {
    local test tool path
    for tool in memcheck racecheck synccheck initcheck; do
        for path in resident grid block; do
            echo "$tool $path $build/tests/test_operations_recurrence"
        done
    done
    for test in "${tests[@]}"; do
        [[ $test == test_operations* && $test != *_recurrence && $test != *_ranks ]] || continue
        for tool in memcheck racecheck synccheck initcheck; do
            echo "$tool cost $build/tests/$test"
        done
    done
}

# can_sanitize: compute-sanitizer refuses some machines, which says nothing about lyrnn.
can_sanitize() {
    sanitizer=$(command -v compute-sanitizer ||
        command -v "$(dirname "$nvcc")/compute-sanitizer") || {
        not_run compute-sanitizer 'not installed'
        return 1
    }
    attempt 'compute-sanitizer on a first kernel' 30 "$sanitizer" --tool memcheck \
        --error-exitcode 99 "$running/device_properties"
    ((status == 0)) || not_run compute-sanitizer "it does not work on this machine: $why"
    ((status == 0))
}

# The operation tests launch every kernel, on small shapes. Four run at a time.
part_sanitizers() {
    local sanitizer status seconds tool path test result
    can_sanitize || return
    while read -r status seconds tool path test; do
        result=failed
        ((status != 0)) || result=passed
        # A test that has not ended says nothing.
        ((status != -1 && status != 124 && status != 137)) || result='not run'
        record "$tool, $test, recurrence path $path" "$result" "$seconds" \
            "$(explain "$status" "$seconds")" \
            "LYRNN_DEBUG_RECURRENCE=$path compute-sanitizer --tool $tool build/gpu/tests/$test"
    done < <(list_sanitizations | xargs -P 4 -L 1 bash -c 'sanitize "$@"' - \
        "$((EPOCHSECONDS + part_end - SECONDS))" "$sanitizer")
}

# The cycles of a time step by the machine code. This needs no GPU, so it comes last.
part_estimate() {
    find_tool nvdisasm >/dev/null || {
        not_run 'kernel_report.sh --estimate' 'no nvdisasm; install the whole CUDA toolkit'
        return
    }
    stdout=$out/estimate.txt check 'kernel_report.sh --estimate' 100 \
        scripts/kernel_report.sh --estimate || rm -f "$out/estimate.txt"
}

# same_losses RUN OTHER: succeeds if the losses of both trainings agree within 1e-4. A loss that is
# not finite is null.
same_losses() {
    paste <(sed 's/.*"loss": *//; s/[,}].*//' "$1/metrics.jsonl") \
        <(sed 's/.*"loss": *//; s/[,}].*//' "$2/metrics.jsonl") |
        awk 'NF != 2 || /null/ || !($1 - $2 <= 1e-4 * $2 && $2 - $1 <= 1e-4 * $2) {bad = 1}
             {print} END {exit bad || NR == 0}'
}
export -f same_losses

# train WHAT FOLDER PATH OPTION...
train() {
    local what=$1 folder=$2 path=$3
    shift 3
    check "lyrnn train, $what" 60 env "LYRNN_DEBUG_RECURRENCE=$path" "$lyrnn" train \
        --preset tutorial --num-epochs 5 --pred-period 1000 --out "$folder" "$@"
}

# Every option of the recipe at once. The step is still one graph.
recipe=(--cell lstm --num-layers 2 --embedding-size 128 --tie --dropout 0.2 --dropout-input 0.2
    --dropout-output 0.3 --dropout-weight 0.3 --schedule cosine --warmup 20 --weight-decay 0.1
    --beta2 0.99 --ema 0.9 --shards 4)

# Whole trainings: on each path the CPU's losses, and the same bytes from the same command.
part_trainings() {
    local path runs
    runs=$(mktemp -d)
    train 'on the CPU' "$runs/cpu" cost --device cpu || true
    for path in "${recurrence_paths[@]}"; do
        train "recurrence path $path" "$runs/$path" "$path" --device cuda --tune off || continue
        check "losses of the path $path and the CPU" 10 bash -c 'same_losses "$@"' - \
            "$runs/$path" "$runs/cpu" || true
    done
    # The first measures the plans, and the second finds them in the cache.
    if train first "$runs/first" cost --device cuda &&
        train second "$runs/second" cost --device cuda; then
        check 'both trainings write the same model' 10 \
            cmp "$runs"/{first,second}/latest/model.safetensors || true
    fi
    train 'the whole recipe' "$runs/recipe" cost --device cuda "${recipe[@]}" || true
    for path in cost "${recurrence_paths[@]}"; do
        run_tests "$path" "${for_one_gpu[@]}" -E '^gpu_test_operations'
    done
    rm -rf "$runs"
}

no_nccl='no libnccl.so.2 here; install libnccl2, or add --nccl to bundle_deps.sh'

# One rank sends its gradients to itself. That is as much of NCCL as one GPU can run, and it must
# change no bit.
part_one_rank() {
    local nccl path
    nccl=$(find_nccl) || {
        not_run 'a group of one rank' "$no_nccl"
        return
    }
    for path in cost "${recurrence_paths[@]}"; do
        check "a group of one rank, recurrence path $path" 60 env LYRNN_TEST_DEVICE=cuda \
            "LYRNN_NCCL=$nccl" "LYRNN_DEBUG_RECURRENCE=$path" "$build/tests/test_one_rank" || true
    done
}

# lose_rank FOLDER COMMAND...: kills rank 1 of a training of two ranks after its first checkpoint.
# Rank 0 must say so and end within 10 s.
lose_rank() {
    local folder=$1 starter ranks status=0
    shift
    "$@" --ranks 2 --out "$folder" 2>"$folder.stderr" &
    starter=$!
    until [[ -e $folder/latest/model.safetensors ]]; do
        kill -0 "$starter" || {
            cat "$folder.stderr"
            echo 'the training ended too soon'
            return 1
        }
        sleep 0.1
    done
    read -ra ranks <<<"$(<"/proc/$starter/task/$starter/children")"
    kill -KILL "${ranks[1]}"
    SECONDS=0
    wait "$starter" || status=$?
    cat "$folder.stderr"
    echo "the training ended with status $status, $SECONDS s after rank 1 was killed"
    grep -q '^lyrnn: rank 1 (.*): is gone' "$folder.stderr" && ((status == 1 && SECONDS <= 10))
}
export -f lose_rank

# Two ranks on two GPUs must write the bytes of one, and notice a rank that is gone. A test skips
# itself if this machine has fewer GPUs than it needs ranks.
part_ranks() {
    local runs nccl file num_devices
    num_devices=$(sed -n 's/.*"devices": \([0-9]*\).*/\1/p' <<<"$device")
    ((${num_devices:-0} > 1)) || {
        not_run 'several ranks' 'CUDA does not find two GPUs; run this on a machine with several'
        return
    }
    nccl=$(find_nccl) || {
        not_run 'several ranks' "$no_nccl"
        return
    }
    export LYRNN_NCCL=$nccl
    runs=$(mktemp -d)
    if train 'two shards' "$runs/one" cost --device cuda --tune off --shards 2 &&
        train 'two ranks' "$runs/two" cost --device cuda --tune off --shards 2 --ranks 2; then
        for file in model trainer; do
            check "two ranks write the bytes of one, $file" 10 \
                cmp "$runs"/{one,two}/latest/$file.safetensors || true
        done
    fi
    check 'kill -9 of one of two ranks' 60 bash -c 'lose_rank "$@"' - "$runs/lost" "$lyrnn" \
        train --preset tutorial --device cuda --tune off --shards 2 --num-epochs 1000000 \
        --checkpoint-every 1 --pred-period 1000000 || true
    attempt_tests cost -L ranks
    if ((status == 0 && tests_not_run > 0)); then
        record "$name" 'not run' "$took" \
            "$tests_not_run of $tests_total need more GPUs; the others passed" "$command"
    else
        record_attempt || true
    fi
    rm -rf "$runs"
}

# Two layers overlap, and each grid wants the whole device. If both began, both would wait for ever.
part_two_layers() {
    check '10,000 steps of two layers on the grid path' 120 env LYRNN_DEBUG_RECURRENCE=grid \
        "$lyrnn" bench --device cuda --num-layers 2 --num-steps 64 --steps 5000 --repetitions 1 \
        --tune off || true
}

# bench WHAT VARIANT SETTING OPTION...: adds rows with this variant to bench.jsonl. SETTING is an
# environment variable with its value.
bench() {
    local what=$1 variant=$2 setting=$3
    shift 3
    : >"$running/rows"
    stdout=$running/rows attempt "lyrnn bench, $what" 120 env "$setting" "$lyrnn" bench \
        --device cuda --format jsonl "$@"
    sed "s/^{/{\"variant\": $(json_text "$variant"), /" "$running/rows" >>"$out/bench.jsonl"
    record_attempt || true
}

# Whether it matters that a replayed graph keeps the priorities of its nodes.
part_priorities() {
    local preset priority
    for preset in A B D; do
        for priority in 0 1; do
            bench "shape $preset, node priority $priority" "node priority $priority" \
                "CUDA_GRAPHS_USE_NODE_PRIORITY=$priority" --preset "$preset" --steps 20 \
                --repetitions 3
        done
    done
}

part_tune() {
    stdout=$out/tune.jsonl check 'lyrnn tune, shapes A to F' 120 "$lyrnn" tune --device cuda \
        --preset ladder --format jsonl || true
}

# profile TOOL WHAT COMMAND...: adds the CSV that COMMAND prints to profile.txt, under a heading.
profile() {
    local tool=$1 what=$2
    shift 2
    printf '== %s %s\n' "$tool" "$what" >>"$out/profile.txt"
    stdout=$out/profile.txt check "$tool, $what" 60 "$@" || true
}

few_steps=("$lyrnn" bench --device cuda --steps 5 --repetitions 1)

part_nsys() {
    local nsys preset trace=$running/trace
    nsys=$(command -v nsys) || {
        not_run nsys 'not installed'
        return
    }
    for preset in A B D; do
        check "nsys profile, shape $preset" 40 "$nsys" profile --trace=cuda \
            --cuda-graph-trace=node --force-overwrite=true --output="$trace" \
            "${few_steps[@]}" --preset "$preset" || continue
        profile nsys "$preset" "$nsys" stats --report cuda_gpu_kern_sum --format csv \
            "$trace.nsys-rep"
    done
    rm -f "$trace".*
}

# The kernels of the first step: forward and backward, each in up to two chunks.
part_ncu() {
    local ncu each preset path
    ncu=$(command -v ncu) || {
        not_run ncu 'not installed'
        return
    }
    for each in 'A resident' 'B grid' 'A block'; do
        read -r preset path <<<"$each"
        profile ncu "$preset, path $path" env "LYRNN_DEBUG_RECURRENCE=$path" "$ncu" --set full \
            --clock-control none --launch-count 4 \
            --kernel-name 'regex:(resident|grid|block)_(forward|backward)_kernel' --page raw \
            --csv "${few_steps[@]}" --preset "$preset" --tune off
    done
}

part_bench() {
    local precision
    for precision in fp32 tf32 bf16; do
        bench "shapes A to F, $precision" '' LYRNN_DEBUG_RECURRENCE=cost --preset ladder \
            --precision "$precision" --steps 10 --repetitions 3
    done
}

# One check per preset: if the time runs out, the results of the earlier ones remain. A, D and B
# show the three paths.
part_pytorch() {
    local torch preset
    for torch in python3 /usr/bin/python3 ''; do
        guarded 60 "${torch:-true}" -c 'import torch; assert torch.cuda.is_available()' \
            2>/dev/null && break
    done
    for preset in A D B E C F; do
        if [[ -z $torch ]]; then
            not_run "lyrnn and PyTorch, shape $preset" \
                'no python3 here has a PyTorch that finds the GPU'
        else
            check "lyrnn and PyTorch, shape $preset" 200 "$torch" scripts/bench/compare.py \
                --device cuda --lyrnn "$lyrnn" --preset "$preset" --rounds 2 \
                --json "$out/speed.jsonl" || true
        fi
    done
}

# ---- the run -------------------------------------------------------------------------------------

toolkit=$("$nvcc" --version | sed -n 's/.*release //p')
started=$(date -u '+%Y-%m-%dT%H:%M:%SZ')
commit=$(git describe --always --dirty 2>/dev/null || echo unknown)
host="$(sed -n 's/^model name.*: //p;T;q' /proc/cpuinfo), $(nproc) cores"
host+=", gcc $(gcc -dumpfullversion 2>/dev/null || echo 'not there yet')"
python=$(command -v python3 || command -v /usr/bin/python3 || true)
is_built=false
describe_run
trap finish EXIT
trap 'interrupted 130' INT
trap 'interrupted 143' TERM HUP
printf '%s\n' "date: $started" "commit: $commit" "GPU: $gpu" "host: $host" | tee -a "$log"

run_part device 20
run_part packages 60
run_part build 120
parts=('operations 45' 'sanitizers 75' 'trainings 60' 'one_rank 20' 'ranks 45' 'two_layers 30'
    'priorities 30' 'tune 40' 'nsys 30' 'ncu 40' 'bench 60' "pytorch $default_limit"
    "estimate $default_limit")
for each in "${parts[@]}"; do
    read -r name seconds <<<"$each"
    if "$is_built"; then
        run_part "$name" "$seconds"
    else
        part=$name
        not_run "$name" 'the build failed; see log.txt'
    fi
done
part='' finished=true
[[ -n $python ]] || not_run report 'no python3 here; run scripts/gpu_report.py OUT elsewhere'
finish
echo "$failed failed of ${#results[@]}; $out/report.md has the numbers"
((failed == 0))
