#!/usr/bin/env bash
# Snakemake runs this in the activated environment, once, after it is built from tensorflow.yaml.
# The wheel with this hash holds the code and the pretrained MTT and MSD weights.
set -euo pipefail
python -m pip install --quiet --no-deps --only-binary :all: --require-hashes --requirement /dev/stdin <<'EOR'
musicnn==0.1.0 --hash=sha256:f38a4890c648c1ddbb141c5d96d2b0a8cfcd36746002d896989f7b88beb65cfa
EOR
