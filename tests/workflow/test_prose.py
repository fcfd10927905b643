"""tools/check_prose.py finds each kind of fault at its line, and the documents have none."""

import importlib.util

import docutils.nodes
import pytest
from docutils.core import publish_doctree
from jinja2 import Environment, StrictUndefined

from support.project import ROOT


def load(name: str):
    """Return the module of a script in tools/."""
    specification = importlib.util.spec_from_file_location(name, ROOT / "tools" / f"{name}.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


check_prose = load("check_prose")
# What Snakemake's report gives captions.
EFFECT = {"name": "gain", "parameter": "gain", "unit": "dB", "levels": ["-6", "0"], "made": ""}
OTHER = EFFECT | {"name": "reverb", "parameter": "room size", "unit": "", "made": "file: my/x.py"}
RUN = {
    "clips": "54 clips",
    "dropped": "2",
    "left_out": "retrieval",
    "recordings": "fewer than 10",
    "labels": ["cello", "flute"],
    "effects": [EFFECT, OTHER],
    "models": ["logmel (control)"],
    "protocol": {"audio": "pcm16", "reverb_state": "carried"},
}
CAPTIONS = sorted(path.name for path in (ROOT / "report").glob("*.rst"))


def words(number: int, last: str = ".") -> str:
    """Return a sentence of so many words."""
    return " ".join(["w"] * number) + last


def faults(text: str) -> list[tuple[int, str]]:
    """Return the faults of a document."""
    return list(check_prose.find_faults(text.splitlines()))


def test_a_clean_document_has_no_fault():
    assert not faults(f"# Title\n\n{words(25)}\n{words(25)}\n\n- {words(25)}\n")


def test_a_line_over_100_characters_is_found_at_its_line():
    at_limit, over = "a" * 49 + " " + "b" * 50, "a" * 49 + " " + "b" * 51
    assert faults(f"{at_limit}\n\n{over}\n") == [(3, "101 characters, at most 100")]


def test_a_word_of_over_100_characters_alone_is_no_fault():
    assert not faults(f"{'a' * 120}\n")
    assert not faults(f"  {'a' * 120}\n")


@pytest.mark.parametrize("end", ".!?")
def test_a_sentence_over_25_words_is_found_at_its_paragraph(end):
    found = faults(f"{words(25)}\n\n{words(10)}\n{words(26, end)}\n{words(25)}\n")
    assert found == [(3, "26 words, at most 25: w w w w w w ...")]


def test_a_sentence_over_several_lines_is_counted_whole():
    assert faults(f"{words(13, '')}\n{words(13)}\n")[0][1].startswith("26 words")


@pytest.mark.parametrize("end", ":;")
def test_a_colon_and_a_semicolon_end_what_is_counted(end):
    assert not faults(f"{words(20, end)} {words(20)}\n")


@pytest.mark.parametrize("abbreviation", ["Fig.", "Figs.", "e.g.", "i.e."])
def test_an_abbreviation_ends_no_sentence(abbreviation):
    assert faults(f"{words(13, '')} {abbreviation} {words(13)}\n")[0][1].startswith("27 words")


@pytest.mark.parametrize("sign", ["-", "*", "1."])
def test_items_of_a_list_are_counted_each_by_itself(sign):
    items = [words(20, ""), words(20, ""), words(30, "")]
    text = "\n".join(f"{sign} {item}" for item in items)
    assert [line for line, _ in faults(text)] == [3]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("In order to run", "'In order to': write to"),
        ("files from Strangers", "'Strangers': write users"),
        ("it is simply so", "'simply': write nothing"),
    ],
)
def test_a_word_of_the_list_is_found_at_its_line(text, said):
    assert faults(f"A first line.\n{text}.\n") == [(2, said)]


def test_a_part_of_another_word_is_not_a_word_of_the_list():
    assert not faults("Strangeness utilises oversimply.\n")


@pytest.mark.parametrize(
    "text",
    [
        f"```\n{words(40)} simply\n```",
        f"- an item\n\n  ```\n  {words(40)} simply\n  ```",
        f"| a | {words(40)} |\n|---|---|",
        f"## {words(40)}",
        f"<!-- {words(40)} -->",
        f".. image:: {words(40)}",
        f"![{words(40)}](a.png)",
    ],
    ids=["code", "code of an item", "table", "heading", "comment", "directive", "image"],
)
def test_what_is_no_prose_is_not_checked(text):
    assert not faults(text)


@pytest.mark.parametrize(
    "inserted",
    [
        f"`{words(3, '')}\n{words(3, '')}`",
        f"``{words(3, '')}``",
        "{% for effect in effects %}",
        "{{ effect.name\n}}",
    ],
    ids=["code", "reStructuredText's code", "statement", "value over two lines"],
)
def test_code_and_jinja_count_as_one_word(inserted):
    assert not faults(f"{words(12, '')} {inserted} {words(12)}\n")
    assert faults(f"{words(12, '')} {inserted} {words(13)}\n")[0][1].startswith("26 words")


def test_text_in_parentheses_is_not_counted():
    assert not faults(f"{words(12, '')} ({words(20, '')}) {words(13)}\n")
    assert faults(f"{words(13, '')} ({words(20, '')}) {words(13)}\n")[0][1].startswith("26 words")


@pytest.mark.parametrize("start", ["<x, y>", "|x - y|^2", "#3"])
def test_a_line_of_prose_may_begin_with_a_formula(start):
    n_words = 26 + len(start.split())
    found = faults(f"{words(13, '')}\n{start} {words(13)}\n")
    assert found[0][1].startswith(f"{n_words} words")


def test_faults_are_printed_with_file_and_line(tmp_path, capsys):
    bad, good = tmp_path / "bad.md", tmp_path / "good.md"
    bad.write_text(f"# Title\n\n{words(26)}\n", encoding="utf-8")
    good.write_text(f"{words(25)}\n", encoding="utf-8")
    assert check_prose.main([str(good), str(bad)]) == 1
    assert capsys.readouterr().out.startswith(f"{bad}:3: 26 words, at most 25: ")
    assert check_prose.main([str(good)]) == 0
    assert capsys.readouterr().out == ""


def test_the_documents_sentences_have_no_fault(capsys):
    check_prose.main([])
    printed = capsys.readouterr().out.splitlines()
    # How lines wrap is shown by `make lint`; words and sentences are what a rewrite has to mend.
    assert [line for line in printed if "characters, at most" not in line] == []


def test_lines_of_generated_documents_may_be_long_but_no_sentence(tmp_path, capsys):
    path = tmp_path / "models.md"
    path.write_text(f"{'ab ' * 10}{'c' * 100}.\n\n{words(26)}\n", encoding="utf-8")
    assert check_prose.main([str(path)]) == 1
    assert [line.split(":")[1] for line in capsys.readouterr().out.splitlines()] == ["3"]


def test_documents_and_captions_are_checked():
    found = {
        path.relative_to(ROOT).as_posix()
        for pattern in check_prose.DOCUMENTS
        for path in ROOT.glob(pattern)
    }
    assert {"README.md", "docs/measures.md", "report/workflow.rst", "results/README.md"} <= found
    names = {path.rpartition("/")[2] for path in found}
    assert names > check_prose.GENERATED


@pytest.mark.parametrize("name", CAPTIONS)
def test_a_caption_is_whole_in_the_report(name):
    said = "**What it shows.** " + 30 * "word " + "\n\nHow: so."
    snakemake = {
        "params": {
            "effects": [EFFECT, OTHER],
            "effect": EFFECT,
            "caption": said,
            "captions": [said],
            "two_sided": "A level on either side.",
        },
        "wildcards": {"model": "logmel", "effect": "gain", "label": "cello"},
        "config": {"experiment": "tiny", "run": RUN},
    }
    template = Environment(trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined)
    text = (ROOT / "report" / name).read_text(encoding="utf-8")
    rendered = template.from_string(text).render(snakemake=snakemake)
    assert "{" not in rendered and "}" not in rendered
    # A warning, or a list or paragraph that docutils takes for something else, is an error.
    read = publish_doctree(rendered, settings_overrides={"report_level": 2, "halt_level": 2})
    what, *more = [n.astext() for n in read if isinstance(n, docutils.nodes.paragraph)]
    if name != "workflow.rst":
        assert len(what) > 100
        assert sum(paragraph.startswith("How: ") for paragraph in more) == 1
        assert "snakemake.params.effects " not in text or "gain" in what
