# environment: analysis
"""Sections III and IV at the paper's size: ours against the authors' algorithm, one thread.

What one of each costs in processor seconds, measured on synthetic embeddings of 288 clips at 31
levels, times how often the paper needs it: 3 models, 4 effects (31, 31, 34 and 12 levels), 11
labels, 9 ways of debiasing. The authors' way is written here with scikit-learn as their released
code has it: dense d x d projections, one cross-validated liblinear classifier for every row of the
table, sample-wise directions fitted anew for each threshold. It is timed on few cells, because a
whole effect takes it an hour. The statistics are what the authors' code has nothing like: nulls,
intervals, held-out levels, R2 of test clips, dimensionality, gains, what debiasing recovers, and
displacements.
"""

import sys
import time
import warnings
from pathlib import Path
from types import SimpleNamespace

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow_scripts"))

import numpy as np
from scipy import stats
from sklearn.cross_decomposition import CCA
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV
from threadpoolctl import threadpool_limits

from embedding_sensitivity.analysis import (
    cca,
    correlation,
    directions,
    displacement,
    heldout_levels,
    intervals,
)
from embedding_sensitivity.analysis.classifiers import classification
from embedding_sensitivity.analysis.classifiers.classification import PENALTIES
from embedding_sensitivity.analysis.classifiers.verdicts import differ_from_first, gain_statistics
from embedding_sensitivity.analysis.dimensionality import (
    angle_rows,
    compared_subspaces,
    directions_along_course,
)
from embedding_sensitivity.analysis.directions import project_out
from embedding_sensitivity.analysis.intervals import ClusteredAuc
from embedding_sensitivity.analysis.ridge import fit_ridge
from embedding_sensitivity.analysis.statistics import null_statistics
from embedding_sensitivity.clips.split import classifier_clips
from embedding_sensitivity.experiment.measures import METHODS, PAPER_METHODS, THRESHOLD_METHOD
from embedding_sensitivity.measures import dimensionality, equivariance, recovery, retrieval

MODELS = {"openl3": 512, "clap": 1024, "panns": 2048}
EFFECT_LEVELS = (31, 31, 34, 12)
N_LABELS, N_TRAIN, N_NEGATIVES, N_TEST_CLIPS = 11, 288, 28, 1666
N_LEVELS = 31
THRESHOLDS = (0.3, 0.4, 0.5)
N_VARIANTS = 9
# Levels whose classifiers are trained, after the originals: neighbours, as in a run.
TRAINED_LEVELS = (10, 11, 12)
# (training set, basis) of the authors' classifiers; each is tested on originals and these levels.
COMPARED = ((0, 0), (3, 6))


class Embeddings:
    """Synthetic embeddings: a falling spectrum, labels that overlap, a smooth course of levels."""

    def __init__(self, dimension: int):
        self.rng = np.random.default_rng(dimension)
        falling = np.arange(1, dimension + 1)[:, None] ** -0.5
        mixing = self.rng.normal(size=(dimension, dimension)) * falling
        self.mixing = mixing * np.sqrt(dimension) / 2 / np.linalg.norm(mixing)
        self.mean = 0.5 * np.abs(self.rng.normal(size=dimension))
        self.centres = 0.22 * self.noise(N_LABELS)
        self.shared = self.noise(4)

    def noise(self, n: int) -> np.ndarray:
        return self.rng.normal(size=(n, len(self.mixing))) @ self.mixing

    def clips(self, label: int, n: int, levels) -> np.ndarray:
        """Originals and the same clips at each of `levels`, float32 (1 + levels, n, d)."""
        originals = self.mean + self.centres[label] + self.noise(n)
        course = (1 + 0.3 * self.rng.normal(size=(n, 4))) @ self.shared / 12 + 0.7 * self.noise(n)
        bend = 0.7 * self.noise(n)
        found = [originals]
        for level in levels:
            strength = 1 - level / N_LEVELS
            moved = originals + strength * course + strength**2 * bend
            found.append(moved + 0.02 * self.noise(n))
        return np.array(found, np.float32)


def as_label(clips, tests, gallery, groups, fitted) -> SimpleNamespace:
    """What a measure gets of a label: (1 + P, n, d) of training and test clips, originals first.

    `gallery` are the originals of all labels' test clips, the label's own first; the clips' names
    are those of their recordings, `groups`.
    """

    def of(points):
        own = groups[: points.shape[1]]
        return SimpleNamespace(effected=points[1:], originals=points[0], groups=own, clips=own)

    levels = [str(level) for level in range(len(tests) - 1)]
    everyone = SimpleNamespace(
        labels=["all"],
        test={"all": groups},
        test_originals={"all": gallery},
        group_of=dict(zip(groups, groups, strict=True)),
        neutral_level=None,
        mild_end="low",
        log_scale=False,
    )
    return SimpleNamespace(
        training=of(clips),
        test=of(tests),
        directions=fitted,
        neutral=np.zeros(len(levels), bool),
        levels=levels,
        responds=True,
        everyone=everyone,
    )


def with_classifiers(label, source: Embeddings, trained, n_tests) -> SimpleNamespace:
    """What the measure of recovery gets: `as_label`'s, all labels' clips and trained classifiers.

    `n_tests` are each label's number of test clips.
    """
    names = [f"label {k}" for k in range(N_LABELS)]
    clips, places = [], {}
    everyone = SimpleNamespace(training={}, test={}, group_of={})
    for k, (name, n) in enumerate(zip(names, n_tests, strict=True)):
        own, tests = label.training, label.test
        if k == 0:
            given = [np.concatenate([part.originals[None], part.effected]) for part in (own, tests)]
            clips += [part.astype(np.float32) for part in given]
        else:
            clips += [source.clips(k, m, range(N_LEVELS)) for m in (N_NEGATIVES, n)]
        for part, count in (("training", N_TRAIN), ("test", n)):
            ids = [f"{name}, {part} {index}" for index in range(count)]
            getattr(everyone, part)[name] = ids
            everyone.group_of |= {clip: f"{name}, {part} {i // 3}" for i, clip in enumerate(ids)}
    chosen = classifier_clips(everyone.training, names[0])
    for k, name in enumerate(names):
        training = [clip for clip in chosen if clip.startswith(f"{name}, ")]
        for part, ids in enumerate((training, everyone.test[name])):
            places |= {clip: (2 * k + part, index) for index, clip in enumerate(ids)}

    def read(ids):
        found = [places[clip] for clip in ids]
        return np.stack([clips[block][:, index] for block, index in found], axis=1)

    everyone.originals, everyone.effected = lambda ids: read(ids)[0], lambda ids: read(ids)[1:]
    label.label, label.everyone = names[0], everyone
    label.training.clips, label.test.clips = everyone.training[names[0]], everyone.test[names[0]]
    rows = [0] + [1] * N_LEVELS
    kept = (
        getattr(trained, name)[rows] for name in ("weights", "intercepts", "best_c", "n_tied_c")
    )
    variants = [("none", None), *((THRESHOLD_METHOD, threshold) for threshold in THRESHOLDS)]
    variants += [(name, None) for name in PAPER_METHODS if name not in ("none", THRESHOLD_METHOD)]
    bases = {variant: index for index, variant in enumerate(variants)}
    label.shared = {"classifiers": (classification.Classifiers(*kept), bases, len(chosen))}
    return label


def seconds(function):
    """Processor seconds of a call, and what it returned."""
    start = time.process_time()
    result = function()
    return time.process_time() - start, result


def authors_direction(points: np.ndarray, targets: np.ndarray) -> np.ndarray:
    return CCA(n_components=1, scale=False).fit(points, targets).x_weights_[:, 0]


def authors_classifier(points: np.ndarray, positive: np.ndarray):
    model = LogisticRegression(solver="liblinear", class_weight="balanced", random_state=42)
    search = GridSearchCV(model, {"C": PENALTIES}, scoring="roc_auc", cv=3)
    return search.fit(points, positive)


def line(what: str, n: float, ours: float, theirs: float, note: str = "") -> None:
    ratio = f"{theirs / ours:8.1f} x" if ours and theirs else " " * 10
    print(f"  {what:<40}{n:>9.0f}{ours / 3600:11.4f} h{theirs / 3600:11.3f} h{ratio}  {note}")


def measure(model: str, dimension: int) -> tuple[float, float, float, float, float, int]:
    """Print one model's table; return its seconds: ours, the authors', theirs less projections,
    and what the statistics add to ours; then the largest AUC difference and of how many cells."""
    source = Embeddings(dimension)
    clips = source.clips(0, N_TRAIN, range(N_LEVELS)).astype(np.float64)
    originals, effected = clips[0], clips[1:]
    points = effected.reshape(-1, dimension)
    targets = np.repeat(cca.unit_levels(N_LEVELS), N_TRAIN)
    everyone = np.concatenate([source.clips(k, N_TRAIN, ())[0] for k in range(N_LABELS)])
    everyone = everyone.astype(np.float64)

    # Recordings of three clips.
    groups = [f"{clip // 3}" for clip in range(N_TEST_CLIPS)]
    own_groups = groups[:N_TRAIN]

    # Ours.
    reference_s, reference = seconds(lambda: directions.reference_variances(everyone))
    neutral = np.zeros(N_LEVELS, bool)
    fit_s, fitted = seconds(
        lambda: directions.fit_label(effected, originals, neutral, reference, own_groups)
    )
    # The regularised direction is none of the paper's.
    ridge_s, _ = seconds(lambda: fit_ridge(effected, own_groups))
    fit_s -= ridge_s

    def ranks():
        along = correlation.project(effected, fitted.subspaces["global_cca"][0])
        correlation.squared_spearman(along.ravel(), targets)
        for index in range(N_TRAIN):
            along = correlation.project(effected[:, index], fitted.samplewise[index])
            correlation.squared_spearman(along, cca.unit_levels(N_LEVELS))
        directions.centred_singular_values(originals)

    rank_s, _ = seconds(ranks)
    counts = [directions.n_directions(fitted.singular_values, t) for t in THRESHOLDS]
    subspaces = fitted.subspaces
    bases = [np.empty((0, dimension)), *(subspaces["samplewise_cca_svd"][:k] for k in counts)]
    bases += [subspaces[name] for name in PAPER_METHODS if name not in ("none", THRESHOLD_METHOD)]
    others = [source.clips(k, N_NEGATIVES, TRAINED_LEVELS) for k in range(1, N_LABELS)]
    own = clips[[0, *(1 + level for level in TRAINED_LEVELS)]].astype(np.float32)
    sets = np.concatenate([own, *others], axis=1)
    positive = np.arange(sets.shape[1]) < N_TRAIN
    train_s, trained = seconds(lambda: classification.train(sets, positive, bases))
    train_s /= len(sets) * len(bases)
    sizes = np.full(N_LABELS, N_TEST_CLIPS // N_LABELS)
    sizes[0] += N_TEST_CLIPS - sizes.sum()
    own_tests = source.clips(0, sizes[0], range(N_LEVELS)).astype(np.float64)
    others = [source.clips(k, n, TRAINED_LEVELS) for k, n in enumerate(sizes) if k]
    tests = np.concatenate([own_tests[[0, *(1 + level for level in TRAINED_LEVELS)]], *others], 1)
    is_label = np.arange(N_TEST_CLIPS) < sizes[0]
    test_s, tested = seconds(
        lambda: [classification.roc_auc(is_label, trained.scores(x, (slice(None),))) for x in tests]
    )
    areas = np.array(tested)  # (test set, training set, basis)
    test_s /= areas.size

    # What the authors' code has nothing like.
    own_test_groups = groups[: sizes[0]]
    nulls_s, _ = seconds(
        lambda: null_statistics(
            effected, own_tests[1:], own_groups, own_test_groups, fitted.penalty
        )
    )

    def intervals_of_label():
        for method in ("global_cca", "regularised"):
            along = correlation.project(own_tests[1:], subspaces[method][0])
            intervals.estimate_rho(along, own_test_groups)
            correlation.within_clips(along)
        # Every label's test clips, on this label's direction.
        for _ in range(N_LABELS):
            correlation.global_rho(correlation.project(own_tests[1:], subspaces["regularised"][0]))

    intervals_s, _ = seconds(intervals_of_label)
    heldout_s, _ = seconds(lambda: heldout_levels.global_r2(effected, own_tests[1:]))
    samplewise_heldout_s, _ = seconds(lambda: heldout_levels.samplewise_r2(effected))
    label = as_label(clips, own_tests, tests[0], groups, fitted)
    describe_s, _ = seconds(lambda: dimensionality.measure(label))
    shared_s, _ = seconds(lambda: equivariance.measure(label))
    course_s, _ = seconds(
        lambda: directions.singular_values(directions_along_course(effected, own_groups))
    )
    retrieval_s, found = seconds(lambda: retrieval.measure(label))
    thresholds_s, _ = seconds(
        lambda: retrieval.conclude(dict.fromkeys(map(str, range(N_LABELS)), found))
    )
    compared = {str(label): compared_subspaces(subspaces) for label in range(N_LABELS)}
    angles_s, _ = seconds(lambda: angle_rows(compared))
    clustered = ClusteredAuc(is_label, groups)
    scores = trained.scores(tests[0], (0,))

    def gains():
        _, parts = clustered.components(scores)
        gain = areas[0, 0] - areas[0, 0, 0]
        gain_statistics(gain, parts - parts[:, :1], clustered, differ_from_first(scores))

    gain_s, _ = seconds(gains)
    gain_s /= len(bases)
    moved_s, _ = seconds(
        lambda: displacement.describe_level(originals, effected[N_LEVELS // 2], distance=1.0)
    )

    label = with_classifiers(
        as_label(clips, own_tests, tests[0], groups, fitted), source, trained, sizes
    )
    recovery_s, _ = seconds(lambda: recovery.measure(label, METHODS, THRESHOLDS, "exact"))

    # The authors'.
    global_s, direction = seconds(lambda: authors_direction(points, targets))
    cosine = abs(direction @ fitted.subspaces["global_cca"][0])
    one_s, _ = seconds(
        lambda: [authors_direction(effected[:, k], cca.unit_levels(N_LEVELS)) for k in range(5)]
    )
    one_s /= 5
    svd_s, _ = seconds(lambda: np.linalg.svd(fitted.samplewise, full_matrices=False))
    moves = (effected - originals).reshape(-1, dimension)
    pca_s, _ = seconds(lambda: PCA(svd_solver="full").fit(moves))
    all_s, _ = seconds(lambda: PCA(svd_solver="full").fit(everyone))
    lda = LinearDiscriminantAnalysis(solver="eigen", shrinkage="auto")
    classes = np.repeat([0, 1], [N_TRAIN, len(points)])
    lda_s, _ = seconds(lambda: lda.fit(np.concatenate([originals, points]), classes))
    matrix = np.eye(dimension) - np.outer(direction, direction)
    project_s, _ = seconds(lambda: everyone @ matrix)
    project_s /= len(everyone)
    spearman_s, _ = seconds(
        lambda: [stats.spearmanr(effected[:, k, 0], np.arange(N_LEVELS)) for k in range(20)]
    )
    spearman_s /= 20
    classifier_s, worst, same = 0.0, 0.0, 0
    for index, variant in COMPARED:
        given = project_out(sets[index].astype(np.float64), bases[variant])
        cost, search = seconds(lambda given=given: authors_classifier(given, positive))
        classifier_s += cost / len(COMPARED)
        for clips_tested, found in zip(tests, areas[:, index, variant], strict=True):
            scores = search.decision_function(project_out(clips_tested, bases[variant]))
            worst = max(worst, abs(roc_auc_score(is_label, scores) - found))
        same += search.best_params_["C"] == trained.best_c[index, variant]

    # How often: what is fitted to all points of a label grows with its levels.
    n_labels = N_LABELS * len(EFFECT_LEVELS)
    by_points = N_LABELS * sum(EFFECT_LEVELS) / N_LEVELS
    n_trained = N_LABELS * N_VARIANTS * sum(levels + 1 for levels in EFFECT_LEVELS)
    n_rows = N_LABELS * N_VARIANTS * sum(3 * levels + 1 for levels in EFFECT_LEVELS)
    n_samplewise = (1 + len(THRESHOLDS)) * n_labels * N_TRAIN
    n_projected = (N_VARIANTS - 1) * N_LABELS * sum(levels + 1 for levels in EFFECT_LEVELS)
    n_projected *= N_LABELS * N_TRAIN + N_TEST_CLIPS

    print(f"{model}, d = {dimension}: k = {counts}, test AUC {areas[0, 0, 0]:.3f}; a classifier "
          f"{1e3 * train_s:.0f} ms, theirs {1e3 * classifier_s:.0f} ms")  # fmt: skip
    print(f"  {'':<40}{'number':>9}{'ours':>13}{'theirs':>13}{'ratio':>10}")
    theirs = 2 * global_s + 2 * pca_s + lda_s
    fits = (
        by_points * fit_s + len(EFFECT_LEVELS) * reference_s,
        by_points * theirs
        + n_samplewise * one_s
        + (1 + len(THRESHOLDS)) * n_labels * svd_s
        + len(EFFECT_LEVELS) * all_s,
    )
    line("directions", n_labels, *fits, f"global: 1 - cos = {1 - cosine:.0e}")
    correlations = n_labels * rank_s, n_labels * (N_TRAIN + 1) * spearman_s
    line("R2 and spectra", n_labels, *correlations)
    classifiers = n_trained * train_s, n_rows * classifier_s
    n_cells = len(COMPARED) * len(tests)
    note = f"same C {same} of {len(COMPARED)}"
    line("classifiers (theirs: one a row)", n_trained, *classifiers, note)
    line("d x d projections of all clips", n_projected, 0, n_projected * project_s)
    line("rows of table auc", n_rows, n_rows * test_s, 0)
    ours = fits[0] + correlations[0] + classifiers[0] + n_rows * test_s
    without = fits[1] + correlations[1] + classifiers[1]
    everything = without + n_projected * project_s
    line("sections III and IV", 1, ours, everything, difference(worst, n_cells))
    line("  without their d x d projections", 1, ours, without)
    n_moved = N_LABELS * sum(EFFECT_LEVELS)
    added = {
        "regularised direction, a label": (n_labels, by_points * ridge_s),
        "three nulls": (n_labels, by_points * nulls_s),
        "intervals over recordings": (n_labels, by_points * intervals_s),
        "R2 of held-out levels, global": (n_labels, by_points * heldout_s),
        "R2 of held-out levels, sample-wise": (n_labels, by_points * samplewise_heldout_s),
        "dimensionality and held-out energy": (n_labels, by_points * describe_s),
        "spectrum along the common course": (n_labels, by_points * course_s),
        "equivariance": (n_labels, by_points * shared_s),
        "retrieval": (n_labels, by_points * retrieval_s),
        "its threshold, an effect": (len(EFFECT_LEVELS), len(EFFECT_LEVELS) * thresholds_s),
        "principal angles, an effect": (len(EFFECT_LEVELS), len(EFFECT_LEVELS) * angles_s),
        "gains with intervals, a row": (n_rows, n_rows * gain_s),
        "recovery by all methods, a label": (n_labels, by_points * recovery_s),
        "displacements, a label and level": (n_moved, n_moved * moved_s),
    }
    for what, (number, cost) in added.items():
        line(what, number, cost, 0)
    statistics = sum(cost for _, cost in added.values())
    line("statistics in all", 1, statistics, 0, share(statistics, ours))
    return ours, everything, without, statistics, worst, n_cells


def difference(worst: float, n_cells: float) -> str:
    return f"largest AUC difference {worst:.4f} of {n_cells:.0f} cells"


def share(statistics: float, ours: float) -> str:
    return f"adds {100 * statistics / ours:.0f} % to sections III and IV"


def main() -> None:
    warnings.simplefilter("ignore")
    with threadpool_limits(1):
        found = [measure(model, dimension) for model, dimension in MODELS.items()]
    ours, theirs, without, statistics, worst, n_cells = np.array(found).T
    print("the whole paper")
    note = difference(worst.max(), n_cells.sum())
    line("sections III and IV", 1, ours.sum(), theirs.sum(), note)
    line("  without their d x d projections", 1, ours.sum(), without.sum())
    line("statistics in all", 1, statistics.sum(), 0, share(statistics.sum(), ours.sum()))


if __name__ == "__main__":
    main()
