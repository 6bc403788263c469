#!/bin/sh
# Makes exports of every format, and has the trainers' own code read them: datasets, LLaMA-Factory's converters as its
# dataset_info.json tells them to, and TRL's dataset helpers with chat templates of transformers. They are in an
# environment of their own, without torch.
set -eu
CDPATH='' cd -- "$(dirname -- "$0")/.."
unset PYTHONHOME PYTHONPATH PIP_USER PIP_TARGET PIP_PREFIX PIP_ROOT

venv=.venv-trainers
wanted=requirements-trainers.txt

# The stamp is a copy of what was asked for, written only after all of it was installed.
if ! cmp -s $wanted $venv/installed || ! $venv/bin/python -c '' 2>/dev/null; then
    echo "Installing what trainers read datasets with (about 300 MB, only this once) ..."
    rm -rf $venv
    .venv/bin/python -m venv $venv
    $venv/bin/python -m pip install --quiet --disable-pip-version-check --no-input --no-deps -r $wanted || {
        echo "The packages could not be installed: see the message above. Check the network, then try again." >&2
        exit 1
    }
    cp $wanted $venv/installed
fi

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
# Nothing is fetched from anywhere: what is checked are files, with tokenizers that are made on the spot.
export HF_HUB_OFFLINE=1 HF_HUB_DISABLE_TELEMETRY=1 HF_DATASETS_DISABLE_PROGRESS_BARS=1 TRANSFORMERS_VERBOSITY=error HF_HOME="$folder/home"
PYTHONPATH=. .venv/bin/python scripts/trainer_exports.py "$folder/exports"
$venv/bin/python scripts/check_trainers.py "$folder/exports"
$venv/bin/python scripts/check_llama_factory.py "$folder/exports"
