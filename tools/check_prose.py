"""Check what a machine can see of plain English in documents and captions (`make lint`).

It prints each fault as ``file:line: fault``: a line of prose over 100 characters, a sentence over
25 words, a word of the list. Code, tables, headings and text in parentheses are not counted. With
no arguments it checks all documents of the repository; lines of generated ones may be long.
"""

import math
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = (
    "*.md", "config/*.md", "data/*/*.md", "docs/*.md", "report/*.rst", "resources/*.md",
    "results/*.md", "tests/*/*.md",
)  # fmt: skip
# `make schema` and `make calibrate` write them: their lines are as long as what code says.
GENERATED = {
    "api.md",
    "calibration.md",
    "command_line.md",
    "config_keys.md",
    "effects.md",
    "models.md",
}
MAX_CHARACTERS = 100
MAX_WORDS = 25
WORDS = {
    "in order to": "to",
    "leverage": "use",
    "obviously": "nothing",
    "of course": "nothing",
    "simply": "nothing",
    "stranger": "user",
    "strangers": "users",
    "that are none": "what they are instead",
    "that is none": "what it is instead",
    "utilise": "use",
    "utilize": "use",
}
LISTED = re.compile(rf"\b({'|'.join(WORDS)})\b", re.IGNORECASE)
ITEM = re.compile(r"^\s*([-*]|\d+\.)\s")
# What ends a sentence; a colon or semicolon lets a reader breathe too, an abbreviation does not.
END = re.compile(r"(?<=[.!?:;])(?<!\bFig\.)(?<!\bFigs\.)(?<!\be\.g\.)(?<!\bi\.e\.)\s+")
# Lines that are no prose: fences, tables, headings, HTML, directives, images.
NO_PROSE = re.compile(r"\s*(```|\|[ :|-]|#+ |<!|</?[a-z]+[ />]|\.\.|!\[)")
# Jinja in captions, code, text in parentheses, emphasis: what each counts as.
NOT_COUNTED = (
    (re.compile(r"{%.*?%}|{{.*?}}"), "code"),
    (re.compile(r"`+[^`]*`+"), "code"),
    (re.compile(r"\([^()]*\)"), ""),
    (re.compile(r"[*]{1,2}"), ""),
)


def read_paragraphs(lines: Iterable[str]) -> Iterator[list[tuple[int, str]]]:
    """Yield paragraphs and list items of prose as numbered lines."""
    paragraph, in_code = [], False
    for number, line in enumerate(lines, 1):
        if line.lstrip().startswith("```"):
            in_code = not in_code
        is_prose = not in_code and not NO_PROSE.match(line)
        if not (is_prose and line.strip()) or ITEM.match(line):
            yield paragraph
            paragraph = []
        if is_prose and line.strip():
            paragraph.append((number, line.rstrip()))
    yield paragraph


def find_faults(
    lines: Iterable[str], max_characters: float = MAX_CHARACTERS
) -> Iterator[tuple[int, str]]:
    """Yield the line number and the fault of each."""
    for paragraph in read_paragraphs(lines):
        for number, line in paragraph:
            if len(line) > max_characters and " " in line[:max_characters].strip():
                yield number, f"{len(line)} characters, at most {max_characters}"
            for found in LISTED.findall(line):
                yield number, f"'{found}': write {WORDS[found.lower()]}"
        if not paragraph or re.match(r"^(    |\t)", paragraph[0][1]):
            continue
        text = ITEM.sub("", " ".join(line for _, line in paragraph), count=1)
        for pattern, instead in NOT_COUNTED:
            text = pattern.sub(instead, text)
        for sentence in END.split(text):
            if (n_words := len(sentence.split())) > MAX_WORDS:
                first = " ".join(sentence.split()[:6])
                yield paragraph[0][0], f"{n_words} words, at most {MAX_WORDS}: {first} ..."


def main(arguments: list[str]) -> int:
    """Print the faults of some documents, or of all; return whether there are any."""
    found = [Path(given) for given in arguments] or [
        path for pattern in DOCUMENTS for path in sorted(ROOT.glob(pattern))
    ]
    faults = []
    for path in found:
        most = math.inf if path.name in GENERATED else MAX_CHARACTERS
        lines = path.read_text(encoding="utf-8").splitlines()
        faults += [f"{path}:{number}: {fault}" for number, fault in find_faults(lines, most)]
    print("\n".join(faults), end="\n" if faults else "")
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
