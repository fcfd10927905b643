"""Classifiers before and after debiasing (section IV): training, testing, what is clear of it."""
