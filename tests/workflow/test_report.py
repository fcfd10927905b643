"""The report of the tiny experiment, made by Snakemake and looked at in headless Chromium."""

import base64
import itertools
import json

import pytest

from support import browser

MODELS = ("logmel (control)", "musicnn", "musicnn-untrained (control)")
SECTIONS = {
    "0. In short: where a clip is lost, and what holds of the claims": (),
    "1. Impact (section II)": ("trajectories",),
    "2. Correlation (section III)": ("correlation",),
    "3. Dimensionality (section III)": ("spectra",),
    "4. Debiasing (section IV)": ("auc", "auc_gain", "recovery"),
    "Clips": (),
}
TABLES = {
    "threshold_90.csv": "0. In short: where a clip is lost, and what holds of the claims",
    "claims.csv": "0. In short: where a clip is lost, and what holds of the claims",
    "displacement_order.csv": "1. Impact (section II)",
    "signal_change.csv": "1. Impact (section II)",
    "global_r2.csv": "2. Correlation (section III)",
    "table1.csv": "2. Correlation (section III)",
    "trained_untrained.csv": "2. Correlation (section III)",
    "regularised.csv": "2. Correlation (section III)",
    "cross_label.csv": "2. Correlation (section III)",
    "nulls.csv": "2. Correlation (section III)",
    "dimensionality.csv": "3. Dimensionality (section III)",
    "dimensionality_mean.csv": "3. Dimensionality (section III)",
    "equivariance_mean.csv": "3. Dimensionality (section III)",
    "verdicts.csv": "4. Debiasing (section IV)",
    "recovery_mean.csv": "4. Debiasing (section IV)",
    "recovery_best.csv": "4. Debiasing (section IV)",
    "dropped_clips.csv": "Clips",
    "recordings.csv": "Clips",
    "clips_report.csv": "Clips",
}
COLUMNS = ("kind", "effect", "model", "label")
# What a row is known by here.
ROW = ("model", "effect", "kind", "label")
CELLS = (
    "[...document.querySelectorAll('nav tbody tr')].map(r => [...r.cells].map(c => c.innerText))"
)


def expected_rows(section: str) -> set[tuple]:
    rows = set(itertools.product(MODELS, ("gain", "reverb"), SECTIONS[section], ("all", "cello")))
    if section.startswith("3."):
        kinds = (
            "dimensionality",
            "equivariance",
            "heldout_energy",
            "principal_angles",
            "samplewise",
        )
        rows |= {("all", effect, kind, "all") for effect in ("gain", "reverb") for kind in kinds}
    if section.startswith("0."):
        rows |= {("all", effect, "retrieval", "all") for effect in ("gain", "reverb")}
        rows |= {("all", "all", kind, "all") for kind in ("claims", "threshold_90")}
        rows |= {(model, "all effects", "card", "all") for model in MODELS}
    if section.startswith("1."):
        rows |= {("all", effect, "displacement", "all") for effect in ("gain", "reverb")}
        rows |= {(model, "all", "response_to_change", "all") for model in MODELS}
    if section.startswith("4."):
        rows |= {("all", effect, "verdicts", "all") for effect in ("gain", "reverb")}
    rows |= {("all", "all", table, "all") for table in TABLES if TABLES[table] == section}
    if section.startswith("2."):
        rows.add(("all", "all", "table1", "all"))
    return rows


@pytest.fixture(scope="module")
def report(finished, tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "report.html"
    finished.run("--report", str(path))
    return path


@pytest.fixture(scope="module")
def page(report):
    with browser.opened(report) as page:
        page.wait_for("document.querySelectorAll('nav ul a').length > 0")
        yield page


def click(page, text: str) -> None:
    """Click what is labelled so in the side bar."""
    links = "[...document.querySelectorAll('nav a')]"
    page.evaluate(f"{links}.find(link => link.textContent === {json.dumps(text)}).click()")


def go_home(page) -> None:
    page.evaluate("document.querySelector('nav ol a').click()")
    page.wait_for("document.querySelectorAll('nav ul a').length > 0")


def look_at(page, row: int) -> dict:
    """Open what a row of a section's table has: its figure or table, and its description."""
    buttons = f"document.querySelectorAll('nav tbody tr')[{row}].querySelectorAll('a')"
    link = page.evaluate(f"{buttons}[0].download && {buttons}[0].href")
    found = {"table": link}
    if not link:
        image = "document.querySelector('#app div.grow img')"
        page.evaluate(f"window.before = {image}?.src")
        page.evaluate(f"{buttons}[0].click()")
        page.wait_for(f"{image}?.src !== window.before && {image}.complete")
        found["width"] = page.evaluate(f"{image}.naturalWidth")
        found["top"] = page.evaluate(f"{image}.getBoundingClientRect().top")
        found["source"] = page.evaluate(f"{image}.src")
    page.evaluate(f"{buttons}[1].click()")
    page.wait_for("document.querySelector('nav li.prose') !== null")
    found["caption"] = page.evaluate(
        "[...document.querySelectorAll('nav li.prose > p')].map(p => p.innerText)"
    )
    found["faults"] = page.evaluate(
        "document.querySelectorAll('.system-message, .problematic').length"
    )
    return found


def decoded(data_uri: str) -> bytes:
    return base64.b64decode(data_uri.partition(";base64,")[2])


@pytest.fixture(scope="module")
def seen(page) -> dict[str, dict[tuple, dict]]:
    """What a reader finds who opens everything: by section and row of its table."""
    sections = {}
    for section in page.evaluate("Object.keys(categories)"):
        go_home(page)
        click(page, section)
        heads = page.evaluate("[...document.querySelectorAll('nav th')].map(h => h.innerText)")
        heads = [head.lower() for head in heads if head]
        # What is of all models, effects or labels has an empty cell, or no column.
        used = {i for row in expected_rows(section) for i in range(4) if row[i] != "all"}
        assert heads == [name for name in COLUMNS if ROW.index(name) in used]
        rows = {}
        for number, cells in enumerate(page.evaluate(CELLS)):
            found = {name: cell or "all" for name, cell in zip(heads, cells, strict=False)}
            rows[tuple(found.get(name, "all") for name in ROW)] = look_at(page, number)
            click(page, section)
        sections[section] = rows
    return sections


def test_it_fits_an_attachment(report):
    assert report.stat().st_size <= 40e6


def test_start_page_says_what_was_run(page):
    text = page.evaluate("document.querySelector('#app div.prose').innerText")
    assert "{" not in text and "tiny" in text
    for words in (
        "cello, flute, violin",
        ", ".join(MODELS),
        "gain at 3 levels from -20.0 to 5.0 dB",
    ):
        assert words in text
    # R2 of three levels that are all in order: 1 - 1/9.
    assert "0.889 for gain" in " ".join(text.split())
    assert page.evaluate("document.querySelectorAll('.system-message, .problematic').length") == 0
    # The page is taller than the window, and its first line can be seen.
    assert (
        page.evaluate("document.querySelector('#app div.prose').getBoundingClientRect().top") >= 0
    )


def test_start_page_tells_of_dropped_clips(again, report):
    told = "2 files were not valid clips and were left out, 27 clips are embedded"
    again.path("results/tiny/tables/dropped_clips.csv").write_text(
        "clip,path,reason\na,x/a.wav,is silent\nb,x/b.wav,the file is empty\n", encoding="utf-8"
    )
    again.path("results/tiny/tables/recordings.csv").write_text(
        "label,train_clips,test_clips,train_recordings,test_recordings,torn,unnamed,shared\n"
        "cello,6,12,6,12,0,0,0\nflute,6,12,6,12,2,0,0\nviolin,6,12,6,12,0,5,0\nother,1,1,1,1,1,2,0\n",
        encoding="utf-8",
    )
    again.run("--report", "report.html")
    said = " ".join(again.path("report.html").read_text(encoding="utf-8").split())
    assert told in said
    assert "of 5 of 54 clips is not named" in said
    assert "in both training and test: flute 2 (" in said
    assert "test recordings: " not in said and "other 1" not in said
    assert "not valid clips" not in report.read_text(encoding="utf-8")


def test_sections_are_in_the_papers_order(page):
    go_home(page)
    entries = page.evaluate("[...document.querySelectorAll('nav ul a')].map(a => a.textContent)")
    assert entries == ["Workflow", "Statistics", "About", *SECTIONS]


@pytest.mark.parametrize("section", SECTIONS)
def test_section_lists_every_figure(seen, section):
    assert set(seen[section]) == expected_rows(section)


@pytest.mark.parametrize("section", SECTIONS)
def test_every_figure_shows_and_has_a_caption(seen, section):
    for (_, effect, kind, _), found in seen[section].items():
        what, *more = found["caption"]
        if kind not in TABLES:
            assert found["width"] > 300 and found["top"] >= 0
        assert len(what) > 100 and (effect == "all" or effect in what)
        assert sum(paragraph.startswith("How: ") for paragraph in more) == 1
        assert "{" not in what + "".join(more) and found["faults"] == 0


def test_front_page_and_captions_of_tables_say_how_few_recordings_there_are(page, seen):
    few = (
        "Recordings: fewer than 10 test recordings: cello 1, flute 1, violin 1: intervals of these"
    )
    go_home(page)
    text = page.evaluate("document.querySelector('#app div.prose').innerText")
    assert few in " ".join(text.split())
    for table in TABLES.keys() - {"dropped_clips.csv"}:
        caption = seen[TABLES[table]]["all", "all", table, "all"]["caption"]
        assert any(paragraph.startswith(few) for paragraph in caption), table
    table1 = seen["2. Correlation (section III)"]["all", "all", "table1", "all"]["caption"]
    assert any(paragraph.startswith(few) for paragraph in table1)


def test_every_row_has_its_own_figure(seen, finished):
    shown = {}
    for (model, effect, kind, label), found in itertools.chain(*map(dict.items, seen.values())):
        if kind not in TABLES:
            parts = (kind, model.removesuffix(" (control)"), effect, label)
            shown["_".join(part for part in parts if part != "all")] = found["source"]
    results = finished.path("results/tiny")
    drawn = {path.stem: path for path in (results / "figures").glob("*.png")}
    drawn |= {f"card_{path.stem}_all effects": path for path in (results / "cards").glob("*.png")}
    assert {name: decoded(source) for name, source in shown.items()} == {
        name: path.read_bytes() for name, path in drawn.items()
    }


@pytest.mark.parametrize("table", TABLES)
def test_tables_can_be_saved(seen, finished, table):
    link = seen[TABLES[table]]["all", "all", table, "all"]["table"]
    assert link.startswith("data:text/csv")
    folder = "results/tiny" if table == "clips_report.csv" else "results/tiny/tables"
    assert decoded(link) == finished.path(f"{folder}/{table}").read_bytes()


def test_search_and_labels_filter(page, seen):
    go_home(page)
    page.evaluate("document.querySelector('nav input').focus()")
    page.call("Input.insertText", text="re:spectra_.*_cello")
    page.call("Input.dispatchKeyEvent", type="keyDown", key="Enter", text="\r")
    page.wait_for("document.querySelectorAll('nav tbody tr').length > 0")
    # A label of which each of two values is in half of the rows is a switch instead of a column.
    assert [cells[:3] for cells in page.evaluate(CELLS)] == [
        ["spectra", m, "cello"] for m in MODELS
    ]
    page.evaluate("document.querySelector('nav input[value=reverb]').click()")
    figure = seen["3. Dimensionality (section III)"][MODELS[0], "reverb", "spectra", "cello"]
    assert look_at(page, 0)["source"] == figure["source"]


def test_workflow_and_statistics_are_drawn(page):
    for entry, drawing in (("Statistics", "#timeline"), ("Workflow", "#rulegraph")):
        go_home(page)
        click(page, entry)
        page.wait_for(f"document.querySelector('{drawing} :is(svg, canvas)') !== null")


def test_no_error_and_nothing_asked_for(page, seen, report):
    """After everything was opened."""
    assert page.errors == []
    asked = {url for url in page.requests if not url.startswith(("data:", "blob:"))}
    assert asked == {report.as_uri()}


def test_the_browser_tells_what_is_wrong(tmp_path):
    file = tmp_path / "wrong.html"
    file.write_text(
        "<script>console.error('said')</script><script>throw Error('thrown')</script>"
        "<img id=far src='http://far.invalid/a.png'><img id=bad src='data:image/png;base64,AAAA'>"
    )
    with browser.opened(file) as page:
        assert page.evaluate("document.querySelector('#bad').naturalWidth") == 0
        for words in ("said", "thrown"):
            assert any(words in error for error in page.errors)
        assert "http://far.invalid/a.png" in page.requests
