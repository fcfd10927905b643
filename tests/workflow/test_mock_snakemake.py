"""The object that stands in for what a script gets: as the rules say, or as it is told."""

import pytest

from embedding_sensitivity.files.errors import InputError
from support import mock_snakemake

WILDCARDS = {"model": "logmel", "effect": "gain"}


def test_a_rules_job_is_what_a_run_would_give_its_script(project, monkeypatch):
    monkeypatch.chdir(project.folder)
    (planned,) = (
        job
        for job in project.run("--dry-run").jobs
        if job.rule == "measure_debiasing" and WILDCARDS.items() <= job.wildcards.items()
    )
    job = mock_snakemake("measure_debiasing", WILDCARDS, config="tiny.yaml", threads=2)
    assert [list(job.output), job.rule] == [planned.outputs, "measure_debiasing"]

    # The library's modules are those of this checkout, not of the copy.
    def results(files):
        return [path for path in files if path.startswith("results/")]

    assert results(job.input) == results(planned.inputs)
    assert job.input.stores == job.input["stores"] == ["results/tiny/embeddings/logmel/gain.h5"]
    assert job.wildcards.effect == "gain" and dict(job.wildcards.items()) == WILDCARDS
    assert job.params.labels == project.read_config()["labels"]
    assert job.threads <= 2 and job.resources.mem_mb > 0 and job.log[0].startswith("logs/tiny/")


def test_a_rule_that_there_is_not_is_one_line(project, monkeypatch):
    monkeypatch.chdir(project.folder)
    message = r"rule classifi with .* of tiny\.yaml has no job: .*named classifi"
    with pytest.raises(InputError, match=message):
        mock_snakemake("classifi", config="tiny.yaml")


def test_given_values_are_had_by_name_and_by_position(tmp_path):
    job = mock_snakemake(
        "draw",
        {"effect": "gain"},
        input={"one": tmp_path / "a", "more": ["b", "c"]},
        output="d",
        params={"labels": ["x", "y"], "seed": 3},
    )
    assert list(job.input) == [f"{tmp_path}/a", "b", "c"] and job.input.more == ["b", "c"]
    assert job.input.get("none") is None and job.output[0] == "d" and list(job.log) == []
    assert job.params.labels == ["x", "y"] and list(job.params) == [["x", "y"], 3]
    assert list(job.wildcards.items()) == [("effect", "gain")] and job.threads == 1
    with pytest.raises(TypeError, match="unknown: inputs"):
        mock_snakemake("draw", inputs="a")
