"""Draw the differences between results of two experiments."""

import json
from pathlib import Path

import matplotlib

from embedding_sensitivity.analysis.comparison import describe_differences
from embedding_sensitivity.experiment.tables import read_table
from embedding_sensitivity.figures.comparison import plot_comparison_auc, plot_comparison_r2
from embedding_sensitivity.figures.style import rc_of, save_figure
from embedding_sensitivity.files.logs import configure_logging


def main(snakemake) -> None:
    """Draw one figure of global R², and one of ROC AUC."""
    configure_logging(snakemake, packages=("matplotlib",))
    given, made, names = snakemake.input, snakemake.output, snakemake.wildcards
    found = json.loads(Path(given.provenance).read_text(encoding="utf-8"))
    subject = (names.a, names.b), describe_differences(found["differing"])
    with matplotlib.rc_context(rc_of({"font_size": 7.0})):
        rows = read_table(given.global_r2, "comparison_global_r2")
        save_figure(plot_comparison_r2(*subject, rows), made.r2)
        rows = read_table(given.auc, "comparison_auc")
        save_figure(plot_comparison_auc(*subject, rows), made.auc)


if __name__ == "__main__":
    main(snakemake)  # noqa: F821
