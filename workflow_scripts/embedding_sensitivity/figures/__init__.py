"""Figures of a run, drawn from its tables."""
