"""Table I, from the rows of its sources as text."""

import pytest

from embedding_sensitivity.measures.global_r2 import summarise_r2

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
