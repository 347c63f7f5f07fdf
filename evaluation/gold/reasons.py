"""Why methods fail tests, where that is known."""

from explain.protocol import MethodRow


def known_reason(row: MethodRow, network: str, test: str) -> str:
    """Return why a method fails a test on a network, in one sentence; empty if that is not known."""
    if row.kind == "baseline":
        return "it does not look at the network"
    return ""
