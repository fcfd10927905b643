"""Two experiments side by side: the joined tables, their summary, and the figures of both."""

import itertools
import json

import matplotlib
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from test_figures import IRMAS, as_read, check_texts

import compare_experiments
import draw_comparison
from embedding_sensitivity.analysis import comparison
from embedding_sensitivity.experiment.tables import read_table, write_table
from embedding_sensitivity.figures.comparison import plot_comparison_auc, plot_comparison_r2
from embedding_sensitivity.figures.style import rc_of
from embedding_sensitivity.files.errors import InputError
from support import mock_snakemake

LEVELS = {
    "gain": ["-40.0", "-20.0", "5.0"],
    "lowpass": ["1600.000", "5000.000", "18333.333"],
    "reverb": ["0.01", "0.50", "1.00"],
    "bitcrush": ["4", "8", "15"],
}


def r2_row(model, effect, label, r2, r2_test, saturated=False) -> dict:
    return {
        "model": model, "effect": effect, "label": label, "r2": r2, "r2_test": r2_test,
        "saturated": saturated,
    }  # fmt: skip


def auc_row(model, effect, label, train, test, roc_auc, method="none") -> dict:
    return {
        "model": model, "effect": effect, "label": label, "method": method, "threshold": None,
        "train": train, "test": test, "roc_auc": roc_auc,
    }  # fmt: skip


def joined(table, first, second) -> list[dict]:
    return comparison.join(table, as_read(first), as_read(second))


def test_a_row_of_one_experiment_alone_stays():
    rows = joined(
        "global_r2",
        [r2_row("m", "gain", "cello", 0.5, None), r2_row("m", "gain", "flute", 0.25, 0.75)],
        [r2_row("m", "gain", "violin", 0.9, 0.1), r2_row("m", "gain", "flute", 0.5, 0.25, True)],
    )
    cells = {row.pop("label"): row for row in rows}
    assert list(cells) == ["cello", "flute", "violin"]
    assert cells["flute"] == {
        "model": "m", "effect": "gain", "r2_a": 0.25, "r2_b": 0.5, "r2_difference": 0.25,
        "r2_test_a": 0.75, "r2_test_b": 0.25, "r2_test_difference": -0.5,
        "saturated_a": "0", "saturated_b": "1",
    }  # fmt: skip
    for label, side, other in (("cello", "a", "b"), ("violin", "b", "a")):
        row = cells[label]
        assert row[f"r2_{side}"] is not None
        assert row[f"r2_{other}"] is row["r2_difference"] is row[f"saturated_{other}"] is None


def test_levels_keep_their_own_rows():
    first = [auc_row("m", "gain", "cello", "original", "5.0", 0.5)]
    second = [auc_row("m", "gain", "cello", "5.0", "original", 0.75)]
    assert [row["roc_auc_difference"] for row in joined("auc", first, second)] == [None, None]
    (row,) = joined("auc", first, [{**first[0], "roc_auc": 0.75}])
    assert row["roc_auc_difference"] == 0.25


def test_the_summary_says_how_far_and_of_how_many():
    r2 = joined(
        "global_r2",
        [
            r2_row("m", "gain", "cello", 0.5, 0.5),
            r2_row("m", "gain", "flute", 0.5, 0.5),
            r2_row("m", "gain", "violin", 1.0, 0.25, True),
            r2_row("m", "gain", "organ", 0.5, 0.5),
        ],
        [
            r2_row("m", "gain", "cello", 0.75, 0.5),
            r2_row("m", "gain", "flute", 0.0, 0.25),
            r2_row("m", "gain", "violin", 0.25, None),
        ],
    )
    auc = joined(
        "auc",
        [auc_row("m", "gain", "cello", "original", level, 0.5) for level in ("5.0", "6.0")],
        [auc_row("m", "gain", "cello", "original", level, 0.75) for level in ("5.0", "7.0", "8.0")],
    )
    rows = {row["quantity"]: row for row in comparison.summarise(r2, auc)}
    for quantity, expected in {
        # The saturated fit, 1 by identity, moves nothing.
        "r2": (2, 1, 0, 1, (0.25 - 0.5) / 2, (0.25 + 0.5) / 2, 0.5),
        "r2_test": (2, 2, 0, 0, -0.125, 0.125, 0.25),
        "roc_auc": (1, 1, 2, 0, 0.25, 0.25, 0.25),
    }.items():
        row = rows[quantity]
        assert (row.pop("model"), row.pop("effect"), row.pop("quantity")) == ("m", "gain", quantity)
        assert tuple(row.values()) == expected, quantity


def store(effect: str, audio: str, data: str = "1f", **more) -> dict:
    return {
        "model": "m", "effect": effect, "protocol": {"audio": audio, **more},
        "data_sha256": data, "config_sha256": audio,
    }  # fmt: skip


def test_what_differs_is_named():
    first = [store("gain", "pcm16"), store("reverb", "pcm16", reverb_state="carried")]
    second = [store("gain", "float32"), store("reverb", "float32", reverb_state="reset")]
    found = comparison.list_differences(first, second)
    assert found == {
        "protocol.audio": [["pcm16"], ["float32"]],
        "protocol.reverb_state": [["carried"], ["reset"]],
    }
    words = comparison.describe_differences(found)
    assert words == "audio pcm16 to float32; reverb_state carried to reset"
    assert comparison.list_differences(first, first) == {}
    assert comparison.describe_differences({}) == "same protocol and clips"
    other = [{**entry, "data_sha256": "2e"} for entry in first]
    assert (
        comparison.describe_differences(comparison.list_differences(first, other)) == "other clips"
    )
    assert comparison.list_differences(first, [store("gain", "pcm16")]) == {}
    with pytest.raises(InputError, match="no model and effect is in both experiments"):
        comparison.list_differences(first, [store("bitcrush", "pcm16")])


def write_experiment(folder, audio: str, data: str, shift: float) -> dict:
    """Tables of an experiment with two models, four effects and two labels."""
    tables = folder / "results" / audio / "tables"
    r2, table1, auc = [], [], []
    for model, (effect, levels) in itertools.product(("musicnn", "logmel"), LEVELS.items()):
        table1.append({"model": model, "effect": effect, "mean": 0.5 + shift, "std": 0.25})
        for index, label in enumerate(IRMAS[:2]):
            r2.append(r2_row(model, effect, label, 0.5 + shift, 0.25 + index / 4 + shift))
            cells = [("original", "original")]
            for level in levels:
                cells += [("original", level), (level, "original"), (level, level)]
            for number, cell in enumerate(cells):
                value = 0.5 + 0.01 * number + shift * (index + 1)
                auc.append(auc_row(model, effect, label, *cell, value))
                auc.append(auc_row(model, effect, label, *cell, 0.1, method="lda"))
    write_table(tables / "global_r2.csv", "global_r2", r2)
    write_table(tables / "table1.csv", "table1", table1)
    write_table(tables / "auc.csv", "auc", auc)
    stores = [store(effect, audio, data) for effect in LEVELS]
    (tables / "provenance.json").write_text(json.dumps(stores))


def compare(folder, monkeypatch, data: str = "1f") -> dict:
    """Both scripts as Snakemake would run them; returns the paths they made by their keys."""
    write_experiment(folder, "pcm16", "1f", 0.0)
    write_experiment(folder, "float32", data, 0.0625)
    monkeypatch.chdir(folder)
    both = comparison.tables_of_both("pcm16", "float32")
    names = {"a": "pcm16", "b": "float32"}
    files = {name: folder / f"{name}.csv" for name in ("global_r2", "table1", "auc", "summary")} | {
        "provenance": folder / "provenance.json"
    }
    given = {table: [tables[table] for tables in both] for table in both[0]}
    job = mock_snakemake("compare_experiments", names, input=given, output=files)
    compare_experiments.main(job)
    figures = {stem: [folder / f"{stem}.png", folder / f"{stem}.pdf"] for stem in ("r2", "auc")}
    draw_comparison.main(mock_snakemake("draw_comparison", names, input=files, output=figures))
    return files | {"figures": figures}


def test_the_scripts_write_tables_and_figures(tmp_path, monkeypatch, capsys):
    made = compare(tmp_path, monkeypatch)
    assert "pcm16 against float32: audio pcm16 to float32" in capsys.readouterr().err
    rows = read_table(made["global_r2"], "comparison_global_r2")
    assert {row["r2_difference"] for row in rows} == {"0.0625"}
    assert len(rows) == 2 * 4 * 2
    rows = read_table(made["table1"], "comparison_table1")
    assert {(row["mean_difference"], row["std_difference"]) for row in rows} == {("0.0625", "0.0")}
    rows = read_table(made["summary"], "comparison_summary")
    found = {row["quantity"]: row["largest_absolute_difference"] for row in rows}
    assert {key: round(float(value), 12) for key, value in found.items()} == {
        "r2": 0.0625, "r2_test": 0.0625, "roc_auc": 0.125,
    }  # fmt: skip
    found = json.loads(made["provenance"].read_text())
    assert (found["a"], found["b"]) == ("pcm16", "float32")
    assert list(found["differing"]) == ["protocol.audio"]
    assert [len(stores) for stores in found["stores"]] == [4, 4]
    for paths in made["figures"].values():
        assert paths[0].stat().st_size > 5000
        assert b"/FontFile2" in paths[1].read_bytes()


def test_other_clips_are_warned_of(tmp_path, monkeypatch, capsys):
    compare(tmp_path, monkeypatch, data="2e")
    assert "WARNING pcm16 and float32 have different clips" in capsys.readouterr().err


def test_an_experiment_without_tables_is_named(tmp_path, monkeypatch):
    write_experiment(tmp_path, "pcm16", "1f", 0.0)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        InputError,
        match=r"results/clean/tables/global_r2\.csv: not there yet: run experiment clean",
    ):
        comparison.tables_of_both("pcm16", "clean")
    with pytest.raises(InputError, match="pcm16 against itself"):
        comparison.tables_of_both("pcm16", "pcm16")


def drawn(make, *arguments):
    with matplotlib.rc_context(rc_of({"font_size": 7.0})):
        figure = make(*arguments)
        FigureCanvasAgg(figure).draw()
    return figure


MODELS = ["clap", "clap-untrained", "openl3", "openl3-untrained", "panns", "panns-untrained"]
WORDS = "audio pcm16 to float32; clap_input concatenated to mono; reverb_state carried to reset"


@pytest.mark.parametrize(
    ("models", "effects"),
    [
        (MODELS, list(LEVELS)),
        (["logmel"], ["gain"]),
        (["a_model_of_a_long_name"], list(LEVELS)[:2]),
    ],
)
def test_figures_of_any_size_can_be_read(models, effects):
    cells = list(itertools.product(models, effects, IRMAS))
    r2 = [
        joined("global_r2", [r2_row(*cell, 0.9 + 0.01 * n % 0.1, 0.5)],
               [r2_row(*cell, 0.95, 0.5 + 0.001 * n % 0.4)])
        for n, cell in enumerate(cells)
    ]  # fmt: skip
    rows = as_read(itertools.chain(*r2))
    figure = drawn(plot_comparison_r2, ("paper", "paper_clean"), WORDS, rows)
    check_texts(figure)
    assert len(figure.axes) == 2 * len(effects)
    for panel in figure.axes:
        assert sum(line.get_marker() != "None" for line in panel.lines) == len(models) * len(IRMAS)
    auc = []
    for model, effect, label in cells:
        for level in LEVELS[effect]:
            for cell in (("original", level), (level, "original")):
                auc += joined("auc", [auc_row(model, effect, label, *cell, 0.9)],
                              [auc_row(model, effect, label, *cell, 0.9004)])  # fmt: skip
    figure = drawn(plot_comparison_auc, ("paper", "paper_clean"), WORDS, as_read(auc))
    check_texts(figure)
    assert WORDS in " ".join(text.get_text() for text in figure.texts)
    assert len(figure.axes) == len(models) * len(effects)


def test_a_point_is_at_its_r2_in_a_and_its_move():
    rows = as_read(
        joined("global_r2", [r2_row("m", "gain", "cello", 0.25, 0.5)],
               [r2_row("m", "gain", "cello", 0.75, 0.375)])
    )  # fmt: skip
    training, test = drawn(plot_comparison_r2, ("a", "b"), "", rows).axes
    for panel, point in ((training, (0.25, 0.5)), (test, (0.5, -0.125))):
        (found,) = [line for line in panel.lines if line.get_marker() == "o"]
        assert (found.get_xdata()[0], found.get_ydata()[0]) == point
    assert (test.get_xlabel(), test.get_ylabel()) == ("R² in a", "R², b - a")


def test_saturated_fits_are_not_drawn():
    rows = as_read(
        joined("global_r2", [r2_row("m", "gain", "cello", 1.0, 0.5, True)],
               [r2_row("m", "gain", "cello", 0.9, 0.75)])
    )  # fmt: skip
    training, test = drawn(plot_comparison_r2, ("a", "b"), "", rows).axes
    assert not training.lines
    assert "saturated" in training.texts[0].get_text()
    assert len(test.lines) == 2


@pytest.mark.parametrize("effect", ["gain", "tape"])  # and one of a user's own
def test_auc_moves_are_means_over_labels_by_level_and_direction(effect):
    moves = {"cello": 0.125, "flute": 0.375}
    first, second = [], []
    for label, move in moves.items():
        for sign, cell in (
            (1, ("original", "-40.0")), (2, ("original", "5.0")), (-1, ("-40.0", "original")),
            (-2, ("5.0", "original")), (0.5, ("original", "original")), (9, ("5.0", "5.0")),
        ):  # fmt: skip
            first.append(auc_row("m", effect, label, *cell, 0.5))
            second.append(auc_row("m", effect, label, *cell, 0.5 + sign * move))
            first.append(auc_row("m", effect, label, *cell, 0.5, method="lda"))
            second.append(auc_row("m", effect, label, *cell, 0.9, method="lda"))
    (panel,) = drawn(
        plot_comparison_auc, ("a", "b"), "", as_read(joined("auc", first, second))
    ).axes
    lines = {line.get_linestyle(): line for line in panel.lines if line.get_color() != "#BBBBBB"}
    for dashes, sign in (("-", 1), ("--", -1)):
        assert list(lines[dashes].get_xdata()) == [-40.0, 5.0]
        assert list(lines[dashes].get_ydata()) == pytest.approx([sign * 0.25, sign * 0.5])
    assert set(lines[":"].get_ydata()) == {0.125}
    band = panel.collections[0].get_paths()[0].vertices
    assert {round(y, 9) for x, y in band if x == -40.0} == {0.125, 0.375}
