"""The explorer of the tiny experiment, opened in headless Chromium: it draws, plays and tells."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from test_rebuilds import change

from embedding_sensitivity.experiment.plan import N_SNIPPETS
from embedding_sensitivity.measures.courses import N_CLIPS
from support import browser
from support.project import Project

MODELS = ("logmel", "musicnn", "musicnn-untrained")
EFFECTS = ("gain", "reverb")
LABELS = ("cello", "flute", "violin")
STATISTICS = ("threshold", "displacement", "correlation", "equivariance", "auc")
CURVES = ("recall", "displacement", "auc", "cosine", "cka")
PAGE = "results/tiny/explorer.html"
# Elements that the Tab key stops at, in their order.
STOPS = (
    "[...document.querySelectorAll('a[href], button, select, summary, [tabindex]')].filter("
    "each => each.tabIndex >= 0 && !each.disabled && each.checkVisibility())"
)
# The chart of single clips' courses.
COURSES = (
    "[...document.querySelectorAll('.js-plotly-plot')]"
    ".find(plot => plot.layout.xaxis.title.text.startsWith('first'))"
)


@pytest.fixture(scope="module")
def page(finished) -> Iterator[browser.Page]:
    with browser.opened(finished.path(PAGE)) as page:
        yield page
        assert page.errors == [], "an error in the console"
        here = finished.path(PAGE).resolve().as_uri()
        asked = {url.partition("#")[0] for url in page.requests}
        # What it makes itself are no requests.
        assert {url for url in asked if not url.startswith(("data:", "blob:"))} == {here}


def show(page, **place: str) -> None:
    """Go to a view by its address, as a link does."""
    page.evaluate(f"location.hash = address({json.dumps(place)})")
    page.wait_for(f"document.querySelector('main').dataset.view === {place['view']!r}")
    page.wait_for(f"Object.entries({json.dumps(place)}).every(([k, v]) => where()[k] === v)")


def text_of(page, selector: str = "main") -> str:
    return page.evaluate(f"document.querySelector({json.dumps(selector)}).innerText")


def press(page, key: str) -> None:
    code = {"Tab": 9, "Enter": 13, "ArrowDown": 40}[key]
    text = {"text": "\r"} if key == "Enter" else {}
    for kind in ("keyDown", "keyUp"):
        page.call(
            "Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code,
            **(text if kind == "keyDown" else {}),
        )  # fmt: skip


def drawn(page) -> int:
    """How many charts have marks, all of those on the page."""
    charts = "[...document.querySelectorAll('.js-plotly-plot')]"
    marks = ".every(plot => plot.querySelector('.trace, .points path, image'))"
    page.wait_for(f"{charts}.length && {charts}{marks}")
    return page.evaluate(f"{charts}.length")


def test_it_fits_and_is_in_the_manifest(finished):
    assert finished.path(PAGE).stat().st_size < 25e6
    manifest = json.loads(finished.path("results/tiny/manifest.json").read_text(encoding="utf-8"))
    assert "explorer.html" in manifest["outputs"]


def test_the_last_line_of_the_screen_and_the_report_name_it(finished):
    said = (finished.folder.parent / "said").read_text(encoding="utf-8")
    assert f"answers  {PAGE}" in said
    report = Path(__file__).resolve().parents[2] / "report" / "workflow.rst"
    assert "<explorer.html>`_" in report.read_text(encoding="utf-8")


def test_the_answer_comes_first(page):
    show(page, view="answer")
    questions = page.evaluate("document.querySelectorAll('.findings li').length")
    assert questions == 3
    text = text_of(page)
    # 9 test clips of 3 recordings: no interval, and the page says that it can't tell.
    assert "27 clips" not in text and "18 training clips of 6 recordings" in text
    assert "cannot tell" in text.lower()
    assert "musicnn-untrained has untrained, random weights" in text
    assert "logmel is handcrafted" in text
    assert "untrained control" in text_of(page, ".matrix")


@pytest.mark.parametrize("statistic", STATISTICS)
def test_the_matrix_has_a_cell_for_each_model_and_effect(page, statistic):
    show(page, view="answer", statistic=statistic)
    cells = page.evaluate("[...document.querySelectorAll('.matrix td b')].map(b => b.innerText)")
    assert len(cells) == len(MODELS) * len(EFFECTS) and all(cells)


@pytest.mark.parametrize("curve", CURVES)
def test_each_curve_is_drawn(page, curve):
    show(page, view="cell", model="musicnn", effect="reverb", curve=curve, label="")
    page.wait_for("document.querySelector('#spectrogram-effect image') !== null")
    # The curve, the courses, two spectrograms, and five more.
    assert drawn(page) == 9
    names = page.evaluate(
        "[...document.querySelectorAll('.js-plotly-plot')][0].data.map(trace => trace.name)"
    )
    assert set(names) == {*LABELS, "mean"}


@pytest.mark.parametrize("view", ["tables", "provenance"])
def test_views_of_files_show(page, view):
    show(page, view=view)
    text = text_of(page)
    assert "manifest.json" in text
    assert {"tables": "threshold_90", "provenance": "reverb_state carried"}[view] in text


def test_links_lead_to_files_that_are_there(page, finished):
    found = set()
    for view in ("answer", "tables", "provenance"):
        show(page, view=view)
        found |= set(
            page.evaluate("[...main.querySelectorAll('a')].map(a => a.getAttribute('href'))")
        )
    files = {link for link in found if not link.startswith("#")}
    assert {"manifest.json", "clips.csv", "tables/threshold_90.csv"} <= files
    for file in files:
        assert finished.path(f"results/tiny/{file}").exists(), file


def test_a_number_leads_to_its_row_and_meaning(page):
    show(page, view="cell", model="musicnn", effect="reverb")
    page.evaluate("document.querySelector('table button').click()")
    assert page.evaluate("document.querySelector('dialog').open")
    said = text_of(page, "dialog")
    for words in ("threshold_90.csv", "model = musicnn", "falls under 0.9", "made of"):
        assert words in said
    page.evaluate("document.querySelector('dialog form button').click()")
    assert not page.evaluate("document.querySelector('dialog').open")


def test_data_of_a_view_are_csv(page):
    page.evaluate("window.saved = []; window.download = (name, text) => saved.push([name, text])")
    show(page, view="answer", statistic="displacement")
    page.evaluate(
        "[...document.querySelectorAll('button')].find(b => b.innerText === 'Data as CSV').click()"
    )
    ((name, text),) = page.evaluate("saved")
    head, *rows = text.splitlines()
    assert name == "tiny_matrix_displacement.csv" and head.startswith("model,effect,value")
    assert len(rows) == len(MODELS) * len(EFFECTS)
    assert page.evaluate("toCsv([{a: 'x,\"y', b: null}], ['a', 'b'])") == 'a,b\n"x,""y",\n'


def test_a_link_opens_the_same_view_again(page, finished):
    show(page, view="cell", model="logmel", effect="reverb", curve="auc", label="flute")
    page.wait_for("where().clip !== undefined")
    link = page.evaluate("location.hash")
    with browser.opened(finished.path(PAGE)) as other:
        other.evaluate(f"location.hash = {json.dumps(link)}")
        other.wait_for("document.querySelector('main').dataset.view === 'cell'")
        chosen = "[...document.querySelectorAll('main select')].map(select => select.value)"
        assert other.evaluate(chosen) == page.evaluate(chosen)
        assert other.evaluate("location.hash") == link and not other.errors


def test_every_sound_decodes_to_its_length_and_is_not_silent(page):
    page.evaluate(
        """(async () => {
          const found = [];
          for (const [effect, clips] of Object.entries(SOUNDS.places))
            for (const [clip, levels] of Object.entries(clips))
              for (const level of Object.keys(levels)) {
                const { buffer } = await sound(clip, effect, level);
                const peak = buffer.getChannelData(0).reduce((a, b) => Math.max(a, Math.abs(b)), 0);
                found.push([effect, clip, level, buffer.duration, peak]);
              }
          window.heard = found;
        })()"""
    )
    heard = page.wait_for("window.heard")
    # The reverb's three levels and the original of three test clips a label; gain is applied.
    assert len(heard) == 9 * (1 + 3)
    assert {effect for effect, *_ in heard} == {"original", "reverb"}
    for effect, clip, level, seconds, peak in heard:
        assert abs(seconds - 3.0) < 0.03, (effect, clip, level)
        assert 0.01 < peak < 1.5, (effect, clip, level)
    assert page.evaluate("SOUNDS.gains") == ["gain"]


def test_gain_is_applied_in_the_page(page):
    page.evaluate(
        "(async () => { const clip = Object.keys(SOUNDS.clips)[0];"
        "const of = async level => (await sound(clip, 'gain', level)).gain;"
        "window.gains = [await of('-20.0'), await of('original')]; })()"
    )
    assert page.wait_for("window.gains") == [0.1, 1]


def test_clicking_a_point_plays_that_clip_at_that_level(page):
    show(page, view="cell", model="musicnn", effect="reverb", label="cello")
    drawn(page)
    page.evaluate("window.played = []; window.play = async (...what) => { played.push(what); }")
    clip = page.evaluate("heardClips('cello')[1]")
    for level in ("0.50", "original"):
        point = json.dumps({"points": [{"customdata": [clip, level]}]})
        page.evaluate(f"{COURSES}.emit('plotly_click', {point})")
    assert page.evaluate("played") == [[clip, "reverb", "0.50"], [clip, "reverb", "original"]]
    page.wait_for(f"where().clip === {json.dumps(clip)} && where().level === '0.50'")


def test_a_mouse_on_a_point_is_such_a_click(page):
    show(page, view="cell", model="logmel", effect="reverb", label="flute")
    drawn(page)
    page.evaluate("window.played = []; window.play = async (...what) => { played.push(what); }")
    page.evaluate(f"window.target = {COURSES}; 0")
    page.evaluate("target.scrollIntoView({block: 'center'})")
    marks = "target.querySelectorAll('.points path')[0].getBoundingClientRect()"
    x, y = page.evaluate(f"(r => [r.x + r.width / 2, r.y + r.height / 2])({marks})")
    for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
        button = {} if kind == "mouseMoved" else {"button": "left", "clickCount": 1}
        page.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, **button)
    ((clip, effect, level),) = page.wait_for("played.length && played")
    assert effect == "reverb" and clip in page.evaluate("heardClips('flute')")
    assert level in ("0.10", "0.50", "0.90", "original")


@pytest.mark.parametrize("view", ["answer", "cell", "tables", "provenance"])
def test_the_keyboard_reaches_everything(page, view):
    show(page, view=view)
    if view == "cell":
        drawn(page)
    page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
    expected = page.evaluate(f"window.stops = {STOPS}; stops.length")
    page.evaluate(
        "window.reached = new Set(); addEventListener('focusin', e => reached.add(e.target))"
    )
    for _ in range(expected + 3):
        press(page, "Tab")
    missed = page.evaluate(
        "stops.filter(each => !reached.has(each)).map(each => each.outerHTML.slice(0, 90))"
    )
    assert missed == []
    # And all that can be clicked is one of them.
    clickable = page.evaluate(
        "[...main.querySelectorAll('a, button, select, summary')].filter("
        "each => each.checkVisibility() && !each.disabled && each.tabIndex < 0).length"
    )
    assert clickable == 0


def test_enter_on_a_cell_opens_it_and_the_focus_follows(page):
    show(page, view="answer", statistic="threshold")
    page.evaluate("document.querySelector('.matrix td a').focus()")
    press(page, "Enter")
    page.wait_for("document.querySelector('main').dataset.view === 'cell'")
    assert page.evaluate("document.activeElement.id") == "main"


def test_no_view_is_wider_than_a_phone(page):
    page.call(
        "Emulation.setDeviceMetricsOverride",
        width=390,
        height=844,
        deviceScaleFactor=2,
        mobile=True,
    )
    try:
        for view in ("answer", "cell", "tables", "provenance"):
            show(page, view=view)
            if view == "cell":
                drawn(page)
            assert page.evaluate("document.documentElement.scrollWidth") <= 390, view
    finally:
        page.call("Emulation.clearDeviceMetricsOverride")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_in_both_themes(page, scheme):
    """Contrast of 4.5 or more (WCAG 2.2, 1.4.3), on the darkest cell of the matrix too."""
    page.call(
        "Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}]
    )
    contrast = """(() => {
      const style = getComputedStyle(document.documentElement);
      const value = name => style.getPropertyValue(name).trim();
      const light = hex => [1, 3, 5].map(i => parseInt(hex.slice(i, i + 2), 16) / 255)
        .map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
        .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
      const ratio = (a, b) => {
        const [x, y] = [light(value(a)), light(value(b))].sort((p, q) => q - p);
        return (x + 0.05) / (y + 0.05); };
      return [["--ink", "--paper"], ["--ink", "--strong"], ["--faint", "--raised"],
        ["--link", "--paper"], ["--link", "--raised"]].map(pair => ratio(...pair));
    })()"""
    assert min(page.evaluate(contrast)) >= 4.5
    show(page, view="cell", model="musicnn", effect="gain")
    drawn(page)
    ink = page.evaluate(
        "getComputedStyle(document.documentElement).getPropertyValue('--ink').trim()"
    )
    page.wait_for(
        f"document.querySelector('.js-plotly-plot').layout.font.color === {json.dumps(ink)}"
    )
    page.call("Emulation.setEmulatedMedia", features=[])


def test_without_sounds_nothing_is_played_and_the_page_says_so(again: Project):
    change(again, explorer={"snippets": 0})
    assert set(again.planned()) == {"write_explorer", "write_manifest"}
    again.run(PAGE)
    with browser.opened(again.path(PAGE)) as page:
        show(page, view="cell", model="logmel", effect="reverb")
        page.wait_for("document.querySelector('#play-effect').disabled")
        assert "no sounds" in text_of(page)
        assert not page.errors


def test_what_the_page_depends_on(again: Project):
    assert again.planned() == {}
    template = again.path("workflow_scripts/embedding_sensitivity/page/page.css")
    template.write_text(template.read_text(encoding="utf-8") + "/* */\n", encoding="utf-8")
    assert set(again.planned()) == {"write_explorer", "write_manifest"}
    change(again, effects__reverb={"levels": [0.1, 0.5, 0.8, 0.9], "keep_audio": [0.1]})
    (job,) = again.planned()["render_snippets"]
    assert job["sound"] == "reverb"


def test_the_config_may_ask_for_as_many_clips_as_have_a_course():
    assert N_SNIPPETS == N_CLIPS == 6
