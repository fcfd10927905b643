"""The trajectories of single clips, projected to two dimensions (Fig. 1)."""

from collections.abc import Iterable, Mapping

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from embedding_sensitivity.effects.levels import ORIGINAL
from embedding_sensitivity.figures import style as look
from embedding_sensitivity.figures.panels import (
    describe_neutral,
    group_by,
    headings,
    make_panels,
    set_panel_title,
)
from embedding_sensitivity.figures.style import EffectAxis


def plot_trajectories(
    model: str, labels: list[str], effect: EffectAxis, style: Mapping, rows: Iterable[Mapping]
) -> Figure:
    """Fig. 1: the two-dimensional trajectories, coloured by the level's rank; x = original.

    `rows` are of the table trajectories.
    """
    single = len(labels) == 1
    clips = group_by(rows, "label", "clip")
    figure, axes, columns = make_panels(
        labels,
        headings(model, labels, effect, "Trajectories of the embeddings of single clips (UMAP)"),
        panel_height=2.6 if single else 1.5,
        bottom=0.85,
        gap_x=0.25,
        left=0.3,
    )
    colours = look.truncate_colours(style["colour_map"])
    rank = {level: index for index, level in enumerate(effect.levels)}
    norm = Normalize(0, max(1, len(rank) - 1))
    for panel, label in zip(axes, labels, strict=True):
        lines, points, originals = [], [], []
        for (of, _), clip in clips.items():
            if of != label:
                continue
            line = [(rank[r["level"]], float(r["x"]), float(r["y"])) for r in clip
                    if r["level"] in rank]  # fmt: skip
            line.sort()
            points += line
            lines.append([point[1:] for point in line])
            originals += [(float(r["x"]), float(r["y"])) for r in clip if r["level"] == ORIGINAL]
        panel.add_collection(
            LineCollection(lines, colors="#999999", linewidths=0.4, alpha=0.6, zorder=1)
        )
        ranks, x, y = np.array(points).reshape(-1, 3).T
        size = style["point_size"] * (2 if single else 1)
        # Points lie on each other: all of them are seen through, above the crosses.
        panel.scatter(x, y, s=size, c=colours(norm(ranks)), alpha=0.7, linewidths=0, zorder=3)
        panel.scatter(
            *np.array(originals).reshape(-1, 2).T,
            s=4 * size, c=look.BLACK, marker="x", linewidths=0.6, zorder=2,
        )  # fmt: skip
        panel.margins(0.06)
        panel.set(xticks=[], yticks=[])
        set_panel_title(figure, panel, label, [], single)
    look.label_outer_axes(axes, columns, "UMAP 1 (no unit)", "UMAP 2 (no unit)")
    compared = any(row["level"] == ORIGINAL for clip in clips.values() for row in clip)
    note = "x: original audio" if compared else ""
    _level_bar(figure, effect, ScalarMappable(norm, colours), note)
    return figure


def _level_bar(figure: Figure, effect: EffectAxis, colours: ScalarMappable, note: str) -> None:
    """A colour bar of the levels at the bottom of the figure, and a note beside it."""
    width, height = figure.get_size_inches()
    length = min(3.2, width - 1.6)
    bar = figure.add_axes((0.3 / width, 0.45 / height, length / width, 0.09 / height))
    figure.colorbar(colours, cax=bar, orientation="horizontal")
    ticks = effect.rank_ticks(6)
    bar.set_xticks(ticks, [look.format_level(effect.values[tick]) for tick in ticks])
    bar.set_xlabel(effect.label)
    if effect.neutral_rank is not None:
        bar.axvline(effect.neutral_rank, color=look.BLACK, linewidth=1.0)
        note = f"{note}\n| no effect ({describe_neutral(effect)})"
    figure.text((0.3 + length + 0.15) / width, 0.5 / height, note, va="center", linespacing=1.4)
