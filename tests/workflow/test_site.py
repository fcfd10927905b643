"""The site of docs/ has no broken link, loads nothing from outside, and says what the code does."""

import importlib.util
import os
import re
import subprocess
import sys

import pytest

from support.project import ROOT

# Attributes by which a page loads something; links that a reader follows are `href` of `<a>`.
LOADED = re.compile(r"""<(?:script|img|iframe|source)[^>]+src="([^"]+)"|<link[^>]+href="([^"]+)""")
LOADED_BY_STYLE = re.compile(r"url\(['\"]?([^)'\"]+)|@import\s+['\"]([^'\"]+)")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The site, as `make docs` builds it; a broken link is a warning, which fails."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "--quiet", "--fail-on-warning", "--keep-going"]
    environment = os.environ | {"PYTHONPATH": str(ROOT / ".docs-tools")}
    command += ["-d", folder / "read", ROOT / "docs", folder / "pages"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder / "pages"


def test_every_document_is_a_page_that_the_first_one_leads_to(site):
    documents = {path.stem for path in (ROOT / "docs").glob("*.md")}
    assert {path.stem for path in site.glob("*.html")} - {"genindex", "search"} == documents
    first = (site / "index.html").read_text(encoding="utf-8")
    assert all(f'href="{name}.html"' in first for name in documents - {"index"})


def test_names_of_documents_are_links(site):
    page = (site / "tutorial.html").read_text(encoding="utf-8")
    assert 'href="measures.html"' in page.split("<article", 1)[1]


def test_nothing_is_loaded_from_outside(site):
    for path in site.rglob("*.html"):
        for found in LOADED.findall(path.read_text(encoding="utf-8")):
            assert not re.match(r"(https?:)?//", "".join(found)), f"{path.name}: {found}"
    for path in site.rglob("*.css"):
        for found in LOADED_BY_STYLE.findall(path.read_text(encoding="utf-8")):
            assert not re.match(r"(https?:)?//", "".join(found)), f"{path.name}: {found}"


def test_the_reference_is_what_the_code_says():
    tool = ROOT / "tools" / "write_reference.py"
    spec = importlib.util.spec_from_file_location("write_reference", tool)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for name, text in (
        ("config_keys", module.write_keys()),
        ("command_line", module.write_commands()),
    ):
        written = (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")
        assert written == text, "run `make schema`"
