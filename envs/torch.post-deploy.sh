#!/usr/bin/env bash
# Snakemake runs this in the activated environment, once, after it is built from torch.yaml.
# The packages of PANNs and CLAP, of which the workflow uses the networks alone.
set -euo pipefail
python -m pip install --quiet --no-deps --only-binary :all: --require-hashes --requirement /dev/stdin <<'EOR'
panns-inference==0.1.1 --hash=sha256:97f6b56b6c9467cf00e21f041e1f88933188c65c1b5ca64eeb3c92e37fb27fc2
msclap==1.3.4 --hash=sha256:14cfce74ce97390d7fd8096bb49ddc476c148adb11fa53283fa6532da505c3db
EOR
