"""A run beside the paper's numbers: what is joined with what, on results made up around them."""

import csv
import itertools
import math
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from jobs import KINDS
from matplotlib.backends.backend_agg import FigureCanvasAgg
from test_figures import check_texts, effect_params

import draw_paper_auc
import draw_paper_table1
import tabulate_paper_comparison
from embedding_sensitivity.experiment import paper
from embedding_sensitivity.experiment.measures import merge_style
from embedding_sensitivity.experiment.tables import find_table, read_table, write_table
from embedding_sensitivity.figures import comparison as comparison_figures
from embedding_sensitivity.figures.style import EffectAxis, rc_of
from embedding_sensitivity.files.errors import InputError
from support import mock_snakemake

AUC = find_table("auc")
ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "data" / "paper"
SHARED = ROOT.parent / "shared" / "paper"
MODELS = ["clap", "openl3", "panns"]
EFFECTS = ["bitcrush", "gain", "lowpass", "reverb"]
# The paper's grids, not as the module has them.
GRIDS = {
    "gain": [f"{level:.1f}" for level in np.arange(-40, 5.1, 1.5)],
    "lowpass": [f"{level:.3f}" for level in np.geomspace(1600, 22000 / 1.2, 31)],
    "reverb": [f"{level:.2f}" for level in np.linspace(0.01, 1, 100)[::3]],
    "bitcrush": [str(level) for level in range(4, 16)],
}
CASES = {
    "openl3": ("reverb", "cello"),
    "panns": ("gain", "organ"),
    "clap": ("lowpass", "guitar_acc"),
}
VARIANTS = [("none", ""), ("average_displacement", ""), ("pca_absolute", "")]
VARIANTS += [("samplewise_cca_svd", threshold) for threshold in ("0.3", "0.4", "0.5")]
ROUNDING = 1e-9


def published(name: str) -> list[dict[str, str]]:
    with open(DATA / name, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def made_up_auc(model: str, effect: str, label: str, method: str, threshold: str, train, test):
    """A number that no other cell has."""
    where = [math.sqrt(2 + GRIDS[effect].index(end)) if end != "original" else 0.1
             for end in (train, test)]  # fmt: skip
    return 0.5 + 1e-2 * where[0] + 1e-3 * where[1] + 1e-5 * VARIANTS.index((method, threshold))


@pytest.fixture
def auc(tmp_path) -> Path:
    """A run's auc.csv with everything of Fig. 4, and what isn't in it."""
    rows = []
    for model, (effect, label) in CASES.items():
        cells = [("original", "original")]
        for level in GRIDS[effect]:
            cells += [("original", level), (level, "original"), (level, level)]
        for (method, threshold), (train, test) in itertools.product(VARIANTS, cells):
            key = (model, effect, label, method, threshold, train, test)
            row = dict(zip(AUC.columns, key, strict=False), roc_auc=made_up_auc(*key))
            rows += [row, {**row, "label": "violin", "roc_auc": 0.1}]
    write_table(tmp_path / "auc.csv", "auc", rows)
    return tmp_path / "auc.csv"


@pytest.fixture
def table1(tmp_path) -> Path:
    """A run's table1.csv: every mean half a published deviation up, every deviation 1.5 of it."""
    rows = [
        {
            "model": row["model"],
            "effect": row["effect"],
            "mean": float(row["mean"]) + 0.5 * float(row["std"]),
            "std": 1.5 * float(row["std"]),
        }
        for row in published("table1_global_r2.csv")
    ]
    write_table(tmp_path / "table1.csv", "table1", rows)
    return tmp_path / "table1.csv"


def tabulate(auc: Path, table1: Path, models=MODELS, effects=EFFECTS) -> list[dict[str, str]]:
    """Run the script as Snakemake would; returns the table's rows."""
    output = auc.with_name("paper_comparison.csv")
    tabulate_paper_comparison.main(
        mock_snakemake(
            "tabulate_paper_comparison",
            input={
                "auc": auc,
                "table1": table1,
                "paper_table1": DATA / "table1_global_r2.csv",
                "paper_fig4": DATA / "fig4_auc.csv",
            },
            output=output,
            params={"models": models, "effects": effects},
        )
    )
    return read_table(output, "paper_comparison")


@pytest.mark.skipif(not SHARED.exists(), reason="../shared/paper is not there")
@pytest.mark.parametrize("name", ["table1_global_r2.csv", "fig4_auc.csv"])
def test_the_carried_numbers_are_those_handed_over(name):
    assert (DATA / name).read_bytes() == (SHARED / name).read_bytes()


def test_every_published_point_finds_its_own_number(auc, table1):
    rows = [row for row in tabulate(auc, table1) if row["quantity"] == "roc_auc"]
    found = {}
    for row in rows:
        key = tuple(row[column] for column in AUC.keys)
        assert float(row["ours"]) == made_up_auc(*key)
        assert float(row["difference"]) == pytest.approx(
            made_up_auc(*key) - float(row["paper"]), abs=ROUNDING
        )
        found[key] = float(row["paper"])
    points = published("fig4_auc.csv")
    no_effect = {"gain": 0, "lowpass_cheby": 22500, "reverb": 0}
    for point in points:
        effect = point["effect"].removesuffix("_cheby")
        if float(point["parameter"]) == no_effect[point["effect"]]:
            ends = ("original", "original")
        else:
            distance = [abs(float(level) - float(point["parameter"])) for level in GRIDS[effect]]
            level = GRIDS[effect][int(np.argmin(distance))]
            assert min(distance) < 1e-3
            # The name says on what the classifier was trained.
            forwards = point["direction"] == "train_original"
            ends = ("original", level) if forwards else (level, "original")
        key = (point["model"], effect, point["instrument"], point["method"], point["threshold"])
        assert found.pop((*key, *ends), float(point["roc_auc"])) == float(point["roc_auc"])
    assert not found
    # Both directions have the point without the effect; two curves leave it out on one side.
    assert len(points) == 1143 and len(rows) == 1143 - 16


def test_table1_differs_by_what_was_added(auc, table1):
    rows = {
        (row["quantity"], row["model"], row["effect"]): row
        for row in tabulate(auc, table1)
        if row["quantity"] != "roc_auc"
    }
    assert len(rows) == 24
    for row in published("table1_global_r2.csv"):
        mean = rows["r2_mean", row["model"], row["effect"]]
        std = rows["r2_std", row["model"], row["effect"]]
        assert (mean["paper"], mean["paper_std"], std["paper"]) == tuple(
            repr(float(cell)) for cell in (row["mean"], row["std"], row["std"])
        )
        deviation = float(row["std"])
        assert float(mean["difference"]) == pytest.approx(0.5 * deviation, abs=ROUNDING)
        assert float(mean["difference_in_std"]) == pytest.approx(0.5, abs=ROUNDING / deviation)
        assert float(std["difference"]) == pytest.approx(0.5 * deviation, abs=ROUNDING)
        assert std["difference_in_std"] == ""


def test_what_the_run_lacks_stays_with_nothing_beside_it(auc, table1, capsys):
    """A level is gone, one method, and one label's name."""
    rows = [
        {**row, "label": "cello (solo)" if row["label"] == "cello" else row["label"]}
        for row in read_table(auc, "auc")
        if "1735.498" not in (row["train"], row["test"])
        and (row["model"], row["method"]) != ("panns", "pca_absolute")
    ]
    complete = tabulate(auc, table1)
    write_table(auc, "auc", rows)
    found = tabulate(auc, table1)
    keys = list(find_table("paper_comparison").columns)[:9]
    assert [[row[key] for key in keys] for row in found] == (
        [[row[key] for key in keys] for row in complete]
    )
    without = [row for row in found if not row["ours"]]
    assert all(row["difference"] == row["difference_in_std"] == "" for row in without)
    expected = [
        row
        for row in complete
        if "1735.498" in (row["train"], row["test"])
        or (row["model"], row["method"]) == ("panns", "pca_absolute")
        or row["label"] == "cello"
    ]
    assert [row["train"] for row in without] == [row["train"] for row in expected]
    said = capsys.readouterr().err
    assert "not in this run: 63 x roc_auc panns gain organ pca_absolute\n" in said
    assert "not in this run: 2 x roc_auc clap lowpass guitar_acc pca_absolute\n" in said
    assert f"Fig. 4: this run has {1127 - len(without)} of 1127" in said


def test_only_the_models_and_effects_of_the_run_are_compared(auc, table1):
    rows = tabulate(auc, table1, ["openl3", "panns"], ["gain", "bitcrush"])
    assert {(row["model"], row["effect"]) for row in rows} == set(
        itertools.product(["openl3", "panns"], ["gain", "bitcrush"])
    )
    assert {row["model"] for row in rows if row["quantity"] == "roc_auc"} == {"panns"}


@pytest.mark.parametrize(
    ("number", "effect", "level"),
    [
        ("1735.498", "lowpass", "1735.498"),
        ("1735.5", "lowpass", "1735.498"),
        ("1700", "lowpass", None),
        ("22500.0", "lowpass", None),
        ("18333", "lowpass", "18333.333"),
        ("-38.5", "gain", "-38.5"),
        ("-38", "gain", None),
        ("0.01", "reverb", "0.01"),
        ("0.0", "reverb", None),
        ("0.040000000000000001", "reverb", "0.04"),
        ("0.025", "reverb", None),
    ],
)
def test_levels_are_joined_as_numbers(number, effect, level):
    assert paper.nearest_level(number, GRIDS[effect]) == level
    assert paper.nearest_level(number, []) is None


@pytest.mark.parametrize("effect", GRIDS)
def test_the_papers_grids(effect):
    assert GRIDS[effect] == paper.LEVELS[effect]


def test_two_numbers_for_one_cell_are_refused():
    point = paper.Point("panns", "gain", "organ", "none", "", True, "0.0", 0.9)
    other = point._replace(forwards=False)
    assert len(paper.compare_fig4([point, other], [], ["panns"], ["gain"])) == 1
    with pytest.raises(InputError, match="two numbers for panns, gain, organ, none"):
        paper.compare_fig4([point, other._replace(roc_auc=0.8)], [], ["panns"], ["gain"])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("model,effect\n", "the columns are"),
        (
            "model,effect,instrument,direction,method,threshold,parameter,roc_auc\n"
            "clap,gain,organ,train_both,none,,0.5,0.9\n",
            "direction 'train_both', expected train_original or train_effected",
        ),
    ],
)
def test_a_file_that_is_not_the_papers_is_refused(tmp_path, text, said):
    (tmp_path / "fig4_auc.csv").write_text(text)
    with pytest.raises(InputError, match=said):
        paper.read_fig4(tmp_path / "fig4_auc.csv")


def drawn(make, kind: str, *arguments):
    style = merge_style(KINDS[kind], {})
    with matplotlib.rc_context(rc_of(style)):
        figure = make(*arguments[:-1], style, *arguments[-1])
        FigureCanvasAgg(figure).draw()
    return figure


@pytest.mark.parametrize("models", [MODELS, ["panns"]])
def test_table1_draws_both_and_the_difference_in_deviations(auc, table1, models):
    rows = tabulate(auc, table1, models)
    figure = drawn(comparison_figures.plot_paper_table1, "paper_table1", [rows])
    check_texts(figure)
    values, differences = figure.axes
    shown = sorted(
        float(line.get_xdata()[0])
        for line in values.lines
        if len(line.get_xdata()) == 1 and line.get_marker() in "so"
    )
    means = [row for row in rows if row["quantity"] == "r2_mean"]
    assert shown == sorted(float(row[side]) for row in means for side in ("paper", "ours"))
    shown = [line.get_xdata()[0] for line in differences.lines if line.get_marker() == "o"]
    assert shown == pytest.approx([0.5] * len(means), abs=1e-6)


def test_table1_without_a_number_of_this_run_draws_the_papers(auc, table1):
    write_table(table1, "table1", [])
    rows = tabulate(auc, table1)
    figure = drawn(comparison_figures.plot_paper_table1, "paper_table1", [rows])
    assert not [line for line in figure.axes[1].lines if line.get_marker() == "o"]
    assert [line for line in figure.axes[0].lines if line.get_marker() == "s"]


@pytest.mark.parametrize("model", CASES)
def test_fig4_has_the_papers_points_and_this_runs_lines(auc, table1, model):
    effect, label = CASES[model]
    rows = [row for row in tabulate(auc, table1) if row["model"] == model and row["label"] == label]
    ours = [row for row in read_table(auc, "auc")
            if row["model"] == model and row["label"] == label]  # fmt: skip
    axis = EffectAxis.of(effect_params(effect, len(GRIDS[effect])))
    figure = drawn(
        lambda style, *tables: comparison_figures.plot_paper_auc(
            label, model, axis, style, *tables
        ),
        "paper_auc",
        [rows, ours],
    )
    check_texts(figure)
    for index, panel in enumerate(figure.axes):
        forwards = index % 2 == 0
        symbols = [line for line in panel.lines if line.get_linestyle() == "None"]
        lines = [line for line in panel.lines if line.get_linestyle() == "-"]
        assert len(symbols) == len(lines) == 4
        end = ("train", "test")[not forwards]
        expected = sorted(
            float(row["paper"]) for row in rows
            if row[end] == "original"
            and (row["method"], row["threshold"]) in comparison_figures.FIG4_METHODS[index // 2]
        )  # fmt: skip
        assert sorted(y for line in symbols for y in line.get_ydata()) == expected
        # This run's curves are whole, with the point without the effect.
        assert {len(line.get_xdata()) for line in lines} == {len(GRIDS[effect]) + 1}
        for line in lines:
            x = paper.NEUTRAL[effect]
            assert x in line.get_xdata()
            assert panel.get_xlim()[0] < x < panel.get_xlim()[1]


def test_the_scripts_write_both_formats(auc, table1):
    tabulate(auc, table1)
    folder = auc.parent
    given = {"comparison": folder / "paper_comparison.csv", "auc": auc}
    job = mock_snakemake(
        "draw_paper_table1",
        input=given,
        output=[folder / "table1.png", folder / "table1.pdf"],
        params={"style": KINDS["paper_table1"].defaults},
    )
    draw_paper_table1.main(job)
    job = mock_snakemake(
        "draw_paper_auc",
        {"model": "panns", "effect": "gain", "label": "organ"},
        input=given,
        output=[folder / "auc.png", folder / "auc.pdf"],
        params={"effect": effect_params("gain", 31), "style": KINDS["paper_auc"].defaults},
    )
    draw_paper_auc.main(job)
    for stem in ("table1", "auc"):
        assert (folder / f"{stem}.png").stat().st_size > 5000
        assert b"/FontFile2" in (folder / f"{stem}.pdf").read_bytes()


def test_thresholds_are_joined_as_numbers():
    point = paper.Point("panns", "gain", "organ", "samplewise_cca_svd", "0.3", True, "0.5", 0.9)
    row = dict(zip(AUC.columns, (*point[:4], "0.30", "original", "0.5", "0.8"), strict=False))
    (found,) = paper.compare_fig4([point], [row], ["panns"], ["gain"])
    assert found["ours"] == 0.8
    (found,) = paper.compare_fig4([point], [{**row, "threshold": "0.4"}], ["panns"], ["gain"])
    assert found["ours"] is None
