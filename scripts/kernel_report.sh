#!/usr/bin/env bash
# kernel_report.sh [ARCH... | --estimate]: compiles the kernels that ship (cuda/architectures.txt)
# and prints the registers, shared memory, stack and spills that ptxas reports for each. It compiles
# each source to PTX once, and that PTX for every card that a driver would compile it for. Warnings,
# spills and local memory are errors. ARCH (for example 89) limits the cards to that compute
# capability. --estimate instead prints how many cycles a time step of the recurrence takes on four
# cards, for the shapes of the bench's ladder. It counts them from the machine code (scripts/sass),
# and needs nvdisasm, g++ and Python.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/common.sh
source scripts/kernels.sh

# estimate: prints the estimate, with the plans that the library makes.
estimate() {
    local pairs python nvdisasm
    python=$(command -v python3) || fail 'python3: not found; install it'
    nvdisasm=$(find_tool nvdisasm) ||
        fail 'nvdisasm: not found; install the whole CUDA toolkit or the Python package' \
            'nvidia-cuda-nvdisasm'
    mapfile -t pairs < <(list_pairs 80 89 90 | grep built)
    compile_kernels "${pairs[@]}"
    # The linker leaves out what needs the simulator itself.
    g++ -std=c++17 -O1 -DLYRNN_CUDA_SIM -Itests/cuda_sim/include -Itests/cards -Iinclude -Ihost \
        -Icuda -ffunction-sections -Wl,--gc-sections -o "$kernels/print_plans" \
        scripts/sass/print_plans.cpp tests/cards/cards.cpp
    "$python" scripts/sass/sass_estimate.py --nvdisasm "$nvdisasm" --kernels "$kernels" \
        --print-plans "$kernels/print_plans"
}

if [[ $* == --estimate ]]; then
    find_toolkit
    estimate
    exit
fi
for arch; do
    [[ $arch =~ ^[0-9]+$ ]] || {
        echo "usage: ${0##*/} [ARCH...] | --estimate" >&2
        exit 2
    }
done
find_toolkit
mapfile -t pairs < <(list_pairs "$@")
((${#pairs[@]} > 0)) || fail "${*:-cuda/architectures.txt}: no such compute capability in" \
    'cuda/architectures.txt or in this nvcc; name another'
compile_kernels "${pairs[@]}"

# One row per kernel and compilation: PTX, architecture, built or checked, mangled name, registers,
# then bytes of shared memory, stack and spills. A function that was not inlined counts toward the
# kernel before it. The simulator and tests/cards read the rows with mangled names.
for pair in "${pairs[@]}"; do
    read -r ptx arch _ <<<"$pair"
    cat "$kernels/sm_${arch}_from_$ptx"/*.log | awk -F"'" -v pair="$pair" '
        function row() {
            if (kernel != "") print pair, kernel, registers, shared, stack, spills
            shared = stack = spills = 0; registers = "?"
        }
        function before(word) {
            return match($0, "[0-9]+ " word) ? substr($0, RSTART, RLENGTH) + 0 : 0
        }
        /Compiling entry function/ { row(); kernel = $2 }
        /bytes stack frame/ {
            stack += before("bytes stack frame")
            spills += before("bytes spill stores") + before("bytes spill loads")
        }
        /: Used [0-9]+ registers/ {
            registers = before("registers")
            shared = before("bytes smem")
        }
        END { row() }'
done | tee "$kernels/resources" | c++filt |
    sed -E 's/\(lyrnn_cell\)0/rnn_tanh/; s/\(lyrnn_cell\)1/rnn_relu/
    s/\(lyrnn_cell\)2/lstm/; s/\(lyrnn_cell\)3/gru/; s/(built|checked) void /\1 /
    s/\(anonymous namespace\)::|lyrnn_cuda_//g; s/\([^()]*\)( [0-9?]+ )/\1/; s/, /,/g' \
    >"$kernels/rows"
[[ -s $kernels/rows ]] || fail 'ptxas: reported no kernel; check the logs in build/kernels'

# One line per kernel: a column of registers for each machine code, and the maximum of the rest.
# "86<80" is machine code for 8.6 from PTX for 8.0.
awk -v all="$*" '
    all != "" || $3 == "built" {
        column = $2 "<" $1
        if (!(column in known)) { known[column]; columns[++num_columns] = column }
        registers[$4, column] = $5
    }
    {
        kernels[$4]
        for (i = 6; i <= 8; i++) if ($i > most[$4, i]) most[$4, i] = $i
    }
    END {
        line = sprintf("%-40s", "kernel")
        for (i = 1; i <= num_columns; i++) line = line sprintf(" %8s", columns[i])
        print line "   shared  stack spills"
        for (kernel in kernels) {
            line = sprintf("%-40s", kernel)
            for (i = 1; i <= num_columns; i++)
                line = line sprintf(" %8s", registers[kernel, columns[i]])
            print line sprintf("  %7d %6d %6d", most[kernel, 6], most[kernel, 7], most[kernel, 8]) \
                | "sort -V"
        }
    }' "$kernels/rows"

# The verdict on each compilation. ptxas has already stopped at a spill; this also counts kernels.
awk '
    { pair = $1 " " $2 " " $3 }
    !(pair in count) { order[++num] = pair }
    { count[pair]++; if ($5 > most[pair]) most[pair] = $5; bytes[pair] += $7 + $8 }
    END {
        for (i = 1; i <= num; i++) {
            split(order[i], part, " ")
            printf "PTX %3s -> sm_%-3s (%s): %d kernels, at most %d registers, %d bytes local\n",
                part[1], part[2], part[3], count[order[i]], most[order[i]], bytes[order[i]]
            if (count[order[i]] != count[order[1]] || bytes[order[i]]) bad = 1
        }
        exit bad
    }' "$kernels/rows"
