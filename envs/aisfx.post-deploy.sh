#!/usr/bin/env bash
# Snakemake runs this in the activated environment, once, after it is built from aisfx.yaml.
# The wheel with this hash holds network and weights, whose licence is CC BY 4.0. Its metadata ask
# for numpy 1.23, librosa 0.9 and tqdm 4.62, which the network doesn't need.
set -euo pipefail
python -m pip install --quiet --no-deps --only-binary :all: --require-hashes --requirement /dev/stdin <<'EOR'
aisfx==0.1.2 --hash=sha256:bfe219950715af179e9a1653e7117cc1852baef267cd6596c42cad74afe1d194
EOR
