"""Table I: how well one direction gives the level, of every model and effect."""

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
    """Table I: the regularised direction with interval and nulls, below it the paper's R² x 100.

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
    split = 8.6 * size / 72
    width = max(COLUMN_IN, first + split + 1.2 * len(effects) + 0.2)
    notes = [
        wrap(text, width)
        for text in (
            "ρ: Spearman correlation of the level with the projection on the regularised "
            "direction, test clips, mean over labels; 95 % interval over recordings. Within clips: "
            "of each clip by itself. Other labels: on directions of other labels.",
            "p: is there an effect, is it the order of levels, is the direction shared? Adjusted "
            f"for the cells of the table. {CANNOT_TELL}: cannot tell.",
            "R² (the paper's) × 100, mean ± standard deviation over labels: squared correlation "
            "with the exact fit. Null: of levels permuted by recording (labels above 95 % of it). "
            "New levels: test clips at levels left out of the fit.",
        )
    ]
    if any(saturated.values()):
        text = (
            "† training fit saturated for at least one label: R² = 1 there by identity, and test "
            "R² measures rounding too: read ρ."
        )
        notes.append(wrap(text, width))
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
    for index, effect in enumerate(effects):
        put(column(index), y, look.shorten(effect, 1.0, size), **look.BOLD, ha="center")
    y += step / 2
    rule(y, 0.6)
    for model in models:
        put(0.15, y + step / 2, look.shorten(look.model_title(model), first - 0.1, size))
        for what, text_of in TABLE1_ROWS.items():
            bold = look.BOLD if what == HEADLINE else {}
            put(0.1 + first, y + step / 2, what, **bold)
            for index, effect in enumerate(effects):
                row = cells.get((model, effect))
                text = text_of(row) if row else "-"
                if what == "R² train" and saturated[model, effect]:
                    text += "†"
                put(column(index), y + step / 2, text, ha="center", **bold)
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
    return f"{mean} ({row['n_above_null']} of {row['n_labels']})" if row["n_above_null"] else mean


def _test_text(row: Mapping) -> str:
    low, high = row["mean_test_low"], row["mean_test_high"]
    ends = f" [{100 * float(low):.1f}, {100 * float(high):.1f}]" if low and high else ""
    return _mean_std(row["mean_test"], "") + ends


def _rho_text(row: Mapping, name: str) -> str:
    """A mean correlation and its interval, which too few recordings don't have."""
    mean, low, high = (row[f"{key}"] for key in (f"mean_{name}", f"{name}_low", f"{name}_high"))
    if not mean:
        return "-"
    return f"{float(mean):.2f}" + (f" [{float(low):.2f}, {float(high):.2f}]" if low else "")


def _p_text(value: str) -> str:
    return (f"{float(value):.3f}" if float(value) >= 0.0005 else "<.001") if value else CANNOT_TELL


CANNOT_TELL = "?"
HEADLINE = "ρ"
# What Table I has of each model, from a row of the table table1.
TABLE1_ROWS = {
    HEADLINE: lambda row: _rho_text(row, "rho_ridge"),
    "within clips": lambda row: _rho_text(row, "rho_within"),
    "other labels": lambda row: (
        f"{float(row['mean_rho_across']):.2f}" if row["mean_rho_across"] else "-"
    ),
    "p effect": lambda row: _p_text(row["p_recording_adjusted"]),
    "p order": lambda row: _p_text(row["p_common_adjusted"]),
    "p shared": lambda row: _p_text(row["p_reversal_adjusted"]),
    "R² train": lambda row: _mean_std(row["mean"], row["std"]),
    "R² null": _null_text,
    "R² test": _test_text,
    "R² new levels": lambda row: _mean_std(row["mean_heldout_levels"], ""),
}
