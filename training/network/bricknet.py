"""The paper's network, ``bricknet``: AlexNet with batch normalisation and leaky ReLU, known to timm by name."""

from typing import Any

import torch
from timm.models import build_model_with_cfg, generate_default_cfgs, register_model
from torch import Tensor, nn

from dataset.loading.network_input import IMAGENET_MEAN, IMAGENET_STD

NEGATIVE_SLOPE = 0.01  # the paper gives none; PyTorch's default, which still lets gradients of silent units through

default_cfgs = generate_default_cfgs(
    {
        "bricknet": {
            "num_classes": 1000,
            "input_size": (3, 224, 224),
            "pool_size": (6, 6),
            "mean": IMAGENET_MEAN,
            "std": IMAGENET_STD,
            "first_conv": "conv1",
            "classifier": "dense3",
            "license": "gpl-3.0",
            "origin_url": "Cian, van Gemert, Lengyel (2020)",
        }
    }
)


class BrickNet(nn.Module):
    """Five convolutions, three batch norms, three max poolings, three dense layers, leaky ReLU throughout.

    Section 4.2 and figure 1 of Cian, van Gemert and Lengyel (2020), "inspired by the architecture of AlexNet".
    The order of convolutions and poolings, and sizes, which its text does not give, are AlexNet's.
    Layers at width 1 for a 224 px picture:

    ========  =============================================  ==============
    layer     what it is                                     output (C,H,W)
    ========  =============================================  ==============
    conv1     11x11, stride 4, padding 2; norm1, leaky ReLU  96, 55, 55
    pool1     maximum 3x3, stride 2                          96, 27, 27
    conv2     5x5, padding 2; norm2, leaky ReLU              256, 27, 27
    pool2     maximum 3x3, stride 2                          256, 13, 13
    conv3     3x3, padding 1; leaky ReLU                     384, 13, 13
    conv4     3x3, padding 1; leaky ReLU                     384, 13, 13
    conv5     3x3, padding 1; norm5, leaky ReLU (``act5``)   256, 13, 13
    pool3     maximum 3x3, stride 2                          256, 6, 6
    resize    adaptive average to 6x6, for other sizes       256, 6, 6
    dense1    leaky ReLU                                     4096
    dense2    leaky ReLU                                     4096
    dense3    the logits                                     num_classes
    ========  =============================================  ==============

    Departures and choices: the paper does not say which convolutions are normalised; here those that a pooling
    follows, where AlexNet has its local response normalisation (twice). AlexNet's dropout is off unless
    `drop_rate` asks for it, since the paper names none. No activation works in place: Grad-CAM reads ``act5``.
    """

    def __init__(
        self,
        num_classes: int = 1000,
        in_chans: int = 3,
        width: float = 1.0,
        drop_rate: float = 0.0,
        stem_stride: int = 4,
    ) -> None:
        """Make the network with freshly drawn weights.

        Args:
            num_classes: number of logits; 0 gives the 4096 (times width) features of dense2 instead.
            in_chans: channels of the picture.
            width: multiplies every number of channels and dense units (at least 1 each).
            drop_rate: dropout before dense1 and dense2, 0 to 1; AlexNet's is 0.5.
            stem_stride: stride of conv1; 2 doubles the resolution of all maps, for pictures under about 160 px.

        Raises:
            ValueError: an argument is out of its range.
        """
        super().__init__()
        if not width > 0 or not 0 <= drop_rate < 1 or stem_stride < 1:
            raise ValueError(f"width {width} must be above 0, drop_rate {drop_rate} in [0, 1), stem_stride 1 or more")
        c1, c2, c3, c4, c5, dense = (max(1, round(width * size)) for size in (96, 256, 384, 384, 256, 4096))
        self.num_classes = num_classes
        self.num_features, self.head_hidden_size = c5, dense
        self.drop_rate = drop_rate
        self.min_input_px = 14 * stem_stride + 7  # smallest side of which pool3 still finds 3 px

        self.conv1 = nn.Conv2d(in_chans, c1, 11, stride=stem_stride, padding=2, bias=False)
        self.norm1 = nn.BatchNorm2d(c1)
        self.act1 = nn.LeakyReLU(NEGATIVE_SLOPE)
        self.pool1 = nn.MaxPool2d(3, stride=2)
        self.conv2 = nn.Conv2d(c1, c2, 5, padding=2, bias=False)
        self.norm2 = nn.BatchNorm2d(c2)
        self.act2 = nn.LeakyReLU(NEGATIVE_SLOPE)
        self.pool2 = nn.MaxPool2d(3, stride=2)
        self.conv3 = nn.Conv2d(c2, c3, 3, padding=1)
        self.act3 = nn.LeakyReLU(NEGATIVE_SLOPE)
        self.conv4 = nn.Conv2d(c3, c4, 3, padding=1)
        self.act4 = nn.LeakyReLU(NEGATIVE_SLOPE)
        self.conv5 = nn.Conv2d(c4, c5, 3, padding=1, bias=False)
        self.norm5 = nn.BatchNorm2d(c5)
        self.act5 = nn.LeakyReLU(NEGATIVE_SLOPE)
        self.pool3 = nn.MaxPool2d(3, stride=2)
        self.resize = nn.AdaptiveAvgPool2d(6)
        self.drop1 = nn.Dropout(drop_rate)
        self.dense1 = nn.Linear(c5 * 6 * 6, dense)
        self.act6 = nn.LeakyReLU(NEGATIVE_SLOPE)
        self.drop2 = nn.Dropout(drop_rate)
        self.dense2 = nn.Linear(dense, dense)
        self.act7 = nn.LeakyReLU(NEGATIVE_SLOPE)
        self.dense3: nn.Module = _classifier(dense, num_classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear) and module is not self.dense3:
                nn.init.kaiming_normal_(module.weight, a=NEGATIVE_SLOPE, nonlinearity="leaky_relu")
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits, (N, num_classes), of `images`, (N, in_chans, H, W)."""
        return self.forward_head(self.forward_features(images))

    def forward_features(self, images: Tensor) -> Tensor:
        """Return the maps after the last pooling: (N, C, 6, 6) at 224 px.

        Raises:
            ValueError: the pictures are too small for three poolings.
        """
        if min(images.shape[-2:]) < self.min_input_px:
            raise ValueError(
                f"bricknet with stem_stride {self.conv1.stride[0]} needs pictures of at least {self.min_input_px} px"
            )
        x = self.pool1(self.act1(self.norm1(self.conv1(images))))
        x = self.pool2(self.act2(self.norm2(self.conv2(x))))
        x = self.act4(self.conv4(self.act3(self.conv3(x))))
        x = self.pool3(self.act5(self.norm5(self.conv5(x))))
        assert isinstance(x, Tensor)
        return x

    def forward_head(self, features: Tensor, pre_logits: bool = False) -> Tensor:
        """Return the logits of what `forward_features` gave, or with `pre_logits` the last hidden units."""
        x = torch.flatten(self.resize(features), 1)
        x = self.act6(self.dense1(self.drop1(x)))
        x = self.act7(self.dense2(self.drop2(x)))
        x = x if pre_logits else self.dense3(x)
        assert isinstance(x, Tensor)
        return x

    def get_classifier(self) -> nn.Module:
        """Return the layer that gives the logits."""
        return self.dense3

    def reset_classifier(self, num_classes: int, global_pool: str | None = None) -> None:  # noqa: ARG002 (timm passes it)
        """Put a fresh last layer for `num_classes` classes in place; `global_pool` is timm's and has no use here."""
        self.num_classes = num_classes
        self.dense3 = _classifier(self.head_hidden_size, num_classes)


def _classifier(features: int, num_classes: int) -> nn.Module:
    if num_classes == 0:
        return nn.Identity()
    layer = nn.Linear(features, num_classes)
    nn.init.normal_(layer.weight, std=0.01)  # all probabilities start near one half
    nn.init.zeros_(layer.bias)
    return layer


@register_model
def bricknet(pretrained: bool = False, **kwargs: Any) -> BrickNet:
    """Return a BrickNet; the arguments are the class's. There are no pretrained weights."""
    model = build_model_with_cfg(BrickNet, "bricknet", pretrained, **kwargs)
    assert isinstance(model, BrickNet)
    return model
