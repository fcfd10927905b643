"""Debiasing: taking the part of an embedding along some directions away (section IV)."""

import numpy as np


def project_out(points: np.ndarray, basis: np.ndarray) -> np.ndarray:
    """x - V V' x for points (..., d) and V' = `basis` (k, d) with orthonormal rows.

    Two thin products, never a d x d matrix.
    """
    return points - (points @ basis.T) @ basis


def project_out_gram(gram: np.ndarray, points: np.ndarray, basis: np.ndarray) -> np.ndarray:
    """Gram matrix (n, n) of projected points, given that of the points (n, d) themselves.

    A projection is idempotent and symmetric, so <Px, Pz> = <x, z> - <V'x, V'z>: k columns are
    enough.
    """
    coordinates = points @ basis.T
    return gram - coordinates @ coordinates.T
