"""Validate names of files, clips and labels from user data.

A name passes through programs that give some characters a meaning: Snakemake fills in what stands
in braces, the report is HTML, a log is lines, a label is part of a file's name. A name that cannot
be made harmless where it is used is refused where it comes in.

A function `find_..._fault` returns what is wrong with a value, to follow its name in an error
message, or an empty text.
"""

import os
import re
import unicodedata
from collections.abc import Iterable

# Control characters, line and paragraph separators, bytes that are not UTF-8 (as `os.fsdecode`
# represents them), and characters that change the direction of the text after them.
_HIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\u202a-\u202e\u2066-\u2069]")
# Snakemake's wildcards; HTML's tags, which its report does not escape in names of files.
_MEANINGFUL = re.compile("[{}<>]")
# A file system allows 255; the workflow adds to the name.
MAX_FILE_NAME_BYTES = 200
MAX_LABEL_BYTES = 128
# Cyrillic and Greek letters that look like Latin ones, small or as capitals.
_LATIN = str.maketrans("авекмнорстухіјѕαβεζηικμνορτυχ", "abekmhopctyxijsabezhikmnoptyx")
_VARIANTS = set(map(chr, range(0xFE00, 0xFE10)))  # variation selectors


def printable(text: str) -> str:
    """Return `text` in one line, invisible characters written as Python's escapes."""
    line = " ".join(text.split())
    return _HIDDEN.sub(lambda found: found[0].encode("unicode_escape").decode(), line)


def find_text_fault(text: str) -> str:
    """Return what is wrong with any name or path; empty if nothing is."""
    if _HIDDEN.search(text):
        return "has a control character, or bytes that are not UTF-8, in it"
    if found := _MEANINGFUL.search(text):
        return f"has {found[0]} in it, which Snakemake or its report would not take as text"
    return ""


def find_path_fault(path: str | os.PathLike) -> str:
    """Return what is wrong with the path of a file or folder; empty if nothing is."""
    path = os.fspath(path)
    if reason := find_text_fault(path):
        return reason
    stem = os.path.splitext(os.path.basename(path))[0]
    too_long = len(stem.encode()) > MAX_FILE_NAME_BYTES
    return f"has a name of more than {MAX_FILE_NAME_BYTES} bytes" if too_long else ""


def find_label_fault(label: str) -> str:
    """Return what is wrong with a label, which is part of file names; empty if nothing is."""
    if reason := find_text_fault(label):
        return reason
    if set(label) & set("/\\"):
        return "has a slash or backslash in it"
    if not label or label != label.strip() or label.startswith("."):
        return "is empty, begins with a dot, or begins or ends with a blank"
    too_long = len(label.encode()) > MAX_LABEL_BYTES
    return f"has more than {MAX_LABEL_BYTES} bytes" if too_long else ""


def normalize(name: str) -> str:
    """Return a name in Unicode's form NFC: macOS writes names in NFD, other systems keep either."""
    return unicodedata.normalize("NFC", name)


def find_look_alikes(names: Iterable[str]) -> tuple[str, str] | None:
    """Return two different names that a reader could take for one, or None.

    They differ in nothing but Unicode form, capitals, blanks, characters without a shape, or
    letters of another script that look like Latin ones.
    """
    seen: dict[str, str] = {}
    for name in sorted(set(names)):
        signs = unicodedata.normalize("NFKC", name).lower().translate(_LATIN)
        hidden = {sign for sign in signs if unicodedata.category(sign) == "Cf"} | _VARIANTS
        shape = " ".join("".join(sign for sign in signs if sign not in hidden).split())
        if shape in seen:
            return seen[shape], name
        seen[shape] = name
    return None


def escape_rst(text: str) -> str:
    """Escape whatever may be markup, so that reStructuredText shows the text as it is."""
    return re.sub(r"([^\w\s]|_)", r"\\\1", text)
