#!/usr/bin/env bash
# Runs state_dict.py with a Python that has PyTorch: the system's or the user's own.
#     test_state_dict.sh LYRNN LOGITS
set -euo pipefail
for python in python3 /usr/bin/python3; do
    if "$python" -c 'import torch' 2>/dev/null; then
        exec "$python" "$(dirname "$0")/state_dict.py" "$@"
    fi
done
echo 'skipped: no Python here has PyTorch; on Debian, python3-torch brings it'
exit 77
