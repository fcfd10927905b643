"""What the explorer says, of a world whose answer is known, and how large it gets."""

import base64
import json
import re
from dataclasses import replace

import pytest
from page_world import LABELS, LEVELS, N_TEST, measure_world
from plotly.offline import get_plotlyjs

from embedding_sensitivity.experiment.measures import list_measures
from embedding_sensitivity.experiment.tables import find_table
from embedding_sensitivity.page import contents, document, findings, matrix
from support import browser

EFFECTS = {
    name: matrix.EffectInfo(name, "amount", "dB", False, None, LEVELS) for name in ("hum", "shake")
}
RUN = contents.Run(
    "world",
    "simulated",
    LABELS,
    [contents.ModelInfo("strong", "strong"), contents.ModelInfo("weak", "weak")],
    list(EFFECTS.values()),
)
DECLARED = {name: find_table(name) for name in contents.SHOWN}


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    return measure_world(tmp_path_factory.mktemp("world"))


def answers(tables, controls=()):
    cells = matrix.make_matrix(tables, EFFECTS)
    return findings.find_answers(tables, cells, EFFECTS, controls)


def test_the_first_finding_is_what_the_world_does(tables):
    first, second, third = answers(tables)
    assert first.is_clear and (first.model, first.effect) == ("strong", "shake")
    # Twice the distance between labels, as it was made, less what its estimate corrects.
    moved = re.search(r"shake at 5 dB moves strong by ([\d.]+) times", first.text)
    assert float(moved[1]) == pytest.approx(2.0, rel=0.03)
    assert "more than the next in each of 3 labels" in first.text
    assert second.is_clear and (second.model, second.effect) == ("strong", "shake")
    assert re.search(r"upwards from 0\.\d+ dB on \(interval", second.text)
    # Labels stay apart however far clips move along a direction that has nothing of them.
    assert not third.is_clear and third.text.startswith("Cannot tell")


def test_without_the_strong_model_it_is_another(tables):
    of_weak = {
        name: [row for row in rows if row.get("model") != "strong"] for name, rows in tables.items()
    }
    first, second, _ = answers(of_weak)
    assert (first.is_clear, first.model, first.effect) == (True, "weak", "shake")
    assert second.text.startswith("shake makes weak lose 1 clip in 10")


def test_a_test_clip_without_another_recording_to_tell_it_from_is_said(tables):
    _, second, _ = answers({**tables, "threshold_90": []})
    assert not second.is_clear and second.text == (
        "Cannot tell: a test clip is looked for among test clips of other recordings, and there "
        "are none."
    )


def test_controls_answer_only_if_there_is_nothing_else(tables):
    assert answers(tables, ["strong"])[0].model == "weak"
    assert answers(tables, ["strong", "weak"])[0].model == "strong"


def moved(model: str, effect: str, *values: float) -> list[dict]:
    return [
        {"model": model, "effect": effect, "level": "5", "label": label, "relative": str(value)}
        for label, value in zip(LABELS, values, strict=True)
    ]


def test_what_changes_places_between_labels_cannot_be_told():
    tables = {
        "displacement": moved("a", "hum", 1.0, 0.4, 0.8) + moved("b", "shake", 0.5, 0.6, 0.7),
        "threshold_90": [],
    }
    first, second, third = findings.find_answers(tables, {"auc": []}, EFFECTS, [])
    assert not (first.is_clear or second.is_clear or third.is_clear)
    assert first.text.startswith("Cannot tell hum with a (0.733 times")
    assert "the first leads in 2 of 3 labels" in first.text
    assert second.text.startswith("Cannot tell") and third.text.startswith("Cannot tell")


def threshold(side, value, low=("", ""), high=("", ""), bound="=", responds="1") -> dict:
    return {
        "model": "m",
        "effect": "hum",
        "side": side,
        "threshold_90": value,
        "bound": bound,
        "threshold_90_low": low[1],
        "bound_low": low[0],
        "threshold_90_high": high[1],
        "bound_high": high[0],
        "gallery": "32",
        "n_groups": "8",
        "responds": responds,
    }


@pytest.mark.parametrize(
    ("row", "said", "is_clear"),
    [
        (threshold("up", "2.5", ("=", "2"), ("=", "3")), "upwards from 2.5 dB on", True),
        (
            threshold("up", "5", (">", "5"), (">", "5"), ">"),
            "upwards at no level tried (interval > 5 dB)",
            True,
        ),
        (
            threshold("down", "0", ("<", "0"), ("=", "1"), "<"),
            "downwards at no level tried (interval < 0 dB to 1 dB)",
            True,
        ),
        (threshold("down", "5", (">", "5"), (">", "5"), ">"), "downwards at every level", True),
        (threshold("up", "2", ("<", "0"), (">", "5")), "the interval holds all levels", False),
        (threshold("up", "2"), "from about 2 dB on. Cannot tell how exactly: 8 test", False),
        (threshold("up", "5", bound=">"), "upwards at no level tried. Cannot tell", False),
    ],
)
def test_where_it_begins_to_matter_is_told_with_its_interval(row, said, is_clear):
    tables = {"displacement": moved("m", "hum", 1.0, 1.0, 1.0), "threshold_90": [row]}
    _, second, _ = findings.find_answers(tables, {"auc": []}, EFFECTS, [])
    assert said in second.text and second.is_clear == is_clear


def test_originals_are_counted_where_the_data_has_fewer():
    row = threshold("up", "2") | {"gallery": "6"}
    tables = {"displacement": moved("m", "hum", 1.0, 1.0, 1.0), "threshold_90": [row]}
    _, second, _ = findings.find_answers(tables, {"auc": []}, EFFECTS, [])
    assert "1 clip in 10 among 6 originals" in second.text


@pytest.mark.parametrize(
    ("rows", "effect", "text", "shade"),
    [
        ([threshold("up", "1.25")], {}, "1.25 dB", 0.75),
        ([threshold("down", "1.25")], {}, "1.25 dB", 0.25),
        ([threshold("up", "5", bound=">")], {}, "not lost up to 5 dB", 0.0),
        ([threshold("down", "0", bound="<")], {}, "not lost down to 0 dB", 0.0),
        ([threshold("up", "0", bound="<")], {}, "lost from 0 dB", 1.0),
        # The sooner of both sides of a neutral level inside the grid decides.
        ([threshold("down", "1"), threshold("up", "4")], {"neutral": 2.0}, "1 dB / 4 dB", 0.5),
        ([threshold("up", "4")], {"levels": ["1", "4", "16"], "log_axis": True}, "4 dB", 0.5),
        ([threshold("up", "2", responds="0")], {}, "no response", 0.0),
    ],
)
def test_shade_says_how_soon_clips_are_lost(rows, effect, text, shade):
    effects = {"hum": replace(EFFECTS["hum"], **effect)}
    (cell,) = matrix.STATISTICS[0].make({"threshold_90": rows}, effects)
    assert cell.text == text and cell.shade == pytest.approx(shade)


@pytest.mark.parametrize(
    ("down", "up", "between"),
    [
        (
            (("=", "0.5"), ("=", "1.5")),
            (("=", "3"), (">", "5")),
            "0.5 dB to 1.5 dB / 3 dB to > 5 dB",
        ),
        ((("=", "0.5"), ("=", "1.5")), (("", ""), ("", "")), "0.5 dB to 1.5 dB / no interval"),
        ((("", ""), ("", "")), (("", ""), ("", "")), ""),
    ],
)
def test_the_interval_of_each_side_is_said(down, up, between):
    rows = [threshold("down", "1", *down), threshold("up", "4", *up)]
    effects = {"hum": replace(EFFECTS["hum"], neutral=2.0)}
    (cell,) = matrix.STATISTICS[0].make({"threshold_90": rows}, effects)
    assert cell.between == between


def test_cells_are_the_tables_numbers(tables):
    cells = matrix.make_matrix(tables, EFFECTS)
    for statistic in matrix.STATISTICS:
        assert {(cell.model, cell.effect) for cell in cells[statistic.name]} == {
            (model, effect) for model in ("strong", "weak") for effect in ("hum", "shake")
        }
        for cell in cells[statistic.name]:
            rows = [
                row
                for row in tables[cell.table]
                if all(row[key] == value for key, value in cell.keys.items())
            ]
            found = [float(row[statistic.column]) for row in rows if row[statistic.column]]
            # A mean over labels where there is a row for each.
            assert cell.value == pytest.approx(sum(found) / len(found)), statistic.name
    (drop,) = [c for c in cells["auc"] if (c.model, c.effect) == ("strong", "shake")]
    assert drop.low <= drop.value <= drop.high


def gather(tables, run=RUN, **others):
    shown = {name: rows for name, rows in tables.items() if name in contents.SHOWN}
    return contents.gather(run, shown, DECLARED, [], **others)


def unpack(table: dict) -> list[dict]:
    def at(data, row):
        return data["words"][data["rows"][row]] if isinstance(data, dict) else data[row]

    return [
        {column: at(data, row) for column, data in table["data"].items()}
        for row in range(table["length"])
    ]


def test_every_row_that_is_drawn_is_in_the_page(tables):
    found = json.loads(contents.to_json(gather(tables)))
    for name, wanted in contents.SHOWN.items():
        if name not in tables:
            continue
        expected = [row for row in tables[name] if all(row[key] == wanted[key] for key in wanted)]
        rows = unpack(found["tables"][name])
        assert len(rows) == len(expected) and found["tables"][name]["n_rows"] == len(tables[name])
        for row, one in zip(rows, expected, strict=True):
            for column, text in one.items():
                value = row[column]
                if isinstance(value, str):
                    assert value == text
                else:
                    assert value == (pytest.approx(float(text), rel=1e-5) if text else None)
        assert set(found["tables"][name]["columns"]) == set(find_table(name).columns)
        assert all(found["tables"][name]["columns"].values()), "a meaning for each column"


def test_all_tables_that_measures_have_in_the_report_are_shown_or_named_here():
    """A new one is drawn, or is left to the files on purpose."""
    left_to_files = {
        *("displacement_order", "cross_label", "dimensionality", "verdicts"),
        "depth",  # the page draws depth from the layers' own tables
    }
    in_report = {t.name for m in list_measures() for t in m.tables if t.in_report}
    assert in_report - set(contents.SHOWN) <= left_to_files


def test_names_are_text_and_numbers_are_numbers():
    table = find_table("regularised")
    row = dict.fromkeys(table.columns, "")
    row |= {"model": "m", "effect": "e", "label": "01", "rho_ridge": "0.123456789"}
    packed = contents.pack(table, [row, row | {"label": "</script>"}], {})
    text = contents.to_json(packed)
    assert "<" not in text
    rows = unpack(json.loads(text))
    assert [row["label"] for row in rows] == ["01", "</script>"]
    assert rows[0]["rho_ridge"] == 0.123457 and rows[0]["penalty"] is None


def test_caveats_name_controls_and_what_is_rounding(tables):
    run = replace(
        RUN,
        models=[contents.ModelInfo("weak", "weak (control)", "untrained")],
        n_dropped=2,
        protocol={"reverb_state": "carried"},
        effects=[replace(EFFECTS["hum"], name="reverb")],
    )
    silent = threshold("up", "2", responds="0")
    few = [row | {"test_recordings": "2"} for row in tables["recordings"]]
    found = contents.list_caveats(run, tables | {"threshold_90": [silent], "recordings": few})
    text = "\n".join(found)
    assert found[0] == "weak has untrained, random weights: it is a control."
    for said in (
        "6 test recordings in all",
        "2 files were not valid clips",
        "Does not respond: m to hum",
        "starts with the tail of the clip before",
    ):
        assert said in text
    assert not [each for each in contents.list_caveats(RUN, tables) if "control" in each]


def large_tables() -> tuple[contents.Run, dict]:
    """As of 5000 clips of 11 labels, 10 models and 4 effects of 31 levels."""
    labels = [f"label{n}" for n in range(11)]
    effects = [
        matrix.EffectInfo(f"effect{n}", "level", "dB", False, None, [f"{n}" for n in range(31)])
        for n in range(4)
    ]
    models = [contents.ModelInfo(f"model{n}", f"model{n}") for n in range(10)]
    keys = {
        "model": [model.name for model in models],
        "effect": [effect.name for effect in effects],
        "label": labels,
        "level": [*effects[0].levels],
        "clip": [f"clip{n}" for n in range(6)],
        "side": ["up"],
        "claim": ["a", "b", "c", "d", "e", "f"],
        "method": [f"method{n}" for n in range(14)],
        "threshold": [""],
        "train": ["original"],
        "test": [*effects[0].levels],
        "statistic": ["r2", "r2_test", "rho_ridge"],
        "null": ["recording", "common", "reversal"],
        "k": [str(2**n) for n in range(10)],
    }
    run = contents.Run("large", "simulated", labels, models, effects)
    tables = {}
    for name in contents.SHOWN:
        table = find_table(name)
        if name in ("recordings", "paper_comparison"):
            continue
        rows = [{}]
        for key in table.keys:
            values = ["none"] if (name, key) == ("auc", "method") else keys[key]
            rows = [row | {key: value} for row in rows for value in values]
        others = set(table.columns) - set(table.keys)
        seed = 0.123456789
        for row in rows:
            for column in others:
                seed = 3.99 * seed * (1 - seed)
                row[column] = repr(seed)
            if name == "threshold_90":
                row |= {"responds": "1", "n_groups": "99", "threshold_90": "12.3"}
                row |= {"bound": "=", "bound_low": "=", "bound_high": "="}
        tables[name] = rows
    tables["recordings"] = [
        dict.fromkeys(find_table("recordings").columns, "455") | {"label": label, "torn": "0"}
        for label in labels
    ]
    return run, tables


def test_a_large_experiment_stays_small_and_opens_soon(tmp_path):
    run, tables = large_tables()
    found = gather(tables, run)
    # Each model and effect has its courses, and what is thinned says so.
    assert found["tables"]["courses"]["length"] <= contents.MAX_ROWS
    assert found["tables"]["courses"]["n_rows"] == 10 * 4 * 11 * 6 * 31
    assert found["tables"]["courses"]["thinned"] == "every 3. level"
    sound = "A" * (4 * 26_000 // 3)
    names = [f"{label}-{n}" for label in run.labels for n in range(6)]
    sounds = {
        "clips": {name: {"label": name.partition("-")[0]} for name in names},
        "places": {"original": {name: {"original": n} for n, name in enumerate(names)}},
        "gains": [],
        "content": [sound] * 460,  # 12 MB, as `snippets.MAX_BYTES` allows
    }
    page = tmp_path / "explorer.html"
    page.write_text(document.write_document(found, get_plotlyjs(), sounds), encoding="utf-8")
    assert page.stat().st_size < 60e6
    with browser.opened(page) as opened:
        opened.call("Performance.enable", timeDomain="threadTicks")
        opened.call("Page.reload")
        opened.wait_for("document.querySelectorAll('.matrix td').length === 40")
        metrics = opened.call("Performance.getMetrics")["metrics"]
        spent = {each["name"]: each["value"] for each in metrics}
        # Time of the page's thread, whatever else this machine does.
        assert spent["TaskDuration"] < 3
        assert not opened.errors


def test_the_world_is_drawn_with_names_as_text(tables, tmp_path):
    page = tmp_path / "explorer.html"
    page.write_text(document.write_document(gather(tables), get_plotlyjs()), encoding="utf-8")
    with browser.opened(page) as opened:
        text = opened.evaluate("document.querySelector('#main').innerText")
        assert "<b>organ</b>" in text and f"{3 * N_TEST} test clips" in text
        opened.evaluate("document.querySelectorAll('.controls .small')[1].click()")
        said = opened.evaluate("document.querySelector('dialog').innerText")
        assert "threshold_90.csv, all rows." in said
        opened.evaluate("document.querySelector('dialog').close()")
        labels = opened.evaluate("levelAxis({ parameter: 'cutoff', log_axis: true }).ticktext")
        assert {"0.05", "2", "20", "200", "20000"} <= set(labels)
        opened.evaluate("location.hash = 'view=cell&model=strong&effect=shake'")
        opened.wait_for("document.querySelectorAll('.js-plotly-plot .main-svg').length >= 6")
        drawn = opened.evaluate(
            "[...document.querySelectorAll('.legendtext')].map(each => each.textContent)"
        )
        assert "<b>organ</b>" in drawn
        assert "no sounds of it" in opened.evaluate("document.querySelector('#main').innerText")
        assert not opened.errors
        assert opened.requests == [page.resolve().as_uri()]


# A PNG of one white pixel.
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGP6DwABBQECz6AuzQAAAABJRU5ErkJggg=="
)


def test_of_the_papers_own_run_its_figures_are_shown(tables, tmp_path):
    row = dict.fromkeys(find_table("paper_comparison").columns, "")
    row |= {"quantity": "r2_mean", "model": "strong", "effect": "hum", "paper": "0.5"}
    found = gather(tables | {"paper_comparison": [row]})
    page = tmp_path / "explorer.html"
    figures = {"paper_table1": PIXEL}
    page.write_text(
        document.write_document(found, get_plotlyjs(), figures=figures), encoding="utf-8"
    )
    with browser.opened(page) as opened:
        opened.evaluate("location.hash = 'view=paper'")
        opened.wait_for("document.querySelector('main img')?.naturalWidth === 1")
        assert not opened.errors


def test_layers_of_a_model_are_drawn_by_depth(tables, tmp_path):
    """A layer is a model of its own."""
    names = {"strong": "mert.00", "weak": "mert.06"}
    renamed = {
        name: [row | {"model": names[row["model"]]} if "model" in row else row for row in rows]
        for name, rows in tables.items()
    }
    models = [contents.ModelInfo(name, name) for name in names.values()]
    page = tmp_path / "explorer.html"
    found = gather(renamed, replace(RUN, models=models))
    page.write_text(document.write_document(found, get_plotlyjs()), encoding="utf-8")
    with browser.opened(page) as opened:
        opened.evaluate(
            "location.hash = 'view=cell&model=mert.06&effect=shake&statistic=displacement'"
        )
        depth = "[...document.querySelectorAll('.js-plotly-plot')].at(-1)"
        opened.wait_for(f"{depth}?.layout.xaxis.title.text === 'layer'")
        assert opened.evaluate(f"[...{depth}.data[0].x]") == [0, 6]
        strong, weak = opened.evaluate(f"[...{depth}.data[0].y]")
        assert strong > 5 * weak and not opened.errors


def test_on_paper_there_is_text_on_white_and_nothing_to_press(tables, tmp_path):
    page = tmp_path / "explorer.html"
    page.write_text(document.write_document(gather(tables), get_plotlyjs()), encoding="utf-8")
    with browser.opened(page) as opened:
        opened.call(
            "Emulation.setEmulatedMedia",
            media="print",
            features=[{"name": "prefers-color-scheme", "value": "dark"}],
        )
        shown = (
            "[...document.querySelectorAll('button, select, nav')].filter(e => e.checkVisibility())"
        )
        assert opened.evaluate(f"{shown}.length") == 0
        colours = "(s => [s.color, s.backgroundColor])(getComputedStyle(document.body))"
        assert opened.evaluate(colours) == ["rgb(0, 0, 0)", "rgb(255, 255, 255)"]
        assert len(base64.b64decode(opened.call("Page.printToPDF")["data"])) > 10_000
