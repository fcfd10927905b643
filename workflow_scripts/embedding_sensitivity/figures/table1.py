"""Table I: the global R² of every model and effect."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from embedding_sensitivity.figures import style as look
from embedding_sensitivity.figures.panels import (
    wrap,
)
from embedding_sensitivity.figures.style import COLUMN_IN


def table1_figure(
    models: Sequence[str],
    effects: Sequence[str],
    style: Mapping,
    rows: Iterable[Mapping],
    r2: Iterable[Mapping],
) -> Figure:
    """Table I: mean ± standard deviation over labels of the global R² x 100, train and test.

    Below the training R² its null, below the test R² its interval and that of held-out levels.
    `rows` are of table1, `r2` of global_r2: a dagger marks means with saturated fits in them.
    """
    cells = {(row["model"], row["effect"]): row for row in rows}
    saturated = defaultdict(int)
    for row in r2:
        saturated[row["model"], row["effect"]] += row["saturated"] == "1"
    size = style["font_size"]
    step = size * 1.6 / 72
    first = max(len(look.model_title(model)) for model in models) * 0.62 * size / 72 + 0.25
    first = min(first, 2.6)
    split = 7.4 * size / 72
    width = max(COLUMN_IN, first + split + 1.05 * len(effects) + 0.2)
    notes = [
        wrap(text, width)
        for text in (
            "R² × 100, mean ± standard deviation over labels: squared Spearman correlation of the "
            "projection with the level.",
            "Null: training R² if levels are permuted within clips (labels above 95 % of it). "
            "95 %: interval of the mean test R², over recordings. New levels: test clips at levels "
            "left out of the fit.",
        )
    ]
    if any(saturated.values()):
        notes.append(wrap("† training fit saturated for at least one label: R² = 1 there by "
                              "identity, so read the test rows.", width))  # fmt: skip
    note_lines = "\n".join(notes).count("\n") + 1
    height = (len(TABLE1_ROWS) * len(models) + 1.3 + 0.86 * note_lines) * step + 0.25
    figure = Figure(figsize=(width, height))

    def put(x: float, y: float, text: str, **how) -> None:
        figure.text(x / width, 1 - y / height, text, va="center", size=size, **how)

    def rule(y: float, thickness: float) -> None:
        figure.add_artist(
            Line2D([0.1 / width, 1 - 0.1 / width], [1 - y / height] * 2, color=look.BLACK,
                   linewidth=thickness)
        )  # fmt: skip

    def column(index: int) -> float:
        return 0.1 + first + split + (index + 0.5) * (width - first - split - 0.2) / len(effects)

    y = 0.1 + step / 2
    rule(0.1, 1.0)
    put(0.15, y, "Model", **look.BOLD)
    put(0.1 + first, y, "R²", **look.BOLD)
    for index, effect in enumerate(effects):
        put(column(index), y, look.shorten(effect, 1.0, size), **look.BOLD, ha="center")
    y += step / 2
    rule(y, 0.6)
    for model in models:
        put(0.15, y + step / 2, look.shorten(look.model_title(model), first - 0.1, size))
        for what, text_of in TABLE1_ROWS.items():
            put(0.1 + first, y + step / 2, what)
            for index, effect in enumerate(effects):
                row = cells.get((model, effect))
                text = text_of(row) if row else "-"
                if what == "train" and saturated[model, effect]:
                    text += "†"
                put(column(index), y + step / 2, text, ha="center")
            y += step
        rule(y, 1.0 if model == models[-1] else 0.3)
    figure.text(
        0.1 / width, 1 - (y + 0.08) / height, "\n".join(notes), va="top", size=size - 1,
        linespacing=1.4,
    )  # fmt: skip
    return figure


def _mean_std(mean: str, std: str) -> str:
    if not mean:
        return "-"
    return f"{100 * float(mean):.2f}" + (f" ± {100 * float(std):.2f}" if std else "")


def _null_text(row: Mapping) -> str:
    mean = _mean_std(row["mean_null"], "")
    return f"{mean} ({row['n_above_null']} of {row['n_labels']})" if row["mean_null"] else mean


def _interval_text(row: Mapping) -> str:
    low, high = row["mean_test_low"], row["mean_test_high"]
    return f"{_mean_std(low, '')} to {_mean_std(high, '')}" if low and high else "-"


# What Table I has of each model, from a row of the table table1.
TABLE1_ROWS = {
    "train": lambda row: _mean_std(row["mean"], row["std"]),
    "null": _null_text,
    "test": lambda row: _mean_std(row["mean_test"], row["std_test"]),
    "95 %": _interval_text,
    "new levels": lambda row: _mean_std(row["mean_heldout_levels"], ""),
}
