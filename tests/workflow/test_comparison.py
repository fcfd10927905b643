"""Two finished experiments side by side, and the paper's numbers beside none but its own run."""

import csv
import json
import os

import pytest

from support.project import copy_finished

MADE = ("global_r2.csv", "table1.csv", "auc.csv", "summary.csv", "provenance.json")
DRAWN = ("r2.pdf", "r2.png", "auc.pdf", "auc.png")
TARGETS = [f"results/comparisons/tiny/tiny_clean/{name}" for name in MADE + DRAWN]


def read(path) -> list[dict[str, str]]:
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def both(finished, tmp_path_factory):
    """The finished run, and beside it the cheapest of its models under the clean protocol."""
    project = copy_finished(finished, tmp_path_factory.mktemp("both") / "project")
    config = project.read_config()
    clean = {
        **config,
        "experiment": "tiny_clean",
        "protocol": {"reverb_state": "reset", "audio": "float32", "clap_input": "mono"},
        "models": {"logmel": {}},
    }
    project.write_config(clean)
    tables = ("auc.csv", "global_r2.csv", "provenance.json")
    project.run(*(f"results/tiny_clean/tables/{name}" for name in tables))
    project.write_config(config)
    project.run(*TARGETS)
    return project


@pytest.mark.more
def test_every_file_is_made(both):
    assert all(both.path(target).stat().st_size > 0 for target in TARGETS)


@pytest.mark.more
@pytest.mark.parametrize(
    ("table", "n_keys", "columns"),
    [("global_r2", 3, ("r2", "r2_test")), ("table1", 2, ("mean", "mean_test")),
     ("auc", 7, ("roc_auc",))],
)  # fmt: skip
def test_the_tables_have_both_sides_and_their_difference(both, table, n_keys, columns):
    sides = [
        {tuple(list(row.values())[:n_keys]): row for row in rows}
        for rows in (
            read(both.path(f"results/{experiment}/tables/{table}.csv"))
            for experiment in ("tiny", "tiny_clean")
        )
    ]
    rows = read(both.path(f"results/comparisons/tiny/tiny_clean/{table}.csv"))
    assert {tuple(list(row.values())[:n_keys]) for row in rows} == set(sides[0]) | set(sides[1])
    assert len(rows) == len(sides[0])  # the clean one has a model of three
    for row in rows:
        key = tuple(list(row.values())[:n_keys])
        for column in columns:
            a, b = (side.get(key, {}).get(column, "") for side in sides)
            assert (row[f"{column}_a"], row[f"{column}_b"]) == (a, b)
            expected = repr(float(b) - float(a)) if a and b else ""
            assert row[f"{column}_difference"] == expected


@pytest.mark.more
def test_the_summary_counts_what_one_experiment_lacks(both):
    tables = {
        name: read(both.path(f"results/tiny/tables/{name}.csv")) for name in ("global_r2", "auc")
    }
    rows = read(both.path("results/comparisons/tiny/tiny_clean/summary.csv"))
    assert len(rows) == 3 * 2 * 3
    for row in rows:
        table = tables["auc" if row["quantity"] == "roc_auc" else "global_r2"]
        where = (row["model"], row["effect"])
        n = sum((cell["model"], cell["effect"]) == where for cell in table)
        in_both = row["model"] == "logmel"
        assert int(row["n_compared"]) + int(row["n_saturated"]) == (n if in_both else 0)
        assert int(row["n_only_a"]) == (0 if in_both else n)
        assert row["n_only_b"] == "0"


@pytest.mark.more
def test_provenance_names_what_differs(both):
    text = both.path("results/comparisons/tiny/tiny_clean/provenance.json").read_text()
    differing = json.loads(text)["differing"]
    assert differing["protocol.audio"] == [["pcm16"], ["float32"]]
    assert differing["protocol.reverb_state"] == [["carried"], ["reset"]]
    assert "data_sha256" not in differing


@pytest.mark.more
def test_a_comparison_computes_nothing_of_the_experiments(both):
    """Not even where the config's own experiment would have something to redo."""
    assert both.planned(*TARGETS) == {}
    clip = next(both.path("results/tiny/clips").glob("*.wav"))
    before = clip.stat()
    os.utime(clip)
    try:
        assert both.planned(*TARGETS) == {}
    finally:
        os.utime(clip, ns=(before.st_atime_ns, before.st_mtime_ns))
    table = both.path("results/tiny_clean/tables/auc.csv")
    table.write_text(table.read_text(encoding="utf-8"), encoding="utf-8")
    assert set(both.planned(*TARGETS)) <= {"compare_experiments", "draw_comparison"}


@pytest.mark.parametrize(
    ("target", "said"),
    [
        (
            "results/comparisons/tiny/never_run/summary.csv",
            "error: results/never_run/tables/global_r2.csv: not there yet: run experiment",
        ),
        ("results/comparisons/tiny/tiny/r2.png", "error: tiny against itself: name two"),
        (
            "results/tiny/tables/paper_comparison.csv",
            "error: this run cannot be compared with the paper: data.source is demo",
        ),
        (
            "results/tiny/figures/paper_table1.png",
            "error: this run cannot be compared with the paper",
        ),
    ],
)
def test_what_cannot_be_compared_is_said_in_one_line(finished, target, said):
    done = finished.snakemake(target, "--dry-run")
    assert done.returncode != 0
    assert [line for line in (done.stdout + done.stderr).splitlines() if line.startswith(said)]
    assert "Traceback" not in done.stdout + done.stderr


def test_another_run_than_the_papers_has_no_comparison_with_it(finished):
    assert not list(finished.path("results/tiny").rglob("*paper*"))
