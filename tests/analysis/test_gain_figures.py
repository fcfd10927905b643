"""The figures of gains, verdicts and displacements, drawn from made-up tables."""

import itertools

import matplotlib
import numpy as np
import pytest
from jobs import KINDS as FIGURES
from jobs import run_draw
from matplotlib.backends.backend_agg import FigureCanvasAgg
from test_figures import IRMAS, LONG, VARIANTS, as_read, check_texts, effect_params, words

from embedding_sensitivity.analysis.classifiers.verdicts import verdict_rows
from embedding_sensitivity.experiment.measures import merge_style
from embedding_sensitivity.experiment.tables import write_table
from embedding_sensitivity.figures.auc_gain import plot_auc_gain
from embedding_sensitivity.figures.displacement import plot_displacement
from embedding_sensitivity.figures.style import GREY, EffectAxis, model_looks, rc_of
from embedding_sensitivity.figures.verdicts import plot_verdicts

MODELS = ["openl3", "panns", "clap", "logmel"]
KINDS = ("auc_gain", "verdicts", "displacement")
SIZES = [
    pytest.param("lowpass", 31, IRMAS, id="11 labels, 31 levels"),
    pytest.param("gain", 6, LONG[:5], id="5 long labels, 6 levels"),
    pytest.param("reverb", 34, ["cello"], id="1 label, 34 levels"),
]


def gains(model, labels, effect):
    """Rows of table auc_gain: LDA never gains, other methods clearly at the first levels."""
    rng = np.random.default_rng(len(labels))
    for label, (method, threshold) in itertools.product(labels, VARIANTS[1:]):
        for number, level in enumerate(effect["levels"]):
            for train, test in ((level, "original"), ("original", level), (level, level)):
                sign = rng.choice([-1, 1])
                clear = method != "lda" and number < 3 and train != test
                yield {
                    "model": model, "effect": effect["name"], "label": label, "method": method,
                    "threshold": threshold, "train": train, "test": test,
                    "gain": sign * (0.01 if clear else 1e-4), "low": 0.0, "high": 0.0,
                    "p": 0.01 if clear else 0.9, "n_groups": 20,
                    "p_adjusted": None if train == test else 0.02 if clear else 0.95,
                    "detectable_gain": None if train == test else 0.0 if method == "lda" else 0.04,
                    "responds": True,
                }  # fmt: skip


def displacements(model, labels, effect):
    for number, level in enumerate(effect["levels"]):
        for index, label in enumerate(labels):
            value = (1 + index) * number / len(effect["levels"])
            yield {
                "model": model, "effect": effect["name"], "level": level, "label": label,
                "cosine": 0.01 * value, "euclidean": 6 * value, "relative": 0.3 * value,
                "frechet": (4 * value) ** 2, "cka_debiased": 1 - 0.01 * value,
                "kad": 0.1 * value,
            }  # fmt: skip


def orders(model, labels, effect):
    """Rows of table displacement_order: the cosine's differ by label, CKA's is not defined."""
    for index, label in enumerate(labels):
        yield {
            "model": model, "effect": effect["name"], "label": label,
            "spearman_cosine": 1 - 0.5 * index / len(labels), "spearman_euclidean": 1.0,
            "spearman_frechet": -1.0, "spearman_cka": None, "n_levels": len(effect["levels"]),
        }  # fmt: skip


def draw(kind, labels, effect, rows=None, **given):
    style = merge_style(FIGURES[kind], given)
    axis = EffectAxis.of(effect)
    with matplotlib.rc_context(rc_of(style)):
        if kind == "auc_gain":
            rows = rows or as_read(gains(MODELS[0], labels, effect))
            figure = plot_auc_gain(MODELS[0], labels, axis, style, rows)
        elif kind == "verdicts":
            rows = rows or as_read(row for m in MODELS for row in gains(m, labels, effect))
            figure = plot_verdicts(MODELS, effect["name"], style, as_read(verdict_rows(rows)))
        else:
            rows, ranks = (
                as_read(row for model in MODELS for row in make(model, labels, effect))
                for make in (displacements, orders)
            )
            figure = plot_displacement(MODELS, axis, style, rows, ranks)
        FigureCanvasAgg(figure).draw()
    return figure


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("effect", "n_levels", "labels"), SIZES)
def test_no_text_is_clipped_or_lies_on_a_text(kind, effect, n_levels, labels):
    check_texts(draw(kind, labels, effect_params(effect, n_levels)))


def test_gains_are_marked_where_they_are_clear():
    effect = effect_params("lowpass", 6)
    figure = draw("auc_gain", ["cello"], effect)
    for panel in figure.axes[:2]:
        names = [tick.label1.get_text() for tick in panel.yaxis.get_major_ticks()]
        dots = sorted((line.get_xdata()[0], line.get_ydata()[0]) for line in panel.lines)
        methods = range(len(VARIANTS) - 2)  # neither none nor LDA, the last
        assert dots == sorted(itertools.product(range(3), methods))
        (image,) = panel.images
        assert image.get_array().shape == (len(VARIANTS) - 1, 6)
        assert np.abs(image.get_array()).max() == pytest.approx(0.01)
        assert image.norm.vmin == -image.norm.vmax == pytest.approx(-0.01)
        strong = {(column, row) for row, column in np.argwhere(image.get_alpha() == 1).tolist()}
        assert strong == set(dots) and image.get_alpha().min() < 0.5
    assert names[-1] == "LDA"
    hidden = draw("auc_gain", ["cello"], effect, hide=["lda"]).axes[0]
    assert len(hidden.images[0].get_array()) == len(VARIANTS) - 2


def without_findings(rows):
    return [{**row, "p_adjusted": row["p_adjusted"] and "0.9"} for row in rows]


def test_gains_say_what_could_have_been_seen_where_nothing_is():
    effect = effect_params("lowpass", 6)
    assert "42 of 96 gains and losses are clear" in words(draw("auc_gain", ["cello"], effect))
    rows = without_findings(as_read(gains(MODELS[0], ["cello"], effect)))
    figure = draw("auc_gain", ["cello"], effect, rows)
    said = words(figure).replace("\n", " ")
    assert (
        "None of 96 gains and losses is clear. The smallest that could have been seen: 0.040"
        in (said)
    )
    assert all((panel.images[0].get_alpha() < 0.5).all() for panel in figure.axes[:2])
    few = [{**row, "p_adjusted": "", "detectable_gain": ""} for row in rows]
    assert "Too few test recordings" in words(draw("auc_gain", ["cello"], effect, few))


@pytest.mark.parametrize("kind", ["auc_gain", "verdicts"])
def test_a_run_without_a_method_has_its_figures(tmp_path, kind):
    effect = effect_params("gain", 5)
    paths = {table: tmp_path / f"{table}.csv" for table in FIGURES[kind].tables}
    for table, path in paths.items():
        write_table(path, table, [])
    given = {table: [path] for table, path in paths.items()}
    stem = f"{kind}_m_gain" if FIGURES[kind].per == "model" else f"{kind}_gain"
    outputs = [str(tmp_path / f"{stem}.png")]
    run_draw(kind, given, outputs, ["m"], ["cello", "flute"], [], [effect])
    assert (tmp_path / f"{stem}.png").stat().st_size > 1000


def test_verdicts_are_mean_gains_and_shares_of_cells():
    effect = effect_params("lowpass", 6)
    figure = draw("verdicts", IRMAS, effect)
    rows = as_read(verdict_rows(as_read(gains(MODELS[0], IRMAS, effect))))
    assert len(figure.axes) == 4
    lists = [
        {round(y): x for x, y in line.get_xydata()}
        for panel in figure.axes
        for line in panel.lines
        if line.get_marker() == "o"
    ]
    for side, mean, helped, harmed in zip(
        ("original", "effected"), lists[:2], lists[2::2], lists[3::2], strict=True
    ):
        for place, (method, threshold) in enumerate(VARIANTS[1:]):
            (row,) = (
                row for row in rows
                if (row["method"], row["threshold"], row["train"])
                == (method, str(threshold), side)
            )  # fmt: skip
            assert mean[place] == float(row["mean_gain"])
            # Half of the levels are clear for each of 7 methods, never for LDA.
            assert helped[place] - harmed[place] == pytest.approx(0 if method == "lda" else 50)
            assert helped[place] == pytest.approx(100 * int(row["helps"]) / 66)
    band = figure.axes[0].patches[0]
    assert (band.get_x(), band.get_width()) == (pytest.approx(-0.04), pytest.approx(0.08))


def test_verdicts_without_a_finding_say_what_could_have_been_seen():
    effect = effect_params("lowpass", 6)
    rows = [row for m in MODELS for row in without_findings(as_read(gains(m, IRMAS, effect)))]
    figure = draw("verdicts", IRMAS, effect, rows)
    assert len(figure.axes) == 2
    said = words(figure).replace("\n", " ")
    assert "None of 4224 gains and losses is clear." in said and "0.040" in said


def test_displacement_lines_are_means_and_bands_ranges_over_labels():
    figure = draw("displacement", IRMAS[:3], effect_params("lowpass", 6))
    cosine, relative, frechet, cka, kad = figure.axes[:5]
    np.testing.assert_allclose(cosine.lines[0].get_ydata(), 0.02 * np.arange(6) / 6)
    np.testing.assert_allclose(cka.lines[0].get_ydata(), 1 - 0.02 * np.arange(6) / 6)
    np.testing.assert_allclose(kad.lines[0].get_ydata(), 0.2 * np.arange(6) / 6)
    band = relative.collections[0].get_paths()[0].vertices[:, 1]
    assert band.max() == pytest.approx(0.9 * 5 / 6)
    assert cosine.get_ylim()[0] == 0
    # sqrt(frechet) = 4 v where the distance between labels is 6 v / 0.3 v = 20; 0 where v is.
    np.testing.assert_allclose(frechet.lines[0].get_ydata(), 0.2 * 2 * np.arange(6) / 6)


def test_frechet_and_relative_displacement_need_a_distance_between_labels():
    effect = effect_params("lowpass", 6)
    rows = as_read({**row, "relative": None} for row in displacements("clap", ["cello"], effect))
    style = merge_style(FIGURES["displacement"], {})
    with matplotlib.rc_context(rc_of(style)):
        figure = plot_displacement(["clap"], EffectAxis.of(effect), style, rows, [])
    assert [len(panel.lines) for panel in figure.axes[:5]] == [1, 0, 0, 1, 1]


def test_orders_with_the_level_are_means_and_ranges_over_labels():
    panel = draw("displacement", IRMAS[:2], effect_params("lowpass", 6)).axes[5]
    names = [text.get_text() for text in panel.get_yticklabels()]
    ranges = [
        line for line in panel.lines if line.get_linestyle() == "-" and line.get_color() != GREY
    ]
    means = [line for line in panel.lines if line.get_marker() not in ("None", "")]
    found = {
        (names[round(y)], mean.get_color()): (mean.get_xdata()[0], *bar.get_xdata())
        for mean, bar in zip(means, ranges, strict=True)
        for y in mean.get_ydata()
    }
    colours = [colour for colour, _ in model_looks(MODELS).values()]
    expected = {"cosine": (0.875, 0.75, 1), "Euclidean": (1, 1, 1), "Fréchet": (-1, -1, -1)}
    assert found == {(name, colour): expected[name] for name in expected for colour in colours}
    assert names == [*expected, "CKA"]


@pytest.mark.parametrize("kind", KINDS)
def test_scripts_write_every_figure(tmp_path, kind):
    effect = effect_params("gain", 6)
    make = displacements if kind == "displacement" else gains
    paths, order_paths = [], []
    for model in MODELS[:2]:
        paths.append(str(tmp_path / f"{model}.csv"))
        order_paths.append(str(tmp_path / f"{model}_order.csv"))
        write_table(order_paths[-1], "displacement_order", orders(model, IRMAS[:2], effect))
        rows = make(model, IRMAS[:2], effect)
        if kind == "verdicts":
            rows = verdict_rows(as_read(rows))
        write_table(paths[-1], kind, rows)
    stems = [f"{kind}_gain"]
    if kind == "auc_gain":
        stems = [f"{kind}_{model}_gain{end}" for model in MODELS[:2] for end in ("", "_cello")]
    outputs = [str(tmp_path / f"{stem}.{ending}") for stem in stems for ending in ("png", "pdf")]
    given = {"displacement_order": order_paths, kind: paths[:1] if kind == "verdicts" else paths}
    run_draw(kind, given, outputs, MODELS[:2], IRMAS[:2], ["cello"], [effect])
    for path in outputs:
        with open(path, "rb") as file:
            assert file.read(4) in (b"\x89PNG", b"%PDF")
