"""A finished run's RO-Crate has what the profiles require, clause by clause.

`roc-validator` fetches contexts from the web, so it can't run where there is no network. The
clauses are of RO-Crate 1.3, Workflow RO-Crate 1.1, Process Run and Workflow Run Crate 0.6.
"""

import hashlib
import json
import os
import subprocess
from datetime import datetime

import pytest

METADATA = "results/tiny/ro-crate-metadata.json"
PROCESS = "https://w3id.org/ro/wfrun/process/0.6"
WORKFLOW_RUN = "https://w3id.org/ro/wfrun/workflow/0.6"
WORKFLOW = "https://w3id.org/workflowhub/workflow-ro-crate/1.1"


@pytest.fixture
def make_crate(again, pythons):
    """`embedding-sensitivity crate` with the Python that has rocrate, as the command finds it."""

    def call(given: str = "results/tiny") -> subprocess.CompletedProcess:
        command = [pythons["analysis"], "-m", "embedding_sensitivity.cli", "crate", given]
        environment = os.environ | {"PYTHONPATH": str(again.path("workflow_scripts"))}
        options = {"cwd": again.folder, "env": environment, "text": True}
        return subprocess.run(command, capture_output=True, **options)

    return call


@pytest.fixture
def crated(again, make_crate):
    done = make_crate()
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == METADATA
    return again


def read(project) -> dict[str, dict]:
    """The entities of the graph by id; each id is there once."""
    crate = json.loads(project.path(METADATA).read_text(encoding="utf-8"))
    found = {entity["@id"]: entity for entity in crate["@graph"]}
    assert len(found) == len(crate["@graph"])
    return found


def list_references(value) -> list[str]:
    """All ids that a value refers to."""
    if isinstance(value, dict):
        own = [value["@id"]] if set(value) == {"@id"} else []
        return own + [id_ for each in value.values() for id_ in list_references(each)]
    if isinstance(value, list):
        return [id_ for each in value for id_ in list_references(each)]
    return []


def as_list(value) -> list:
    return value if isinstance(value, list) else [value]


def test_the_crate_has_what_its_profiles_require(crated):
    entities = read(crated)
    crate = json.loads(crated.path(METADATA).read_text(encoding="utf-8"))
    # RO-Crate 1.3: the context, the descriptor, the root with its four properties.
    assert "https://w3id.org/ro/crate/1.3/context" in as_list(crate["@context"])
    descriptor = entities["ro-crate-metadata.json"]
    assert descriptor["@type"] == "CreativeWork" and descriptor["about"] == {"@id": "./"}
    assert {"@id": "https://w3id.org/ro/crate/1.3"} in as_list(descriptor["conformsTo"])
    root = entities["./"]
    assert root["@type"] == "Dataset" and root["name"] and root["description"]
    assert datetime.fromisoformat(root["datePublished"])
    assert entities[root["license"]["@id"]]["name"]
    # Process Run and Workflow Run Crate: `conformsTo` of the root, each profile described.
    assert {PROCESS, WORKFLOW_RUN, WORKFLOW} == {each["@id"] for each in root["conformsTo"]}
    for profile in (PROCESS, WORKFLOW_RUN, WORKFLOW):
        assert "CreativeWork" in as_list(entities[profile]["@type"])
        assert entities[profile]["version"] == profile.rpartition("/")[2]
    # Workflow RO-Crate: a main workflow with its types and its language; the file is in the crate.
    workflow = entities[root["mainEntity"]["@id"]]
    assert {"File", "SoftwareSourceCode", "ComputationalWorkflow"} <= set(workflow["@type"])
    assert entities[workflow["programmingLanguage"]["@id"]]["@type"] == "ComputerLanguage"
    assert crated.path(f"results/tiny/{workflow['@id']}").is_file()
    assert {"@id": workflow["@id"]} in root["hasPart"] and workflow["name"]
    # Process Run Crate: the action with its type, id, instrument, result, end, named by the root.
    (action,) = (entities[each["@id"]] for each in as_list(root["mentions"]))
    assert action["@type"] == "CreateAction" and action["name"] and action["description"]
    assert action["instrument"] == {"@id": workflow["@id"]}  # Workflow Run Crate too
    assert datetime.fromisoformat(action["endTime"]).tzinfo
    assert action["object"] and action["result"]
    # RO-Crate: every reference to an entity of the crate has one.
    for entity in entities.values():
        for id_ in list_references(entity):
            assert id_ in entities or id_.startswith("https://"), f"{entity['@id']}: {id_}"


def test_every_output_of_the_manifest_is_a_file_with_its_hash(crated):
    entities = read(crated)
    found = json.loads(crated.path("results/tiny/manifest.json").read_text(encoding="utf-8"))
    parts = {each["@id"] for each in entities["./"]["hasPart"]}
    (action,) = (e for e in entities.values() if e["@type"] == "CreateAction")
    results = {each["@id"] for each in action["result"]}
    assert results <= parts and len(results) == len(found["outputs"]) + 1
    for entity in (entities[id_] for id_ in results - {"manifest.json"}):
        entry = found["outputs"][entity["name"]]
        assert entity["@type"] == "File" and entity["encodingFormat"]
        assert entity["sha256"] == entry["sha256"]
        assert entity["contentSize"] == str(entry["bytes"])
    config = json.loads(entities["#config"]["value"])
    assert config == found["config"]["settings"]
    code = crated.path("results/tiny/workflow/Snakefile").read_bytes()
    assert hashlib.sha256(code).hexdigest() == found["code"]["files"]["Snakefile"]


def test_a_crate_changes_no_verification_and_is_kept_by_tidy(crated, make_crate):
    assert crated.command("verify", "tiny.yaml").returncode == 0
    assert "ro-crate" not in crated.command("tidy", "tiny.yaml").stdout
    before = crated.path(METADATA).read_bytes()
    assert make_crate().returncode == 0
    assert crated.path(METADATA).read_bytes() == before


@pytest.mark.parametrize("name", ["tables/table1.csv", "manifest.json"])
def test_no_crate_is_made_of_a_run_that_is_not_whole(again, make_crate, name):
    again.path(f"results/tiny/{name}").unlink()
    done = make_crate()
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert f"results/tiny/{name}" in done.stderr
    assert not again.path(METADATA).exists()


def test_it_needs_the_analysis_stack_and_says_so(project):
    done = project.command("crate", "rules")
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert "make envs" in done.stderr  # this copy has built none
