"""An entry of a config's `effects`: which effect, what of it varies, and what is fixed around it.

Read for the plan and by the jobs that render. An entry has the keys `KEYS`; every other key is an
option of the effect.
"""

import difflib
import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from embedding_sensitivity.clips.clip import MIN_DURATION_S, Clip
from embedding_sensitivity.effects import EFFECTS, Effect, Instance
from embedding_sensitivity.effects.chain import MATCHES, make_chain, make_seeded, make_varying
from embedding_sensitivity.effects.declared_parameter import check_number, describe
from embedding_sensitivity.effects.level_folders import FOLDERS, choose_folders
from embedding_sensitivity.effects.plugin import make_plugin
from embedding_sensitivity.effects.plugin_table import PLUGINS, REFUSED
from embedding_sensitivity.files.declarations import load_declaration, locate_own_files
from embedding_sensitivity.files.errors import InputError, say_unknown
from embedding_sensitivity.files.safe_names import find_text_fault

SOURCES = ("effect", "plugin", "file")
# What an effect that varies has besides its options; a fixed one has `SOURCES` alone.
KEYS = (
    *SOURCES, FOLDERS, "environment", "vary", "parameter", "unit", "scale", "neutral", "match",
    "before", "after",
)  # fmt: skip
# Of one core for a clip of 3 s in stereo.
MATCH_S = {"none": 0.0, "rms": 0.001, "lufs": 0.034}
CHAIN = "embedding_sensitivity.effects.chain"
PLUGIN = Path(__file__).with_name("plugin.py")


def choose(name: str, entry: Mapping[str, Any]) -> Effect:
    """Return the effect that an entry of a config's `effects` describes.

    Parameters
    ----------
    name : its key
    entry : the keys of `KEYS` that are given, and options

    Raises
    ------
    InputError
        in one line that names the key: an effect, plugin, parameter or option that there isn't, or
        a value that isn't accepted
    """
    where = f"effects.{name}"
    if entry.get(FOLDERS) is not None:
        return choose_folders(name, entry)
    given = {key: entry[key] for key in KEYS if key in entry}
    if "parameter" in given:
        raise InputError(
            f"{where}.parameter: is only for audio in {FOLDERS}; an effect's parameter is known: "
            "remove the key"
        )
    options = {key: value for key, value in entry.items() if key not in KEYS}
    source = _source(where, given, default=name)
    if name in EFFECTS and source != ("effect", name):
        other = given["file"] if source[0] == "file" else f"{source[0]} {source[1]}"
        raise InputError(
            f"{where}: {name} is one of the workflow's own effects: give that of {other} "
            "another name"
        )
    found = _declared(where, source, name)
    found = _vary(where, found, source, given.get("vary"), options)
    found = _fix(where, found, options)
    before = _links(f"{where}.before", given.get("before"))
    after = _links(f"{where}.after", given.get("after"))
    match = given.get("match", "none")
    if match not in ("none", *MATCHES):
        raise InputError(f"{where}.match: is {match!r}, expected none, {' or '.join(MATCHES)}")
    if before or after or match != "none":
        found = _surround(where, found, before, after, match)
    found = describe(where, found, given)
    if given.get("environment"):
        if source[0] != "file":
            raise InputError(
                f"{where}.environment: is only for an effect of your own: name its file in "
                f"{where}.file, or remove the key"
            )
        found = replace(found, environment=given["environment"])
    return replace(found, name=name)


def check_lengths(effect: Effect, levels: Iterable[str], clips: Iterable[Clip]) -> None:
    """Raise `InputError` for a level at which a clip would be too short for models."""
    for clip in clips:
        for level in levels:
            seconds = effect.n_frames(float(level), clip.frames) / clip.samplerate
            if seconds < MIN_DURATION_S:
                raise InputError(
                    f"effects.{effect.name}: at level {level}, clip {clip.clip}: lasts "
                    f"{seconds:.3g} s, and models take {MIN_DURATION_S:g} s or more: leave the "
                    "level or the clip out"
                )


def option_names(name: str, entry: Mapping[str, Any]) -> list[str]:
    """Return the keys that an entry may have as options of its effect.

    Of an effect that there isn't, all that aren't near one of `KEYS`: `choose` says what is wrong.
    """
    try:
        source = _source("", {key: entry[key] for key in SOURCES if key in entry}, name)
        found = _declared("", source, name)
    except InputError:
        near = (difflib.get_close_matches(str(key), KEYS, n=1, cutoff=0.8) for key in entry)
        return [key for key, meant in zip(entry, near, strict=True) if not meant]
    return [*_option_names(found), *([found.level_key] if source[0] != "plugin" else [])]


def _source(where: str, given: Mapping[str, Any], default: str | None) -> tuple[str, str]:
    """Which of `SOURCES` an entry names its effect by, and what it says there."""
    named = [key for key in SOURCES if given.get(key) is not None]
    if len(named) > 1:
        raise InputError(f"{where}: has {' and '.join(named)}: name the effect by one of them")
    if not named and default is None:
        raise InputError(f"{where}: names no effect: give it as effect, plugin or file")
    source = (named[0], given[named[0]]) if named else ("effect", default)
    if not isinstance(source[1], str):
        raise InputError(f"{where}.{source[0]}: is {source[1]!r}, expected a name")
    return source


def _declared(where: str, source: tuple[str, str], name: str) -> Effect:
    """The effect that a source names, with nothing of it changed."""
    key, what = source
    if key == "file":
        found = load_declaration(name, what, f"{where}.file", "EFFECT", Effect)
        own = locate_own_files({"environment": found.environment}, str(found.file.parent))
        return replace(found, **own, instance=Instance(Path(what).stem))
    if key == "effect":
        if what not in EFFECTS:
            raise InputError(f"{where}.effect: {say_unknown('effect', what, EFFECTS)}")
        return replace(EFFECTS[what], instance=Instance(what))
    if what in REFUSED:
        raise InputError(f"{where}.plugin: {what} {REFUSED[what]}: name another plugin")
    if what not in PLUGINS:
        raise InputError(f"{where}.plugin: {say_unknown('plugin', what, PLUGINS)}")
    plugin = PLUGINS[what]
    return Effect(
        parameter="parameter",
        unit="",
        decimals=None,
        range=(0.0, 1.0),
        make=functools.partial(make_plugin, what, None),
        options=plugin.options,
        choices=plugin.choices,
        parameters=plugin.parameters,
        max_channels=plugin.max_channels,
        packages=("numpy", "pedalboard"),
        seconds=plugin.seconds,
        name=name,
        file=PLUGIN,
        # Whole, as the table of defaults is in no identity.
        instance=Instance(f"pedalboard.{what}", {"options": dict(plugin.options)}),
    )


def _vary(
    where: str,
    effect: Effect,
    source: tuple[str, str],
    vary: Any,
    options: dict[str, Any],
) -> Effect:
    """The effect with levels of the parameter that `vary` names; takes it from `options`."""
    can_vary = list(effect.parameters)
    if source[0] == "plugin":
        if not can_vary:
            raise InputError(
                f"{where}.plugin: {source[1]} has no parameter that is a number, and none can "
                "vary: use it in before or after"
            )
        if vary is None:
            raise InputError(
                f"{where}.vary: is missing: name the parameter whose values are the levels, of "
                f"{', '.join(can_vary)}"
            )
    elif vary in (None, effect.level_key):
        if effect.level_key in options and effect.level_key not in effect.options:
            raise InputError(f"{where}.{effect.level_key}: is what varies: remove it")
        return effect
    if vary not in can_vary:
        known = can_vary if source[0] == "plugin" else [effect.level_key, *can_vary]
        raise InputError(f"{where}.vary: {say_unknown('parameter', vary, known)}")
    if vary in options:
        raise InputError(f"{where}.{vary}: is what varies: remove it")
    varied = effect.parameters[vary]
    if source[0] == "plugin":
        make = functools.partial(make_plugin, source[1], vary, neutral=varied.neutral)
    else:
        fixed = check_number(where, effect.level_key, effect.level, options, needed=vary)
        del options[effect.level_key]
        make = functools.partial(make_varying, effect.make, vary, fixed)
    changed = {
        **effect.instance.changed,
        "vary": vary,
        **({} if source[0] == "plugin" else {effect.level_key: fixed}),
    }
    return replace(
        effect,
        parameter=varied.label,
        unit=varied.unit,
        decimals=varied.decimals,
        range=varied.range,
        scale=varied.scale,
        neutral=varied.neutral,
        mild_end=varied.mild_end,
        below_nyquist=varied.below_nyquist,
        # It was of the levels before.
        find_fault_at=None if source[0] == "plugin" else _fault_of(effect, fixed),
        make=make,
        options={key: value for key, value in effect.options.items() if key != vary},
        parameters={key: value for key, value in effect.parameters.items() if key != vary},
        instance=replace(effect.instance, changed=changed),
        computes_with=(
            effect.computes_with if source[0] == "plugin" else (*effect.computes_with, CHAIN)
        ),
    )


def _fault_of(effect: Effect, level: float):
    """A fault of a level that is fixed, for any level of what varies."""
    return lambda _, samplerate: effect.find_fault(level, samplerate)


def _fix(where: str, effect: Effect, options: Mapping[str, Any]) -> Effect:
    """The effect with other values of its options."""
    known = _option_names(effect)
    values, seed = dict(effect.options), 0
    for key, value in options.items():
        if key not in known:
            raise InputError(f"{where}.{key}: {say_unknown('key', key, known)}")
        if key == "seed" and "seed" not in effect.options:
            if type(value) is not int or value < 0:
                raise InputError(f"{where}.seed: is {value!r}, expected a whole number from 0 up")
            seed = value
            continue
        values[key] = _check_option(where, effect, key, value)
    changed = dict(effect.instance.changed)
    other = {key: value for key, value in values.items() if value != effect.options[key]}
    paths = tuple(values[key] for key in effect.paths if values[key])
    # A path is known by its content (`Instance.paths`).
    other |= {key: "given" for key in effect.paths if key in other}
    if "options" in changed:
        changed["options"] = {key: values[key] for key in changed["options"] if key in values}
    elif other:
        changed["options"] = other
    found = replace(effect, options=values)
    if seed:
        changed["seed"] = seed
        found = replace(
            found,
            make=functools.partial(make_seeded, effect.make, seed),
            other_seed=seed if effect.needs_other else 0,
            computes_with=(*effect.computes_with, CHAIN),
        )
    return replace(found, instance=replace(effect.instance, changed=changed, paths=paths))


def _option_names(effect: Effect) -> list[str]:
    seed = ["seed"] if effect.needs_seed and "seed" not in effect.options else []
    return [*effect.options, *seed]


def _check_option(where: str, effect: Effect, key: str, value: Any) -> Any:
    default = effect.options[key]
    if key in effect.choices:
        if value not in effect.choices[key]:
            words = ", ".join(effect.choices[key])
            raise InputError(f"{where}.{key}: is {value!r}, expected one of {words}")
    elif key in effect.paths:
        if not isinstance(value, str) or not value:
            raise InputError(f"{where}.{key}: is {value!r}, expected a file or folder")
        if reason := find_text_fault(value):
            raise InputError(f"{where}.{key}: {value!r} {reason}: rename it or move it elsewhere")
        if not Path(value).exists():
            raise InputError(f"{where}.{key}: {value} does not exist: give a file or folder")
        if not (Path(value).is_file() or Path(value).is_dir()):
            raise InputError(f"{where}.{key}: {value} is a pipe or device: give a file or folder")
    elif isinstance(default, bool):
        if type(value) is not bool:
            raise InputError(f"{where}.{key}: is {value!r}, expected true or false")
    elif isinstance(default, str):
        if not isinstance(value, str):
            raise InputError(f"{where}.{key}: is {value!r}, expected text")
    else:
        return check_number(where, key, effect.parameters.get(key), {key: value})
    return value


def _links(where: str, entries: Any) -> list[tuple[Effect, float]]:
    """The effects that are fixed before or after another, each with its level."""
    if entries is None:
        return []
    if not isinstance(entries, Sequence) or not all(isinstance(each, Mapping) for each in entries):
        raise InputError(
            f"{where}: is {entries!r}, expected a list of effects, as in "
            "[{effect: lowpass, cutoff_frequency: 3000}]"
        )
    return [_link(f"{where}.{number}", entry) for number, entry in enumerate(entries)]


def _link(where: str, entry: Mapping[str, Any]) -> tuple[Effect, float]:
    given = {key: entry[key] for key in SOURCES if key in entry}
    options = {key: value for key, value in entry.items() if key not in SOURCES}
    source = _source(where, given, default=None)
    found = _declared(where, source, Path(source[1]).stem)
    if source[0] == "plugin":
        return _fix(where, found, options), 0.0
    for key in options:
        known = [found.level_key, *_option_names(found)]
        if key not in known:
            raise InputError(f"{where}.{key}: {say_unknown('key', key, known)}")
    if found.level_key not in options:
        raise InputError(f"{where}.{found.level_key}: is missing: give its value")
    level = check_number(where, found.level_key, found.level, options)
    del options[found.level_key]
    return _fix(where, found, options), level


def _surround(
    where: str,
    effect: Effect,
    before: list[tuple[Effect, float]],
    after: list[tuple[Effect, float]],
    match: str,
) -> Effect:
    """The effect with others before and after, and the clip's loudness."""
    effects = [*before, (effect, None), *after]
    links = [*before, *after]
    for link, _ in links:
        if link.environment != effect.environment:
            raise InputError(
                f"{where}: {link.name} runs in {link.environment} and {effect.name} in "
                f"{effect.environment}: chain effects of one environment"
            )
    needs_seed = any(each.needs_seed for each, _ in effects)
    limits = [each.max_channels for each, _ in effects if each.max_channels]
    packages = [package for each, _ in effects for package in each.packages]
    packages += {"none": [], "rms": ["numpy"], "lufs": ["numpy", "scipy", "pyloudnorm"]}[match]
    neutral, mild_end = effect.neutral, effect.mild_end
    if links and neutral is not None:  # no level gives the clip itself
        low, high = effect.range
        ends = {low: "low", high: "high"}
        neutral, mild_end = None, ends.get(neutral)
    seconds = [MATCH_S[match], *(each.seconds for each, _ in effects)]
    changed = {
        **effect.instance.changed,
        **({"match": match} if match != "none" else {}),
        **{key: [_identity(*link) for link in some] for key, some in
           (("before", before), ("after", after)) if some},
    }  # fmt: skip
    return replace(
        effect,
        make=functools.partial(make_chain, effects, match),
        options={},
        choices={},
        parameters={},
        paths=(),
        find_fault_at=functools.partial(_find_chain_fault, effects),
        neutral=neutral,
        mild_end=mild_end,
        needs_seed=needs_seed,
        needs_other=any(each.needs_other for each, _ in effects),
        other_seed=next((each.other_seed for each, _ in effects if each.needs_other), 0),
        # A new one a clip where something is drawn: then nothing goes on.
        stateful=any(each.stateful for each, _ in effects) and not needs_seed,
        frames_at=functools.partial(_count_frames, effects),
        keeps_length=all(each.keeps_length for each, _ in effects),
        min_channels=max(each.min_channels for each, _ in effects),
        max_channels=min(limits, default=None),
        packages=tuple(dict.fromkeys(packages)),
        computes_with=tuple(
            dict.fromkeys([CHAIN, *(name for each, _ in effects for name in each.computes_with)])
        ),
        seconds=None if None in seconds else sum(seconds),
        instance=Instance(
            effect.instance.kind,
            changed,
            tuple(link.file for link, _ in links),
            tuple(path for each, _ in effects for path in each.instance.paths),
        ),
    )


def _identity(effect: Effect, level: float) -> dict[str, Any]:
    return {
        "effect": effect.instance.kind,
        "version": effect.version,
        "level": level,
        **effect.instance.changed,
    }


def _find_chain_fault(
    effects: Iterable[tuple[Effect, float | None]], level: float, samplerate: int
) -> str | None:
    faults = (
        effect.find_fault(level if fixed is None else fixed, samplerate)
        for effect, fixed in effects
    )
    return next(filter(None, faults), None)


def _count_frames(effects: Iterable[tuple[Effect, float | None]], level: float, frames: int) -> int:
    for effect, fixed in effects:
        frames = effect.n_frames(level if fixed is None else fixed, frames)
    return frames
