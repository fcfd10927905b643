# environment: analysis
"""The analysis against the authors' way with scikit-learn, one thread, at the demo's sizes.

Processor time of one unit of each: a label's directions, a clip's sample-wise direction, a
classifier from its 12 penalties x 3 folds to the refit. The embeddings are synthetic: a course
along the levels, classes that overlap, noise.
"""

import sys
import time
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow_scripts"))

import numpy as np
from sklearn.cross_decomposition import CCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from threadpoolctl import threadpool_limits

from embedding_sensitivity.analysis import cca, directions
from embedding_sensitivity.analysis.classifiers import classification
from embedding_sensitivity.analysis.classifiers.classification import PENALTIES
from embedding_sensitivity.analysis.directions import project_out
from embedding_sensitivity.clips.split import N_FOLDS, classifier_clips
from embedding_sensitivity.experiment.measures import PAPER_METHODS, THRESHOLD_METHOD

N_LABELS, N_TRAIN, N_TEST, N_LEVELS = 5, 24, 8, 6
N_MODELS_BY_DIMENSION = {753: 2, 256: 1}
N_EFFECTS = 4
N_VARIANTS = 9
COMPARED = 3  # classifiers that the authors' way is timed on


def draw(dimension: int, n_clips: int, rng) -> tuple[np.ndarray, np.ndarray]:
    """Return originals (label, n, d) and the same at each level (P, label, n, d)."""
    means = 4 / np.sqrt(dimension) * rng.normal(size=(N_LABELS, 1, dimension))
    originals = means + rng.normal(size=(N_LABELS, n_clips, dimension)) + 1
    course = np.linspace(1, 0.1, N_LEVELS)[:, None, None, None] * rng.normal(size=dimension)
    return originals, originals + course + 0.3 * rng.normal(size=(N_LEVELS, *originals.shape))


def time_call(function, repeats: int):
    """Return the processor seconds a call, and what the last call returned."""
    start = time.process_time()
    for _ in range(repeats):
        result = function()
    return (time.process_time() - start) / repeats, result


def print_line(what: str, ours: float, theirs: float, difference: str) -> None:
    print(
        f"  {what:<34}{1e3 * ours:10.2f} ms{1e3 * theirs:12.2f} ms{theirs / ours:9.1f} x   "
        f"{difference}"
    )


def fit_authors_cca(points: np.ndarray, targets: np.ndarray) -> np.ndarray:
    model = CCA(n_components=1, scale=False).fit(points, targets)
    direction = model.x_rotations_[:, 0]
    return direction / np.linalg.norm(direction)


def fit_authors_classifier(points: np.ndarray, positive: np.ndarray):
    search = GridSearchCV(
        LogisticRegression(solver="liblinear", class_weight="balanced"),
        {"C": PENALTIES},
        scoring="roc_auc",
        cv=StratifiedKFold(N_FOLDS),
    )
    return search.fit(points, positive)


def measure(dimension: int) -> float:
    """Print one dimension's table; return the demo's seconds for the models that have it."""
    rng = np.random.default_rng(0)
    originals, effected = draw(dimension, N_TRAIN, rng)
    test_originals, test_effected = draw(dimension, N_TEST, rng)
    print(
        f"d = {dimension}, {N_TRAIN} clips, {N_LEVELS} levels".ljust(36)
        + f"{'ours':>10}{'scikit-learn':>18}{'ratio':>9}     agreement"
    )
    points = effected[:, 0].reshape(-1, dimension)
    targets = np.repeat(cca.unit_levels(N_LEVELS), N_TRAIN)
    ours, (direction, _) = time_call(lambda: cca.global_cca(effected[:, 0]), 5)
    theirs, expected = time_call(lambda: fit_authors_cca(points, targets), 3)
    print_line("global CCA, a label", ours, theirs, f"cos {abs(direction @ expected):.9f}")

    ours, (found, _) = time_call(lambda: cca.samplewise_cca(effected[:, 0]), 5)
    theirs, expected = time_call(
        lambda: fit_authors_cca(effected[:, 0, 0], cca.unit_levels(N_LEVELS)), 20
    )
    print_line(
        "sample-wise CCA, a clip", ours / N_TRAIN, theirs, f"cos {abs(found[0] @ expected):.9f}"
    )

    everyone = np.concatenate([originals[0], points])
    classes = np.repeat([0, 1], [N_TRAIN, len(points)])
    ours, found = time_call(lambda: directions.lda(originals[0], points), 5)
    model = LinearDiscriminantAnalysis(solver="eigen", shrinkage="auto")
    theirs, fitted = time_call(lambda: model.fit(everyone, classes), 1)
    expected = fitted.coef_[0] / np.linalg.norm(fitted.coef_[0])
    print_line("LDA, a label", ours, theirs, f"cos {abs(found @ expected):.9f}")

    reference = directions.reference_variances(originals.reshape(-1, dimension))
    neutral = np.zeros(N_LEVELS, bool)
    groups = [str(clip // 2) for clip in range(N_TRAIN)]  # of two clips each
    fit_seconds, fitted = time_call(
        lambda: directions.fit_label(effected[:, 0], originals[0], neutral, reference, groups), 3
    )
    print(f"  {'all directions of a label':<34}{1e3 * fit_seconds:10.2f} ms")

    label_clips = {label: [(label, index) for index in range(N_TRAIN)] for label in range(N_LABELS)}
    chosen = classifier_clips(label_clips, 0)
    rows = tuple(np.array(chosen).T)
    positive = rows[0] == 0
    sets = np.stack([originals[rows], *(level[rows] for level in effected)])
    subspaces = fitted.subspaces
    counts = [directions.n_directions(fitted.singular_values, t) for t in (0.3, 0.4, 0.5)]
    bases = [np.empty((0, dimension)), *(subspaces["samplewise_cca_svd"][:k] for k in counts)]
    bases += [subspaces[name] for name in PAPER_METHODS if name not in ("none", THRESHOLD_METHOD)]
    train_seconds, trained = time_call(lambda: classification.train(sets, positive, bases), 1)
    train_seconds /= len(sets) * len(bases)
    test_points = test_originals.reshape(-1, dimension)
    is_label = np.repeat(np.arange(N_LABELS), N_TEST) == 0
    theirs, worst, same = 0.0, 0.0, 0
    for variant in range(COMPARED):
        basis = bases[3 * variant]
        cost, model = time_call(
            lambda b=basis: fit_authors_classifier(project_out(sets[0], b), positive), 1
        )
        theirs += cost / COMPARED
        expected = roc_auc_score(is_label, model.decision_function(project_out(test_points, basis)))
        found = classification.roc_auc(is_label, trained.scores(test_points, (0, 3 * variant)))
        worst = max(worst, abs(found - expected))
        same += trained.best_c[0, 3 * variant] == model.best_params_["C"]
    print_line(
        "a classifier (36 fits and refit)",
        train_seconds,
        theirs,
        f"AUC within {worst:.4f}, same C {same} of {COMPARED}",
    )
    tests = np.concatenate([test_originals[None], test_effected]).reshape(
        N_LEVELS + 1, -1, dimension
    )

    def test_all():
        for position, at_level in enumerate(tests):
            sets_tested = slice(None) if position == 0 else [0, position]
            classification.roc_auc(is_label, trained.scores(at_level, (sets_tested,)))

    test_seconds, _ = time_call(test_all, 2)
    n_classifiers = N_LABELS * N_VARIANTS * (N_LEVELS + 1)
    classify = n_classifiers * train_seconds + N_LABELS * test_seconds
    jobs = N_MODELS_BY_DIMENSION[dimension] * N_EFFECTS
    print(
        f"  a job of the demo: directions {N_LABELS * fit_seconds:.2f} s, "
        f"classify {classify:.2f} s ({n_classifiers} classifiers); {jobs} such jobs"
    )
    return jobs * (N_LABELS * fit_seconds + classify)


def main() -> None:
    warnings.simplefilter("ignore")
    with threadpool_limits(1):
        total = sum(measure(dimension) for dimension in N_MODELS_BY_DIMENSION)
    print(f"the demo's sections III and IV, start-up and files aside: {total:.1f} CPU seconds")


if __name__ == "__main__":
    main()
