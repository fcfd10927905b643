"""The site of docs/: `make docs` builds it into build/docs, loading nothing from outside."""

import re

project = "embedding-sensitivity"
copyright = "the embedding-sensitivity maintainers"
extensions = ["myst_parser"]
html_theme = "furo"
html_title = project
html_show_sphinx = False
html_static_path = []
html_css_files = []
exclude_patterns = ["first_curve.ipynb"]
myst_heading_anchors = 4
nitpicky = True
# Code blocks of YAML with placeholders such as <model> are shown, not checked.
suppress_warnings = ["misc.highlighting_failure"]
# Pages that include a file of another folder.
ELSEWHERE = {"CONTRIBUTING.md": "contributing.md", "results/README.md": "tables.md"}
DOCUMENT = re.compile(rf"(?<![\w/(\[`])(`?)(docs/\w+\.md|{'|'.join(ELSEWHERE)})\1(?![\w)\]`])")


def link_documents(app, name: str, source: list[str]) -> None:
    """Make links of documents' names: a page reads `docs/measures.md` in an editor too."""
    source[0] = DOCUMENT.sub(_link, source[0])


def _link(found: re.Match) -> str:
    file = ELSEWHERE.get(found[2]) or found[2].removeprefix("docs/")
    return f"[{file.removesuffix('.md').replace('_', ' ')}]({file})"


def setup(app) -> None:
    app.connect("source-read", link_documents)
    app.connect("include-read", lambda app, path, parent, source: link_documents(app, "", source))
