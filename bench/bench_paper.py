# environment: analysis
"""Sections III and IV at the paper's size: ours against the authors' algorithm, one thread.

What one of each costs in processor seconds, measured on synthetic embeddings of 288 clips at 31
levels, times how often the paper needs it: 3 models, 4 effects (31, 31, 34 and 12 levels), 11
labels, 9 ways of debiasing. The authors' way is written here with scikit-learn as their released
code has it: dense d x d projections, one cross-validated liblinear classifier for every row of the
table, sample-wise directions fitted anew for each threshold. It is timed on few cells, because a
whole effect takes it an hour.
"""

import sys
import time
import warnings
from pathlib import Path

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

from sensitivity import cca, classification, correlation, directions, displacement, protocol
from sensitivity.projection import project_out
from sensitivity.statistics import N_RESAMPLES, generator, resampled_groups
from sensitivity.verdicts import PairedBootstrap, gain_statistics

MODELS = {"openl3": 512, "clap": 1024, "panns": 2048}
EFFECT_LEVELS = (31, 31, 34, 12)
N_LABELS, N_TRAIN, N_NEGATIVES, N_TEST_CLIPS = 11, 288, 28, 1666
N_LEVELS = 31
THRESHOLDS = (0.3, 0.4, 0.5)
N_VARIANTS = 9
# Levels whose classifiers are trained, after the originals: neighbours, as in a run.
TRAINED_LEVELS = (10, 11, 12)
COMPARED = ((0, 0), (3, 6))  # (training set, basis) of the authors' classifiers


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


def seconds(function):
    """Processor seconds of a call, and what it returned."""
    start = time.process_time()
    result = function()
    return time.process_time() - start, result


def authors_direction(points: np.ndarray, targets: np.ndarray) -> np.ndarray:
    return CCA(n_components=1, scale=False).fit(points, targets).x_weights_[:, 0]


def authors_classifier(points: np.ndarray, positive: np.ndarray):
    model = LogisticRegression(solver="liblinear", class_weight="balanced", random_state=42)
    search = GridSearchCV(model, {"C": protocol.PENALTIES}, scoring="roc_auc", cv=3)
    return search.fit(points, positive)


def line(what: str, n: float, ours: float, theirs: float, note: str = "") -> None:
    ratio = f"{theirs / ours:8.1f} x" if ours and theirs else " " * 10
    print(f"  {what:<40}{n:>9.0f}{ours / 3600:11.4f} h{theirs / 3600:11.3f} h{ratio}  {note}")


def measure(model: str, dimension: int) -> tuple[float, float, float, float]:
    """Print one model's table; return its hours: ours, the authors', theirs less projections,
    and what the statistics add to ours."""
    source = Embeddings(dimension)
    clips = source.clips(0, N_TRAIN, range(N_LEVELS)).astype(np.float64)
    originals, effected = clips[0], clips[1:]
    points = effected.reshape(-1, dimension)
    targets = np.repeat(cca.unit_levels(N_LEVELS), N_TRAIN)
    everyone = np.concatenate([source.clips(k, N_TRAIN, ())[0] for k in range(N_LABELS)])
    everyone = everyone.astype(np.float64)

    # Ours.
    reference_s, reference = seconds(lambda: directions.reference_variances(everyone))
    neutral = np.zeros(N_LEVELS, bool)
    fit_s, fitted = seconds(lambda: directions.fit_label(effected, originals, neutral, reference))

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
    bases += [basis for name, basis in subspaces.items() if name != "samplewise_cca_svd"]
    others = [source.clips(k, N_NEGATIVES, TRAINED_LEVELS) for k in range(1, N_LABELS)]
    own = clips[[0, *(1 + level for level in TRAINED_LEVELS)]].astype(np.float32)
    sets = np.concatenate([own, *others], axis=1)
    positive = np.arange(sets.shape[1]) < N_TRAIN
    train_s, trained = seconds(lambda: classification.train(sets, positive, bases))
    train_s /= len(sets) * len(bases)
    sizes = np.full(N_LABELS, N_TEST_CLIPS // N_LABELS)
    sizes[0] += N_TEST_CLIPS - sizes.sum()
    tests = np.concatenate([source.clips(k, n, ())[0] for k, n in enumerate(sizes)])
    tests = tests.astype(np.float64)
    is_label = np.repeat(np.arange(N_LABELS), sizes) == 0
    test_s, areas = seconds(
        lambda: classification.roc_auc(is_label, trained.scores(tests, (slice(None),)))
    )
    test_s /= areas.size
    groups = [f"{clip // 3}" for clip in range(N_TEST_CLIPS)]
    bootstrap = PairedBootstrap(
        is_label, groups, resampled_groups(groups, N_RESAMPLES, generator("bench"))
    )

    def gains():
        resampled = bootstrap.areas(trained.scores(tests, (0,)))
        gain_statistics(areas[0] - areas[0, 0], resampled - resampled[0], bootstrap.n_groups)

    gain_s, _ = seconds(gains)
    gain_s /= len(bases)
    moved_s, _ = seconds(lambda: displacement.describe_level(originals, effected[15], distance=1.0))

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
        scores = search.decision_function(project_out(tests, bases[variant]))
        worst = max(worst, abs(roc_auc_score(is_label, scores) - areas[index, variant]))
        same += search.best_params_["C"] == trained.best_c[index, variant]

    # How often: what is fitted to all points of a label grows with its levels.
    n_labels = N_LABELS * len(EFFECT_LEVELS)
    by_points = N_LABELS * sum(EFFECT_LEVELS) / N_LEVELS
    n_trained = N_LABELS * N_VARIANTS * sum(levels + 1 for levels in EFFECT_LEVELS)
    n_rows = N_LABELS * N_VARIANTS * sum(3 * levels + 1 for levels in EFFECT_LEVELS)
    n_samplewise = (1 + len(THRESHOLDS)) * n_labels * N_TRAIN
    n_projected = (N_VARIANTS - 1) * N_LABELS * sum(levels + 1 for levels in EFFECT_LEVELS)
    n_projected *= N_LABELS * N_TRAIN + N_TEST_CLIPS

    print(f"{model}, d = {dimension}: k = {counts}, test AUC {areas[0, 0]:.3f}; a classifier "
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
    note = f"largest AUC difference {worst:.4f}, same C {same} of {len(COMPARED)}"
    line("classifiers (theirs: one a row)", n_trained, *classifiers, note)
    line("d x d projections of all clips", n_projected, 0, n_projected * project_s)
    line("rows of table auc", n_rows, n_rows * test_s, 0)
    ours = fits[0] + correlations[0] + classifiers[0] + n_rows * test_s
    without = fits[1] + correlations[1] + classifiers[1]
    everything = without + n_projected * project_s
    line("sections III and IV", 1, ours, everything, f"largest AUC difference {worst:.4f}")
    line("  without their d x d projections", 1, ours, without)
    line("statistics: gains and their bootstrap", n_rows, n_rows * gain_s, 0)
    n_moved = N_LABELS * sum(EFFECT_LEVELS)
    line("displacements", n_moved, n_moved * moved_s, 0)
    statistics = n_rows * gain_s + n_moved * moved_s
    print(f"  the two add {100 * statistics / ours:.0f} % to sections III and IV", flush=True)
    return ours, everything, without, worst


def main() -> None:
    warnings.simplefilter("ignore")
    with threadpool_limits(1):
        found = [measure(model, dimension) for model, dimension in MODELS.items()]
    ours, theirs, without, worst = np.array(found).T
    print("the whole paper")
    note = f"largest AUC difference {worst.max():.4f}"
    line("sections III and IV", 1, ours.sum(), theirs.sum(), note)
    line("  without their d x d projections", 1, ours.sum(), without.sum())


if __name__ == "__main__":
    main()
