"""What debiasing takes away of an effect, and what classifiers regain by it (spec 7.6, 7.7).

The AUC within a level cannot see a displacement that all clips share: it moves all scores alike.
Here test clips at all levels and their originals are ranked together, by classifiers of originals.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import linalg

from embedding_sensitivity.analysis.cca import centre_points, unit_levels
from embedding_sensitivity.analysis.classifiers.classification import (
    ROUNDING,
    Classifiers,
    Variant,
    distinct_bases,
    roc_auc,
    stratified_folds,
    train,
)
from embedding_sensitivity.analysis.classifiers.maps import Map, Projection, fit_map, project
from embedding_sensitivity.analysis.classifiers.verdicts import differ_from_first, weigh_gains
from embedding_sensitivity.analysis.correlation import first_equal_rows, global_rho
from embedding_sensitivity.analysis.correlation import project as project_on
from embedding_sensitivity.analysis.directions import (
    fit_label,
    n_directions,
    reference_variances,
)
from embedding_sensitivity.analysis.intervals import (
    MIN_RECORDINGS,
    ClusteredAuc,
    Interval,
    estimate_rho,
    interval,
    quantile_t,
)
from embedding_sensitivity.analysis.statistics import generator
from embedding_sensitivity.clips.split import N_FOLDS
from embedding_sensitivity.experiment.measures import PAPER_METHODS

if TYPE_CHECKING:
    from embedding_sensitivity.embeddings.effect_data import LabelData

# A share of less headroom than this is not worth a name, nor that of one that isn't clear.
MIN_HEADROOM = 0.02
N_RANDOM = 1
# Levels that a classifier trained on other levels has at most: its cost is of their square.
MAX_TRAINING_LEVELS = 2
# Levels that directions of the cross-validation are fitted to at most.
MAX_COURSE = 6
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

    def at(self, rows: np.ndarray) -> "Lines":
        """Those of some rows, originals the first."""
        return Lines(self.weights[rows], self.intercepts[rows])


def pull_back_lines(trained: Classifiers, basis: int, found: Map) -> Lines:
    """The classifier of originals that one basis is projected out of, which `found` maps."""
    return Lines(*found.pull_back(trained.weights[0, basis], trained.intercepts[0, basis]))


def train_mapped(
    originals: np.ndarray, positive: np.ndarray, found: Map, none: Classifiers, solver: str
) -> Lines:
    """A classifier trained on mapped originals (n, d), as one of points that aren't mapped.

    `none` are those of originals as they are, for a map that leaves them so.
    """
    points = found.of_originals(originals)
    if points is originals:
        return pull_back_lines(none, 0, found)
    nothing = np.empty((0, originals.shape[1]))
    return pull_back_lines(train(points[None], positive, [nothing], solver), 0, found)


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


def fit_variant(
    variant: Variant,
    data: "LabelData",
    originals: np.ndarray,
    effected: np.ndarray,
    positive: np.ndarray,
    trained: Classifiers,
    bases: Mapping[Variant, int],
    solver: str,
) -> tuple[Map | str | None, Lines | None]:
    """Fit a method's map and train its classifiers.

    Parameters
    ----------
    originals, effected, positive : (n, d), (P, n, d) and (n,), the label's training set
    trained, bases : see `classification.train_label`

    Returns
    -------
    The map, or why there is none, or None of a method that changes the training set alone; and the
    classifiers of originals and of the levels that apply, None where there is no map
    """
    method, threshold = variant
    applied = ~data.neutral
    if method == "own_level":
        return None, Lines(trained.weights[:, 0], trained.intercepts[:, 0])
    if method == "augmentation":
        lines = train_augmented(originals, effected[applied], positive, solver)
        return ("a single level", None) if lines is None else (None, lines)
    n_kept = n_directions(data.directions.singular_values, threshold or 1.0)
    training = data.training
    found = fit_map(
        method, training.effected, training.originals, data.neutral, data.directions, n_kept
    )
    if method in PAPER_METHODS:
        lines = pull_back_lines(trained, bases.get(variant, 0), found)
    elif isinstance(found, str):
        return found, None
    else:
        lines = train_mapped(originals, positive, found, trained, solver)
    return found, lines.at(np.concatenate([[True], applied]))


def draw_bases(count: int, dimension: int, label: str) -> list[np.ndarray]:
    """`N_RANDOM` random subspaces (count, d) with orthonormal rows; none for a count of 0."""
    random = generator("random subspaces", label, str(count))
    shape = dimension, min(count, dimension)
    drawn = [random.normal(size=shape) for _ in range(N_RANDOM if count else 0)]
    return [np.linalg.qr(normal)[0].T for normal in drawn]


def train_without(
    originals: np.ndarray,
    positive: np.ndarray,
    bases: Sequence[np.ndarray],
    n_levels: int,
    solver: str,
) -> list[Lines]:
    """Classifiers of originals (n, d) that each of `bases` is projected out of."""
    if not bases:
        return []
    trained = train(originals[None], positive, bases, solver)
    return [
        pull_back_lines(trained, index, project(basis, n_levels))
        for index, basis in enumerate(bases)
    ]


def assign_folds(groups: Sequence[str], positive: np.ndarray, label: str) -> np.ndarray:
    """The fold (n,) of each clip, `N_FOLDS` of whole recordings; the label's are shared out first.

    Which recording is in which depends on the names alone.
    """
    names, group_of = np.unique(np.asarray(groups), return_inverse=True)
    order = generator("training recordings", label).permutation(len(names))
    own = np.bincount(group_of, positive, len(names)) > 0
    order = order[np.argsort(~own[order], kind="stable")]
    fold = np.empty(len(names), int)
    fold[order] = np.arange(len(names)) % N_FOLDS
    return fold[group_of]


def cross_validate(
    originals: np.ndarray,
    effected: np.ndarray,
    neutral: np.ndarray,
    positive: np.ndarray,
    fold: np.ndarray,
    methods: Sequence[str],
    thresholds: Sequence[float],
    solver: str,
) -> dict[Variant, float]:
    """Pooled AUC of each of the paper's methods on training recordings that it hasn't seen.

    Directions and classifiers are fitted to the clips of all folds but one, directions to
    `MAX_COURSE` levels at most, and tested on that fold: the mean over folds. So a method can be
    chosen without a look at the test recordings.

    Parameters
    ----------
    originals : (n, d), the clips that the label's classifier is trained on
    effected : (P, n, d), at all levels
    neutral : (P,)
    positive : (n,), those of the label
    fold : (n,)

    Returns
    -------
    The AUCs; none where a fold leaves too few clips to train on in each
    """
    few = np.linspace(0, len(effected) - 1, min(len(effected), MAX_COURSE)).round().astype(int)
    if neutral[few].all():
        few = np.arange(len(effected))
    points = [originals, *(effected[level] for level in np.flatnonzero(~neutral))]
    found = []
    for held in np.unique(fold):
        test, kept = fold == held, fold != held
        of_classes = [(kept & side).sum() for side in (positive, ~positive)]
        if min(of_classes) < N_FOLDS or positive[test].all() or not positive[test].any():
            continue
        own = kept & positive
        directions = fit_label(
            effected[few][:, own].astype(np.float64),
            originals[own],
            neutral[few],
            reference_variances(originals[kept]),
            groups=None,
        )
        variants, bases = distinct_bases(directions, methods, thresholds, originals.shape[1])
        trained = train(originals[None, kept], positive[kept], bases, solver)
        scores = np.stack([trained.scores(level[test], (0,)) for level in points], axis=1)
        tiled = np.tile(positive[test], len(points))
        areas = roc_auc(tiled, scores.reshape(len(bases), -1))
        found.append({variant: areas[basis] for variant, basis in variants.items()})
    if not found:
        return {}
    return {variant: float(np.mean([each[variant] for each in found])) for variant in found[0]}


@dataclass(frozen=True)
class Spread:
    """A value of a label's classifiers with what test recordings contribute to its variance.

    parts : (G,), of both sides of the AUC together, of distances to the value
    inflation : Obuchowski's variance over the sum of squares of `parts`
    freedom : degrees of freedom of the variance
    n_groups : recordings of the label, or of the rest if fewer
    least : the smallest variance that it can have
    """

    value: float
    parts: np.ndarray
    inflation: float
    freedom: float
    n_groups: int
    least: float

    @property
    def seen(self) -> float:
        """The variance that these recordings show."""
        return self.inflation * float((self.parts**2).sum())

    @property
    def variance(self) -> float:
        return max(self.seen, self.least)


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
        # Of one pair of points, where scores are others than those of no debiasing.
        self._least = self.clustered.smallest_variance(len(points))
        self._least_of_level = self.clustered.smallest_variance()
        self._differ = differ_from_first(self._scores)
        self.pooled, self._parts = self.clustered.components(self._scores)
        clean, parts = self.clustered.components(self._scores[:1, 0])
        self._clean = clean[0]
        self.headroom = self._clean - self.pooled[0]
        self._headroom_parts = parts[:, 0] - self._parts[:, 0]

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

    def contrasts(self, index: int) -> tuple[Spread, Spread, Spread]:
        """A classifier's gain on that of no debiasing, the headroom, and the gain less this."""
        gain = self.pooled[index] - self.pooled[0]
        parts = self._parts[:, index] - self._parts[:, 0]
        least = self._least * self._differ[index]
        return (
            self._spread(gain, parts, least),
            self._spread(self.headroom, self._headroom_parts, self._least),
            self._spread(gain - self.headroom, parts - self._headroom_parts, self._least),
        )

    def level_rows(self, n_lines: int, levels: Sequence[str]) -> list[list[dict]]:
        """For each of the first classifiers a row a level: its AUC there, gain and recovered share.

        The first of `levels` are the originals.
        """
        rows = [[] for _ in range(n_lines)]
        for position, level in enumerate(levels):
            area, parts = self.clustered.components(self._scores[:n_lines, position])
            ends = self.clustered.intervals_of(area, parts)
            least = self._least_of_level * differ_from_first(self._scores[:n_lines, position])
            headroom = self._clean - area[0]
            for index, of_line in enumerate(rows):
                of_parts = parts[:, index] - parts[:, 0]
                gain = self._spread(area[index] - area[0], of_parts, least[index])
                found = describe_gain([gain], MIN_RECORDINGS)
                share = found["gain"] / headroom if headroom > MIN_HEADROOM else None
                of_line.append(
                    {
                        "level": level,
                        **_columns("level_auc", area[index], ends[index]),
                        **{name: found[name] for name in ("gain", "gain_low", "gain_high")},
                        "headroom": headroom,
                        "recovered": share,
                    }
                )
        return rows

    def _spread(self, value: float, parts: np.ndarray, least: float) -> Spread:
        variance, freedom = (float(each[0]) for each in self.clustered.variance(parts[:, None]))
        both = parts.sum(axis=0)
        squares = (both**2).sum()
        inflation = variance / squares if squares > 0 else 1.0
        value = 0.0 if abs(value) < ROUNDING else float(value)
        return Spread(value, both, inflation, freedom, self.clustered.n_groups, float(least))


def _columns(name: str, value: float, ends: Interval) -> dict:
    return {name: value, f"{name}_low": ends[0], f"{name}_high": ends[1]}


def mean_spread(spreads: Sequence[Spread]) -> Spread:
    """The mean over labels, whose variance knows that labels share test recordings.

    Parts of a recording are added over labels, so what makes it hard for several counts as one.
    """
    variances = np.array([each.seen for each in spreads])
    squares = sum((each.parts**2).sum() for each in spreads)
    weights = (variances**2 / [each.freedom for each in spreads]).sum()
    return Spread(
        float(np.mean([each.value for each in spreads])),
        np.mean([each.parts for each in spreads], axis=0),
        float(variances.sum() / squares) if squares > 0 else spreads[0].inflation,
        variances.sum() ** 2 / weights if weights > 0 else sum(each.freedom for each in spreads),
        sum(each.n_groups for each in spreads),
        sum(each.least for each in spreads) / len(spreads) ** 2,
    )


def describe_gain(gains: Sequence[Spread], min_recordings: int) -> dict:
    """The gain, or its mean over labels, with its interval, p-value, `spread` and `freedom`."""
    return _describe("gain", mean_spread(gains), min_recordings)


def _describe(name: str, found: Spread, min_recordings: int) -> dict:
    columns = weigh_gains(
        np.array([found.value]), np.array([found.seen]), np.array([found.freedom]),
        found.n_groups, min_recordings, np.array([found.least]),
    )  # fmt: skip
    columns = {key: float(column[0]) for key, column in columns.items()}
    ends = columns.pop("low"), columns.pop("high")
    return {**_columns(name, found.value, ends), **columns}


def describe_recovery(
    contrasts: Sequence[tuple[Spread, Spread, Spread]], min_recordings: int
) -> dict:
    """Columns of gain, headroom and the share of it that is recovered, of labels or one label.

    `contrasts` are `Scored`'s. No share of a headroom under `MIN_HEADROOM`.
    """
    gain, headroom, rest = map(mean_spread, zip(*contrasts, strict=True))
    of_headroom = _describe("headroom", headroom, min_recordings)
    columns = _describe("gain", gain, min_recordings)
    columns |= {name: of_headroom[name] for name in ("headroom", "headroom_low", "headroom_high")}
    if headroom.value > MIN_HEADROOM:
        ends = _interval_of_ratio(gain, headroom, rest, min_recordings)
        columns |= _columns("recovered", gain.value / headroom.value, ends)
    return columns


def _interval_of_ratio(
    gain: Spread, headroom: Spread, rest: Spread, min_recordings: int
) -> Interval:
    """Fieller's 95 % interval of gain over headroom (1954): ratios r with gain - r headroom near 0.

    None where the headroom's own interval holds 0, for then any ratio could be; and where the
    method changes the order of no two points, and so attempts nothing.
    """
    bound = quantile_t(min(gain.freedom, headroom.freedom)) ** 2
    covariance = (gain.variance + headroom.variance - rest.variance) / 2
    square = headroom.value**2 - bound * headroom.variance
    product = gain.value * headroom.value - bound * covariance
    changes = np.sqrt(gain.seen) > ROUNDING
    if square <= 0 or gain.n_groups < min_recordings or not changes:
        return None, None
    reach = product**2 - square * (gain.value**2 - bound * gain.variance)
    reach = np.sqrt(max(reach, 0.0))
    return (product - reach) / square, (product + reach) / square


class Refit:
    """The regularised direction of a label's clips (P, N, d), fitted anew after each of many maps.

    The Gram matrix of mapped points is that of the points, which is made once, less what the map
    changes, which has the rank of the map. `penalty` is that of the points as they are.
    """

    def __init__(self, effected: np.ndarray, penalty: float):
        n_levels, n_clips, dimension = effected.shape
        self._points = centre_points(effected.reshape(-1, dimension))
        self._wide = len(self._points) < dimension
        rows = self._points if self._wide else self._points.T
        self._gram = rows @ rows.T
        self._targets = np.repeat(unit_levels(n_levels) - 0.5, n_clips)
        self._product = self._targets @ self._points
        self._penalty = penalty

    def direction(self, found: Projection) -> np.ndarray:
        """The direction (d,) of mapped clips; zero where the level's covariance is rounding."""
        reads, writes = found.reads, found.writes
        if self._wide:
            # Of points x - W R'x: X X' less C E' and its transpose, C = X R and E = X W.
            right, left = self._points @ reads.T, self._points @ writes.T
            inner = writes @ writes.T
        else:
            # X'X less W (R'X'X) and its transpose.
            right, left = writes.T, self._gram @ reads.T
            inner = reads @ left
        change = (left - 0.5 * right @ inner) @ right.T
        gram = self._gram - change
        gram -= change.T
        product = self._product - (reads @ self._product) @ writes
        size = np.trace(gram)
        most = np.sqrt(max(size, 0.0)) * np.linalg.norm(self._targets)
        if np.linalg.norm(product) <= NO_COVARIANCE * most:
            return np.zeros(len(product))
        count = max(min(len(self._points) - 1, len(product)), 1)
        gram[np.diag_indices(len(gram))] += self._penalty * size / count
        if not self._wide:
            return linalg.solve(gram, product, assume_a="pos")
        duals = linalg.solve(gram, self._targets, assume_a="pos")
        return duals @ self._points - (duals @ right) @ writes

    def residual(
        self, found: Map, test: np.ndarray, groups: Sequence[str]
    ) -> dict[str, float | None]:
        """Signed rho_ridge of test clips (P, n, d), mapped, of the recordings `groups`.

        0 without an interval where nothing is left to fit, as after a recolouring, which gives all
        levels one mean: a direction would be one of rounding.
        """
        weights = self.direction(found) if isinstance(found, Projection) else np.zeros(1)
        if not weights.any():
            return {"residual": 0.0, "residual_low": None, "residual_high": None}
        weights, intercepts = (each[1:] for each in found.pull_back(weights, 0.0))
        projections = np.stack(list(map(project_on, test, weights))) + intercepts[:, None]
        ends = interval(estimate_rho(projections, groups))
        return _columns("residual", global_rho(projections), ends)
