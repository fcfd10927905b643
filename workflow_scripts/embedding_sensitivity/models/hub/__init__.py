"""Encoders of the package transformers, by an entry of a config instead of a file each.

`families.py` has the architectures, `presets.py` the published checkpoints, `entries.py` makes a
`Choice` of an entry, `network.py` computes. None of them is imported by a plan but through
`models.choose`.
"""
