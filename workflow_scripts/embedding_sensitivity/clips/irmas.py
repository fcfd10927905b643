"""The IRMAS data set (https://doi.org/10.5281/zenodo.1290750) and its file names."""

import os
import re
from pathlib import Path
from typing import NamedTuple

from embedding_sensitivity.files.errors import InputError
from embedding_sensitivity.files.safe_names import find_path_fault

LABELS = {
    "cel": "cello",
    "cla": "clarinet",
    "flu": "flute",
    "gac": "guitar_acc",
    "gel": "guitar_ele",
    "org": "organ",
    "pia": "piano",
    "sax": "saxophone",
    "tru": "trumpet",
    "vio": "violin",
    "voi": "voice",
}
# Clips of each label, which are in a folder of the label's tag: 6705 in all.
COUNTS = {
    "cel": 388,
    "cla": 505,
    "flu": 451,
    "gac": 637,
    "gel": 760,
    "org": 682,
    "pia": 721,
    "sax": 626,
    "tru": 577,
    "vio": 580,
    "voi": 778,
}
DURATION_S = 3.0
# A resampled or re-encoded copy may be off by a few samples.
DURATION_TOLERANCE_S = 0.01
# What the archive unpacks to, and where the label folders are inside it.
FOLDER = "IRMAS-TrainingData"
LICENCE = (
    "IRMAS is licensed CC BY-NC-SA 3.0: not for commercial use, not to be passed on. Cite J. J. "
    "Bosch, J. Janer, F. Fuhrmann and P. Herrera, A comparison of sound segregation techniques for "
    "predominant instrument recognition in musical audio signals, ISMIR 2012, pp. 559-564 "
    "(https://doi.org/10.5281/zenodo.1290750)."
)
# The spelling of the authors' published split.
GENRES = {
    "cla": "classical",
    "cou_fol": "country_folk",
    "jaz_blu": "jazz_blue",
    "lat_sou": "latin_soul",
    "pop_roc": "pop_roc",
}

_REMEDY = (
    "complete the folder (one that was downloaded: delete it and run again), or give a part of "
    "IRMAS as data.source: folder"
)
_NAME = re.compile(r"(?:\d+__)?((?:\[[a-z_]+\]){2,})(\d{4})__\d+")


class ClipName(NamedTuple):
    """Label, genre and group of a clip; `group` is its recording, four digits."""

    label: str
    genre: str
    group: str


def parse_name(stem: str) -> ClipName | None:
    """Return label, genre and group of an IRMAS file stem, or None for another name.

    The first tag is the label, the last the genre: tags between them say whether there are drums.
    """
    match = _NAME.fullmatch(stem)
    if match is None:
        return None
    tags = match[1].strip("[]").split("][")
    if tags[0] not in LABELS or tags[-1] not in GENRES:
        return None
    return ClipName(LABELS[tags[0]], GENRES[tags[-1]], match[2])


def is_whole(duration_s: float) -> bool:
    """Whether a clip has the length of IRMAS's clips; a truncated WAV is shorter."""
    return abs(duration_s - DURATION_S) <= DURATION_TOLERANCE_S


def find_clip_path(member: str) -> str | None:
    """Path of a clip below the unpacked folder, ``cel/[cel][cla]0001__1.wav``, from its name in
    the archive; None for whatever else an archive has (notes, folders of a Mac's Finder).
    """
    path = member.removeprefix(f"{FOLDER}/")
    tag, _, name = path.partition("/")
    return path if tag in LABELS and "/" not in name and _is_audio(name) else None


def _is_audio(name: str) -> bool:
    return name.lower().endswith(".wav") and not name.startswith(".")


def find_clips(folder: str | Path) -> list[str]:
    """Return the paths of all IRMAS clips in `folder`, or in the folder of IRMAS's name inside it.

    Sorted, which is the order of ``librosa.util.find_files`` wherever the folder lies.

    Raises
    ------
    InputError
        if a label's folder is missing, can't be read, or has not as many clips as IRMAS, or if a
        clip's name can't be used
    """
    root = Path(folder)
    if (root / FOLDER).is_dir():
        root /= FOLDER
    paths = []
    for tag, expected in COUNTS.items():
        try:
            names = [name for name in os.listdir(root / tag) if _is_audio(name)]
        except OSError as error:
            raise InputError(
                f"{root / tag}: cannot be read ({error.strerror}), expected {expected} clips of "
                f"IRMAS: {_REMEDY}"
            ) from None
        if len(names) != expected:
            raise InputError(f"{root / tag}: {len(names)} clips, IRMAS has {expected}: {_REMEDY}")
        paths += [os.path.join(root, tag, name) for name in names]
    for path in paths:
        if reason := find_path_fault(path):
            raise InputError(f"{path}: {reason}: restore it, or the folder")
    return sorted(paths)
