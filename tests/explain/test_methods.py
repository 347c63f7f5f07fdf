"""The registry and the baselines."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from core.errors import BrickbenchError, SettingsError
from explain.baselines import Oracle
from explain.memory import BatchSize
from explain.methods import METHODS, create_method, for_network, method_rows
from explain.protocol import Method, NotForNetworkError
from training.network.models import create_model
from training.run.checkpoint import load_checkpoint


@pytest.fixture(scope="module")
def network() -> nn.Module:
    return create_model("bricknet", 3, width=0.05, stem_stride=2).eval()


@pytest.fixture(scope="module")
def transformer() -> nn.Module:
    size = {"patch_size": 8, "embed_dim": 24, "depth": 2, "num_heads": 2}
    return create_model("vit_tiny_patch16_224", 3, img_size=64, dynamic_img_size=True, **size).eval()


@pytest.fixture
def images() -> torch.Tensor:
    return torch.randn(2, 3, 64, 48, generator=torch.Generator().manual_seed(0))


SMALL: dict[str, dict[str, object]] = {
    "lime": {"num_samples": 8},
    "occlusion": {"window_px": 24, "stride_px": 24},
    "rise": {"num_masks": 20},
    "kernel_shap": {"kernel_size": 4, "num_samples": 60},
}
"""Settings that make costly methods quick."""


@pytest.mark.parametrize("name", [name for name, row in METHODS.items() if row.kind != "oracle"])
@pytest.mark.parametrize("kind", ["network", "transformer"])
def test_every_method_keeps_the_protocol(
    name: str, kind: str, images: torch.Tensor, request: pytest.FixtureRequest
) -> None:
    settings, network = SMALL.get(name, {}), request.getfixturevalue(kind)
    if (METHODS[name].family, kind) == ("attention", "network"):
        with pytest.raises(NotForNetworkError, match="bricknet has none"):
            create_method(name, network, **settings)
        return
    method = create_method(name, network, **settings)
    assert isinstance(method, Method)
    maps = method.attribute(images, [[0, 2], []])
    assert [found.dtype for found in maps] == [np.float32] * 2
    assert [len(found) for found in maps] == [2, 0]
    assert maps[0].shape[1:] == maps[1].shape[1:]
    assert np.isfinite(maps[0]).all()
    assert METHODS[name].signed or (maps[0] >= 0).all()
    again = create_method(name, network, **settings).attribute(images, [[0, 2], []])
    np.testing.assert_array_equal(maps[0], again[0])
    assert method.settings.digest() == create_method(name, network, **settings).settings.digest()


def test_random_depends_on_picture_class_and_seed_alone(network: nn.Module, images: torch.Tensor) -> None:
    method = create_method("random", network)
    maps = method.attribute(images, [[0, 1], [0]])
    np.testing.assert_array_equal(method.attribute(images[1:], [[1, 0]])[0][1], maps[1][0])
    others = [maps[0][1], maps[1][0], create_method("random", network, seed=1).attribute(images[:1], [[0]])[0][0]]
    assert all(not np.array_equal(maps[0][0], other) for other in others)


def test_center_gaussian_is_symmetric_with_its_top_in_the_middle(network: nn.Module, images: torch.Tensor) -> None:
    bump = create_method("center_gaussian", network).attribute(images[:1], [[0]])[0][0]
    np.testing.assert_array_equal(bump, bump[::-1, ::-1])
    assert bump.argmax() in {31 * 48 + 23, 31 * 48 + 24, 32 * 48 + 23, 32 * 48 + 24}
    assert bump[32, 36] / bump[32, 24] == pytest.approx(np.exp(-0.5), rel=0.1)  # one sigma: a quarter of 48


def test_edges_lie_on_the_edge(network: nn.Module) -> None:
    picture = torch.zeros(1, 3, 32, 32)
    picture[:, :, :, 16:] = 1.0
    found = create_method("edges", network, mean=(0, 0, 0), std=(1, 1, 1)).attribute(picture, [[0]])[0][0]
    assert (found[4:-4, 15:17] > 0.5).all()
    assert not found[:, :14].any()


def test_brightness_is_the_luminance(network: nn.Module) -> None:
    picture = torch.tensor([1.0, 0.5, 0.25])[None, :, None, None].expand(1, 3, 4, 4)
    found = create_method("brightness", network, mean=(0, 0, 0), std=(1, 1, 1)).attribute(picture, [[0]])[0][0]
    np.testing.assert_allclose(found, 0.2125 + 0.5 * 0.7154 + 0.25 * 0.0721, rtol=1e-6)


def test_the_oracle_shows_the_masks_it_is_given(network: nn.Module, images: torch.Tensor) -> None:
    oracle = create_method("oracle", network)
    assert isinstance(oracle, Oracle)
    mask = np.zeros((128, 96), dtype=bool)
    mask[20:41, 8:16] = True
    maps = oracle.attribute(images, [[0, 2], []], [[mask, ~mask], []])
    assert [found.shape for found in maps] == [(2, 64, 48), (0, 64, 48)]
    assert maps[0][0][10, 4:8].tolist() == [1.0] * 4
    assert maps[0][0][20, 4:8].tolist() == [0.5] * 4  # half of the area: rows 40 of 40 and 41
    assert maps[0][0].sum() == mask.sum() / 4
    np.testing.assert_array_equal(maps[0][1], 1 - maps[0][0])
    with pytest.raises(BrickbenchError, match=r"^The oracle needs the mask of each class asked for: run it with"):
        oracle.attribute(images, [[0], [1]])


def test_a_batch_that_does_not_fit_is_halved_for_good_and_told() -> None:
    tried: list[slice] = []

    def work(part: slice) -> list[int]:
        tried.append(part)
        if part.stop - part.start > 3:
            raise torch.OutOfMemoryError("out of memory")
        return list(range(part.start, part.stop))

    batch = BatchSize(8, "pictures")
    assert [place for some in batch.batches(11, work) for place in some] == list(range(11))
    assert (batch.size, batch.note) == (2, "2 pictures at once, since 8 did not fit into memory")
    assert [part.stop - part.start for part in tried] == [8, 4, 2, 2, 2, 2, 2, 1]
    with pytest.raises(BrickbenchError, match=r"^Memory does not hold what one of the pictures takes"):
        list(BatchSize(2, "pictures").batches(1, lambda _: (_ for _ in ()).throw(MemoryError())))
    with pytest.raises(RuntimeError, match="other"):
        list(BatchSize(2, "pictures").batches(1, lambda _: (_ for _ in ()).throw(RuntimeError("other"))))


def test_names_and_settings_are_checked(network: nn.Module) -> None:
    with pytest.raises(SettingsError, match=r"^There is no method 'grad-cam' \(did you mean 'gradcam'\?\); known are "):
        create_method("grad-cam", network)
    with pytest.raises(SettingsError, match=r"^In the settings of method lime: unknown setting 'samples'"):
        create_method("lime", network, samples=3)
    with pytest.raises(SettingsError, match=r"^In the settings of method center_gaussian: sigma_share = 0: "):
        create_method("center_gaussian", network, sigma_share=0)


def test_what_the_network_knows_goes_where_it_is_wanted(trained: Path) -> None:
    own = load_checkpoint(trained / "runs" / "toy")
    assert for_network("lime", {"seed": 1}, own) == {"mean": own.mean, "std": own.std, "seed": 1}
    assert for_network("gradcam", {}, own) == for_network("chefer", {}, own) == {"input_size_px": 64}
    assert for_network("saliency", {}, own) == {}


def test_every_row_of_the_registry_is_filled() -> None:
    assert all(row["source"] and row["note"] and row["cost"] for row in method_rows())
    assert all((row["kind"] == "method") == (row["family"] != "baseline") for row in method_rows())
