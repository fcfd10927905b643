"""In how many directions an effect moves clips, and what clips and labels share of them.

The displacements x_i^p - x_i of a label's training clips, at every level that does something, are
described by their second moment about zero, S = mean of the outer products: the mean displacement
is a displacement too, and an effect that is one translation has one direction. What other
recordings share of that is asked of the displacements of test clips, and, where x_i^p = x_i + f(p)
is asked, of products of different recordings: clips of a recording respond alike.
"""

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
from scipy import linalg

from embedding_sensitivity.analysis.cca import centre_points, orient, samplewise_solutions
from embedding_sensitivity.analysis.intervals import (
    MIN_RECORDINGS_OF_LABELS,
    PLAIN,
    POWER_OF_ENERGY,
    POWER_OF_EQUIVARIANCE,
    POWER_OF_PREDICTED,
    Interval,
    Scale,
    interval,
    jackknife,
    mean_on_scale,
    ratio_and_without,
)

SHARE = 0.9
# Held-out energy is tabulated for so many directions.
MAX_DIRECTIONS = 32
# How many directions a label's subspace of sample-wise directions has in `principal_angles`.
N_COMPARED = 5
# Rounding in a sum of eigenvalues doesn't add a direction.
SLACK = 1e-12
SHARES = ("share_clip", "share_level", "share_interaction", "equivariance")
COMPARED = ("global_cca", "average_displacement", "samplewise_cca_svd")


def describe_displacements(displacements: np.ndarray) -> dict[str, float | int | None]:
    """The columns of the table dimensionality, of displacements (n, d).

    With the eigenvalues l_k of S, descending: `participation_ratio` (sum l)^2 / sum l^2, which is
    k for k equal ones; `n_directions_90`, the fewest whose sum is 90 % of all; and
    `mean_displacement_share` |mean displacement|^2 / mean |displacement|^2. The first and last are
    None, and the second 0, if nothing moves.
    """
    n_points = len(displacements)
    gram, total = _second_moment(displacements)
    if not total:
        return {
            "participation_ratio": None,
            "n_directions_90": 0,
            "mean_displacement_share": None,
        }
    gram /= total
    shares = np.cumsum(linalg.eigvalsh(gram)[::-1])
    mean = displacements.mean(axis=0)
    return {
        "participation_ratio": float(1 / (gram**2).sum()),
        "n_directions_90": int(np.searchsorted(shares, SHARE - SLACK)) + 1,
        "mean_displacement_share": float(mean @ mean / (total / n_points)),
    }


def _second_moment(displacements: np.ndarray) -> tuple[np.ndarray, float]:
    """The smaller Gram matrix of displacements (n, d), and its trace."""
    wide = displacements.shape[0] < displacements.shape[1]
    gram = displacements @ displacements.T if wide else displacements.T @ displacements
    return gram, np.trace(gram)


def leading_directions(displacements: np.ndarray) -> np.ndarray:
    """The first directions of displacements (n, d): right singular vectors, not centred, (k, d).

    `MAX_DIRECTIONS`, or as many as there are.
    """
    gram, total = _second_moment(displacements)
    last = len(gram) - 1
    first = max(last + 1 - MAX_DIRECTIONS, 0)
    values, vectors = linalg.eigh(gram, subset_by_index=(first, last))
    kept = values > len(gram) * np.finfo(np.float64).eps * total
    vectors = vectors[:, kept].T[::-1]
    if len(displacements) < displacements.shape[1]:
        vectors = vectors @ displacements
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors


def heldout_energy(
    directions: np.ndarray, displacements: np.ndarray, groups: Sequence[str]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Share of the energy of new displacements that lies in the first k directions of others.

    Parameters
    ----------
    directions : (K, d), orthonormal rows, fitted to other recordings
    displacements : (P, n, d)
    groups : the recordings of the n clips

    Returns
    -------
    (K,) for k = 1..K, with its jackknife (G, K), and the recordings' weights (G,). NaN if nothing
    moves.
    """
    within = np.cumsum(((displacements @ directions.T) ** 2).sum(axis=0), axis=1)
    whole, without, energies = ratio_and_without(
        within, (displacements**2).sum(axis=(0, 2))[:, None], groups
    )
    return whole, without, energies ** (POWER_OF_ENERGY / 2)


def predicted_share(
    displacements: np.ndarray, expected: np.ndarray, groups: Sequence[str]
) -> "Jackknifed":
    """How much of new displacements (P, n, d) the mean ones of other recordings, (P, d), predict.

    1 - |D - f|^2 / |D|^2 over all levels and clips, with its jackknife: 1 if all clips move
    alike, 0 if the mean is of no use, below 0 if it misleads.
    """
    return removed_share(displacements, displacements - expected[:, None], groups)


def removed_share(
    displacements: np.ndarray, left: np.ndarray, groups: Sequence[str]
) -> "Jackknifed":
    """1 - |left|^2 / |D|^2 of displacements D and what is left of them, (P, n, d); jackknifed."""
    energies = [(each**2).sum(axis=(0, 2))[:, None] for each in (left, displacements)]
    whole, without, energies = ratio_and_without(*energies, groups)
    return float(1 - whole[0]), 1 - without[:, 0], energies ** (POWER_OF_PREDICTED / 2)


def predicted_without(
    displacements: np.ndarray, training: np.ndarray, groups: Sequence[str]
) -> np.ndarray:
    """`predicted_share` with each training recording left out of the mean displacements, (G,).

    Parameters
    ----------
    displacements : (P, n, d), new ones
    training : (P, N, d), of the recordings `groups` (N,)

    Returns
    -------
    NaN where no other recording is left, or nothing moves
    """
    groups, total = np.asarray(groups), training.sum(axis=1)
    mean = displacements.mean(axis=1)
    energy = (displacements**2).sum() / displacements.shape[1]
    found = []
    for group in np.unique(groups):
        own = groups == group
        with np.errstate(invalid="ignore", divide="ignore"):
            expected = (total - training[:, own].sum(axis=1)) / (~own).sum()
            found.append((2 * (mean * expected).sum() - (expected**2).sum()) / energy)
    return np.array(found)


def level_shares(
    effected: np.ndarray, groups: Sequence[str]
) -> tuple[dict[str, float | None], np.ndarray, np.ndarray]:
    """How much of the variance of x_i^p is the clip's, the level's, and of both together.

    With y_i^p = x_i^p - mean over p, the mean of |y_i|^2 is what levels do to a clip. The level's
    part, the same for all clips, is the mean of <y_i, y_j> over clips of *different* recordings:
    noise and what a recording has of its own add nothing to it. The rest is interaction. Recordings
    count alike. `equivariance`, the level's part over both, is 1 where x_i^p = x_i + f(p), and 0
    where each recording moves in its own way.

    Parameters
    ----------
    effected : (P, N, d)
    groups : the recordings of the N clips

    Returns
    -------
    shares : `share_clip`, `share_level`, `share_interaction`, of sum 1, and `equivariance`; None
        where nothing moves, or there is one recording only. An estimate may be a little below 0
    without : (G,), equivariance without each recording, NaN if fewer than two are left
    weights : (G,), of the lengths of what levels do to the clips of each recording
    """
    names, group_of = np.unique(np.asarray(groups), return_inverse=True)
    n_levels, n_clips, dimension = effected.shape
    n_groups, means = len(names), effected.mean(axis=0)
    power = POWER_OF_EQUIVARIANCE / 2  # of energies
    courses, within = np.zeros((n_groups, n_levels * dimension)), np.zeros(n_groups)
    for group in range(n_groups):
        own = effected[:, group_of == group] - means[group_of == group]
        courses[group] = own.mean(axis=1).ravel()
        within[group] = (own**2).sum() / own.shape[1]
    products = courses @ courses.T
    np.fill_diagonal(products, 0.0)
    pairs = products.sum() - np.append(0.0, 2 * products.sum(axis=1))
    moved = within.sum() - np.append(0.0, within)
    left = np.append(n_groups, np.full(n_groups, n_groups - 1.0))
    with np.errstate(invalid="ignore", divide="ignore"):
        equivariance = pairs / (left - 1) / moved
    if n_groups < 2 or not moved[0]:
        return dict.fromkeys(SHARES), equivariance[1:], within**power
    clip = ((means - means.mean(axis=0)) ** 2).sum() * n_levels / (n_clips - 1)
    level = pairs[0] / (n_groups * (n_groups - 1))
    parts = np.array([clip, level, moved[0] / n_groups - level])
    found = [*parts / parts.sum(), equivariance[0]]
    return dict(zip(SHARES, map(float, found), strict=True)), equivariance[1:], within**power


def directions_along_course(effected: np.ndarray, groups: Sequence[str]) -> np.ndarray:
    """The direction of each clip, fitted to the course f(p) that *other* recordings have in common.

    f(p) is the score of their level means on the means' first principal component, in place of the
    level's rank that `cca.samplewise_cca` fits: a clip whose course is f along v gets v, however
    curved f is.

    Parameters
    ----------
    effected : (P, N, d)
    groups : the recordings of the N clips

    Returns
    -------
    (N, d), unit rows; a row is zero if the clip's points are all the same, or the others' means
    are, or there are no others
    """
    total, groups = effected.sum(axis=1), np.asarray(groups)
    found = np.zeros(effected.shape[1:])
    for group in np.unique(groups):
        own = groups == group
        points = effected[:, own]
        scores, values, _ = linalg.svd(
            centre_points(total - points.sum(axis=1)), full_matrices=False
        )
        if values[0] > 0 and not own.all():
            centred = centre_points(np.ascontiguousarray(points.transpose(1, 0, 2)))
            found[own] = orient(samplewise_solutions(centred, scores[:, 0])[0])
    return found


def random_spectrum(n_directions: int, dimension: int) -> np.ndarray:
    """Singular values of so many random directions over their largest, (min(n, d),).

    Quantiles of the law of Marchenko and Pastur (1967), in the middle of each of equal steps.
    """
    n_values, n_larger = sorted((n_directions, dimension))
    low, high = (1 + sign * np.sqrt(n_values / n_larger) for sign in (-1, 1))
    # With s = sqrt of an eigenvalue, density of s is proportional to this; no singularity is left.
    values = low + (high - low) * (1 - np.cos(np.linspace(0, np.pi, 4001))) / 2
    density = np.sqrt(np.maximum((high**2 - values**2) * (values**2 - low**2), 0.0))
    density = np.divide(density, values, out=np.zeros_like(values), where=values > 0)
    steps = np.diff(values) * (density[1:] + density[:-1]) / 2
    below = np.append(0.0, np.cumsum(steps)) / steps.sum()
    middles = 1 - (np.arange(n_values) + 0.5) / n_values
    found = np.interp(middles, below, values)
    return found / found[0]


# A share of one label with its jackknife: of all clips, and (G,) without each recording, with how
# much each recording decides, (G,).
Jackknifed = tuple[float | None, np.ndarray, np.ndarray]


def columns_of(
    name: str, found: Jackknifed, scale: Scale, lowest: float = 0.0
) -> dict[str, float | None]:
    """The columns of a label's share: `name`, and the ends of its interval, from `lowest` to 1."""
    value, without, weights = found
    if value is None or np.isnan(value):
        return {name: None}
    return _columns(name, value, interval(jackknife(value, without, scale, weights)), lowest)


def columns_of_mean(
    name: str,
    found: Sequence[Jackknifed],
    recordings: Sequence[Sequence[str]],
    scale: Scale,
    lowest: float = 0.0,
) -> dict[str, float | None]:
    """The same columns of the mean over those labels that have a value.

    `recordings` : of each label's values, their names
    """
    known = [
        (each, names)
        for each, names in zip(found, recordings, strict=True)
        if each[0] is not None and not np.isnan(each[0])
    ]
    if not known:
        return {name: None}
    estimates = [
        jackknife(value, without, PLAIN, weights, names=names)
        for (value, without, weights), names in known
    ]
    mean = mean_on_scale(estimates, scale)
    value = np.mean([each[0] for each, _ in known])
    return _columns(name, value, interval(mean, MIN_RECORDINGS_OF_LABELS), lowest)


def _columns(name: str, value: float, ends: Interval, lowest: float) -> dict[str, float | None]:
    low, high = ends if ends[0] is None else map(float, np.clip(ends, lowest, 1))
    return {name: float(value), f"{name}_low": low, f"{name}_high": high}


def principal_angles(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Angles in degrees, ascending, between subspaces of orthonormal rows (k, d) and (m, d).

    As many as the smaller has dimensions; 0 to 90, since a direction here has no sign.
    """
    if not len(first) or not len(second):
        return np.zeros(0)
    return np.degrees(linalg.subspace_angles(first.T, second.T))[::-1]


def compared_subspaces(subspaces: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What `angle_rows` compares of one label's directions (k, d) by method."""
    return {method: subspaces[method][:N_COMPARED] for method in COMPARED if method in subspaces}


def angle_rows(of_labels: Mapping[str, Mapping[str, np.ndarray]]) -> list[dict]:
    """Rows of the table principal_angles, without model and effect.

    For each pair of labels the angle between their global CCA directions, between their mean
    displacements (where there are originals), and the angles between the subspaces of their first
    five sample-wise singular directions. `angle_deg` is None where a label has no direction.
    """
    rows = []
    for label_a, label_b in combinations(sorted(of_labels), 2):
        for method in filter(of_labels[label_a].__contains__, COMPARED):
            angles = principal_angles(of_labels[label_a][method], of_labels[label_b][method])
            rows += [
                {
                    "label_a": label_a,
                    "label_b": label_b,
                    "angle_deg": None if angle is None else float(angle),
                    "method": method,
                    "index": index,
                }
                for index, angle in enumerate(angles if len(angles) else [None])
            ]
    return rows
