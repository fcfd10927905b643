"""The explorer: one self-contained page of a run's answers, made of its tables.

`contents` gathers what the page says as plain data, `matrix` and `findings` compute its first
screen, `snippets` renders what can be heard, `document` writes the HTML from the templates here.
"""
