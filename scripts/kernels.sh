# Compiles the kernels as the module's build does, into build/kernels, for the scripts that report
# on them: PTX with nvcc, and machine code from that PTX with ptxas. cuda/architectures.txt says for
# which cards. A script sources this file in the root of the repository, after common.sh.
# shellcheck shell=bash

kernels=build/kernels
nvcc_flags=(-std=c++17 -O3 -DNDEBUG -Iinclude -Ihost -ptx -Werror all-warnings)
# Spills and other local memory are errors: every kernel runs in every training step.
ptxas_flags=(-v --warn-on-spills --warn-on-local-memory-usage --warning-as-error)

# find_toolkit: sets nvcc, ptxas and sources_key, the digest of all that the kernels depend on.
find_toolkit() {
    nvcc=$(find_nvcc) || fail 'nvcc: not found; install the CUDA toolkit'
    ptxas=$(dirname "$(realpath "$nvcc")")/ptxas
    [[ -x $ptxas ]] || fail "$ptxas: not found; install the whole CUDA toolkit"
    sources_key=$({
        "$nvcc" --version
        echo "${nvcc_flags[*]} ${ptxas_flags[*]}"
        cat cuda/*.cu* include/lyrnn/*.h host/base/*.h
    } | sha256sum)
}

# find_tool NAME: prints the path of nvdisasm or cuobjdump, or fails if it is not installed.
find_tool() {
    local program
    for program in "$1" "$(dirname "$(realpath "$(find_nvcc)")")/$1" \
        build/venv/lib/python*/site-packages/nvidia/*/bin/"$1"; do
        "$program" --version >/dev/null 2>&1 || continue
        command -v "$program"
        return
    done
    return 1
}

# install_disassemblers: some toolkits lack nvdisasm and cuobjdump. Installs them into build/venv if
# there is nvcc and python3 has venv and pip.
install_disassemblers() {
    find_nvcc >/dev/null || return 0
    { find_tool nvdisasm && find_tool cuobjdump; } >/dev/null || {
        { [[ -x build/venv/bin/pip ]] || python3 -m venv build/venv; } &&
            build/venv/bin/pip install 'nvidia-cuda-nvdisasm==13.*' 'nvidia-cuda-cuobjdump==13.*' &&
            chmod +x build/venv/lib/python*/site-packages/nvidia/*/bin/*
    } >build/disassemblers.log 2>&1 ||
        echo 'packages: nvdisasm and cuobjdump are missing and cannot be installed, see' \
            'build/disassemblers.log'
}

# list_pairs [ARCH...]: prints "PTX MACHINE built|checked" for each compilation of the table that
# this nvcc knows; if ARCH is given, only those whose machine code is for one of them.
list_pairs() {
    local ptx built checked arch known
    known=" $("$nvcc" --list-gpu-code | sed 's/^sm_//' | paste -sd' ') "
    while IFS='|' read -r ptx built checked; do
        for arch in $built / $checked; do
            if [[ $arch == / ]]; then
                built=
            elif [[ $known == *" $arch "* && (-z $* || " $* " == *" $arch "*) ]]; then
                echo "${ptx// /} $arch ${built:+built}"
            fi
        done
    done < <(grep '^[0-9]' cuda/architectures.txt) | sed 's/ $/ checked/'
}

# run_jobs FUNCTION: runs the exported function once per line of standard input, in parallel.
run_jobs() {
    # shellcheck disable=SC2016 # for the inner shell
    xargs -r -P "$(nproc)" -L 1 bash -c "$1"' "$@"' -
}

# make_ptx PTX SOURCE
make_ptx() {
    local out=$kernels/ptx_$1/${2##*/}
    out=${out%.cu}
    # shellcheck disable=SC2086 # words
    "$nvcc" $nvcc_words -arch="compute_$1" -o "$out.ptx" "$2" >"$out.log" 2>&1 || touch "$out.bad"
}

# make_machine_code PTX MACHINE SOURCE
make_machine_code() {
    local name=${3##*/} out
    name=${name%.cu}
    out=$kernels/sm_$2_from_$1/$name
    # shellcheck disable=SC2086 # words
    "$ptxas" $ptxas_words -arch="sm_$2" -o "$out.cubin" "$kernels/ptx_$1/$name.ptx" \
        >"$out.log" 2>&1 || touch "$out.bad"
}

# is_current FOLDER: whether all of its files come from the present sources.
is_current() {
    [[ -f $1/key && $(<"$1/key") == "$sources_key" ]]
}

# stop_if_bad FOLDER...: prints what the compiler says of a source that does not compile, and stops.
# If all compiled, marks the folders as current.
stop_if_bad() {
    local bad folder
    mapfile -t bad < <(find "$@" -name '*.bad')
    if ((${#bad[@]} > 0)); then
        for bad in "${bad[@]}"; do
            echo "${bad%.bad}:"
            grep -vE '^ptxas info|bytes stack frame' "${bad%.bad}.log" || true
        done
        fail "${#bad[@]} compilations failed; correct the errors above"
    fi
    for folder; do
        echo "$sources_key" >"$folder/key"
    done
}

# compile_kernels PAIR...: brings the folders of these lines of list_pairs up to date:
# build/kernels/ptx_PTX and build/kernels/sm_MACHINE_from_PTX, with one file per source and its log.
# Until the script ends, another one that wants the kernels waits.
compile_kernels() {
    local pair ptx arch source folder lock ptx_folders=() folders=()
    mkdir -p "$kernels"
    exec {lock}>"$kernels/lock"
    flock "$lock"
    export nvcc ptxas kernels nvcc_words="${nvcc_flags[*]}" ptxas_words="${ptxas_flags[*]}"
    export -f make_ptx make_machine_code
    for pair; do
        read -r ptx arch _ <<<"$pair"
        folder=$kernels/ptx_$ptx
        [[ " ${ptx_folders[*]} " == *" $folder "* ]] || is_current "$folder" ||
            ptx_folders+=("$folder")
        folder=$kernels/sm_${arch}_from_$ptx
        is_current "$folder" || folders+=("$folder")
    done
    ((${#folders[@]} > 0)) || return 0
    rm -rf "${ptx_folders[@]}" "${folders[@]}"
    mkdir -p "${ptx_folders[@]}" "${folders[@]}"
    for source in cuda/*.cu; do
        for folder in "${ptx_folders[@]}"; do
            echo "${folder##*_} $source"
        done
    done | run_jobs make_ptx
    ((${#ptx_folders[@]} == 0)) || stop_if_bad "${ptx_folders[@]}"
    for source in cuda/*.cu; do
        for folder in "${folders[@]}"; do
            [[ $folder =~ sm_(.*)_from_(.*) ]]
            echo "${BASH_REMATCH[2]} ${BASH_REMATCH[1]} $source"
        done
    done | run_jobs make_machine_code
    stop_if_bad "${folders[@]}"
}
