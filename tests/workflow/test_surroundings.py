"""What surrounds a run: paths of any kind; how a user has set up Python, the locale and HOME."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from embedding_sensitivity.files.machine_limits import SHIELD
from support.audio import write_clip
from support.project import Project, refused

# All signs that a name of a clip, label or folder may have.
ODD = """a [1] 'b' "c" $HOME $(d) `e`: f;g&h #i %20 !j *k? ~ Flöte 笛子 \\n"""
HOSTILE = {
    "PYTHONWARNINGS": "error",
    "PYTHONOPTIMIZE": "2",
    "PYTHONSTARTUP": "/nowhere.py",
    "PYTHONUNBUFFERED": "1",
    "MPLBACKEND": "nonsense",
    "MATPLOTLIBRC": "/nowhere",
    "TMPDIR": "/nowhere/at all",
    "HOME": "/dev/null",
    "XDG_CACHE_HOME": "",
    "LC_ALL": "C",
}


def make_experiment(folder: Path, name: str, *labels: str, clips: str = "") -> str:
    """Clips of two labels and a config, all with names of a kind; returns the config's."""
    for label in labels:
        for number in range(8):
            write_clip(folder / name / label / f"{label} {clips or name} {number}.wav", number)
    config = folder / f"{name}.yaml"
    quoted = [json.dumps(text) for text in (name, *labels)]  # as YAML has them too
    config.write_text(
        f"experiment: odd\ndata: {{source: folder, folder: {quoted[0]}}}\n"
        f"labels: [{quoted[1]}, {quoted[2]}]\n"
        "effects: {bitcrush: {levels: [4, 8, 12], keep_audio: [4]}}\nmodels: {logmel: {}}\n"
        f"figures: {{labels: [{quoted[2]}], umap: {{clips: 2}}}}\n",
        encoding="utf-8",
    )
    return config.name


def run(project: Project, folder: Path, config: str, *targets: str, **variables: str) -> str:
    """Run by the command, in a folder, as a user does whose environment has some variables."""
    command = [sys.executable, "-P", "-m", "embedding_sensitivity.cli", "run", "--cores", "2"]
    command += [*project.arguments(configfile=config), "--", *targets]
    library = {"PYTHONPATH": str(project.path("workflow_scripts"))}
    given = {**project.environment, **library, **variables}
    done = subprocess.run(command, cwd=folder, env=given, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def rows_of(path: Path) -> list[dict[str, str]]:
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


CLIPS = "results/odd/clips.csv"
LABELS = ("""o [1] 'b' "c" $HOME""", "t:$(d) `e`; #笛子")


def test_names_with_any_sign_and_a_hostile_environment_change_no_clip(project, tmp_path):
    plain, odd = tmp_path / "plain", tmp_path / ODD
    config = make_experiment(plain, "clips", "oboe", "tuba")
    run(project, plain, config, CLIPS)
    config = make_experiment(odd, ODD, *LABELS)
    run(project, odd, config, CLIPS, **HOSTILE)
    assert (odd / ".snakemake" / "cache").is_dir()
    expected, found = rows_of(plain / CLIPS), rows_of(odd / CLIPS)
    assert sorted(row["sha256"] for row in found) == sorted(row["sha256"] for row in expected)
    assert {row["label"] for row in found} == set(LABELS)


@pytest.mark.more
def test_names_with_any_sign_and_a_hostile_environment_change_no_figure(project, tmp_path):
    """All of a run, once in each surroundings; labels are the same, as figures show them.

    So are recordings, by whose names nulls are drawn.
    """
    plain, odd = tmp_path / "plain", tmp_path / ODD
    for folder, name, variables in ((plain, "clips", {}), (odd, ODD, HOSTILE)):
        config = make_experiment(folder, name, *LABELS, clips=ODD)
        if variables:
            (folder / "matplotlibrc").write_text("axes.facecolor: pink\n")
        run(project, folder, config, **variables)
    kinds = ("figures/*.p*", "tables/global_r2.csv", "tables/auc.csv")
    names = sorted(
        str(path.relative_to(plain)) for kind in kinds for path in plain.glob(f"results/odd/{kind}")
    )
    assert len(names) > 20
    assert [n for n in names if (plain / n).read_bytes() != (odd / n).read_bytes()] == []


def test_a_jobs_command_is_shielded_from_the_users_settings():
    given = {**os.environ, **HOSTILE, "PYTHONHASHSEED": "7", "PYTHONPATH": "/x", "LANG": "tr_TR"}
    command = f"{SHIELD.replace('{{', '{').replace('}}', '}')} env -0"
    said = subprocess.run(["bash", "-c", command], env=given, capture_output=True, check=True)
    found = dict(pair.split("=", 1) for pair in os.fsdecode(said.stdout).split("\0") if pair)
    assert "MATPLOTLIBRC" not in found
    assert {name: value for name, value in found.items() if name.startswith("PYTHON")} == {
        "PYTHONNOUSERSITE": "1", "PYTHONHASHSEED": "0", "PYTHONUTF8": "1",
    }  # fmt: skip
    assert found["MPLBACKEND"] == "agg"
    assert found["LC_ALL"] == "C"


def test_a_folder_below_which_environments_cannot_be_activated_is_refused(project, tmp_path):
    for sign in (" ", "'", "$"):
        folder = tmp_path / f"environments{sign}here"
        said = f"error: {folder}: environments cannot be built below a path with {sign!r}"
        refused(project, "--dry-run", "--conda-prefix", str(folder), message=said)


def test_a_locale_in_which_names_are_other_text_is_refused(project):
    # Any machine has this one; Python takes it for UTF-8 unless it is told not to.
    never = {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    environment = {**project.environment, "LC_ALL": "C", **never}
    command = [sys.executable, "-m", "snakemake", *project.arguments("--dry-run")]
    options = {"cwd": project.folder, "capture_output": True, "text": True}
    done = subprocess.run(command, env=environment, **options)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "the locale's encoding is ascii: export PYTHONUTF8=1" in done.stderr
    command[1:3] = ["-P", "-m", "embedding_sensitivity.cli", "run"]
    environment["PYTHONPATH"] = str(project.path("workflow_scripts"))
    assert subprocess.run(command, env=environment, **options).returncode == 0
