"""The exception for bad input, as opposed to a fault of the program."""

from embedding_sensitivity.files.safe_names import printable


class InputError(Exception):
    """Bad input.

    The message is one line that names the file or config key, says what was found and what was
    expected, and what to do about it. ``logs.configure_logging`` prints it without a traceback.
    Quoted text can neither add a second line nor control the terminal.
    """

    def __init__(self, message: str) -> None:
        super().__init__(printable(str(message)))
