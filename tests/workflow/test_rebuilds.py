"""What a change recomputes: dry runs after a finished run of the tiny experiment.

Each test changes one thing and compares the planned rules, and the reasons Snakemake gives, with
what depends on it.
"""

import base64
import csv
import json
import os
import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import generic_rules
import pytest
import yaml
from test_source_code import imported_modules

from embedding_sensitivity.experiment.measures import list_measures
from embedding_sensitivity.page.contents import SHOWN
from support.project import first_of

ROOT = Path(__file__).resolve().parents[2]
RESPONSE = {"tabulate_response_to_change", "draw_response_to_change"}
DEBIASING = {
    *RESPONSE,
    "measure_debiasing",
    "tabulate_debiasing",
    "tabulate_claims",
    "draw_claims",
    "draw_auc",
    "draw_auc_gain",
    "draw_recovery",
    "draw_verdicts",
    "write_cards",
}
MEASURE = ("measure_sensitivity", "measure_debiasing")
SENSITIVITY = {
    *RESPONSE,
    "measure_sensitivity",
    "tabulate_sensitivity",
    "tabulate_claims",
    "draw_claims",
    "draw_correlation",
    "draw_spectra",
    "draw_samplewise",
    "draw_dimensionality",
    "draw_principal_angles",
    "draw_table1",
    "draw_displacement",
    "draw_equivariance",
    "draw_heldout_energy",
    "draw_retrieval",
    "draw_threshold_90",
    "write_cards",
}
TRAJECTORIES = {"measure_trajectories", "draw_trajectories"}
MEASURES = SENSITIVITY | DEBIASING | TRAJECTORIES
ANALYSIS = MEASURES | {"tabulate_provenance"}
# What is put together of all effects, figures in one job a kind.
TOGETHER = {rule for rule in ANALYSIS if rule.startswith(("tabulate_", "draw_", "write_"))}
STORES = {"assemble_effect", "assemble_model"}
BY_IDENTITY = {
    *("render_effect", "keep_audio", "compare_signals", "embed_clips", "embed_original"),
    *("index_clips", "render_demo_clips", "initialise_model", "convert_weights"),
}
EMBEDDING = {"render_effect", "embed_clips"}
SIGNAL = {"compare_signals", "tabulate_signal_change"}
LISTENING = {"keep_audio", "render_snippets"}


def change(project, **keys) -> None:
    config = project.read_config()
    for key, value in keys.items():
        *parents, last = key.split("__")
        section = config
        for parent in parents:
            section = section.setdefault(parent, {})
        section[last] = value
    project.write_config(config)


def edit(project, name: str | Path, line: str = "# edited") -> None:
    path = project.path(name)
    path.write_text(path.read_text(encoding="utf-8") + f"\n{line}\n", encoding="utf-8")


def batch_of(job: dict) -> str:
    return job["part"].rpartition(".")[0]


def tables_of(*names: str) -> list[str]:
    return [f"results/tiny/tables/{name}.csv" for name in names]


def table_rows(project, name: str) -> list[dict]:
    path = project.path(f"results/tiny/tables/{name}.csv")
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_nothing_changed_nothing_to_do(again):
    assert again.planned() == {}
    assert again.run("--dry-run").jobs == []


def test_touching_scripts_and_library_modules_recomputes_nothing(again):
    for path in again.path("workflow_scripts").rglob("*.py"):
        path.touch()
    assert again.planned() == {}


def test_an_edited_script_reruns_its_rule_and_what_follows(again):
    edit(again, "workflow_scripts/measure.py", "EDITED = True")
    assert set(again.planned()) == MEASURES


def test_how_embeddings_are_computed_recomputes_nothing(again):
    """But for the manifest, which has the whole config."""
    change(again, device="cpu", models__musicnn={"batch_size": 3}, models__logmel={"batch_size": 1})
    planned = again.planned()
    assert set(planned) == {"write_manifest"}
    assert "Params have changed" in planned["write_manifest"][0]["reason"]


def test_the_number_of_cores_and_the_profile_recompute_nothing(again):
    assert again.planned("--cores=1") == {}
    # What is Slurm's own needs its plugin.
    path = again.path("profiles/slurm/config.yaml")
    profile = yaml.safe_load(path.read_text(encoding="utf-8"))
    others = {key: value for key, value in profile.items() if not key.startswith("slurm-")}
    del others["executor"], others["partitions"]
    path.write_text(yaml.safe_dump(others), encoding="utf-8")
    assert again.planned("--workflow-profile=profiles/slurm") == {}


def test_the_order_of_a_configs_keys_is_no_change(again):
    config = again.read_config()
    again.write_config(dict(reversed(config.items())))
    assert again.planned() == {}


@pytest.mark.parametrize("name", first_of(["envs/torch.yaml", "Snakefile", "rules/figures.smk"]))
def test_code_that_no_job_depends_on_rewrites_the_manifest_alone(again, name):
    edit(again, name)
    planned = again.planned()
    assert set(planned) == {"write_manifest"}
    assert "Params have changed" in planned["write_manifest"][0]["reason"]


def test_a_lost_manifest_is_written_again_alone(again):
    again.path("results/tiny/manifest.json").unlink()
    assert set(again.planned()) == {"write_manifest"}


def test_a_comment_embeds_and_renders_nothing(again):
    """In any environment, any script and any module of the library, and with them touched."""
    names = [*again.path("envs").glob("*.yaml"), *again.path("workflow_scripts").rglob("*.py")]
    for name in names:
        edit(again, name)
    planned = set(again.planned())
    # An environment's comment makes what isn't named by its identity again: analysis, stores that
    # only gather parts, and the few sounds that the explorer plays.
    gathering = {"assemble_effect", "assemble_model", "tabulate_signal_change"}
    assert planned == gathering | ANALYSIS | {"render_snippets"}


def test_a_comment_in_the_library_analyses_and_draws_nothing(again):
    for name in again.path("workflow_scripts/embedding_sensitivity").rglob("*.py"):
        edit(again, name)
    assert set(again.planned()) == {"write_manifest"}


def test_a_comment_is_nothing_under_another_profile(again):
    for name in BY_IDENTITY:
        edit(again, f"workflow_scripts/{name}.py")
    edit(again, "envs/musicnn.yaml")
    profile = again.path("profile") / "config.yaml"
    profile.parent.mkdir()
    profile.write_text("software-deployment-method: conda\n", encoding="utf-8")
    without = ("--workflow-profile=none", "--software-deployment-method=conda")
    for options in (without, (f"--workflow-profile={profile.parent}",)):
        assert set(again.planned(*options)) == {"write_manifest"}


def test_a_part_is_whole_even_if_snakemake_was_killed_before_it_knew(again):
    """As after a kill between a job's end and Snakemake's note of it: the mark of a running job."""
    paths = [
        again.find("results/tiny/embeddings/logmel/gain/5.0.*.h5"),
        again.find("results/tiny/embeddings/logmel/original/*.h5"),
        "results/tiny/clips.csv",
    ]
    marks = again.path(".snakemake/incomplete")
    marks.mkdir(exist_ok=True)
    for path in paths:
        (marks / base64.b64encode(path.encode()).decode()).touch()
    assert again.planned() == {}
    # The positive control: an output that has no such name.
    (marks / base64.b64encode(b"results/tiny/embeddings/logmel/gain.h5").decode()).touch()
    assert "assemble_effect" in again.planned()


NEW_MODULE = """
from embedding_sensitivity.clips.audio import read_clip
from embedding_sensitivity.files.errors import InputError


def loudest(clip):
    if clip is None:
        raise InputError("no clip")
    return abs(read_clip(clip)).max()
"""


def test_how_a_change_of_the_signal_is_measured_embeds_nothing(again):
    """Of a state that clips carry on the audio is rendered again, of others a few clips."""
    module = again.path("workflow_scripts/embedding_sensitivity/effects/signal_change.py")
    text = module.read_text(encoding="utf-8")
    assert "MAX_CLIPS = 20" in text
    module.write_text(text.replace("MAX_CLIPS = 20", "MAX_CLIPS = 10"), encoding="utf-8")
    planned = again.planned()
    assert set(planned) == SIGNAL | RESPONSE | {"render_effect"}
    assert len(planned["compare_signals"]) == 2 * 2
    assert {job["effect"] for job in planned["render_effect"]} == {"reverb"}


@pytest.mark.more
def test_a_lost_change_of_the_signal_is_measured_again_and_is_the_same(again):
    """As in an experiment that was run before there was this table."""
    shutil.rmtree(again.path("results/tiny/signal"))
    table = again.path("results/tiny/tables/signal_change.csv")
    before = table.read_bytes()
    table.unlink()
    done = again.run()
    rules = Counter(job.rule for job in done.finished)
    assert (rules["compare_signals"], rules["render_effect"]) == (4, 2)
    assert not set(rules) & {"embed_clips", "embed_original", "measure_sensitivity"}
    assert table.read_bytes() == before
    assert again.planned() == {}


def test_a_new_module_and_a_new_error_text_embed_nothing(again):
    library = again.path("workflow_scripts/embedding_sensitivity")
    (library / "embeddings" / "loudness.py").write_text(NEW_MODULE, encoding="utf-8")
    module = library / "embeddings" / "embedding.py"
    text = module.read_text(encoding="utf-8")
    assert "is too small for one clip" in text and "from embedding_sensitivity" in text
    text = text.replace("is too small for one clip", "has no room for one clip")
    text = text.replace(
        "\n\n\n", "\nfrom embedding_sensitivity.embeddings import loudness\n\n\n", 1
    )
    module.write_text(text, encoding="utf-8")
    assert not set(again.planned()) & (EMBEDDING | {"embed_original", "keep_audio", "index_clips"})


def test_a_renamed_module_embeds_nothing(again):
    library = again.path("workflow_scripts/embedding_sensitivity")
    shared = library / "models" / "shared"
    (shared / "frontend.py").rename(shared / "spectrograms.py")
    for path in library.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace("shared.frontend", "shared.spectrograms"), encoding="utf-8")
    assert not set(again.planned()) & (EMBEDDING | {"embed_original", "keep_audio"})


def test_a_package_that_a_model_does_not_compute_with_embeds_nothing(again):
    path = again.path("envs/musicnn.yaml")
    text = path.read_text(encoding="utf-8")
    path.write_text(text.rstrip() + "\n      - cowsay==6.1\n", encoding="utf-8")
    assert set(again.planned()) == {"write_manifest"}
    # The positive control: one that it computes with.
    assert "- numpy==2" in text
    path.write_text(text.replace("- numpy==2", "- numpy==3"), encoding="utf-8")
    planned = again.planned()
    for rule in ("embed_original", "embed_clips", "initialise_model"):
        assert {job["model"] for job in planned[rule]} <= {"musicnn", "musicnn-untrained"}, rule
    assert len(planned["embed_clips"]) == 2 * 4


def test_a_changed_number_embeds_its_model_alone(again):
    module = again.path("workflow_scripts/embedding_sensitivity/models/logmel.py")
    text = module.read_text(encoding="utf-8")
    assert "FLOOR = 1e-10" in text
    module.write_text(text.replace("FLOOR = 1e-10", "FLOOR = 2e-10"), encoding="utf-8")
    planned = again.planned()
    for rule in ("embed_original", "embed_clips", "assemble_effect", *MEASURE):
        assert {job["model"] for job in planned[rule]} == {"logmel"}, rule
    assert len(planned["embed_clips"]) == len(planned["render_effect"]) == 4
    assert not set(planned) & {"keep_audio", "index_clips", "render_demo_clips"}


def test_a_changed_number_of_rendering_renders_and_embeds_all(again):
    module = again.path("workflow_scripts/embedding_sensitivity/effects/rendering.py")
    text = module.read_text(encoding="utf-8")
    assert "2**21" in text
    module.write_text(text.replace("2**21", "2**20"), encoding="utf-8")
    planned = again.planned()
    assert len(planned["embed_clips"]) == 3 * 4 and len(planned["keep_audio"]) == 1
    # The originals pass through no effect.
    assert "embed_original" not in planned


@pytest.mark.more
def test_what_was_made_again_with_the_same_content_makes_nothing_after_it(again):
    """All that is planned after stores of originals turns out to be what it was."""
    again_too = ("--forcerun=embed_original",)
    assert {*MEASURE, "draw_auc", "assemble_model"} <= set(again.planned(*again_too))
    done = again.run(*again_too)
    finished = Counter(job.rule for job in done.finished if job.rule != "all")
    assert finished == {"embed_original": 3}
    assert again.planned() == {}


@pytest.mark.parametrize(
    "changes",
    [
        {"models__musicnn": {"layer": "penultimate"}},
        {"models__musicnn": {"backend": "upstream"}},
    ],
)
def test_a_models_options_embed_that_model_alone(again, changes):
    change(again, **changes)
    planned = again.planned()
    for rule in (
        "embed_original",
        "embed_clips",
        "assemble_effect",
        *MEASURE,
    ):
        assert {job["model"] for job in planned[rule]} == {"musicnn"}, rule
    assert len(planned["embed_clips"]) == len(planned["render_effect"]) == 4


@pytest.mark.more
def test_an_edited_model_is_embedded_once_and_its_earlier_parts_are_kept(again):
    """Run to the end: no other model is embedded, now or in the next run."""
    parts = set(again.path("results/tiny/embeddings").glob("*/*/*.h5"))
    module = again.path("workflow_scripts/embedding_sensitivity/models/logmel.py")
    before = module.read_text(encoding="utf-8")
    module.write_text(before.replace("FLOOR = 1e-10", "FLOOR = 2e-10"), encoding="utf-8")
    done = again.run("results/tiny/embeddings/logmel.h5")
    assert [job.rule for job in done.finished].count("embed_clips") == 4
    new = set(again.path("results/tiny/embeddings").glob("*/*/*.h5")) - parts
    assert {path.parents[1].name for path in new} == {"logmel"}
    assert len(new) == 4 + 1
    assert not set(again.planned()) & (EMBEDDING | {"embed_original", "initialise_model"})
    module.write_text(before, encoding="utf-8")
    assert not set(again.planned()) & (EMBEDDING | {"embed_original", "initialise_model"})


def test_weights_made_again_embed_nothing_again(again):
    """They are the same: the seed, the module and the environment are part of a part's name."""
    (weights,) = again.path("resources/weights").glob("musicnn-untrained_seed*.npz")
    weights.write_bytes(weights.read_bytes())
    assert again.planned() == {}
    initial = again.path("workflow_scripts/embedding_sensitivity/models/shared/initial.py")
    text = initial.read_text(encoding="utf-8")
    assert "N_PINK_CLIPS = 64" in text
    initial.write_text(text.replace("N_PINK_CLIPS = 64", "N_PINK_CLIPS = 32"), encoding="utf-8")
    planned = again.planned()
    for rule in ("initialise_model", "embed_original", "embed_clips", "measure_debiasing"):
        assert "musicnn-untrained" in {job["model"] for job in planned[rule]}, rule
    assert {job["model"] for job in planned["initialise_model"]} == {"musicnn-untrained"}


# Those of the comparison with the paper are drawn in the paper's own run alone.
@pytest.mark.parametrize(
    "kind",
    first_of(k.name for m in list_measures() if not m.needs_layers for k in m.figures),
)
def test_a_figures_style_redraws_that_figure_alone(again, kind):
    change(again, figures__style={kind: {"font_size": 9}})
    planned = again.planned()
    assert set(planned) == {f"draw_{kind}"}
    assert all("Params have changed" in job["reason"] for job in planned[f"draw_{kind}"])


def test_a_threshold_recomputes_debiasing_alone(again):
    change(again, debiasing__svd_thresholds=[0.3, 0.6])
    planned = again.planned()
    assert set(planned) == DEBIASING
    assert all("Params have changed" in job["reason"] for job in planned["measure_debiasing"])


def test_umap_settings_recompute_trajectories_alone(again):
    change(again, figures__umap__clips=5)
    assert set(again.planned()) == TRAJECTORIES


def test_an_extra_level_is_the_only_one_embedded(again):
    change(again, effects__gain__extra=[-5])
    planned = again.planned()
    assert set(planned) == EMBEDDING | SIGNAL | STORES | ANALYSIS
    rendered = [(job["effect"], batch_of(job)) for job in planned["render_effect"]]
    assert rendered == [("gain", "-5.0")]
    assert {(job["model"], batch_of(job)) for job in planned["embed_clips"]} == {
        (model, "-5.0") for model in ("musicnn", "musicnn-untrained", "logmel")
    }
    for rule in EMBEDDING | ANALYSIS - TOGETHER:
        assert {job["effect"] for job in planned[rule]} == {"gain"}, rule


def test_a_level_added_to_the_grid_is_the_only_one_embedded(again):
    change(again, effects__gain__levels=[-20, -10, 0, 5])
    planned = again.planned()
    assert [batch_of(job) for job in planned["render_effect"]] == ["-10.0"]
    assert {batch_of(job) for job in planned["embed_clips"]} == {"-10.0"}


def test_a_removed_level_embeds_nothing(again):
    change(again, effects__gain__levels=[0, 5], models={"logmel": {}})
    planned = again.planned()
    assert not set(planned) & (EMBEDDING | {"embed_original"})
    assert {job["effect"] for job in planned["assemble_effect"]} == {"gain"}


@pytest.mark.more
def test_a_removed_level_leaves_no_row(again):
    change(again, effects__gain__levels=[0, 5], models={"logmel": {}})
    again.run(*tables_of("auc", "global_r2"))
    assert {row["train"] for row in table_rows(again, "auc")} == (
        {"original", "5.0", "0.10", "0.50", "0.90"}
    )
    assert {row["n_levels"] for row in table_rows(again, "global_r2")} == {"2", "3"}


def test_a_removed_model_embeds_nothing(again):
    change(again, models={"musicnn": {}, "logmel": {}})
    planned = set(again.planned())
    assert not planned & (EMBEDDING | STORES | {"measure_sensitivity", "measure_debiasing"})
    assert {"tabulate_sensitivity", "tabulate_debiasing", "draw_table1"} < planned


@pytest.mark.more
def test_a_removed_model_leaves_no_row(again):
    change(again, models={"musicnn": {}, "logmel": {}})
    tables = ("global_r2", "table1", "samplewise_r2", "spectra", "n_directions", "auc")
    again.run(*tables_of(*tables))
    for table in tables:
        assert {row["model"] for row in table_rows(again, table)} == {"musicnn", "logmel"}, table


def test_a_removed_label_embeds_nothing(again):
    change(again, labels=["cello", "flute"], models={"logmel": {}})
    planned = set(again.planned())
    assert not planned & (EMBEDDING | STORES | {"embed_original", "index_clips"})
    assert {"tabulate_sensitivity", "tabulate_debiasing", "draw_table1"} < planned


@pytest.mark.more
def test_a_removed_label_leaves_no_row(again):
    change(again, labels=["cello", "flute"], models={"logmel": {}})
    tables = ("global_r2", "samplewise_r2", "spectra", "n_directions", "auc")
    again.run(*tables_of(*tables))
    for table in tables:
        assert {row["label"] for row in table_rows(again, table)} == {"cello", "flute"}, table


def test_an_added_model_is_the_only_one_embedded(again):
    """Its audio has to be rendered again, which must not embed it with the other models."""
    shutil.rmtree(again.path("results/tiny/embeddings/logmel"))
    again.path("results/tiny/embeddings/logmel.h5").unlink()
    planned = again.planned()
    for rule in (
        "embed_original",
        "embed_clips",
        "assemble_effect",
        *MEASURE,
    ):
        assert {job["model"] for job in planned[rule]} == {"logmel"}, rule
    assert len(planned["render_effect"]) == 4


def test_a_replaced_clip_recomputes_from_the_index_on(again):
    clips = sorted(again.path("results/tiny/clips").glob("*.wav"))
    clips[0].write_bytes(clips[1].read_bytes())
    planned = again.planned()
    assert (
        set(planned)
        == {"index_clips", "embed_original", *LISTENING} | EMBEDDING | SIGNAL | STORES | ANALYSIS
    )
    assert "Updated input files" in planned["index_clips"][0]["reason"]
    assert clips[0].name in planned["index_clips"][0]["reason"]


def test_a_replaced_clip_is_noticed_whatever_its_time(again):
    clips = sorted(again.path("results/tiny/clips").glob("*.wav"))
    clips[0].write_bytes(clips[1].read_bytes())
    os.utime(clips[0], (1e9, 1e9))
    planned = again.planned()
    assert {"index_clips", "embed_original"} | EMBEDDING <= set(planned)


@pytest.mark.more
def test_a_replaced_clip_recomputes_from_rendering_on(again):
    """A local folder's clip is replaced; the folder is made of the demo's clips."""
    folder = again.path("my_audio")
    again.path("results/tiny/clips").rename(folder)
    again.write_config(
        {
            **again.read_config(),
            "experiment": "local",
            "data": {"source": "folder", "folder": "my_audio", "split": "my_audio/split.csv"},
            "models": {"logmel": {}},
        }
    )
    again.run()
    assert again.planned() == {}
    # What to do with bad clips, of which there are none: the index is made again, and is the same.
    change(again, data__on_bad_clip="drop")
    assert "Params have changed" in again.planned()["index_clips"][0]["reason"]
    done = again.run()
    assert {job.rule for job in done.finished} - {"all"} == {"index_clips", "write_manifest"}
    assert again.planned() == {}
    # Touched or copied back: the same by content.
    for clip in folder.glob("*.wav"):
        clip.touch()
    assert again.planned() == {}
    clips = sorted(folder.glob("*.wav"))
    clips[0].write_bytes(clips[1].read_bytes())
    planned = again.planned()
    assert (
        set(planned)
        == {"index_clips", "embed_original", *LISTENING} | EMBEDDING | SIGNAL | STORES | ANALYSIS
    )
    assert "Updated input files" in planned["index_clips"][0]["reason"]
    assert clips[0].name in planned["index_clips"][0]["reason"]


# Which script imports which modules: test_source_code.py.
LIBRARY_EDITS = {
    "measures/debiasing": DEBIASING,
    "figures/auc": {"draw_auc"},
    "measures/trajectories": TRAJECTORIES,
    # Directions are written by the same job.
    "analysis/dimensionality": SENSITIVITY | DEBIASING,
    "analysis/cca": SENSITIVITY | DEBIASING,
    "analysis/classifiers/classification": DEBIASING,
    "analysis/trajectories": TRAJECTORIES,
}


@pytest.mark.parametrize("module", first_of(LIBRARY_EDITS, 3))
def test_an_edited_module_reruns_the_rules_that_import_it(again, module):
    edit(again, f"workflow_scripts/embedding_sensitivity/{module}.py", "EDITED = True")
    planned = again.planned()
    assert set(planned) == LIBRARY_EDITS[module]


@pytest.mark.more
def test_every_rule_declares_the_modules_its_script_imports(project):
    """Compares the modules whose code a rule's hash is of with the script and what it imports."""
    before = (
        "import os, sys\n"
        "sys.path.insert(0, os.path.join(workflow.basedir, 'workflow_scripts'))\n"
        "from embedding_sensitivity.experiment import plan as planned, source_code\n"
        "listed = {}\n"
        "def list_modules(*names, hash_of=planned.hash_code):\n"
        "    found = hash_of(*names)\n"
        "    modules = source_code.find_code_files(planned.SCRIPTS, *names)\n"
        "    listed[found] = sorted(os.path.relpath(path) for path in modules)\n"
        "    return found\n"
        "planned.hash_code = list_modules\n"
    )
    after = (
        "import json\n"
        "for rule in workflow.rules:\n"
        "    if rule.params.get('code') in listed:\n"
        "        print('DECLARED', json.dumps([rule.name, listed[rule.params.code]]))\n"
    )
    snakefile = project.path("Snakefile")
    text = snakefile.read_text(encoding="utf-8")
    snakefile.write_text(f"{before}\n{text}\n{after}", encoding="utf-8")
    lines = project.run("--dry-run").output.splitlines()
    change(project, data={"source": "irmas"})
    lines += project.run("--dry-run").output.splitlines()
    declared = [json.loads(line[9:]) for line in lines if line.startswith("DECLARED ")]
    scripts = {path.stem: path for path in project.path("workflow_scripts").glob("*.py")}
    # In a run from embeddings made elsewhere alone.
    imports = project.path("rules/imports.smk").read_text(encoding="utf-8")
    imports = set(re.findall(r"workflow_scripts/(\w+)\.py", imports))
    # What makes files that are named by identity or hash has none to declare; of the manifest, it
    # is all of the checkout.
    generic = {name: generic_rules.script_of(name) for name in generic_rules.ALL}
    rules = {generic.get(rule, rule) for rule, _ in declared}
    assert rules == set(scripts) - imports - BY_IDENTITY - {"fetch_weights", "write_manifest"}
    assert set(generic) - generic_rules.OF_LAYERS <= {rule for rule, _ in declared}
    folder = project.path("workflow_scripts")
    imported = {rule: imported_modules(path) for rule, path in scripts.items()}
    for rule, modules in declared:
        script = generic.get(rule, rule)
        names = {*imported[script], script}
        for module, functions in chosen_modules(rule):
            path = folder.joinpath(*module.split(".")).with_suffix(".py")
            names |= {module, *imported_modules(path, functions)}
        paths = (Path("workflow_scripts", *name.split(".")) for name in names)
        assert set(modules) == {
            str(path.with_suffix(".py"))
            if project.path(f"{path}.py").exists()
            else str(path / "__init__.py")
            for path in paths
        }, rule


def chosen_modules(rule: str) -> list[tuple[str, tuple[str, ...] | None]]:
    """The modules that a rule's script picks by name, and those functions that it calls."""
    library = "embedding_sensitivity"
    stage, _, name = rule.partition("_")
    jobs = {job.group.name: job for job in generic_rules.JOBS}
    measures = {
        "measure": lambda: jobs[name].measures,
        "tabulate": lambda: jobs[name].measures,
        "draw": lambda: [m for m in list_measures() if name in {kind.name for kind in m.figures}],
    }
    found = []
    if rule in generic_rules.ALL:
        for m in measures[stage]():
            functions = {
                "measure": ("measure", "conclude"),
                "tabulate": tuple(table.derive for table in m.tables if table.derived_from),
                "draw": tuple(kind.draw for kind in m.figures if kind.name == name),
            }[stage]
            found.append((f"{library}.measures.{m.name}", functions))
    if rule in ("measure_sensitivity", "measure_debiasing"):
        found.append((f"{library}.analysis.direction_store", None))
    read = {
        "tabulate_paper_comparison": ("global_r2", "debiasing"),
        "draw_paper_auc": ("debiasing",),
        "compare_experiments": ("global_r2", "debiasing"),
        "write_cards": ("displacement", "equivariance", "global_r2", "recovery", "retrieval"),
        "write_explorer": sorted(
            measure.name
            for measure in list_measures()
            if {table.name for table in measure.tables} & set(SHOWN)
        ),
    }
    return found + [(f"{library}.measures.{name}", ()) for name in read.get(rule, ())]


def test_the_papers_run_is_planned_in_seconds(project):
    """108 levels x 3 models in batches of 4; the clips of IRMAS are no inputs of their own."""
    shutil.copy2(ROOT / "config.yaml", project.folder)
    spent = []
    quiet = subprocess.DEVNULL
    for _ in range(2):
        before = sum(os.times()[2:4])  # of child processes, for themselves and in the system
        options = {"configfile": "config.yaml", "stdout": quiet, "stderr": quiet}
        with project.start("--dry-run", "--quiet", "rules", **options) as run:
            run.wait(timeout=project.seconds)
        spent.append(sum(os.times()[2:4]) - before)
    done = project.snakemake("--dry-run", configfile="config.yaml")
    assert (run.returncode, done.returncode) == (0, 0), done.output
    counts = Counter(job.rule for job in done.jobs)
    assert (counts["render_effect"], counts["embed_clips"]) == (28, 3 * 28)
    assert counts.total() < 300
    # Processor time, whatever else runs, and the better of two, as a busy machine makes that longer
    # too; 3 s on the machine of docs/cost.md, most of it imports.
    assert min(spent) < 6


def test_it_is_planned_in_another_folder_too(project, tmp_path):
    """`--directory` puts results elsewhere; scripts and the paper's numbers stay here."""
    config = str(ROOT / "config.yaml")
    done = project.snakemake("--dry-run", "--directory", str(tmp_path), configfile=config)
    assert done.returncode == 0, done.output
    assert "tabulate_paper_comparison" in {job.rule for job in done.jobs}
