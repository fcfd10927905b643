"""In how many directions an effect moves the clips of a label, and which labels share them.

The displacements x_i^p - x_i of a label's training clips, at every level that does something, are
described by their second moment about zero, S = mean of the outer products: the mean displacement
is a displacement too, and an effect that is one translation has one direction.
"""

from collections.abc import Mapping
from itertools import combinations

import numpy as np
from scipy import linalg

SHARE = 0.9
# How many directions a label's subspace of sample-wise directions has in `principal_angles`.
N_COMPARED = 5
# Rounding in a sum of eigenvalues doesn't add a direction.
SLACK = 1e-12
COMPARED = ("global_cca", "average_displacement", "samplewise_cca_svd")


def describe_displacements(displacements: np.ndarray) -> dict[str, float | int | None]:
    """The columns of the table dimensionality, of displacements (n, d).

    With the eigenvalues l_k of S, descending: `participation_ratio` (sum l)^2 / sum l^2, which is
    k for k equal ones; `n_directions_90`, the fewest whose sum is 90 % of all; and
    `mean_displacement_share` |mean displacement|^2 / mean |displacement|^2. The first and last are
    None, and the second 0, if nothing moves.
    """
    n_points, dimension = displacements.shape
    wide = n_points < dimension
    gram = displacements @ displacements.T if wide else displacements.T @ displacements
    total = np.trace(gram)
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


def principal_angles(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Angles in degrees, ascending, between subspaces of orthonormal rows (k, d) and (m, d).

    As many as the smaller has dimensions; 0 to 90, since a direction here has no sign.
    """
    if not len(first) or not len(second):
        return np.zeros(0)
    return np.degrees(linalg.subspace_angles(first.T, second.T))[::-1]


def compared_subspaces(subspaces: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What `angle_rows` compares of one label's directions (k, d) by method."""
    return {method: subspaces[method][:N_COMPARED] for method in COMPARED}


def angle_rows(of_labels: Mapping[str, Mapping[str, np.ndarray]]) -> list[dict]:
    """Rows of the table principal_angles, without model and effect.

    For each pair of labels the angle between their global CCA directions, between their mean
    displacements, and the angles between the subspaces of their first five sample-wise singular
    directions. `angle_deg` is None where a label has no direction.
    """
    rows = []
    for label_a, label_b in combinations(sorted(of_labels), 2):
        for method in COMPARED:
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
