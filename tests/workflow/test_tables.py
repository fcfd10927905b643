"""The tables' columns are those of the specification, and the results' README says so too."""

import re
from pathlib import Path

import pytest

from sensitivity import tables

ROOT = Path(__file__).resolve().parents[2]
SPECIFIED = {
    "global_r2": "model, effect, label, r2, r2_test, saturated, r2_null_mean, r2_null_high, "
    "r2_low, r2_high, r2_heldout_levels, n_clips, n_levels",
    "table1": "model, effect, mean, std, mean_test, std_test, n_labels",
    "samplewise_r2": "model, effect, clip, label, r2, n_distinct_points, r2_heldout_levels",
    "spectra": "model, effect, label, index, directions, originals",
    "n_directions": "model, effect, label, threshold, n_directions",
    "auc": "model, effect, label, method, threshold, train, test, roc_auc, best_c, n_tied_c, "
    "n_train, n_test",
}


@pytest.mark.parametrize("table", SPECIFIED)
def test_columns_are_as_specified_and_documented(table):
    assert ", ".join(tables.COLUMNS[table]) == SPECIFIED[table]
    readme = (ROOT / "results" / "README.md").read_text(encoding="utf-8")
    assert re.search(rf"^\| {table} \| (.*) \|$", readme, re.M)[1] == SPECIFIED[table]


def test_rows_are_sorted_by_number_and_written_in_full(tmp_path):
    rows = [
        {"model": "b", "effect": "gain", "label": "x", "index": index, "directions": value}
        for index, value in ((10, 0.1), (9, 1 / 3), (2, None))
    ]
    tables.write_table(tmp_path / "spectra.csv", "spectra", rows)
    text = (tmp_path / "spectra.csv").read_text(encoding="utf-8")
    assert text.splitlines()[1:] == ["b,gain,x,2,,", f"b,gain,x,9,{1 / 3!r},", "b,gain,x,10,0.1,"]
    tables.write_table(tmp_path / "again.csv", "spectra", reversed(rows))
    assert (tmp_path / "again.csv").read_bytes() == (tmp_path / "spectra.csv").read_bytes()


def test_table1_is_mean_and_deviation_over_labels():
    rows = [
        {"model": "m", "effect": "e", "r2": r2, "r2_test": test}
        for r2, test in (("0.5", "0.25"), ("0.7", ""), ("0.9", "0.75"))
    ]
    (summary,) = tables.summarise_r2(rows)
    assert summary["mean"] == pytest.approx(0.7) and summary["std"] == pytest.approx(0.2)
    assert summary["mean_test"] == 0.5 and summary["std_test"] == pytest.approx(0.5 / 2**0.5)
    assert summary["n_labels"] == 3
