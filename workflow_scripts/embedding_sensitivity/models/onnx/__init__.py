"""Networks in ONNX files of the user's, by an entry of a config instead of a file of Python.

`graph.py` reads what a file says of itself, `entries.py` makes a `Choice` of an entry, `network.py`
computes. None of them is imported by a plan but through `models.choose`.
"""
