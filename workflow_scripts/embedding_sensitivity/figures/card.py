"""The page of a response card: a model's numbers under each effect, and what they depend on."""

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from embedding_sensitivity.figures import style as look
from embedding_sensitivity.figures.panels import METHOD_TEXT

# The numbers that are drawn, each 0 where nothing happens: key of an effect's entry, label, limits.
PANELS = (
    ("relative_displacement", "largest\ndisplacement", (0, None)),
    ("rho_ridge", "correlation\nwith the level", (-0.1, 1.05)),
    ("equivariance", "equi-\nvariance", (-0.1, 1.05)),
    ("auc_drop", "drop\nof AUC", (None, None)),
)
FONT = 7
ROW_IN, TOP_IN, BOTTOM_IN = 0.36, 0.92, 0.3
# Widths in inches: names of effects with thresholds, each panel, the remedies.
LEFT_IN, PANEL_IN, GAP_IN = 2.05, 0.82, 0.14


def draw_card(card: Mapping, thresholds: Mapping[str, Sequence[str]], title: str) -> Figure:
    """Draw a card on one page: a row an effect, a column a number, with 95 % intervals.

    Parameters
    ----------
    card : as `commands.cards.SCHEMA` describes it
    thresholds : each effect's retrieval thresholds as text
    title : the model's name, which says whether it is a control
    """
    effects = list(card["effects"])
    height = TOP_IN + len(effects) * ROW_IN + BOTTOM_IN
    figure = Figure(figsize=(look.PAGE_IN, height))
    look.heading(figure, [title, *_describe(card)])
    bottom, tall = BOTTOM_IN / height, len(effects) * ROW_IN / height
    x = LEFT_IN
    for key, label, limits in PANELS:
        axis = figure.add_axes((x / look.PAGE_IN, bottom, PANEL_IN / look.PAGE_IN, tall))
        for y, effect in enumerate(effects):
            _draw_number(axis, y, card["effects"][effect][key])
        axis.axvline(0, color=look.GREY, linewidth=0.7, linestyle=":", zorder=0)
        axis.set_ylim(len(effects) - 0.5, -0.5)
        axis.set_yticks(range(len(effects)), [""] * len(effects))
        axis.tick_params(axis="y", length=0)
        axis.locator_params(axis="x", nbins=3)
        axis.grid(axis="x", color="#DDDDDD", linewidth=0.5)
        axis.set_axisbelow(True)
        axis.margins(x=0.12)
        axis.autoscale_view()
        axis.set_xlim(*limits)
        _head(figure, x, bottom + tall, label)
        x += PANEL_IN + GAP_IN
    for y, effect in enumerate(effects):
        at = bottom + tall * (1 - (y + 0.5) / len(effects))
        _write(figure, 0.1, at, effect, thresholds[effect])
        _write(figure, x, at, *_describe_remedy(card["effects"][effect]["best_remedy"]))
    _head(figure, 0.1, bottom + tall, "effect: level at which\na clip is lost")
    _head(figure, x, bottom + tall, "best remedy:\nits gain of AUC")
    return figure


def _head(figure: Figure, x_in: float, y: float, text: str) -> None:
    above = y + 0.05 / figure.get_figheight()
    figure.text(x_in / look.PAGE_IN, above, text, size=FONT, va="bottom", **look.BOLD)


def _write(figure: Figure, x_in: float, y: float, first: str, rest: Sequence[str]) -> None:
    lines = [look.shorten(first, LEFT_IN - 0.2, FONT), *rest]
    figure.text(x_in / look.PAGE_IN, y, "\n".join(lines), size=FONT - 0.5, va="center")


def _draw_number(axis, y: int, found: Mapping | None) -> None:
    """A symbol with its interval; of a displacement the range of clips, as a thin line."""
    if found is None or found["value"] is None:
        axis.text(0.5, y, "not measured", transform=axis.get_yaxis_transform(), color=look.GREY,
                  size=FONT - 1, ha="center", va="center")  # fmt: skip
        return
    is_range = "clips" in found
    low, high = found["clips"] if is_range else (found["low"], found["high"])
    whole = None not in (low, high)
    if whole:
        axis.plot([low, high], [y, y], color=look.BLUE, linewidth=0.8 if is_range else 2.2,
                  alpha=1 if is_range else 0.5, solid_capstyle="butt")  # fmt: skip
    axis.plot(found["value"], y, "o", color=look.BLUE, markersize=3.5,
              markerfacecolor=look.BLUE if whole else "white")  # fmt: skip


def _describe(card: Mapping) -> list[str]:
    """Return what the numbers depend on, in lines."""
    labels = card["data"]["labels"].values()
    train, test = (
        sum(found[f"{part}_recordings"] for found in labels) for part in ("train", "test")
    )
    galleries = {t["gallery"] for e in card["effects"].values() for t in e["retrieval_threshold"]}
    protocol = next((p for p in card["protocol"].values() if p), {})
    words = ", ".join(f"{key} {value}" for key, value in protocol.items())
    size = "/".join(map(str, sorted(galleries)))
    return [
        card["data"]["clips"],
        f"{train} training and {test} test recordings in {len(labels)} labels; gallery of {size}; "
        f"{words or 'embeddings made elsewhere'}",
        f"weights {card['weights_sha256'][:16] or 'none'}; workflow {card['workflow_version']}",
    ]


def _describe_remedy(remedy: Mapping | None) -> tuple[str, list[str]]:
    if remedy is None:
        return "-", []
    name = METHOD_TEXT.get(remedy["method"], remedy["method"])
    gain = remedy["gain"]
    if gain["value"] is None:
        return name, []
    ends = "" if gain["low"] is None else f" [{gain['low']:+.2f}, {gain['high']:+.2f}]"
    return name, [f"{gain['value']:+.2f}{ends}"]
