"""What the authors' released code computes on synthetic embeddings, to its tolerances.

Of one model and effect, which the repository has; of all where the whole oracle is beside it.
"""

import csv
from functools import cache
from pathlib import Path

import h5py
import numpy as np
import pytest

from embedding_sensitivity.analysis import cca, correlation, directions
from embedding_sensitivity.analysis.classifiers import classification
from embedding_sensitivity.clips.split import classifier_clips
from embedding_sensitivity.experiment.measures import THRESHOLD_METHOD

ROOT = Path(__file__).resolve().parents[2]
WHOLE = ROOT.parent / "shared" / "oracle"
ORACLE = WHOLE if WHOLE.is_dir() else ROOT / "tests" / "oracle"

AUTHORS = {
    "none": "none",
    "cca": "global_cca",
    "cca_samplewise_svd": "samplewise_cca_svd",
    "pcaproj_nonnorm": "pca_absolute",
    "pcaproj_norm": "pca_relative",
    "avgdirproj": "average_displacement",
    "lda": "lda",
}
THRESHOLDS = (0.3, 0.4, 0.5)
MODELS = ["openl3", "panns"] if WHOLE.is_dir() else ["panns"]
EFFECTS = ["bitcrush", "lowpass_cheby"] if WHOLE.is_dir() else ["bitcrush"]
CASES = [(model, effect) for model in MODELS for effect in EFFECTS]
cases = pytest.mark.parametrize(("model", "effect"), CASES)


@cache
def table(name, model, effect):
    with open(ORACLE / "expected" / f"{name}.csv", encoding="utf-8", newline="") as file:
        return [
            row for row in csv.DictReader(file) if (row["model"], row["effect"]) == (model, effect)
        ]


@cache
def split():
    with open(ORACLE / "inputs" / "train_test_split.csv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def clips(part, label=None):
    return [
        row["file_name"]
        for row in split()
        if row["split"] == part and label in (None, row["instrument"])
    ]


LABELS = list(dict.fromkeys(row["instrument"] for row in split()))


@cache
def frames(file_name, model):
    """Clip id to embedding, frames averaged in float32."""
    with h5py.File(ORACLE / "inputs" / "embeddings" / file_name) as file:
        features = file[f"irmas/{model}/features"][...]
        keys = file[f"irmas/{model}/keys"].asstr()[...]
    order = np.argsort(keys, kind="stable")
    names, counts = np.unique(keys[order], return_counts=True)
    means = features[order].reshape(len(names), counts[0], -1).mean(axis=1)
    return dict(zip(names, means, strict=True))


def originals(model, names):
    found = frames("embeddings.h5", model)
    return np.stack([found[name] for name in names]).astype(float)


@cache
def levels(effect):
    files = (ORACLE / "inputs" / "embeddings").glob(f"embeddings_{effect}_*.h5")
    return sorted((path.stem.rsplit("_", 1)[1] for path in files), key=float)


def effected(model, effect, names):
    found = [frames(f"embeddings_{effect}_{level}.h5", model) for level in levels(effect)]
    return np.stack([[at[name] for name in names] for at in found]).astype(float)


@cache
def fitted(model, effect):
    reference = directions.reference_variances(originals(model, clips("train")))
    neutral = np.zeros(len(levels(effect)), bool)
    return {
        label: directions.fit_label(
            effected(model, effect, clips("train", label)),
            originals(model, clips("train", label)),
            neutral,
            reference,
            clips("train", label),
        )
        for label in LABELS
    }


@cache
def expected_directions(model):
    return dict(np.load(ORACLE / "expected" / f"directions_{model}.npz"))


def up_to_sign(found, expected):
    assert np.abs(found * np.sign(found @ expected) - expected).max() <= 1e-8


@cases
def test_global_r2(model, effect):
    for row in table("global_r2", model, effect):
        label = row["instrument"]
        points = effected(model, effect, clips("train", label))
        along = correlation.project(points, fitted(model, effect)[label].subspaces["global_cca"][0])
        targets = np.repeat(cca.unit_levels(len(points)), points.shape[1])
        r2 = correlation.squared_spearman(along.ravel(), targets)
        assert abs(r2 - float(row["r2"])) <= 1e-9
        assert not fitted(model, effect)[label].saturated


@cases
def test_samplewise_r2_ranks_and_ties(model, effect):
    targets = cca.unit_levels(len(levels(effect)))
    position = {
        name: (label, i) for label in LABELS for i, name in enumerate(clips("train", label))
    }
    n_tied = 0
    for row in table("samplewise_r2", model, effect):
        label, index = position[row["file_name"]]
        found = fitted(model, effect)[label]
        points = effected(model, effect, [row["file_name"]])[:, 0]
        r2 = correlation.squared_spearman(
            correlation.project(points, found.samplewise[index]), targets
        )
        assert abs(r2 - float(row["r2"])) <= 1e-9
        assert found.ranks[index] == int(row["rank_at_pinv_cutoff"])
        assert correlation.n_distinct_points(points) == int(row["n_distinct_points"])
        n_tied += int(row["n_distinct_points"]) < len(points)
    assert n_tied == (22 if (model, effect) == ("panns", "bitcrush") else 0)


@cases
def test_directions(model, effect):
    expected = expected_directions(model)
    assert expected["instruments"].tolist() == LABELS
    for number, label in enumerate(LABELS):
        subspaces = fitted(model, effect)[label].subspaces
        for name, method in AUTHORS.items():
            if f"{effect}/{name}" in expected:
                up_to_sign(subspaces[method][0], expected[f"{effect}/{name}"][number])
    train = clips("train")
    for label in LABELS:
        rows = [train.index(name) for name in clips("train", label)]
        for found, wanted in zip(
            fitted(model, effect)[label].samplewise,
            expected[f"{effect}/samplewise_cca"][rows],
            strict=True,
        ):
            up_to_sign(found, wanted)


@cases
def test_numbers_of_directions_and_their_subspaces(model, effect):
    expected = expected_directions(model)
    for row in table("n_directions", model, effect):
        found = fitted(model, effect)[row["instrument"]]
        count = directions.n_directions(found.singular_values, float(row["threshold"]))
        assert count == int(row["k_projected"])
        if ORACLE != WHOLE and row["threshold"] != "0.4":
            continue  # the repository has the subspaces of one threshold
        stored = expected[f"{effect}/cca_samplewise_svd_{row['threshold']}/{row['instrument']}"]
        assert len(stored) == int(row["k_stored_by_reference"])
        if len(stored):
            kept = found.subspaces["samplewise_cca_svd"][:count]
            assert np.abs(kept.T @ kept - stored.T @ stored).max() <= 1e-8


@cases
def test_spectra(model, effect):
    for label in LABELS:
        rows = [
            row for row in table("singular_values", model, effect) if row["instrument"] == label
        ]
        rows.sort(key=lambda row: int(row["index"]))
        for found, column in (
            (fitted(model, effect)[label].singular_values, "ccadirs"),
            (
                directions.centred_singular_values(originals(model, clips("train", label))),
                "original",
            ),
        ):
            raw = np.array([float(row[f"sv_{column}"]) for row in rows])
            assert np.abs(found - raw).max() <= 1e-9 * raw[0]
            relative = np.array([float(row[f"norm_sv_{column}"]) for row in rows])
            assert np.abs(directions.spectrum(found) - relative).max() <= 1e-9


@pytest.mark.parametrize("model", MODELS)
def test_reference_variances(model):
    found = directions.reference_variances(originals(model, clips("train")))
    np.testing.assert_allclose(found, expected_directions(model)["ref_variances"], rtol=1e-9)


def areas(model, effect, label, solver="exact"):
    """(method, threshold, train, test) to (AUC, best C, tied C's), names as the authors'."""
    found = fitted(model, effect)[label]
    train = {name: clips("train", name) for name in LABELS}
    chosen = classifier_clips(train, label)
    positive = np.array([name in train[label] for name in chosen])
    variants = {}
    for name, method in AUTHORS.items():
        if method == THRESHOLD_METHOD:
            for threshold in THRESHOLDS:
                count = directions.n_directions(found.singular_values, threshold)
                variants[name, str(threshold)] = found.subspaces[method][:count]
        else:
            nothing = np.empty((0, found.samplewise.shape[1]))
            variants[name, ""] = found.subspaces.get(method, nothing)
    sets = np.concatenate([originals(model, chosen)[None], effected(model, effect, chosen)])
    trained = classification.train(sets, positive, list(variants.values()), solver)
    test = clips("test")
    tests = np.concatenate([originals(model, test)[None], effected(model, effect, test)])
    is_label = np.array([row["instrument"] == label for row in split() if row["split"] == "test"])
    names = ["orig", *levels(effect)]
    result = {}
    for position, points in enumerate(tests):
        auc = classification.roc_auc(is_label, trained.scores(points, (slice(None),)))
        for training, variant in np.ndindex(auc.shape):
            key = (*list(variants)[variant], names[training], names[position])
            result[key] = (
                auc[training, variant],
                trained.best_c[training, variant],
                trained.n_tied_c[training, variant],
            )
    return result


@cases
@pytest.mark.parametrize("label", ["cello", "organ"])
def test_auc_and_penalty_of_the_converged_optimum_on_every_row(model, effect, label):
    rows = [row for row in table("auc", model, effect) if row["instrument"] == label]
    found = areas(model, effect, label)
    assert len(rows) == 9 * (1 + 3 * len(levels(effect)))
    for row in rows:
        auc, best_c, n_tied = found[row["method"], row["threshold"], row["train"], row["test"]]
        assert abs(auc - float(row["roc_auc_exact"])) <= 1e-9
        assert best_c == float(row["best_C_exact"])
        assert n_tied == int(row["n_C_tied_at_best"])


def test_auc_of_liblinear_is_the_authors():
    """At its default tolerance 98 % of rows; one of the eight cases, as it is the slow solver."""
    rows = [row for row in table("auc", "panns", "bitcrush") if row["instrument"] == "cello"]
    found = areas("panns", "bitcrush", "cello", "liblinear")
    near = [
        abs(
            found[row["method"], row["threshold"], row["train"], row["test"]][0]
            - float(row["roc_auc"])
        )
        <= 0.01
        for row in rows
    ]
    assert np.mean(near) >= 0.98
