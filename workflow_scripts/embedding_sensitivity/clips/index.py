"""Build the clip index: inspect every file once, assign every clip to its split."""

import logging
import random
import re
import warnings
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from embedding_sensitivity.clips import irmas
from embedding_sensitivity.clips.clip import Clip, DroppedClip
from embedding_sensitivity.clips.dataset import SplitRow, check_paths, describe, files_by_id
from embedding_sensitivity.clips.inspection import (
    BadClip,
    Inspected,
    find_copies,
    inspect_file,
)
from embedding_sensitivity.clips.recordings import name_recordings
from embedding_sensitivity.clips.split import check_label_counts, check_split
from embedding_sensitivity.files.errors import InputError
from embedding_sensitivity.files.logs import IN_FILE_ONLY
from embedding_sensitivity.files.progress import progress

# One fold of four is the test set, as in the authors' code.
FOLDS = 4
SPLIT_SEED = 20220419

log = logging.getLogger(__name__)


class Index(NamedTuple):
    """The clips, the ids of the silent ones, and the dropped files in path order.

    `copies` are pairs of a training and a test clip that are the same audio in other files.
    `left_out` are the paths of the other files that are not in the split, and why.
    """

    clips: list[Clip]
    silent: set[str]
    dropped: list[DroppedClip]
    copies: list[tuple[Clip, Clip]]
    left_out: dict[str, str]


def index_clips(
    paths: Sequence[str],
    split: list[SplitRow] | None,
    labels: Sequence[str] | None,
    samplerate: int | None,
    channels: int | None,
    keep_unsplit: bool,
    irmas_folder: bool = False,
    on_bad_clip: str = "fail",
    convert: bool = False,
    analysed: Collection[str] | None = None,
    folder: str | None = None,
    group: re.Pattern | None = None,
) -> Index:
    """Index the files at `paths`; every file is inspected before anything is refused.

    Only a clip outside the split may be silent: nothing is measured on it, and a carried reverb
    passes through silence as through anything else.

    Parameters
    ----------
    paths : audio files, in any order
    split : rows of a split file, or None to generate a split
    labels : labels to embed, None for all
    samplerate, channels : of every clip; None for the first good clip's, in path order
    keep_unsplit : index the clips outside the split too (a carried reverb passes through them)
    irmas_folder : the files are somebody's copy of IRMAS: its clips in the split have its length
    on_bad_clip : ``fail``, or ``drop``: the index is then what it would be if the bad clips had
        neither file nor row. A generated split is one of good clips: all are looked at first.
    convert : bring clips of another rate or number of channels to `samplerate` and `channels`
    analysed : labels that are analysed, None for all that are embedded: the others limit nothing
    folder : the one searched: clips that lie in itself have no label but a split's
    group : what finds a clip's recording in its path below `folder`; None for the split's column,
        or the clip's name

    Raises
    ------
    InputError
        naming the file or label: a duplicate clip id, a clip of the split without a file, too few
        clips of a label; unless they are dropped, a file that is no valid clip, another sample rate
        or channel count, another length than IRMAS's
    """
    files = files_by_id(paths)
    drop = on_bad_clip == "drop"
    described = {clip: describe(path, folder) for clip, path in files.items()}
    given = None if split is None else {row.clip: row.label for row in split}
    if split is None:
        wanted = {clip: label for clip, (label, *_) in described.items() if label}
    else:
        wanted = given
    wanted = {clip: label for clip, label in wanted.items() if labels is None or label in labels}
    if split is not None:
        split = [row for row in split if row.clip in wanted]
        _check_none_is_missing(split, files)
        check_paths(split, files, "data.split")
    analysed = set(wanted.values()) if analysed is None else analysed
    if group:
        chosen = {clip: files[clip] for clip, label in wanted.items() if label in analysed}
        for clip, recording in name_recordings(chosen, folder, group).items():
            described[clip] = (*described[clip][:2], recording)
        split = split and [replace(row, group=described[row.clip][2]) for row in split]
    if split is None and not drop:
        split = generate_split({clip: described[clip] for clip in wanted}, analysed)
    measured = set(wanted) if split is None else {row.clip for row in split}
    forms, dropped = _inspect(
        {name: files[name] for name in (files if keep_unsplit else measured)},
        measured,
        samplerate,
        channels,
        irmas_folder,
        convert,
    )
    if dropped and not drop:
        more = len(dropped) - 1
        raise InputError(
            str(dropped[0][1])
            + (f" ({more} more bad clips, all named in the log of index_clips)" if more else "")
        )
    bad = [entry for entry, _ in dropped]
    try:
        good = {clip: label for clip, label in wanted.items() if clip in forms}
        _check_some_are_good(wanted, good, analysed)
        if split is None:
            split = generate_split({clip: described[clip] for clip in good}, analysed)
        split = [row for row in split if row.clip in good]
        if not keep_unsplit:  # a generated split need not have all the inspected clips
            rows = {row.clip for row in split}
            forms = {name: form for name, form in forms.items() if name in rows}
        clips = _make_clips(files, forms, split, described)
        check_split([clip for clip in clips if clip.label in analysed])
    except InputError as error:
        if not bad:
            raise
        raise InputError(
            f"{error} ({len(bad)} bad clips were dropped, all named in the log of index_clips)"
        ) from None
    copies = find_copies(clips, {name: form.traits for name, form in forms.items()})
    not_in = {*files} - {row.clip for row in split} - {entry.clip for entry in bad}
    left_out = {
        files[clip]: _why_left_out(clip, wanted, described[clip][0], labels, given)
        for clip in sorted(not_in)
    }
    silent = {name for name, form in forms.items() if form.silent}
    return Index(clips, silent, bad, copies, left_out)


def _why_left_out(
    clip: str,
    wanted: Collection[str],
    label: str,
    labels: Collection[str] | None,
    given: Mapping[str, str] | None,
) -> str:
    """Say why a good clip isn't embedded; `given` are labels by the rows of a split, if one is."""
    if clip in wanted:
        return "a generated split takes as many training clips of each label as the smallest has"
    label = label if given is None else given.get(clip)
    if label is None:
        return "no row of the split"
    if labels is None or not label:
        return "lies in no sub-folder, whose name would be its label"
    return f"its label, {label}, is not among data.labels"


def _check_none_is_missing(split: list[SplitRow], files: dict[str, str]) -> None:
    if missing := [row.clip for row in split if row.clip not in files]:
        # The error shows a few of them; the log has all, for whoever completes the folder.
        log.error("clips of the split without an audio file: %s", ", ".join(missing))
        few = ", ".join(missing[:3])
        raise InputError(
            f"{few}: in the split, but there is no such audio file ({len(missing)} missing, "
            "all named in the log of index_clips): complete the folder or the split"
        )


def _inspect(
    files: dict[str, str],
    measured: set[str],
    samplerate: int | None,
    channels: int | None,
    irmas_folder: bool,
    convert: bool,
) -> tuple[dict[str, Inspected], list[tuple[DroppedClip, BadClip]]]:
    """Return what `inspect_file` says of each valid clip, and the bad files in path order."""
    forms, bad = {}, []
    for name in progress(sorted(files, key=files.get), desc="clips", unit="clip"):
        path = files[name]
        try:
            form = inspect_file(
                path, name not in measured, (samplerate, channels) if convert else None
            )
            rate, count = form.samplerate, form.channels
            if (rate, count) != (samplerate or rate, channels or count):
                raise BadClip(
                    path,
                    f"{rate} Hz, {count} channels, expected {samplerate or rate} Hz and "
                    f"{channels or count} of every clip",
                    "convert the file, or set data.convert: true with data.samplerate and "
                    "data.channels",
                )
            # No hash of a single clip is published; the archive's hash covers all of them.
            if irmas_folder and name in measured and not irmas.is_whole(form.frames / rate):
                raise BadClip(
                    path,
                    f"{form.frames / rate:.3f} s, IRMAS's clips are {irmas.DURATION_S:g} s",
                    "restore the file from IRMAS-TrainingData.zip, or name that as data.local",
                )
        except BadClip as error:
            log.info("bad clip: %s", error, extra=IN_FILE_ONLY)
            bad.append((DroppedClip(name, path, error.reason), error))
        else:
            if samplerate is None or channels is None:
                samplerate, channels = samplerate or rate, channels or count
                log.info("clips have %d Hz and %d channels, as %s", samplerate, channels, path)
            forms[name] = form
    return forms, bad


def _check_some_are_good(
    wanted: Mapping[str, str], good: Mapping[str, str], analysed: Collection[str]
) -> None:
    before, left = Counter(wanted.values()), Counter(good.values())
    for label in sorted(before):
        if label in analysed and not left[label]:
            raise InputError(
                f"label {label}: all of its {before[label]} clips are bad: replace them, or leave "
                "the label out (labels, data.labels)"
            )


def _make_clips(
    files: dict[str, str],
    forms: dict[str, Inspected],
    split: list[SplitRow],
    described: Mapping[str, tuple[str, str, str]],
) -> list[Clip]:
    rows = {row.clip: (number, row) for number, row in enumerate(split)}
    clips = []
    for name, form in forms.items():
        number, row = rows.get(name, (-1, None))
        label, genre, group = described[name]
        if row is not None:
            label, genre = row.label, row.genre or genre
            group = row.group or group
        clips.append(
            Clip(
                clip=name,
                path=files[name],
                label=label,
                genre=genre,
                group=group,
                split=row.split if row else "",
                duration_s=form.frames / form.samplerate,
                samplerate=form.samplerate,
                channels=form.channels,
                sha256=form.sha256,
                frames=form.frames,
                split_row=number,
                decoder=form.decoder,
            )
        )
    return clips


def generate_split(
    described: Mapping[str, tuple[str, str, str]], analysed: Collection[str] | None = None
) -> list[SplitRow]:
    """Generate a split: deterministic, stratified by label, no group in both parts.

    `described` maps clip ids to (label, genre, group). The test set is the first fold of
    ``StratifiedGroupKFold(4, shuffle, seed 20220419)`` over the clips in sorted order; training
    clips of each label are cut to the smallest label's number by a seeded shuffle. The smallest is
    one of the labels `analysed` (None for all): others are split and cut with them.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    names = sorted(described)
    labels = [described[name][0] for name in names]
    groups = [described[name][2] for name in names]
    analysed = sorted(set(labels) if analysed is None else set(labels) & set(analysed))
    sizes = Counter(labels)
    for label in analysed:
        n_groups = len({group for name, group in zip(labels, groups, strict=True) if name == label})
        if n_groups < 2:
            raise InputError(
                f"label {label}: its {sizes[label]} clips are of one group, at least two groups "
                "are needed to split them: add recordings, leave the label out, or give data.split"
            )
    if len(set(groups)) < FOLDS:
        raise InputError(
            f"data: {len(set(groups))} groups, a generated split needs at least {FOLDS}: "
            "add recordings or give data.split"
        )
    if (most := max(sizes.values())) < FOLDS:
        raise InputError(
            f"data: {most} clips at most of a label, a generated split needs {FOLDS} of one: "
            "add recordings or give data.split"
        )
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=SPLIT_SEED)
    with warnings.catch_warnings():
        # Of a label that isn't analysed, with fewer clips than there are folds.
        warnings.simplefilter("ignore", UserWarning)
        _, test = next(folds.split(names, labels, groups))
    in_test = {names[position] for position in test}
    training = defaultdict(list)
    for name in names:
        if name not in in_test:
            training[described[name][0]].append(name)
    counts = {label: len(training[label]) for label in analysed}
    # Before the cut, after which every label looks as small as the smallest.
    check_label_counts(counts)
    smallest = min(counts.values())
    shuffler = random.Random(SPLIT_SEED)
    kept = set()
    for label in sorted(training):
        order = list(training[label])
        shuffler.shuffle(order)
        kept.update(order[:smallest])
    return [
        SplitRow(
            name,
            described[name][0],
            described[name][1],
            "test" if name in in_test else "train",
            described[name][2],
        )
        for name in names
        if name in in_test or name in kept
    ]
