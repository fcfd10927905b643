"""Whether a clip with the effect still finds its original, and the level at which it is lost."""

from embedding_sensitivity.experiment.measures import (
    ANSWERS,
    SENSITIVITY,
    FigureKind,
    Measure,
    Table,
    combine,
    describe,
)

FOUND = {
    "recall_1": "expected share of clips whose original is the nearest of `gallery` originals",
    "mrr": "expected mean of 1 / rank of the original there",
    "gallery": "originals in that gallery: 32, or `n_gallery` where fewer are there",
    "recall_1_full": "the same as `recall_1` of the gallery of all originals",
    "mrr_full": "the same as `mrr`",
    "n_gallery": "its originals: a clip's own and those of other recordings",
    "n_clips": "test clips",
}
MEASURE = Measure(
    title="finding a clip's original",
    two_sided="a recall at each level, and a threshold for each side (`side`)",
    section=ANSWERS,
    group=SENSITIVITY,
    tables=(
        Table(
            "threshold_90",
            describe(
                "model effect",
                side="the way in which the effect grows: `down` to lower levels, or `up`",
                threshold_90="level at which `recall_1` of all labels' clips falls under 0.9",
                bound="`=`; or `<`, `>`: it lies beyond `threshold_90`, an end of the levels",
                threshold_90_low="lower end of its 95 % interval, over recordings",
                bound_low="as `bound`",
                threshold_90_high="upper end",
                bound_high="as `bound`",
                gallery="originals that a clip is looked for in",
                n_clips="test clips",
                n_groups="their recordings",
                responds="0 where the model does not respond to the effect in any label",
            ),
            ("model", "effect", "side"),
            in_report=True,
        ),
        Table(
            "retrieval",
            describe("model effect level label", **FOUND),
            ("model", "effect", "level", "label"),
        ),
    ),
    figures=(
        FigureKind(
            "threshold_90",
            "level at which clips lose their originals, an effect a panel, every model",
            ("threshold_90",),
            per="run",
            style={"point_size": 4.5},
            draw="draw_thresholds",
        ),
        FigureKind(
            "retrieval",
            "share of clips that find their original against level, every model in one",
            ("retrieval",),
            per="effect",
            style={"line_width": 1.1},
            draw="draw_recall",
        ),
    ),
)


def measure(data) -> dict:
    import numpy as np

    from embedding_sensitivity.analysis.displacement import cosine_displacement
    from embedding_sensitivity.analysis.retrieval import (
        describe_retrieval,
        recall_and_mrr,
        retrieve,
    )
    from embedding_sensitivity.effects.levels import ORIGINAL

    test, everyone = data.test, data.everyone
    if not test.clips:
        return {"retrieval": []}
    gallery = np.concatenate([everyone.test_originals[label] for label in everyone.labels])
    names = [clip for label in everyone.labels for clip in everyone.test[label]]
    nearer, rivals = retrieve(
        np.concatenate([test.effected, test.originals[None]]),
        test.originals,
        test.groups,
        gallery.astype(np.float64),
        [everyone.group_of[clip] for clip in names],
    )
    ends = [cosine_displacement(test.originals, test.effected[end]) for end in (0, -1)]
    return {
        "retrieval": [
            {"level": level, **describe_retrieval(at_level, rivals)}
            for level, at_level in zip([*data.levels, ORIGINAL], nearer, strict=True)
        ],
        "recall": recall_and_mrr(nearer, rivals)[0],
        "rivals": rivals,
        "groups": test.groups,
        "moved": np.nan_to_num(ends),
        "responds": data.responds,
        "course": (data.levels, everyone.neutral_level, everyone.mild_end, everyone.log_scale),
    }


def conclude(found) -> dict:
    import numpy as np

    from embedding_sensitivity.analysis.retrieval import sides_of, threshold_rows

    rows = combine(found, "retrieval")["retrieval"]
    tested = [own for own in found.values() if own["retrieval"]]
    if not tested:
        return {"retrieval": rows, "threshold_90": []}
    levels, neutral, mild_end, log_scale = tested[0]["course"]
    if mild_end is None:  # not declared: where clips have moved less
        first, last = np.concatenate([own["moved"] for own in tested], axis=1).mean(axis=1)
        mild_end = "low" if first <= last else "high"
    recall = np.concatenate([own["recall"] for own in tested], axis=1).T
    groups = [group for own in tested for group in own["groups"]]
    same = {
        "gallery": min(row["gallery"] for row in rows),
        "responds": any(own["responds"] for own in tested),
    }
    sides = sides_of([float(level) for level in levels], neutral, mild_end)
    rivals = np.concatenate([own["rivals"] for own in tested])
    thresholds = threshold_rows(recall, groups, rivals, sides, log_scale)
    return {"retrieval": rows, "threshold_90": [row | same for row in thresholds]}


def draw_thresholds(tables, subject, style):
    from embedding_sensitivity.figures.retrieval import plot_threshold

    return plot_threshold(subject.models, subject.effects, style, tables["threshold_90"])


def draw_recall(tables, subject, style):
    from embedding_sensitivity.figures.retrieval import plot_recall

    return plot_recall(subject.models, subject.effect, style, tables["retrieval"])
