"""The figures, drawn from made-up tables: what they show, in every size they come in."""

import importlib
import itertools
import math
import os
import re
import shutil
import subprocess
import sys
import unicodedata
import warnings
import zlib
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from jobs import KINDS, run_draw
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from embedding_sensitivity.experiment.measures import merge_style
from embedding_sensitivity.experiment.tables import format_value, write_table
from embedding_sensitivity.figures import drawing
from embedding_sensitivity.figures.fonts import choose_fonts
from embedding_sensitivity.figures.style import (
    BLUE,
    BOLD,
    GREY,
    EffectAxis,
    format_level,
    rc_of,
    save_figure,
    shorten,
)
from embedding_sensitivity.figures.table1 import plot_table1
from embedding_sensitivity.files.errors import InputError

IRMAS = [
    "cello", "clarinet", "flute", "guitar_acc", "guitar_ele", "organ", "piano", "saxophone",
    "trumpet", "violin", "voice",
]  # fmt: skip
LONG = [f"an_instrument_with_a_name_far_too_long_for_its_panel_{n}" for n in range(7)]
EFFECTS = {
    "gain": ("gain", "dB", False, 0.0, -40.0, 5.0, "{:.1f}"),
    "lowpass": ("cutoff frequency", "Hz", True, None, 1600.0, 22000 / 1.2, "{:.3f}"),
    "reverb": ("room size", "", False, None, 0.01, 1.0, "{:.2f}"),
    "bitcrush": ("bit depth", "bit", False, None, 4.0, 15.0, "{:.0f}"),
}
VARIANTS = [
    ("none", ""), ("global_cca", ""), ("samplewise_cca_svd", 0.3), ("samplewise_cca_svd", 0.4),
    ("samplewise_cca_svd", 0.5), ("pca_absolute", ""), ("pca_relative", ""),
    ("average_displacement", ""), ("lda", ""),
]  # fmt: skip
INPUTS = {
    "trajectories": ("trajectories",),
    "correlation": ("projections", "global_r2", "regularised"),
    "spectra": ("spectra",),
    "auc": ("auc",),
}
SIZES = [
    pytest.param("gain", 6, IRMAS[:5], id="5 labels, 6 levels"),
    pytest.param("lowpass", 31, IRMAS, id="11 labels, 31 levels"),
    pytest.param("reverb", 34, LONG, id="7 long labels, 34 levels"),
    pytest.param("bitcrush", 12, IRMAS[:2], id="2 labels, 12 levels"),
    pytest.param("gain", 31, ["cello"], id="1 label, 31 levels"),
    pytest.param("lowpass", 6, LONG[:1], id="1 long label, 6 levels"),
]


def effect_params(name: str, n_levels: int) -> dict:
    parameter, unit, log_axis, neutral, low, high, text = EFFECTS[name]
    values = np.geomspace(low, high, n_levels) if log_axis else np.linspace(low, high, n_levels)
    return {
        "name": name,
        "parameter": parameter,
        "unit": unit,
        "log_axis": log_axis,
        "neutral": neutral,
        "levels": [text.format(value) for value in values],
    }


def made_up(model: str, labels, effect: dict, n_train=24, n_test=8, saturated=()):
    """Plausible rows of every partial table of one model and effect."""
    rng = np.random.default_rng(zlib.crc32(f"{model} {effect['name']}".encode()))
    levels = effect["levels"]
    steps = np.linspace(0, 1, len(levels))
    strength = steps if effect["name"] == "reverb" else steps[::-1]
    tables = {table: [] for tables in INPUTS.values() for table in tables}
    for label in labels:
        key = {"model": model, "effect": effect["name"], "label": label}
        full = label in saturated
        for n in range(n_train + n_test):
            clip = {**key, "clip": f"[{label[:3]}][pop_roc]{n:04d}__1"}
            split = "train" if n < n_train else "test"
            spread = 0 if full and split == "train" else 0.07
            noise = rng.normal(0, spread) + rng.normal(0, spread, len(levels))
            for level, value in zip(levels, 3 * (steps**0.8 + noise) - 1, strict=True):
                row = {**clip, "split": split, "level": level, "projection": -value}
                row["projection_regularised"] = 2 * value
                tables["projections"].append(row)
            if n < 10:
                x, y = rng.normal(0, 6, 2)
                turn = rng.normal(0, 1) + np.linspace(0, 1.5, len(levels) + 1)
                for level, angle in zip([*levels, "original"], turn, strict=True):
                    row = {**clip, "level": level, "x": x + math.cos(angle), "y": y + angle}
                    tables["trajectories"].append(row)
        tables["global_r2"].append({
            **key, "r2": 1.0 if full else 0.9 + 0.09 * rng.random(),
            "r2_test": 0.8 + 0.15 * rng.random(), "saturated": full,
            "r2_null_mean": 1.0 if full else 0.153, "r2_null_high": 1.0 if full else 0.171,
            "r2_low": 0.88, "r2_high": 0.991, "r2_test_low": 0.751, "r2_test_high": 0.962,
            "r2_test_null_high": 0.013, "r2_heldout_levels": 0.727,
        })  # fmt: skip
        tables["regularised"].append({
            **key, "rho_ridge": 0.912, "rho_ridge_low": 0.884, "rho_ridge_high": 0.951,
            "rho_within": 0.988,
        })  # fmt: skip
        for index in range(n_train):
            tables["spectra"].append({
                **key, "index": index, "directions": math.exp(-index / (0.8 * n_train)),
                "originals": math.exp(-index / (0.2 * n_train)) if index < n_train - 1 else 1e-16,
                "random": 1 - 0.3 * index / n_train, "directions_f": math.exp(-index),
            })  # fmt: skip
        base = 0.93 + 0.04 * rng.random()
        for k, (method, threshold) in enumerate(VARIANTS):
            shift = 0 if method in ("none", "global_cca", "lda") else rng.normal(0, 0.004)
            cell = {**key, "method": method, "threshold": threshold}
            auc = {("original", "original"): base + shift}
            for level, s in zip(levels, strength, strict=True):
                here = base + shift + 0.002 * math.sin(9 * s + k)
                auc["original", level] = here - 0.12 * s**2
                auc[level, "original"] = here - 0.06 * s**2
                auc[level, level] = here - 0.03 * s**2
            for (train, test), value in auc.items():
                row = {**cell, "train": train, "test": test, "roc_auc": value}
                tables["auc"].append({**row, "low": value - 0.06, "high": value + 0.02})
    return tables


def as_read(rows) -> list[dict[str, str]]:
    """Rows as `tables.read_table` gives them."""
    return [{column: format_value(value) for column, value in row.items()} for row in rows]


def draw(kind, labels, effect, model="musicnn", style=(), rows=None, **how):
    """One figure, not saved; of `rows` of each of its tables, if they are given."""
    style = merge_style(KINDS[kind], dict(style))
    with matplotlib.rc_context(rc_of(style)):
        module = importlib.import_module(f"embedding_sensitivity.figures.{kind}")
        make = getattr(module, f"plot_{kind}")
        made = {} if rows else made_up(model, labels, effect, **how)
        tables = rows or [as_read(made[table]) for table in INPUTS[kind]]
        figure = make(model, labels, EffectAxis.of(effect), style, *tables)
        FigureCanvasAgg(figure).draw()
    return figure


def run_script(folder, kind, models, labels, single, effect, **how):
    """Run a kind's script as Snakemake would; returns its output paths."""
    given = {table: [] for table in INPUTS[kind]}
    for model in models:
        rows = made_up(model, labels, effect, **how)
        for table, paths in given.items():
            paths.append(str(folder / f"{model}_{table}.csv"))
            write_table(paths[-1], table, rows[table])
    stems = [f"{kind}_{model}_{effect['name']}" for model in models]
    stems += [f"{stem}_{label}" for stem in stems for label in single]
    outputs = [str(folder / f"{stem}.{ending}") for ending in ("png", "pdf") for stem in stems]
    run_draw(kind, given, outputs, models, labels, single, [effect])
    return outputs


def shown_texts(figure) -> list:
    """Every text that the figure shows, tick labels in view included."""
    texts = [*figure.texts, *(text for legend in figure.legends for text in legend.get_texts())]
    for axes in figure.axes:
        texts += [axes.title, axes._left_title, *axes.texts]
        for axis, limits in ((axes.xaxis, axes.get_xlim()), (axes.yaxis, axes.get_ylim())):
            low, high = min(limits) - 1e-9, max(limits) + 1e-9
            texts.append(axis.label)
            texts += [
                text
                for tick in axis.get_major_ticks()
                if low <= tick.get_loc() <= high
                for text in (tick.label1,)
            ]
    return [text for text in texts if text.get_visible() and text.get_text().strip()]


def check_texts(figure) -> list[tuple]:
    """No text is clipped by the figure's edge, or lies on another; returns each with its box."""
    renderer = figure.canvas.get_renderer()
    shown = [text for text in shown_texts(figure) if text.get_visible()]
    boxes = [(text.get_text(), text.get_window_extent(renderer)) for text in shown]
    width, height = figure.canvas.get_width_height()
    for text, box in boxes:
        assert box.x0 >= -1 and box.y0 >= -1, text
        assert box.x1 <= width + 1 and box.y1 <= height + 1, text
    for (one, a), (other, b) in itertools.combinations(boxes, 2):
        across = min(a.x1, b.x1) - max(a.x0, b.x0)
        down = min(a.y1, b.y1) - max(a.y0, b.y0)
        assert across <= 1 or down <= 1, f"{one!r} lies on {other!r}"
    return boxes


def words(figure) -> str:
    return "\n".join(text.get_text() for text in shown_texts(figure))


@pytest.mark.parametrize("kind", INPUTS)
def test_a_script_writes_every_figure(tmp_path, kind):
    effect = effect_params("gain", 6)
    models = ["clap_2022", "musicnn-untrained"]
    outputs = run_script(tmp_path, kind, models, IRMAS[:2], ["cello"], effect)
    assert len(outputs) == 8
    for path in outputs:
        if path.endswith(".png"):
            with Image.open(path) as image:
                width = 3.5 if "cello" in path else 7.16
                assert image.width == pytest.approx(200 * width, abs=1)
                assert image.convert("RGB").getpixel((0, 0)) == (255, 255, 255)
        else:
            with open(path, "rb") as file:
                content = file.read()
            assert b"/FontFile2" in content  # TrueType, embedded
            assert b"/Type3" not in content
            assert b"CreationDate" not in content
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize("kind", INPUTS)
def test_png_is_small_at_the_papers_size(tmp_path, kind):
    figure = draw(kind, IRMAS, effect_params("lowpass", 31), n_train=60, n_test=30)
    save_figure(figure, [tmp_path / "a.png"])
    assert (tmp_path / "a.png").stat().st_size < 250_000


@pytest.mark.parametrize("ending", ["png", "pdf"])
def test_the_same_figure_has_the_same_bytes(tmp_path, ending):
    for name in ("a", "b"):
        figure = draw("auc", IRMAS[:2], effect_params("gain", 6))
        save_figure(figure, [tmp_path / f"{name}.{ending}"])
    assert (tmp_path / f"a.{ending}").read_bytes() == (tmp_path / f"b.{ending}").read_bytes()


def test_where_fonts_are_changes_no_byte_of_a_pdf(tmp_path):
    """A cache, whose fonts are made, may come before or after the environment's fonts."""
    fonts = Path(matplotlib.get_data_path(), "fonts", "ttf")
    pdfs = []
    for first, second in (("a", "b"), ("b", "a")):
        figure = Figure(figsize=(2, 1))
        for y, folder, name in ((0.2, first, "DejaVuSans.ttf"), (0.6, second, "DejaVuSerif.ttf")):
            (tmp_path / folder).mkdir(exist_ok=True)
            path = Path(shutil.copy2(fonts / name, tmp_path / folder))
            figure.text(0.1, y, name, font=path)
        pdfs.append(tmp_path / f"{first}.pdf")
        save_figure(figure, pdfs[-1:])
    assert pdfs[0].read_bytes() == pdfs[1].read_bytes()
    assert all(name in pdfs[0].read_bytes() for name in (b"DejaVuSans", b"DejaVuSerif"))


@pytest.mark.parametrize(
    "text", ["naïve \u2020 \u2265 \u03b1", "\u0441\u043a\u0440\u0438\u043f\u043a\u0430 \u2192"]
)
def test_text_beyond_the_small_font_is_drawn_with_the_whole_one(tmp_path, text):
    with warnings.catch_warnings(), matplotlib.rc_context(rc_of({"font_size": 7.0})):
        warnings.simplefilter("error")  # of a glyph that no font has
        figure = Figure(figsize=(2, 1))
        figure.text(0.1, 0.5, text)
        figure.text(0.1, 0.2, "bold", **BOLD)
        save_figure(figure, [tmp_path / "a.png", tmp_path / "a.pdf"])


LABELS = [
    "小提琴 钢琴 國樂 ヴァイオリン", unicodedata.normalize("NFD", "가야금"), "सितार",
    "عود", "כינור", "বাঁশি", "ขลุ่ย", "ក្រចាប់", "\u1208\u12a9\u1295", "скрипка", "αυλός", "🎻",
]  # fmt: skip


@pytest.mark.parametrize(
    "label", [*LABELS[:3], *(pytest.param(label, marks=pytest.mark.more) for label in LABELS[3:])]
)
def test_a_label_in_any_script_is_drawn(tmp_path, label, caplog):
    with warnings.catch_warnings(), matplotlib.rc_context(rc_of({"font_size": 7.0})):
        warnings.simplefilter("error")  # of a glyph that no font has
        figure = Figure(figsize=(2, 1))
        figure.text(0.1, 0.5, label)
        figure.subplots().set_xticks([0], [label])
        figure.text(0.1, 0.2, label, **BOLD)
        save_figure(figure, [tmp_path / "a.png", tmp_path / "a.pdf"])
    assert not caplog.records
    # Outlines in a PDF are TrueType's, as matplotlib says they are.
    assert b"OTTO" not in b"".join(streams_of(tmp_path / "a.pdf"))


def streams_of(pdf: Path) -> list[bytes]:
    content = pdf.read_bytes()
    return [
        zlib.decompress(found)
        for found in re.findall(rb"stream\r?\n(x.*?)endstream", content, re.S)
    ]


def test_signs_that_no_font_has_are_named_in_one_line(tmp_path, caplog):
    with warnings.catch_warnings(), matplotlib.rc_context(rc_of({"font_size": 7.0})):
        warnings.simplefilter("error")
        figure = Figure(figsize=(2, 1))
        figure.text(0.1, 0.5, "\U00013000 Flöte")
        figure.text(0.1, 0.2, "小\U00013000\U00013001")
        save_figure(figure, [tmp_path / "a.png", tmp_path / "a.pdf"])
    (record,) = caplog.records
    said = record.getMessage()
    assert "U+13000" in said and "U+13001" in said and "小" not in said and "\n" not in said


def test_a_wide_label_is_shortened_to_the_same_room():
    figure = Figure(figsize=(3, 1))
    renderer = FigureCanvasAgg(figure).get_renderer()
    with matplotlib.rc_context(rc_of({"font_size": 7.0})):
        for label in ("小提琴" * 12, "violin" * 12):
            text = figure.text(0, 0.5, shorten(label, 1.0, 7))
            choose_fonts(figure)
            assert 0.5 < text.get_window_extent(renderer).width / figure.dpi < 1.1


MATPLOTLIBRC = """
axes.facecolor: pink
axes.titlelocation: right
font.family: monospace
lines.linewidth: 9
text.color: red
xtick.color: green
"""


@pytest.mark.parametrize("where", ["file", pytest.param("variable", marks=pytest.mark.more)])
def test_a_matplotlibrc_changes_no_figure(tmp_path, where):
    """In a process of its own: matplotlib reads that file when it is imported."""
    (tmp_path / "matplotlibrc").write_text(MATPLOTLIBRC)
    paths = [os.path.abspath(path) for path in sys.path]
    code = (
        f"import sys; sys.path += {paths!r}; import test_figures as t\n"
        "figure = t.draw('auc', t.IRMAS[:2], t.effect_params('gain', 6))\n"
        "t.save_figure(figure, [sys.argv[1] + ending for ending in ('.png', '.pdf')])"
    )
    found = []
    for name in ("with", "without"):
        (tmp_path / name).mkdir()
        environment = {k: v for k, v in os.environ.items() if k != "MATPLOTLIBRC"}
        folder = tmp_path if (name, where) == ("with", "file") else tmp_path / name
        if (name, where) == ("with", "variable"):
            environment["MATPLOTLIBRC"] = str(tmp_path / "matplotlibrc")
        command = [sys.executable, "-P", "-c", code, str(tmp_path / name / "auc")]
        subprocess.run(command, cwd=folder, env=environment, check=True)
        found.append([(tmp_path / name / f"auc{end}").read_bytes() for end in (".png", ".pdf")])
    assert found[0] == found[1]


def test_an_output_that_no_figure_belongs_to_is_an_error(tmp_path):
    outputs = [str(tmp_path / "auc_openl3_gain.png")]
    with pytest.raises(ValueError, match="auc_openl3_gain"):
        drawing.draw_figures([], {}, KINDS["auc"].defaults, outputs, draw=None)


@pytest.mark.parametrize(("effect", "n_levels", "labels"), SIZES)
@pytest.mark.parametrize("kind", INPUTS)
def test_no_text_is_clipped_or_lies_on_a_text_or_panel(kind, effect, n_levels, labels):
    model = "a_model_with_a_long_name-untrained"
    figure = draw(
        kind, labels, effect_params(effect, n_levels), model, saturated=labels[::2], n_train=12
    )
    boxes, renderer = check_texts(figure), figure.canvas.get_renderer()
    for (text, box), axes in itertools.product(boxes, figure.axes):
        panel = axes.get_window_extent(renderer)
        across = min(box.x1, panel.x1) - max(box.x0, panel.x0)
        down = min(box.y1, panel.y1) - max(box.y0, panel.y0)
        assert across <= 1 or down <= 1, f"{text!r} lies on a panel"


@pytest.mark.parametrize(
    ("effect", "label"),
    [
        ("gain", "gain (dB)"),
        ("lowpass", "cutoff frequency (Hz)"),
        ("reverb", "room size"),
        ("bitcrush", "bit depth (bit)"),
    ],
)
@pytest.mark.parametrize("kind", ["trajectories", "correlation", "auc"])
def test_the_levels_axis_has_its_unit(kind, effect, label):
    figure = draw(kind, IRMAS[:5], effect_params(effect, 6))
    lines = words(figure).splitlines()
    assert any(line == label or line == f"{label}, by rank" for line in lines)


@pytest.mark.parametrize("labels", [IRMAS[:1], IRMAS[:5]])
@pytest.mark.parametrize("kind", INPUTS)
def test_every_panel_can_be_read_by_its_axis_labels(kind, labels):
    figure = draw(kind, labels, effect_params("gain", 6))
    panels = [axes for axes in figure.axes if axes.lines or axes.collections]
    panels = [axes for axes in panels if axes.get_position().height > 0.06]  # no colour bar
    assert len(panels) == (2 if kind in ("auc", "correlation") else 1) * len(labels)
    lowest = min(axes.get_position().y0 for axes in panels)
    leftmost = min(axes.get_position().x0 for axes in panels)
    for axes in panels:
        if axes.get_position().y0 == pytest.approx(lowest):
            assert axes.get_xlabel()
        if axes.get_position().x0 == pytest.approx(leftmost):
            assert axes.get_ylabel()


@pytest.mark.parametrize("kind", INPUTS)
def test_controls_are_marked(kind):
    effect = effect_params("gain", 3)
    for model, control in (("musicnn", 0), ("musicnn-untrained", 1), ("logmel", 1)):
        for labels in (IRMAS[:1], IRMAS[:2]):
            assert words(draw(kind, labels, effect, model)).count("(control)") == control


def test_a_users_control_is_marked_as_the_run_says(tmp_path, monkeypatch):
    """`bands` is no model of the registry: what the plan says of it counts, for this job alone."""
    shown = []
    monkeypatch.setattr(drawing.look, "save_figure", lambda figure, paths: shown.append(figure))
    effect = effect_params("gain", 3)
    paths = {"spectra": [tmp_path / "spectra.csv"]}
    write_table(paths["spectra"][0], "spectra", made_up("bands", IRMAS[:2], effect)["spectra"])
    what = ["spectra_bands_gain.png"], ["bands"], IRMAS[:2], [], [effect]
    run_draw("spectra", paths, *what, titles={"bands": "bands (control)"})
    run_draw("spectra", paths, *what)
    control, plain = (words(figure).splitlines()[0] for figure in shown)
    assert (control, plain) == ("bands (control), gain", "bands, gain")


def test_auc_draws_the_neutral_point_at_0_db():
    effect = effect_params("gain", 6)
    rows = made_up("musicnn", ["cello"], effect)["auc"]
    expected = {row["roc_auc"] for row in rows if row["train"] == row["test"] == "original"}
    for panel in draw("auc", ["cello"], effect).axes:
        hollow = [line for line in panel.lines if line.get_markerfacecolor() == "white"]
        assert len(hollow) == len(VARIANTS)
        assert {x for line in hollow for x in line.get_xdata()} == {0.0}
        assert {y for line in hollow for y in line.get_ydata()} == expected
        curves = [line for line in panel.lines if len(line.get_xdata()) > 2]
        assert all(0.0 in line.get_xdata() for line in curves)
    assert "no effect (0 dB)" in words(draw("auc", ["cello"], effect))


def test_auc_draws_no_effect_as_a_line_where_no_level_is_neutral():
    effect = effect_params("lowpass", 6)
    figure = draw("auc", ["cello"], effect)
    for panel in figure.axes:
        assert panel.get_xscale() == "log"
        (line,) = (line for line in panel.lines if line.get_label() == "no effect")
        rows = made_up("musicnn", ["cello"], effect)["auc"]
        (value,) = (
            row["roc_auc"] for row in rows
            if row["train"] == row["test"] == "original" and row["method"] == "none"
        )  # fmt: skip
        assert set(line.get_ydata()) == {value}


def test_auc_panels_are_the_two_training_directions():
    effect = effect_params("gain", 6)
    rows = made_up("musicnn", ["cello"], effect)["auc"]
    left, right = draw("auc", ["cello"], effect).axes
    lowest = effect["levels"][0]
    for panel, train, test in ((left, "original", lowest), (right, lowest, "original")):
        expected = sorted(
            row["roc_auc"] for row in rows if (row["train"], row["test"]) == (train, test)
        )
        curves = [line for line in panel.lines if len(line.get_xdata()) > 2]
        assert sorted(line.get_ydata()[0] for line in curves) == expected


def test_auc_draws_methods_that_are_alike_once_and_says_so():
    effect = effect_params("gain", 6)
    rows = as_read(made_up("musicnn", ["cello"], effect)["auc"])
    plain = {(row["train"], row["test"]): row["roc_auc"] for row in rows if row["method"] == "none"}
    for row in rows:
        if row["method"] in ("lda", "samplewise_cca_svd"):
            shift = 0.0 if row["method"] == "lda" else 0.1
            row["roc_auc"] = str(float(plain[row["train"], row["test"]]) - shift)
    figure = draw("auc", ["cello"], effect, rows=[rows])
    shown = words(figure).splitlines()
    assert "no debiasing = LDA" in shown
    assert "sample-wise CCA SVD, t = 0.3, 0.4, 0.5" in shown
    for panel in figure.axes:
        assert sum(len(line.get_xdata()) > 2 for line in panel.lines) == len(VARIANTS) - 3


def test_auc_has_one_scale_with_chance_and_the_interval_without_debiasing():
    effect = effect_params("gain", 6)
    figure = draw("auc", IRMAS[:3], effect)
    assert len({panel.get_ylim() for panel in figure.axes}) == 1
    rows = made_up("musicnn", IRMAS[:3], effect)["auc"]
    ends = [(row["low"], row["high"]) for row in rows
            if (row["method"], row["label"], row["train"]) == ("none", "cello", "original")
            and row["test"] != "original"]  # fmt: skip
    band = figure.axes[0].collections[0].get_paths()[0].vertices
    for level, (low, high) in zip(effect["levels"], ends, strict=True):
        at_level = band[np.isclose(band[:, 0], float(level)), 1]
        assert (at_level.min(), at_level.max()) == (pytest.approx(low), pytest.approx(high))
    assert "95 % interval" in words(figure)
    few = as_read({**row, "low": None, "high": None, "roc_auc": 0.45} for row in rows)
    shown = words(draw("auc", IRMAS[:3], effect, rows=[few]))
    assert "too few test recordings for 95 % intervals" in shown and "chance" in shown


def test_auc_hides_what_the_style_says():
    effect = effect_params("gain", 6)
    hidden = words(draw("auc", ["cello"], effect, style={"hide": ["lda", "global_cca"]}))
    assert "LDA" not in hidden
    assert "global CCA" not in hidden
    assert "LDA" in words(draw("auc", ["cello"], effect))


def test_correlation_draws_the_neutral_level_between_its_neighbours():
    effect = effect_params("gain", 6)  # -40, -31, -22, -13, -4, 5: 0 dB is 4/9 of a step after -4
    for panel in draw("correlation", IRMAS[:5], effect).axes:
        dotted = [line for line in panel.lines if line.get_linestyle() == ":"]
        assert [line.get_ydata()[0] for line in dotted] == [pytest.approx(4 + 4 / 9)]


def test_correlation_says_where_the_training_fit_is_saturated():
    effect = effect_params("reverb", 6)
    figure = draw("correlation", IRMAS[:5], effect, saturated=["flute"])
    for axes in figure.axes[1::2]:
        label, what, *said = axes._left_title.get_text().split("\n")
        assert what.endswith("†") == ("R² train 1 by identity" in said) == (label == "flute")
        assert said[-1] == "R² test " + said[-1].split()[2] + " [0.75, 0.96]"
    assert "fit is saturated" in words(figure)
    single = draw("correlation", ["flute"], effect, saturated=["flute"])
    assert "test R² measures rounding. Read ρ." in words(single).replace("\n", " ")
    assert "saturated" not in words(draw("correlation", ["cello"], effect))


def test_correlation_gives_rho_of_test_clips_beside_the_papers_r2():
    effect = effect_params("gain", 6)
    regularised, paper = draw("correlation", ["cello"], effect).axes
    row = made_up("musicnn", ["cello"], effect)["global_r2"][0]
    said = regularised._left_title.get_text().split("\n")
    assert said == ["regularised direction", "ρ 0.91 [0.88, 0.95]", "within clips 0.99"]
    said = paper._left_title.get_text().split("\n")
    assert said[1] == f"R² train {row['r2']:.2f}, null 0.15"
    assert said[2] == f"R² test {row['r2_test']:.2f} [0.75, 0.96]"


def test_correlation_draws_both_directions_the_papers_so_that_levels_rise():
    """Its sign in the table is that of its largest entry, and says nothing of the effect."""
    effect = effect_params("gain", 6)
    rows = made_up("musicnn", ["cello"], effect)["projections"]
    figure = draw("correlation", ["cello"], effect)
    columns = {"projection_regularised": 1, "projection": -1}
    for panel, (column, sign) in zip(figure.axes, columns.items(), strict=True):
        train, test, median = panel.lines[:3]
        for points, split in ((train, "train"), (test, "test")):
            expected = [sign * row[column] for row in rows if row["split"] == split]
            np.testing.assert_allclose(points.get_xdata(), expected)
        assert (np.diff(median.get_xdata()) > 0).all()
    assert [panel.get_xlabel() for panel in figure.axes] == [
        "projection <w, x>", "projection <u, x>"
    ]  # fmt: skip


def test_trajectories_cross_out_the_originals():
    figure = draw("trajectories", ["cello"], effect_params("gain", 6))
    lines, points, originals = figure.axes[0].collections
    assert len(lines.get_segments()) == 10
    assert all(len(segment) == 6 for segment in lines.get_segments())
    assert len(points.get_offsets()) == 60
    assert len(originals.get_offsets()) == 10
    first = points.get_facecolors()[0]
    assert not np.allclose(first, points.get_facecolors()[5])


TABLE1_ROW = {
    "mean": "0.9942", "std": "0.0013", "mean_test": "0.81", "std_test": "", "n_labels": "2",
    "mean_null": "0.153", "n_above_null": "1", "mean_test_low": "0.7912", "mean_test_high": "0.83",
    "mean_heldout_levels": "0.72", "mean_rho_ridge": "0.912", "rho_ridge_low": "0.884",
    "rho_ridge_high": "0.951", "mean_rho_within": "0.99", "rho_within_low": "",
    "rho_within_high": "", "mean_rho_across": "0.85", "p_recording_adjusted": "0.0004",
    "p_common_adjusted": "", "p_reversal_adjusted": "0.0125",
}  # fmt: skip


def draw_table1(models, effects, rows, saturated=()):
    r2 = [
        {"model": model, "effect": effect, "label": label,
         "saturated": "1" if (model, effect, label) in saturated else "0"}
        for model in models for effect in effects for label in ("cello", "flute")
    ]  # fmt: skip
    style = merge_style(KINDS["table1"], {})
    with matplotlib.rc_context(rc_of(style)):
        return plot_table1(models, effects, style, rows, r2)


def test_table1_marks_controls_and_saturated_fits():
    models, effects = ["logmel", "musicnn"], ["gain", "reverb"]
    rows = [TABLE1_ROW | {"model": m, "effect": e} for m in models for e in effects]
    figure = draw_table1(models, effects, rows, {("musicnn", "gain", "cello")})
    cells = words(figure).splitlines()
    assert cells.count("99.4±0.1") == 3
    assert cells.count("99.4±0.1†") == 1
    assert cells.count("0.91") == cells.count("81.0") == 4
    assert cells.count("<.001") == cells.count("?") == cells.count(".013") == 4
    assert "logmel (control)" in cells
    assert "musicnn" in cells
    assert "† Training fit saturated" in words(figure)
    assert "saturated" not in words(draw_table1(models, effects, rows))


def test_table1_draws_rho_its_interval_and_what_stands_beside_it():
    row = TABLE1_ROW | {"model": "musicnn", "effect": "gain", "p_common_adjusted": "0.2"}
    panel = draw_table1(["musicnn"], ["gain"], [row]).axes[0]
    drawn = {line.get_marker(): line.get_xdata()[0] for line in panel.lines}
    assert (drawn["o"], drawn["D"], drawn["|"]) == (0.912, 0.99, 0.85)
    ends = [list(line.get_xdata()) for line in panel.lines if line.get_color() == BLUE]
    assert [0.884, 0.951] in ends
    colours = {text.get_text(): text.get_color() for text in panel.texts}
    assert colours[".200"] == GREY != colours[".013"] == colours["<.001"]
    none = {**row, "rho_ridge_low": "", "rho_ridge_high": ""}
    assert len(draw_table1(["musicnn"], ["gain"], [none]).axes[0].lines) == len(panel.lines) - 1


def test_table1_says_nothing_of_a_test_that_is_not_defined():
    row = TABLE1_ROW | {"model": "musicnn", "effect": "gain", "mean_test": ""}
    row |= {"mean_rho_ridge": "", "p_recording_adjusted": "", "rho_ridge_low": ""}
    cells = words(draw_table1(["musicnn", "clap"], ["gain"], [row])).splitlines()
    assert cells.count("-") == 2 + 3 and cells.count("?") == 2 + 3
    exact = row | {"mean": "1.0", "std": "0.0"}
    saturated = {("musicnn", "gain", "cello")}
    assert "100†" in words(draw_table1(["musicnn"], ["gain"], [exact], saturated)).splitlines()


@pytest.mark.parametrize(
    ("models", "effects"),
    [
        (["clap"], ["gain"]),
        (["a_model_with_a_long_name-untrained", "logmel"], LONG[:3]),
        ([f"model{n}-untrained" for n in range(10)], list(EFFECTS)),
    ],
)
def test_texts_of_table1_are_legible_in_any_size(models, effects):
    rows = [TABLE1_ROW | {"model": m, "effect": e} for m in models for e in effects]
    figure = draw_table1(models, effects, rows, {(models[0], effects[0], "cello")})
    FigureCanvasAgg(figure).draw()
    check_texts(figure)
    assert figure.get_figwidth() == 3.5
    assert min(text.get_fontsize() for text in shown_texts(figure)) >= 6


@pytest.mark.parametrize(
    ("kind", "style", "named"),
    [
        ("auc", {"hidden": []}, "hidden"),
        ("auc", {"hide": ["pca"]}, "hide"),
        ("auc", {"hide": [["lda"]]}, "hide"),
        ("spectra", {"log_y": 1}, "log_y"),
        ("spectra", {"font_size": "7"}, "font_size"),
        ("spectra", {"font_size": 0}, "font_size"),
        ("trajectories", {"colour_map": "jet"}, "colour_map"),
    ],
)
def test_a_style_that_cannot_be_taken_is_named(kind, style, named):
    with pytest.raises(InputError, match=f"figures.style.{kind}.{named}: .*expected"):
        merge_style(KINDS[kind], style)


def test_styles_default_to_what_they_accept():
    for kind in KINDS.values():
        assert merge_style(kind, kind.defaults) == kind.defaults


@pytest.mark.parametrize(
    ("value", "text"),
    [(-38.5, "-38.5"), (0.01, "0.01"), (4.0, "4"), (1600.0, "1.6k"), (18333.333, "18k")],
)
def test_a_level_as_a_tick(value, text):
    assert format_level(value) == text


@pytest.mark.parametrize("n_levels", [2, 3, 6, 12, 31, 34])
@pytest.mark.parametrize("most", [6, 7])
def test_labelled_ranks_are_evenly_spread_from_the_first(n_levels, most):
    ranks = EffectAxis.of(effect_params("reverb", n_levels)).rank_ticks(most)
    assert ranks[0] == 0
    assert len(ranks) <= most
    assert len(set(np.diff(ranks))) == 1
    assert n_levels - 1 - ranks[-1] < ranks[1]


def test_shortening_keeps_both_ends():
    assert shorten("cello", 3, 7) == "cello"
    short = shorten("an_instrument_with_a_long_name_7", 1.0, 7)
    assert len(short) < 20
    assert short.startswith("an_")
    assert short.endswith("_7")


@pytest.mark.parametrize("text", ["$x$", "a $ b", "$5 to $6", "$_$ and $^$", "$", "x_1^2 %s &"])
def test_a_label_is_drawn_as_text_and_never_as_a_formula(text):
    def drawn(shown: str, **options):
        figure = Figure(figsize=(3, 0.5))
        figure.text(0.1, 0.5, shown, **options)
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        return np.asarray(canvas.buffer_rgba()).copy()

    expected = drawn(text, parse_math=False)
    assert expected.min() < 255
    np.testing.assert_array_equal(drawn(shorten(text, 9, 7)), expected)


def test_spectra_draw_all_that_a_flat_one_may_be_taken_for():
    labels, effect = ["cello"], effect_params("gain", 6)
    figure = draw("spectra", labels, effect)
    (panel,) = figure.axes
    rows = made_up("musicnn", labels, effect)["spectra"]
    columns = ("directions_f", "directions", "originals", "random")
    for column, line in zip(columns, panel.lines, strict=True):
        np.testing.assert_allclose(line.get_ydata(), [row[column] for row in rows])
    (band,) = panel.patches
    assert band.get_y() == pytest.approx(rows[-1]["random"])
    assert band.get_y() + band.get_height() == pytest.approx(1)
    said = words(figure).replace("\n", " ")
    assert "Marchenko and Pastur" in said and "can't tell one direction from many" in said
