#!/usr/bin/env bash
# Snakemake runs this in the activated environment, once, after it is built from audio.yaml.
# Wheels only, each the one file whose hash is here. pretty_midi is wanted for TimGM6mb.sf2
# inside it: the soundfont that the demo's clips are played with.
set -euo pipefail
python -m pip install --quiet --no-deps --only-binary :all: --require-hashes --requirement /dev/stdin <<'EOR'
pretty_midi==0.2.11.post0 --hash=sha256:a3e2321736245a9c92259716d85a4762f16b7bde2f591fb0dba95bdb6e793d8a
tinysoundfont==0.3.7 --hash=sha256:f638536ce801dd77526419e25a53576ffd4f7d58d6e1673e6b70a1a8c4773448
EOR
