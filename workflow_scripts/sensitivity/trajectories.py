"""Deformation trajectories in two dimensions (Fig. 1): UMAP of a few clips at every level."""

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial

import numpy as np
import scipy.sparse.linalg
import sklearn.manifold._spectral_embedding as spectral_embedding
import umap
from umap import umap_, utils


def _keep_compiled() -> None:
    """Let numba keep what it compiles for UMAP beside the package or in the user's cache.

    UMAP doesn't ask for that: every process would compile for 14 s to fit 60 points in 0.05 s.
    """
    for function in (
        utils.tau_rand_int,
        utils.fast_knn_indices,
        utils.submatrix,
        umap_.smooth_knn_dist,
        umap_.compute_membership_strengths,
    ):
        function.enable_caching()


_keep_compiled()


@contextmanager
def _seeded_eigsh(seed: int) -> Iterator[None]:
    """Seed the eigenvalue solver beneath UMAP's start.

    SciPy's `eigsh` draws vectors from a generator of its own where a graph is disconnected, as it
    is where clips lie far apart; UMAP and scikit-learn hand it no seed, so a seeded UMAP differed
    from run to run (SciPy 1.17).
    """
    original = scipy.sparse.linalg.eigsh
    callers = (scipy.sparse.linalg, spectral_embedding)
    try:
        for module in callers:
            module.eigsh = partial(original, rng=seed)
        yield
    finally:
        for module in callers:
            module.eigsh = original


def choose_clips(clips: Sequence[str], number: int, seed: int, label: str) -> list[str]:
    """`number` random clip ids of a label (all if there are fewer), sorted.

    The choice depends on the ids, the seed and the label alone: every model and effect shows the
    same clips.
    """
    clips = sorted(clips)
    return sorted(random.Random(f"{seed} {label}").sample(clips, min(number, len(clips))))


def fit_trajectories(
    effected: np.ndarray, originals: np.ndarray, n_neighbors: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Project `effected` (P, n, d) and `originals` (n, d) to (P, n, 2) and (n, 2), float32.

    UMAP (McInnes et al. 2018, doi:10.21105/joss.00861) is fitted on all effected points, with one
    thread and a seed, as section II-B of the paper has it; the originals are transformed.
    """
    n_levels, n_clips, d = effected.shape
    points = np.ascontiguousarray(effected, dtype=np.float32).reshape(-1, d)
    reducer = umap.UMAP(
        n_neighbors=min(n_neighbors, len(points) - 1),
        # The spectral start needs more points than it has dimensions.
        init="spectral" if len(points) > 8 else "random",
        random_state=seed,
        transform_seed=seed,
        n_jobs=1,
    )
    with _seeded_eigsh(seed):
        fitted = reducer.fit_transform(points)
    starts = np.empty((n_clips, 2), dtype=np.float32)
    # An original that equals as many points as UMAP takes for neighbours lies where they do: UMAP
    # would read beyond an array's end to place it, and get NaN now and then (0.5.12).
    originals = np.ascontiguousarray(originals, dtype=np.float32)
    equals = [((points - original) ** 2).sum(axis=1) == 0 for original in originals]
    alone = np.array([equal.sum() < reducer.n_neighbors for equal in equals])
    for clip in np.flatnonzero(~alone):
        starts[clip] = fitted[equals[clip]].mean(axis=0)
    if alone.any():
        starts[alone] = reducer.transform(originals[alone])
    return fitted.reshape(n_levels, n_clips, 2), starts
