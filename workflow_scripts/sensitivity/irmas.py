"""What the file names of IRMAS say (https://doi.org/10.5281/zenodo.1290750)."""

import re
from typing import NamedTuple

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
# The spelling of the authors' published split.
GENRES = {
    "cla": "classical",
    "cou_fol": "country_folk",
    "jaz_blu": "jazz_blue",
    "lat_sou": "latin_soul",
    "pop_roc": "pop_roc",
}

_NAME = re.compile(r"(?:\d+__)?((?:\[[a-z_]+\]){2,})(\d{4})__\d+")


class ClipName(NamedTuple):
    """What a name tells of a clip; `group` is the recording it was cut from, four digits."""

    label: str
    genre: str
    group: str


def parse_name(stem: str) -> ClipName | None:
    """Label, genre and group of an IRMAS file stem, or None if it isn't one.

    The first tag is the label, the last the genre: tags between them say whether there are drums.
    """
    match = _NAME.fullmatch(stem)
    if match is None:
        return None
    tags = match[1].strip("[]").split("][")
    if tags[0] not in LABELS or tags[-1] not in GENRES:
        return None
    return ClipName(LABELS[tags[0]], GENRES[tags[-1]], match[2])
