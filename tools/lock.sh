#!/bin/sh
# Write requirements.txt anew from pyproject.toml, and requirements-dev.txt from
# requirements-dev.in. Run by `make lock`.
#
# The lock is universal: one file for every platform and Python from 3.11 on, with markers where
# they differ. It leaves out what only CUDA builds of torch ask for, because the installer takes
# the CPU build; and it has no hashes, because the CPU wheel of torch differs from index to index.
set -eu
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet uv

compile() { # source, target, further arguments
    source=$1 target=$2
    shift 2
    "$work/venv/bin/uv" pip compile --quiet --universal --fork-strategy fewest \
        --python-version 3.11 --no-header --no-annotate --upgrade \
        "$source" -o "$work/$target" "$@"
    {
        echo "# Made by \`make lock\` from $source. Do not edit."
        grep -Ev '^(nvidia-|cuda-|triton==)' "$work/$target"
    } > "$target"
}

compile pyproject.toml requirements.txt
compile requirements-dev.in requirements-dev.txt -c "$work/requirements.txt"
