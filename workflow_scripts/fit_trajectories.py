"""Project the deformation trajectories of a few clips a label to two dimensions (Fig. 1)."""

from embedding_sensitivity.analysis.trajectories import choose_clips, fit_trajectories
from embedding_sensitivity.clips.clip import by_split_row, read_clips
from embedding_sensitivity.embeddings.store import read_header, read_rows
from embedding_sensitivity.experiment.tables import write_table
from embedding_sensitivity.files.logs import configure_logging


def trajectory_rows(model: str, effect: str, label: str, levels, clips, effected, originals):
    """Rows of the table: every clip at every level, and its original."""
    for n, clip in enumerate(clips):
        for level, point in [*zip(levels, effected[:, n], strict=True), ("original", originals[n])]:
            yield {
                "model": model,
                "effect": effect,
                "label": label,
                "clip": clip,
                "level": level,
                "x": float(point[0]),
                "y": float(point[1]),
            }


def main(snakemake) -> None:
    """One table for each model; all models in one process, which loads UMAP once."""
    log = configure_logging(snakemake, packages=("umap-learn", "numba"))
    params = snakemake.params
    train = by_split_row(read_clips(snakemake.input.clips), "train")
    chosen = {
        label: choose_clips(
            [clip.clip for clip in train if clip.label == label], params.clips, params.seed, label
        )
        for label in params.labels
    }
    for model, store, original, output in zip(
        params.models,
        snakemake.input.stores,
        snakemake.input.originals,
        snakemake.output,
        strict=True,
    ):
        levels = read_header(store).levels
        rows = []
        for label, clips in chosen.items():
            points = fit_trajectories(
                read_rows(store, clips), read_rows(original, clips), params.n_neighbors, params.seed
            )
            rows += trajectory_rows(model, params.effect, label, levels, clips, *points)
        write_table(output, "trajectories", rows)
        log.info("%s: %d points of %d labels", model, len(rows), len(chosen))


if __name__ == "__main__":
    main(snakemake)  # noqa: F821
