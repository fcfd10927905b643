#!/usr/bin/env bash
# Snakemake runs this in the activated environment, once, after it is built from musicnn.yaml.
# The wheel with this hash holds the pretrained MTT weights. Its own code, which needs TensorFlow,
# is not imported here; its metadata ask for numpy < 1.17 and for TensorFlow's GPU build.
set -euo pipefail
python -m pip install --quiet --no-deps --only-binary :all: --require-hashes --requirement /dev/stdin <<'EOR'
musicnn==0.1.0 --hash=sha256:f38a4890c648c1ddbb141c5d96d2b0a8cfcd36746002d896989f7b88beb65cfa
EOR
