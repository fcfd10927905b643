#!/usr/bin/env bash
# Snakemake runs this in the activated environment, once, after it is built from muq.yaml.
# muq has MuQ's code without weights. It comes as source alone, and is built with the environment's
# own setuptools. Of torchaudio its spectrogram is used, which is Python on torch; its compiled part is
# for another torch, and isn't loaded.
set -euo pipefail
python -m pip install --quiet --no-deps --no-cache-dir --no-build-isolation \
    --only-binary torchaudio --require-hashes --requirement /dev/stdin <<'EOR'
muq==0.1.0 --hash=sha256:67ebb47d238e702151253d08e83e2dbbbe89d24c414b5b410d9b3db55c4a6fa8
torchaudio==2.11.0 --hash=sha256:1a07ec72fd6f26a588c39b5f029e0130d16bb40bc4221635580bf8fb18fcbc80
EOR
