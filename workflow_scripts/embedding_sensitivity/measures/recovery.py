"""What debiasing takes away of an effect, and what a classifier of originals regains by it."""

from embedding_sensitivity.experiment.measures import (
    CLASSIFIERS,
    DEBIASING,
    OF_DEBIASING,
    PAPER_METHODS,
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
    "cv_auc": "pooled AUC on training recordings left out of every fit; of the paper's methods",
    "level_auc": "mean AUC within the levels",
    "random_auc": "pooled AUC of a random subspace of as many directions",
    "n_directions": "directions that the map takes out; empty of methods that have none",
}
UNDEFINED = {"undefined": "why the method has no map: the row is empty"}
GROUPS = {"n_groups": "test recordings of the label, or of the rest if fewer"}
COUNTED = {
    "n_groups": "sum over labels of the labels' `n_groups`",
    "n_labels": "labels for which the method is defined",
}
MEANS = ("energy_removed", "residual", "pooled_auc", "balanced_accuracy", *SHARED)
SHARES = {name: text for name, text in GAIN.items() if not name.startswith(("p", "detectable"))}
BEST = {
    **describe("model effect method threshold"),
    "cv_gain": "its gain on training recordings left out of every fit, by which it was chosen",
    **SHARES,
    **COUNTED,
}
MEASURE = Measure(
    title="what debiasing takes away and what it regains",
    two_sided="all levels but the neutral one together; directions too are fitted to both sides",
    section=DEBIASING,
    group=CLASSIFIERS,
    needs_directions=True,
    reads=OF_DEBIASING,
    tables=(
        Table(
            "recovery",
            {
                **describe(" ".join(VARIANT)),
                **REMOVED,
                **AREAS,
                **GAIN,
                **SHARED,
                **GROUPS,
                **UNDEFINED,
            },
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
                **COUNTED,
                **UNDEFINED,
            },
            ("model", "effect", "method", "threshold"),
            in_report=True,
        ),
        Table("recovery_best", BEST, ("model", "effect")),
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
            ("recovery", "recovery_mean", "recovery_best"),
            style={"point_size": 3.5, "hide": []},
            paper="question IV",
        ),
    ),
)


def measure(data, methods, thresholds, solver) -> dict:
    import numpy as np

    from embedding_sensitivity.analysis.classifiers import maps, recovery
    from embedding_sensitivity.analysis.classifiers.classification import (
        check_test_clips,
        train_label,
    )
    from embedding_sensitivity.analysis.dimensionality import columns_of, removed_share
    from embedding_sensitivity.analysis.intervals import LOG_REST, MIN_RECORDINGS
    from embedding_sensitivity.clips.split import classifier_clips
    from embedding_sensitivity.effects.levels import ORIGINAL

    everyone, training, test, applied = data.everyone, data.training, data.test, ~data.neutral
    check_test_clips(everyone.test)
    trained, bases, _ = train_label(data, methods, thresholds, solver)
    clips = classifier_clips(everyone.training, data.label)
    originals, effected = everyone.originals(clips).astype(np.float64), everyone.effected(clips)
    positive = np.isin(clips, training.clips)
    # Of each method its map, or why it has none; and its classifiers, as those of embeddings.
    fitted, lines = {}, {}
    for method in dict.fromkeys(("none", *methods)):
        for threshold in thresholds if method == THRESHOLD_METHOD else (None,):
            variant = method, threshold
            fitted[variant], found = recovery.fit_variant(
                variant, data, originals, effected, positive, trained, bases, solver
            )
            if found is not None:
                lines[variant] = found
    counts = {
        variant: len(found.writes) if isinstance(found, maps.Projection) else None
        for variant, found in fitted.items()
    }
    random = {
        count: recovery.draw_bases(count, originals.shape[1], data.label)
        for count in sorted({count for count in counts.values() if count})
    }
    drawn = [basis for of_count in random.values() for basis in of_count]
    of_random = recovery.train_without(originals, positive, drawn, applied.sum(), solver)
    chosen = {}
    if data.responds:
        fold = recovery.assign_folds(
            [everyone.group_of[clip] for clip in clips], positive, data.label
        )
        paper = [method for method in PAPER_METHODS if method in ("none", *methods)]
        chosen = recovery.cross_validate(
            originals, effected, data.neutral, positive, fold, paper, thresholds, solver
        )
    # Test clips are read when the training set has gone. In one order, whatever that of the split.
    del effected
    tests = sorted(clip for ids in everyone.test.values() for clip in ids)
    effected = everyone.effected(tests)
    scored = recovery.Scored(
        [*lines.values(), *of_random],
        [everyone.originals(tests), *(effected[row] for row in np.flatnonzero(applied))],
        np.isin(tests, test.clips),
        [everyone.group_of[clip] for clip in tests],
    )
    del effected
    areas = scored.pooled[len(lines) :].reshape(-1, recovery.N_RANDOM).mean(axis=1)
    random_auc = dict(zip(random, areas, strict=True))
    pooled = dict(zip(lines, scored.pooled_columns(), strict=False))
    levels = [ORIGINAL, *(data.levels[row] for row in np.flatnonzero(applied))]
    of_levels = dict(zip(lines, scored.level_rows(len(lines), levels), strict=True))
    refit = recovery.Refit(training.effected, data.directions.penalty)
    displacements = test.effected - test.originals
    rows, contrasts = [], {}
    for variant, found in fitted.items():
        cell = dict(zip(("method", "threshold"), variant, strict=True))
        row = {**cell, "n_groups": scored.clustered.n_groups, "cv_auc": chosen.get(variant)}
        rows.append(row)
        if variant not in lines:
            row["undefined"] = found
            continue
        row |= pooled[variant]
        row["level_auc"] = float(np.mean([each["level_auc"] for each in of_levels[variant][1:]]))
        contrasts[variant] = scored.contrasts(list(lines).index(variant))
        if variant != ("none", None):
            row |= recovery.describe_recovery([contrasts[variant]], MIN_RECORDINGS)
        if found is not None:
            count = counts[variant]
            row |= {"n_directions": count, "random_auc": random_auc.get(count)}
            left = found.of_displacements(displacements, test.originals)
            energy = removed_share(displacements[applied], left[applied], test.groups)
            row |= columns_of("energy_removed", energy, LOG_REST, -np.inf)
            row |= refit.residual(found, test.effected, test.groups)
    by_level = [
        {"method": method, "threshold": threshold, **each}
        for (method, threshold), own in of_levels.items()
        for each in own
    ]
    return {"recovery": rows, "recovery_levels": by_level, "contrasts": contrasts}


def conclude(found) -> dict:
    import numpy as np

    from embedding_sensitivity.analysis.classifiers import recovery
    from embedding_sensitivity.analysis.classifiers.verdicts import adjust
    from embedding_sensitivity.analysis.intervals import MIN_RECORDINGS_OF_LABELS
    from embedding_sensitivity.experiment.measures import combine

    tables = combine(found, "recovery", "recovery_levels")
    of_variants: dict = {}
    for row in tables["recovery"]:
        of_variants.setdefault((row["method"], row["threshold"]), []).append(row)
    means = []
    for variant, rows in of_variants.items():
        mean = dict(zip(("method", "threshold"), variant, strict=True))
        for name in MEANS:
            values = [row[name] for row in rows if row.get(name) is not None]
            mean[name] = float(np.mean(values)) if values else None
        contrasts = [own["contrasts"].get(variant) for own in found.values()]
        contrasts = [each for each in contrasts if each]
        mean |= {"n_labels": len(contrasts), "n_groups": sum(row["n_groups"] for row in rows)}
        if not contrasts:
            mean["undefined"] = rows[0]["undefined"]
        elif variant != ("none", None):
            mean |= recovery.describe_recovery(contrasts, MIN_RECORDINGS_OF_LABELS)
        means.append(mean)
    paper = [row for row in means if row["method"] in PAPER_METHODS]
    tried = [row for row in paper[1:] if row["cv_auc"] is not None]
    best = []
    if tried:
        row = max(tried, key=lambda row: row["cv_auc"])
        best = [{name: row[name] for name in BEST if name in row}]
        best[0]["cv_gain"] = row["cv_auc"] - paper[0]["cv_auc"]
    for rows in (tables["recovery"], means):
        adjust([row for row in rows if "p" in row], counts=lambda row: True)
    return {**tables, "recovery_mean": means, "recovery_best": best}


def draw(tables, subject, style):
    from embedding_sensitivity.figures.recovery import recovery_figure

    what = subject.model, subject.labels, subject.effect, style
    if len(subject.labels) == 1:
        rows = [row for row in tables["recovery"] if row["label"] == subject.labels[0]]
        return recovery_figure(*what, rows)
    return recovery_figure(*what, tables["recovery_mean"], tables["recovery_best"])
