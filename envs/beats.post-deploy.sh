#!/usr/bin/env bash
# Snakemake runs this in the activated environment, once, after it is built from beats.yaml.
# openbeats has the network; its metadata ask for a model hub's client, PyYAML and torchaudio. Of
# torchaudio only compliance/kaldi.py is used, which is Python: the package's compiled part is built
# for an older torch, whose version its metadata would ask for.
set -euo pipefail
python -m pip install --quiet --no-deps --only-binary :all: --require-hashes --requirement /dev/stdin <<'EOR'
openbeats==0.1.1 --hash=sha256:c0a99dc920eba7404d272d68a343d9c1885528d0b1d61248c16d0f0e9c99ef49
torchaudio==2.11.0 --hash=sha256:1a07ec72fd6f26a588c39b5f029e0130d16bb40bc4221635580bf8fb18fcbc80
EOR
