"""What every file of `measures/` has to keep: new ones are found by themselves."""

import ast
import inspect
import sys
from pathlib import Path

import pytest
import yaml

from embedding_sensitivity.experiment.measures import list_measures, read_options
from embedding_sensitivity.experiment.plan import Plan
from embedding_sensitivity.experiment.settings import load_settings

ROOT = Path(__file__).resolve().parents[2]
TINY = yaml.safe_load(Path(__file__).with_name("tiny.yaml").read_text(encoding="utf-8"))
SETTINGS = load_settings(TINY, "tiny.yaml")
CONTRACT = "embedding_sensitivity.experiment.measures"


@pytest.fixture(params=list_measures(), ids=lambda measure: measure.name)
def measure(request):
    return request.param


def test_the_library_has_its_eight():
    assert {measure.name for measure in list_measures()} >= {
        *("displacement", "trajectories", "global_r2", "samplewise_r2"),
        *("spectra", "dimensionality", "principal_angles", "debiasing"),
    }


def test_at_its_top_it_imports_the_contract_and_the_standard_library_alone(measure):
    for node in ast.parse(measure.file.read_text(encoding="utf-8")).body:
        names = []
        if isinstance(node, ast.ImportFrom):
            names = [node.module]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        for name in names:
            assert name == CONTRACT or name.partition(".")[0] in sys.stdlib_module_names, name


def test_its_columns_are_described_in_a_line(measure):
    for table in measure.tables:
        assert list(table.columns)[:2] == ["model", "effect"]
        assert all(meaning and "\n" not in meaning for meaning in table.columns.values())
    assert all(kind.shows and "\n" not in kind.shows for kind in measure.figures)


def test_what_the_report_shows_has_a_caption(measure):
    captions = [(kind.name, kind.caption) for kind in measure.figures]
    captions += [(f"{t.name}_csv", t.caption) for t in measure.tables if t.in_report]
    for name, caption in captions:
        text = caption or (ROOT / "report" / f"{name}.rst").read_text(encoding="utf-8")
        assert text.startswith("**") and "How: " in text, name


def test_its_options_are_the_parameters_of_its_function(measure):
    if not measure.measured_tables() and measure.tables:
        assert not read_options(measure, SETTINGS)
        return
    _, *parameters = inspect.signature(measure.function("measure")).parameters
    assert parameters == list(read_options(measure, SETTINGS))


def test_every_measure_says_what_it_does_with_a_parameter_of_two_sides():
    """In docs/measures.md, and in the captions of a run that has one."""
    assert all(measure.two_sided for measure in list_measures())
    kinds = [kind for measure in list_measures() for kind in measure.figures]
    for name in {"figure", *(kind.name for kind in kinds if not kind.caption)}:
        text = (ROOT / "report" / f"{name}.rst").read_text(encoding="utf-8")
        assert "{{ snakemake.params.two_sided }}" in text, name


@pytest.mark.parametrize(
    ("levels", "said"), [([-20, 0, 5], True), ([-20, 5], True), ([-20, -5], False), ([0, 5], False)]
)
def test_captions_say_what_is_done_where_a_runs_effect_has_two_sides(levels, said, monkeypatch):
    monkeypatch.chdir(ROOT)
    effects = {"gain": {"levels": levels}, "reverb": {"levels": [0.1, 0.5]}}
    plan = Plan({**TINY, "effects": effects}, "tiny.yaml")
    for measure in list_measures():
        expected = measure.two_sided.replace("`", "``")
        text = f"**Levels on both sides of no effect** (gain): {expected}." if said else ""
        assert plan.describe_sides(measure) == text
