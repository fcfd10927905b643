"""Deformation trajectories in two dimensions (Fig. 1): UMAP of a few clips at every level."""

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial

import numpy as np
import scipy.sparse.linalg
import sklearn.manifold._spectral_embedding as spectral_embedding
import umap
from umap import distances, layouts, umap_, utils

# An original that differs less from a level's point than this share of a step shows no effect there
# that a figure could show.
MAX_SHARE_OF_STEP = 0.05


def _keep_compiled() -> None:
    """Let numba keep what it compiles for UMAP beside the package or in the user's cache.

    UMAP doesn't ask for that: every process would compile for 14 s to fit 60 points in 0.05 s.
    """
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
    effected: np.ndarray, originals: np.ndarray | None, n_neighbors: int, seed: int
) -> tuple[np.ndarray, np.ndarray | None]:
    """Project `effected` (P, n, d) and `originals` (n, d) to (P, n, 2) and (n, 2), float32.

    None where there are no originals.

    UMAP (McInnes et al. 2018, doi:10.21105/joss.00861) is fitted on all points together, with one
    thread and a seed. Points that are equal are one point, and lie where it lies; so are an
    original and a level of its clip that are equal but for rounding. (The paper, in section II-B,
    transforms the originals after the fit: that places one beside its equal.)
    """
    n_levels, n_clips, d = effected.shape
    points = effected.reshape(-1, d)
    if originals is not None:
        points = np.concatenate([points, _take_equal_points(effected, originals)])
    points = points.astype(np.float32)
    _, first, place = np.unique(points, axis=0, return_index=True, return_inverse=True)
    order = np.argsort(first)  # as they come, so that the last bit of a number reorders nothing
    projected = np.empty((len(first), 2), dtype=np.float32)
    projected[order] = _project(points[first[order]], n_neighbors, seed)
    fitted = projected[place.ravel()]
    course = fitted[: n_levels * n_clips].reshape(n_levels, n_clips, 2)
    return course, None if originals is None else fitted[n_levels * n_clips :]


def _take_equal_points(effected: np.ndarray, originals: np.ndarray) -> np.ndarray:
    """The originals (n, d), each replaced by the level of its clip that it is equal to, if any.

    Equal is what lies nearer than `MAX_SHARE_OF_STEP` of the way to the next level. UMAP sets
    neighbours apart by a distance of its own, at which such a pair looks like a step of levels.
    """
    taken = originals.copy()
    for n, original in enumerate(originals):
        course = effected[:, n]
        distances = np.linalg.norm(course - original, axis=1)
        nearest = distances.argmin()
        steps = np.linalg.norm(course - course[nearest], axis=1)
        if distances[nearest] < MAX_SHARE_OF_STEP * steps[steps > 0].min(initial=np.inf):
            taken[n] = course[nearest]
    return taken


def _project(points: np.ndarray, n_neighbors: int, seed: int) -> np.ndarray:
    """UMAP of distinct points (n, d): (n, 2)."""
    if len(points) < 4:  # too few for UMAP, and they fit into a plane as they are
        left, values, _ = np.linalg.svd(points - points.mean(axis=0), full_matrices=False)
        plane = (left * values)[:, :2]
        return np.pad(plane, ((0, 0), (0, 2 - plane.shape[1])))
    reducer = umap.UMAP(
        n_neighbors=min(n_neighbors, len(points) - 1),
        # The spectral start needs more points than it has dimensions.
        init="spectral" if len(points) > 8 else "random",
        random_state=seed,
        n_jobs=1,
    )
    with _seeded_eigsh(seed):
        return reducer.fit_transform(points)
