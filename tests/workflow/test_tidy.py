"""What `make tidy` lists, what it deletes, and that neither ever touches what a run uses."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PENULTIMATE = {"layer": "penultimate"}
LISTED = re.compile(r" *[0-9.]+ (?:bytes|[kMG]B)  (.*?)(?:  \((.*)\))?")
PENCIL = "results/tiny/figures/auc_pencil.png"  # a name that a figure of ours might have
OURS_APART = "Not made by the workflow"


def tidy(project, *arguments: str) -> subprocess.CompletedProcess:
    return project.command("tidy", "tiny.yaml", *arguments)


def listed(done: subprocess.CompletedProcess) -> tuple[dict[str, str], set[str]]:
    """Paths and reasons of what is the workflow's and asked for no more; paths of the rest."""
    assert done.returncode == 0, done.stderr
    ours, others = {}, set()
    apart = False
    for line in done.stdout.splitlines()[:-1]:
        apart |= line.startswith(OURS_APART)
        if match := LISTED.fullmatch(line):
            if apart:
                others.add(match[1])
            else:
                ours[match[1]] = match[2]
    return ours, others


def everything(project) -> set[str]:
    """Every file of a project but Snakemake's own records."""
    files = (path for path in project.folder.rglob("*") if path.is_file())
    names = {str(path.relative_to(project.folder)) for path in files}
    return {
        name for name in names if not name.startswith(".snakemake/") and "__pycache__" not in name
    }


def reduce_config(project) -> None:
    """A model, a level, another's kept audio, a label and its figures less; other options."""
    config = project.read_config()
    config["models"] = {"musicnn": PENULTIMATE, "logmel": {}}
    config["effects"] = {"gain": {"levels": [-20, 0]}, "reverb": {"levels": [0.1, 0.5, 0.9]}}
    config["labels"] = ["cello", "flute"]
    config["figures"] = {"umap": {"clips": 4}}
    project.write_config(config)


def test_after_a_run_there_is_nothing_to_tidy(again):
    again.path("results/tiny/report.html").write_text("made after the run")
    before = everything(again)
    done = tidy(again, "--delete")
    assert listed(done) == ({}, set())
    assert "deleted 0 files, 0 bytes" in done.stdout
    assert everything(again) == before
    assert again.planned() == {}


def test_exactly_what_the_config_asks_for_no_more_is_listed_and_deleted(again):
    reduce_config(again)
    killed = "results/tiny/embeddings/logmel/gain/.-20.0_0.0.01234567.h5.part"
    mine = {PENCIL, "results/tiny/notes.txt", "logs/tiny/my.log", "results/tiny/tables/auc2.csv"}
    for name in (killed, *mine):
        again.path(name).write_text("x" * 2000)
    before, planned = everything(again), plan_of(again)
    done = tidy(again)
    ours, others = listed(done)
    assert others == mine
    assert everything(again) == before

    results = "results/tiny/"
    kept = {name for name in before if name.startswith(results) and name not in ours}
    parts = [
        name for name in ours if re.search(r"/(gain|reverb)/[-0-9._]+\.[0-9a-f]{8}\.h5$", name)
    ]
    reasons = {name.split("/")[3]: ours[name] for name in parts}
    # musicnn has other options now; of the untrained one nothing is asked for; of logmel one level.
    assert "used again if these are restored" in reasons["musicnn"]
    assert [name for name in parts if "/logmel/" in name] == [
        name for name in parts if "/logmel/gain/5.0." in name
    ]
    assert "levels no longer in the config" in reasons["logmel"]
    assert len(parts) == 4 + 4 + 1
    assert ours[killed] == "left by a job that was killed"
    (kept_folder,) = again.path(f"{results}audio_kept/reverb").glob("0.10.*")
    kept_folder = str(kept_folder.relative_to(again.folder))
    assert ours[kept_folder] == "28 files of keep_audio"
    assert f"{results}directions/musicnn-untrained/gain.h5" in ours
    assert f"{results}analysis/musicnn-untrained/gain/auc.csv" in ours
    assert f"{results}embeddings/musicnn-untrained.h5" in ours
    assert f"{results}figures/auc_logmel_gain_cello.png" in ours
    assert "logs/tiny/analysis/musicnn-untrained/gain/debiasing.log" in ours
    assert any(name.startswith("benchmarks/tiny/audio/gain/5.0.") for name in ours)
    assert f"{results}tables/auc.csv" in kept and f"{results}clips.csv" in kept
    assert not any("/clips/" in name for name in ours)
    # The manifest that is there names the untrained weights.
    assert not any(name.startswith("resources/") for name in ours)

    total = re.search(
        r"^tiny.yaml: (\d+) files that it no longer needs, ([0-9.]+ MB)", done.stdout, re.M
    )
    deleted = tidy(again, "--delete")
    assert listed(deleted) == (ours, others)
    assert f"deleted {total[1]} files, {total[2]}" in deleted.stdout
    gone = before - everything(again)
    folder = kept_folder
    assert {name for name in gone if not name.startswith(f"{folder}/")} == set(ours) - {folder}
    assert len(gone) == int(total[1])
    assert not again.path(folder).exists() and again.path("results/tiny/tables").exists()
    # What a run does, and takes from what is there, is as before.
    assert plan_of(again) == planned
    assert listed(tidy(again)) == ({}, mine)


def plan_of(project) -> list:
    """The planned jobs without their reasons."""
    return sorted(
        (rule, sorted((key, value) for key, value in job.items() if key != "reason"))
        for rule, jobs in project.planned().items()
        for job in jobs
    )


def test_untrained_weights_are_listed_where_no_manifest_names_them(again):
    (weights,) = again.path("resources/weights").iterdir()
    name = str(weights.relative_to(again.folder))
    reduce_config(again)
    path = again.path("results/tiny/manifest.json")
    found = json.loads(path.read_text(encoding="utf-8"))
    found["inputs"]["weights"] = {}
    path.write_text(json.dumps(found), encoding="utf-8")
    ours, _ = listed(tidy(again))
    assert ours[name] == "in no experiment's manifest: made again when asked for"
    # Another experiment whose run isn't finished may use them.
    again.path("results/other/embeddings").mkdir(parents=True)
    done = tidy(again)
    assert name not in listed(done)[0] and "results/other has no manifest" in done.stdout


def test_environments_that_no_file_describes_are_listed(again):
    found = subprocess.check_output(
        [
            *(sys.executable, "-c"),
            "from embedding_sensitivity.commands.checkout import find_environments\n"
            "print(*find_environments().values())",
        ],
        cwd=again.folder,
        env=os.environ | {"PYTHONPATH": str(again.path("workflow_scripts"))},
        text=True,
    )
    used = Path(found.split()[0])
    old = used.with_name("0" * 32 + "_")
    outside = again.path("outside")
    for folder in (used, old, outside):
        folder.mkdir(parents=True)
        (folder / "python").write_text("x" * 3000)
    (old / "bin").mkdir()
    (old / "bin" / "python").symlink_to("../python")
    (old / "linked").symlink_to(outside)
    for ending in (".yaml", ".env_setup_done"):
        Path(f"{old}{ending}").touch()
    name = str(old.relative_to(again.folder))
    assert set(listed(tidy(again))[0]) == {name}
    tidy(again, "--delete")
    assert [path.name for path in old.parent.iterdir()] == [used.name]
    assert (outside / "python").exists()


@pytest.mark.parametrize("arguments", [(), ("--delete",)])
def test_nothing_is_listed_while_snakemake_runs(project, arguments):
    lock = project.path(".snakemake/locks/0.output.lock")
    lock.parent.mkdir(parents=True)
    lock.touch()
    done = tidy(project, *arguments)
    assert done.returncode == 1 and not done.stdout
    assert len(done.stderr.splitlines()) == 1 and "snakemake --unlock" in done.stderr


def test_a_bad_config_is_one_line(project):
    project.write_config({**project.read_config(), "lables": []})
    done = tidy(project)
    assert done.returncode == 1 and "unknown key 'lables'" in done.stderr
    assert "Traceback" not in done.stderr
    shutil.rmtree(project.path("config"))
    project.config_file.unlink()
    done = tidy(project)
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1
