"""The one exception that means: what you gave is wrong, not the program."""


def printable(text: object) -> str:
    """`text` as UTF-8 has it: a file name may hold bytes that are no text, these are escaped."""
    return str(text).encode("utf-8", "backslashreplace").decode("utf-8")


class InputError(Exception):
    """Bad input.

    The message is one line that names the file or config key, says what was found and what was
    expected, and what to do about it. ``logs.configure_logging`` prints it without a traceback.
    """

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(printable(message).split()))
