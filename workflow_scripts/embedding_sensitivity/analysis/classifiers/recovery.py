"""What debiasing takes away of an effect, and what classifiers regain by it (spec 7.6, 7.7).

The AUC within a level cannot see a displacement that all clips share: it moves all scores alike.
Here test clips at all levels and their originals are ranked together, by classifiers of originals.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import linalg

from embedding_sensitivity.analysis.cca import centred_points, unit_levels
from embedding_sensitivity.analysis.classifiers.classification import (
    ROUNDING,
    stratified_folds,
    train,
)
from embedding_sensitivity.analysis.classifiers.maps import Map, Projection, project
from embedding_sensitivity.analysis.classifiers.verdicts import weigh_gains
from embedding_sensitivity.analysis.correlation import first_equal_rows, global_rho
from embedding_sensitivity.analysis.correlation import project as project_on
from embedding_sensitivity.analysis.intervals import (
    MIN_RECORDINGS,
    ClusteredAuc,
    Interval,
    estimate_rho,
    interval,
)
from embedding_sensitivity.analysis.statistics import generator
from embedding_sensitivity.clips.split import N_FOLDS

# A share of less headroom than this is not worth a name, nor that of one that isn't clear.
MIN_HEADROOM = 0.02
N_RANDOM = 3
# Levels that a classifier trained on other levels has at most: its cost is of their square.
MAX_TRAINING_LEVELS = 3
# A covariance with the level, relative to what it could be, that is rounding of float32.
NO_COVARIANCE = 1e-7


@dataclass(frozen=True)
class Lines:
    """Linear classifiers of one label: one for originals and one for each of A levels.

    weights : (A + 1, d)
    intercepts : (A + 1,)
    """

    weights: np.ndarray
    intercepts: np.ndarray


def train_mapped(
    originals: np.ndarray, positive: np.ndarray, maps: Sequence[Map], solver: str
) -> list[Lines]:
    """Classifiers trained on mapped originals (n, d), as those of points that aren't mapped.

    The first map must be one that changes nothing; others that leave originals as they are share
    its classifier. Lines are of originals and of all levels that the maps are of.
    """
    mapped = [each.of_originals(originals) for each in maps]
    changed = [not np.array_equal(points, originals) for points in mapped]
    sets = [originals, *(points for points, other in zip(mapped, changed, strict=True) if other)]
    trained = train(np.stack(sets), positive, [np.empty((0, originals.shape[1]))], solver)
    place = np.cumsum(changed) * changed
    return [
        Lines(*each.pull_back(trained.weights[at, 0], trained.intercepts[at, 0]))
        for each, at in zip(maps, place, strict=True)
    ]


def train_augmented(
    originals: np.ndarray, effected: np.ndarray, positive: np.ndarray, solver: str
) -> Lines | None:
    """Classifiers trained on originals (n, d) and every second level of (A, n, d), of which a few.

    Each level is tested with the one that hasn't seen it, and originals with the mean of both. All
    points of a clip are in one fold of the cross-validation. None for a single level.
    """
    n_levels, n_clips, dimension = effected.shape
    if n_levels < 2:
        return None
    halves = []
    for half in (0, 1):
        others = np.arange(1 - half, n_levels, 2)
        few = np.linspace(0, len(others) - 1, min(len(others), MAX_TRAINING_LEVELS)).round()
        points = np.concatenate([originals[None], effected[others[few.astype(int)]]])
        starts = np.arange(len(points))[:, None] * n_clips
        folds = [
            tuple((starts + rows).ravel() for rows in fold)
            for fold in stratified_folds(positive, N_FOLDS)
        ]
        rows, labels = points.reshape(1, -1, dimension), np.tile(positive, len(points))
        halves.append(train(rows, labels, [np.empty((0, dimension))], solver, folds))
    turns = np.arange(n_levels) % 2
    weights, intercepts = (
        np.stack([getattr(half, name)[0, 0] for half in halves])
        for name in ("weights", "intercepts")
    )
    return Lines(
        np.concatenate([weights.mean(axis=0)[None], weights[turns]]),
        np.concatenate([[intercepts.mean()], intercepts[turns]]),
    )


def train_own(none: Lines, effected: np.ndarray, positive: np.ndarray, solver: str) -> Lines:
    """A classifier for each level of (A, n, d), trained on it: the ceiling. Originals as `none`."""
    trained = train(effected, positive, [np.empty((0, effected.shape[-1]))], solver)
    return Lines(
        np.concatenate([none.weights[:1], trained.weights[:, 0]]),
        np.concatenate([none.intercepts[:1], trained.intercepts[:, 0]]),
    )


def random_projections(count: int, dimension: int, n_levels: int, label: str) -> list[Projection]:
    """`N_RANDOM` projections that take out `count` random directions; none for 0."""
    random = generator("random subspaces", label, str(count))
    shape = dimension, min(count, dimension)
    drawn = [random.normal(size=shape) for _ in range(N_RANDOM if count else 0)]
    return [project(np.linalg.qr(normal)[0].T, n_levels) for normal in drawn]


@dataclass(frozen=True)
class Spread:
    """A value of a label's classifiers with what test recordings contribute to its variance.

    parts : (G,), of both sides of the AUC together, of distances to the value
    inflation : Obuchowski's variance over the sum of squares of `parts`
    freedom : degrees of freedom of the variance
    n_groups : recordings of the label, or of the rest if fewer
    """

    value: float
    parts: np.ndarray
    inflation: float
    freedom: float
    n_groups: int

    @property
    def variance(self) -> float:
        return self.inflation * float((self.parts**2).sum())


class Scored:
    """Test clips scored by the classifiers of one label.

    Parameters
    ----------
    lines : V classifiers, the first that of no debiasing
    points : (n, d) each, test clips without the effect and at A levels
    is_label, groups : (n,), see `classification.evaluate`
    """

    def __init__(
        self,
        lines: Sequence[Lines],
        points: Sequence[np.ndarray],
        is_label: np.ndarray,
        groups: Sequence[str],
    ):
        self.clustered = ClusteredAuc(is_label, groups)
        self._scores = np.empty((len(lines), len(points), len(is_label)))
        for level, at_level in enumerate(points):
            weights = np.stack([each.weights[level] for each in lines])
            scores = weights @ at_level.T.astype(np.float64)
            scores += np.array([each.intercepts[level] for each in lines])[:, None]
            # Equal points tie, whatever the rounding of a matrix product.
            self._scores[:, level] = scores[:, first_equal_rows(at_level)]
        self.pooled, self._parts = self.clustered.components(self._scores)
        clean, parts = self.clustered.components(self._scores[:1, 0])
        self.headroom = clean[0] - self.pooled[0]
        self._headroom_parts = parts - self._parts[:, :1]

    def pooled_columns(self) -> list[dict]:
        """For each classifier the AUC and balanced accuracy of all points in one ranking."""
        # The AUC of the answers yes and no is the balanced accuracy.
        right, parts = self.clustered.components((self._scores > 0).astype(np.float64))
        columns = zip(
            self.pooled, self.clustered.intervals_of(self.pooled, self._parts),
            right, self.clustered.intervals_of(right, parts), strict=True,
        )  # fmt: skip
        return [
            {
                **_columns("pooled_auc", area, ends),
                **_columns("balanced_accuracy", share, ends_of_share),
            }
            for area, ends, share, ends_of_share in columns
        ]

    def contrasts(self, index: int) -> tuple[Spread, Spread]:
        """The gain of a classifier on that of no debiasing, and the headroom that there was."""
        gain = self._parts[:, index] - self._parts[:, 0]
        return (
            self._spread(self.pooled[index] - self.pooled[0], gain),
            self._spread(self.headroom, self._headroom_parts[:, 0]),
        )

    def level_rows(self, index: int, levels: Sequence[str]) -> list[dict]:
        """The AUC within originals and each level, its gain and its share of the headroom there."""
        pair = self._scores[[0, index]]
        clean = self.clustered.components(pair[:1, 0])[0][0]
        rows = []
        for position, level in enumerate(levels):
            area, parts = self.clustered.components(pair[:, position])
            gain = self._spread(area[1] - area[0], parts[:, 1] - parts[:, 0])
            ends = self.clustered.intervals_of(area, parts)[1]
            found = describe_gain([gain], MIN_RECORDINGS)
            headroom = clean - area[0]
            rows.append(
                {
                    "level": level,
                    **_columns("level_auc", area[1], ends),
                    **{name: found[name] for name in ("gain", "gain_low", "gain_high")},
                    "headroom": headroom,
                    "recovered": found["gain"] / headroom if headroom > MIN_HEADROOM else None,
                }
            )
        return rows

    def _spread(self, value: float, parts: np.ndarray) -> Spread:
        variance, freedom = (float(each[0]) for each in self.clustered.variance(parts[:, None]))
        both = parts.sum(axis=0)
        squares = (both**2).sum()
        inflation = variance / squares if squares > 0 else 1.0
        value = 0.0 if abs(value) < ROUNDING else float(value)
        return Spread(value, both, inflation, freedom, self.clustered.n_groups)


def _columns(name: str, value: float, ends: Interval) -> dict:
    return {name: value, f"{name}_low": ends[0], f"{name}_high": ends[1]}


def mean_spread(spreads: Sequence[Spread]) -> Spread:
    """The mean over labels, whose variance knows that labels share test recordings.

    Parts of a recording are added over labels, so what makes it hard for several counts as one.
    """
    variances = np.array([each.variance for each in spreads])
    squares = sum((each.parts**2).sum() for each in spreads)
    weights = (variances**2 / [each.freedom for each in spreads]).sum()
    return Spread(
        float(np.mean([each.value for each in spreads])),
        np.mean([each.parts for each in spreads], axis=0),
        float(variances.sum() / squares) if squares > 0 else spreads[0].inflation,
        variances.sum() ** 2 / weights if weights > 0 else sum(each.freedom for each in spreads),
        sum(each.n_groups for each in spreads),
    )


def describe_gain(gains: Sequence[Spread], min_recordings: int) -> dict:
    """The gain, or its mean over labels, with its interval, p-value, `spread` and `freedom`."""
    return _describe("gain", mean_spread(gains), min_recordings)


def _describe(name: str, found: Spread, min_recordings: int) -> dict:
    columns = weigh_gains(
        np.array([found.value]), np.array([found.variance]), np.array([found.freedom]),
        found.n_groups, min_recordings,
    )  # fmt: skip
    columns = {key: float(column[0]) for key, column in columns.items()}
    ends = columns.pop("low"), columns.pop("high")
    return {**_columns(name, found.value, ends), **columns}


def describe_recovery(
    gains: Sequence[Spread], headrooms: Sequence[Spread], min_recordings: int
) -> dict:
    """Columns of gain, headroom and the share of it that is recovered, of labels or one label.

    No share of a headroom under `MIN_HEADROOM`, and no interval of one where the headroom's holds
    0. The interval is that of a ratio of means, by its slope.
    """
    headroom = mean_spread(headrooms)
    of_headroom = _describe("headroom", headroom, min_recordings)
    columns = describe_gain(gains, min_recordings)
    columns |= {name: of_headroom[name] for name in ("headroom", "headroom_low", "headroom_high")}
    if headroom.value <= MIN_HEADROOM:
        return columns
    share = columns["recovered"] = columns["gain"] / headroom.value
    if columns["headroom_low"] > 0:
        slopes = [
            replace(one, value=share, parts=(one.parts - share * other.parts) / headroom.value)
            for one, other in zip(gains, headrooms, strict=True)
        ]
        ends = _describe("recovered", mean_spread(slopes), min_recordings)
        columns |= {name: ends[name] for name in ("recovered_low", "recovered_high")}
    return columns


class Refit:
    """The regularised direction of a label's clips (P, N, d), fitted anew after each of many maps.

    The Gram matrix of mapped points is that of the points, which is made once, less what the map
    changes, which has the rank of the map. `penalty` is that of the points as they are.
    """

    def __init__(self, effected: np.ndarray, penalty: float):
        n_levels, n_clips, dimension = effected.shape
        self._points = centred_points(effected.reshape(-1, dimension))
        self._wide = len(self._points) < dimension
        rows = self._points if self._wide else self._points.T
        self._gram = rows @ rows.T
        self._targets = np.repeat(unit_levels(n_levels) - 0.5, n_clips)
        self._penalty = penalty

    def direction(self, found: Projection) -> np.ndarray:
        """The direction (d,) of mapped clips; zero where the level's covariance is rounding."""
        coordinates = self._points @ found.reads.T
        points = self._points - coordinates @ found.writes
        product = self._targets @ points
        most = np.linalg.norm(points) * np.linalg.norm(self._targets)
        if np.linalg.norm(product) <= NO_COVARIANCE * most:
            return np.zeros(len(product))
        if self._wide:
            # Of points x - W R'x: X X' less C E' and its transpose, C = X R and E = X W.
            right, left = coordinates, self._points @ found.writes.T
            inner = found.writes @ found.writes.T
        else:
            # X'X less W (R'X'X) and its transpose.
            right, left = found.writes.T, self._gram @ found.reads.T
            inner = found.reads @ left
        change = (left - 0.5 * right @ inner) @ right.T
        gram = self._gram - change - change.T
        count = max(min(len(points) - 1, len(product)), 1)
        gram[np.diag_indices(len(gram))] += self._penalty * np.trace(gram) / count
        if self._wide:
            return linalg.solve(gram, self._targets, assume_a="pos") @ points
        return linalg.solve(gram, product, assume_a="pos")

    def residual(
        self, found: Map, test: np.ndarray, groups: Sequence[str]
    ) -> dict[str, float | None]:
        """Signed rho_ridge of mapped test clips (P, n, d) of the recordings `groups`.

        0 without an interval where nothing is left to fit, as after a recolouring, which gives all
        levels one mean: a direction would be one of rounding.
        """
        weights = self.direction(found) if isinstance(found, Projection) else np.zeros(1)
        if not weights.any():
            return {"residual": 0.0, "residual_low": None, "residual_high": None}
        projections = project_on(test, weights)
        ends = interval(estimate_rho(projections, groups))
        return _columns("residual", global_rho(projections), ends)
