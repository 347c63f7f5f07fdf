"""Errors that a user can mend: the command line prints their one sentence and ends with their exit code."""

from collections import Counter
from typing import Any


class BrickbenchError(Exception):
    """Something failed that the user can mend; the message says what was expected, what came, and the way out."""

    exit_code = 1


class SettingsError(BrickbenchError):
    """A setting, a name or an option is wrong: wrong use, exit code 2."""

    exit_code = 2


class PartialFailureError(BrickbenchError):
    """Some of the work failed; all other work is done and kept, and the next run does the rest."""

    def __init__(self, summary: str, failures: Counter[str], result: Any) -> None:
        """Take what is lacking and there, in words without a full stop; failures by reason; and what was done."""
        reasons = "; ".join(f"{count} times: {reason}" for reason, count in failures.most_common())
        super().__init__(f"{summary}. {reasons.rstrip('.')}. Run the command again to try those once more.")
        self.result = result
