#!/usr/bin/env bash
# Snakemake runs this in the activated environment, once, after it is built from analysis.yaml.
# UMAP's functions are compiled at their first use, which takes half a minute, and kept in the
# environment: now, or in every job that starts before the first one is done.
set -euo pipefail
python - <<'EOP'
import numpy as np
import umap

points = np.random.default_rng(0).normal(size=(64, 256)).astype(np.float32)
umap.UMAP(n_neighbors=3, random_state=0, transform_seed=0, n_jobs=1).fit(points).transform(points[:9])
EOP
