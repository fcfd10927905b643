"""The names of what a run makes."""

from pathlib import Path

import pytest
import yaml

from embedding_sensitivity.experiment import paper, targets
from embedding_sensitivity.experiment.measures import list_measures
from embedding_sensitivity.experiment.settings import collect_kinds, load_settings
from embedding_sensitivity.files.errors import InputError

ROOT = Path(__file__).resolve().parents[2]
TINY = yaml.safe_load(Path(__file__).with_name("tiny.yaml").read_text(encoding="utf-8"))
SETTINGS = load_settings(TINY, "tiny.yaml")
KINDS = collect_kinds(list_measures())


def imported(**keys):
    """Settings of a run on embeddings made elsewhere, as they are once its files were found."""
    config = {
        "experiment": "x",
        "embeddings": {"file": "{model}.npz", "originals": "{model}.npz", "split": "split.csv"},
        "models": ["m", "other"],
        "labels": ["oboe", "tuba"],
        "effects": {"gain": {"levels": [0, 5]}},
        **keys,
    }
    return load_settings(config, "tiny.yaml")


def test_every_table_but_for_what_a_run_on_embeddings_cannot_have():
    measures = [measure for measure in list_measures() if not measure.needs_layers]
    results = [table.name for m in measures for table in m.tables if table.is_result]
    assert len(results) == 31 and {"auc", "table1", "displacement_order"} <= set(results)
    of_audio = ["dropped_clips", "signal_change"]
    assert targets.tables(SETTINGS) == [*results, *of_audio, "recordings"]
    results.remove("response_to_change")
    assert targets.tables(imported()) == [*results, "recordings"]


def test_what_needs_audio_is_drawn_of_each_model_and_not_without_audio():
    found = list(targets.list_figures(KINDS["response_to_change"], SETTINGS))
    assert found == [
        (f"response_to_change_{model}", model, "all", "all")
        for model in ("logmel", "musicnn", "musicnn-untrained")
    ]
    stems = targets.figures(imported(), "tiny.yaml")
    assert "table1" in stems and not [stem for stem in stems if stem.startswith("response")]


def test_without_originals_no_table_that_compares_with_them():
    without = {"file": "{model}.npz", "split": "split.csv"}
    kept = [measure for measure in list_measures() if not measure.needs_originals]
    names = {"global_r2", "samplewise_r2", "principal_angles", "spectra", "trajectories"}
    assert {measure.name for measure in kept} == names
    results = [table.name for measure in kept for table in measure.tables if table.is_result]
    assert targets.tables(imported(embeddings=without)) == [*results, "recordings"]
    stems = targets.figures(imported(embeddings=without), "tiny.yaml")
    assert "spectra_m_gain" in stems and "auc_m_gain" not in stems


def test_a_model_and_effect_have_a_figure_of_all_labels_and_of_each_chosen_one():
    found = list(targets.list_figures(KINDS["auc"], SETTINGS))
    assert len(found) == 3 * 2 * 2
    assert ("auc_logmel_gain", "logmel", "gain", "all") in found
    assert ("auc_musicnn-untrained_reverb_cello", "musicnn-untrained", "reverb", "cello") in found


def test_every_kind_of_figure_has_a_style():
    assert all(kind.defaults["font_size"] > 0 for kind in KINDS.values())
    assert {"paper_table1", "paper_auc"} == set(KINDS) - {
        kind.name for m in list_measures() for kind in m.figures
    }


def test_each_figure_is_named_once():
    found = targets.figures(SETTINGS, "tiny.yaml")
    assert len(found) == len(set(found)) == 6 * 12 + 8 * 2 + 3 + 3
    assert {"table1", "verdicts_gain", "spectra_logmel_reverb_cello"} <= set(found)


def test_two_figures_of_one_name_are_refused():
    """`auc` of the model `gain_m` and `auc_gain` of `m`."""
    with pytest.raises(InputError, match=r"^my\.yaml: two figures would be named auc_gain_m_gain"):
        targets.figures(imported(models=["m", "gain_m"]), "my.yaml")


def test_audio_is_kept_of_the_levels_that_ask_for_it():
    assert targets.kept_audio(SETTINGS) == [("reverb", "0.10")]
    assert targets.kept_audio(imported()) == []


def test_the_papers_run_alone_is_set_beside_the_paper():
    assert targets.comparisons(SETTINGS) == targets.comparisons(imported()) == []
    config = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    found = targets.comparisons(load_settings(config, "config.yaml"))
    assert found == ["paper_table1", *("_".join(("paper_auc", *case)) for case in paper.CASES)]
