"""Table I, from the rows of its sources as text."""

import numpy as np
import pytest

from embedding_sensitivity.analysis.correlation import global_rho
from embedding_sensitivity.analysis.intervals import left_out
from embedding_sensitivity.measures.global_r2 import compare_with_untrained, summarise_r2

MEANS = {"model": "m", "effect": "e", "mean_rho_ridge": "0.9", "p_recording": "0.01"}


def summarise(labels, **means):
    (summary,) = summarise_r2({"global_r2": labels, "r2_means": [MEANS | means]})
    return summary


def row(r2="", r2_test="", null="", null_high="", heldout="", saturated="0"):
    return {
        "model": "m", "effect": "e", "r2": r2, "r2_test": r2_test, "r2_null_mean": null,
        "r2_null_high": null_high, "r2_heldout_levels": heldout, "saturated": saturated,
    }  # fmt: skip


def test_table1_is_mean_and_deviation_over_labels():
    rows = [
        row(r2, test, null=null, null_high="0.6", heldout=heldout)
        for r2, test, null, heldout in (
            ("0.5", "0.25", "0.25", ""),
            ("0.7", "", "0.5", "0.5"),
            ("0.9", "0.75", "0.75", "0.25"),
        )
    ]
    summary = summarise(rows, mean_test_low="0.1")
    assert summary["mean"] == pytest.approx(0.7) and summary["std"] == pytest.approx(0.2)
    assert summary["mean_test"] == 0.5 and summary["std_test"] == pytest.approx(0.5 / 2**0.5)
    assert summary["n_labels"] == 3
    assert summary["mean_null"] == 0.5 and summary["n_above_null"] == 2
    assert summary["mean_heldout_levels"] == 0.375
    assert summary["mean_rho_ridge"] == "0.9" and summary["mean_test_low"] == "0.1"


def test_labels_above_the_null_are_counted_where_they_can_be():
    """A saturated fit is 1 by identity, as its null is: neither above it nor below."""
    saturated = row("1.0", null="1.0", null_high="1.0", saturated="1")
    assert summarise([saturated] * 3)["n_above_null"] is None
    summary = summarise([saturated, row("0.9", null="0.2", null_high="0.3")])
    assert summary["n_above_null"] == 1 and summary["n_labels"] == 2


def test_p_values_are_adjusted_over_the_cells_of_the_table():
    p = {"a": "0.01", "b": "0.02", "c": ""}
    rows = {
        "global_r2": [row() | {"model": model} for model in p],
        "r2_means": [MEANS | {"model": m, "p_recording": v, "p_common": v} for m, v in p.items()],
    }
    found = {each["model"]: each.get("p_recording_adjusted") for each in summarise_r2(rows)}
    assert found == {"a": 0.02, "b": 0.02, "c": None}


def tables_of(projections, groups, model, label):
    """Rows of regularised and left_out of projections (P, n) on the direction."""
    key = {"model": model, "effect": "e", "label": label}
    left = [global_rho(projections[:, rest]) for rest in left_out(groups)]
    rows = [
        {**key, "group": group, "rho_ridge": repr(float(rho))}
        for group, rho in zip(sorted(set(groups)), left, strict=True)
    ]
    return {**key, "rho_ridge": repr(float(global_rho(projections)))}, rows


def compare(rng, advantage, shared, n_labels=3, n_groups=8):
    """The comparison of two models that read the level with noise of which they share a part."""
    tables = {"regularised": [], "left_out": []}
    level = np.linspace(0, 1, 6)[:, None]
    for label in map(str, range(n_labels)):
        groups = np.repeat([f"{label} r{n}" for n in range(n_groups)], 2)
        common = rng.normal(size=(1, n_groups))[:, np.repeat(np.arange(n_groups), 2)]
        for model, slope in (("m", 1 + advantage), ("m-untrained", 1)):
            own = rng.normal(size=(1, n_groups))[:, np.repeat(np.arange(n_groups), 2)]
            noise = shared**0.5 * common + (1 - shared) ** 0.5 * own
            points = slope * level + 0.4 * noise + 0.1 * rng.normal(size=(6, len(groups)))
            whole, left = tables_of(points, groups, model, label)
            tables["regularised"].append(whole)
            tables["left_out"] += left
    (row,) = compare_with_untrained(tables)
    return row


def test_a_model_is_compared_with_its_untrained_control_on_the_same_recordings():
    row = compare(np.random.default_rng(0), advantage=2.0, shared=0.9)
    assert (row["model"], row["n_labels"], row["n_groups"]) == ("m", 3, 24)
    assert row["difference"] == pytest.approx(row["rho_ridge"] - row["rho_ridge_untrained"])
    assert 0 < row["difference_low"] < row["difference"] < row["difference_high"]
    assert row["p"] < 1e-3 and row["p_adjusted"] == row["p"]
    # What both share cancels: with nothing shared the interval is wider.
    wide = compare(np.random.default_rng(0), advantage=2.0, shared=0.0)
    width = [each["difference_high"] - each["difference_low"] for each in (row, wide)]
    assert width[0] < width[1]


@pytest.mark.parametrize("shared", [0.0, 0.8])
def test_models_that_are_alike_are_rarely_told_apart(shared):
    rng = np.random.default_rng(1)
    p = np.array([compare(rng, advantage=0.0, shared=shared)["p"] for _ in range(150)])
    assert 0.01 <= (p <= 0.05).mean() <= 0.1


def test_without_a_control_nothing_is_compared():
    whole, left = tables_of(np.arange(12.0).reshape(6, 2), ["a", "b"], "m", "x")
    assert compare_with_untrained({"regularised": [whole], "left_out": left}) == []
