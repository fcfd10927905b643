"""A new effect and a new model, each one file: the two of CONTRIBUTING.md, word for word."""

import csv
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from conftest import ROOT

from embedding_sensitivity.commands.config_file import read_config
from embedding_sensitivity.commands.plan import estimate
from embedding_sensitivity.commands.verify import list_notes
from embedding_sensitivity.effects import EFFECTS, entries
from embedding_sensitivity.experiment import manifest
from embedding_sensitivity.experiment.plan import Plan
from embedding_sensitivity.experiment.settings import dump_settings, load_settings
from embedding_sensitivity.files.declarations import (
    find_config_folder,
    locate_config_copy,
    locate_own_files,
)
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
        "print('| `tape` | drive | -20 to 40 dB |  | 1 |' in pages.make_effects_page())\n"
        "print('| `bands` (control) | 16 | 44100 |' in pages.make_models_page())\n"
    )
    said = subprocess.check_output([sys.executable, "-c", code], cwd=project.folder, text=True)
    assert said.splitlines() == [
        "drive, -20 to 40 dB",
        "['backend', 'batch_size']",
        "True",
        "True",
    ]


def copy_stack(stack: str, file: Path) -> None:
    """Write the YAML of one of the workflow's environments, and what runs after its build."""
    for ending in (".yaml", ".post-deploy.sh"):
        text = (ROOT / "envs" / f"{stack}{ending}").read_text(encoding="utf-8")
        file.with_suffix(ending).write_text(text, encoding="utf-8")


def in_torch(text: str) -> str:
    """The effect of CONTRIBUTING.md computed by a package that envs/audio.yaml doesn't have."""
    text = text.replace("    import numpy as np\n", "    import numpy as np\n    import torch\n")
    text = text.replace("np.tanh(audio * drive)", "torch.tanh(torch.tensor(audio * drive)).numpy()")
    return text.replace('packages=("numpy",)', 'packages=("numpy", "torch")')


def test_a_users_files_run_to_tables_and_figures(project):
    """Beside the config file, whatever the working directory; two in environments of their own."""
    folder = project.path("lab/my")
    folder.mkdir(parents=True)
    tape = folder / "tape.py"
    tape.write_text(in_torch(file_of("tape.py")), encoding="utf-8")
    for name in ("bands.py", "hiss.py"):
        (folder / name).write_text(file_of(name), encoding="utf-8")
    copy_stack("audio", folder / "audio.yaml")
    copy_stack("torch", folder / "torch.yaml")
    effects = {"tape": {"file": "my/tape.py", "environment": "my/torch.yaml", "levels": [0, 24]}}
    models = {"bands": {"file": str(folder / "bands.py"), "environment": "my/audio.yaml"}}
    config = made_with(project, effects=effects, models=models)
    config_file = folder.parent / "mine.yaml"
    config_file.write_text(yaml.safe_dump(config), encoding="utf-8")
    project.config_file.unlink()

    def jobs(*arguments: str) -> list:
        done = project.snakemake(*arguments, configfile="lab/mine.yaml")
        assert done.returncode == 0, done.output
        return [job for job in done.jobs if job.rule != "all"]

    def run(*arguments: str) -> set[str]:
        return {job.rule for job in jobs(*arguments)}

    assert "render_effect" in run()
    assert tables_of(project) == {table: {("bands", "tape")} for table in ("global_r2", "auc")}
    assert project.path("results/tiny/figures/auc_bands_tape.png").exists()
    assert run("--dry-run") == set()

    # Another effect, which draws random numbers: of the first nothing is rendered or embedded.
    more = effects | {"hiss": {"file": "my/hiss.py", "levels": [0, 30]}}
    config_file.write_text(yaml.safe_dump(config | {"effects": more}), encoding="utf-8")
    made = [job for job in jobs("--dry-run") if job.rule in ("render_effect", "embed_clips")]
    assert {job.wildcards["effect"] for job in made} == {"hiss"}
    config_file.write_text(yaml.safe_dump(config), encoding="utf-8")

    text = tape.read_text(encoding="utf-8")
    tape.write_text(f"# of my own\n{text.replace('(-20.0, 40.0)', '(-30.0, 40.0)')}")
    assert run("--dry-run") == {"write_manifest"}  # which has the files' hashes
    tape.write_text(text.replace("torch.tanh", "torch.atan"))
    rules = run("--dry-run")
    assert {"render_effect", "embed_clips"} <= rules and "embed_original" not in rules


@pytest.mark.parametrize(
    ("source", "folder"),
    [
        ("my.yaml", ""),
        ("lab/my.yaml", "lab"),
        ("../lab/my.yaml", "../lab"),
        ("/lab/my.yaml", "/lab"),
        # Text given as keys has no folder, another workflow's neither.
        ("module sens: config", ""),
        # A UTF-8 copy is not where the file was.
        (str(locate_config_copy("../lab/my.yaml")), "../lab"),
        (str(locate_config_copy("my.yaml")), ""),
        (str(locate_config_copy("../my.yaml")), ".."),
    ],
)
def test_own_files_are_named_from_the_folder_of_the_config_file(source, folder):
    assert find_config_folder(source) == folder


def test_every_own_file_of_a_config_is_located():
    entry = {
        "file": "my/tape.py",
        "environment": "my/env.yaml",
        "before": [{"file": "my/hum.py"}, {"effect": "gain"}, 3],
        "levels": [1, 2],
    }
    assert locate_own_files(entry, "lab") == {
        "file": "lab/my/tape.py",
        "environment": "lab/my/env.yaml",
        "before": [{"file": "lab/my/hum.py"}, {"effect": "gain"}, 3],
        "levels": [1, 2],
    }
    as_it_was = {"file": "/a/tape.py", "environment": "audio", "effect": 3}
    assert locate_own_files(as_it_was, "lab") == as_it_was
    assert locate_own_files({"file": 3}, "lab") == {"file": 3}


def test_files_beside_a_config_file_elsewhere_are_found(own, monkeypatch):
    tiny = yaml.safe_load(Path(__file__).with_name("tiny.yaml").read_text(encoding="utf-8"))
    (own / "elsewhere").mkdir()
    monkeypatch.chdir(own / "elsewhere")
    sections = {
        "effects": {"tape": {"file": "my/tape.py", "levels": [0, 1]}},
        "models": {"bands": {"file": "my/bands.py"}},
    }
    settings = load_settings({**tiny, **sections}, "../my.yaml")
    assert settings.user_files == ["../my/bands.py", "../my/tape.py"]
    message = "models.bands.file: my/bands.py does not exist"
    with pytest.raises(InputError, match=message):
        load_settings({**tiny, **sections}, "my.yaml")


def test_own_files_count_as_changed_if_they_are_wherever_the_config_is_named_from(own):
    demo = yaml.safe_load((ROOT / "config/demo.yaml").read_text(encoding="utf-8"))
    config = demo | {"models": {"bands": {"file": "my/bands.py"}}}
    settings = load_settings(config, "my.yaml")
    files = [*manifest.code_files(ROOT), *settings.user_files]
    code = manifest.code_version(files, ROOT)
    found = {"code": code, "config": {"settings": dump_settings(settings)}}
    for source in ("my.yaml", str(own / "my.yaml")):
        assert list_notes(found, config, source) == []
    with open(own / "my" / "bands.py", "a", encoding="utf-8") as file:
        file.write("# edited\n")
    (note,) = list_notes(found, config, "my.yaml")
    assert "1 file differs" in note and "bands.py" in note


def test_a_models_file_names_its_environments_from_its_own_folder(own):
    bands = own / "my" / "bands.py"
    text = bands.read_text(encoding="utf-8")
    bands.write_text(text.replace('Backend("audio"', 'Backend("../bands.yaml"'))
    assert choose("bands", {"file": "my/bands.py"}).environment == "my/../bands.yaml"
    given = {"file": "my/bands.py", "environment": "other.yaml"}
    assert choose("bands", given).environment == "other.yaml"


def test_an_effects_file_names_its_environment_from_its_own_folder(own):
    tape = own / "my" / "tape.py"
    text = tape.read_text(encoding="utf-8")
    tape.write_text(text.replace("    make=", '    environment="tape.yaml",\n    make='))
    assert entries.choose("tape", {"file": "my/tape.py"}).environment == "my/tape.yaml"
    given = {"file": "my/tape.py", "environment": "other.yaml"}
    assert entries.choose("tape", given).environment == "other.yaml"


@pytest.mark.parametrize(
    ("section", "entry", "message"),
    [
        (
            "effects",
            {"tape": {"file": "my/tape.py", "environment": "my/no.yaml", "levels": [0, 1]}},
            "effects.tape.environment: my/no.yaml: does not exist: give a YAML of conda",
        ),
        (
            "effects",
            {"tape": {"file": "my/tape.py", "environment": "my/some.yaml", "levels": [0, 1]}},
            "effects.tape.environment: my/some.yaml: numpy has no fixed version",
        ),
        (
            "models",
            {"bands": {"file": "my/bands.py", "environment": "my/no.yaml"}},
            "models.bands.environment: my/no.yaml: does not exist",
        ),
    ],
)
def test_an_environment_that_cannot_be_used_is_refused_with_the_config(
    own, section, entry, message
):
    (own / "my" / "some.yaml").write_text("dependencies: [python=3.11]", encoding="utf-8")
    tiny = yaml.safe_load(Path(__file__).with_name("tiny.yaml").read_text(encoding="utf-8"))
    (own / "my.yaml").write_text(yaml.safe_dump({**tiny, section: entry}), encoding="utf-8")
    for refuse in (lambda: Plan(read_config("my.yaml"), "my.yaml"), lambda: estimate("my.yaml")):
        with pytest.raises(InputError, match=f"^my.yaml: {message}"):
            refuse()


def test_recordings_that_are_not_there_are_refused_by_a_plan_of_any_clips(own):
    tiny = yaml.safe_load(Path(__file__).with_name("tiny.yaml").read_text(encoding="utf-8"))
    far = {"folders": "at_{level}_m", "levels": [1, 2], "unit": "m", "scale": "log"}
    tiny["effects"]["far"] = far
    (own / "my.yaml").write_text(yaml.safe_dump(tiny), encoding="utf-8")
    message = r"effects\.far\.folders: level 1: .*at_1_m does not exist: give the folder"
    with pytest.raises(InputError, match=message):
        estimate("my.yaml")


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
