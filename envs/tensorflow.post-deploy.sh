#!/usr/bin/env bash
# Snakemake runs this in the activated environment, once, after it is built from tensorflow.yaml.
# The musicnn wheel with this hash holds the code and the pretrained MTT and MSD weights.
# The others come as source alone and are built with the environment's own setuptools. Building
# openl3 downloads every weights file it ever published, unless its setup.py believes it is making
# a source distribution; here the weights are a rule of the workflow. The wheel that comes of it
# has none, so it must not stay in a cache from which another project would take it.
set -euo pipefail
python -m pip install --quiet --no-deps --no-cache-dir --no-build-isolation --only-binary musicnn \
    --require-hashes --requirement /dev/stdin <<'EOR'
musicnn==0.1.0 --hash=sha256:f38a4890c648c1ddbb141c5d96d2b0a8cfcd36746002d896989f7b88beb65cfa
openl3==0.4.2 --config-settings="--global-option=sdist" --hash=sha256:bd590f6c311de5196b615b65a3f49ea1327be72ed6e9e3cddb5631e391c1ee8a
kapre==0.3.6 --hash=sha256:789dde8f574a15cdc461c9bd7a0e5b909977b1efefc4a55bf28a41d0cf5ea7b4
resampy==0.2.2 --hash=sha256:62af020d8a6674d8117f62320ce9470437bb1d738a5d06cd55591b69b463929e
EOR
