"""How far an effect moves embeddings at each level: measures that fit no direction.

Of one label's training clips, which are as many in every label where the split is the paper's:
the Frechet distance and plain CKA depend on the number of clips; debiased CKA and KAD don't.
Embeddings are x_i, and x_i^p with the effect at level p.
"""

import numpy as np

QUANTILES = {"q05": 0.05, "q50": 0.5, "q95": 0.95}


def cosine_displacement(originals: np.ndarray, effected: np.ndarray) -> np.ndarray:
    """1 - cos(x_i, x_i^p) of rows (N, d), shape (N,); NaN where an embedding is zero.

    As half the squared distance of the two unit vectors: exactly 0 where nothing moves.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        units = [
            points / np.linalg.norm(points, axis=1, keepdims=True)
            for points in (originals, effected)
        ]
    return ((units[0] - units[1]) ** 2).sum(axis=1) / 2


def euclidean_displacement(originals: np.ndarray, effected: np.ndarray) -> np.ndarray:
    """|x_i^p - x_i| of rows (N, d), shape (N,)."""
    return np.linalg.norm(effected - originals, axis=1)


def frechet_distance(first: np.ndarray, second: np.ndarray) -> float:
    """Frechet distance of the Gaussians of two sets of points (n, d) and (m, d), squared.

    |mu - nu|^2 + tr(S + T - 2 (S T)^(1/2)) with covariances that divide by n - 1 (Dowson and
    Landau 1982; what FID and FAD report). With S = A'A and T = B'B the last trace is the sum of
    the singular values of A B', so that no d x d matrix is needed.
    """
    means = first.mean(axis=0), second.mean(axis=0)
    spans = [
        (points - mean) / np.sqrt(max(len(points) - 1, 1))
        for points, mean in zip((first, second), means, strict=True)
    ]
    if first.shape[1] < min(len(first), len(second)):
        # The same singular values, of triangles (d, d) instead of the points.
        spans = [np.linalg.qr(span, mode="r") for span in spans]
    shared = np.linalg.svd(spans[0] @ spans[1].T, compute_uv=False).sum()
    spread = sum((span**2).sum() for span in spans) - 2 * shared
    return float(((means[0] - means[1]) ** 2).sum() + max(spread, 0.0))


def linear_cka(first: np.ndarray, second: np.ndarray) -> float:
    """Linear centred kernel alignment of paired points (n, d) and (n, e), from 0 to 1.

    |B'A|^2 / (|A'A| |B'B|) in Frobenius norms, A and B the centred points (Kornblith et al. 2019).
    NaN where a set's points are all the same.
    """
    first, second = first - first.mean(axis=0), second - second.mean(axis=0)
    if first.shape[1] < len(first) and second.shape[1] < len(second):
        shared = ((second.T @ first) ** 2).sum()
        norms = [np.linalg.norm(points.T @ points) for points in (first, second)]
    else:
        grams = [points @ points.T for points in (first, second)]
        shared = (grams[0] * grams[1]).sum()
        norms = [np.linalg.norm(gram) for gram in grams]
    with np.errstate(invalid="ignore", divide="ignore"):
        return float(np.minimum(shared / (norms[0] * norms[1]), 1.0))


def debiased_cka(first: np.ndarray, second: np.ndarray) -> float:
    """Linear CKA of paired points (n, d), (n, e), of expectation 0 where they are unrelated.

    The inner product of the U-centred Gram matrices over their norms, which is the unbiased HSIC
    (Song et al. 2012, Szekely and Rizzo 2014), from -1 to 1. NaN for fewer than four points, or
    where a set's points are all the same.
    """
    if len(first) < 4:
        return np.nan
    grams = [_u_centred(points - points.mean(axis=0)) for points in (first, second)]
    norms = [np.linalg.norm(gram) for gram in grams]
    with np.errstate(invalid="ignore", divide="ignore"):
        return float(np.clip((grams[0] * grams[1]).sum() / (norms[0] * norms[1]), -1.0, 1.0))


def _u_centred(points: np.ndarray) -> np.ndarray:
    """The Gram matrix of points (n, d) without its diagonal, its rows summing to zero."""
    n_points = len(points)
    gram = points @ points.T
    np.fill_diagonal(gram, 0.0)
    means = gram.sum(axis=0) / (n_points - 2)
    gram += means.sum() / (n_points - 1) - means - means[:, None]
    np.fill_diagonal(gram, 0.0)
    return gram


def kernel_distance(originals: np.ndarray, effected: np.ndarray) -> float:
    """Kernel audio distance: the squared maximum mean discrepancy of paired points (N, d).

    Gaussian kernel, its bandwidth the median distance of two originals (Chung et al. 2025). The
    U-statistic of pairs of different clips (Gretton et al. 2012, lemma 6): unbiased at any N, and 0
    where nothing moves, though clip and original depend on each other. NaN for one clip, or where
    half of the originals are the same.
    """
    n_clips = len(originals)
    centre = originals.mean(axis=0)  # rounding grows with the distance to the origin
    points = np.concatenate([originals - centre, effected - centre])
    gram = points @ points.T
    lengths = np.diag(gram).copy()
    squares = np.maximum(lengths + lengths[:, None] - 2 * gram, 0.0)
    pairs = np.triu_indices(n_clips, 1)
    bandwidth = np.median(np.sqrt(squares[pairs])) if n_clips > 1 else 0.0
    if not bandwidth:
        return np.nan
    kernel = np.exp(-squares / (2 * bandwidth**2))
    blocks = kernel[:n_clips, :n_clips], kernel[n_clips:, n_clips:], kernel[:n_clips, n_clips:]
    within, moved, between = (block.sum() - np.trace(block) for block in blocks)
    return float((within + moved - 2 * between) / (n_clips * (n_clips - 1)))


def describe_level(originals: np.ndarray, effected: np.ndarray, distance: float) -> dict:
    """Columns of table displacement of one level and label.

    Parameters
    ----------
    originals, effected : (N, d), float64, the same clips
    distance : `effect_data.label_distance` of the label

    Means over clips, and their quantiles; clips whose embedding is zero have no cosine.
    """
    euclidean = euclidean_displacement(originals, effected)
    each = {
        "cosine": cosine_displacement(originals, effected),
        "euclidean": euclidean,
        "relative": euclidean / distance,
    }
    row = {"n_clips": len(originals)}
    for name, values in each.items():
        values = values[~np.isnan(values)]
        if not len(values):
            continue
        row[name] = float(values.mean())
        for suffix, quantile in QUANTILES.items():
            row[f"{name}_{suffix}"] = float(np.quantile(values, quantile))
    row["frechet"] = frechet_distance(originals, effected)
    row["cka"] = linear_cka(originals, effected)
    row["cka_debiased"] = debiased_cka(originals, effected)
    row["kad"] = kernel_distance(originals, effected)
    return row


def order_with_level(rows: list[dict]) -> dict:
    """Spearman correlation of a label's measures with the level's rank, rows in level order.

    1 if a measure grows with every level, -1 if it shrinks, NaN if it never changes.
    """
    from scipy import stats  # here, as it takes a second to import

    found = {"n_levels": len(rows)}
    for name in ("cosine", "euclidean", "frechet", "cka"):
        values = np.array([row.get(name, np.nan) for row in rows])
        if name in ("cosine", "cka"):  # of order 1: less is rounding, and has no order
            values = np.round(values, 12)
        constant = np.isnan(values).any() or (values == values[0]).all()
        rho = np.nan if constant else stats.spearmanr(np.arange(len(rows)), values).statistic
        found[f"spearman_{name}"] = float(rho)
    return found
