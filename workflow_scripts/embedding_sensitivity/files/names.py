"""Names from strangers: of clips, files and labels, and what none of them may hold.

A name passes through much that gives characters a meaning: Snakemake fills in what stands in
braces, the report is HTML, a log is lines, a label is part of a file's name. What can't be made
harmless where it is used is refused where names come in.
"""

import os
import re

# Control characters, line and paragraph separators, bytes that aren't UTF-8 (as `os.fsdecode` has
# them), and what turns the direction of the text after it, so that a name is shown as another one.
_HIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\u202a-\u202e\u2066-\u2069]")
# Snakemake's wildcards; HTML's tags, which its report does not escape in names of files.
_MEANINGFUL = re.compile("[{}<>]")
# Of the 255 that a file system allows, less what the workflow puts around it.
FILE_BYTES = 200
LABEL_BYTES = 128


def printable(text: str) -> str:
    """`text` in one line, what can't be seen in it written as Python's escapes."""
    line = " ".join(text.split())
    return _HIDDEN.sub(lambda found: found[0].encode("unicode_escape").decode(), line)


def text_refusal(text: str) -> str:
    """What is wrong with a name or path, whatever it is of; empty if nothing is."""
    if _HIDDEN.search(text):
        return "has a control character, or bytes that are not UTF-8, in it"
    if found := _MEANINGFUL.search(text):
        return f"has {found[0]} in it, which Snakemake or its report would not take as text"
    return ""


def path_refusal(path: str | os.PathLike) -> str:
    """What is wrong with the path of a file or folder; empty if nothing is."""
    path = os.fspath(path)
    if reason := text_refusal(path):
        return reason
    stem = os.path.splitext(os.path.basename(path))[0]
    return f"has a name of more than {FILE_BYTES} bytes" if len(stem.encode()) > FILE_BYTES else ""


def label_refusal(label: str) -> str:
    """What is wrong with a label, which is part of figures' file names; empty if nothing is."""
    if reason := text_refusal(label):
        return reason
    if set(label) & set("/\\"):
        return "has a slash or backslash in it"
    if not label or label != label.strip() or label.startswith("."):
        return "is empty, begins with a dot, or begins or ends with a blank"
    return f"has more than {LABEL_BYTES} bytes" if len(label.encode()) > LABEL_BYTES else ""


def rst_text(text: str) -> str:
    """Text as reStructuredText that shows as it is: every character that may be markup escaped."""
    return re.sub(r"([^\w\s]|_)", r"\\\1", text)
