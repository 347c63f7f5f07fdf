"""Errors that a user can mend: the command line prints their one sentence and ends with their exit code."""


class BrickbenchError(Exception):
    """Something failed that the user can mend; the message says what was expected, what came, and the way out."""

    exit_code = 1


class SettingsError(BrickbenchError):
    """A setting, a name or an option is wrong: wrong use, exit code 2."""

    exit_code = 2
