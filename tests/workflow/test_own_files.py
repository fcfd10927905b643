"""A new effect and a new model, each one file: the two of CONTRIBUTING.md, word for word."""

import csv
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from conftest import ROOT

from embedding_sensitivity.effects import EFFECTS, entries
from embedding_sensitivity.experiment.settings import load_settings
from embedding_sensitivity.files.errors import InputError
from embedding_sensitivity.models import choose
from support import mock_snakemake

sys.path.append(str(ROOT / "tools"))
import write_declarations

LIBRARY = Path("workflow_scripts", "embedding_sensitivity")


def file_of(name: str) -> str:
    """The text of a file in CONTRIBUTING.md."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    return re.search(rf"`{re.escape(name)}`:\n\n```python\n(.*?)```", text, re.S)[1]


@pytest.fixture
def own(tmp_path, monkeypatch) -> Path:
    """A working directory with both files in a folder of the user's."""
    (tmp_path / "my").mkdir()
    for name in ("tape.py", "bands.py"):
        (tmp_path / "my" / name).write_text(file_of(name), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def made_with(project, *, effects: dict, models: dict) -> dict:
    config = project.read_config()
    config |= {"effects": effects, "models": models, "figures": {"labels": []}}
    project.write_config(config)
    return config


def tables_of(project) -> dict[str, set[str]]:
    """The models and effects in two of the tables."""
    found = {}
    for table in ("global_r2", "auc"):
        with open(project.path(f"results/tiny/tables/{table}.csv"), encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        found[table] = {(row["model"], row["effect"]) for row in rows}
    return found


def test_a_file_in_the_librarys_folder_is_all_that_a_new_one_needs(project):
    """Seen by the plan, the schema and the generated pages; Slurm's profile knows rules alone."""
    library = project.path(str(LIBRARY))
    (library / "effects" / "tape.py").write_text(file_of("tape.py"), encoding="utf-8")
    (library / "models" / "bands.py").write_text(file_of("bands.py"), encoding="utf-8")
    made_with(project, effects={"tape": {"levels": [0, 12]}}, models={"bands": {}})
    jobs = project.planned()
    assert {job["effect"] for job in jobs["render_effect"]} == {"tape"}
    assert {job["model"] for job in jobs["embed_clips"]} == {"bands"}
    slurm = yaml.safe_load(project.path("profiles/slurm/config.yaml").read_text(encoding="utf-8"))
    assert {"render_effect", "embed_clips"} <= set(slurm["set-resources"])
    code = (
        "import sys; sys.path[:0] = ['workflow_scripts', 'tools']\n"
        "import write_declarations as pages\n"
        "from embedding_sensitivity.experiment.settings import schema\n"
        "keys = schema()['$defs']['Settings']['properties']\n"
        "print(keys['effects']['properties']['tape']['description'])\n"
        "print(list(keys['models']['properties']['bands']['anyOf'][0]['properties']))\n"
        "print('| `tape` | drive | -20 to 40 dB | 1 |' in pages.make_effects_page())\n"
        "print('| `bands` (control) | 16 | 44100 |' in pages.make_models_page())\n"
    )
    said = subprocess.check_output([sys.executable, "-c", code], cwd=project.folder, text=True)
    assert said.splitlines() == [
        "drive, -20 to 40 dB",
        "['backend', 'batch_size']",
        "True",
        "True",
    ]


def test_a_users_files_run_to_tables_and_figures(project):
    """The model in an environment that the user's own YAML makes."""
    folder = project.path("my")
    folder.mkdir()
    for name in ("tape.py", "bands.py"):
        (folder / name).write_text(file_of(name), encoding="utf-8")
    stack = project.path("envs/audio.yaml").read_text(encoding="utf-8")
    (folder / "audio.yaml").write_text(stack, encoding="utf-8")
    script = project.path("envs/audio.post-deploy.sh").read_text(encoding="utf-8")
    (folder / "audio.post-deploy.sh").write_text(script, encoding="utf-8")
    made_with(
        project,
        effects={"tape": {"file": "my/tape.py", "levels": [0, 24]}},
        models={"bands": {"file": "my/bands.py", "environment": "my/audio.yaml"}},
    )
    project.run()
    assert tables_of(project) == {table: {("bands", "tape")} for table in ("global_r2", "auc")}
    assert project.path("results/tiny/figures/auc_bands_tape.png").exists()
    assert project.planned() == {}

    tape = folder / "tape.py"
    text = tape.read_text(encoding="utf-8")
    tape.write_text(f"# of my own\n{text.replace('(-20.0, 40.0)', '(-30.0, 40.0)')}")
    assert set(project.planned()) == {"write_manifest"}  # which has the files' hashes
    tape.write_text(text.replace("np.tanh", "np.arctan"))
    jobs = project.planned()
    assert {"render_effect", "embed_clips"} <= set(jobs) and "embed_original" not in jobs


def test_a_users_handcrafted_model_is_a_control_in_figures(project, monkeypatch):
    project.path("my").mkdir()
    project.path("my/bands.py").write_text(file_of("bands.py"), encoding="utf-8")
    models = {"filterbank": {"file": "my/bands.py"}, "musicnn": {}}
    made_with(project, effects={"gain": {"levels": [-20, 5]}}, models=models)
    monkeypatch.chdir(project.folder)
    titles = mock_snakemake("draw_auc", config="tiny.yaml").params.titles
    assert titles == {"filterbank": "filterbank (control)", "musicnn": "musicnn"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, r"effects.tape.file: my/tape.py does not exist: give a Python file that has EFFECT"),
        ("import numpyy", r"tape.py, line 1 cannot be imported \(ModuleNotFoundError: No module"),
        ("x = (", r"tape.py, line 1 cannot be imported \(SyntaxError: "),
        ("\n1 / 0", r"tape.py, line 2 cannot be imported \(ZeroDivisionError: "),
        ("", r"tape.py has no EFFECT = Effect\(\.\.\.\): declare it there"),
        ("EFFECT = 3", r"tape.py has no EFFECT = Effect"),
        (
            "from embedding_sensitivity.effects import Effect\n"
            "EFFECT = Effect('x', '', 0, range=(1, 0), make=len)",
            r"tape.py, line 2 cannot be imported \(InputError: range: is \(1, 0\)",
        ),
    ],
)
def test_a_file_that_declares_no_effect_is_refused_in_one_line(own, text, message):
    path = own / "my" / "tape.py"
    path.unlink() if text is None else path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=message) as error:
        entries.choose("tape", {"file": "my/tape.py"})
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        (
            {"effects": {"gain": {"file": "my/tape.py", "levels": [0, 1]}}},
            "effects.gain: gain is one of the workflow's own effects: give that of my/tape.py an",
        ),
        (
            {"effects": {"gain": {"environment": "my/x.yaml", "levels": [0, 1]}}},
            "effects.gain.environment: is only for an effect of your own: name its file",
        ),
        (
            {"effects": {"a/b": {"file": "my/tape.py", "levels": [0, 1]}}},
            "effects.a/b: expected at most 64 letters, digits",
        ),
        (
            {"effects": {"original": {"file": "my/tape.py", "levels": [0, 1]}}},
            "effects.original: expected .* not the name original",
        ),
        (
            {"effects": {"tape": {"file": "my/tape.py", "levels": [0, 41]}}},
            "effects.tape: drive 41 dB is outside -20 to 40 dB",
        ),
        (
            {"effects": {"tape": {"file": "my/bands.py", "levels": [0, 1]}}},
            "effects.tape.file: my/bands.py has no EFFECT",
        ),
        (
            {"models": {"panns": {"file": "my/bands.py"}}},
            "models.panns: panns is one of the workflow's own models: give the model of",
        ),
        ({"models": {"bands": {"file": "my/no.py"}}}, "models.bands.file: my/no.py does not exist"),
        ({"models": {"bands": {"file": 3}}}, "models.bands.file: is 3, expected the path"),
        ({"models": {"bands": {"file": "my/bands.py", "layr": 1}}}, "bands.layr: no such option"),
        (
            {"models": {"bands-untrained": {"file": "my/bands.py"}}},
            "models.bands-untrained: bands has no untrained control",
        ),
        ({"models": {"panns": {"environment": "x.yaml"}}}, "panns.environment: is only for"),
        ({"models": {"a.b": {"file": "my/bands.py"}}}, "models.a.b: expected at most 64 letters"),
    ],
)
def test_what_a_config_says_of_own_files_is_checked(own, sections, message):
    tiny = yaml.safe_load(Path(__file__).with_name("tiny.yaml").read_text(encoding="utf-8"))
    with pytest.raises(InputError, match=message):
        load_settings({**tiny, **sections}, "my.yaml")


def test_own_files_are_not_among_the_workflows_own(own):
    assert entries.choose("tape", {"file": "my/tape.py"}).name == "tape"
    assert choose("bands", {"file": "my/bands.py"}).dimension == 16
    assert "tape" not in EFFECTS
    with pytest.raises(InputError, match="no such model"):
        choose("bands")


def test_the_pages_are_those_of_the_declarations():
    pages = {"effects": write_declarations.make_effects_page()}
    pages["models"] = write_declarations.make_models_page()
    for name, page in pages.items():
        written = (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")
        assert written == page.rstrip() + "\n", "run `make schema`"
