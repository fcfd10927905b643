"""Whether an effect adds the same to every clip, by label."""

from collections.abc import Iterable, Mapping, Sequence

from matplotlib.figure import Figure

from embedding_sensitivity.figures import style as look
from embedding_sensitivity.figures.panels import draw_rows, legend, legend_height, model_handles
from embedding_sensitivity.figures.style import COLUMN_IN

PANELS = (("equivariance", "equivariance"), ("predicted", "predicted\ndisplacement"))
MEAN = "mean"


def plot_equivariance(
    models: Sequence[str],
    labels: Sequence[str],
    effect: str,
    style: Mapping,
    rows: Iterable[Mapping],
    means: Iterable[Mapping],
) -> Figure:
    """Both shares, a row for each label and for their mean, a symbol a model; as wide as a column.

    `rows` are of the table equivariance, `means` of equivariance_mean. Bars are 95 % intervals.
    Shares below 0 are drawn at the edge.
    """
    cells = {(row["model"], row["label"]): row for row in rows}
    cells |= {(row["model"], MEAN): row for row in means}
    size, left = style["font_size"], 0.78
    handles, columns = model_handles(models, size, markersize=style["point_size"], linestyle="")
    figure, axes = look.grid(
        len(PANELS), len(PANELS), COLUMN_IN, (len(labels) + 1) * 2.0 * size / 72,
        left=left, right=0.12, top=0.12 + 2.6 * size * 1.25 / 72,
        bottom=0.52 + legend_height(len(handles), columns), gap_x=0.16, gap_y=0,
    )  # fmt: skip
    look.heading(figure, [effect, "Is what the effect does the same for every clip?"])
    for panel, (column, title) in zip(axes, PANELS, strict=True):
        draw_rows(panel, models, [*labels, MEAN], cells, column, style["point_size"], lowest=-0.08)
        panel.axhline(len(labels) - 0.5, color=look.GREY, linewidth=0.6, zorder=0)
        panel.set_xlim(-0.08, 1.03)
        panel.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", "", "0.5", "", "1"])
        names = [look.shorten(name, left - 0.12, size) for name in (*labels, MEAN)]
        panel.set_yticks(range(len(names)), names)
        panel.tick_params(axis="y", length=0, labelleft=panel is axes[0])
        panel.set_xlabel(title)
    legend(figure, handles, columns)
    return figure
