"""What changes the eight digits that audio and embeddings are named by, and what doesn't."""

import copy
import hashlib
import shutil
from pathlib import Path

import pytest
import yaml

from embedding_sensitivity.effects import EFFECTS
from embedding_sensitivity.experiment import identity
from embedding_sensitivity.experiment.settings import load_settings
from embedding_sensitivity.experiment.source_code import (
    SAME_NUMBERS,
    code_digest,
    library_of,
    numeric_digest,
)
from embedding_sensitivity.files.errors import InputError
from embedding_sensitivity.models import MODELS

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = ROOT / "workflow_scripts"
TINY = yaml.safe_load(Path(__file__).with_name("tiny.yaml").read_text(encoding="utf-8"))
# Modules of the library that compute no sample of audio and no embedding.
COMPUTE_NOTHING = {"files", "experiment", "downloads"} | {
    "clips/clip.py", "clips/containers.py", "clips/irmas.py", "effects/__init__.py",
    "effects/levels.py", "embeddings/devices.py", "embeddings/store.py", "models/__init__.py",
}  # fmt: skip


NOTHING = code_digest("")
# Of clips that need it, it is in the clips' part of an identity (test_clip_index.py).
OF_CLIPS = {"clips/decoding.py"}


def settings_of(**sections):
    return load_settings({**copy.deepcopy(TINY), **sections}, "tiny.yaml")


def digits(model="musicnn-untrained", effect="gain", clips="01234567", **sections) -> str:
    return identity.embedding_identity(settings_of(**sections), model, effect, clips)


@pytest.mark.parametrize(
    "sections",
    [
        {"models": {"musicnn-untrained": {"layer": "penultimate"}}},
        {"models": {"musicnn-untrained": {"seed": 1}}},
        {"models": {"musicnn-untrained": {"backend": "upstream"}}},
        {"protocol": {"audio": "float32"}},
    ],
)
def test_what_embeddings_depend_on_changes_them(sections):
    assert digits(**sections) != digits()


@pytest.mark.parametrize(
    "sections",
    [
        {"device": "cpu"},
        {"models": {"musicnn-untrained": {"batch_size": 3}}},
        {"models": {"logmel": {}, "musicnn-untrained": {}}},
        {"labels": ["flute", "cello"]},
        {"levels_per_job": 1},
        {"experiment": "other"},
        # Of another effect, and of a model that no switch of this kind is for.
        {"protocol": {"reverb_state": "reset"}},
        {"protocol": {"clap_input": "mono"}},
    ],
)
def test_what_they_do_not_depend_on_changes_nothing(sections):
    assert digits(**sections) == digits()


def test_model_effect_and_clips_are_part_of_them():
    found = {
        digits(),
        digits(model="logmel"),
        digits(effect=None),
        digits(clips="76543210"),
        digits(effect="reverb", protocol={"reverb_state": "reset"}),
        digits(effect="reverb"),
    }
    assert len(found) == 6
    assert all(len(each) == 8 and set(each) <= set("0123456789abcdef") for each in found)


def test_an_effects_switch_counts_where_the_effect_has_it():
    settings = settings_of(protocol={"audio": "float32", "reverb_state": "reset"})
    assert identity.audio_protocol(settings, "gain") == {"audio": "float32"}
    reverb = {"audio": "float32", "reverb_state": "reset"}
    assert identity.audio_protocol(settings, "reverb") == reverb
    settings = settings_of(protocol={"clap_input": "mono"}, models={"clap": {}, "logmel": {}})
    assert identity.model_protocol(settings, "logmel", None) == {}
    assert identity.model_protocol(settings, "clap", None) == {"clap_input": "mono"}


def test_untrained_weights_are_named_by_seed_and_by_what_makes_them():
    def weights(model: str, **sections) -> str | None:
        return next(iter(identity.weights_files(settings_of(**sections).choices[model])), None)

    file = weights("musicnn-untrained")
    assert file.startswith("resources/weights/musicnn-untrained_seed20220419.")
    assert file.endswith(".npz")
    assert weights("musicnn-untrained", models={"musicnn-untrained": {"seed": 3}}) != file
    assert weights("logmel") is None


@pytest.fixture
def environment(tmp_path):
    """An environment's file, with its script."""
    for path in ("envs/torch.yaml", "envs/torch.post-deploy.sh"):
        shutil.copy2(ROOT / path, tmp_path)
    return tmp_path / "torch.yaml"


def test_versions_are_those_that_an_environment_pins(environment):
    found = identity.pinned_versions(str(environment), ["numpy", "panns_inference", "torch"])
    assert set(found) == {"numpy", "panns_inference", "torch"}
    assert found["panns_inference"] == "0.1.1"
    assert identity.pinned_versions("torch", ["numpy"])["numpy"] == found["numpy"]
    text = environment.read_text(encoding="utf-8")
    environment.write_text(text.replace(f"numpy=={found['numpy']}", "numpy==9.9.9"))
    assert identity.pinned_versions(str(environment), ["numpy"]) == {"numpy": "9.9.9"}
    environment.write_text("dependencies:\n  - numpy=1.26.4\n")  # as conda writes it
    assert identity.pinned_versions(str(environment), ["numpy"]) == {"numpy": "1.26.4"}


def test_a_package_without_a_version_is_refused(environment):
    message = rf"^{environment}: numba has no fixed version, .* write numba==VERSION$"
    environment.write_text("dependencies:\n  - pip:\n      - numba>=0.60\n")
    with pytest.raises(InputError, match=message):
        identity.pinned_versions(str(environment), ["numba"])


def computing(files: list[str]) -> set[str]:
    """Of the library's files among some, those that compute something."""
    found = set()
    for file in map(Path, files):
        path = ROOT / "workflow_scripts" / file.resolve().relative_to(ROOT / "workflow_scripts")
        if path.is_relative_to(identity.FOLDER) and code_digest(path.read_text()) != NOTHING:
            found.add(str(path.relative_to(identity.FOLDER)))
    return {
        name
        for name in found
        if name not in COMPUTE_NOTHING and name.partition("/")[0] not in COMPUTE_NOTHING
    }


def in_identity(declared, shared) -> set[str]:
    files = [declared.file, *map(identity.module_file, (*declared.computes_with, *shared))]
    return {str(Path(file).resolve().relative_to(identity.FOLDER)) for file in files}


def module_of(declared) -> str:
    """Path of the module that declares something, from the scripts' folder and without ending."""
    return str(Path(declared.file).resolve().relative_to(identity.FOLDER.parent).with_suffix(""))


@pytest.mark.parametrize("name", MODELS)
def test_a_model_names_all_modules_that_compute_with_it(name):
    """What it imports, wherever, less what computes nothing, is in its identity."""
    declared = MODELS[name]
    named = [name.replace(".", "/") for name in declared.computes_with]
    reached = computing(library_of(SCRIPTS, "embed_clips", module_of(declared), *named))
    # What writes effected audio is part of that audio's identity; other models are imported by the
    # folder's discovery alone.
    others = {str(Path(each.file).relative_to(identity.FOLDER)) for each in MODELS.values()}
    left = (
        reached - in_identity(declared, identity.EMBEDDING) - {"clips/compiled_loops.py"} - others
    )
    assert left - OF_CLIPS == set()


@pytest.mark.parametrize("name", EFFECTS)
def test_an_effect_names_all_modules_that_compute_with_it(name):
    declared = EFFECTS[name]
    named = [name.replace(".", "/") for name in declared.computes_with]
    reached = computing(library_of(SCRIPTS, "render_effect", module_of(declared), *named))
    others = {str(Path(each.file).relative_to(identity.FOLDER)) for each in EFFECTS.values()}
    assert reached - in_identity(declared, identity.RENDERING) - others - OF_CLIPS == set()


def test_a_module_that_counts_as_it_was_is_one_there_is():
    """An entry of no module is of code that changed again: remove it, or renew its digest if the
    numbers are still the same."""
    now = {code_digest(path.read_text(encoding="utf-8")) for path in identity.FOLDER.rglob("*.py")}
    assert set(SAME_NUMBERS) <= now
    audio = identity.module_file("embedding_sensitivity.clips.audio")
    before = "45dc75bac2fa0dea1de6c812d63cedf12831a9488bb7c54239e9c4b3fb869fba"
    assert numeric_digest([audio]) == hashlib.sha256(before.encode()).hexdigest()


def test_all_environments_that_read_clips_have_the_same_decoders():
    """What an index says of a clip holds for every job that decodes it."""
    pins = identity.pinned_versions("audio", identity.DECODERS)
    for environment in ("torch", "tensorflow", "musicnn"):
        assert identity.pinned_versions(environment, identity.DECODERS) == pins


def test_a_decoders_version_makes_an_index_again_and_no_embedding(monkeypatch):
    settings = settings_of()

    def found(version):
        def pins(environment, packages):
            return {package: version if package == "av" else "1" for package in packages}

        monkeypatch.setattr(identity, "pinned_versions", pins)
        return identity.index_identity(settings, None, ""), digits()

    (index, embedding), (other_index, other_embedding) = found("1"), found("2")
    assert index != other_index and embedding == other_embedding
