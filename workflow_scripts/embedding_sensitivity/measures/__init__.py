"""The measures, one file each: see `embedding_sensitivity.experiment.measures`."""
