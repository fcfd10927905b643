"""Which runs are set beside the paper: the paper's own, and no other."""

from pathlib import Path

import pytest
import yaml

from embedding_sensitivity.experiment import paper
from embedding_sensitivity.experiment.settings import load_settings
from embedding_sensitivity.files.errors import InputError

ROOT = Path(__file__).resolve().parents[2]


def settings_of(name: str = "config.yaml", **changes):
    """Settings of one of the configs, some of its keys changed; ``a__b`` is key b below a."""
    config = yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))
    config["data"] = {"source": "irmas"} if name != "config/demo.yaml" else config["data"]
    config["models"] = config["models"] | {name: {} for name in paper.MODELS}
    for key, value in changes.items():
        *parents, last = key.split("__")
        section = config
        for parent in parents:
            section = section.setdefault(parent, {})
        section[last] = value
    return load_settings(config, name)


def test_the_papers_config_is_the_papers_run():
    settings = settings_of()
    assert paper.find_fault(settings) == ""
    paper.check(settings)
    assert paper.list_compared_models(settings) == ["clap", "openl3", "panns"]
    assert paper.list_compared_effects(settings) == ["bitcrush", "gain", "lowpass", "reverb"]
    assert set(paper.list_compared_cases(settings)) == set(paper.CASES)


def test_the_config_in_the_repository_is_it_as_it_is():
    config = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    assert paper.find_fault(load_settings(config, "config.yaml")) == ""


@pytest.mark.parametrize(
    ("name", "changes", "why"),
    [
        ("config/demo.yaml", {}, "data.source is demo"),
        ("config.yaml", {"data": {"source": "folder", "folder": "x"}}, "data.source is folder"),
        ("config.yaml", {"data__split": "generated"}, "data.split is generated"),
        ("config.yaml", {"data__on_bad_clip": "drop"}, "data.on_bad_clip is drop"),
        ("config.yaml", {"labels": ["cello", "organ"], "figures__labels": []}, "labels lack clar"),
        ("config/clean.yaml", {}, "protocol.reverb_state is reset"),
        ("config.yaml", {"protocol__audio": "float32"}, "protocol.audio is float32"),
        ("config.yaml", {"protocol__clap_input": "mono"}, "protocol.clap_input is mono"),
        ("config.yaml", {"models": {"logmel": {}, "openl3-untrained": {}}}, "none of the paper's"),
        ("config.yaml", {"effects": {"gain": {"levels": [-40, 5]}}}, "no effect has all"),
    ],
)
def test_any_other_run_is_told_why_it_is_not(name, changes, why):
    settings = settings_of(name, **changes)
    assert paper.find_fault(settings).startswith(why)
    with pytest.raises(InputError, match="cannot be compared with the paper"):
        paper.check(settings)


def test_another_network_than_the_papers_is_not_compared():
    settings = settings_of(models={"openl3": {"input_repr": "mel256"}, "panns": {}})
    assert paper.list_compared_models(settings) == ["panns"]


def test_what_the_run_and_the_paper_both_have_is_compared():
    """A further level takes nothing away; a level less takes its effect out, as a model does."""
    settings = settings_of(
        models={"openl3": {}, "panns": {}, "clap_2022": {}, "openl3-untrained": {}},
        effects__gain__extra=[-0.5],
        effects__reverb__levels=[0.01, 0.5, 1],
    )
    assert paper.find_fault(settings) == ""
    assert paper.list_compared_models(settings) == ["openl3", "panns"]
    assert paper.list_compared_effects(settings) == ["bitcrush", "gain", "lowpass"]
    assert paper.list_compared_cases(settings) == [("panns", "gain", "organ")]
