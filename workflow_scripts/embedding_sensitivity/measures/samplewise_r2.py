"""R2 of the level on a direction of each clip's own."""

from embedding_sensitivity.experiment.measures import (
    DIMENSIONALITY,
    SENSITIVITY,
    FigureKind,
    Measure,
    Table,
    combine,
    describe,
)

MEASURE = Measure(
    title="correlation of the level with a direction of each clip",
    two_sided="the order of all levels from end to end, for each clip",
    section=DIMENSIONALITY,
    group=SENSITIVITY,
    needs_directions=True,
    needs_originals=False,
    tables=(
        Table(
            "samplewise_r2",
            describe(
                "model effect clip label",
                r2="R2 of the clip's levels on its own direction",
                n_distinct_points="embeddings of the clip that differ",
                r2_heldout_levels="R2 of levels that the clip's direction was not fitted to",
                rho_heldout_levels="Spearman correlation of those levels, signed",
            ),
            ("model", "effect", "clip"),
        ),
        Table(
            "samplewise_mean",
            describe(
                "model effect",
                rho_heldout_levels="mean over labels of their clips' `rho_heldout_levels`",
                rho_heldout_levels_low="lower end of its 95 % interval, over recordings",
                rho_heldout_levels_high="upper end",
                p="p-value of levels in no order, one-sided: do clips follow the level, each in "
                "its own way or all alike?",
                n_groups="recordings of the clips",
                n_labels="labels that have a value",
                growth="mean over labels of the Spearman correlation of a clip's distance from its "
                "first level with the level",
                p_growth="p-value of a distance that doesn't change with the level, two-sided: do "
                "levels move clips at all, in whatever direction?",
            ),
            ("model", "effect"),
        ),
    ),
    figures=(
        FigureKind(
            "samplewise",
            "medians of the sample-wise R², at the levels of the fit and at held-out ones, every "
            "model in one",
            ("samplewise_r2",),
            per="effect",
            style={"point_size": 3.5},
            paper="section III",
        ),
    ),
)


def measure(data) -> dict:
    import numpy as np

    from embedding_sensitivity.analysis import heldout_levels
    from embedding_sensitivity.analysis.cca import is_saturated, unit_levels
    from embedding_sensitivity.analysis.correlation import (
        n_distinct_points,
        project,
        squared_spearman,
    )
    from embedding_sensitivity.analysis.intervals import estimate_mean

    effected, found = data.training.effected, data.directions
    targets = unit_levels(len(effected))
    predicted = heldout_levels.predict_levels(effected)
    heldout = order = None
    if predicted is not None:
        heldout = heldout_levels.correlate_predictions(predicted)
        order = heldout_levels.compare_mirrored_levels(predicted)
    growth = heldout_levels.distance_growth(effected)
    rows = []
    for index, clip in enumerate(data.training.clips):
        points = effected[:, index]
        if is_saturated(found.ranks[index], len(points)):
            r2 = 1.0
        else:
            r2 = squared_spearman(project(points, found.samplewise[index]), targets)
        rows.append(
            {
                "clip": clip,
                "r2": r2,
                "n_distinct_points": n_distinct_points(points),
            }
        )
        if heldout is not None:
            rho = heldout[index]
            rows[-1] |= {
                "r2_heldout_levels": np.maximum(rho, 0.0) ** 2,
                "rho_heldout_levels": rho,
            }
    groups = data.training.groups
    known = heldout is not None and not np.isnan(heldout).all()
    return {
        "samplewise_r2": rows,
        "mean": np.nanmean(heldout) if known else None,
        "share": estimate_mean((1 + heldout) / 2, groups) if known else None,
        "order": estimate_mean(order, groups) if known else None,
        "growth": None if growth is None else estimate_mean(growth, groups),
        "n_levels": len(effected),
    }


def conclude(found) -> dict:
    import statistics

    from embedding_sensitivity.analysis.intervals import (
        MIN_RECORDINGS_OF_LABELS,
        interval_within_clips,
        mean_estimate,
        p_above,
        p_differs,
    )

    tables = combine(found, "samplewise_r2")
    known = [own for own in found.values() if own["mean"] is not None]
    mean = {"n_labels": len(known)}
    if known:
        mean["rho_heldout_levels"] = statistics.fmean(own["mean"] for own in known)
        share = mean_estimate([own["share"] for own in known])
        n_levels, n_clips = known[0]["n_levels"], sum(len(own["samplewise_r2"]) for own in known)
        low, high = interval_within_clips(share, n_levels, n_clips, MIN_RECORDINGS_OF_LABELS)
        mean |= {"rho_heldout_levels_low": low, "rho_heldout_levels_high": high}
        if low is not None:
            order = mean_estimate([own["order"] for own in known])
            mean |= {"p": p_above(order, 0.0), "n_groups": share.n_recordings}
    growth = mean_estimate([own["growth"] for own in found.values() if own["growth"] is not None])
    if growth is not None:
        mean["growth"] = growth.said
        if growth.n_recordings >= MIN_RECORDINGS_OF_LABELS:
            mean["p_growth"] = p_differs(growth, 0.0)
    return tables | {"samplewise_mean": [mean]}


def draw(tables, subject, style):
    from embedding_sensitivity.figures.samplewise import plot_samplewise

    what = subject.models, subject.labels, subject.effect, style
    return plot_samplewise(*what, tables["samplewise_r2"])
