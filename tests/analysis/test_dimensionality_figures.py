"""The figures of dimensionality and of angles between labels' directions."""

import importlib
import itertools

import matplotlib
import numpy as np
import pytest
from jobs import KINDS as FIGURES
from jobs import run_draw
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image
from test_figures import IRMAS, LONG, as_read, check_texts, effect_params, words

from embedding_sensitivity.experiment.measures import merge_style
from embedding_sensitivity.experiment.tables import write_table
from embedding_sensitivity.figures.style import EffectAxis, rc_of

KINDS = {
    "dimensionality": "dimensionality",
    "principal_angles": "principal_angles",
    "samplewise": "samplewise_r2",
}
MODELS = ["clap", "clap-untrained", "logmel", "musicnn", "musicnn-untrained", "openl3", "panns"]
SIZES = [
    pytest.param(MODELS[:3], IRMAS, id="3 models, 11 labels"),
    pytest.param(MODELS, IRMAS[:5], id="7 models, 5 labels"),
    pytest.param(["a_model_with_a_long_name-untrained"], LONG, id="1 long model, 7 long labels"),
    pytest.param(["openl3", "panns"], IRMAS[:2], id="2 models, 2 labels"),
]


def made_up(models, labels) -> dict[str, list[dict]]:
    rng = np.random.default_rng(0)
    tables = {kind: [] for kind in KINDS.values()}
    for model, label in itertools.product(models, labels):
        tables["dimensionality"].append({
            "model": model, "effect": "gain", "label": label,
            "participation_ratio": rng.uniform(1, 60), "n_directions_90": rng.integers(1, 400),
            "mean_displacement_share": rng.random(), "participation_ratio_own": 23.3,
        })  # fmt: skip
        for n in range(21):
            tables["samplewise_r2"].append({
                "model": model, "effect": "gain", "clip": f"{label}{n}", "label": label, "r2": 1.0,
                "n_distinct_points": 6, "r2_heldout_levels": n / 20,
            })  # fmt: skip
    for model, (one, other) in itertools.product(models, itertools.combinations(labels, 2)):
        for method, n in (
            ("average_displacement", 1),
            ("global_cca", 1),
            ("samplewise_cca_svd", 2),
        ):
            for index in range(n):
                tables["principal_angles"].append({
                    "model": model, "effect": "gain", "label_a": one, "label_b": other,
                    "angle_deg": rng.uniform(0, 90), "method": method, "index": index,
                })  # fmt: skip
    return tables


def draw(kind, models, labels, rows=None):
    rows = as_read(made_up(models, labels)[KINDS[kind]]) if rows is None else rows
    style = merge_style(FIGURES[kind], {})
    with matplotlib.rc_context(rc_of(style)):
        module = importlib.import_module(f"embedding_sensitivity.figures.{kind}")
        make = getattr(module, f"plot_{kind}")
        effect = EffectAxis.of(effect_params("gain", 6)) if kind == "samplewise" else "gain"
        figure = make(models, labels, effect, style, rows)
        FigureCanvasAgg(figure).draw()
    return figure


@pytest.mark.parametrize("kind", KINDS)
def test_a_script_writes_the_figure(tmp_path, kind):
    paths = []
    for model in MODELS[:2]:
        paths.append(tmp_path / f"{model}.csv")
        write_table(paths[-1], KINDS[kind], made_up([model], IRMAS)[KINDS[kind]])
    outputs = [str(tmp_path / f"{kind}_gain.{ending}") for ending in ("png", "pdf")]
    effects = [effect_params("gain", 6)]
    run_draw(kind, {KINDS[kind]: paths}, outputs, MODELS[:2], IRMAS, [], effects)
    with Image.open(outputs[0]) as image:
        assert image.width <= 200 * 7.16 + 1
    with open(outputs[1], "rb") as file:
        assert b"/FontFile2" in file.read()


@pytest.mark.parametrize(("models", "labels"), SIZES)
@pytest.mark.parametrize("kind", KINDS)
def test_no_text_is_clipped_or_lies_on_another(kind, models, labels):
    figure = draw(kind, models, labels)
    check_texts(figure)


def test_every_value_is_drawn_beside_its_label():
    models, labels = MODELS[:3], IRMAS
    rows = made_up(models, labels)["dimensionality"]
    rows[4]["participation_ratio"] = None
    figure = draw("dimensionality", models, labels, as_read(rows))
    columns = ("participation_ratio", "n_directions_90", "mean_displacement_share")
    for axes, column in zip(figure.axes, columns, strict=True):
        curves = [line for line in axes.lines if line.get_marker() not in ("None", "")]
        for model, line in zip(models, curves, strict=True):
            expected = [row[column] for row in rows if row["model"] == model]
            np.testing.assert_allclose(line.get_xdata(), np.array(expected, dtype=float))
            np.testing.assert_array_equal(np.round(line.get_ydata()), np.arange(len(labels)))
    assert "(control)" in words(figure)


def test_angles_are_drawn_in_their_halves():
    labels = IRMAS[:4]
    rows = made_up(["panns"], labels)["principal_angles"]
    rows[0]["angle_deg"] = None
    figure = draw("principal_angles", ["panns"], labels, as_read(rows))
    matrix = figure.axes[0].collections[0].get_array().reshape(4, 4)
    for row in rows:
        if row["method"] != "samplewise_cca_svd":
            cell = labels.index(row["label_a"]), labels.index(row["label_b"])
            cell = cell if row["method"] == "global_cca" else cell[::-1]
            assert (matrix[cell] == row["angle_deg"]) or (
                row["angle_deg"] is None and np.ma.is_masked(matrix[cell])
            )
    assert np.ma.getmaskarray(matrix).sum() == 4 + 1


def test_samplewise_r2_is_medians_over_clips_beside_the_identity():
    models, labels = MODELS[:2], IRMAS[:3]
    rows = made_up(models, labels)["samplewise_r2"]
    rows[0]["r2_heldout_levels"] = None  # of the first label: 0, the lowest of 21
    figure = draw("samplewise", models, labels, as_read(rows))
    for panel, expected in zip(figure.axes, ([1, 1, 1], [0.525, 0.5, 0.5]), strict=True):
        first, second = (line for line in panel.lines if line.get_marker() not in ("None", ""))
        np.testing.assert_allclose(first.get_xdata(), expected)
        np.testing.assert_array_equal(np.round(first.get_ydata()), np.arange(3))
        assert first.get_color() != second.get_color()
    ends = figure.axes[1].collections[1].get_segments()[0]
    np.testing.assert_allclose(ends[:, 0], [0.05, 0.95])
    (chance,) = (line for line in figure.axes[1].lines if line.get_linestyle() == ":")
    assert chance.get_xdata()[0] == pytest.approx(1 / 6)
    said = words(figure).replace("\n", " ")
    assert "is an identity" in said and "not a finding" in said


def test_samplewise_draws_what_is_there():
    rows = as_read(made_up(["clap"], IRMAS[:1])["samplewise_r2"])
    rows = [row | {"r2": "", "r2_heldout_levels": ""} for row in rows]  # one that doesn't respond
    shown = words(draw("samplewise", ["clap"], IRMAS[:2], rows))
    assert "clap" in shown and shown.count("not defined") == 2
