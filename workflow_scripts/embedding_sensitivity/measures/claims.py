"""What holds of the paper's claims: supported, not supported, or more data is needed to tell."""

import math
import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from embedding_sensitivity.experiment.measures import (
    ANSWERS,
    FALSE_DISCOVERY_RATE,
    VERDICTS,
    FigureKind,
    Measure,
    Table,
    describe,
)

SUPPORTED, NOT_SUPPORTED, CANNOT_TELL = VERDICTS


@dataclass(frozen=True)
class Claim:
    """A claim of the paper, and what decides it.

    Attributes
    ----------
    table, statistic : the number that decides; `column` and `ends` are its columns there, where
        they have other names than the statistic
    supported, not_supported : where all of its 95 % interval has to lie, (from, to)
    """

    name: str
    table: str
    statistic: str
    supported: tuple[float, float]
    not_supported: tuple[float, float]
    column: str = ""
    ends: str = ""

    def columns(self) -> tuple[str, str, str]:
        ends = self.ends or self.statistic
        return self.column or self.statistic, f"{ends}_low", f"{ends}_high"

    def judge(self, low: float | None, high: float | None, is_there: bool) -> str:
        """The verdict on an interval; nothing is supported of an effect that isn't there."""
        if low is None or high is None:
            return CANNOT_TELL
        if is_there and self.supported[0] < low and high < self.supported[1]:
            return SUPPORTED
        if self.not_supported[0] < low and high < self.not_supported[1]:
            return NOT_SUPPORTED
        return CANNOT_TELL


def _above(bound: float) -> dict[str, tuple[float, float]]:
    return {"supported": (bound, math.inf), "not_supported": (-math.inf, bound)}


def _under(bound: float, over: float | None = None) -> dict[str, tuple[float, float]]:
    over = bound if over is None else over
    return {"supported": (-math.inf, bound), "not_supported": (over, math.inf)}


CLAIMS = (
    # Half of the ranks' variance (.7 squared): what Table I calls a strong correlation has more.
    Claim(
        "direction_correlates",
        "table1",
        "rho_ridge",
        **_above(0.7),
        column="mean_rho_ridge",
    ),
    # A course of 6 levels with one swap of neighbours has .94, with two .89.
    Claim(
        "samplewise_correlates",
        "table1",
        "rho_within",
        **_above(0.9),
        column="mean_rho_within",
    ),
    # White noise has 0; a course that is in order, but for its noise, over .9.
    Claim("trajectory_ordered", "samplewise_mean", "rho_heldout_levels", **_above(0.8)),
    # Own directions gave .04, one curved direction .95 (simulated): between lies neither.
    Claim("dimension_high", "dimensionality_mean", "energy_3", **_under(0.5, 0.8)),
    # Whether the common shift, or what clips do of their own, is the larger part.
    Claim("no_common_shift", "equivariance_mean", "predicted", **_under(0.5)),
    # A fifth of what the effect costs: less is not worth a projection. Of the best of the paper's
    # methods, chosen on training recordings; without an interval where the cost itself isn't clear.
    Claim("projection_does_not_help", "recovery_best", "recovered", **_under(0.2)),
)
MEASURE = Measure(
    title="the paper's claims",
    two_sided="those of the measures that decide: a claim on order asks for one from end to end",
    section=ANSWERS,
    tables=(
        Table(
            "claims",
            describe(
                "model effect",
                claim="claim of the paper (docs/claims.md)",
                statistic="the number that decides, a mean over labels",
                value="its value",
                low="lower end of its 95 % interval, over recordings",
                high="upper end",
                null="what it is on average where clips have nothing in common but noise",
                verdict="`supported` or `not supported`: the interval lies wholly on that side of "
                "the bound, and the effect is there where it is supported; else `cannot tell`",
                p_effect="p-value of no effect: three times the smallest of `table1.p_recording`, "
                "`samplewise_mean.p` and `samplewise_mean.p_growth`",
                p_effect_adjusted="Benjamini and Hochberg's, over all models and effects; at .05 "
                "or less there is an effect",
                n_labels="labels that the statistic is a mean of",
            ),
            ("model", "effect", "claim"),
            in_report=True,
            derived_from=(
                "table1",
                "samplewise_mean",
                "dimensionality_mean",
                "heldout_energy",
                "equivariance_mean",
                "recovery_best",
            ),
            derive="judge_claims",
        ),
    ),
    figures=(
        FigureKind(
            "claims",
            "which of the paper's claims hold: claims by models, an effect a panel",
            ("claims",),
            per="run",
        ),
    ),
)


def judge_claims(tables: Mapping[str, Iterable[Mapping[str, str]]]) -> list[dict]:
    """Rows of the table claims, from rows of others as text."""
    from embedding_sensitivity.analysis.statistics import adjust_p_values
    from embedding_sensitivity.files.csv_files import parse_number

    found = {
        name: {(row["model"], row["effect"]): row for row in tables[name]}
        for name in {claim.table for claim in CLAIMS}
    }
    energies = defaultdict(list)
    for row in tables["heldout_energy"]:
        if row["k"] == "3":
            energies[row["model"], row["effect"]].append(float(row["energy_random"]))
    cases = [
        {**_key(row), "p_effect": p_of_effect(row, found["samplewise_mean"].get(case, {}))}
        for case, row in found["table1"].items()
    ]
    adjust_p_values(cases, "p_effect", "p_effect_adjusted")
    rows = []
    for case in cases:
        key = case["model"], case["effect"]
        nulls = {"energy_3": statistics.fmean(energies[key]) if energies[key] else None}
        is_there = case.get("p_effect_adjusted", 1.0) <= FALSE_DISCOVERY_RATE
        for claim in CLAIMS:
            row = found[claim.table].get(key, {})
            value, low, high = (parse_number(row.get(name)) for name in claim.columns())
            null, decides = nulls.get(claim.statistic, 0.0), True
            if claim.statistic == "energy_3":
                # Of few dimensions any three directions hold much, whatever clips do.
                decides = null is not None and null < claim.supported[1]
            rows.append(
                {
                    **case,
                    "claim": claim.name,
                    "statistic": claim.statistic,
                    "value": value,
                    "low": low,
                    "high": high,
                    "null": null,
                    "verdict": claim.judge(low, high, is_there) if decides else CANNOT_TELL,
                    "n_labels": row.get("n_labels"),
                }
            )
    return rows


def _key(row: Mapping[str, str]) -> dict[str, str]:
    return {name: row[name] for name in ("model", "effect")}


def p_of_effect(of_directions: Mapping[str, str], of_clips: Mapping[str, str]) -> float | None:
    """The p-value of no effect at all, of a row of table1 and one of samplewise_mean.

    One direction of all clips finds what they have in common, directions of single clips what each
    does of its own, and the distance from the first level what goes in no direction at all. The
    smallest p-value counts as often as there are (Bonferroni).
    """
    from embedding_sensitivity.files.csv_files import parse_number

    texts = of_directions["p_recording"], of_clips.get("p"), of_clips.get("p_growth")
    known = [p for p in map(parse_number, texts) if p is not None]
    return min(1.0, len(known) * min(known)) if known else None


def draw(tables, subject, style):
    from embedding_sensitivity.figures.claims import plot_claims

    return plot_claims(subject.models, subject.effects, style, tables["claims"])
