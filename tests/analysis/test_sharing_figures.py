"""The figures of retrieval and of what clips share, drawn from made-up tables."""

import matplotlib
import numpy as np
import pytest
from jobs import KINDS as FIGURES
from matplotlib.backends.backend_agg import FigureCanvasAgg
from test_figures import IRMAS, LONG, as_read, check_texts, effect_params, words

from embedding_sensitivity.experiment.measures import load, merge_style
from embedding_sensitivity.figures.drawing import Subject
from embedding_sensitivity.figures.style import EffectAxis, rc_of

MEASURES = {
    "threshold_90": "retrieval",
    "retrieval": "retrieval",
    "equivariance": "equivariance",
    "heldout_energy": "dimensionality",
}
MODELS = ["clap", "clap-untrained", "logmel", "musicnn", "musicnn-untrained", "openl3", "panns"]
SIZES = [
    pytest.param(MODELS[:3], IRMAS, ["gain", "lowpass"], id="3 models, 11 labels"),
    pytest.param(MODELS, IRMAS[:5], ["gain"], id="7 models, 5 labels"),
    pytest.param(["a_model_with_a_long_name-untrained"], LONG, ["bitcrush"], id="long names"),
]


def made_up(models, labels, effect):
    rng = np.random.default_rng(0)
    tables = {name: [] for name in (
        "threshold_90", "retrieval", "equivariance", "equivariance_mean", "heldout_energy",
        "dimensionality_mean",
    )}  # fmt: skip
    for model in models:
        keys = {"model": model, "effect": effect["name"]}
        first, last = effect["levels"][0], effect["levels"][-1]
        tables["threshold_90"].append({
            **keys, "side": "up", "threshold_90": last, "bound": ">", "responds": "1",
            "threshold_90_low": first, "bound_low": "=", "threshold_90_high": last,
            "bound_high": ">",
        })  # fmt: skip
        mean = {"equivariance": 0.6, "equivariance_low": 0.5, "equivariance_high": 0.7,
                "predicted": -0.4}  # fmt: skip
        tables["equivariance_mean"].append({**keys, **mean})
        ends = {"energy_3": 0.7, "energy_3_low": 0.6, "energy_3_high": 0.75}
        tables["dimensionality_mean"].append({**keys, **ends})
        for label in labels:
            own = {**keys, "label": label}
            tables["equivariance"].append({**own, "equivariance": rng.random()})
            tables["retrieval"] += [
                {**own, "level": level, "recall_1": rng.random(), "n_clips": 3, "gallery": 32}
                for level in effect["levels"]
            ]
            tables["heldout_energy"] += [
                {**own, "k": k, "energy": 1 - 1 / (k + 1), "energy_random": k / 512}
                for k in range(1, 33)
            ]
    return tables


def draw(kind, models, labels, effects, change=lambda tables: None):
    effects = [effect_params(effect, 6) for effect in effects]
    found = [made_up(models, labels, effect) for effect in effects]
    tables = {name: [row for of in found for row in of[name]] for name in found[0]}
    change(tables)
    tables = {name: as_read(rows) for name, rows in tables.items()}
    style = merge_style(FIGURES[kind], {})
    measure = load(MEASURES[kind])
    with matplotlib.rc_context(rc_of(style)):
        subject = Subject(kind, models, labels, [EffectAxis.of(effect) for effect in effects])
        figure = measure.function(FIGURES[kind].draw)(tables, subject, style)
        FigureCanvasAgg(figure).draw()
    return figure


@pytest.mark.parametrize(("models", "labels", "effects"), SIZES)
@pytest.mark.parametrize("kind", MEASURES)
def test_no_text_is_clipped_or_lies_on_another(kind, models, labels, effects):
    figure = draw(kind, models, labels, effects if kind == "threshold_90" else effects[:1])
    check_texts(figure)


def test_a_threshold_beyond_the_levels_is_an_open_arrow_and_no_response_is_said():
    def change(tables):
        tables["threshold_90"][0] |= {"bound": "=", "threshold_90": "-10.0"}
        tables["threshold_90"][1] |= {"responds": "0"}

    figure = draw("threshold_90", MODELS[:3], IRMAS[:2], ["gain"], change)
    marks = [
        (line.get_marker(), line.get_markerfacecolor())
        for line in figure.axes[0].lines if line.get_marker() not in ("None", "")
    ]  # fmt: skip
    assert marks == [(">", "#0072B2"), ("o", "#0072B2"), (">", "#009E73"), (">", "white")]
    assert "does not respond" in words(figure)


def test_recall_is_a_mean_over_clips_and_its_band_goes_to_the_last_label():
    def change(tables):
        for row in tables["retrieval"]:
            row |= {"recall_1": 1.0, "n_clips": 30} if row["label"] == IRMAS[0] else {}
            row |= {"recall_1": 0.2, "n_clips": 10} if row["label"] == IRMAS[1] else {}

    panel = draw("retrieval", ["clap"], IRMAS[:2], ["lowpass"], change).axes[0]
    np.testing.assert_allclose(panel.lines[0].get_ydata(), 0.8)
    band = panel.collections[0].get_paths()[0].vertices[:, 1]
    assert (band.min(), band.max()) == pytest.approx((0.2, 1))


def test_shares_below_nothing_are_at_the_edge():
    panels = draw("equivariance", ["clap"], IRMAS[:2], ["gain"]).axes
    assert panels[1].lines[0].get_xdata()[-1] == pytest.approx(panels[1].get_xlim()[0])
    assert panels[0].collections[0].get_segments()[-1][:, 0] == pytest.approx([0.5, 0.7])
