"""What the numbers of a map are, for the words beside a colour bar."""

_UNITS = {
    "saliency": "logit/unit",
    "smoothgrad": "logit/unit",
    "guided_backprop": "logit/unit",
    "input_x_gradient": "logit",
    "integrated_gradients": "logit",
    "lrp": "logit",
    "lime": "logit",
    "occlusion": "logit",
    "kernel_shap": "logit",
    "rise": "probability",
}
"""A unit of input is one standard deviation of the network's pictures. Maps of other methods have no unit of their own:
sums of activations times weights, products of two maps, and what baselines draw."""


def unit_of(method: str) -> str:
    """Return the unit of the values of `method`'s maps, empty where they have none."""
    return _UNITS.get(method, "")
