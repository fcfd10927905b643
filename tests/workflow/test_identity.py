"""What changes the eight digits that audio and embeddings are named by, and what doesn't."""

import copy
import shutil
from pathlib import Path

import pytest
import yaml

from embedding_sensitivity.effects import EFFECTS
from embedding_sensitivity.experiment import identity
from embedding_sensitivity.experiment.settings import load_settings
from embedding_sensitivity.experiment.source_code import (
    code_digest,
    find_code_files,
)
from embedding_sensitivity.files.errors import InputError
from embedding_sensitivity.models import MODELS, choose
from support.onnx_files import write_network

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = ROOT / "workflow_scripts"
TINY = yaml.safe_load(Path(__file__).with_name("tiny.yaml").read_text(encoding="utf-8"))
# Modules of the library that compute no sample of audio and no embedding.
COMPUTE_NOTHING = {"files", "experiment", "downloads"} | {
    "clips/clip.py", "clips/containers.py", "clips/irmas.py", "effects/__init__.py",
    "effects/declared_parameter.py", "effects/entries.py", "effects/level_folders.py",
    "effects/levels.py", "effects/plugin_table.py", "embeddings/devices.py", "embeddings/store.py",
    "models/__init__.py", "models/hub/families.py",
}  # fmt: skip
# What a config puts around an effect, which only its entry's identity has.
AROUND = {"effects/chain.py", "effects/plugin.py"}
# What takes over recordings, finds them and says whether they are valid: no rendered audio does.
RECORDED = {"effects/copying.py", "clips/dataset.py", "clips/inspection.py"}


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


def test_untrained_weights_follow_from_the_options_that_make_them():
    def weights(**options) -> str:
        models = {"net-untrained": {"model": "openl3", **options}}
        return identity.weights_files(settings_of(models=models).choices["net-untrained"])[0]

    file = weights()
    assert file.startswith("resources/weights/net-untrained_seed20220419.")
    assert file == weights(embedding_size=6144) == weights(backend="upstream")
    assert len({file, weights(input_repr="mel256"), weights(input_repr="linear")}) == 3


@pytest.mark.parametrize(
    "options",
    [{"content_type": "env"}, {"input_repr": "linear"}, {"embedding_size": 6144}],
    ids=str,
)
def test_another_network_is_another_embedding(options):
    def of(**options) -> str:
        return digits("net", models={"net": {"model": "openl3", **options}})

    assert of(**options) != of() == of(input_repr="mel128", batch_size=4)


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


def test_an_environment_without_a_file_is_refused():
    with pytest.raises(InputError, match=r"^my/no\.yaml: does not exist: give a YAML of conda"):
        identity.pinned_versions("my/no.yaml", ["numba"])


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
    reached = computing(find_code_files(SCRIPTS, "embed_clips", module_of(declared), *named))
    # What writes effected audio is part of that audio's identity; other models are imported by the
    # folder's discovery alone.
    others = {str(Path(each.file).relative_to(identity.FOLDER)) for each in MODELS.values()}
    left = (
        reached - in_identity(declared, identity.EMBEDDING) - {"clips/compiled_loops.py"} - others
    )
    assert left - OF_CLIPS == set()


@pytest.mark.parametrize("kind", ["transformers", "onnx"])
def test_a_network_of_an_entry_names_all_modules_that_compute_with_it(kind, tmp_path):
    """An encoder of the package transformers, or one in an ONNX file."""
    entry = {"transformers": "ast"}
    if kind == "onnx":
        path = write_network(tmp_path / "net.onnx")
        entry = {"onnx": path, "output": "embedding", "samplerate": 16000}
    declared = choose("net", entry).model
    named = [name.replace(".", "/") for name in declared.computes_with]
    reached = computing(find_code_files(SCRIPTS, "embed_clips", module_of(declared), *named))
    others = {str(Path(each.file).relative_to(identity.FOLDER)) for each in MODELS.values()}
    known = in_identity(declared, identity.EMBEDDING) | {"clips/compiled_loops.py"} | others
    assert reached - known - OF_CLIPS == set()


@pytest.mark.parametrize("name", EFFECTS)
def test_an_effect_names_all_modules_that_compute_with_it(name):
    declared = EFFECTS[name]
    named = [name.replace(".", "/") for name in declared.computes_with]
    reached = computing(find_code_files(SCRIPTS, "render_effect", module_of(declared), *named))
    others = {str(Path(each.file).relative_to(identity.FOLDER)) for each in EFFECTS.values()}
    known = in_identity(declared, identity.RENDERING)
    assert reached - known - others - OF_CLIPS - RECORDED == AROUND - known


def test_recordings_name_all_modules_that_compute_with_them():
    entry = {"folders": "at_{level}", "levels": [1, 2], "unit": "m", "scale": "log"}
    declared = settings_of(effects={"distance": entry}).declared["distance"]
    reached = computing(find_code_files(SCRIPTS, "render_effect", module_of(declared)))
    others = {str(Path(each.file).relative_to(identity.FOLDER)) for each in EFFECTS.values()}
    known = in_identity(declared, ())
    assert known == {"effects/copying.py", "clips/audio.py", "clips/decoding.py"}
    of_rendering = {"effects/rendering.py", "clips/compiled_loops.py", *AROUND}
    assert reached - known - others - of_rendering == RECORDED - known


def test_what_measures_the_signals_change_is_in_its_identity_and_in_no_embeddings():
    signal = {
        str(identity.module_file(name).relative_to(identity.FOLDER)) for name in identity.SIGNAL
    }
    effects = {str(Path(each.file).relative_to(identity.FOLDER)) for each in EFFECTS.values()}
    reached = computing(find_code_files(SCRIPTS, "compare_signals"))
    assert "effects/signal_change.py" in reached & signal
    assert reached - signal - effects - OF_CLIPS - AROUND - RECORDED == set()
    for script in ("render_effect", "keep_audio", "embed_clips", "embed_original"):
        assert "effects/signal_change.py" not in computing(find_code_files(SCRIPTS, script))
    assert identity.signal_identity("01234567") != identity.signal_identity("76543210")


SQUASH = {"plugin": "Compressor", "vary": "ratio", "threshold_db": -30}
HALL = {"effect": "reverb", "damping": 0.9}


def audio_digits(name="mine", clips="01234567", **entry) -> str:
    entry = {"levels": [0.1, 0.5] if "reverb" in (name, entry.get("effect")) else [1, 2], **entry}
    return identity.audio_identity(settings_of(effects={name: entry}), name, clips)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"name": "gain"}, {"effect": "gain"}),
        ({"name": "gain"}, {"name": "gain", "match": "none", "before": [], "unit": "dBFS"}),
        (SQUASH, {"name": "other", **SQUASH}),
        (SQUASH, {**SQUASH, "attack_ms": 1, "release_ms": 100.0}),  # pedalboard's defaults
        (SQUASH, {**SQUASH, "levels": {"geometric": [1, 20, 5]}, "extra": [3.5]}),
        (SQUASH, {**SQUASH, "unit": "to 1", "scale": "linear", "neutral": None}),
        ({"name": "reverb"}, {"name": "reverb", "damping": 0.5, "vary": "room_size"}),
        (HALL, {"name": "reverb", "damping": 0.9}),
    ],
)
def test_a_name_a_default_and_what_is_said_of_levels_are_not_in_an_identity(first, second):
    assert audio_digits(**first) == audio_digits(**second)


def test_all_that_an_entry_changes_is_in_its_identity():
    low = {"effect": "lowpass", "cutoff_frequency": 3000}
    entries = [
        {"name": "gain"},
        {"name": "gain", "match": "rms"},
        {"name": "gain", "match": "lufs"},
        {"name": "gain", "before": [low]},
        {"name": "gain", "after": [low]},
        {"name": "gain", "before": [{**low, "cutoff_frequency": 4000}]},
        {"name": "gain", "before": [{**low, "passband_ripple_db": 1}]},
        {"name": "gain", "before": [low, {"plugin": "Invert"}]},
        {"name": "gain", "before": [{"plugin": "Invert"}, low]},
        {"plugin": "Gain", "vary": "gain_db"},
        SQUASH,
        {**SQUASH, "threshold_db": -31},
        {**SQUASH, "vary": "attack_ms"},
        {"name": "reverb"},
        HALL,
        {**HALL, "damping": 0.8},
        {"effect": "reverb", "vary": "damping", "room_size": 0.5},
        {"effect": "reverb", "vary": "damping", "room_size": 0.6},
    ]
    assert len({audio_digits(**entry) for entry in entries}) == len(entries)


def test_an_added_effect_changes_no_other():
    both = {"gain": {"levels": [1, 2]}, "squash": {**SQUASH, "levels": [1, 2, 4]}}
    for model in (None, "musicnn-untrained"):
        found = [
            identity.embedding_identity(settings_of(effects=effects), model, "gain", "01234567")
            if model
            else identity.audio_identity(settings_of(effects=effects), "gain", "01234567")
            for effects in (both, {"gain": both["gain"]})
        ]
        assert found[0] == found[1]


def test_the_code_around_an_effect_is_in_the_identity_of_its_entry_alone():
    settings = settings_of(
        effects={
            "gain": {"levels": [1, 2], "after": [{"plugin": "Invert"}]},
            "squash": {**SQUASH, "levels": [1, 2]},
            "bitcrush": {"levels": [4, 5]},
        }
    )
    chained, squashed, crushed = (
        {*in_identity(effect, ()), *(path.name for path in effect.instance.files)}
        for effect in settings.declared.values()
    )
    assert {"effects/gain.py", "effects/chain.py", "plugin.py"} == chained
    assert squashed == {"effects/plugin.py"}
    assert crushed == {"effects/bitcrush.py"}


def test_what_a_path_names_is_in_an_identity_by_its_content(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = (
        "from embedding_sensitivity.effects import Effect\n"
        "EFFECT = Effect('SNR', 'dB', None, (-10, 50), len, options={'folder': ''}, "
        "paths=('folder',))\n"
    )
    Path("noisy.py").write_text(text, encoding="utf-8")
    for name in ("a", "b"):
        Path(name, "below").mkdir(parents=True)
        Path(name, "below", "1.wav").write_bytes(b"noise")
    found = [audio_digits(file="noisy.py", folder=folder) for folder in ("a", "b", "a/below")]
    assert found[0] == found[1] != found[2]
    Path("b", "below", "1.wav").write_bytes(b"noisy")
    assert audio_digits(file="noisy.py", folder="b") != found[0]
    assert audio_digits(file="noisy.py") not in found
    with pytest.raises(InputError, match=r"effects\.mine\.folder: c does not exist: give a file"):
        audio_digits(file="noisy.py", folder="c")


def test_all_environments_that_read_clips_have_the_same_decoders():
    """What an index says of a clip holds for every job that decodes it."""
    pins = identity.pinned_versions("audio", identity.DECODERS)
    for environment in (
        "torch",
        "tensorflow",
        "musicnn",
        "litert",
        "aisfx",
        "muq",
        "beats",
        "passt",
        "transformers",
        "onnx",
    ):
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
