"""The exception for bad input, as opposed to a fault of the program."""

import difflib
from collections.abc import Iterable

from embedding_sensitivity.files.safe_names import printable


class InputError(Exception):
    """Bad input.

    The message is one line that names the file or config key, says what was found and what was
    expected, and what to do about it. ``logs.configure_logging`` prints it without a traceback.
    Quoted text can neither add a second line nor control the terminal.
    """

    def __init__(self, message: str) -> None:
        super().__init__(printable(str(message)))


def say_unknown(kind: str, name: object, known: Iterable[object]) -> str:
    """``unknown key 'x': did you mean 'y'``, or all that there are where none is near."""
    known = [str(entry) for entry in known]
    near = difflib.get_close_matches(str(name), known, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}?" if near else f"expected one of {', '.join(known)}"
    return f"unknown {kind} {str(name)!r}: {hint}"
