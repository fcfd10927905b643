"""The library behind the workflow: pure functions, no Snakemake, no fixed paths."""
