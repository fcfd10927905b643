#!/usr/bin/env bash
# Snakemake runs this in the activated environment, once, after it is built from passt.yaml.
# hear21passt has the network; its metadata ask for timm, which it only downloads with and which
# brings another torch, and for torchaudio. Of torchaudio only compliance/kaldi.py is used, which is
# Python: the package's compiled part is built for an older torch, whose version its metadata would
# ask for.
set -euo pipefail
python -m pip install --quiet --no-deps --only-binary :all: --require-hashes --requirement /dev/stdin <<'EOR'
hear21passt==0.0.26 --hash=sha256:a3a7377604c6d829369111ab26a86fc5dd40154ec611b8fa5819ecaa6b252550
torchaudio==2.11.0 --hash=sha256:1a07ec72fd6f26a588c39b5f029e0130d16bb40bc4221635580bf8fb18fcbc80
EOR
