"""The tables' columns are those of the specification, and the results' README says so too."""

import importlib.util
import re
from pathlib import Path

import pytest
from jinja2 import Environment

from embedding_sensitivity.experiment import tables
from embedding_sensitivity.files.errors import InputError

ROOT = Path(__file__).resolve().parents[2]
SPECIFIED = {
    "global_r2": "model, effect, label, r2, r2_test, saturated, r2_null_mean, r2_null_high, "
    "r2_low, r2_high, r2_heldout_levels, n_clips, n_levels",
    "table1": "model, effect, mean, std, mean_test, std_test, n_labels",
    "dimensionality": "model, effect, label, participation_ratio, n_directions_90, "
    "mean_displacement_share",
    "principal_angles": "model, effect, label_a, label_b, angle_deg",
    "samplewise_r2": "model, effect, clip, label, r2, n_distinct_points, r2_heldout_levels",
    "spectra": "model, effect, label, index, directions, originals",
    "claims": "model, effect, claim, statistic, value, low, high, null, verdict",
    "n_directions": "model, effect, label, threshold, n_directions",
    "auc": "model, effect, label, method, threshold, train, test, roc_auc, best_c, n_tied_c, "
    "n_train, n_test",
    "auc_gain": "model, effect, label, method, threshold, train, test, gain, low, high",
    "verdicts": "model, effect, method, threshold, helps, harms, neither, mean_gain",
    "displacement": "model, effect, level, label, cosine, euclidean, relative, frechet, cka",
    "dropped_clips": "clip, path, reason",
    "paper_comparison": "quantity, model, effect, label, method, threshold, train, test, paper, "
    "ours, difference",
}
# Further columns come after those of the specification.
ADDED = {
    "global_r2": "r2_test_low, r2_test_high, r2_test_null_high, n_groups, n_groups_test, "
    "r2_ceiling",
    "table1": "mean_null, n_above_null, mean_test_low, mean_test_high, mean_heldout_levels, "
    "mean_rho_ridge, rho_ridge_low, rho_ridge_high, mean_rho_within, rho_within_low, "
    "rho_within_high, mean_rho_across, p_recording, p_common, p_reversal, p_recording_adjusted, "
    "p_common_adjusted, p_reversal_adjusted",
    "principal_angles": "method, index",
    "dimensionality": "participation_ratio_own, energy_3, energy_3_low, energy_3_high, "
    "n_groups_test",
    "spectra": "directions_f, random",
    "auc": "low, high",
    "samplewise_r2": "rho_heldout_levels",
    "claims": "p_effect, p_effect_adjusted, n_labels",
    "auc_gain": "p, p_adjusted, n_groups, detectable_gain, responds",
    "verdicts": "train, test, untested, lowest_gain, highest_gain, detectable_gain",
    "displacement": "cosine_q05, cosine_q50, cosine_q95, euclidean_q05, euclidean_q50, "
    "euclidean_q95, relative_q05, relative_q50, relative_q95, n_clips, cka_debiased, kad",
    "paper_comparison": "paper_std, difference_in_std",
}


@pytest.mark.parametrize("table", SPECIFIED)
def test_columns_are_as_specified_and_documented(table):
    expected = ", ".join(filter(None, (SPECIFIED[table], ADDED.get(table))))
    assert ", ".join(tables.find_table(table).columns) == expected
    readme = (ROOT / "results" / "README.md").read_text(encoding="utf-8")
    assert re.search(rf"^\| {table} \| (.*) \|$", readme, re.M)[1] == expected


def test_rows_are_sorted_by_number_and_written_in_full(tmp_path):
    rows = [
        {"model": "b", "effect": "gain", "label": "x", "index": index, "directions": value}
        for index, value in ((10, 0.1), (9, 1 / 3), (2, None))
    ]
    tables.write_table(tmp_path / "spectra.csv", "spectra", rows)
    text = (tmp_path / "spectra.csv").read_text(encoding="utf-8")
    assert text.splitlines()[1:] == [
        "b,gain,x,2,,,,", f"b,gain,x,9,{1 / 3!r},,,", "b,gain,x,10,0.1,,,",
    ]  # fmt: skip
    tables.write_table(tmp_path / "again.csv", "spectra", reversed(rows))
    assert (tmp_path / "again.csv").read_bytes() == (tmp_path / "spectra.csv").read_bytes()


def test_columns_added_later_still_order_rows(tmp_path):
    rows = [
        {"model": "m", "label_a": "a", "label_b": "b", "angle_deg": angle, "method": method,
         "index": index}
        for method, index, angle in (("x", 10, 1.0), ("x", 9, 3.0), ("u", 0, 2.0))
    ]  # fmt: skip
    for order in (rows, rows[::-1]):
        tables.write_table(tmp_path / "angles.csv", "principal_angles", order)
        text = (tmp_path / "angles.csv").read_text(encoding="utf-8")
        assert text.splitlines()[1:] == ["m,,a,b,2.0,u,0", "m,,a,b,3.0,x,9", "m,,a,b,1.0,x,10"]


@pytest.mark.parametrize("lost", [1, 3, 9, 60])
def test_a_table_cut_short_is_refused(tmp_path, lost):
    path = tmp_path / "table1.csv"
    rows = [{"model": "logmel", "effect": name, "mean": 0.5} for name in ("gain", "reverb")]
    tables.write_table(path, "table1", rows)
    assert len(tables.read_table(path, "table1")) == 2
    path.write_bytes(path.read_bytes()[:-lost])
    with pytest.raises(InputError, match=r"table1\.csv: row [12] is not whole.* delete it"):
        tables.read_table(path, "table1")


def test_documents_are_what_the_declarations_say():
    specification = importlib.util.spec_from_file_location(
        "write_documents", ROOT / "tools" / "write_documents.py"
    )
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    for name in module.PARTS:
        written = (ROOT / name).read_text(encoding="utf-8")
        assert written == module.render(name), f"{name}: run `make schema`"


def test_captions_of_tables_say_what_is_amiss_of_recordings():
    captions = {path.name: path for path in (ROOT / "report").glob("*_csv.rst")}
    captions |= {name: ROOT / "report" / name for name in ("table.rst", "table1.rst")}
    del captions["dropped_clips_csv.rst"]  # no result
    said = Environment()
    for path in captions.values():
        template = said.from_string(path.read_text(encoding="utf-8"))
        for text in ("no recordings are named", ""):
            snakemake = {"config": {"run": {"recordings": text}}, "params": {"captions": []}}
            caption = template.render(snakemake=snakemake)
            assert ("**Recordings**: no recordings are named." in caption) == bool(text), path
