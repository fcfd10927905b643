"""A new measure is one file: of the library's folder, or a user's own that the config names.

The file is the one that CONTRIBUTING.md shows.
"""

import csv
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from embedding_sensitivity.experiment.measures import load
from embedding_sensitivity.experiment.settings import load_settings
from embedding_sensitivity.files.errors import InputError
from support.project import copy_checkout

ROOT = Path(__file__).resolve().parents[2]
TEXT = re.search(
    r'```python\n("""How straight.*?)```', (ROOT / "CONTRIBUTING.md").read_text(), re.S
)[1]
FOLDER = "workflow_scripts/embedding_sensitivity/measures"
RULES = {"measure_straightness", "tabulate_straightness", "draw_straightness"}
TARGETS = [
    "results/tiny/tables/straightness.csv",
    *(f"results/tiny/figures/straightness_gain.{ending}" for ending in ("png", "pdf")),
]


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """The cheapest experiment, with the measure in a file of its own."""
    project = copy_checkout(tmp_path_factory.mktemp("own") / "project")
    config = project.read_config()
    config |= {"models": {"logmel": {}}, "effects": {"gain": {"levels": [-20, 0, 5]}}}
    config["figures"] = {"labels": []}
    project.write_config(config)
    return project


def add(project, **more) -> None:
    project.path("my").mkdir(exist_ok=True)
    project.path("my/straightness.py").write_text(TEXT, encoding="utf-8")
    own = {"straightness": {"file": "my/straightness.py", **more}}
    project.write_config({**project.read_config(), "measures": own})


def counts(project) -> Counter:
    return Counter({rule: len(jobs) for rule, jobs in project.planned().items()})


def test_it_adds_its_own_jobs_and_no_others(project):
    before = counts(project)
    add(project)
    assert counts(project) - before == Counter(dict.fromkeys(RULES, 1))
    assert before - counts(project) == Counter()


def test_it_is_computed_tabulated_drawn_and_reported(project):
    add(project)
    project.run(*TARGETS)
    table, *figures = map(project.path, TARGETS)
    with open(table, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["model"], row["effect"], row["label"]) for row in rows] == [
        ("logmel", "gain", label) for label in ("cello", "flute", "violin")
    ]
    assert all(0 < float(row["straightness"]) <= 1 for row in rows)
    assert {row["n_clips"] for row in rows} == {"6"}
    assert figures[0].read_bytes()[:4] == b"\x89PNG" and figures[1].read_bytes()[:4] == b"%PDF"
    project.run("--report", "report.html", *TARGETS[:2])
    report = project.path("report.html").read_text(encoding="utf-8")
    assert "straightness.csv" in report and "6. Further measures" in report
    assert "A row is a label, a symbol a model." in report and "over the sum of the steps" in report
    assert project.planned(*TARGETS) == {}


def test_an_edit_of_it_recomputes_it_alone(project):
    add(project)
    project.run(*TARGETS)
    path = project.path("my/straightness.py")
    path.write_text(TEXT.replace("axis=-1).sum", "axis=-1).max"), encoding="utf-8")
    assert set(project.planned(*TARGETS)) == RULES
    job = project.planned(*TARGETS)["measure_straightness"][0]
    assert "Params have changed" in job["reason"]
    path.write_text(TEXT, encoding="utf-8")


@pytest.mark.more
def test_it_may_have_an_environment_of_its_own(project):
    shutil.copy2(ROOT / "envs" / "analysis.yaml", project.path("own.yaml"))
    add(project, environment="own.yaml")
    assert set(project.planned(*TARGETS)) >= RULES
    done = project.run("--conda-create-envs-only", "--dry-run", *TARGETS)
    assert done.returncode == 0


def test_in_the_librarys_folder_plan_schema_and_documents_know_it(tmp_path):
    project = copy_checkout(tmp_path / "project")
    project.path(f"{FOLDER}/straightness.py").write_text(TEXT, encoding="utf-8")
    planned = project.planned()
    assert set(planned) >= RULES and len(planned["measure_straightness"]) == 3 * 2
    code = "from embedding_sensitivity.experiment.settings import schema; print(schema())"
    options = {"capture_output": True, "text": True, "check": True}
    own = {**os.environ, "PYTHONPATH": str(project.path("workflow_scripts"))}
    said = subprocess.run([sys.executable, "-c", code], env=own, **options).stdout
    assert "'straightness': {" in said
    for name in ("results/README.md", "docs/measures.md", "docs/figures.md"):
        project.path(name).parent.mkdir(exist_ok=True)
        shutil.copy2(ROOT / name, project.path(name))
        assert "straightness" not in project.path(name).read_text(encoding="utf-8")
    subprocess.run([sys.executable, project.path("tools/write_documents.py")], **options)
    for name in ("results/README.md", "docs/measures.md", "docs/figures.md"):
        assert "straightness" in project.path(name).read_text(encoding="utf-8"), name


def settings(tmp_path, text=TEXT, name="straightness", **more):
    """Settings of a config whose measure has a file of `text`."""
    path = tmp_path / "mine.py"
    path.write_text(text, encoding="utf-8")
    config = {
        "experiment": "x",
        "embeddings": {"directory": "e", "split": "e/split.csv"},
        "models": ["m"],
        "measures": {name: {"file": str(path), **more}},
    }
    return load_settings(config, "my.yaml").all_measures


def test_its_group_is_its_own_and_options_are_set(tmp_path):
    text = TEXT.replace("MEASURE = Measure(", "MEASURE = Measure(\n    options={'power': 2},")
    *_, found = settings(tmp_path, text, options={"power": 3})
    assert (found.name, found.group.name, found.options) == (
        ("straightness", "straightness", {"power": 3})
    )


@pytest.mark.parametrize(
    ("change", "more", "message"),
    [
        (("MEASURE", "MINE"), {}, r"measures\.straightness\.file: .*mine\.py has no MEASURE"),
        (("import FigureKind", "import Figure"), {}, r"mine\.py, line 3 cannot be imported"),
        (("def draw", "def paint"), {}, r"mine\.py: no function 'draw': add it"),
        (('per="effect"', 'per="day"'), {}, r"mine\.py: figure straightness: per is 'day'"),
        (('tables=("str', 'tables=("_str'), {}, r"mine\.py: figure straightness: table _straightn"),
        (('keys=("model", ', "keys=("), {}, r"table straightness: its first keys must be model"),
        (('"effect", "label")', '"effect", "key")'), {}, r"table straightness: key key is not"),
        (('"straightness"', '"auc"'), {}, r"there is a (figure|table) auc already"),
        (
            ("in_report=True,", 'derived_from=("nothing",), derive="draw",'),
            {},
            r"mine\.py: table straightness: nothing, of derived_from, is no measure's result",
        ),
        (("", ""), {"options": {"a": 1}}, r"options: unknown option 'a', .*mine\.py has none"),
        (("", ""), {"name": "spectra"}, r"measures\.spectra: there is a measure spectra already"),
        (("", ""), {"name": "sensitivity"}, r"sensitivity: there is a group sensitivity already"),
        (("", ""), {"name": "provenance"}, r"provenance: there is a group provenance already"),
        (("", ""), {"name": "my-own"}, r"mine\.py: group 'my-own': a name has letters, digits"),
    ],
)
def test_what_does_not_keep_the_contract_is_refused_in_one_line(tmp_path, change, more, message):
    with pytest.raises(InputError, match=message) as error:
        settings(tmp_path, TEXT.replace(*change) if change[0] else TEXT, **more)
    assert "\n" not in str(error.value)


def test_a_file_that_is_not_there_is_refused():
    with pytest.raises(InputError, match=r"^measures\.mine\.file: none\.py does not exist"):
        load("mine", "none.py")
