"""Response cards: what an experiment found of one model, as a file that people exchange.

A card holds, for each effect, a few numbers with their intervals, and beside them what they depend
on: data, recordings, gallery, protocol, weights, versions. Cards are ranked only where these agree.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from embedding_sensitivity.files.csv_files import parse_number
from embedding_sensitivity.files.errors import InputError
from embedding_sensitivity.page.matrix import find_strongest_displacements, mean_of

SCHEMA_VERSION = 1
NUMBER = {"type": ["number", "null"]}
INTERVAL = {
    "type": "object",
    "required": ["value", "low", "high"],
    "properties": {"value": NUMBER, "low": NUMBER, "high": NUMBER},
}
BOUND = {"enum": ["", "=", "<", ">"], "description": "whether it lies beyond the levels of the run"}
THRESHOLD = {
    "type": "object",
    "required": [
        "side", "value", "bound", "low", "bound_low", "high", "bound_high", "gallery",
        "recordings", "responds",
    ],
    "properties": {
        "side": {"type": "string", "description": "down or up from the neutral level; empty: one"},
        "value": NUMBER,
        "bound": BOUND,
        "low": NUMBER,
        "bound_low": BOUND,
        "high": NUMBER,
        "bound_high": BOUND,
        "gallery": {"type": "integer", "description": "originals among which a clip is found"},
        "recordings": {"type": "integer"},
        "responds": {"type": "boolean"},
    },
}  # fmt: skip
EFFECT = {
    "type": "object",
    "required": [
        "parameter", "unit", "levels", "made", "retrieval_threshold", "relative_displacement",
        "rho_ridge", "equivariance", "auc_drop", "best_remedy",
    ],
    "properties": {
        "parameter": {"type": "string"},
        "unit": {"type": "string"},
        "scale": {"enum": ["linear", "log"]},
        "levels": {"type": "array", "items": {"type": "string"}},
        "made": {"type": "string", "description": "what the config changes of the shipped effect"},
        "retrieval_threshold": {"type": "array", "items": THRESHOLD},
        "relative_displacement": {
            "type": ["object", "null"],
            "description": "where it is largest; `clips` are 5 and 95 % quantiles over test clips",
            "required": ["level", "value", "clips"],
            "properties": {
                "level": {"type": "string"},
                "value": NUMBER,
                "clips": {"type": "array", "items": NUMBER, "minItems": 2, "maxItems": 2},
            },
        },
        "rho_ridge": INTERVAL,
        "equivariance": INTERVAL,
        "auc_drop": INTERVAL,
        "best_remedy": {
            "type": ["object", "null"],
            "required": ["method", "threshold", "gain", "recovered"],
            "properties": {
                "method": {"type": "string"},
                "threshold": {"type": "string"},
                "gain": INTERVAL,
                "recovered": INTERVAL,
            },
        },
    },
}  # fmt: skip
SCHEMA = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "Response card of an audio embedding",
    "type": "object",
    "required": [
        "schema_version", "model", "control", "weights_sha256", "options", "backend",
        "package_versions", "experiment", "data", "protocol", "workflow_version", "effects",
    ],
    "properties": {
        "schema_version": {"const": SCHEMA_VERSION},
        "model": {"type": "string"},
        "control": {
            "enum": ["", "untrained", "handcrafted"],
            "description": "not empty: no published model, and nothing it shows is one's",
        },
        "weights_sha256": {"type": "string", "description": "empty: the model has no weights"},
        "options": {"type": "object"},
        "backend": {"type": "string"},
        "package_versions": {"type": "object", "description": "of packages it computes with"},
        "audio_package_versions": {"type": "object"},
        "experiment": {"type": "string"},
        "data": {
            "type": "object",
            "required": ["clips", "sha256", "labels"],
            "properties": {
                "clips": {"type": "string"},
                "sha256": {
                    "type": "string",
                    "description": "of the clips' ids, labels, recordings, split and content",
                },
                "labels": {
                    "type": "object",
                    "additionalProperties": {
                        "type": "object",
                        "additionalProperties": {"type": "integer"},
                    },
                },
            },
        },
        "protocol": {"type": "object", "description": "by effect"},
        "workflow_version": {"type": "string"},
        "effects": {"type": "object", "additionalProperties": EFFECT},
    },
}  # fmt: skip
# The numbers with an interval, in the order they are shown: key and name.
SHOWN = (
    ("rho_ridge", "correlation with the level"),
    ("equivariance", "equivariance"),
    ("auc_drop", "drop of AUC"),
)

Rows = Iterable[Mapping[str, str]]


def _interval(row: Mapping | None, value: str, low: str = "", high: str = "") -> dict:
    columns = {"value": value, "low": low or f"{value}_low", "high": high or f"{value}_high"}
    return {key: parse_number(row[column]) if row else None for key, column in columns.items()}


def _threshold(row: Mapping) -> dict:
    return {
        "side": row["side"],
        **_interval(row, "threshold_90"),
        **{bound: row[bound] for bound in ("bound", "bound_low", "bound_high")},
        "gallery": int(row["gallery"] or 0),
        "recordings": int(row["n_groups"] or 0),
        "responds": row["responds"] == "1",
    }


def _displacement(strongest: tuple[str, Sequence[Mapping]] | None) -> dict | None:
    if strongest is None:
        return None
    level, rows = strongest
    clips = [mean_of(rows, f"relative_{quantile}") for quantile in ("q05", "q95")]
    return {"level": level, "value": mean_of(rows, "relative"), "clips": clips}


def _remedy(row: Mapping | None) -> dict | None:
    if row is None or not row["method"]:
        return None
    return {
        "method": row["method"],
        "threshold": row["threshold"],
        "gain": _interval(row, "gain"),
        "recovered": _interval(row, "recovered"),
    }


def build_card(
    model: str, tables: Mapping[str, Rows], stores: Sequence[Mapping], about: Mapping
) -> dict:
    """Build a model's card from an experiment's tables.

    Parameters
    ----------
    model : its name in the tables
    tables : rows of `threshold_90`, `displacement`, `r2_means`, `equivariance_mean`,
        `recovery_best` and `recordings`
    stores : attributes of the stores, from provenance.json
    about : `experiment`, `clips`, `clips_sha256`, `workflow_version`, and `effects`: a list of
        each effect's name, parameter, unit, log_axis, levels and made

    Returns
    -------
    dict
        As `SCHEMA` describes it. A number that the experiment doesn't have is None.
    """

    def find(table: str, effect: str) -> list[Mapping]:
        return [row for row in tables[table] if (row["model"], row["effect"]) == (model, effect)]

    def first(table: str, effect: str) -> Mapping | None:
        return next(iter(find(table, effect)), None)

    own = [store for store in stores if store["model"] == model]
    store = own[0]
    strongest = find_strongest_displacements(tables)
    effects = {}
    for effect in about["effects"]:
        name = effect["name"]
        best = first("recovery_best", name)
        effects[name] = {
            "parameter": effect["parameter"],
            "unit": effect["unit"],
            "scale": "log" if effect["log_axis"] else "linear",
            "levels": list(effect["levels"]),
            "made": effect["made"],
            "retrieval_threshold": [_threshold(row) for row in find("threshold_90", name)],
            "relative_displacement": _displacement(strongest.get((model, name))),
            "rho_ridge": _interval(
                first("r2_means", name), "mean_rho_ridge", "rho_ridge_low", "rho_ridge_high"
            ),
            "equivariance": _interval(first("equivariance_mean", name), "equivariance"),
            "auc_drop": _interval(best, "headroom"),
            "best_remedy": _remedy(best),
        }
    counts = ("train_clips", "test_clips", "train_recordings", "test_recordings")
    labels = {row["label"]: {key: int(row[key]) for key in counts} for row in tables["recordings"]}
    return {
        "schema_version": SCHEMA_VERSION,
        "model": model,
        "control": store.get("control", ""),
        "weights_sha256": store.get("weights_sha256", ""),
        "options": store.get("options", {}),
        "backend": store.get("backend", ""),
        "package_versions": store.get("package_versions", {}),
        "audio_package_versions": store.get("audio_package_versions", {}),
        "experiment": about["experiment"],
        "data": {"clips": about["clips"], "sha256": about["clips_sha256"], "labels": labels},
        "protocol": {each["effect"]: each.get("protocol", {}) for each in own},
        "workflow_version": about["workflow_version"],
        "effects": effects,
    }


def read_card(path: str) -> dict:
    """Read a card; raise `InputError` with the first key that isn't as the schema says."""
    import jsonschema

    try:
        card = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    except ValueError:
        raise InputError(f"{path}: is not JSON: expected a card of this workflow") from None
    validator = jsonschema.Draft202012Validator(SCHEMA)
    for fault in sorted(validator.iter_errors(card), key=lambda fault: list(fault.absolute_path)):
        where = "/".join(map(str, fault.absolute_path)) or "the file"
        raise InputError(f"{path}: {where}: {fault.message}: expected a card of this workflow")
    return card


def find_differences(cards: Sequence[Mapping], effect: str) -> list[str]:
    """Say what of an effect's conditions differs between cards: they can't be ranked then."""

    def gallery(card: Mapping) -> list:
        return [found["gallery"] for found in card["effects"][effect]["retrieval_threshold"]]

    conditions = {
        "data": lambda card: card["data"]["sha256"],
        "labels and recordings": lambda card: card["data"]["labels"],
        "audio protocol": lambda card: {
            key: card["protocol"].get(effect, {}).get(key) for key in ("audio", "reverb_state")
        },
        "the effect": lambda card: [
            card["effects"][effect][key] for key in ("parameter", "unit", "made")
        ],
        "levels": lambda card: card["effects"][effect]["levels"],
        "gallery": gallery,
    }
    return [
        name
        for name, condition in conditions.items()
        if any(condition(card) != condition(cards[0]) for card in cards)
    ]


def format_interval(found: Mapping, digits: int = 3) -> str:
    """Format a value with its interval; `-` for an unknown one."""
    if found["value"] is None:
        return "-"
    text = f"{found['value']:.{digits}g}"
    if found["low"] is None or found["high"] is None:
        return f"{text} (no interval)"
    return f"{text} [{found['low']:.{digits}g}, {found['high']:.{digits}g}]"


def format_threshold(found: Mapping, unit: str) -> str:
    """Format a retrieval threshold in its unit."""
    if not found["responds"]:
        return "does not respond"
    if found["value"] is None:
        return "-"
    value, low, high = (
        f"{found[f'bound{end}'].strip('=')}{found[key]:.4g}" if found[key] is not None else "?"
        for key, end in (("value", ""), ("low", "_low"), ("high", "_high"))
    )
    if found["low"] is None and found["high"] is None:
        text = " ".join(filter(None, (value, unit, "(no interval)")))
    else:
        text = f"{value} [{low}, {high}] {unit}".rstrip()
    return f"{found['side']}: {text}" if found["side"] else text


def list_cells(card: Mapping, effect: str) -> list[str]:
    """Return an effect's numbers on a card as text, in the order of the comparison's columns."""
    found = card["effects"][effect]
    displacement, remedy = found["relative_displacement"], found["best_remedy"]
    return [
        "; ".join(format_threshold(t, found["unit"]) for t in found["retrieval_threshold"]) or "-",
        f"{displacement['value']:.3g} at {displacement['level']}" if displacement else "-",
        *(format_interval(found[key]) for key, _ in SHOWN),
        f"{remedy['method']} {format_interval(remedy['gain'])}" if remedy else "-",
    ]


COLUMNS = (
    "model", "retrieval threshold", "relative displacement", *(name for _, name in SHOWN),
    "best remedy, its gain",
)  # fmt: skip


def rank(cards: Sequence[Mapping], effect: str) -> str:
    """Rank models by the drop of AUC under an effect, as far as their intervals are apart."""
    drops = [(card["effects"][effect]["auc_drop"], card["model"]) for card in cards]
    known = [each for each in drops if None not in (each[0]["low"], each[0]["high"])]
    known.sort(key=lambda each: each[0]["value"])
    apart = [
        f"{robust} loses less than {other}"
        for i, (low, robust) in enumerate(known)
        for high, other in known[i + 1 :]
        if low["high"] < high["low"]
    ]
    return "; ".join(apart) or "cannot tell: the intervals overlap, or there are none"


def compare_cards(cards: Sequence[Mapping]) -> list[str]:
    """Set cards side by side, in lines; rank models where their cards compare."""
    lines = []
    for name in dict.fromkeys(effect for card in cards for effect in card["effects"]):
        having = [card for card in cards if name in card["effects"]]
        rows = [COLUMNS, *([title(card), *list_cells(card, name)] for card in having)]
        widths = [max(len(row[i]) for row in rows) for i in range(len(COLUMNS))]
        lines += [name, *("  " + "  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)]
        if len(having) < 2:
            lines.append("  not ranked: only one card has this effect")
        elif differences := find_differences(having, name):
            lines.append(f"  not ranked, since these differ: {', '.join(differences)}")
        else:
            lines.append(f"  by the drop of AUC: {rank(having, name)}")
        lines.append("")
    return lines[:-1]


def title(card: Mapping) -> str:
    """Return a model's name, which says whether it is a control."""
    kind = card["control"]
    return f"{card['model']} ({kind} control)" if kind else card["model"]
