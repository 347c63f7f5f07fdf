"""Why methods fail tests, where that is known: each reason with the methods, networks and tests that it is for."""

from dataclasses import dataclass

from explain.protocol import MethodRow

PLAIN_GRADIENTS = ("saliency", "input_x_gradient", "guided_backprop", "guided_gradcam")
SATURATED = ("relu6_10", "relu6_50")


@dataclass(frozen=True)
class KnownReason:
    """One reason; an empty tuple stands for all."""

    why: str
    methods: tuple[str, ...]
    networks: tuple[str, ...] = ()
    tests: tuple[str, ...] = ()

    def fits(self, method: str, network: str, test: str) -> bool:
        """Return whether it is for this failure."""
        given = ((self.methods, method), (self.networks, network), (self.tests, test))
        return all(not names or name in names for names, name in given)


KNOWN_REASONS = (
    KnownReason(
        "it counts positive gradients only, and shows nothing that speaks against a class",
        ("layercam", "gradcam_plus_plus"), ("difference", "absence"),
    ),
    KnownReason("it has no class: it shows what the layer reacts to, used or not", ("eigencam",)),
    KnownReason(
        "it has no class: it shows where tokens attend, whether or not anything is taken from there",
        ("attention_rollout",),
    ),
    KnownReason(
        "a constant in the values changes no logit and adds to its map a multiple of the attention itself",
        ("chefer",), ("values_moved",), ("invariance",),
    ),
    KnownReason(
        "a channel that is bright everywhere keeps what the network looks at in sight, and weighs as much as the one "
        "that finds it; weights are shares, so none speaks against a class",
        ("scorecam",),
    ),
    KnownReason("the gradient is 0 where a rectifier saturates", PLAIN_GRADIENTS, SATURATED),
    KnownReason(
        "the size of a gradient is the same for what speaks against a class", ("saliency", "smoothgrad"),
        ("difference", "absence"),
    ),
    KnownReason(
        "its noise sets detectors off where there is nothing to find, and where a rectifier saturates the gradient is "
        "0",
        ("smoothgrad",), ("together", "shadow", *SATURATED),
    ),
    KnownReason(
        "the fall is spread over a window's width on each side of the reason",
        ("occlusion",), (), ("hit", "mass", "floor"),
    ),
    KnownReason(
        "two things that count only together are not linear, and what a linear model leaves of them scatters over all "
        "superpixels, less with more samples",
        ("lime",), ("together",), ("mass",),
    ),
    KnownReason(
        "what speaks against a class lies low in its maps, which have no sign by which one would look there",
        ("rise",), ("absence",),
    ),
    KnownReason("it is as coarse as the cells of its masks, an eighth of the picture", ("rise",), (), ("hit",)),
    KnownReason(
        "it is a product with Grad-CAM, to which a constant in a channel is added",
        ("guided_gradcam",), ("moved",), ("invariance",),
    ),
    KnownReason(
        "guided gradients are those that speak for the class, and where nothing does they are noise or nothing",
        ("guided_backprop", "guided_gradcam"), ("absence",),
    ),
)  # fmt: skip
"""The first that fits is told."""


def known_reason(row: MethodRow, network: str, test: str) -> str:
    """Return why a method fails a test on a network, without a full stop; empty if that is not known."""
    if row.kind == "baseline":
        return "it does not look at the network"
    return next((one.why for one in KNOWN_REASONS if one.fits(row.name, network, test)), "")
