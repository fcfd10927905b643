#!/usr/bin/env bash
# Snakemake runs this in the activated environment, once, after it is built from analysis.yaml.
# UMAP's functions are compiled at their first use, which takes half a minute, and kept in the
# environment. That is done beside the first jobs, which leave it time: those of Fig. 1 come last. One
# that starts sooner compiles for itself. What is to be kept that UMAP doesn't keep by itself is named
# in workflow_scripts/embedding_sensitivity/analysis/trajectories.py too.
set -euo pipefail
nohup python - >/dev/null 2>&1 <<'EOP' &
import numpy as np
import umap
from umap import distances, layouts, umap_, utils

for function in (
    utils.tau_rand_int,
    distances.euclidean,
    layouts.clip,
    layouts._nb_optimize_layout_euclidean_single_epoch,
    utils.fast_knn_indices,
    umap_.smooth_knn_dist,
    umap_.compute_membership_strengths,
):
    function.enable_caching()
points = np.random.default_rng(0).normal(size=(60, 256)).astype(np.float32)
umap.UMAP(n_neighbors=3, random_state=0, n_jobs=1).fit_transform(points)
EOP
