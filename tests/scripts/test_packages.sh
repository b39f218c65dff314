#!/usr/bin/env bash
# common.sh installs the packages that are missing and no others, also after an installation that
# was interrupted. The tools of Debian are made up: a package is a file with its state in packages/,
# and while the file interrupted is there, apt-get refuses to install, as the real one does.
# shellcheck disable=SC2016 # the shells that are started expand what is in single quotes
set -euo pipefail
root=$(realpath "$(dirname "${BASH_SOURCE[0]}")/../..")
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
mkdir "$scratch/bin"
cd "$scratch"

# tool NAME: makes the program NAME from standard input.
tool() {
    { echo "#!$BASH" && cat; } >"bin/$1"
    chmod +x "bin/$1"
}

tool dpkg-query <<<'cat "packages/${*: -1}"'
tool dpkg <<<'echo "dpkg $*" >>log; [[ $* != "--configure -a" ]] || rm -f interrupted'
tool sudo <<<'[[ $1 != -n ]] || shift; exec "$@"'
tool apt-get <<'TOOL'
echo "apt-get $*" >>log
[[ " $* " == *' install '* ]] || exit 0
[[ ! -e interrupted ]] || { echo 'E: dpkg was interrupted' >&2; exit 100; }
[[ ! -e no_network ]] || { echo 'E: unable to fetch' >&2; exit 100; }
for package; do
    [[ $package != made-up-* ]] || echo installed >"packages/$package"
done
TOOL

fail() {
    echo "FAILED: $*"
    sed 's/^/  out: /' out
    sed 's/^/  log: /' log
    exit 1
}

# install STATE...: the packages made-up-STATE have these states. Runs install_packages on them.
install() {
    local state
    rm -rf packages log
    mkdir packages
    : >log
    for state; do
        [[ $state == unknown ]] || echo "$state" >"packages/made-up-$state"
    done
    status=0
    PATH=$scratch/bin:$PATH "$BASH" -c '
        set -euo pipefail
        source "$0/scripts/common.sh"
        install_packages "$@"' "$root" "${@/#/made-up-}" >out 2>&1 </dev/null || status=$?
}

# A package that is installed, or only waits for a trigger such as that of man-db, can be used.
install installed triggers-pending triggers-awaited
[[ $status == 0 && $(<out) == 'packages: all there' && ! -s log ]] || fail 'nothing is missing'

# The others are installed in one go, even after an interruption.
for ((i = 0; i < 2; i++)); do
    install installed unknown config-files half-installed half-configured unpacked
    [[ $status == 0 ]] || fail 'the packages must be installed'
    grep -q '^apt-get .* install .* made-up-unknown made-up-config-files made-up-half-installed'\
' made-up-half-configured made-up-unpacked$' log || fail 'exactly the missing ones'
    touch interrupted
done

# If apt-get fails, its own line says why, and so does the exit status.
touch no_network
install unknown
[[ $status != 0 ]] || fail 'the exit status must not be 0'
grep -q '^E: unable to fetch' out || fail "apt-get's error must be shown"
