"""How far an effect moves embeddings at each level, with no direction fitted."""

from embedding_sensitivity.experiment.measures import (
    IMPACT,
    SENSITIVITY,
    FigureKind,
    Measure,
    Table,
    describe,
)

MEASURED = {
    "cosine": "mean over clips of 1 - cos(x_i, x_i^p)",
    "euclidean": "mean of |x_i^p - x_i|, in the model's unit",
    "relative": "`euclidean` over the mean distance to other labels' centroids, less what that "
    "owes to the number of recordings",
}
QUANTILES = {
    f"{name}_q{percent}": f"{int(percent)} % quantile of `{name}` over clips"
    for name in MEASURED
    for percent in ("05", "50", "95")
}
MEASURE = Measure(
    title="how far each level moves embeddings",
    two_sided="each level by itself; `displacement_order` is over the whole grid: near 0 where "
    "both sides move clips alike",
    section=IMPACT,
    group=SENSITIVITY,
    tables=(
        Table(
            "displacement",
            describe(
                "model effect level label",
                **MEASURED,
                frechet="squared Frechet distance of effected clips to originals",
                cka="linear CKA of effected clips with originals",
                **QUANTILES,
                n_clips="training clips of the label",
                cka_debiased="`cka` with an expectation of 0 where the two are unrelated, at any N",
                kad="kernel audio distance of effected clips to originals, unbiased at any N",
            ),
            ("model", "effect", "level", "label"),
        ),
        Table(
            "displacement_order",
            describe(
                "model effect label",
                spearman_cosine="Spearman correlation of `cosine` with the level",
                spearman_euclidean="of `euclidean`",
                spearman_frechet="of `frechet`",
                spearman_cka="of `cka`",
                n_levels="levels",
                response="median over clips and levels that do something of |x_i^p - x_i| over the "
                "plain distance to other labels' centroids",
                responds="0 where that is under 1e-5: rounding, and nothing is measured of it",
            ),
            ("model", "effect", "label"),
            in_report=True,
        ),
    ),
    figures=(
        FigureKind(
            "displacement",
            "cosine and relative displacement, root Fréchet distance over label distance and CKA "
            "against level; order of each with level; every model in one",
            ("displacement", "displacement_order"),
            per="effect",
            style={"line_width": 1.1},
            paper="section II",
        ),
    ),
)


def measure(data) -> dict:
    from embedding_sensitivity.analysis.displacement import describe_level, order_with_level
    from embedding_sensitivity.embeddings.effect_data import label_distance

    everyone = data.everyone
    distance = label_distance(everyone.centroids, data.label, everyone.centroid_variances)
    originals = data.training.originals
    rows = [
        {"level": level, **describe_level(originals, points, distance)}
        for level, points in zip(data.levels, data.training.measured, strict=True)
    ]
    order = order_with_level(rows) if data.responds else {"n_levels": len(rows)}
    order |= {"response": data.training.response, "responds": data.responds}
    return {"displacement": rows, "displacement_order": [order]}


def draw(tables, subject, style):
    from embedding_sensitivity.figures.displacement import plot_displacement

    rows = tables["displacement"], tables["displacement_order"]
    return plot_displacement(subject.models, subject.effect, style, *rows)
