"""The table and figure of every measure against depth."""

import matplotlib
import numpy as np
import pytest

from embedding_sensitivity.effects.levels import ORIGINAL
from embedding_sensitivity.experiment.measures import list_measures
from embedding_sensitivity.figures import style as look
from embedding_sensitivity.figures.depth import plot_depth
from embedding_sensitivity.measures import depth

MODELS = ("net.00", "net.07", "other")


def tables() -> dict[str, list[dict[str, str]]]:
    """Rows as text of two layers and of another model, two labels, three levels."""
    found = {name: [] for name in depth.MEASURE.tables[0].derived_from}
    for place, model in enumerate(MODELS):
        key = {"model": model, "effect": "gain"}
        for label, plus in (("cello", 0.0), ("flute", 0.2)):
            for level, recall, relative in (("-20", 0.4, 3.0), ("0", 0.8, 0.5), ("5", 0.6, 1.0)):
                of_level = {**key, "label": label, "level": level}
                found["retrieval"].append({**of_level, "recall_1": str(recall + plus)})
                found["displacement"].append({**of_level, "relative": str(relative + plus)})
            for method in ("none", "lda"):
                for test, auc in ((ORIGINAL, 0.9), ("-20", 0.6), ("5", 0.8)):
                    row = {"method": method, "train": ORIGINAL, "test": test, "label": label}
                    less = place * 0.1 * (test != ORIGINAL)
                    found["auc"].append({**key, **row, "roc_auc": str(auc + plus / 4 - less)})
        interval = {"low": str(place), "high": str(place + 1)}
        for table, column, prefix in (
            ("table1", "mean_rho_ridge", "rho_ridge"),
            ("samplewise_mean", "rho_heldout_levels", "rho_heldout_levels"),
            ("equivariance_mean", "equivariance", "equivariance"),
            ("dimensionality_mean", "energy_3", "energy_3"),
            ("recovery_best", "recovered", "recovered"),
        ):
            ends = {f"{prefix}_{end}": value for end, value in interval.items()}
            found[table].append({**key, column: str(place + 0.5), **ends})
    found["recovery_best"][0]["recovered"] = ""  # not defined
    return found


def test_layers_alone_are_collected_with_what_the_measures_say():
    rows = depth.collect_layers(tables())
    by_key = {(row["model"], row["measure"]): row for row in rows}
    assert len(by_key) == len(rows) == 2 * len(depth.SUMMARIES)
    assert {row["network"] for row in rows} == {"net"}
    assert {row["layer"] for row in rows} == {0, 7}
    assert all(set(row) == set(depth.MEASURE.tables[0].columns) for row in rows)

    def value(model, measure):
        return by_key[model, measure]["value"]

    assert value("net.00", "recall_1") == pytest.approx(0.5)  # 0.4 and 0.6 at -20
    assert value("net.00", "relative") == pytest.approx(3.1)
    assert value("net.00", "auc_drop") == pytest.approx(0.3)
    assert value("net.07", "auc_drop") == pytest.approx(0.4)
    row = by_key["net.07", "rho_ridge"]
    assert (row["value"], row["low"], row["high"]) == (1.5, 1.0, 2.0)
    assert value("net.00", "recovered") is None


def test_each_summary_reads_columns_that_there_are():
    columns = {t.name: set(t.columns) for m in list_measures() for t in m.tables}
    text = tables()
    for table, _, _ in depth.SUMMARIES.values():
        assert set(text[table][0]) <= columns[table] | {"model", "effect"}


def test_the_figure_has_a_panel_a_measure_with_its_layers(tmp_path):
    rows = [
        {key: "" if value is None else str(value) for key, value in row.items()}
        for row in depth.collect_layers(tables())
    ]
    titles = {name: title for name, (_, _, title) in depth.SUMMARIES.items()}
    style = {"font_size": 7.0, "line_width": 1.1, "point_size": 3.0}
    with matplotlib.rc_context(look.rc_of(style)):
        figure = plot_depth(titles, "gain", style, rows)
        look.save_figure(figure, [tmp_path / "depth.png"])
    assert (tmp_path / "depth.png").exists()
    assert len(figure.axes) == len(titles)
    for panel, measure in zip(figure.axes, titles, strict=True):
        (line,) = panel.get_lines()
        np.testing.assert_array_equal(line.get_xdata(), [0, 7])
        values = [row["value"] for row in rows if row["measure"] == measure]
        expected = [float(value or "nan") for value in values]
        np.testing.assert_allclose(line.get_ydata(), expected)
