"""Trajectories of single clips as the level grows, in two dimensions (Fig. 1)."""

from embedding_sensitivity.experiment.measures import (
    IMPACT,
    FigureKind,
    Group,
    Measure,
    Table,
    describe,
)

MEASURE = Measure(
    title="trajectories of single clips",
    two_sided="all levels in one projection, coloured in their order; the original lies between",
    section=IMPACT,
    # All models of an effect in one process, which loads UMAP once.
    group=Group(
        "trajectories",
        "Projecting trajectories under {effect} with UMAP",
        per="effect",
        shares_labels=False,
        process_mb=3500,
        minutes=30,
    ),
    needs_originals=False,
    reads={
        "n_clips": "figures.umap.clips",
        "n_neighbors": "figures.umap.n_neighbors",
        "seed": "figures.umap.seed",
    },
    tables=(
        Table(
            "trajectories",
            describe(
                "model effect label clip level",
                x="first coordinate of UMAP; level `original` is the clip without the effect",
                y="second coordinate",
            ),
            ("model", "effect", "label", "clip", "level"),
            is_result=False,
        ),
    ),
    figures=(
        FigureKind(
            "trajectories",
            "UMAP of single clips at every level",
            ("trajectories",),
            style={"colour_map": "viridis", "point_size": 5.0},
            paper="Fig. 1",
        ),
    ),
)


def measure(data, n_clips, n_neighbors, seed) -> dict:
    from embedding_sensitivity.analysis.trajectories import choose_clips, fit_trajectories

    clips = choose_clips(data.training.clips, n_clips, seed, data.label)
    everyone = data.everyone
    originals = everyone.originals(clips) if everyone.has_originals else None
    effected, originals = fit_trajectories(everyone.effected(clips), originals, n_neighbors, seed)
    return {
        "trajectories": [
            {"clip": clip, "level": level, "x": float(point[0]), "y": float(point[1])}
            for n, clip in enumerate(clips)
            for level, point in [
                *zip(data.levels, effected[:, n], strict=True),
                *(() if originals is None else [("original", originals[n])]),
            ]
        ]
    }


def draw(tables, subject, style):
    from embedding_sensitivity.figures.trajectories import plot_trajectories

    what = subject.model, subject.labels, subject.effect, style
    return plot_trajectories(*what, tables["trajectories"])
