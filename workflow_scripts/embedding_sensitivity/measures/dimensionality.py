"""In how many directions an effect moves the clips of a label, and whether new clips share them."""

from embedding_sensitivity.experiment.measures import (
    DIMENSIONALITY,
    SENSITIVITY,
    FigureKind,
    Measure,
    Table,
    combine,
    describe,
)

# The directions that are kept for the claim: enough for a curved path, few beside the clips.
N_DIRECTIONS = 3
ENERGY = {
    "energy_3": "share of test clips' displacements in the first 3 directions of training clips'",
    "energy_3_low": "lower end of its 95 % interval, over test recordings",
    "energy_3_high": "upper end",
    "n_groups_test": "recordings of the test clips",
}
MEASURE = Measure(
    title="number of directions of the displacements",
    two_sided="displacements of both sides together, without the neutral level: opposite ones are "
    "one direction, with a mean near 0",
    section=DIMENSIONALITY,
    group=SENSITIVITY,
    tables=(
        Table(
            "dimensionality",
            describe(
                "model effect label",
                participation_ratio="(sum l)^2 / sum l^2 of the eigenvalues l of the displacements",
                n_directions_90="fewest eigenvalues that sum to 90 %",
                mean_displacement_share="|mean displacement|^2 over mean |displacement|^2",
                participation_ratio_own="N d / (N + d): what N clips give, each its own direction",
                **ENERGY,
            ),
            ("model", "effect", "label"),
            in_report=True,
        ),
        Table(
            "dimensionality_mean",
            {**describe("model effect", **ENERGY), "n_labels": "labels that have a value"},
            ("model", "effect"),
            in_report=True,
        ),
        Table(
            "heldout_energy",
            describe(
                "model effect label",
                k="number of directions",
                energy="share of test clips' displacements in the first k directions of training "
                "clips'",
                energy_low="lower end of its 95 % interval, over test recordings",
                energy_high="upper end",
                energy_random="k / d: what k random directions hold",
            ),
            ("model", "effect", "label", "k"),
        ),
    ),
    figures=(
        FigureKind(
            "dimensionality",
            "participation ratio, directions for 90 %, share of the mean: labels by models",
            ("dimensionality",),
            per="effect",
            style={"point_size": 4.0},
        ),
        FigureKind(
            "heldout_energy",
            "share of new clips' displacements in the first k directions of others, every model in "
            "one",
            ("heldout_energy", "dimensionality_mean"),
            per="effect",
            style={"line_width": 1.1},
            draw="draw_energy",
        ),
    ),
)


def measure(data) -> dict:
    from embedding_sensitivity.analysis.dimensionality import (
        columns_of,
        describe_displacements,
        heldout_energy,
        leading_directions,
    )
    from embedding_sensitivity.analysis.intervals import LOGIT

    training, test, applied = data.training, data.test, ~data.neutral
    n_clips, dimension = training.originals.shape
    displacements = (training.effected[applied] - training.originals).reshape(-1, dimension)
    row = describe_displacements(displacements)
    row["participation_ratio_own"] = n_clips * dimension / (n_clips + dimension)
    row["n_groups_test"] = len(set(test.groups))
    directions = leading_directions(displacements) if test.clips else []
    found, rows = (None,) * 3, []
    if len(directions):
        new = test.effected[applied] - test.originals
        whole, without, weights = heldout_energy(directions, new, test.groups)
        for k in range(1, len(directions) + 1):
            energy = columns_of("energy", (whole[k - 1], without[:, k - 1], weights), LOGIT)
            rows.append({"k": k, **energy, "energy_random": k / dimension})
        last = min(N_DIRECTIONS, len(directions)) - 1
        found = whole[last], without[:, last], weights
    row |= columns_of("energy_3", found, LOGIT)
    names = sorted(set(test.groups))
    return {"dimensionality": [row], "heldout_energy": rows, "found": found, "names": names}


def conclude(found) -> dict:
    from itertools import compress

    from embedding_sensitivity.analysis.dimensionality import columns_of_mean
    from embedding_sensitivity.analysis.intervals import LOGIT

    tables = combine(found, "dimensionality", "heldout_energy")
    rows = tables["dimensionality"]
    names = [own["names"] for own in found.values()]
    mean = columns_of_mean("energy_3", [own["found"] for own in found.values()], names, LOGIT)
    with_value = [row["energy_3"] is not None for row in rows]
    mean["n_labels"] = sum(with_value)
    mean["n_groups_test"] = len(set().union(*compress(names, with_value)))
    return tables | {"dimensionality_mean": [mean]}


def draw(tables, subject, style):
    from embedding_sensitivity.figures.dimensionality import plot_dimensionality

    what = subject.models, subject.labels, subject.effect.name, style
    return plot_dimensionality(*what, tables["dimensionality"])


def draw_energy(tables, subject, style):
    from embedding_sensitivity.figures.heldout_energy import plot_energy

    rows = tables["heldout_energy"], tables["dimensionality_mean"]
    return plot_energy(subject.models, subject.effect, style, *rows)
