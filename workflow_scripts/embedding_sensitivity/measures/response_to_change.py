"""How embeddings respond to all effects, against what each level changes of the signal."""

from collections.abc import Iterable, Mapping

from embedding_sensitivity.experiment.measures import (
    IMPACT,
    FigureKind,
    Measure,
    Table,
    describe,
)

# Of all labels' clips, as table signal_change has them.
SIGNAL = ("snr_db", "loudness_change_lu", "rms_change_db", "log_spectral_distance_db")
MEASURE = Measure(
    title="response to a change of the signal",
    two_sided="each level by itself: the curve has a branch for each side, which meet at no change",
    section=IMPACT,
    needs_audio=True,
    tables=(
        Table(
            "response_to_change",
            describe(
                "model effect",
                level="level of the effect, or `original`: no effect",
                **{name: f"as in `signal_change`, of all labels' clips: {name}" for name in SIGNAL},
                relative="mean over labels of `displacement.relative`",
                recall_1="mean over test clips of `retrieval.recall_1`",
                roc_auc="mean over labels of `auc.roc_auc`, trained on originals, no debiasing",
            ),
            ("model", "effect", "level"),
            derived_from=("signal_change", "displacement", "retrieval", "auc"),
            derive="join_responses",
        ),
    ),
    figures=(
        FigureKind(
            "response_to_change",
            "displacement, recall at 1 and ROC AUC against the log-spectral distance of each level "
            "from its clips, every effect in one",
            ("response_to_change",),
            per="all effects",
            style={"line_width": 1.1, "point_size": 3.0},
        ),
    ),
)


def join_responses(tables: Mapping[str, Iterable[Mapping[str, str]]]) -> list[dict]:
    """Rows of the table response_to_change, from rows of others as text."""
    from embedding_sensitivity.effects.levels import ORIGINAL

    numbers = {
        "relative": _mean_of_cells(tables["displacement"], "level", "relative"),
        "recall_1": _mean_of_cells(tables["retrieval"], "level", "recall_1", "n_clips"),
        "roc_auc": _mean_of_cells(
            (row for row in tables["auc"] if row["method"] == "none" and row["train"] == ORIGINAL),
            "test",
            "roc_auc",
        ),
    }
    signal = {
        (row["effect"], row["level"]): {name: row[name] for name in SIGNAL}
        for row in tables["signal_change"]
        if not row["label"]
    }
    unchanged = {**dict.fromkeys(SIGNAL, 0.0), "snr_db": float("inf")}
    rows = []
    for key in sorted(set().union(*numbers.values())):
        model, effect, level = key
        row = {"model": model, "effect": effect, "level": level}
        # Of the originals nothing has moved.
        row |= {"relative": 0.0, **unchanged} if level == ORIGINAL else signal[effect, level]
        rows.append(row | {name: found[key] for name, found in numbers.items() if key in found})
    return rows


def _mean_of_cells(
    rows: Iterable[Mapping[str, str]], level: str, column: str, weight: str = ""
) -> dict[tuple[str, str, str], float]:
    """The mean over labels by model, effect and level, weighted by a column where it is given."""
    cells: dict[tuple[str, str, str], list[tuple[float, float]]] = {}
    for row in rows:
        if row[column]:
            key = row["model"], row["effect"], row[level]
            cells.setdefault(key, []).append((float(row[column]), float(row.get(weight, 1))))
    return {
        key: sum(value * weight for value, weight in found) / sum(weight for _, weight in found)
        for key, found in cells.items()
    }


def draw(tables, subject, style):
    from embedding_sensitivity.figures.response_to_change import plot_response

    return plot_response(subject.model, subject.effects, style, tables["response_to_change"])
