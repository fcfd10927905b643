"""What a run makes, and from what: the lists and functions that the rules use.

A part of embeddings or kept audio is named by its identity. If it exists it has no inputs
(`skip_if_made`), and no script, environment or time makes it again (`snakemake_internals`).
"""

import os
from collections.abc import Callable, Iterable
from functools import cached_property
from itertools import chain, product
from pathlib import Path
from typing import Any

from embedding_sensitivity import models
from embedding_sensitivity.clips.clip import in_split, read_clips
from embedding_sensitivity.clips.dataset import is_plain_file
from embedding_sensitivity.clips.recordings import LabelRecordings, describe_faults
from embedding_sensitivity.downloads import published_files
from embedding_sensitivity.downloads.expected_hashes import check_weights, find_known_sha256
from embedding_sensitivity.effects import EFFECTS, levels
from embedding_sensitivity.effects.level_folders import find_recordings
from embedding_sensitivity.effects.levels import ORIGINAL
from embedding_sensitivity.experiment import (
    embedding_files,
    identity,
    manifest,
    source_code,
    targets,
)
from embedding_sensitivity.experiment.clip_index import NAME, read_record
from embedding_sensitivity.experiment.data import source_of
from embedding_sensitivity.experiment.measures import Measure
from embedding_sensitivity.experiment.settings import describe_left_out, load_settings
from embedding_sensitivity.experiment.tables import read_table
from embedding_sensitivity.files.content import hash_of
from embedding_sensitivity.files.declarations import find_environment_file
from embedding_sensitivity.files.errors import InputError
from embedding_sensitivity.models import Choice

SCRIPTS = identity.FOLDER.parent
ROOT = SCRIPTS.parent
# Files of a response card, by ending.
CARD_FILES = ("json", "pdf", "png")
# Test clips a label that the explorer plays, unless the config says otherwise.
N_SNIPPETS = 6
PART = "[-0-9._a-f]+"


class Plan:
    """A configuration, and what follows from it.

    Attributes
    ----------
    settings : checked, complete
    config : their file
    source : where clips come from, `data.Source`
    index : the clip index, `clip_index.ClipIndex`; None for a run from embeddings
    imported : whether the run starts from embeddings made elsewhere
    effects, labels : names
    models : names of what is analysed, models or layers of them
    networks : names of the models that embed; a layer is cut out of what its network embeds
    results : the experiment's folder
    """

    def __init__(self, given: dict[str, Any], config: str) -> None:
        """Check a configuration; raises `InputError` naming file and key."""
        self.config = config
        settings = load_settings(given, config)
        self.imported = settings.data is None
        if not self.imported:
            identity.check_environments(settings, config)
        self.source = source_of(settings, config)
        self.settings = self.source.complete()
        self.effects = sorted(self.settings.effects)
        self.models = self.settings.analysed
        self.networks = sorted(self.settings.models)
        self.labels = self.settings.labels
        self.results = f"results/{self.settings.experiment}"
        self.index = None if self.imported else self.source.plan_index()
        # Called if an identity depends on clips to be indexed or weights to be fetched. Each raises
        # until that is done.
        self.wait_for_index: Callable[[], None] = lambda: None
        self.wait_for_weights: Callable[[str], None] = lambda name: None
        self._audio: dict[tuple[str, tuple[str, ...]], str] = {}
        self._embeddings: dict[tuple[str, str | None, tuple[str, ...]], str] = {}

    # Clips

    def clips(self) -> str:
        """Return the eight digits of the clips, which identities of embeddings depend on."""
        if self.index.identity:
            return self.index.identity
        self.wait_for_index()
        record = read_record(Path(self.results, NAME))
        return record.identity if record else self.index.new_identity

    # Audio

    def _levels_of(self, effect: str | None, batch: str) -> tuple[str, ...]:
        """Return the levels that a batch's identity depends on: of recordings in folders alone."""
        recorded = effect and self.settings.declared[effect].instance.folders
        return tuple(levels.batch_levels(batch)) if recorded else ()

    def audio_identity(self, effect: str, batch: str = "") -> str:
        """Return the eight digits of an effect's audio at a batch of levels."""
        key = effect, self._levels_of(effect, batch)
        if key not in self._audio:
            found = identity.audio_identity(self.settings, effect, self.clips(), key[1])
            self._audio[key] = found
        return self._audio[key]

    def audio(self, effect: str, part: str) -> str:
        """Return the file of effected audio that a part is embedded from."""
        batch = part.rpartition(".")[0]
        return f"{self.results}/audio/{effect}/{batch}.{self.audio_identity(effect, batch)}.h5"

    def recordings(self) -> list[str]:
        """Return the files of recordings in a folder a level."""
        found = set()
        for effect in self.settings.declared.values():
            if not self.imported and effect.instance.folders:
                for level in self.levels(effect.name):
                    found |= set(find_recordings(effect, level).values())
        return sorted(filter(is_plain_file, found - set(self.source.audio)))

    def kept_audio(self) -> list[str]:
        """Return the folders of effected audio kept for listening."""
        return [
            f"{self.results}/audio_kept/{effect}/{level}.{self.audio_identity(effect, level)}"
            for effect, level in targets.kept_audio(self.settings)
        ]

    def signal_parts(self, effect: str) -> list[str]:
        """Return the files of how much each level of an effect changes a sample of clips."""
        folder = f"{self.results}/signal/{effect}"
        return self._parts(
            folder,
            effect,
            lambda batch: identity.signal_identity(self.audio_identity(effect, batch)),
            "csv",
        )

    def signal_inputs(self, effect: str, part: str) -> dict[str, Any]:
        """Return what one of them is made from: effected audio where it is rendered anyway.

        That is where it is embedded too, and where a few clips can't be rendered by themselves:
        one depends on others, or the effect needs an environment of its own.
        """
        batch = part.rpartition(".")[0]
        declared = self.settings.declared[effect]
        carried = declared.stateful and self.settings.protocol.reverb_state == "carried"
        audio = self.audio(effect, part)
        rendered = (
            carried
            # Left by a run that was stopped between embedding and this: it is deleted when used.
            or os.path.exists(audio)
            or declared.needs_other
            or declared.environment != "audio"
            or any(
                Path(path).name.rsplit(".", 2)[0] == batch and not os.path.exists(path)
                for model in self.models
                for path in self.parts(model, effect)
            )
        )
        return {"clips": f"{self.results}/clips.csv", "audio": [audio] if rendered else []}

    # Embeddings

    def identity(self, model: str, effect: str | None = None, batch: str = "") -> str:
        """Return the eight digits of embeddings of an effect at a batch of levels.

        Of the originals for None. Only of recordings in folders does it depend on the batch. A
        layer has those of its network.
        """
        model = models.network_of(model)
        key = model, effect, self._levels_of(effect, batch)
        if key not in self._embeddings:
            for file in self.unknown_weights(model):
                self.wait_for_weights(file)
            found = identity.embedding_identity(self.settings, model, effect, self.clips(), key[2])
            self._embeddings[key] = found
        return self._embeddings[key]

    def parts(self, model: str, effect: str) -> list[str]:
        """Return the parts that together hold a model's embeddings at all levels of an effect."""
        folder = f"{self.results}/embeddings/{models.network_of(model)}/{effect}"
        return self._parts(folder, effect, lambda batch: self.identity(model, effect, batch), "h5")

    def _parts(
        self, folder: str, effect: str, identity_of: Callable[[str], str], ending: str
    ) -> list[str]:
        """Return files of batches that together hold all levels, reusing those that are there.

        `identity_of` gives the digits that a batch has now.
        """
        found = (path.stem.rpartition(".") for path in sorted(Path(folder).glob(f"[!.]*.{ending}")))
        there = [
            batch for batch, _, digits in found if digits == self._find(effect, identity_of, batch)
        ]
        batches = levels.plan_batches(
            self.settings.grid(effect),
            self.settings.extra(effect),
            self.settings.levels_per_job,
            there,
        )
        return [f"{folder}/{batch}.{identity_of(batch)}.{ending}" for batch in batches]

    def _find(self, effect: str, identity_of: Callable[[str], str], batch: str) -> str | None:
        """Return the digits that a batch has now; None if a level's recordings are gone."""
        try:
            return identity_of(batch)
        except InputError:
            if set(self._levels_of(effect, batch)) <= set(self.levels(effect)):
                raise
            return None  # of a level that was taken out

    def original(self, model: str) -> list[str]:
        """Return the store of a model's embeddings of the original clips; none if it has none."""
        folder = f"{self.results}/embeddings/{model}"
        if not self.settings.has_originals:
            return []
        if self.imported:
            return [f"{folder}/original.h5"]
        return [f"{folder}/original/{self.identity(model)}.h5"]

    def network_original(self, layer: str) -> list[str]:
        """Return the store of the originals that a layer is cut out of."""
        return self.original(models.network_of(layer))

    def check_part(self, model: str, effect: str | None, part: str) -> str:
        """Return a part's identity; raise `InputError` if it changed since the run was planned."""
        batch, _, planned = part.rpartition(".")
        now = self.identity(model, effect, batch)
        if planned != now:
            raise InputError(
                f"{model}/{effect or 'original'}/{part}.h5: {model} is {now} now: its options, "
                "code or clips changed since the run was planned: run again"
            )
        return now

    def weights(self, model: str) -> list[str]:
        """Return the files of a model's weights; none if they come with a package."""
        return identity.weights_files(self.choice(model))

    def unknown_weights(self, *names: str) -> list[str]:
        """Return names of files of models, by default all, whose hash is unknown until fetched."""
        found = map(identity.find_unpublished, map(self.choice, names or self.networks))
        return [name for files in found for name, sha256 in files.items() if not sha256]

    def check_weights(self) -> None:
        """Raise `InputError` if downloaded weights have changed since they were fetched."""
        for model in self.downloaded_models():
            for path, file in zip(self.weights(model), self.published(model), strict=True):
                if find_known_sha256(path, file["sha256"]) and (found := hash_of(path)):
                    check_weights(path, found, file["file_name"], file["sha256"])

    def all_weights(self) -> list[str]:
        """Return the files of weights of all models."""
        found = () if self.imported else map(self.weights, self.networks)
        return sorted({file for files in found for file in files})

    def choice(self, model: str) -> Choice:
        """Return a model, or that of a layer, as the run uses it."""
        return self.settings.choices[models.network_of(model)]

    def columns(self, model: str) -> list[int] | None:
        """Return first and last column of a layer in its network's embeddings; None of a model."""
        found = self.choice(model).analysed[model]
        return found and list(found)

    def layers(self) -> list[str]:
        """Return the names of what is analysed that are layers."""
        return [name for name in self.models if name not in self.networks]

    def title(self, model: str) -> str:
        """Return a model's name for people, which says if it is a control."""
        if self.imported:
            return models.title(model)
        return models.title_of(model, self.choice(model).control)

    def n_threads(self, model: str) -> int:
        """Return the processes that prepare clips for a GPU, or the network's threads on a CPU."""
        return 8 if self.choice(model).backend.gpu else 1

    def n_gpus(self, model: str) -> int:
        return int(self.choice(model).backend.gpu and self.settings.device != "cpu")

    def store_attributes(self, model: str, effect: str) -> dict:
        """Return the attributes that the parts of an effect's store must have."""
        return {
            **self.choice(model).identity,
            "protocol": self.model_protocol(model, effect),
            "effect": effect,
            "unit": self.settings.declared[effect].unit,
        }

    def audio_protocol(self, effect: str) -> dict:
        return identity.audio_protocol(self.settings, effect)

    def model_protocol(self, model: str, effect: str | None) -> dict:
        return identity.model_protocol(self.settings, model, effect)

    # All of a run

    def check_writable(self) -> None:
        """Raise `InputError` for a read-only folder: Snakemake would print a traceback."""
        experiment = self.settings.experiment
        for folder in (self.results, f"logs/{experiment}", f"benchmarks/{experiment}"):
            there = next(path for path in (Path(folder), *Path(folder).parents) if path.exists())
            if not os.access(there, os.W_OK):
                raise InputError(
                    f"{folder}: may not be written: make it writable (it may be on a read-only "
                    "disk, or another user's), or run in another folder with --directory"
                )

    def describe_effect(self, effect: str) -> dict:
        """Return what figures and captions need to know about an effect."""
        declared = self.settings.declared[effect]
        return {
            "name": effect,
            "parameter": declared.parameter,
            "unit": declared.unit,
            "log_axis": declared.scale == "log",
            "neutral": declared.neutral,
            "levels": self.settings.levels(effect),
        }

    def describe_sides(self, measure: Measure) -> str:
        """Say what a measure does with effects whose neutral level lies between others, if any."""
        found = []
        for name in self.effects:
            neutral, levels = self.settings.declared[name].neutral, self.settings.levels(name)
            if neutral is not None and float(levels[0]) < neutral < float(levels[-1]):
                found.append(name)
        if not found or not measure.two_sided:
            return ""
        said = measure.two_sided.replace("`", "``")  # as reStructuredText has it
        return f"**Levels on both sides of no effect** ({', '.join(found)}): {said}."

    def describe_entry(self, effect: str) -> str:
        """Say what the config makes of an effect; nothing of one that is as it is declared."""
        made = self.settings.declared[effect].instance
        return made.text if made and (made.changed or made.kind != effect) else ""

    def describe_experiment(self) -> dict:
        """Return what response cards say of the experiment as a whole."""
        return {
            "experiment": self.settings.experiment,
            "clips": self.source.describe(),
            "effects": [
                {**self.describe_effect(effect), "made": self.describe_entry(effect)}
                for effect in self.effects
            ],
        }

    def describe_dropped(self) -> str:
        """Say how many clips a finished run dropped; empty if none."""
        clips, dropped = (
            Path(self.results, name) for name in ("clips.csv", "tables/dropped_clips.csv")
        )
        if self.imported or not (clips.exists() and dropped.exists()):
            return ""
        n_dropped = len(read_table(dropped, "dropped_clips"))
        if not n_dropped:
            return ""
        n_embedded = len(in_split(read_clips(clips)))
        return (
            f"{n_dropped} files were not valid clips and were left out, {n_embedded} clips are "
            "embedded; dropped_clips.csv, under *Clips* on the left, has the reasons"
        )

    def describe_left_out(self) -> str:
        """Say what a run without originals leaves out; empty of another run."""
        return describe_left_out(self.settings)

    def describe_recordings(self) -> str:
        """Describe faults of a finished run's recordings; empty if there are none."""
        table = Path(self.results, "tables/recordings.csv")
        if not table.exists():
            return ""
        rows = (
            {key: text if key == "label" else int(text) for key, text in row.items()}
            for row in read_table(table, "recordings")
        )
        return "; ".join(describe_faults([LabelRecordings(**row) for row in rows], self.labels))

    def published(self, model: str) -> list[dict[str, str]]:
        """Return name and published hash of each file that a model reads."""
        return published_files.list_published_weights(self.choice(model).model)

    def planned_weights(self, model: str) -> list[dict[str, str]]:
        """Return the same, with the planned hash of files without a published one."""
        planned = identity.find_unpublished(self.choice(model))
        # Files without a published hash are never packed.
        return [
            {**file, "planned": planned.get(file["file_name"], "")}
            for file in self.published(model)
        ]

    def downloaded_models(self) -> list[str]:
        """Return the models with published weights."""
        return [] if self.imported else [name for name in self.networks if self.published(name)]

    def pinned_weights(self) -> list[str]:
        """Return the files of weights without a published hash: the lock file has it."""
        found = set()
        for name in self.downloaded_models():
            files = zip(self.weights(name), self.published(name), strict=True)
            found |= {path for path, published in files if not published["sha256"]}
        return sorted(found)

    def downloads(self) -> dict[str, list[str]]:
        """Return files that are downloaded, or used instead, with name, kind of hash and hash."""
        local = getattr(self.settings.data, "local", None)
        given = dict.fromkeys(self.source.downloads)
        if "irmas" in given:
            given["irmas"] = local
        for source in self.settings.sources.values():
            if source.model in self.downloaded_models():
                choices = self.settings.choices
                given[source.name] = next(
                    iter(published_files.local_weights(choices, source)), None
                )
        found = {}
        for name, path in given.items():
            source = self.settings.sources[name]
            kept = f"resources/downloads/{source.file_name}"
            found[path or kept] = [source.file_name, source.hash_kind, source.digest]
        return found

    def controls(self) -> list[str]:
        """Return the models that are controls: untrained or handcrafted."""
        if self.imported:
            return [name for name in self.models if models.control(name)]
        return [name for name in self.models if self.choice(name).control]

    def units(self) -> dict[str, str]:
        """Return the unit of each effect's levels."""
        return {effect: self.settings.declared[effect].unit for effect in self.effects}

    def code_version(self) -> str:
        """Return a hash of the checkout's code and of the user's own files in the config."""
        files = (*manifest.code_files(ROOT), *self.settings.user_files)
        return manifest.code_version(files, ROOT)["sha256"]

    def list_imported_files(self) -> list[str]:
        """Return the files of embeddings made elsewhere that the run reads."""
        if not self.imported:
            return []
        pairs = product(self.models, self.effects)
        found = [path for model in self.models for path in self.imported_originals(model)]
        found += [path for pair in pairs for path in self.imported_levels(*pair)]
        return list(dict.fromkeys(found))

    def imported_originals(self, model: str) -> list[str]:
        """Return the file of a model's embeddings of originals made elsewhere; none if none is."""
        return [path for path in [self.settings.find_originals(model)] if path]

    def imported_levels(self, model: str, effect: str) -> list[str]:
        """Return the files of a model's embeddings of an effect: one a level, or one array."""
        given = self.settings.embeddings
        if given.file:
            return [embedding_files.fill_in(given.file, model, effect)]
        files = self._level_files[effect]
        return [files[level] for level in self.levels(effect)]

    @cached_property
    def _level_files(self) -> dict[str, dict[str, str]]:
        folder = embedding_files.folder_of(self.settings.embeddings.directory)
        return embedding_files.level_files(folder, self.effects, self.settings.declared)

    def levels(self, effect: str) -> list[str]:
        return self.settings.levels(effect)

    def stacks(self) -> list[str]:
        """Return the environments that the run's jobs use."""
        if self.imported:
            return ["analysis"]
        stacks = {"analysis", "audio"}
        for choice in self.settings.choices.values():
            stacks.add(choice.environment)
            stacks |= {choice.weights_environment} - {None}
        stacks |= {effect.environment for effect in self.settings.declared.values()}
        return sorted(stacks)

    def stores(self) -> list[str]:
        """Return all stores of embeddings but those of `model_stores`."""
        every = dict.fromkeys((*self.models, *self.networks))
        found = [path for model in every for path in self.original(model)]
        for model, effect in product(self.models, self.effects):
            found.append(f"{self.results}/embeddings/{model}/{effect}.h5")
        for model, effect in () if self.imported else product(self.networks, self.effects):
            found += self.parts(model, effect)
        return found

    def model_stores(self) -> list[str]:
        """Return each model's store that joins its other stores, for people."""
        return [f"{self.results}/embeddings/{model}.h5" for model in self.models]

    def tables(self) -> list[str]:
        """Return all tables but the comparison with the paper, and provenance.json."""
        names = [f"{name}.csv" for name in targets.tables(self.settings)]
        return [f"{self.results}/tables/{name}" for name in (*names, "provenance.json")]

    def figures(self) -> list[str]:
        """Return all figures but those of the comparison with the paper."""
        return self._list_figure_files(targets.figures(self.settings, self.config))

    def comparisons(self) -> list[str]:
        """Return table and figures that compare the paper's own run with the paper."""
        stems = targets.comparisons(self.settings)
        tables = [f"{self.results}/tables/paper_comparison.csv"] if stems else []
        return tables + self._list_figure_files(stems)

    def explorer(self) -> str:
        """Return the page of the run's answers."""
        return f"{self.results}/explorer.html"

    def n_snippets(self) -> int:
        """Return how many clips of a label the explorer plays, at most."""
        if self.imported:
            return 0
        asked = self.settings.explorer.snippets
        of_irmas = self.settings.data.source == "irmas"
        return (0 if of_irmas else N_SNIPPETS) if asked is None else asked

    def split_heard(self) -> tuple[list[str], list[str]]:
        """Return the effects whose snippets are rendered, and those that the page applies."""
        if not self.n_snippets():
            return [], []
        declared = self.settings.declared
        applied = [
            effect
            for effect in self.effects
            if declared[effect].file == EFFECTS["gain"].file
            if not (declared[effect].instance and declared[effect].instance.changed)
        ]
        recorded = [effect for effect in self.effects if declared[effect].instance.folders]
        return [each for each in self.effects if each not in (*applied, *recorded)], applied

    def snippets(self) -> list[str]:
        """Return the files of what the explorer plays."""
        if not self.n_snippets():
            return []
        return [
            f"{self.results}/snippets/{name}.json" for name in (ORIGINAL, *self.split_heard()[0])
        ]

    def describe_run(self) -> dict[str, Any]:
        """Return what the explorer says of the run besides its tables, as `contents.Run`."""
        settings = self.settings
        return {
            "experiment": settings.experiment,
            "clips": self.source.describe(),
            "labels": self.labels,
            "models": [self._describe_model(model) for model in self.models],
            "effects": [
                {**self.describe_effect(effect), "made": self.describe_entry(effect)}
                for effect in self.effects
            ],
            "protocol": {} if self.imported else settings.protocol.model_dump(),
        }

    def _describe_model(self, model: str) -> dict[str, str]:
        control = models.control(model) if self.imported else self.choice(model).control
        return {"name": model, "title": self.title(model), "control": control}

    def published_numbers(self) -> list[str]:
        """Return the files of the paper's numbers, if the run is compared with them."""
        names = ("table1_global_r2", "fig4_auc")
        return [locate(f"data/paper/{name}.csv") for name in names] if self.comparisons() else []

    def _list_figure_files(self, stems: Iterable[str]) -> list[str]:
        return [
            f"{self.results}/figures/{stem}.{kind}" for stem in stems for kind in ("pdf", "png")
        ]

    def cards(self) -> list[str]:
        """Return the models' cards: none without originals, which most of their numbers need."""
        cards = product(self.models, CARD_FILES) if self.settings.has_originals else ()
        return [f"{self.results}/cards/{model}.{kind}" for model, kind in cards]

    def kept_outputs(self) -> list[str]:
        """Return all files that a run keeps in its folder, except the manifest."""
        pairs = list(product(self.models, self.effects))
        tables = targets.analysis_tables(self.settings)
        return [
            *(f"{self.results}/{index}.csv" for index in ("clips", "clips_report")),
            *([self.source.mark] if self.source.made_here else []),
            *self.stores(),
            *(f"{self.results}/directions/{model}/{effect}.h5" for model, effect in pairs),
            *(
                f"{self.results}/analysis/{model}/{effect}/{table}.csv"
                for model, effect in pairs
                for table in tables
            ),
            *self.tables(),
            *self.cards(),
            *self.figures(),
            *self.comparisons(),
            # Without originals there is nothing that its answers could be about.
            *([*self.snippets(), self.explorer()] if self.settings.has_originals else []),
            *self.model_stores(),
            *self.kept_audio(),
            *(
                chain.from_iterable(map(self.signal_parts, self.effects))
                if self.settings.data and self.settings.has_originals
                else []
            ),
        ]


def skip_if_made(path: str, forced: bool, **inputs: Any) -> dict[str, Any]:
    """Return the inputs of a file named by its identity: none if it exists.

    Otherwise audio rendered for another model would make a finished part again.
    """
    return {} if os.path.exists(path) and not forced else inputs


def conda_file(environment: str) -> str:
    """Return an environment's YAML file as `conda:` of a rule expects it, relative to `rules/`."""
    file = find_environment_file(environment, ROOT)
    return f"../envs/{file.name}" if file.parent == ROOT / "envs" else str(file.absolute())


def locate(name: str) -> str:
    """Return the path of a file of the checkout from the folder that Snakemake runs in."""
    return os.path.relpath(ROOT / name)


def hash_code(script: str, *chosen: str | source_code.Called) -> str:
    """Return a hash of what a script computes with the library modules that it imports.

    `chosen` are modules that it picks by name when it runs. As a parameter of a rule, the hash
    makes tables and figures again after a change of their own code, and of no other.
    """
    return source_code.script_digest(SCRIPTS, script, *chosen)
