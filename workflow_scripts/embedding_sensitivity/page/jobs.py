"""What the explorer's rules need to know of a plan (`experiment.plan.Plan`)."""

from itertools import product
from typing import TYPE_CHECKING, Any

from embedding_sensitivity.effects.levels import ORIGINAL
from embedding_sensitivity.experiment import targets
from embedding_sensitivity.experiment.tables import find_table
from embedding_sensitivity.page.contents import SHOWN
from embedding_sensitivity.page.document import TEMPLATES
from embedding_sensitivity.page.snippets import choose_levels, count_clips

if TYPE_CHECKING:
    from embedding_sensitivity.experiment.plan import Plan

# Made in the paper's run alone.
PAPERS = "paper_comparison"


def list_tables(plan: "Plan") -> dict[str, str | list[str]]:
    """Return the files of the tables that the page shows; some are in a file a model and effect."""
    made = {*targets.tables(plan.settings), *([PAPERS] if plan.comparisons() else [])}
    found: dict[str, str | list[str]] = {}
    for name in SHOWN:
        if name in made:
            found[name] = f"{plan.results}/tables/{name}.csv"
        elif not find_table(name).is_result:
            found[name] = [
                f"{plan.results}/analysis/{model}/{effect}/{name}.csv"
                for model, effect in product(plan.models, plan.effects)
            ]
    return found


def list_figures(plan: "Plan") -> list[str]:
    """Return the figures that the page shows: the paper's own, in its run alone."""
    return [path for path in plan.comparisons() if path.endswith(".png")]


def list_templates() -> list[str]:
    """Return the files that the page is made from, relative to the checkout."""
    return [f"workflow_scripts/embedding_sensitivity/page/{name}" for name in TEMPLATES]


def describe_sound(plan: "Plan", sound: str) -> dict[str, Any]:
    """Return what is rendered of an effect, or of ``original``.

    Its entry of the config and its levels; `identity` changes whenever its audio does.
    """
    if sound == ORIGINAL:
        return {"entry": {}, "levels": [ORIGINAL], "identity": plan.clips()}
    return {
        "entry": plan.settings.effects[sound].entry,
        "levels": choose_levels(plan.levels(sound)),
        "identity": plan.audio_identity(sound),
    }


def find_environment(plan: "Plan", sound: str) -> str:
    """Return the environment that an effect is rendered in."""
    return "audio" if sound == ORIGINAL else plan.settings.declared[sound].environment


def count_heard_clips(plan: "Plan") -> int:
    """Return how many clips of each label can be heard."""
    n_levels = [len(choose_levels(plan.levels(effect))) for effect in plan.split_heard()[0]]
    return count_clips(plan.n_snippets(), len(plan.labels), n_levels)
