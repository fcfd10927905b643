"""Verdicts on the paper's claims, of simulated worlds that decide them in each direction."""

from dataclasses import replace

import matplotlib
import numpy as np
import pytest

from embedding_sensitivity.experiment.measures import PAPER_METHODS, load
from embedding_sensitivity.experiment.tables import format_value
from embedding_sensitivity.figures.claims import plot_claims
from embedding_sensitivity.figures.style import EffectAxis, rc_of
from embedding_sensitivity.measures.claims import CLAIMS, judge_claims
from support.calibration import fill_tables
from support.worlds import World, simulate

YES, NO, UNKNOWN = "supported", "not supported", "cannot tell"
DIRECTION, WITHIN, ORDER, DIMENSION, SHIFT, PROJECTION = (claim.name for claim in CLAIMS)
ONE_WAY = {DIRECTION: YES, WITHIN: YES, ORDER: YES, DIMENSION: NO, SHIFT: NO}
OWN_WAYS = {DIRECTION: NO, WITHIN: NO, ORDER: YES, DIMENSION: YES, SHIFT: YES}
# Of worlds whose noise is small: what each must say. What isn't named lies between the bounds.
EXPECTED = {
    "straight": ONE_WAY,
    "curved": ONE_WAY,
    "saturating": {DIMENSION: NO, SHIFT: NO},
    "own": OWN_WAYS,
    "rotation": OWN_WAYS,
    "walk": OWN_WAYS,
    "clusters": {DIRECTION: YES, WITHIN: YES, ORDER: NO, SHIFT: NO},
    "nothing": {DIRECTION: NO, WITHIN: NO, ORDER: NO, DIMENSION: UNKNOWN, SHIFT: UNKNOWN},
}
MEASURES = ("global_r2", "samplewise_r2", "dimensionality", "equivariance")
DEBIASING = {"methods": PAPER_METHODS, "thresholds": [0.3, 0.5], "solver": "exact"}


def as_text(rows, table, measure):
    """Rows as `derive` gets them, of the model m under the effect e."""
    (columns,) = (own.columns for own in load(measure).tables if own.name == table)
    rows = ({"model": "m", "effect": "e", **row} for row in rows)
    return [{column: format_value(row.get(column)) for column in columns} for row in rows]


def judge(data, measures=MEASURES):
    """The rows of table claims by claim, by the functions that fill the workflow's tables."""
    filled, _ = fill_tables(data, measures, recovery=DEBIASING)
    tables = {
        table.name: as_text(filled[table.name], table.name, measure)
        for measure in measures
        for table in load(measure).measured_tables()
    }
    summary = load("global_r2").function("summarise_r2")(tables)
    tables.setdefault("recovery_best", [])
    tables["table1"] = as_text(summary, "table1", "global_r2")
    return {row["claim"]: row for row in judge_claims(tables)}


def draw(kind, n_labels, training, test, seed=0, **world):
    rng = np.random.default_rng(seed)
    worlds = {
        f"l{index}": World(kind, strength=3.0, seed=int(rng.integers(2**32)), **world)
        for index in range(n_labels)
    }
    return simulate(worlds, training, test, rng)


@pytest.mark.parametrize("kind", EXPECTED)
def test_twelve_recordings_decide_a_clear_world(kind):
    for n_labels, n_training, n_test in ((3, 8, 4), (1, 12, 12)):
        found = judge(draw(kind, n_labels, (n_training, 2), (n_test, 2)))
        said = {claim: found[claim]["verdict"] for claim in EXPECTED[kind]}
        assert said == EXPECTED[kind], (n_labels, said, found)


@pytest.mark.parametrize(("kind", "expected"), [("straight", NO), ("rotation", YES)])
def test_twelve_recordings_decide_whether_projection_helps(kind, expected):
    """It does where clips go one way, if that blurs the labels; not where each goes its own."""
    data = draw(kind, 3, (12, 2), (12, 2), dimension=24)
    row = judge(data, (*MEASURES, "recovery"))[PROJECTION]
    assert row["verdict"] == expected, row


@pytest.mark.more
def test_where_the_effect_costs_nothing_projection_cannot_help():
    row = judge(draw("nothing", 3, (12, 2), (12, 2), dimension=24), (*MEASURES, "recovery"))
    assert row[PROJECTION]["verdict"] == UNKNOWN and row[PROJECTION]["low"] is None


def test_each_other_claim_is_decided_in_each_direction():
    for claim in (DIRECTION, WITHIN, ORDER, DIMENSION, SHIFT):
        assert {YES, NO} <= {said.get(claim) for said in EXPECTED.values()}, claim


@pytest.mark.more
@pytest.mark.parametrize("n_levels", [6, 12, 31])
@pytest.mark.parametrize("n_clips", [1, 4])
@pytest.mark.parametrize("kind", EXPECTED)
def test_any_number_of_levels_and_clips_decides_it(kind, n_levels, n_clips):
    data = draw(kind, 3, (12, n_clips), (12, n_clips), seed=1, n_levels=n_levels, dimension=48)
    found = judge(data)
    said = {claim: found[claim]["verdict"] for claim in EXPECTED[kind]}
    wrong = {claim: verdict for claim, verdict in said.items() if verdict != EXPECTED[kind][claim]}
    assert not wrong, found


def test_eleven_recordings_decide_nothing():
    found = judge(draw("straight", 1, (11, 2), (11, 2)))
    assert {row["verdict"] for row in found.values()} == {UNKNOWN}


def test_nothing_is_supported_of_an_effect_that_is_not_there():
    """Of noise alone, `energy_3` is under its bound, and so is `predicted`."""
    found = judge(draw("nothing", 3, (12, 2), (12, 2), seed=2))
    for claim in (DIMENSION, SHIFT):
        assert found[claim]["high"] < 0.5 and found[claim]["p_effect"] > 0.05
        assert found[claim]["verdict"] == UNKNOWN


@pytest.mark.parametrize("dimension", [3, 6])
def test_of_few_dimensions_any_three_directions_hold_much(dimension):
    """All of three, and half of six, whatever clips do."""
    row = judge(draw("own", 3, (12, 2), (12, 2), dimension=dimension))[DIMENSION]
    assert row["null"] >= 0.5 and row["low"] is not None
    assert row["verdict"] == UNKNOWN


def test_an_effect_in_no_direction_at_all_is_there():
    """Each level of each clip goes its own way, the farther the higher: no order, one growth."""
    data = draw("scatter", 3, (12, 2), (12, 2), dimension=48)
    filled, _ = fill_tables(data, ("samplewise_r2",))
    (row,) = filled["samplewise_mean"]
    assert row["growth"] > 0.8 and row["p_growth"] < 1e-6
    found = judge(data)
    assert found[SHIFT]["p_effect"] == pytest.approx(3 * row["p_growth"])
    said = {claim: found[claim]["verdict"] for claim in (DIRECTION, ORDER, DIMENSION, SHIFT)}
    assert said == {DIRECTION: NO, ORDER: NO, DIMENSION: YES, SHIFT: YES}


def test_one_training_recording_that_moves_far_decides_nothing():
    """It alone makes the mean displacement useless; without it the others predict new ones."""
    data = draw("straight", 3, (12, 2), (12, 2), dimension=48)
    assert judge(data)[SHIFT]["verdict"] == NO
    outliers = [clip for clip in data.training["l0"] if data.group_of[clip] == "l0-train-0"]
    originals, effected = (points.copy() for points in data.points)
    rows = [data.rows[clip] for clip in outliers]
    assert len(rows) == 2
    rng = np.random.default_rng(0)
    length = 60 * np.linalg.norm(effected[-1] - originals, axis=1).mean()
    turned = rng.normal(size=originals.shape[1])
    effected[:, rows] += np.linspace(0, length, len(effected))[:, None, None] * (
        turned / np.linalg.norm(turned)
    ).astype(np.float32)
    row = judge(replace(data, points=(originals, effected)))[SHIFT]
    assert row["value"] < 0.5 < row["high"] and row["verdict"] == UNKNOWN


@pytest.mark.parametrize("unit", [1e-6, 1e6])
def test_verdicts_do_not_depend_on_the_unit_of_embeddings(unit):
    for kind in ("straight", "own"):
        data = draw(kind, 3, (8, 2), (4, 2))
        scaled = replace(data, points=tuple(np.float32(unit) * each for each in data.points))
        found, expected = judge(scaled), judge(data)
        for claim in expected:
            assert found[claim]["verdict"] == expected[claim]["verdict"], (claim, found[claim])


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.name)
def test_a_verdict_needs_the_whole_interval_on_one_side(claim):
    end, other = claim.supported, claim.not_supported
    inside = [float(np.clip((low + high) / 2, -2, 2)) for low, high in (
        np.clip(end, -2, 2), np.clip(other, -2, 2))]  # fmt: skip
    assert claim.judge(inside[0], inside[0], True) == YES
    assert claim.judge(inside[0], inside[0], False) == UNKNOWN
    for is_there in (True, False):
        assert claim.judge(inside[1], inside[1], is_there) == NO
        assert claim.judge(min(inside), max(inside), is_there) == UNKNOWN
        assert claim.judge(None, None, is_there) == UNKNOWN


def test_the_figure_says_each_verdict_in_words():
    rows = [
        {"model": "m", "effect": "gain", "claim": claim.name, "verdict": verdict, "value": value}
        for claim, verdict, value in zip(
            CLAIMS, [YES, NO, UNKNOWN] * 2, ["0.97", "-0.05", "", "1.0", "-20", "0.4"], strict=True
        )
    ]
    effects = [EffectAxis("gain", "gain", "dB", False, None, ("0", "1"))]
    with matplotlib.rc_context(rc_of({"font_size": 7.0})):
        figure = plot_claims(["m"], effects, {"font_size": 7.0}, rows)
    (panel,) = figure.axes
    said = [text.get_text() for text in panel.texts]
    assert said == ["yes .97", "no -.05", "?", "yes 1.0", "no <-9", "? .40", "gain"]
    colours = {patch.get_facecolor() for patch in panel.patches}
    assert len(colours) == 3 and len(panel.get_xticklabels()) == len(CLAIMS) == 6
