"""Names of what a run makes: tables, figures, kept audio."""

from collections import Counter
from collections.abc import Iterator
from itertools import product

from embedding_sensitivity.experiment import paper
from embedding_sensitivity.experiment.settings import ImportSettings, Settings
from embedding_sensitivity.files.errors import InputError

TABLES = (
    "global_r2",
    "table1",
    "samplewise_r2",
    "spectra",
    "dimensionality",
    "principal_angles",
    "n_directions",
    "auc",
    "auc_gain",
    "verdicts",
    "displacement",
    "displacement_order",
)
# What is in an effect's folder of a model's analysis.
ANALYSIS = (
    *("global_r2", "samplewise_r2", "spectra", "dimensionality", "principal_angles"),
    *("auc", "auc_gain", "n_directions", "displacement", "displacement_order"),
    *("projections", "trajectories"),
)
# Of these every model has a figure of each effect, and single labels have.
FIGURES = ("trajectories", "correlation", "spectra", "samplewise", "auc", "auc_gain")
# Of these an effect has one figure, with every model and label.
EFFECT_FIGURES = ("dimensionality", "principal_angles", "displacement", "verdicts")


def tables(settings: Settings | ImportSettings) -> list[str]:
    """Return names of a run's tables, but for that which sets it beside the paper."""
    return [*TABLES, *(["dropped_clips"] if settings.data else [])]


def model_figures(
    kind: str, settings: Settings | ImportSettings
) -> Iterator[tuple[str, str, str, str]]:
    """Yield one kind's figures as name without ending, model, effect, and label ("all")."""
    for model, effect in product(sorted(settings.models), sorted(settings.effects)):
        yield f"{kind}_{model}_{effect}", model, effect, "all"
        for label in settings.figures.labels:
            yield f"{kind}_{model}_{effect}_{label}", model, effect, label


def figures(settings: Settings | ImportSettings, source: str) -> list[str]:
    """Return names without ending of a run's figures, but for those beside the paper's.

    Raises InputError, which names the config file `source`, where two would be one file.
    """
    stems = [stem for kind in FIGURES for stem, *_ in model_figures(kind, settings)]
    stems += [f"{kind}_{effect}" for kind in EFFECT_FIGURES for effect in sorted(settings.effects)]
    for stem, count in Counter(stems).items():
        if count > 1:
            raise InputError(
                f"{source}: two figures would be {stem}, of different models or labels: rename one "
                "of them"
            )
    return [*stems, "table1"]


def comparisons(settings: Settings | ImportSettings) -> list[str]:
    """Return names without ending of the figures that set the paper's own run beside the paper."""
    if paper.refusal(settings):
        return []
    cases = ["_".join(("paper_auc", *case)) for case in paper.compared_cases(settings)]
    return ["paper_table1", *cases]


def kept_audio(settings: Settings | ImportSettings) -> list[tuple[str, str]]:
    """Return effects and levels whose audio is kept to listen to."""
    if not settings.data:
        return []
    return [
        (effect, level)
        for effect in sorted(settings.effects)
        for level in settings.kept_levels(effect)
    ]
