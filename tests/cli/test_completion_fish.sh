#!/usr/bin/env bash
# fish's completion, computed by fish itself.
set -euo pipefail
. "$(dirname "$0")/lib.sh" "$1"
. "$(dirname "$0")/completion_cases.sh"
command -v fish >/dev/null || {
    echo 'SKIPPED: fish is not installed'
    exit 77
}
export HOME=$scratch XDG_CONFIG_HOME=$scratch XDG_DATA_HOME=$scratch XDG_CACHE_HOME=$scratch

# Candidates are followed by a tab and their description. Directories end in a slash.
complete_line() {
    fish --no-config -c "source '$1'; complete -C '$2'" | cut -f 1 | sed 's|/$||'
}

check_completions "$share/fish/vendor_completions.d/lyrnn.fish"
