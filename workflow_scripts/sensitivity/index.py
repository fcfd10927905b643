"""Build the clip index: every file looked at once, every clip in its split."""

import logging
import random
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from sensitivity import irmas
from sensitivity.audio import inspect_file
from sensitivity.clips import Clip
from sensitivity.dataset import SplitRow, describe
from sensitivity.errors import InputError
from sensitivity.protocol import check_label_counts, check_split

# One fold of four is the test set, as in the authors' code.
FOLDS = 4
SPLIT_SEED = 20220419

log = logging.getLogger(__name__)


def index_clips(
    paths: Sequence[str],
    split: list[SplitRow] | None,
    labels: Sequence[str] | None,
    samplerate: int | None,
    channels: int | None,
    keep_unsplit: bool,
    irmas_folder: bool = False,
) -> tuple[list[Clip], set[str]]:
    """Index the files at `paths`; the index, and the ids of those of its clips that are silent.

    Only a clip outside the split may be: nothing is measured on it, and a carried reverb passes
    through silence as through anything else.

    Parameters
    ----------
    paths : audio files, in any order
    split : rows of a split file, or None to generate a split
    labels : labels to embed, None for all
    samplerate, channels : of every clip; None for the first sorted clip's
    keep_unsplit : index the clips outside the split too (a carried reverb passes through them)
    irmas_folder : the files are somebody's copy of IRMAS: its clips in the split have its length

    Raises
    ------
    InputError
        naming the file or label: a duplicate clip id, a clip of the split without a file, a file
        that is no valid clip, another sample rate or channel count, another
        length than IRMAS's, too few clips of a label
    """
    files: dict[str, str] = {}
    for path in sorted(paths):
        clip = Path(path).stem
        if clip in files:
            raise InputError(
                f"{path}: clip id {clip} is taken by {files[clip]}: ids are file stems, "
                "rename one of the files"
            )
        files[clip] = path
    if split is None:
        described = {clip: describe(path) for clip, path in files.items()}
        wanted = {
            clip: what for clip, what in described.items() if labels is None or what[0] in labels
        }
        split = generate_split(wanted)
    else:
        split = [row for row in split if labels is None or row.label in labels]
        if missing := [row.clip for row in split if row.clip not in files]:
            # Thousands are no line to read, but whoever completes the folder needs each of them.
            log.error("clips of the split without an audio file: %s", ", ".join(missing))
            few = ", ".join(missing[:3])
            raise InputError(
                f"{few}: in the split, but there is no such audio file ({len(missing)} missing, "
                "all named in the log of index_clips): complete the folder or the split"
            )
    rows = {row.clip: (number, row) for number, row in enumerate(split)}
    names = sorted(files if keep_unsplit else rows, key=files.get)
    clips, silent_clips = [], set()
    for name in tqdm(names, desc="clips", unit="clip", disable=None):
        number, row = rows.get(name, (-1, None))
        frames, rate, count, sha256, silent = inspect_file(files[name], may_be_silent=row is None)
        if silent:
            silent_clips.add(name)
        samplerate, channels = samplerate or rate, channels or count
        if (rate, count) != (samplerate, channels):
            raise InputError(
                f"{files[name]}: {rate} Hz, {count} channels, expected {samplerate} Hz and "
                f"{channels} of every clip: convert the file, or set data.samplerate and "
                "data.channels"
            )
        # No hash of a single clip is published; in an archive of the right hash all are right.
        if irmas_folder and row is not None and not irmas.is_whole(frames / rate):
            raise InputError(
                f"{files[name]}: {frames / rate:.3f} s, IRMAS's clips are {irmas.DURATION_S:g} s: "
                "restore the file from IRMAS-TrainingData.zip, or name that as data.local"
            )
        label, genre, group = describe(files[name])
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
                duration_s=frames / rate,
                samplerate=rate,
                channels=count,
                sha256=sha256,
                frames=frames,
                split_row=number,
            )
        )
    check_split(clips)
    return clips, silent_clips


def generate_split(described: dict[str, tuple[str, str, str]]) -> list[SplitRow]:
    """A split of any data set: deterministic, stratified by label, no group in both parts.

    `described` maps clip ids to (label, genre, group). The test set is the first fold of
    ``StratifiedGroupKFold(4, shuffle, seed 20220419)`` over the clips in sorted order; training
    clips of each label are cut to the smallest label's number by a seeded shuffle.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    names = sorted(described)
    labels = [described[name][0] for name in names]
    groups = [described[name][2] for name in names]
    for label, count in sorted(Counter(labels).items()):
        n_groups = len({group for name, group in zip(labels, groups, strict=True) if name == label})
        if n_groups < 2:
            raise InputError(
                f"label {label}: its {count} clips are of one group, at least two groups are "
                "needed to split them: add recordings, leave the label out, or give data.split"
            )
    if len(set(groups)) < FOLDS:
        raise InputError(
            f"data: {len(set(groups))} groups, a generated split needs at least {FOLDS}: "
            "add recordings or give data.split"
        )
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=SPLIT_SEED)
    _, test = next(folds.split(names, labels, groups))
    in_test = {names[position] for position in test}
    training = defaultdict(list)
    for name in names:
        if name not in in_test:
            training[described[name][0]].append(name)
    counts = {label: len(training[label]) for label in sorted(set(labels))}
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
