"""What debiasing takes away of an effect, and what a classifier of originals regains by it."""

from embedding_sensitivity.experiment.measures import (
    CLASSIFIERS,
    DEBIASING,
    OF_DEBIASING,
    THRESHOLD_METHOD,
    FigureKind,
    Measure,
    Table,
    describe,
)

VARIANT = ("model", "effect", "label", "method", "threshold")


def _with_ends(name: str, meaning: str) -> dict[str, str]:
    ends = {f"{name}_low": "lower end of its 95 % interval", f"{name}_high": "upper end"}
    return {name: meaning, **ends}


GAIN = {
    **_with_ends("gain", "pooled AUC less that of `none`"),
    "p": "p-value of no gain, two-sided",
    "p_adjusted": "Benjamini and Hochberg's, of all rows of the model and effect",
    "detectable_gain": "gain that would be clear by itself among the m rows of the model and "
    "effect: t (1 - .05 / 2 m) times its standard deviation",
    **_with_ends("headroom", "AUC of `none` within originals, less its pooled AUC"),
    **_with_ends("recovered", "share of the headroom that the gain is, if it is over .02"),
}
AREAS = {
    **_with_ends("pooled_auc", "AUC of test clips at all levels and originals, in one ranking"),
    **_with_ends("balanced_accuracy", "of the same points, by the classifier's own threshold"),
}
REMOVED = {
    **_with_ends("energy_removed", "share of the test clips' displacement energy taken out"),
    **_with_ends(
        "residual", "signed rho of the level with a direction fitted anew to mapped clips"
    ),
}
SHARED = {
    "level_auc": "mean AUC within the levels",
    "random_auc": "mean pooled AUC of three random subspaces of as many directions",
    "n_directions": "directions that the map takes out; empty of methods that have none",
}
COUNTS = {"n_groups": "test recordings of the label, or of the rest if fewer"}
MEASURE = Measure(
    title="what debiasing takes away and what it regains",
    section=DEBIASING,
    group=CLASSIFIERS,
    needs_directions=True,
    reads=OF_DEBIASING,
    tables=(
        Table(
            "recovery",
            {**describe(" ".join(VARIANT)), **REMOVED, **AREAS, **GAIN, **SHARED, **COUNTS},
            VARIANT,
        ),
        Table(
            "recovery_mean",
            {
                **describe("model effect method threshold"),
                **{name: REMOVED[name] for name in ("energy_removed", "residual")},
                **{name: AREAS[name] for name in ("pooled_auc", "balanced_accuracy")},
                **GAIN,
                **SHARED,
                "n_groups": "sum over labels of the labels' `n_groups`",
                "n_labels": "labels for which the method is defined",
            },
            ("model", "effect", "method", "threshold"),
            in_report=True,
        ),
        Table(
            "recovery_levels",
            {
                **describe(" ".join((*VARIANT, "level"))),
                **_with_ends("level_auc", "AUC of test clips at the level, trained on originals"),
                **_with_ends("gain", "the same less that of `none`"),
                "headroom": "AUC of `none` within originals, less that within the level",
                "recovered": "share of the headroom that the gain is, if it is over .02",
            },
            (*VARIANT, "level"),
        ),
    ),
    figures=(
        FigureKind(
            "recovery",
            "of each method the energy removed, what of the level is left, the pooled AUC and the "
            "mean one within levels",
            ("recovery", "recovery_mean"),
            style={"point_size": 3.5, "hide": []},
            paper="question IV",
        ),
    ),
)


def measure(data, methods, thresholds, solver) -> dict:
    import numpy as np

    from embedding_sensitivity.analysis.classifiers import maps, recovery
    from embedding_sensitivity.analysis.classifiers.classification import check_test_clips
    from embedding_sensitivity.analysis.dimensionality import columns_of, removed_share
    from embedding_sensitivity.analysis.directions import n_directions
    from embedding_sensitivity.analysis.intervals import LOG_REST, MIN_RECORDINGS
    from embedding_sensitivity.clips.split import classifier_clips
    from embedding_sensitivity.effects.levels import ORIGINAL

    everyone, training, test, applied = data.everyone, data.training, data.test, ~data.neutral
    check_test_clips(everyone.test)
    kept = np.concatenate([[True], applied])
    fitted = {("none", None): maps.fit_map("none", *_arrays(data))}
    for method in dict.fromkeys(methods):
        if method not in ("augmentation", "own_level"):
            for threshold in thresholds if method == THRESHOLD_METHOD else (None,):
                n_kept = n_directions(data.directions.singular_values, threshold or 1.0)
                fitted[method, threshold] = maps.fit_map(method, *_arrays(data), n_kept)
    clips = classifier_clips(everyone.training, data.label)
    originals = everyone.originals(clips).astype(np.float64)
    positive = np.isin(clips, training.clips)
    # Every map that is defined, then the random subspaces of as many directions as they take out.
    defined = {variant: found for variant, found in fitted.items() if found is not None}
    counts = {
        variant: len(found.writes) if isinstance(found, maps.Projection) else None
        for variant, found in defined.items()
    }
    randoms = {
        count: recovery.random_projections(count, originals.shape[1], len(data.levels), data.label)
        for count in sorted({count for count in counts.values() if count})
    }
    every = [*defined.values(), *(each for found in randoms.values() for each in found)]
    lines = [
        recovery.Lines(found.weights[kept], found.intercepts[kept])
        for found in recovery.train_mapped(originals, positive, every, solver)
    ]
    named = dict(zip(defined, lines, strict=False))
    of_random = lines[len(defined) :]
    if {"augmentation", "own_level"} & set(methods):
        effected = everyone.effected(clips)[applied]
        if "augmentation" in methods:
            found = recovery.train_augmented(originals, effected, positive, solver)
            fitted["augmentation", None] = None
            if found is not None:
                named["augmentation", None] = found
        if "own_level" in methods:
            fitted["own_level", None] = None
            none = named["none", None]
            named["own_level", None] = recovery.train_own(none, effected, positive, solver)
        del effected
    # In one order, whatever that of the split.
    tests = sorted(clip for ids in everyone.test.values() for clip in ids)
    effected = everyone.effected(tests)
    scored = recovery.Scored(
        [*named.values(), *of_random],
        [everyone.originals(tests), *(effected[row] for row in np.flatnonzero(applied))],
        np.isin(tests, test.clips),
        [everyone.group_of[clip] for clip in tests],
    )
    del effected
    random_auc = dict.fromkeys(randoms, 0.0)
    places = [count for count, found in randoms.items() for _ in found]
    for count, area in zip(places, scored.pooled[len(named) :], strict=True):
        random_auc[count] += float(area) / len(randoms[count])
    areas = scored.pooled_columns()
    levels = [ORIGINAL, *(data.levels[row] for row in np.flatnonzero(applied))]
    refit = recovery.Refit(training.effected, data.directions.penalty)
    rows, of_levels, contrasts, energies = [], [], {}, {}
    for variant in fitted:
        cell = dict(zip(("method", "threshold"), variant, strict=True))
        row = {**cell, "n_groups": scored.clustered.n_groups}
        rows.append(row)
        if variant not in named:
            continue
        index = list(named).index(variant)
        own = scored.level_rows(index, levels)
        of_levels += [{**cell, **each} for each in own]
        row |= areas[index]
        row["level_auc"] = float(np.mean([each["level_auc"] for each in own[1:]]))
        gain, headroom = scored.contrasts(index)
        if variant != ("none", None):
            row |= recovery.describe_recovery([gain], [headroom], MIN_RECORDINGS)
        contrasts[variant] = gain, headroom
        if found := defined.get(variant):
            count = counts[variant]
            row |= {"n_directions": count, "random_auc": random_auc.get(count)}
            mapped = found.of_levels(test.effected)
            moved = test.effected[applied] - test.originals
            left = mapped[applied] - found.of_originals(test.originals)
            energies[variant] = removed_share(moved, left, test.groups)
            row |= columns_of("energy_removed", energies[variant], LOG_REST, -np.inf)
            row |= refit.residual(found, mapped, test.groups)
    return {"recovery": rows, "recovery_levels": of_levels, "contrasts": contrasts}


def _arrays(data) -> tuple:
    training = data.training
    return training.effected, training.originals, data.neutral, data.directions


def conclude(found) -> dict:
    import numpy as np

    from embedding_sensitivity.analysis.classifiers import recovery
    from embedding_sensitivity.analysis.classifiers.verdicts import adjust
    from embedding_sensitivity.analysis.intervals import MIN_RECORDINGS_OF_LABELS
    from embedding_sensitivity.experiment.measures import combine

    tables = combine(
        {
            label: {name: own[name] for name in ("recovery", "recovery_levels")}
            for label, own in found.items()
        }
    )
    of_variants: dict = {}
    for row in tables["recovery"]:
        of_variants.setdefault((row["method"], row["threshold"]), []).append(row)
    means = []
    names = ("energy_removed", "residual", "pooled_auc", "balanced_accuracy", *SHARED)
    for variant, rows in of_variants.items():
        mean = dict(zip(("method", "threshold"), variant, strict=True))
        for name in names:
            values = [row[name] for row in rows if row.get(name) is not None]
            mean[name] = float(np.mean(values)) if values else None
        pairs = [own["contrasts"][variant] for own in found.values() if variant in own["contrasts"]]
        mean |= {"n_labels": len(pairs), "n_groups": sum(row["n_groups"] for row in rows)}
        if pairs and variant != ("none", None):
            gains, headrooms = zip(*pairs, strict=True)
            mean |= recovery.describe_recovery(gains, headrooms, MIN_RECORDINGS_OF_LABELS)
        means.append(mean)
    for rows in (tables["recovery"], means):
        adjust([row for row in rows if "p" in row], counts=lambda row: True)
    return {**tables, "recovery_mean": means}


def draw(tables, subject, style):
    from embedding_sensitivity.figures.recovery import recovery_figure

    rows = tables["recovery_mean"]
    if len(subject.labels) == 1:
        rows = [row for row in tables["recovery"] if row["label"] == subject.labels[0]]
    what = subject.model, subject.labels, subject.effect, style
    return recovery_figure(*what, rows)
