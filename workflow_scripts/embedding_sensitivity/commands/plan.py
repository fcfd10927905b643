"""Estimate what a config costs in disk and time, before it runs.

The rates are CPU seconds of one core of the machine in docs/cost.md; another may differ by a factor
of two. Nothing is run or written.
"""

import os
from pathlib import Path

from embedding_sensitivity.clips import dataset
from embedding_sensitivity.clips.clip import in_split, read_clips
from embedding_sensitivity.commands.audio_files import check_files
from embedding_sensitivity.commands.config_file import read_settings
from embedding_sensitivity.effects.level_folders import find_recordings
from embedding_sensitivity.experiment.data import source_of
from embedding_sensitivity.experiment.identity import check_environments
from embedding_sensitivity.experiment.settings import Settings, describe_left_out
from embedding_sensitivity.models import Choice

# A classifier with its cross-validation: measured at 48 and 568 training rows.
CLASSIFY_S, CLASSIFY_CLIPS, CLASSIFY_POWER = 0.0057, 48, 0.9
# The rest of the analysis for a label and level, by the dimension (288 training clips a label).
STATISTICS_S, STATISTICS_POWER = 7e-6, 1.65
# How much a level changes of a clip's signal, of a sample of clips.
SIGNAL_S, MAX_SAMPLE = 0.011, 20
# Starting Python and importing, most of the time of a small job.
JOB_S = 2.0
FIGURE_S = 4.0
CLIP_S, SAMPLERATE, CHANNELS = 3.0, 44100, 2
FRAMES = round(CLIP_S * SAMPLERATE)


def count_clips(settings: Settings) -> tuple[int, int, float, str]:
    """Return numbers of clips and of the smallest label's training clips, bytes a clip, source."""
    index = Path("results", settings.experiment, "clips.csv")
    if index.exists():
        clips = in_split(read_clips(index))
        training = [clip.label for clip in clips if clip.split == "train"]
        smallest = min(training.count(label) for label in settings.labels)
        size = sum(clip.frames * clip.channels for clip in clips) / len(clips) * 2
        return len(clips), smallest, size, str(index)
    size = CLIP_S * SAMPLERATE * CHANNELS * 2
    data = settings.data
    if data.source == "demo":
        return len(data.labels) * (data.train + data.test), data.train, size, "the config"
    if data.source == "irmas" and data.split in ("published", "generated"):
        # A generated one has about the same size: the smallest label limits it too.
        return 4834, 288, size, "the authors' split of IRMAS"
    if data.split == "generated":
        paths = dataset.find_audio(data.folder)
        labels = dataset.find_labels(paths, None, data.folder)
        assumed = f"{len(paths)} files, taken as 3 s of stereo at 44.1 kHz, 3 of 4 for training"
        return len(paths), len(paths) * 3 // 4 // len(labels), size, assumed
    if not Path(data.split).exists():
        return 4834, 288, size, f"assumed, as in IRMAS with the authors' split: no {data.split} yet"
    rows = dataset.read_split(data.split)
    training = [row.label for row in rows if row.split == "train"]
    smallest = min(training.count(label) for label in settings.labels)
    return len(rows), smallest, size, f"{data.split}, clips taken as 3 s of stereo at 44.1 kHz"


def list_dimensions(choice: Choice) -> list[int]:
    """Return the dimension of each model or layer that is analysed of a choice."""
    columns = choice.analysed.values()
    return [each[1] - each[0] if each else choice.dimension for each in columns]


def describe_layers(choice: Choice, bytes_a_value: int) -> str:
    """Say what a pass keeps, and so what another layer would cost later."""
    dimensions = list_dimensions(choice)
    kept = choice.dimension // dimensions[0]
    size = format_mb(choice.dimension * bytes_a_value)
    if choice.options["layers"] == "all":
        return (
            f"{choice.name}: {len(dimensions)} analysed; its pass keeps all {kept} ({size}), so "
            "another one embeds nothing again"
        )
    return (
        f"{choice.name}: {len(dimensions)} analysed; its pass keeps these alone ({size}), so "
        "another one embeds all clips again (keep: all keeps every layer)"
    )


def format_time(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def format_mb(size: float) -> str:
    return f"{size / 1e6:,.0f} MB" if size < 2e9 else f"{size / 1e9:,.1f} GB"


def estimate(path: str) -> list[str]:
    """Return lines on the cost of a config's run, or that one from embeddings renders nothing."""
    settings = read_settings(path)
    if settings.data is None:
        found = source_of(settings, path).complete()
        n_levels = sum(len(found.levels(effect)) for effect in found.effects)
        return [
            f"{path}: {n_levels} levels of {len(found.effects)} effects, "
            f"{len(found.models)} models, {len(found.labels)} labels, from embeddings: "
            "nothing is rendered or embedded, and no cost is estimated"
        ]
    check_environments(settings, path)
    for effect in settings.declared.values():
        if effect.instance.folders:
            for level in settings.levels(effect.name):
                find_recordings(effect, level)
    notes = []
    if settings.labels is None or settings.data.source == "folder":
        source = source_of(settings, path)
        settings, notes = source.complete(), [*source.notes]
        if settings.data.source == "folder":
            notes += check_files(settings, source)
    left_out = describe_left_out(settings)
    n_clips, smallest, clip_size, counted = count_clips(settings)
    levels = {effect: settings.levels(effect) for effect in settings.effects}
    n_levels = sum(map(len, levels.values()))
    n_models, n_effects, n_labels = len(settings.analysed), len(levels), len(settings.labels)
    batch = max(min(settings.levels_per_job, len(found)) for found in levels.values())
    sample = 1 if settings.protocol.audio == "pcm16" else 2
    choices = settings.choices.values()
    dimensions = [d for choice in choices for d in list_dimensions(choice)]
    embedded = sum(choice.dimension for choice in choices)
    stores = ((n_levels + 1) * embedded + n_levels * sum(dimensions)) * n_clips * 4
    kept = sum(len(settings.kept_levels(effect)) for effect in levels)

    effects = settings.declared.values()
    models = [choice.model for choice in settings.choices.values()]
    # Passes over the clips: without effect, and at each level, of which some make clips longer.
    n_passes = 1 + sum(
        effect.n_frames(float(level), FRAMES) / FRAMES
        for effect in effects
        for level in levels[effect.name]
    )
    of_effects = {
        each.name: each.seconds * len(levels[each.name]) * n_clips
        for each in effects
        if each.seconds is not None
    }
    rendering = sum(of_effects.values())
    rendering += SIGNAL_S * n_levels * min(n_clips, MAX_SAMPLE * n_labels)
    embedding = sum((each.seconds or 0) * n_clips * n_passes for each in models)
    unknown = [each.name for each in (*models, *effects) if each.seconds is None]
    variants = len(settings.debiasing.methods) - 1 + len(settings.debiasing.svd_thresholds)
    trained = smallest + smallest // (n_labels - 1) * (n_labels - 1)
    each = CLASSIFY_S * (trained / CLASSIFY_CLIPS) ** CLASSIFY_POWER
    analysis = each * variants * (n_levels + n_effects) * n_labels * n_models
    sizes = sum(d**STATISTICS_POWER for d in dimensions)
    analysis += STATISTICS_S * n_levels * n_labels * sizes
    n_jobs = n_models * n_effects * 5 + 10
    other = n_jobs * JOB_S + (10 * n_effects + 1) * FIGURE_S
    total = rendering + embedding + analysis + other
    cores = os.cpu_count() or 1
    lines = [
        f"{path}: {n_clips} clips ({counted}), {n_levels} levels of {n_effects} effects, "
        f"{n_models} models, {n_labels} labels",
        *notes,
        *([left_out] if left_out else []),
        "",
        f"disk   effected audio   {format_mb(batch * n_clips * clip_size * sample)} at a time, "
        "temporary",
    ]
    if settings.data.source == "demo":
        lines.append(f"       rendered clips   {format_mb(n_clips * clip_size)}")
    if kept:
        lines.append(f"       audio kept       {format_mb(kept * n_clips * clip_size * sample)}")
    lines += [
        f"       embeddings       {format_mb(stores)}",
        f"time   rendering        {format_time(rendering)} of one core, with what it changes of "
        "the signal",
        *(f"         {name:<15}{format_time(seconds)}" for name, seconds in of_effects.items()),
        f"       embedding        {format_time(embedding)} (on a GPU less: not measured)",
        f"       analysis         {format_time(analysis)}",
        f"       everything else  {format_time(other)}",
        f"       in all           {format_time(total)}; about {format_time(total / cores)} on this "
        f"machine's {cores} cores",
    ]
    lines += [
        f"layers {describe_layers(choice, (n_levels + 1) * n_clips * 4)}"
        for choice in choices
        if choice.model.layers
    ]
    if unknown:
        lines.append(f"       not counted, no measured rate: {', '.join(unknown)}")
    return lines
