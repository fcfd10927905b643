"""The figures, drawn from made-up tables: what they show, in every size they come in."""

import zlib

import numpy as np

IRMAS = [
    "cello", "clarinet", "flute", "guitar_acc", "guitar_ele", "organ", "piano", "saxophone",
    "trumpet", "violin", "voice",
]  # fmt: skip
EFFECTS = {
    "gain": ("gain", "dB", False, 0.0, -40.0, 5.0, "{:.1f}"),
    "lowpass": ("cutoff frequency", "Hz", True, None, 1600.0, 22000 / 1.2, "{:.3f}"),
    "reverb": ("room size", "", False, None, 0.01, 1.0, "{:.2f}"),
    "bitcrush": ("bit depth", "bit", False, None, 4.0, 15.0, "{:.0f}"),
}
VARIANTS = [
    ("none", ""), ("global_cca", ""), ("samplewise_cca_svd", "0.3"), ("samplewise_cca_svd", "0.4"),
    ("samplewise_cca_svd", "0.5"), ("pca_absolute", ""), ("pca_relative", ""),
    ("average_displacement", ""), ("lda", ""),
]  # fmt: skip
KINDS = ("trajectories", "correlation", "spectra", "auc", "samplewise")


def effect_params(name: str, n_levels: int) -> dict:
    parameter, unit, log_axis, neutral, low, high, text = EFFECTS[name]
    levels = np.geomspace(low, high, n_levels) if log_axis else np.linspace(low, high, n_levels)
    return {
        "name": name,
        "parameter": parameter,
        "unit": unit,
        "log_axis": log_axis,
        "neutral": neutral,
        "levels": [text.format(level) for level in levels],
    }


def made_up(model: str, labels, effect: dict, n_train=24, n_test=8, saturated=(), ones=True):
    """Plausible rows of every partial table of one model and effect."""
    rng = np.random.default_rng(zlib.crc32(f"{model} {effect['name']}".encode()))
    levels = effect["levels"]
    strength = (
        np.linspace(1, 0, len(levels))
        if effect["name"] != "reverb"
        else np.linspace(0, 1, len(levels))
    )
    tables = {
        name: []
        for name in ("trajectories", "projections", "global_r2", "spectra", "samplewise_r2", "auc")
    }
    for label in labels:
        key = {"model": model, "effect": effect["name"], "label": label}
        full = label in saturated
        clips = [f"[{label[:3]}][pop_roc]{n:04d}__1" for n in range(n_train + n_test)]
        for clip in clips[:10]:
            at, turn = rng.normal(0, 6, 2), rng.normal(0, 1)
            for p, level in enumerate([*levels, "original"]):
                point = (
                    at
                    + 0.25
                    * p
                    * np.array([np.cos(turn + p / 20), np.sin(turn + p / 20)])
                    * 6
                    / len(levels)
                    * 3
                )
                tables["trajectories"].append(
                    {
                        **key,
                        "clip": clip,
                        "level": level,
                        "x": point[0] + rng.normal(0, 0.1),
                        "y": point[1],
                    }
                )
        for n, clip in enumerate(clips):
            split = "train" if n < n_train else "test"
            spread = 0 if full and split == "train" else 0.07
            values = (
                np.linspace(0, 1, len(levels)) ** 0.8
                + rng.normal(0, spread)
                + rng.normal(0, spread, len(levels))
            )
            for level, value in zip(levels, values):
                tables["projections"].append(
                    {
                        **key,
                        "split": split,
                        "clip": clip,
                        "level": level,
                        "projection": 3 * value - 1,
                    }
                )
            if split == "train":
                tables["samplewise_r2"].append(
                    {
                        **key,
                        "clip": clip,
                        "r2": 1.0 if ones else 1 - rng.exponential(0.01),
                        "n_distinct_points": len(levels),
                    }
                )
        tables["global_r2"].append(
            {
                **key,
                "r2": 1.0 if full else 0.9 + 0.09 * rng.random(),
                "r2_test": 0.8 + 0.15 * rng.random(),
                "saturated": full,
                "n_clips": n_train,
                "n_levels": len(levels),
            }
        )
        index = np.arange(n_train)
        for i in index:
            tables["spectra"].append(
                {
                    **key,
                    "index": int(i),
                    "directions": float(np.exp(-i / (0.8 * n_train))),
                    "originals": float(np.exp(-i / (0.2 * n_train))) if i < n_train - 1 else 1e-16,
                }
            )
        base = 0.93 + 0.04 * rng.random()
        for k, (method, threshold) in enumerate(VARIANTS):
            shift = 0 if method in ("none", "global_cca", "lda") else rng.normal(0, 0.004)
            cell = {**key, "method": method, "threshold": threshold, "n_train": 100, "n_test": 40}
            tables["auc"].append(
                {**cell, "train": "original", "test": "original", "roc_auc": base + shift}
            )
            for level, s in zip(levels, strength):
                for train, test, drop in (
                    ("original", level, 0.12),
                    (level, "original", 0.06),
                    (level, level, 0.03),
                ):
                    tables["auc"].append(
                        {
                            **cell,
                            "train": train,
                            "test": test,
                            "roc_auc": base + shift - drop * s**2 + 0.002 * np.sin(9 * s + k),
                        }
                    )
    return tables
