"""The sources of clips, one class each, as far as a plan needs to know them."""

import os
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from embedding_sensitivity.clips import dataset, irmas, recordings
from embedding_sensitivity.clips.demo_music import demo_clips
from embedding_sensitivity.clips.split import check_label_counts, check_split
from embedding_sensitivity.downloads.published_files import SOURCES
from embedding_sensitivity.effects import EFFECTS
from embedding_sensitivity.effects.level_folders import folder_of, pair_recordings
from embedding_sensitivity.experiment import embedding_files, identity
from embedding_sensitivity.experiment.clip_index import ClipIndex, plan_index
from embedding_sensitivity.experiment.embedding_files import PREFIX
from embedding_sensitivity.experiment.paper import LEVELS
from embedding_sensitivity.experiment.settings import (
    FoundLevels,
    ImportSettings,
    Settings,
    check_labels,
)
from embedding_sensitivity.files.atomic import sha256_of
from embedding_sensitivity.files.content import hash_of
from embedding_sensitivity.files.errors import InputError

ARCHIVE_FOLDER = "resources/IRMAS-TrainingData"
PUBLISHED_SPLIT = "resources/train_test_split.csv"


class Source(ABC):
    """A source of clips.

    Attributes
    ----------
    audio : files that are indexed, or the folder that has them
    split : file of the split; empty if it is generated
    folders : where new audio files would be part of the next run
    unreadable : audio files that Snakemake cannot take as inputs: the index reports what is wrong
    made_here : audio is rendered by the workflow itself
    downloads : names of the downloads that the clips need, of `downloads.published_files`
    notes : lines about the files, for whoever plans a run
    fixed_by : what fixes the content of the audio, if not the files alone
    """

    made_here = False
    notes: Sequence[str] = ()
    audio: Sequence[str] = ()
    split: Sequence[str] = ()
    folders: Sequence[str] = ()
    unreadable: Sequence[str] = ()
    downloads: Sequence[str] = ()
    fixed_by = ""

    def __init__(self, settings: Settings, config: str) -> None:
        self.settings, self.config = settings, config
        self.results = f"results/{settings.experiment}"

    @property
    def files(self) -> Sequence[str]:
        """Audio files whose content is known only by reading them."""
        return self.audio

    def split_digest(self) -> str | None:
        """Return a hash of the split file; None if it is generated or does not exist."""
        file = next(iter(self.split), None)
        return sha256_of(file) if file and os.path.isfile(file) else None

    def plan_index(self) -> ClipIndex:
        """Find out whether the clip index has to be made; see `clip_index.plan_index`."""
        made_by = identity.index_identity(self.settings, self.split_digest(), self.fixed_by)
        outputs = [f"{self.results}/{name}.csv" for name in ("clips", "clips_report")]
        tables = ("dropped_clips", "recordings")
        outputs += [f"{self.results}/tables/{table}.csv" for table in tables]
        rendered_by = self.fixed_by if self.made_here else ""
        return plan_index(self.results, outputs, made_by, self.files, rendered_by)

    @cached_property
    def rows(self) -> list[dataset.SplitRow] | None:
        """The rows of the split; None if it is generated or downloaded."""
        data = self.settings.data
        given = data.split not in ("generated", "published")
        return dataset.read_split(data.split, getattr(data, "group", None)) if given else None

    def known_labels(self) -> list[str]:
        """Return the labels of the clips, from the split if its rows are known."""
        return dataset.find_labels(self.audio, self.rows)

    def complete(self) -> Settings:
        """Return the settings with the labels that are analysed.

        Raises `InputError` for a label without clips, or with too few. For a generated split only
        the index counts the training clips of a label.
        """
        settings, known = self.settings, self.known_labels()
        labels = settings.labels or settings.data.labels or known
        for key, wanted in (("labels", labels), ("data.labels", settings.data.labels)):
            for label in wanted or ():
                if label not in known:
                    raise InputError(
                        f"{self.config}: {key}: no clip is labelled {label!r}: the labels are "
                        f"{', '.join(known)}"
                    )
        if settings.labels is None:
            check_labels("figures.labels", settings.figures.labels, labels)
        if self.rows:
            training = Counter(row.label for row in self.rows if row.split == "train")
            try:
                check_label_counts({label: training[label] for label in labels})
            except InputError as error:
                raise InputError(f"{settings.data.split}: {error}") from None
        elif len(labels) < 2:
            raise InputError(
                f"{self.config}: labels: the data has {', '.join(labels) or 'none'}, at least two "
                "are needed: give each label's clips a sub-folder of data.folder, or a data.split"
            )
        self.settings = settings.model_copy(update={"labels": labels})
        return self.settings

    @abstractmethod
    def describe(self) -> str:
        """Describe where the clips come from, for the report."""


class Demo(Source):
    """Clips rendered from a soundfont."""

    made_here = True

    def __init__(self, settings: Settings, config: str) -> None:
        super().__init__(settings, config)
        data = settings.data
        self.folder = f"{self.results}/clips"
        clips = demo_clips(data.labels, data.train, data.test, data.parts_per_group, data.seed)
        self.audio = [f"{self.folder}/{clip.file_name}" for clip in clips]
        self.split = [f"{self.folder}/split.csv"]
        self.fixed_by = identity.demo_identity(data.model_dump(exclude={"source"}))
        self.mark = f"{self.folder}/.identity"

    def split_digest(self) -> None:
        """Return None: the split is rendered with the clips."""

    @property
    def rendered(self) -> bool:
        """Whether all clips exist, rendered with the current settings and code."""
        mark = Path(self.mark)
        made = mark.is_file() and mark.read_text(encoding="utf-8") == self.fixed_by
        return made and all(map(os.path.exists, (*self.audio, *self.split)))

    def complete(self) -> Settings:
        labels = self.settings.labels or self.settings.data.labels
        check_labels("figures.labels", self.settings.figures.labels, labels)
        self.settings = self.settings.model_copy(update={"labels": labels})
        return self.settings

    def describe(self) -> str:
        data = self.settings.data
        return (
            f"music rendered by the workflow itself: {data.train} training clips and {data.test} "
            "test clips of each label"
        )


class Irmas(Source):
    """IRMAS's training set; the hashes of archive and split are known."""

    def __init__(self, settings: Settings, config: str) -> None:
        super().__init__(settings, config)
        local = settings.data.local
        self.local_folder = os.path.isdir(local or "")
        if local is not None and not os.path.exists(local):
            raise InputError(
                f"{config}: data.local: {local} does not exist: give IRMAS-TrainingData.zip or "
                "the folder it unpacks to, or null to download it"
            )
        # The archive's files are not known before it is unpacked.
        self.audio = self.folders = [local if self.local_folder else ARCHIVE_FOLDER]
        self.published_split = settings.data.split == "published"
        if self.published_split:
            self.split = [PUBLISHED_SPLIT]
        elif settings.data.split != "generated":
            self.split = [settings.data.split]
        self.downloads = [
            *([] if self.local_folder else ["irmas"]),
            *(["split"] if self.published_split else []),
        ]
        self.fixed_by = "a folder" if self.local_folder else SOURCES["irmas"].digest

    @property
    def files(self) -> Sequence[str]:
        return ()

    def split_digest(self) -> str | None:
        # The job that indexes the clips reports another file in its place.
        published = SOURCES["split"].digest if self.published_split else None
        return super().split_digest() or published

    def known_labels(self) -> list[str]:
        return super().known_labels() if self.rows else sorted(irmas.LABELS.values())

    def describe(self) -> str:
        return (
            f"IRMAS's training set; split into training and test clips: {self.settings.data.split}"
        )


class Folder(Source):
    """Audio files below a folder of the user's."""

    def __init__(self, settings: Settings, config: str) -> None:
        super().__init__(settings, config)
        data = settings.data
        self.folders = [data.folder]
        listing = dataset.list_folder(data.folder)
        self.all_audio = listing.audio
        n_audio, n_others = len(listing.audio), len(listing.passed_over)
        reasons = Counter(entry.reason for entry in listing.passed_over).most_common()
        said = (
            f" ({'; '.join(f'{count}: {reason}' for reason, count in reasons)})" if reasons else ""
        )
        self.notes = [f"{data.folder}: {n_audio} files of audio, {n_others} passed over{said}"]
        self.files_by_id = dataset.files_by_id(self.all_audio)
        self.unreadable = [path for path in self.all_audio if not dataset.is_plain_file(path)]
        self.audio = [path for path in self.all_audio if path not in set(self.unreadable)]
        self.split = [] if data.split == "generated" else [data.split]
        for effect in settings.declared.values():
            if effect.instance.folders:
                self.folders += [folder_of(effect, level) for level in settings.levels(effect.name)]

    @property
    def files(self) -> Sequence[str]:
        return self.all_audio

    def known_labels(self) -> list[str]:
        return dataset.find_labels(self.all_audio, self.rows, self.settings.data.folder)

    def complete(self) -> Settings:
        settings = super().complete()
        data, rows = settings.data, self.rows or ()
        dataset.check_paths(rows, self.files_by_id, data.split)
        pattern = recordings.compile_group(
            data.group, dataset.read_columns(data.split) if rows else ()
        )
        described = {c: dataset.describe(path, data.folder) for c, path in self.files_by_id.items()}
        labels = {clip: label for clip, (label, *_) in described.items()}
        labels = {row.clip: row.label for row in rows} or labels
        analysed = {
            clip: path
            for clip, path in self.files_by_id.items()
            if labels.get(clip) in settings.labels
        }
        found = {clip: described[clip][2] for clip in analysed}
        found |= {row.clip: row.group for row in rows if row.group and row.clip in analysed}
        if pattern:
            found = recordings.name_recordings(analysed, data.folder, pattern)
        pairs = sorted({(labels[clip], recording) for clip, recording in found.items()})
        numbers = Counter(label for label, _ in pairs)
        counted = ", ".join(f"{label} {number}" for label, number in numbers.items())
        self.notes.append(f"{len(set(found.values()))} recordings: {counted}")
        if pattern and (shared := recordings.find_shared_recordings(pairs)):
            counts = Counter(label for label, recording in pairs if recording in shared)
            self.notes.append(recordings.describe_shared(counts))
        named = data.group or any(row.group for row in rows)
        if data.on_bad_clip == "fail":  # else the job knows which clips there are
            self._check_recordings(labels)
        unnamed = 0 if named else sum(described[clip][2] == clip for clip in analysed)
        if unnamed:
            self.notes.append(recordings.describe_unnamed(unnamed, len(analysed)))
        return settings

    def _check_recordings(self, labels: Mapping[str, str]) -> None:
        """Refuse a level in a folder that lacks a clip, or that has the clips as they are."""
        settings, wanted = self.settings, self.settings.data.labels
        clips = [
            clip
            for clip in self.files_by_id
            if (label := labels.get(clip)) and label in (wanted or (label,))
        ]
        for effect in settings.declared.values():
            for level in settings.levels(effect.name) if effect.instance.folders else ():
                files = pair_recordings(effect, level, clips)
                if not settings.has_originals or float(level) == effect.neutral:
                    continue
                if all(hash_of(files[clip]) == hash_of(self.files_by_id[clip]) for clip in clips):
                    raise InputError(
                        f"effects.{effect.name}: the recordings of level {level} are the clips of "
                        f"{settings.data.folder} themselves: say that it is `neutral`, leave the "
                        "level out, or, if they are no originals, set data.originals: false"
                    )

    def describe(self) -> str:
        data = self.settings.data
        return f"audio of {data.folder}; split into training and test clips: {data.split}"


class Embeddings(Source):
    """Embeddings made elsewhere, which bring no audio."""

    def __init__(self, settings: ImportSettings, config: str) -> None:
        super().__init__(complete(settings), config)
        self.split = [settings.embeddings.split]

    def complete(self) -> ImportSettings:
        """Return the settings, which are complete: `__init__` found effects, levels and labels."""
        return self.settings

    def describe(self) -> str:
        given = self.settings.embeddings
        return (
            f"embeddings made elsewhere, in {given.directory or given.file}; split into training "
            f"and test clips by {given.split}"
        )


def source_of(settings: Settings | ImportSettings, config: str) -> Source:
    """Return the source that a configuration names; `config` is its file, for error messages."""
    if settings.data is None:
        return Embeddings(settings, config)
    return {"demo": Demo, "irmas": Irmas, "folder": Folder}[settings.data.source](settings, config)


def complete(settings: ImportSettings) -> ImportSettings:
    """Return the settings with effects, levels and labels that they leave open.

    Raises `InputError` for a missing folder or split, a level without a file, fewer than two
    levels, or a label without enough clips in the split.
    """
    found = _complete_arrays(settings) if settings.embeddings.file else _complete_effects(settings)
    return settings.model_copy(update={**found, "labels": _complete_labels(settings)})


def _complete_arrays(settings: ImportSettings) -> dict[str, Any]:
    """The effects, as given; refuses an array's file that isn't there."""
    given = settings.embeddings
    needed = [
        ("file", embedding_files.fill_in(given.file, model, effect))
        for model in settings.models
        for effect in settings.effects
    ]
    if given.originals:
        needed += [
            ("originals", embedding_files.fill_in(given.originals, model))
            for model in settings.models
        ]
    for key, path in needed:
        if not os.path.isfile(path):
            raise InputError(f"embeddings.{key}: {path} does not exist: give the array's file")
    levels = {name: settings.levels(name) for name in settings.effects}
    return {
        "effects": {
            name: settings.effects[name].model_copy(update={"levels": found})
            for name, found in levels.items()
        }
    }


def _complete_effects(settings: ImportSettings) -> dict[str, Any]:
    """The effects with their levels, and the file of the originals, from the names of files."""
    folder = embedding_files.folder_of(settings.embeddings.directory)
    declared = {**EFFECTS, **settings.declared}
    files = embedding_files.level_files(folder, settings.effects, declared)
    if settings.effects is None and not files:
        raise InputError(
            f"embeddings.directory: no {PREFIX}<effect>_<level>.h5 in {folder}: add the effects' "
            "embeddings"
        )
    effects = {}
    for effect, given in (settings.effects or dict.fromkeys(files)).items():
        there = list(files.get(effect, ()))
        if given is None or given.levels is None:
            wanted = there
            missing = _find_lost_levels(effect, there)
            remedy = f"or give those to analyse in effects.{effect}.levels"
        else:
            wanted = settings.levels(effect)
            missing = [level for level in wanted if level not in there]
            remedy = "or leave these levels out"
        if missing:
            raise InputError(
                f"effects.{effect}: {folder} has no file of level {', '.join(missing)}: add "
                f"{PREFIX}<effect>_<level>.h5, {remedy}"
            )
        if len(wanted) < 2:
            raise InputError(
                f"effects.{effect}: {folder} has files of {len(wanted)} level(s), expected two or "
                f"more: add {PREFIX}<effect>_<level>.h5, or leave the effect out"
            )
        effects[effect] = (given or FoundLevels()).model_copy(update={"levels": wanted})
    return {"effects": effects}


def _find_lost_levels(effect: str, there: Sequence[str]) -> list[str]:
    """Return the paper's levels that are missing, if most are there and no others: lost files."""
    grid = LEVELS.get(effect, ())  # the paper has four effects
    missing = [level for level in grid if level not in there]
    return missing if set(there) <= set(grid) and len(missing) < len(there) else []


def _complete_labels(settings: ImportSettings) -> list[str]:
    rows = read_split_rows(settings)
    known = sorted({row.label for row in rows})
    labels = settings.labels or known
    check_labels("labels", labels, known)
    check_labels("figures.labels", settings.figures.labels, labels)
    try:
        check_split(embedding_files.clips_of(rows, labels))
    except InputError as error:
        raise InputError(f"{settings.embeddings.split}: {error}") from None
    return labels


def read_split_rows(settings: ImportSettings) -> list[dataset.SplitRow]:
    """Read the rows of the split."""
    split = settings.embeddings.split
    if not os.path.isfile(split):
        raise InputError(f"embeddings.split: {split} does not exist: give the split's CSV file")
    return dataset.read_split(split, keys=True)
