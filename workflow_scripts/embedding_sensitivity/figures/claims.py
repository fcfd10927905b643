"""Which of the paper's claims hold: a matrix of claims by models for each effect."""

from collections.abc import Iterable, Mapping, Sequence

from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

from embedding_sensitivity.figures import style as look
from embedding_sensitivity.figures.panels import legend, legend_height
from embedding_sensitivity.figures.style import COLUMN_IN, EffectAxis

TITLES = {
    "direction_correlates": "one\ndirection",
    "samplewise_correlates": "within\nclips",
    "trajectory_ordered": "at new\nlevels",
    "dimension_high": "many\ndimen-\nsions",
    "no_common_shift": "no\ncommon\nshift",
    "projection_does_not_help": "projec-\ntion no\nhelp",
}
# What a cell says, its colour and that of its text; told apart in grey too.
LOOKS = {
    "supported": ("yes", look.BLUE, "white"),
    "not supported": ("no", look.ORANGE, look.BLACK),
    "cannot tell": ("?", "white", look.GREY),
}


def plot_claims(
    models: Sequence[str], effects: Sequence[EffectAxis], style: Mapping, rows: Iterable[Mapping]
) -> Figure:
    """A panel an effect, a row a model, a column a claim, as wide as a column.

    `rows` are of the table claims. A cell has the verdict and the value that decides.
    """
    cells = {(row["effect"], row["model"], row["claim"]): row for row in rows}
    claims = [claim for claim in TITLES if claim in {key[2] for key in cells}]
    size = style["font_size"]
    line = size * 1.25 / 72
    left = min(1.15, 0.14 + max(len(look.model_title(model)) for model in models) * 0.6 * size / 72)
    figure, axes = look.grid(
        len(effects), 1, COLUMN_IN, len(models) * 1.9 * size / 72, left=left, right=0.06,
        top=0.12 + 7.3 * line, bottom=0.06 + legend_height(3, 3), gap_x=0, gap_y=0.06 + 1.4 * line,
    )  # fmt: skip
    look.heading(figure, ["Does the paper's claim hold?", "Verdict and the value that decides"])
    for panel, effect in zip(axes, effects, strict=True):
        for y, model in enumerate(models):
            for x, claim in enumerate(claims):
                if row := cells.get((effect.name, model, claim)):
                    _draw_cell(panel, x, y, row, size - 0.8)
        panel.set_xlim(-0.5, len(claims) - 0.5)
        panel.set_ylim(len(models) - 0.5, -0.5)
        names = [_wrap_name(look.model_title(model), left - 0.06, size) for model in models]
        panel.set_yticks(range(len(models)), names)
        panel.set_xticks(range(len(claims)), [TITLES[claim] for claim in claims])
        panel.tick_params(
            length=0, bottom=False, labelbottom=False, labeltop=panel is axes[0],
            labelsize=size - 0.8, pad=1.4 * size,
        )  # fmt: skip
        panel.tick_params(axis="y", pad=2)
        panel.spines[:].set_visible(False)
        panel.text(
            0, 1.0, look.shorten(effect.name, COLUMN_IN - left, size), size=size,
            transform=panel.transAxes, va="bottom",
        )  # fmt: skip
    handles = [
        Patch(facecolor=colour, edgecolor=look.GREY, linewidth=0.5, label=f"{word}: {verdict}")
        for verdict, (word, colour, _) in LOOKS.items()
    ]
    legend(figure, handles, 3)
    return figure


def _draw_cell(panel, x: int, y: int, row: Mapping, size: float) -> None:
    word, colour, ink = LOOKS[row["verdict"]]
    panel.add_patch(
        Rectangle((x - 0.47, y - 0.44), 0.94, 0.88, facecolor=colour, edgecolor=look.GREY, lw=0.4)
    )
    value = _short(float(row["value"])) if row["value"] else ""
    panel.text(x, y, f"{word} {value}".strip(), color=ink, ha="center", va="center", size=size)


def _wrap_name(title: str, width: float, size: float) -> str:
    """The model's name, with what it is below where one line is too narrow for both."""
    if look.shorten(title, width, size) == title:
        return title
    return "\n".join(look.shorten(part, width, size) for part in title.rsplit(" ", 1))


def _short(value: float) -> str:
    """Two digits, without the zero before the point; what is far below 0 as such."""
    if value < -9:
        return "<-9"
    return f"{value:.2f}".replace("0.", ".", 1) if value < 0.995 else f"{value:.1f}"
