"""A config file is read as it is written: by the command, and wherever the Snakefile is reached."""

import codecs
import json
from pathlib import Path

import pytest
import yaml

from embedding_sensitivity.commands.config_file import give_to_snakemake, read_config
from embedding_sensitivity.files.errors import InputError
from support.project import first_of, refused

ROOT = Path(__file__).resolve().parents[2]
CASES = ROOT.parent / "shared" / "cases"
needs_cases = pytest.mark.skipif(not CASES.is_dir(), reason="needs ../shared/cases")

# What YAML reads otherwise than it is written: line, key, and what the message says of it.
MISREAD = {
    "key twice": ("a: 1\nb: 2\na: 3\n", 3, "a: is repeated, first in line 1"),
    "key twice below": ("effects:\n  gain: {}\n  gain: {}\n", 3, "effects.gain: is repeated"),
    "key twice in braces": ("a: {b: 1,\n c: 2, b: 3}\n", 2, "a.b: is repeated"),
    "key twice, quoted": ("a: 1\n'a': 2\n", 2, "a: is repeated"),
    "JSON": ('{"a": 1,\n\t"a": 2}\n', 2, "a: is repeated, first in line 1"),
    "octal": ("a: [-10,\n  -040]\n", 2, "a.1: -040 is read as octal, -32: drop the zero"),
    "octal number": ("a: 0500\n", 1, "a: 0500 is read as octal, 320"),
    "base 60": ("a: 1:30\n", 1, "a: 1:30 is read in base 60, as 90: write the number"),
    "base 60 with decimals": ("a: 1:30.5\n", 1, "a: 1:30.5 is read in base 60, as 90.5"),
    "boolean label": ("labels: [piano,\n  no]\n", 2, "labels.1: no is read as true or false"),
    "true as a label": ("data: {labels: [true, piano]}\n", 1, "data.labels.0: true is read as"),
    "label that is nothing": ("labels:\n- piano\n- null\n", 3, "labels.1: null is read as nothing"),
    "label that is a number": ("labels: [1, 2]\n", 1, "labels.0: 1 is read as a number"),
    "boolean key": ("models: {on: {}}\n", 1, "models.on: on is read as true or false"),
    "word for true": ("a: yes\n", 1, "a: yes is read as true or false, not as text: quote it, or"),
    "date": ("experiment: 2026-11-28\n", 1, "experiment: 2026-11-28 is read as a date"),
}
AS_WRITTEN = """
experiment: t
octal that is none: [07, 00, 0x1F, 8, -0.5, 010.5, 1_000]
quoted: ['0500', "1:30", 'no', "2026-11-28"]
labels: ['no', "1", piano, 'null']
convert: true
nothing:
base: &base {a: 1, b: 2}
merged: {<<: *base, a: 3}
again: *base
"""
UNREADABLE = {
    "tab": (b"a: 1\ndata:\n\tb: 2\n", "line 3: a tab where YAML allows only spaces"),
    "bracket": (b"a: [1, 2\nb: {c: 3}\n", "line 2: while parsing a flow sequence, expected"),
    "quote": (b"a: 'b\n", "line 2: while scanning a quoted scalar, found unexpected end"),
    "Latin-1": ("a: 1\nb: Flöte\n".encode("latin-1"), "line 2: byte 0xf6 is not UTF-8: save the"),
    "control character": (b"a: 1\nb: \x01\n", "line 2: character '\\x01' is not allowed"),
    "half of UTF-16": (codecs.BOM_UTF16_LE + b"a\0:\0 ", "line 1: byte 0x20 is not UTF-16"),
    "UTF-16 without its mark": ("a: 1\n".encode("utf-16-le"), "line 1: character '\\x00' is not"),
    "object": (b"a: 1\nb: !!python/name:os.system\n", "line 2: could not determine a constructor"),
    "list as a key": (b"a: 1\n? [b]\n: 2\n", "line 2: while constructing a mapping"),
    "nothing": (b"", "the file: found None, expected keys with their values"),
    "a list": (b"[a, b]", "the file: found ['a', 'b'], expected keys"),
    "no keys": (b"{}\n", "experiment: is missing: add it"),
}


def write(folder: Path, content: str | bytes) -> str:
    path = folder / "my [1] 'a'.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return str(path)


@pytest.mark.parametrize("case", MISREAD)
def test_what_yaml_reads_otherwise_is_refused_with_line_and_key(tmp_path, case):
    text, line, message = MISREAD[case]
    path = write(tmp_path, text)
    with pytest.raises(InputError) as caught:
        read_config(path)
    assert str(caught.value).startswith(f"{path}: line {line}: {message}")
    assert "\n" not in str(caught.value)


def test_what_is_read_as_it_is_written_is_taken(tmp_path):
    assert read_config(write(tmp_path, AS_WRITTEN)) == yaml.safe_load(AS_WRITTEN)


def test_json_is_read_as_snakemake_reads_it(tmp_path):
    config = {"experiment": "t", "labels": ["no", "é"], "levels": [1, 0.5], "convert": True}
    path = write(tmp_path, json.dumps(config, indent="\t"))
    assert read_config(path) == config


@pytest.mark.parametrize("case", UNREADABLE)
def test_what_cannot_be_read_is_one_line_with_file_and_line(tmp_path, case):
    content, message = UNREADABLE[case]
    path = write(tmp_path, content)
    with pytest.raises(InputError) as caught:
        read_config(path)
    assert str(caught.value).startswith(f"{path}: {message}") and "\n" not in str(caught.value)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_a_text_with_a_mark_of_its_encoding_is_read(tmp_path, encoding, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = "experiment: t\nlabels: [Flöte, 笛子]\n"
    path = write(tmp_path, text.encode(encoding))
    assert read_config(path)["labels"] == ["Flöte", "笛子"]
    given = give_to_snakemake(path)
    assert Path(given).read_bytes().removeprefix(codecs.BOM_UTF8).decode() == text
    assert (given == path) == encoding.startswith("utf-8")
    assert read_config(write(tmp_path, text.encode("utf-16-be").join([codecs.BOM_UTF16_BE, b""])))


@needs_cases
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("dupkey.yaml", "line 9: effects: is repeated, first in line 4"),
        ("octal.yaml", "line 5: effects.gain.levels.0: -040 is read as octal, -32"),
        ("braces.yaml", "experiment: is missing"),
        ("latin1.yaml", "line 1: byte 0xf6 is not UTF-8"),
        ("none.yaml", "no such config file"),
    ],
)
def test_the_cases_that_users_had_are_refused(name, message):
    with pytest.raises(InputError, match=message):
        read_config(str(CASES / name))


@needs_cases
def test_the_case_in_utf_16_is_read():
    assert read_config(str(CASES / "utf16.yaml"))["experiment"] == "t"


REACHED = {name: MISREAD[name] for name in ("key twice below", "octal", "boolean label", "JSON")}


@pytest.mark.parametrize("case", first_of(REACHED, 1))
def test_snakemake_is_told_the_same(project, case):
    text, line, message = REACHED[case]
    project.config_file.write_text(text)
    done = refused(project, "--dry-run", message=f"error: tiny.yaml: line {line}: {message}")
    assert len([line for line in done.output.splitlines() if line.startswith("error: ")]) == 1


def test_a_config_without_keys_asks_for_no_other(project):
    project.config_file.write_text("{}\n")
    refused(project, "--dry-run", message="error: tiny.yaml: experiment: is missing")


@pytest.mark.parametrize("key", ["", "sens"])
def test_a_module_is_told_the_same_of_its_outer_workflows_file(project, tmp_path, key):
    outer = tmp_path / "outer"
    outer.mkdir()
    (outer / "Snakefile").write_text(
        f'configfile: "outer.yaml"\n\nmodule sens:\n    snakefile: "{project.folder}/Snakefile"\n'
        f"    config: {f'config[{key!r}]' if key else 'config'}\n\nuse rule * from sens as sens_*\n"
    )
    lines = [*project.config_file.read_text().splitlines(), "effects: {gain: {levels: [-040, 0]}}"]
    lines = [line for line in lines if not line.startswith("#")]
    text = "\n".join([f"{key}:", *(f"  {line}" for line in lines)] if key else lines)
    (outer / "outer.yaml").write_text(text)
    stripped = [line.strip() for line in text.splitlines()]
    first, second = (n + 1 for n, line in enumerate(stripped) if line.startswith("effects:"))
    done = type(project)(outer).snakemake("--dry-run", configfile=None)
    said = [line for line in done.output.splitlines() if line.startswith("error: ")]
    where = f"{key}.effects" if key else "effects"
    assert said == [
        f"error: outer.yaml: line {second}: {where}: is repeated, first in line {first}: remove "
        "one of them"
    ]
    assert "Traceback" not in done.output


def test_run_reads_utf_16_and_refuses_in_one_line_what_snakemake_has_tracebacks_for(project):
    text = project.config_file.read_text()
    project.path("wide.yaml").write_bytes(text.encode("utf-16"))
    project.path("latin1.yaml").write_bytes("experiment: Flöte\n".encode("latin-1"))
    command = ["run", "--cores", "1", "--dry-run", "--quiet", "rules", "--configfile"]
    done = project.command(*command, "wide.yaml")
    assert done.returncode == 0 and "write_manifest" in done.stdout + done.stderr
    for given, message in (
        (["latin1.yaml"], "latin1.yaml: line 1: byte 0xf6 is not UTF-8"),
        (["none.yaml"], "none.yaml: no such config file"),
        (["tiny.yaml", "results/tiny/clips.csv"], "--configfile takes results/tiny/clips.csv for"),
    ):
        done = project.command(*command, *given)
        assert done.returncode == 1 and done.stderr.startswith(f"error: {message}")
        assert done.stderr.count("\n") == 1


def test_documents_put_two_hyphens_before_targets():
    """Without them Snakemake takes a target for a second config file."""
    for path in (ROOT / "README.md", *ROOT.glob("*/*.md"), *ROOT.glob("*/*.py")):
        for line in path.read_text(encoding="utf-8").splitlines():
            _, given, after = line.partition("--configfile ")
            words = after.split("`")[0].split()
            assert not (given and words[1:2] and words[1].startswith("results/")), f"{path}: {line}"
