"""Response cards: what a run says of each model, and how cards are set side by side."""

import copy
import csv
import json
import tomllib

import jsonschema
import pytest
import yaml

import embedding_sensitivity
from embedding_sensitivity.cli import main
from embedding_sensitivity.commands.cards import (
    SCHEMA,
    build_card,
    compare_cards,
    format_threshold,
)
from support.project import ROOT

ABOUT = {
    "experiment": "mine",
    "clips": "audio of /data",
    "clips_sha256": "c" * 64,
    "workflow_version": "0.1.0",
    "effects": [
        {
            "name": "gain",
            "parameter": "gain",
            "unit": "dB",
            "log_axis": False,
            "levels": ["-40.0", "-20.0", "0.0"],
            "made": "",
        }
    ],
}
KEYS = {"model": "m", "effect": "gain"}
TABLES = {
    "threshold_90": [
        {**KEYS, "side": "down", "threshold_90": "-12.5", "bound": "=", "threshold_90_low": "-16.0",
         "bound_low": "=", "threshold_90_high": "0.0", "bound_high": ">", "gallery": "32",
         "n_clips": "40", "n_groups": "20", "responds": "1"},
    ],
    "displacement": [
        {**KEYS, "level": level, "label": label, "relative": relative, "relative_q05": low,
         "relative_q95": high}
        for level, label, relative, low, high in (
            ("-40.0", "cello", "2.0", "1.0", "3.0"),
            ("-40.0", "flute", "4.0", "3.0", "5.0"),
            ("-20.0", "cello", "1.0", "0.5", "1.5"),
            ("0.0", "cello", "", "", ""),
        )
    ],
    "r2_means": [
        {**KEYS, "mean_rho_ridge": "0.9", "rho_ridge_low": "0.8", "rho_ridge_high": "0.95"}
    ],
    "equivariance_mean": [
        {**KEYS, "equivariance": "0.5", "equivariance_low": "", "equivariance_high": ""}
    ],
    "recovery_best": [
        {**KEYS, "method": "lda", "threshold": "", "gain": "0.1", "gain_low": "0.05",
         "gain_high": "0.15", "headroom": "0.2", "headroom_low": "0.1", "headroom_high": "0.3",
         "recovered": "0.5", "recovered_low": "0.2", "recovered_high": "0.8"},
    ],
    "recordings": [
        {"label": "cello", "train_clips": "24", "test_clips": "8", "train_recordings": "12",
         "test_recordings": "4", "torn": "0", "unnamed": "0", "shared": "0"},
    ],
}  # fmt: skip
STORE = {
    "model": "m",
    "effect": "gain",
    "control": "",
    "weights_sha256": "f" * 64,
    "protocol": {"audio": "pcm16"},
}


def make_card(model: str = "m", drop: tuple[float, float, float] | None = None) -> dict:
    card = build_card("m", TABLES, [STORE], ABOUT)
    card["model"] = model
    if drop:
        keys = ("low", "value", "high")
        card["effects"]["gain"]["auc_drop"] = dict(zip(keys, drop, strict=True))
    return card


def test_a_card_has_the_tables_numbers_and_what_they_depend_on():
    card = make_card()
    jsonschema.validate(card, SCHEMA)
    found = card["effects"]["gain"]
    (threshold,) = found["retrieval_threshold"]
    assert (threshold["value"], threshold["low"], threshold["bound_high"]) == (-12.5, -16, ">")
    assert (threshold["gallery"], threshold["recordings"]) == (32, 20)
    # The mean over labels, at the level where it is largest.
    assert found["relative_displacement"] == {"level": "-40.0", "value": 3.0, "clips": [2.0, 4.0]}
    assert found["rho_ridge"] == {"value": 0.9, "low": 0.8, "high": 0.95}
    assert found["equivariance"] == {"value": 0.5, "low": None, "high": None}
    assert found["auc_drop"] == {"value": 0.2, "low": 0.1, "high": 0.3}
    assert found["best_remedy"]["method"] == "lda"
    assert card["data"]["labels"]["cello"]["test_recordings"] == 4
    assert card["protocol"] == {"gain": {"audio": "pcm16"}}


def test_models_whose_intervals_are_apart_are_ranked():
    lines = compare_cards([make_card("frail", (0.2, 0.25, 0.3)), make_card("firm", (0, 0.05, 0.1))])
    assert lines[-1] == "  by the drop of AUC: firm loses less than frail"
    assert "down: -12.5 [-16, >0] dB" in lines[2]


@pytest.mark.parametrize("drop", [(0.05, 0.2, 0.3), (None, 0.9, None)])
def test_models_whose_intervals_overlap_or_are_missing_are_not(drop):
    lines = compare_cards([make_card("a", (0.0, 0.05, 0.1)), make_card("b", drop)])
    assert lines[-1].startswith("  by the drop of AUC: cannot tell")


@pytest.mark.parametrize(
    ("where", "value", "said"),
    [
        (("data", "sha256"), "d" * 64, "data"),
        (("data", "labels"), {}, "labels and recordings"),
        (("protocol", "gain", "audio"), "float32", "audio protocol"),
        (("effects", "gain", "levels"), ["-40.0", "0.0"], "levels"),
        (("effects", "gain", "unit"), "LU", "the effect"),
        (("effects", "gain", "made"), "match rms", "the effect"),
        (("effects", "gain", "retrieval_threshold", 0, "gallery"), 16, "gallery"),
    ],
)
def test_cards_that_do_not_compare_are_not_ranked(where, value, said):
    first, other = make_card("a", (0, 0.05, 0.1)), make_card("b", (0.2, 0.25, 0.3))
    other = copy.deepcopy(other)
    section = other
    for key in where[:-1]:
        section = section[key]
    section[where[-1]] = value
    assert compare_cards([first, other])[-1] == f"  not ranked, since these differ: {said}"


def test_an_effect_of_one_card_is_shown_and_not_ranked():
    other = make_card("b")
    other["effects"] = {"reverb": other["effects"]["gain"]}
    lines = compare_cards([make_card("a"), other])
    assert sum(line == "  not ranked: only one card has this effect" for line in lines) == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "is not JSON"),
        ("[]", "the file: [] is not of type 'object'"),
        ('{"schema_version": 2}', "is a required property"),
    ],
)
def test_a_file_that_is_no_card_is_refused_in_a_line(tmp_path, capsys, text, said):
    path = tmp_path / "card.json"
    path.write_text(text)
    assert main(["card", str(path)]) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"error: {path}: ") and said in error and error.count("\n") == 1


def test_a_missing_card_is_refused_in_a_line(tmp_path, capsys):
    assert main(["card", str(tmp_path / "none.json")]) == 1
    assert "No such file" in capsys.readouterr().err


def test_a_run_writes_a_card_of_each_model(finished, capsys):
    names = ("logmel", "musicnn", "musicnn-untrained")
    cards = [finished.path(f"results/tiny/cards/{name}.json") for name in names]
    for path in cards:
        card = json.loads(path.read_text(encoding="utf-8"))
        jsonschema.validate(card, SCHEMA)
        with open(finished.path("results/tiny/tables/r2_means.csv"), newline="") as file:
            rows = {(row["model"], row["effect"]): row for row in csv.DictReader(file)}
        for effect in ("gain", "reverb"):
            expected = float(rows[path.stem, effect]["mean_rho_ridge"])
            assert card["effects"][effect]["rho_ridge"]["value"] == expected
        assert path.with_suffix(".png").stat().st_size > 5000
    assert json.loads(cards[2].read_text())["control"] == "untrained"
    assert main(["card", *map(str, cards)]) == 0
    said = capsys.readouterr().out
    # One experiment: its cards compare. A test recording a label has no interval.
    assert said.count("cannot tell") == 2 and "musicnn-untrained (untrained control)" in said


def test_the_schema_and_the_version_are_those_of_the_code():
    written = json.loads((ROOT / "schemas" / "card.schema.json").read_text(encoding="utf-8"))
    assert written == SCHEMA, "run `make schema`"
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    version = embedding_sensitivity.__version__
    assert version == project["version"] == citation["version"]


def test_a_threshold_without_an_interval_says_so():
    found = {"responds": True, "side": "up", "value": 16.8, "bound": "=", "low": None,
             "bound_low": "", "high": None, "bound_high": ""}  # fmt: skip
    assert format_threshold(found, "dB") == "up: 16.8 dB (no interval)"
    assert format_threshold({**found, "bound": ">"}, "") == "up: >16.8 (no interval)"
    inside = {**found, "low": 12.0, "bound_low": "=", "high": 24.0, "bound_high": ">"}
    assert format_threshold(inside, "dB") == "up: 16.8 [12, >24] dB"
