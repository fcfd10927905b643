"""One-against-rest classifiers on debiased embeddings (section IV of the paper)."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from sklearn.model_selection import StratifiedKFold

from sensitivity.correlation import first_equal_rows
from sensitivity.logistic import fit
from sensitivity.projection import project_out_gram
from sensitivity.protocol import FOLDS, PENALTIES

# C's whose mean AUC is this near to the best count as tied with it.
TIE = 1e-12
# Bytes of Gram matrices to hold at a time.
CHUNK = 64 * 2**20


@dataclass(frozen=True)
class Classifiers:
    """Fitted classifiers of one label: S training sets times V bases.

    weights : (S, V, d), already free of the directions projected out
    best_c, n_tied_c : (S, V)
    """

    weights: np.ndarray
    best_c: np.ndarray
    n_tied_c: np.ndarray

    def scores(self, points: np.ndarray, which: tuple) -> np.ndarray:
        """Scores to rank points (n, d) by, of the classifiers at index `which`, as (..., n).

        Decision values less the intercept, which changes no order. Equal points get equal scores,
        whatever the rounding of a matrix product.
        """
        return (self.weights[which] @ points.T)[..., first_equal_rows(points)]


def train(
    training_sets: np.ndarray,
    positive: np.ndarray,
    bases: Sequence[np.ndarray],
    solver: str = "exact",
) -> Classifiers:
    """Train one label's classifier on every training set and for every basis projected out.

    Parameters
    ----------
    training_sets : (S, n, d), the same clips uneffected and at each level, in protocol order
    positive : (n,), bool
    bases : V arrays (k, d) with orthonormal rows; (0, d) projects nothing out
    solver : see `logistic.fit`
    """
    n_sets, n_samples, dimension = training_sets.shape
    shape = (n_sets, len(bases))
    result = Classifiers(np.empty((*shape, dimension)), np.empty(shape), np.empty(shape, int))
    folds = list(StratifiedKFold(FOLDS).split(positive, positive))
    step = max(1, CHUNK // (len(bases) * n_samples**2 * 8))
    for start in range(0, n_sets, step):
        chunk = training_sets[start : start + step].astype(np.float64)
        grams = np.empty((len(chunk), len(bases), n_samples, n_samples))
        for index, points in enumerate(chunk):
            gram = points @ points.T
            for variant, basis in enumerate(bases):
                grams[index, variant] = project_out_gram(gram, points, basis)
            # Equal samples get equal inner products, so that their scores tie.
            first = first_equal_rows(points)
            grams[index] = grams[index][:, first[:, None], first]
        stack = grams.reshape(-1, n_samples, n_samples)
        best, tied = select_penalty(stack, positive, folds, solver)
        duals = fit(stack, positive, best[:, None], solver)[:, 0].reshape(len(chunk), -1, n_samples)
        part = slice(start, start + len(chunk))
        result.best_c[part] = best.reshape(len(chunk), -1)
        result.n_tied_c[part] = tied.reshape(len(chunk), -1)
        weights = duals @ chunk
        for variant, basis in enumerate(bases):
            weights[:, variant] -= (weights[:, variant] @ basis.T) @ basis
        result.weights[part] = weights
    return result


def select_penalty(
    grams: np.ndarray, positive: np.ndarray, folds: Sequence, solver: str
) -> tuple[np.ndarray, np.ndarray]:
    """The C of the best mean AUC over the folds, and how many C's tie with it.

    Parameters
    ----------
    grams : (B, n, n)
    folds : pairs of training and validation indices

    The mean is the plain one of `roc_auc`'s values and the first strict maximum wins, so that C
    is the one scikit-learn's functions choose, to the last bit.
    """
    areas = np.empty((len(folds), len(grams), len(PENALTIES)))
    for fold, (training, validation) in enumerate(folds):
        duals = fit(
            grams[:, training[:, None], training], positive[training], np.array(PENALTIES), solver
        )
        # Not a matrix product, whose rounding may differ between equal samples. The intercept is
        # left out, as it changes no order.
        scores = np.einsum("bmj,bij->bmi", duals, grams[:, validation[:, None], training])
        areas[fold] = roc_auc(positive[validation], scores)
    means = areas.mean(axis=0)
    best = means.argmax(axis=1)
    tied = (means >= means.max(axis=1, keepdims=True) - TIE).sum(axis=1)
    return np.array(PENALTIES)[best], tied


def roc_auc(positive: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Area under the ROC curve, bit for bit that of ``sklearn.metrics.roc_auc_score``.

    Parameters
    ----------
    positive : (n,), bool, with both classes
    scores : (..., n)

    Returns
    -------
    areas : (...)
    """
    order = np.argsort(-scores, axis=-1, kind="stable")
    hits = positive[order]
    ordered = np.take_along_axis(scores, order, axis=-1)
    last = np.concatenate(
        [ordered[..., 1:] != ordered[..., :-1], np.ones((*scores.shape[:-1], 1), bool)], axis=-1
    )
    areas = np.empty(scores.shape[:-1])
    for index in np.ndindex(areas.shape):
        areas[index] = _area(hits[index].tobytes(), last[index].tobytes())
    return areas


@lru_cache(maxsize=4096)
def _area(hits: bytes, last: bytes) -> float:
    """Area from the positives in order of falling score, and where a run of equal scores ends.

    The arithmetic is that of scikit-learn's roc_curve and auc, collinear points dropped, because
    which C wins may hang on the last bit. Few orders are ever seen where few clips are ranked,
    hence the cache.
    """
    ends = np.flatnonzero(np.frombuffer(last, bool))
    true = np.cumsum(np.frombuffer(hits, bool), dtype=np.float64)[ends]
    false = 1 + ends - true
    if len(ends) > 2:
        corners = np.ones(len(ends), bool)
        corners[1:-1] = np.logical_or(np.diff(false, 2), np.diff(true, 2))
        true, false = true[corners], false[corners]
    true = np.concatenate([[0.0], true / true[-1]])
    false = np.concatenate([[0.0], false / false[-1]])
    return float((np.diff(false) * (true[1:] + true[:-1]) / 2.0).sum())
