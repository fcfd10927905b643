"""Write docs/effects.md and docs/models.md from the declarations (`make schema`)."""

import ast
from pathlib import Path

from embedding_sensitivity.effects import EFFECTS, Effect
from embedding_sensitivity.models import MODELS, Model

ROOT = Path(__file__).resolve().parents[1]
EFFECTS_PAGE = """\
# The effects

`make schema` writes this page from the declarations, one file an effect, in
`workflow_scripts/embedding_sensitivity/effects/`. Another effect is such a file, there or in a
folder of your own (`effects: {tape: {file: my/tape.py, levels: [...]}}`): CONTRIBUTING.md has a
whole one.

"""
MODELS_PAGE = """\
# The models

`make schema` writes this page from the declarations, one file or folder a model, in
`workflow_scripts/embedding_sensitivity/models/`. Another model is such a file, there or in a folder
of your own (`models: {mine: {file: my/model.py}}`): CONTRIBUTING.md has a whole one.

`<model>-untrained` is a control: the same network with its package's initialisation (option
`seed`). Each model has the option `batch_size` (`auto`, or clips computed at once; no embedding
depends on it), and one with a download `weights` (a file on this machine in its place; its hash is
checked all the same). Another value of the other options embeds the model again.

"""
EFFECT_COLUMNS = "effect", "parameter", "levels", "decimals", "scale", "no effect at", "fixed"
MODEL_COLUMNS = "model", "dimensions", "Hz", "backend (environment)", "options", "untrained"
FILE_COLUMNS = "download", "file", "licence", "known by"


def make_effects_page() -> str:
    """Return the text of docs/effects.md."""
    rows = [_effect_row(effect) for effect in EFFECTS.values()]
    return (
        EFFECTS_PAGE
        + _table(EFFECT_COLUMNS, rows)
        + "\n"
        + "".join(map(_describe, EFFECTS.values()))
    )


def _effect_row(effect: Effect) -> tuple[str, ...]:
    low, high = effect.range
    fixed = [f"{key} {value:g}" for key, value in effect.options.items()]
    fixed += [f"at most {effect.max_channels} channels"] if effect.max_channels else []
    fixed += ["goes on from clip to clip"] if effect.stateful else []
    neutral = "" if effect.neutral is None else f"{effect.neutral:g} {effect.unit}".rstrip()
    levels = f"{low:g} to {high:g} {effect.unit}".rstrip()
    return (
        f"`{effect.name}`", effect.parameter, levels, str(effect.decimals), effect.scale, neutral,
        ", ".join(fixed),
    )  # fmt: skip


def make_models_page() -> str:
    """Return the text of docs/models.md."""
    models = [model for model in MODELS.values() if not model.untrained]
    return (
        MODELS_PAGE
        + _table(MODEL_COLUMNS, [_model_row(model) for model in models])
        + "\n"
        + _table(FILE_COLUMNS, [_file_row(model) for model in models if model.files])
        + "\n"
        + "".join(map(_describe, models))
    )


def _model_row(model: Model) -> tuple[str, ...]:
    dimensions = model.views.items() if len(model.views) > 1 else [("", *model.views.values())]
    backends = (
        f"{name} ({backend.environment}{', GPU' if backend.gpu else ''})"
        for name, backend in model.backends.items()
    )
    options = [f"{key}: {' or '.join(values)}" for key, values in model.choices.items()]
    options = [text for text in options if " or " in text and not text.startswith("backend")]
    options += [f"{key}: {default}" for key, default in model.integers.items()]
    options += [f"`protocol.{key}`" for key in model.switches]
    return (
        f"`{model.name}`{' (control)' if model.handcrafted else ''}",
        ", ".join(f"{view} {number}".strip() for view, number in dimensions),
        str(model.samplerate),
        ", ".join(backends),
        "; ".join(options),
        "yes" if model.initial else "no",
    )


def _file_row(model: Model) -> tuple[str, ...]:
    (file,) = model.files
    known = {"lock": "the first file's SHA-256, pinned", "git_blob": "git's blob id"}
    hash_kind = known.get(file.hash_kind, file.hash_kind.upper().replace("SHA", "SHA-"))
    return f"`{model.name}`", f"`{file.file_name}`", file.licence, hash_kind


def _table(header: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [header, ("---",) * len(header), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def _describe(declared: Effect | Model) -> str:
    """Return a section with the docstring of the file that declares it."""
    text = ast.get_docstring(ast.parse(declared.file.read_text(encoding="utf-8")))
    return f"## {declared.name}\n\n{text.replace('``', '`')}\n\n"


if __name__ == "__main__":
    for name, page in {"effects": make_effects_page(), "models": make_models_page()}.items():
        (ROOT / "docs" / f"{name}.md").write_text(page.rstrip() + "\n", encoding="utf-8")
