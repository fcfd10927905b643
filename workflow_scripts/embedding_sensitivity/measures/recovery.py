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

# Why a label has no row but for its name.
NO_RESPONSE = "does not respond"
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
        Table("recovery_best", BEST, ("model", "effect"), in_report=True),
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
    from embedding_sensitivity.analysis.classifiers.classification import check_test_clips
    from embedding_sensitivity.analysis.classifiers.recovery import Refit

    check_test_clips(data.everyone.test)
    variants = [
        (method, threshold)
        for method in dict.fromkeys(("none", *methods))
        for threshold in (thresholds if method == THRESHOLD_METHOD else (None,))
    ]
    if not data.responds:
        rows = [{**_cell(variant), "undefined": NO_RESPONSE} for variant in variants]
        return {"recovery": rows, "recovery_levels": [], "contrasts": {}}
    fitted, lines, random, chosen = fit_methods(data, methods, thresholds, solver, variants)
    scored, random_auc = score_methods(data, lines, random)
    pooled = dict(zip(lines, scored.pooled_columns(), strict=False))
    by_level = level_rows(data, lines, scored)
    refit = Refit(data.training.effected, data.directions.penalty)
    rows, contrasts = [], {}
    for variant, found in fitted.items():
        row = {**_cell(variant), "n_groups": scored.clustered.n_groups}
        row["cv_auc"] = chosen.get(variant)
        rows.append(row)
        if variant not in lines:
            row["undefined"] = found
            continue
        contrasts[variant] = scored.contrasts(list(lines).index(variant))
        row |= pooled[variant] | describe_line(variant, contrasts[variant], by_level[variant])
        if found is not None:
            count = count_directions(found)
            row |= {"n_directions": count, "random_auc": random_auc.get(count)}
            row |= describe_map(data, found, refit)
    levels = [{**_cell(variant), **each} for variant, own in by_level.items() for each in own]
    return {"recovery": rows, "recovery_levels": levels, "contrasts": contrasts}


def _cell(variant) -> dict:
    return dict(zip(("method", "threshold"), variant, strict=True))


def count_directions(found) -> int | None:
    """How many directions a map takes out; None of one that is no projection."""
    from embedding_sensitivity.analysis.classifiers.maps import Projection

    return len(found.writes) if isinstance(found, Projection) else None


def fit_methods(data, methods, thresholds, solver, variants) -> tuple[dict, dict, dict, dict]:
    """Fit a label's maps and classifiers; the training set is in memory only in here.

    Returns
    -------
    fitted : of each variant its map, None, or why it has none
    lines : of those that are defined the classifiers, as those of embeddings that aren't mapped
    random : of each number of directions the classifiers of random subspaces
    chosen : pooled AUC of the paper's methods on left-out training recordings
    """
    import numpy as np

    from embedding_sensitivity.analysis.classifiers import recovery
    from embedding_sensitivity.analysis.classifiers.classification import train_label
    from embedding_sensitivity.clips.split import classifier_clips

    everyone, n_levels = data.everyone, (~data.neutral).sum()
    trained, bases, _ = train_label(data, methods, thresholds, solver)
    clips = classifier_clips(everyone.training, data.label)
    originals, effected = everyone.originals(clips).astype(np.float64), everyone.effected(clips)
    positive = np.isin(clips, data.training.clips)
    fitted, lines = {}, {}
    for variant in variants:
        fitted[variant], found = recovery.fit_variant(
            variant, data, originals, effected, positive, trained, bases, solver
        )
        if found is not None:
            lines[variant] = found
    counts = sorted({count for count in map(count_directions, fitted.values()) if count})
    bases = [recovery.draw_bases(count, originals.shape[1], data.label) for count in counts]
    of_random = recovery.train_without(
        originals, positive, [basis for own in bases for basis in own], n_levels, solver
    )
    size = recovery.N_RANDOM
    random = {
        count: of_random[place * size : (place + 1) * size] for place, count in enumerate(counts)
    }
    fold = recovery.assign_folds([everyone.group_of[clip] for clip in clips], positive, data.label)
    paper = [method for method in PAPER_METHODS if method in ("none", *methods)]
    chosen = recovery.cross_validate(
        originals, effected, data.neutral, positive, fold, paper, thresholds, solver
    )
    return fitted, lines, random, chosen


def score_methods(data, lines, random):
    """Test clips scored by the classifiers, and the pooled AUC of random subspaces by number."""
    import numpy as np

    from embedding_sensitivity.analysis.classifiers.recovery import Scored

    # In one order, whatever that of the split.
    everyone = data.everyone
    tests = sorted(clip for ids in everyone.test.values() for clip in ids)
    effected = everyone.effected(tests)
    scored = Scored(
        [*lines.values(), *(line for own in random.values() for line in own)],
        [everyone.originals(tests), *(effected[row] for row in np.flatnonzero(~data.neutral))],
        np.isin(tests, data.test.clips),
        [everyone.group_of[clip] for clip in tests],
    )
    starts = np.cumsum([len(lines), *map(len, random.values())])[:-1]
    areas = {
        count: float(scored.pooled[start : start + len(own)].mean())
        for start, (count, own) in zip(starts, random.items(), strict=True)
    }
    return scored, areas


def level_rows(data, lines, scored) -> dict:
    """Of each variant the rows of recovery_levels, originals the first."""
    import numpy as np

    from embedding_sensitivity.effects.levels import ORIGINAL

    levels = [ORIGINAL, *(data.levels[row] for row in np.flatnonzero(~data.neutral))]
    return dict(zip(lines, scored.level_rows(len(lines), levels), strict=True))


def describe_line(variant, contrasts, of_levels) -> dict:
    """What a variant's classifiers regain, but for `none`, and their mean AUC within levels."""
    import numpy as np

    from embedding_sensitivity.analysis.classifiers.recovery import describe_recovery
    from embedding_sensitivity.analysis.intervals import MIN_RECORDINGS

    columns = {"level_auc": float(np.mean([each["level_auc"] for each in of_levels[1:]]))}
    if variant != ("none", None):
        columns |= describe_recovery([contrasts], MIN_RECORDINGS)
    return columns


def describe_map(data, found, refit) -> dict:
    """What a map takes away of the test clips' displacements, and of the level."""
    import numpy as np

    from embedding_sensitivity.analysis.dimensionality import columns_of, removed_share
    from embedding_sensitivity.analysis.intervals import LOG_REST

    test, applied = data.test, ~data.neutral
    displacements = test.effected - test.originals
    left = found.of_displacements(displacements, test.originals)
    energy = removed_share(displacements[applied], left[applied], test.groups)
    columns = columns_of("energy_removed", energy, LOG_REST, -np.inf)
    return columns | refit.residual(found, test.effected, test.groups)


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
        n_groups = sum(row.get("n_groups", 0) for row in rows)
        mean |= {"n_labels": len(contrasts), "n_groups": n_groups}
        if not contrasts:
            reasons = [row["undefined"] for row in rows]
            mean["undefined"] = min(reasons, key=lambda reason: reason == NO_RESPONSE)
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
    from embedding_sensitivity.figures.recovery import plot_recovery

    what = subject.model, subject.labels, subject.effect, style
    if len(subject.labels) == 1:
        rows = [row for row in tables["recovery"] if row["label"] == subject.labels[0]]
        return plot_recovery(*what, rows)
    return plot_recovery(*what, tables["recovery_mean"], tables["recovery_best"])
