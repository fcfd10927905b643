"""The workflow in another: as a module, with and without a prefix, and included by workflow/."""

import json
import shutil
from pathlib import Path

import pytest

from support.project import Project
from support.tables import read_model_rows

MODULE = """
module sens:
    snakefile: "{checkout}/Snakefile"
    config: {config}

use rule * from sens{prefix}
"""
OWN_RULE = """
rule mine:
    input: "results/tiny/tables/table1.csv"
    output: "mine.txt"
    shell: "wc -l {input} > {output}"
"""


def embed_module(project: Project, folder: Path, before: str = "", **values: str) -> Project:
    """Another workflow's folder, without any profile, that has the project as a module."""
    folder.mkdir()
    shutil.copy(project.config_file, folder / "tiny.yaml")
    values = {"config": "config", "prefix": "", **values}
    text = before + MODULE.format(checkout=project.folder, **values)
    (folder / "Snakefile").write_text(text, encoding="utf-8")
    return Project(folder)


def list_jobs(project: Project, *arguments: str, prefix: str = "") -> list:
    """Rule, wildcards and outputs of each job of a dry run; files inside the folder alone."""
    jobs = project.run("--dry-run", "--software-deployment-method", "conda", *arguments).jobs
    assert all(job.rule.startswith(prefix) for job in jobs)
    return sorted(
        (job.rule.removeprefix(prefix), sorted(job.wildcards.items()), sorted(job.outputs))
        for job in jobs
    )


@pytest.mark.parametrize("prefix", ["", "sens_"])
def test_a_module_lists_the_same_jobs(project, tmp_path, prefix):
    alias = f" as {prefix}*" if prefix else ""
    outer = embed_module(project, tmp_path / "outer", prefix=alias)
    assert list_jobs(outer, prefix=prefix) == list_jobs(project)


def test_a_module_is_part_of_a_workflow_with_rules_and_a_profile_of_its_own(project, tmp_path):
    own = "\nuse rule measure_debiasing from sens as sens_measure_debiasing with:\n    threads: 2\n"
    outer = embed_module(
        project, tmp_path / "outer", before=OWN_RULE, config='config["sens"]', prefix=own
    )
    outer.write_config({"sens": project.read_config(), "mine": 1})
    profile = outer.path("profiles/default/config.yaml")
    profile.parent.mkdir(parents=True)
    profile.write_text("software-deployment-method: [conda]\nresources: {audio_slots: 100}\n")
    jobs = outer.run("--dry-run").jobs
    assert {job.rule for job in jobs} >= {"mine", "measure_sensitivity", "embed_clips"}
    assert not {job.rule for job in jobs} & {"all", "write_manifest", "measure_debiasing"}


def test_errors_of_a_modules_config_are_one_line_that_names_the_module(project, tmp_path):
    outer = embed_module(project, tmp_path / "outer")
    outer.write_config({**project.read_config(), "lables": []})
    done = outer.snakemake("--dry-run")
    assert done.returncode == 1
    (line,) = [line for line in done.output.splitlines() if line.startswith("error: ")]
    assert line.startswith("error: module sens: config: lables: unknown key")
    assert "Traceback" not in done.output


def test_a_snakefile_without_its_checkout_is_refused(project, tmp_path):
    """As what `github(...)` fetches."""
    outer = embed_module(project, tmp_path / "outer")
    shutil.rmtree(project.path("workflow_scripts"))
    done = outer.snakemake("--dry-run")
    assert done.returncode == 1 and "clone it" in done.output
    assert "Traceback" not in done.output


def test_without_a_profile_audio_and_gpus_are_limited_as_with_the_default_one(project, tmp_path):
    own = 'rule mine:\n    output: "mine.txt"\n    shell: "touch {output}"\n'
    outer = embed_module(project, tmp_path / "outer", before=own)
    for given, gpus in (((), 1), (("--resources", "gpu=2"), 2)):
        limits = outer.run("--forceall", *given).resources
        assert (limits["gpu"], limits["audio_slots"]) == (gpus, 100)


def test_the_catalogs_snakefile_lists_the_same_jobs(project):
    assert list_jobs(project, "--snakefile", "workflow/Snakefile") == list_jobs(project)
    assert project.path("config/config.yaml").is_file()


@pytest.mark.more
def test_a_module_runs_the_tiny_experiment(project, finished, tmp_path):
    """With a prefix, no profile, a model: what is of it alone is as in the plain run."""
    config = project.read_config()
    config["models"] = {"logmel": {}}
    project.write_config(config)
    outer = embed_module(project, tmp_path / "outer", prefix=" as sens_*")
    outer.run("--software-deployment-method", "conda")
    tables = sorted(finished.path("results/tiny/tables").glob("*.csv"))
    assert len(tables) > 8
    for table in tables:
        found = read_model_rows(outer.path(f"results/tiny/tables/{table.name}"), "logmel")
        assert found == read_model_rows(table, "logmel"), table.name
    found, expected = (
        json.loads(each.path("results/tiny/manifest.json").read_text("utf-8"))
        for each in (outer, finished)
    )
    of_model = [
        name
        for name in expected["outputs"]
        if "logmel" in name or name.startswith(("clips", "signal", "snippets"))
    ]
    kinds = {name.partition("/")[0] for name in of_model}
    assert kinds >= {"analysis", "cards", "directions", "embeddings", "figures", "snippets"}
    for name in of_model:
        assert found["outputs"][name] == expected["outputs"][name], name
    assert found["code"]["files"] == expected["code"]["files"]
    assert not outer.run("--dry-run", "--software-deployment-method", "conda").jobs
    outer.run("--report", "report.html", "--software-deployment-method", "conda")
    assert outer.path("report.html").stat().st_size > 1e6
