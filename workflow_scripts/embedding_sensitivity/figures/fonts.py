"""Fonts for text that DejaVu Sans has no signs for: labels may be in any script."""

import functools
import hashlib
import logging
import os
import tempfile
import unicodedata
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path

import matplotlib
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.cu2quPen import Cu2QuPen
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.ttLib import TTFont
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager
from matplotlib.ft2font import FT2Font
from matplotlib.text import Text

WHOLE = Path(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf")
# Noto Sans by script, and in one file of Chinese, Japanese and Korean. From packages that
# envs/analysis.yaml pins, so figures are the same whatever fonts a machine has.
SCRIPTS, CJK = "manimgx_fonts", "noto_cjk_sans_otc"

log = logging.getLogger(__name__)


def choose_fonts(figure: Figure) -> frozenset[str]:
    """Give each text of a figure the fonts of its script; text in Latin letters stays as it is.

    Returns the signs that no font has, after a warning that names them.
    """
    texts = [text for text in figure.findobj(Text) if not text.get_text().isascii()]
    for text in texts:
        text.set_text(unicodedata.normalize("NFC", text.get_text()))
    signs = {sign for text in texts for sign in text.get_text() if sign.isprintable()}
    lacking = _without(signs, WHOLE)
    families, missing = find_families(frozenset(lacking))
    for text in texts:
        if families and not lacking.isdisjoint(text.get_text()):
            text.set_fontfamily([*text.get_fontfamily(), *families])
            text.set_fontweight("normal")  # the one that they have
    if missing:
        named = ", ".join(f"{sign} (U+{ord(sign):04X})" for sign in sorted(missing))
        log.warning("no font here has %s: figures show a box instead: rename the label", named)
    return missing


@functools.cache
def find_families(signs: frozenset[str]) -> tuple[tuple[str, ...], frozenset[str]]:
    """Return the families that have some signs, registered, and the signs that none has."""
    left, families = set(signs), []
    for package, pattern in ((SCRIPTS, "*.ttf"), (CJK, "*.ttc")):
        for path in _files(package, pattern) if left else ():
            if found := left - _without(left, path):
                families.append(_add_outlines(path, found) if package == CJK else _add(path))
                left -= found
    return tuple(families), frozenset(left)


def _files(package: str, pattern: str) -> Iterable[Path]:
    """The fonts in a package; none where it is not installed."""
    spec = find_spec(package)
    return sorted(Path(spec.origin).parent.glob(pattern)) if spec else ()


def _add(path: Path) -> str:
    fontManager.addfont(path)
    return FT2Font(path).family_name


def _without(signs: Iterable[str], path: Path) -> set[str]:
    """The signs that a font lacks."""
    has = FT2Font(path).get_char_index
    return {sign for sign in signs if not has(ord(sign))}


def _add_outlines(path: Path, signs: set[str]) -> str:
    """Register a TrueType font that has the `signs` of a font with cubic outlines; return its name.

    Matplotlib writes a font with cubic outlines into a PDF as if it were TrueType.
    """
    codes = sorted(map(ord, signs))
    family = f"Noto Sans CJK {hashlib.sha256(repr(codes).encode()).hexdigest()[:8]}"
    font = _open(path)
    names, glyphs = font.getBestCmap(), font.getGlyphSet()
    order = [".notdef", *dict.fromkeys(names[code] for code in codes)]
    outlines = {}
    for name in order:
        pen = TTGlyphPen(None)
        glyphs[name].draw(Cu2QuPen(pen, max_err=1.0, reverse_direction=True))
        outlines[name] = pen.glyph()
    made = FontBuilder(font["head"].unitsPerEm, isTTF=True)
    made.setupGlyphOrder(order)
    made.setupCharacterMap({code: names[code] for code in codes})
    made.setupGlyf(outlines)
    made.setupHorizontalMetrics({name: (round(glyphs[name].width), 0) for name in order})
    made.setupHorizontalHeader(ascent=font["hhea"].ascent, descent=font["hhea"].descent)
    named = {"familyName": family, "styleName": "Regular", "psName": family.replace(" ", "")}
    made.setupNameTable(named)
    made.setupOS2()
    made.setupPost()
    made.updateHead(created=font["head"].created, modified=font["head"].created)
    made.font.recalcTimestamp = False
    return add_font(made.font, family)


@functools.cache
def _open(path: Path) -> TTFont:
    return TTFont(path, fontNumber=0, lazy=True)


def add_font(font: TTFont, family: str) -> str:
    """Write a font to matplotlib's cache, register it, and return its name."""
    # Under one name for good: of a job that is killed nothing piles up.
    path = Path(matplotlib.get_cachedir(), f"{family}-{matplotlib.__version__}.ttf")
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
        font.save(file)
    os.replace(file.name, path)
    return _add(path)
