"""What is said at the end of a run, from tables whose largest effects are known."""

import shlex

import pytest

from embedding_sensitivity.experiment.closing import closing_lines, find_largest_effects
from embedding_sensitivity.experiment.tables import find_table, write_table


def write(folder, table, *rows):
    """A table of rows that have the columns named, and nothing in the others."""
    empty = dict.fromkeys(find_table(table).columns)
    write_table(folder / f"{table}.csv", table, [{**empty, **row} for row in rows])


def moved(model, level, label, relative, effect="gain"):
    keys = {"model": model, "effect": effect, "level": level, "label": label}
    return {**keys, "relative": relative}


def area(model, test, roc_auc, method="none", train="original", label="cello"):
    keys = {"model": model, "effect": "gain", "label": label, "method": method}
    return {**keys, "train": train, "test": test, "roc_auc": roc_auc}


@pytest.fixture
def tables(tmp_path):
    folder = tmp_path / "tables"
    folder.mkdir()
    write(
        folder,
        "displacement",
        moved("musicnn", "-20.0", "flute", 1.5),
        moved("musicnn", "-20.0", "cello", 1.5),  # the first of equal ones is named
        moved("musicnn", "5.0", "cello", None),
        moved("logmel", "5.0", "cello", 9.0),  # a control
    )
    write(
        folder,
        "auc",
        area("musicnn", "original", 0.95),
        area("musicnn", "-20.0", 0.70),
        area("musicnn", "5.0", 0.90),
        area("musicnn", "original", 0.99, method="lda"),
        area("musicnn", "-20.0", 0.10, method="lda"),
        area("musicnn", "-20.0", 0.20, train="-20.0"),
        area("musicnn", "original", 0.60, label="flute"),
        area("musicnn", "-20.0", 0.55, label="flute"),
    )
    write(
        folder,
        "regularised",
        {"model": "musicnn", "effect": "gain", "label": "cello", "rho_ridge": -0.95},
        {"model": "musicnn", "effect": "gain", "label": "flute", "rho_ridge": 0.9},
        {"model": "musicnn", "effect": "gain", "label": "violin", "rho_ridge": None},
    )
    return folder


def test_the_three_largest_effects_name_their_rows(tables):
    assert find_largest_effects(tables, ["logmel"], {"gain": "dB"}) == [
        "gain at -20.0 dB moves musicnn most: 1.5 times the distance between labels "
        "(displacement.csv: label cello)",
        "gain at -20.0 dB costs musicnn most: ROC AUC of cello falls from 0.950 to 0.700 "
        "(auc.csv: method none, train original, test -20.0)",
        "gain is read best from musicnn: correlation of test clips with its level 0.900 "
        "(regularised.csv: label flute)",
    ]


def test_verdicts_on_claims_are_counted_but_for_controls(tables):
    verdicts = {("musicnn", "gain"): "supported", ("musicnn", "reverb"): "cannot tell",
                ("logmel", "gain"): "not supported"}  # fmt: skip
    rows = [
        {"model": model, "effect": effect, "claim": claim, "verdict": verdict}
        for (model, effect), verdict in verdicts.items()
        for claim in ("a", "b")
    ]
    write(tables, "claims", *rows)
    *_, line = find_largest_effects(tables, ["logmel"], {})
    assert line == (
        "the paper's claims, supported / not supported / cannot tell, of 2 models and effects: "
        "a 1/0/1, b 1/0/1 (claims.csv)"
    )
    assert len(closing_lines(str(tables.parent), "logs/x", "my.yaml", ["logmel"])) <= 9


def test_of_controls_alone_the_largest_is_theirs(tables):
    write(tables, "displacement", moved("logmel", "5.0", "cello", 9.0))
    assert "moves logmel most: 9 times" in find_largest_effects(tables, ["logmel"], {})[0]


def test_what_has_no_number_or_no_table_is_left_out(tables):
    write(tables, "displacement", moved("musicnn", "5.0", "cello", None))
    (tables / "auc.csv").unlink()
    (line,) = find_largest_effects(tables, ["logmel"], {})
    assert line.startswith("gain is read best")


def test_of_a_table_that_cannot_be_read_the_reason_is_said(tables):
    (tables / "auc.csv").write_text("model\nmusicnn\n", encoding="utf-8")
    assert "auc.csv: " in find_largest_effects(tables, ["logmel"], {})[1]


def test_an_area_that_never_falls_is_no_drop(tables):
    write(tables, "auc", area("musicnn", "original", 0.9), area("musicnn", "5.0", 0.9))
    assert not any("costs" in line for line in find_largest_effects(tables, ["logmel"], {}))


def test_the_closing_lines_say_where_things_are_in_eleven_lines_at_most(tables):
    results = tables.parent
    (results / "figures").mkdir()
    (results / "figures" / "auc_musicnn_gain.png").touch()
    lines = closing_lines(str(results), "logs/x", "my.yaml")
    assert len(lines) <= 9  # two are the screen's own
    assert lines[0] == f"figures  {results}/figures/ (1, each as PDF and PNG)"
    assert lines[1] == f"report   snakemake --configfile my.yaml --report {results}/report.html"
    # As a shell takes it.
    given = shlex.split(closing_lines(str(results), "logs/x", "my $x [1] 'a'.yaml")[1])
    assert given[3] == "my $x [1] 'a'.yaml"
    assert lines[2].startswith(f"tables   {results}/tables/ (3")
    assert lines[-1].startswith("logs     logs/x/")
    (results / "explorer.html").touch()
    lines = closing_lines(str(results), "logs/x", "my.yaml")
    assert lines[-1] == f"answers  {results}/explorer.html (open it in a browser)"


def test_of_a_run_that_made_neither_tables_nor_figures_the_logs_are_named(tmp_path):
    assert len(closing_lines(str(tmp_path), "logs/x", "my.yaml")) == 1
