"""An entry of a config's `models` that names a checkpoint of the package transformers.

Read for the plan and by the jobs that embed: of a local checkpoint the two JSON files beside the
weights, of one on the hub nothing, since the plan has no network.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from embedding_sensitivity.files.declarations import later
from embedding_sensitivity.files.errors import InputError, say_unknown
from embedding_sensitivity.models import (
    AUTO,
    SEED,
    TORCH_STARTS,
    TRANSFORMERS,
    UNTRAINED,
    Backend,
    Choice,
    File,
    Initial,
    Model,
    name_layers,
)
from embedding_sensitivity.models.hub.families import (
    CONFIG,
    FAMILIES,
    FRONT_END,
    Family,
    find_family,
)
from embedding_sensitivity.models.hub.presets import PRESETS, Preset
from embedding_sensitivity.models.shared.entries import (
    check_keys,
    check_text,
    choose_number,
    choose_seconds,
    choose_word,
)

NETWORK = "embedding_sensitivity.models.hub.network"
PACKAGES = ("transformers", "torch", "numpy", "soxr")
WEIGHTS = ("model.safetensors", "pytorch_model.bin")
HUB = "https://huggingface.co/{hub}/resolve/{revision}/{file}"
ALL, LAST = "all", "last"
ASKED = "asked"
# The keys of an entry besides `transformers`.
KEYS = (
    "revision", "checkpoint", "like", "layers", "pooling", "normalise", "window_s", "keep",
    "batch_size", "backend", "seed", "blocks", "dimension",
)  # fmt: skip
MIN_WINDOW_S = 0.5


class _Source:
    """Where a checkpoint is, and what is known of it before anything is loaded."""

    def __init__(self, where: str, entry: Mapping[str, Any]) -> None:
        self.where = where
        named = entry[TRANSFORMERS]
        expected = "a preset, a hub id or the path of a checkpoint"
        check_text(f"{where}.{TRANSFORMERS}", named, expected)
        self.preset: Preset | None = PRESETS.get(named)
        self.folder: Path | None = None
        self.files: dict[str, str] = {}
        path = Path(named)
        if self.preset is None and path.exists():
            self._read_folder(path)
        elif self.preset is None:
            self.preset = self._describe_hub_id(named, entry)
        self._check_known(entry)
        like = entry.get("like") or (self.preset.family if self.preset else self._find_family())
        if like not in FAMILIES:
            raise InputError(f"{where}.like: {say_unknown('architecture', like, FAMILIES)}")
        self.like: str = like
        self.family: Family = FAMILIES[like]

    def _check_known(self, entry: Mapping[str, Any]) -> None:
        """Refuse to be told what a preset says."""
        if self.preset not in PRESETS.values():
            return
        said = {
            "like": self.preset.family,
            "dimension": self.preset.dimension,
            "blocks": self.preset.blocks,
        }
        for key, value in said.items():
            if entry.get(key, value) != value:
                raise InputError(
                    f"{self.where}.{key}: is {entry[key]!r}, but {self.preset.hub} has {value!r}: "
                    "remove it"
                )

    def _read_folder(self, path: Path) -> None:
        """Find weights and read both JSON files; `path` is a folder or its file of weights."""
        self.folder = path if path.is_dir() else path.parent
        files = [path] if path.is_file() else [self.folder / name for name in WEIGHTS]
        weights = next((file for file in files if file.is_file()), None)
        if weights:
            self.files["weights"] = str(weights)
        self.config = self._read_json(CONFIG)
        self.front_end = self._read_json(FRONT_END)

    def _read_json(self, name: str) -> dict[str, Any]:
        path = self.folder / name
        where = f"{self.where}.{TRANSFORMERS}: {path}"
        if not path.is_file():
            raise InputError(f"{where} is missing: copy it from the checkpoint's page")
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except (ValueError, OSError) as error:
            raise InputError(f"{where} is not JSON ({error}): copy it again") from None
        if not isinstance(found, dict):
            raise InputError(f"{where} is a list or value, expected an object: copy it again")
        self.files[name] = str(path)
        return found

    def _describe_hub_id(self, named: str, entry: Mapping[str, Any]) -> Preset:
        """The preset with this hub id, or what an entry says of one that no preset has."""
        for preset in PRESETS.values():
            if preset.hub == named:
                return preset
        if not re.fullmatch(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", named):
            known = say_unknown("preset", named, PRESETS)
            raise InputError(f"{self.where}.{TRANSFORMERS}: {known}; or a hub id, or a folder")
        like = entry.get("like")
        dimension = entry.get("dimension")
        missing = [key for key in ("like", "dimension") if entry.get(key) is None]
        if missing:
            raise InputError(
                f"{self.where}.{missing[0]}: is missing: no preset has {named}, so give like (of "
                f"{', '.join(FAMILIES)}), dimension and blocks, which its {CONFIG} has, or "
                "download it and give its folder"
            )
        for key in ("dimension", "blocks"):
            value = entry.get(key)
            if value is not None and (type(value) is not int or value < 1):
                raise InputError(f"{self.where}.{key}: is {value!r}, expected a number from 1 up")
        rates = [preset.samplerate for preset in PRESETS.values() if preset.family == like]
        return Preset(
            named, like, max(rates, default=16000), entry.get("blocks"), dimension, "see its page",
            "", checkpoint=WEIGHTS[0],
        )  # fmt: skip

    def _find_family(self) -> str:
        model_type = self.config.get("model_type")
        if found := find_family(model_type):
            return found
        known = [name for family in FAMILIES.values() for name in family.model_types]
        raise InputError(
            f"{self.where}.{TRANSFORMERS}: {self.files[CONFIG]} has the model_type {model_type!r}, "
            f"known are {', '.join(known)}: name the architecture in {self.where}.like"
        )

    @property
    def shape(self) -> tuple[int | None, int]:
        """The number of blocks, None for an encoder without layers, and the dimension."""
        if self.folder:
            self._check_config()
            return self.family.shape_of(self.config)
        return self.preset.blocks, self.preset.dimension

    @property
    def samplerate(self) -> int:
        """The rate that the checkpoint was trained at."""
        if not self.folder:
            return self.preset.samplerate
        rate = self.front_end.get("sampling_rate")
        if type(rate) is not int or rate < 1:
            raise InputError(
                f"{self.where}.{TRANSFORMERS}: {self.files[FRONT_END]} has the sampling_rate "
                f"{rate!r}, expected the rate that the network was trained at: correct it"
            )
        return rate

    def _check_config(self) -> None:
        if refused := self.family.find_refused(self.config):
            raise InputError(
                f"{self.where}.{TRANSFORMERS}: {self.files[CONFIG]} has {refused}: use another "
                "checkpoint"
            )


def choose(name: str, entry: Mapping[str, Any]) -> Choice:
    """Parse an entry with the key `transformers`.

    Raises `InputError` naming the key.
    """
    where = f"models.{name}"
    check_keys(where, entry, (TRANSFORMERS, *KEYS))
    source = _Source(where, entry)
    untrained = name.endswith(UNTRAINED)
    blocks, dimension = source.shape
    layers, asked = _choose_layers(where, entry, source, blocks)
    options = {
        "backend": choose_word(where, entry, "backend", ("torch",)),
        "like": source.like,
        "layers": layers,
        **_choose_pooling(where, entry, source),
        **_choose_normalise(where, entry, source),
        "window_s": choose_seconds(
            where, entry, "window_s", source.family.seconds, MIN_WINDOW_S, source.family.seconds
        ),
        "batch_size": choose_number(where, entry, "batch_size", AUTO, least=1),
        **({"seed": choose_number(where, entry, "seed", SEED, least=0)} if untrained else {}),
    }
    if "seed" in entry and not untrained:
        raise InputError(f"{where}.seed: is for a control: name the model {name}{UNTRAINED}")
    n_layers = 1 if layers == LAST else blocks + 1 if layers == ALL else len(layers)
    files, local = _list_files(where, entry, source, untrained)
    columns = {}
    if asked:
        order = range(blocks + 1) if layers == ALL else asked
        whole = name_layers(order, dimension)
        columns = {name: whole[name] for name in whole if int(name) in asked}
    model = Model(
        load=later(NETWORK, "load"),
        samplerate=source.samplerate,
        views={"embedding": n_layers * dimension},
        backends={"torch": Backend("transformers", PACKAGES, gpu=True)},
        files=files,
        initial=(
            Initial(later(NETWORK, "write_initial"), "transformers", PACKAGES, ".safetensors")
            if untrained
            else None
        ),
        computes_with=(
            NETWORK,
            "embedding_sensitivity.models.shared.frontend",
            "embedding_sensitivity.models.shared.initial",
            "embedding_sensitivity.models.shared.torch_model",
        ),
        weights_key=TRANSFORMERS,
        facts=source.family.facts,
        layers=columns,
        name=name,
        file=Path(__file__).with_name("network.py"),
        untrained=untrained,
    )
    kept = ("revision", "checkpoint", "blocks", "dimension")
    given = {key: entry[key] for key in (TRANSFORMERS, *kept) if entry.get(key) is not None}
    written = {key: entry[key] for key in ("layers", "keep") if key in entry}
    return Choice(model, options, given, tuple(local), written)


def _choose_layers(
    where: str, entry: Mapping[str, Any], source: _Source, blocks: int | None
) -> tuple[str | list[int], list[int]]:
    """Return the layers that a pass embeds, and those that are analysed, none for the last alone.

    A pass that embeds all is `ALL`, whichever are analysed, so that another one embeds nothing.
    """
    given = entry.get("layers", LAST)
    keep = choose_word(where, entry, "keep", (ASKED, ALL))
    if given == LAST:
        if keep == ALL:
            raise InputError(f"{where}.keep: is for layers by number: give some in {where}.layers")
        return LAST, []
    if not source.family.has_layers:
        raise InputError(
            f"{where}.layers: is {given!r}, but {source.like} has no layers by number, expected "
            f"{LAST}"
        )
    if blocks is None:
        raise InputError(
            f"{where}.blocks: is missing, and layers are asked for by number: give it, as its "
            f"{CONFIG} has it"
        )
    if given == ALL:
        return ALL, list(range(blocks + 1))
    fits = isinstance(given, list) and given and all(type(layer) is int for layer in given)
    if not fits or given != sorted(set(given)) or not 0 <= given[0] <= given[-1] <= blocks:
        raise InputError(
            f"{where}.layers: is {given!r}, expected last, all, or a list of different numbers of "
            f"0 (what enters the first block) to {blocks}, ascending"
        )
    whole = keep == ALL or len(given) == blocks + 1
    return (ALL if whole else given), given


def _choose_pooling(where: str, entry: Mapping[str, Any], source: _Source) -> dict[str, str]:
    if not source.family.poolings:
        if "pooling" in entry:
            raise InputError(
                f"{where}.pooling: {source.like} has one embedding a window: remove the key"
            )
        return {}
    return {"pooling": choose_word(where, entry, "pooling", source.family.poolings)}


def _choose_normalise(where: str, entry: Mapping[str, Any], source: _Source) -> dict[str, bool]:
    value = entry.get("normalise")
    if not source.family.normalises:
        if value is not None:
            raise InputError(f"{where}.normalise: {source.like} has no such step: remove the key")
        return {}
    if type(value) is not bool:
        upstream = source.preset.upstream_normalises if source.preset else None
        if source.folder:
            upstream = source.front_end.get("do_normalize")
        said = "" if upstream is None else f" (upstream's front end: {str(upstream).lower()})"
        found = "is missing" if value is None else f"is {value!r}"
        raise InputError(
            f"{where}.normalise: {found}, expected true, each window gets mean 0 and variance 1, "
            f"which hides gain, or false{said}"
        )
    return {"normalise": value}


def _list_files(
    where: str, entry: Mapping[str, Any], source: _Source, untrained: bool
) -> tuple[tuple[File, ...], list[str]]:
    """Return the files to download, and those on this machine: weights, then both JSON files."""
    if source.folder:
        for key in ("revision", "checkpoint", "blocks", "dimension"):
            if entry.get(key) is not None:
                raise InputError(f"{where}.{key}: is for a hub id: remove it")
        texts = [source.files[CONFIG], source.files[FRONT_END]]
        if untrained:
            return (), texts
        if "weights" not in source.files:
            raise InputError(
                f"{where}.{TRANSFORMERS}: {source.folder} has neither {' nor '.join(WEIGHTS)}: put "
                "the weights there, in one file"
            )
        _check_mark(where, source.files["weights"])
        return (), [source.files["weights"], *texts]
    if untrained:
        if not source.preset.is_default:
            raise InputError(
                f"{where}.{TRANSFORMERS}: of {source.preset.hub} no untrained control is made "
                f"without its {CONFIG}: give a folder that has it and {FRONT_END}"
            )
        return (), []
    return _list_hub_files(where, entry, source.preset), []


def _list_hub_files(where: str, entry: Mapping[str, Any], preset: Preset) -> tuple[File, ...]:
    revision = entry.get("revision") or preset.revision
    if revision and not re.fullmatch("[0-9a-f]{40}", str(revision)):
        raise InputError(
            f"{where}.revision: is {revision!r}, expected a commit, 40 hexadecimal digits: a "
            "branch would change"
        )
    checkpoint = entry.get("checkpoint") or preset.checkpoint
    if checkpoint not in WEIGHTS:
        raise InputError(f"{where}.checkpoint: is {checkpoint!r}, expected {' or '.join(WEIGHTS)}")
    # Of another commit nothing is known.
    is_known = revision == preset.revision
    pins, reported = (preset.pins, preset.reported) if is_known else ({}, {})
    stem = f"{preset.hub.replace('/', '--')}--{(revision or 'first')[:8]}"
    found = []
    for name in (checkpoint, CONFIG, FRONT_END):
        pin = pins.get(name)
        found.append(
            File(
                file_name=f"{stem}--{name}",
                url=HUB.format(hub=preset.hub, revision=revision or "main", file=name),
                hash_kind="sha256" if pin else "lock",
                digest=pin.sha256 if pin else "",
                licence=preset.licence,
                size=pin.size if pin else None,
                starts=TORCH_STARTS if name.endswith(".bin") else (),
                reported="" if pin else reported.get(name, ""),
                is_pickled=name.endswith(".bin"),
            )
        )
    return tuple(found)


def _check_mark(where: str, path: str) -> None:
    """Refuse weights that this library made untrained, under a name that doesn't say so."""
    if not path.endswith(".safetensors"):
        return
    try:
        with open(path, "rb") as file:
            length = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(min(length, 100_000_000)))
    except (ValueError, OSError):
        return  # the job says what is wrong with it
    if "untrained" in (header.get("__metadata__") or {}):
        raise InputError(
            f"{where}: {path} are untrained weights: name the model {where[7:]}{UNTRAINED}, which "
            "makes its own"
        )
