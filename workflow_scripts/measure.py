"""Compute the measures of a group: for one model and effect, or for all models of an effect."""

from importlib import import_module

from threadpoolctl import threadpool_limits

from embedding_sensitivity.analysis.measuring import measure_labels
from embedding_sensitivity.clips.clip import read_clips
from embedding_sensitivity.embeddings.effect_data import open_effect
from embedding_sensitivity.experiment.measures import combine, load
from embedding_sensitivity.experiment.tables import write_table
from embedding_sensitivity.files.logs import configure_logging

# Imported by name if a job uses directions, so that other jobs do not depend on it.
STORE = "embedding_sensitivity.analysis.direction_store"


def main(snakemake) -> None:
    """Read each model's stores; write its tables, and directions if the group fits them."""
    configure_logging(snakemake, packages=("numpy", "scipy", "h5py"))
    given, made, params = snakemake.input, snakemake.output, snakemake.params
    effect, clips = snakemake.wildcards.effect, read_clips(given.clips)
    measures = [load(name, file) for name, file, _ in params.measures]
    to_read, to_write = given.get("directions"), made.get("directions")
    for index, model in enumerate(params.models):
        original = given.originals[index] if given.originals else None
        stores = given.stores[index], original
        of_effect = params.neutral, model, effect, params.log_scale, params.mild_end
        data = open_effect(*stores, clips, params.labels, *of_effect)
        keys = {"model": model, "effect": effect}
        directions = None
        if to_read:
            fitted_to = {label: data.training[label] for label in data.labels}
            attributes = {"levels": data.levels}
            directions = import_module(STORE).read_directions(to_read[index], fitted_to, attributes)
        # One BLAS thread in each process: the order of sums does not depend on the cores.
        with threadpool_limits(1):
            found = measure_labels(
                params.measures, data, directions, bool(to_write), snakemake.threads
            )
            if to_write:
                fitted = ((label, data.training[label], own) for label, own, _ in found)
                attributes = {**keys, "levels": data.levels}
                import_module(STORE).write_directions(to_write[index], fitted, attributes)
            for position, measure in enumerate(measures):
                of_labels = {label: results[position] for label, _, results in found}
                tables = (measure.function("conclude") or combine)(of_labels)
                for table in measure.measured_tables():
                    rows = ({**keys, **row} for row in tables[table.name])
                    write_table(made[table.name][index], table, rows)


if __name__ == "__main__":
    main(snakemake)  # noqa: F821
