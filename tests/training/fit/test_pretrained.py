"""Networks that start from weights learned elsewhere: what matches, and what is told when nothing does."""

from pathlib import Path

import cv2
import pytest
import skimage.data
import torch
from safetensors.torch import save_file

from core.errors import BrickbenchError, SettingsError
from dataset.loading.network_input import network_input
from training.fit.pretrained import PACKAGED, load_pretrained, load_weights, packaged_weights
from training.network.models import create_model, normalisation


def network(classes: int = 4, seed: int = 0) -> torch.nn.Module:
    torch.manual_seed(seed)
    return create_model("test_convnext", classes)


def test_weights_come_by_name_and_a_classifier_of_the_same_size_too(tmp_path: Path) -> None:
    donor, model = network(seed=1), network(seed=2)
    save_file(donor.state_dict(), tmp_path / "w.safetensors")
    match = load_weights(model, tmp_path / "w.safetensors")
    assert (match.by, match.new, match.unused) == ("name", (), ())
    assert all(torch.equal(mine, donor.state_dict()[name]) for name, mine in model.state_dict().items())


def test_a_classifier_of_other_classes_starts_untrained(tmp_path: Path) -> None:
    donor, model = network(classes=9, seed=1), network(seed=2)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    torch.save(
        {"state_dict": {f"module.{name}": tensor for name, tensor in donor.state_dict().items()}}, tmp_path / "w.pth"
    )
    match = load_weights(model, tmp_path / "w.pth")
    assert match.new == ("head.fc.weight", "head.fc.bias")
    assert match.taken == len(before) - 2
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, before[name] if name in match.new else donor.state_dict()[name])
    assert str(match) == (
        f"{match.taken} tensors from {tmp_path / 'w.pth'}, matched by name; the classifier starts untrained "
        "(head.fc.weight, head.fc.bias)."
    )


def test_weights_of_another_library_come_by_order(tmp_path: Path) -> None:
    donor, model = network(seed=1), network(seed=2)
    renamed = {
        f"layer{number}.{name.rpartition('.')[2]}": t for number, (name, t) in enumerate(donor.state_dict().items())
    }
    torch.save(renamed, tmp_path / "w.pth")
    assert load_weights(model, tmp_path / "w.pth").by == "order"
    assert all(torch.equal(mine, donor.state_dict()[name]) for name, mine in model.state_dict().items())


def test_weights_of_another_network_are_refused_and_change_nothing(tmp_path: Path) -> None:
    model = network()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    path = tmp_path / "w.pth"
    torch.save(create_model("test_vit", 4).state_dict(), path)
    with pytest.raises(BrickbenchError, match=r"another network: tensor 'stem.0.weight' is missing\. Give the file"):
        load_weights(model, path)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def test_files_that_are_no_weights_are_told(tmp_path: Path) -> None:
    with pytest.raises(BrickbenchError, match=r"There is no weights file .*none\.pth: check the path"):
        load_weights(network(), tmp_path / "none.pth")
    for name in ("w.pth", "w.safetensors"):
        (tmp_path / name).write_bytes(b"not weights")
        with pytest.raises(BrickbenchError, match=r"cannot be read as weights .*: give another file"):
            load_weights(network(), tmp_path / name)
    torch.save({"epoch": 3}, tmp_path / "e.pth")
    with pytest.raises(BrickbenchError, match="holds no table of tensors: give a file of weights"):
        load_weights(network(), tmp_path / "e.pth")


def test_the_packaged_weights_fit_and_know_pictures() -> None:
    """ImageNet weights under other names, taken in order: a cat is a cat."""
    name = "tf_efficientnet_lite0"
    assert packaged_weights(name) is not None
    torch.manual_seed(0)
    model = create_model(name, 1000).eval()
    match = load_pretrained(model, name, {})
    assert (match.by, match.taken, match.new) == ("order", 296, ())
    cat = cv2.resize(skimage.data.chelsea()[:, 75:375], (224, 224), interpolation=cv2.INTER_AREA)
    with torch.no_grad():
        probabilities = model(network_input(cat, 224, *normalisation(model))[None]).softmax(dim=1)[0]
    assert float(probabilities[281:286].sum()) > 0.8  # ImageNet's five kinds of house cats
    smaller = load_pretrained(create_model(name, 5), name, {})
    assert (smaller.taken, smaller.new) == (294, ("classifier.weight", "classifier.bias"))


def test_networks_without_pretrained_weights_say_so() -> None:
    assert packaged_weights("resnet18") is None
    with pytest.raises(SettingsError, match=rf"no pretrained weights of bricknet\. .*{', '.join(PACKAGED)}.*`weights`"):
        load_pretrained(network(), "bricknet", {})
