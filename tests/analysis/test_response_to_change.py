"""Displacement, retrieval and AUC joined with the signal's change, and their figure."""

import itertools

import matplotlib
import pytest

from embedding_sensitivity.figures import style as look
from embedding_sensitivity.figures.response_to_change import (
    PANELS,
    effect_looks,
    order_levels,
    plot_response,
)
from embedding_sensitivity.figures.style import EffectAxis
from embedding_sensitivity.measures.response_to_change import MEASURE, SIGNAL, join_responses

(KIND,) = MEASURE.figures


def axis(name, levels=("-6", "0", "6"), neutral=0.0):
    return EffectAxis(name, "gain", "dB", False, neutral, tuple(levels))


def test_rows_join_means_over_labels_with_the_change_of_all_labels_clips():
    keys = {"model": "m", "effect": "eq"}
    signal = [
        {"effect": "eq", "level": level, "label": label, **dict.fromkeys(SIGNAL, number)}
        for level, number in (("-6", "2.5"), ("0", "0.0"))
        for label in ("", "a", "b")
    ]
    for row in signal:
        if row["label"]:
            row |= dict.fromkeys(SIGNAL, "99")
    displacement = [
        {**keys, "level": "-6", "label": "a", "relative": "1.0"},
        {**keys, "level": "-6", "label": "b", "relative": "2.0"},
        {**keys, "level": "0", "label": "a", "relative": ""},
    ]
    retrieval = [
        {**keys, "level": "-6", "label": "a", "recall_1": "0.5", "n_clips": "1"},
        {**keys, "level": "-6", "label": "b", "recall_1": "1.0", "n_clips": "3"},
        {**keys, "level": "0", "label": "a", "recall_1": "1.0", "n_clips": "1"},
        {**keys, "level": "original", "label": "a", "recall_1": "1.0", "n_clips": "1"},
    ]
    auc = [
        {**keys, "label": "a", "method": method, "train": train, "test": test, "roc_auc": value}
        for method, train, test, value in (
            ("none", "original", "-6", "0.75"),
            ("none", "original", "original", "0.875"),
            ("none", "-6", "-6", "0.1"),
            ("lda", "original", "-6", "0.1"),
        )
    ]
    found = join_responses(
        {
            "signal_change": signal,
            "displacement": displacement,
            "retrieval": retrieval,
            "auc": auc,
        }
    )
    by_level = {row["level"]: row for row in found}
    assert set(by_level) == {"-6", "0", "original"}
    assert all(set(row) <= set(MEASURE.tables[0].columns) for row in found)
    moved = by_level["-6"]
    assert (moved["relative"], moved["recall_1"], moved["roc_auc"]) == (1.5, 0.875, 0.75)
    assert {moved[name] for name in SIGNAL} == {"2.5"}
    # The neutral level has no AUC of its own, and no displacement where that isn't defined.
    assert {name for name in PANELS if name in by_level["0"]} == {"recall_1"}
    original = by_level["original"]
    assert (original["relative"], original["recall_1"], original["roc_auc"]) == (0.0, 1.0, 0.875)
    assert (original["snr_db"], original["log_spectral_distance_db"]) == (float("inf"), 0.0)


def rows_of(effects, levels=("-6", "0", "6")):
    for (number, effect), (rank, level) in itertools.product(enumerate(effects), enumerate(levels)):
        distance = abs(rank - 1) * (number + 1)
        yield {
            **{"model": "m", "effect": effect, "level": level},
            "log_spectral_distance_db": str(distance),
            "relative": str(distance / 10),
            "recall_1": str(1 - distance / 100),
            "roc_auc": "" if rank == 1 else "0.75",
        }
    for effect in effects:
        yield {
            **{"model": "m", "effect": effect, "level": "original"},
            **{"log_spectral_distance_db": "0.0", "relative": "0.0"},
            **{"recall_1": "1.0", "roc_auc": "0.9"},
        }


def draw(effects):
    with matplotlib.rc_context(look.rc_of(KIND.defaults)):
        axes = [axis(effect) for effect in effects]
        figure = plot_response("m", axes, KIND.defaults, rows_of(effects))
        figure.canvas.draw()
    return figure


def test_a_line_an_effect_in_the_order_of_its_levels():
    figure = draw(["eq", "pitch"])
    assert len(figure.axes) == len(PANELS) == 3
    lines = [line for line in figure.axes[0].lines if len(line.get_xdata()) == 3]
    assert [list(line.get_xdata()) for line in lines] == [[1.0, 0.0, 1.0], [2.0, 0.0, 2.0]]
    assert [list(line.get_ydata()) for line in lines] == [[0.1, 0.0, 0.1], [0.2, 0.0, 0.2]]
    # The neutral level, which has no AUC of its own, has the originals'; so has a grey line.
    auc = figure.axes[2]
    assert list(auc.lines[0].get_xdata()) == [1.0, 0.0, 1.0]
    assert list(auc.lines[0].get_ydata()) == [0.75, 0.9, 0.75]
    assert {line.get_ydata()[0] for line in auc.lines if line.get_color() == look.GREY} == {0.9}
    assert [label.get_text() for label in auc.get_xticklabels()] == ["0", "1"]
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert texts == ["eq", "pitch"]


def test_originals_stand_where_no_change_lies_between_levels():
    assert order_levels(axis("eq")) == ["-6", "original", "6"]
    assert order_levels(axis("eq", ("-6", "6"))) == ["-6", "original", "6"]
    assert order_levels(axis("gain", ("-6", "-3"))) == ["-6", "-3"]
    assert order_levels(axis("reverb", neutral=None)) == ["-6", "0", "6"]


@pytest.mark.parametrize("n", [1, 12, 20])
def test_every_effect_looks_its_own_and_the_legend_fits(n):
    effects = [f"a_rather_long_effect_{number}" for number in range(n)]
    looks = effect_looks([axis(effect) for effect in effects])
    assert len(set(looks.values())) == n
    figure = draw(effects)
    box = figure.legends[0].get_window_extent()
    assert box.x0 >= 0 and box.x1 <= figure.bbox.width
    lowest = min(panel.get_tightbbox().y0 for panel in figure.axes)
    assert box.y0 >= 0 and box.y1 <= lowest
