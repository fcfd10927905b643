"""How every figure looks: sizes, fonts, colours, axes of effect levels, and how it is saved."""

import logging
import os
import unicodedata
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path

import matplotlib
import numpy as np
from fontTools import subset
from fontTools.ttLib import TTFont
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_pdf import FigureCanvasPdf, PdfFile
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.font_manager import FontPath
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator
from PIL import Image

from embedding_sensitivity import models
from embedding_sensitivity.figures.fonts import WHOLE, add_font, choose_fonts
from embedding_sensitivity.files.atomic import replacing

# Widths of a column and of a page of an IEEE conference paper.
COLUMN_IN = 3.5
PAGE_IN = 7.16
DPI = 200

# Okabe and Ito's palette, told apart with every common colour vision deficiency.
# https://jfly.uni-koeln.de/color/
BLACK = "#000000"
ORANGE = "#E69F00"
SKY_BLUE = "#56B4E9"
GREEN = "#009E73"
BLUE = "#0072B2"
VERMILION = "#D55E00"
PURPLE = "#CC79A7"
GREY = "#777777"
# A colour and a symbol for each model of a figure.
MODEL_LOOK = (
    (BLUE, "o"), (VERMILION, "s"), (GREEN, "^"), (ORANGE, "D"),
    (PURPLE, "v"), (SKY_BLUE, "P"), (BLACK, "X"), (GREY, "*"),
)  # fmt: skip

logging.getLogger("fontTools").setLevel(logging.WARNING)  # a line for every table of every font
# What is in the small font: Latin-1, Greek, and the dashes, quotes and signs that text may have.
LATIN = (
    *range(0x20, 0x7F), *range(0xA0, 0x100), *range(0x391, 0x3CA),
    *map(ord, "\u2013\u2014\u2018\u2019\u201c\u201d\u2020\u2021\u2026\u2212\u2264\u2265"),
)  # fmt: skip


def _add_small_font(family: str) -> str:
    """Register a small copy of DejaVu Sans, and return `family`, its name.

    Each PDF embeds what it uses of its font. Of the whole DejaVu Sans, with its tables for many
    scripts, that takes as long as everything else about a figure.
    """
    options = subset.Options(
        layout_features=[], drop_tables=["GSUB", "GPOS", "GDEF", "kern", "FFTM"]
    )
    with TTFont(WHOLE, recalcTimestamp=False) as font:
        subsetter = subset.Subsetter(options)
        subsetter.populate(unicodes=LATIN)
        subsetter.subset(font)
        for record in font["name"].names:
            if record.nameID in (1, 4, 6, 16):
                record.string = family.replace(" ", "") if record.nameID == 6 else family
        return add_font(font, family)


RC = {
    # Both are matplotlib's own, so the same glyphs everywhere; the second for what the first lacks.
    # For what both lack: `fonts.choose_fonts`.
    "font.family": [_add_small_font("DejaVu Sans Latin"), "DejaVu Sans"],
    "mathtext.fontset": "dejavusans",
    "pdf.fonttype": 42,  # TrueType: publishers refuse Type 3 fonts
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.labelpad": 2.0,
    "axes.titlepad": 3.0,
    "axes.unicode_minus": False,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "xtick.major.pad": 2.0,
    "ytick.major.pad": 2.0,
    "legend.frameon": False,
    "legend.handlelength": 2.4,
    "legend.columnspacing": 1.2,
    "legend.labelspacing": 0.3,
    "lines.solid_capstyle": "round",
}

# The small font has one weight.
BOLD = {"weight": "bold", "family": "DejaVu Sans"}


# What matplotlib comes with, whatever a user's matplotlibrc says.
OF_WINDOWS = ("backend", "backend_fallback", "interactive", "toolbar")
DEFAULTS = {key: v for key, v in matplotlib.rcParamsDefault.items() if key not in OF_WINDOWS}


def rc_of(style: Mapping) -> dict:
    """All of matplotlib's settings for a style (its `font_size` in points)."""
    size = style["font_size"]
    return {
        **DEFAULTS,
        **RC,
        "font.size": size,
        "axes.labelsize": size,
        "axes.titlesize": size,
        "xtick.labelsize": size - 0.5,
        "ytick.labelsize": size - 0.5,
        "legend.fontsize": size - 0.5,
    }


# Of the models of the run whose figures are drawn: a user's own may be controls too.
_titles: ContextVar[Mapping[str, str]] = ContextVar("titles")


@contextmanager
def use_titles(titles: Mapping[str, str]) -> Iterator[None]:
    """Show models by `titles`, their names for people, in figures drawn meanwhile."""
    before = _titles.set(titles)
    try:
        yield
    finally:
        _titles.reset(before)


def model_title(model: str) -> str:
    """A model's name as figures show it: controls say that they are."""
    return _titles.get({}).get(model) or models.title(model)


def model_looks(models: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Colour and symbol of each model, in their order; the first ones again after eight."""
    return {model: MODEL_LOOK[index % len(MODEL_LOOK)] for index, model in enumerate(models)}


def measure_text(text: str) -> float:
    """The width of a text in characters: an ideograph takes as much room as 1.6 letters."""
    wide = sum(unicodedata.east_asian_width(sign) in "WF" for sign in text)
    marks = sum(unicodedata.category(sign) in ("Mn", "Me", "Cf") for sign in text)
    return len(text) + 0.6 * wide - marks


def shorten(text: str, width_in: float, size_pt: float) -> str:
    """`text` with its middle left out where it is wider than `width_in` inches, to be drawn.

    The width is an estimate, 0.62 em a character: measuring would draw the figure twice. A dollar
    sign is one, and begins no formula.
    """
    room = max(7, int(width_in * 72 / (0.62 * size_pt)))
    if (width := measure_text(text)) > room:
        kept = int((room - 3) * len(text) / width)
        head = kept // 2
        text = f"{text[: kept - head]}...{text[len(text) - head :]}"
    return text.replace("$", r"\$")


def format_level(value: float) -> str:
    """A level as a tick shows it: three significant digits, or thousands with two."""
    return f"{value / 1000:.2g}k" if abs(value) >= 1000 else f"{value:.3g}"


@dataclass(frozen=True)
class EffectAxis:
    """An effect's levels as an axis. `levels` are P level strings in ascending order."""

    name: str
    parameter: str
    unit: str
    log_axis: bool
    neutral: float | None
    levels: tuple[str, ...]

    @classmethod
    def of(cls, effect: Mapping) -> "EffectAxis":
        """From a rule's params; further keys are ignored."""
        return cls(
            effect["name"],
            effect["parameter"],
            effect["unit"],
            bool(effect["log_axis"]),
            effect["neutral"],
            tuple(effect["levels"]),
        )

    @property
    def label(self) -> str:
        """The axis label, with the unit."""
        return f"{self.parameter} ({self.unit})" if self.unit else self.parameter

    @property
    def values(self) -> np.ndarray:
        """The levels as numbers (P,)."""
        return np.array([float(level) for level in self.levels])

    @property
    def neutral_rank(self) -> float | None:
        """Where the neutral level lies among the ranks 0..P-1; None if it lies outside."""
        values = self.values
        if self.neutral is None or not values[0] <= self.neutral <= values[-1]:
            return None
        return float(np.interp(self.neutral, values, np.arange(len(values))))

    def rank_ticks(self, most: int) -> list[int]:
        """At most `most` ranks to label, evenly spread from the first, to the last if it fits."""
        last = len(self.levels) - 1
        least = max(1, -(-last // (most - 1)))
        fitting = [stride for stride in range(least, 2 * least) if last % stride == 0]
        return list(range(0, last + 1, fitting[0] if fitting else least))

    def set_x(self, axes, ticks: int = 5) -> None:
        """Make `axes`' x axis this effect's: its scale, range and ticks."""
        values = self.values
        if self.neutral is not None:
            values = np.append(values, self.neutral)
        low, high = values.min(), values.max()
        if self.log_axis:
            axes.set_xscale("log")
            axes.set_xlim(low / (high / low) ** 0.04, high * (high / low) ** 0.04)
            axes.xaxis.set_major_locator(FixedLocator(_log_ticks(low, high, ticks)))
            axes.xaxis.set_minor_locator(NullLocator())
        else:
            margin = 0.04 * (high - low) or 0.5
            axes.set_xlim(low - margin, high + margin)
            axes.locator_params(axis="x", nbins=ticks, steps=[1, 2, 2.5, 5, 10])
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: format_level(value)))


def _log_ticks(low: float, high: float, most: int) -> list[float]:
    """Round numbers from `low` to `high`, the densest series that has at most `most` of them."""
    decades = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    for series in ((1, 2, 3, 5, 7), (1, 2, 5), (1, 3), (1,)):
        found = [s * 10.0**d for d in decades for s in series if low <= s * 10.0**d <= high]
        if len(found) <= most:
            break
    return found if len(found) > 1 else [low, high]


def truncate_colours(colour_map: str) -> ListedColormap:
    """A sequential colour map without its lightest tenth, which white paper swallows."""
    colours = matplotlib.colormaps[colour_map](np.linspace(0, 1, 256))
    luminance = colours[:, :3] @ (0.2126, 0.7152, 0.0722)
    kept = slice(0, 232) if luminance[-1] > luminance[0] else slice(24, 256)
    return ListedColormap(colours[kept])


def grid(
    n: int,
    columns: int,
    width: float,
    panel_height: float,
    left: float,
    right: float,
    top: float,
    bottom: float,
    gap_x: float,
    gap_y: float,
) -> tuple[Figure, list]:
    """A figure `width` inches wide with `n` panels, row by row; everything in inches.

    Fixed margins instead of a layout engine: as good for panels of known content, and a figure
    is then drawn once.
    """
    rows = -(-n // columns)
    height = top + rows * panel_height + (rows - 1) * gap_y + bottom
    panel_width = (width - left - right - (columns - 1) * gap_x) / columns
    figure = Figure(figsize=(width, height))
    axes = []
    for index in range(n):
        row, column = divmod(index, columns)
        x = left + column * (panel_width + gap_x)
        y = height - top - row * (panel_height + gap_y) - panel_height
        axes.append(
            figure.add_axes((x / width, y / height, panel_width / width, panel_height / height))
        )
    return figure, axes


def label_outer_axes(axes: Sequence, columns: int, x: str, y: str) -> None:
    """Axis labels on the panels of the first column and the lowest ones of every column."""
    for index, panel in enumerate(axes):
        if index % columns == 0:
            panel.set_ylabel(y)
        if index + columns >= len(axes):
            panel.set_xlabel(x)


def share_y_ticks(axes: Sequence, columns: int) -> None:
    """Leave the y tick labels to the first column, where all panels have the same range."""
    for index, panel in enumerate(axes):
        panel.tick_params(labelleft=index % columns == 0)


def heading(figure: Figure, lines: Sequence[str]) -> None:
    """Lines at the top left of the figure, the first a little larger, shortened to its width."""
    width, height = figure.get_size_inches()
    size = matplotlib.rcParams["font.size"] + 2
    y = 0.05
    for line in lines:
        text = shorten(line, width - 0.12, size)
        figure.text(0.06 / width, 1 - y / height, text, size=size, va="top")
        y += size * 1.3 / 72
        size = matplotlib.rcParams["font.size"] + 0.5


class _PathByName(FontPath):
    """A font's path that sorts by its file's name."""

    def __lt__(self, other: str) -> bool:
        return (os.path.basename(self), self.path) < (os.path.basename(other), other.path)


_write_fonts = PdfFile.writeFonts


def _write_fonts_by_name(file: PdfFile) -> None:
    """Write a PDF's fonts in the order of their names.

    Matplotlib's order is that of paths: it would depend on where a machine has its environments and
    caches.
    """
    file._fontNames = {
        (_PathByName(path, path.face_index), part): name
        for (path, part), name in file._fontNames.items()
    }
    _write_fonts(file)


PdfFile.writeFonts = _write_fonts_by_name


def save_figure(figure: Figure, paths: Sequence[str | os.PathLike]) -> None:
    """Write a figure to each of `paths` (.pdf, .png): the same bytes for the same figure.

    PNG at 200 dots per inch with a palette of 256 colours: a third of the size, so that the
    report, which embeds every figure, stays small.
    """
    missing = choose_fonts(figure)
    with warnings.catch_warnings():
        if missing:  # said by `choose_fonts`, in one line
            warnings.filterwarnings("ignore", "Glyph .* missing from font")
        for path in map(Path, paths):
            with replacing(path) as part:
                _write(figure, path.suffix, part)


def _write(figure: Figure, suffix: str, part: str | os.PathLike) -> None:
    if suffix == ".png":
        figure.set_dpi(DPI)
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        image = Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3].copy())
        _with_palette(image).save(part, format="png", dpi=(DPI, DPI))
    else:
        none = {"CreationDate": None, "Producer": None, "Creator": None}
        FigureCanvasPdf(figure).print_figure(part, format="pdf", dpi=DPI, metadata=none)


def _with_palette(image: Image.Image) -> Image.Image:
    """An RGB image with 256 colours; its first pixel's, the background, stays exact."""
    small = image.quantize(256, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    palette = small.getpalette()
    background = 3 * small.getpixel((0, 0))
    palette[background : background + 3] = image.getpixel((0, 0))
    small.putpalette(palette)
    return small
