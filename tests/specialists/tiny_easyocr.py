"""Random weights for EasyOCR in the files that it wants; CRAFT and the English recogniser have one size only."""

import importlib.util
from pathlib import Path
from typing import Any

import torch


def write_random_easyocr(folder: Path) -> Path:
    """craft_mlt_25k.pth and english_g2.pth; such a CRAFT sees "text" in spots, and the recogniser reads noise."""
    assert importlib.util.find_spec("easyocr") is not None
    from easyocr.config import recognition_models
    from easyocr.craft import CRAFT
    from easyocr.model.vgg_model import Model

    torch.manual_seed(0)
    craft = CRAFT(pretrained=False).eval()
    _spread(craft)
    _save(craft, folder / "craft_mlt_25k.pth")
    characters = recognition_models["gen2"]["english_g2"]["characters"]
    recogniser = Model(input_channel=1, output_channel=256, hidden_size=256, num_class=len(characters) + 1)
    torch.nn.init.normal_(recogniser.Prediction.weight, std=1.0)
    _save(recogniser, folder / "english_g2.pth")
    return folder


def _spread(craft: Any) -> None:
    """Scale the last layer so that, on noise, the maps of text and links have mean 0 and deviation 0.3."""
    last = craft.conv_cls[-1]
    torch.nn.init.normal_(last.weight)
    with torch.no_grad():
        maps = craft(torch.randn(1, 3, 64, 96))[0].reshape(-1, 2)
        last.weight *= (0.3 / maps.std(dim=0))[:, None, None, None]
        last.bias.copy_((last.bias - maps.mean(dim=0)) * 0.3 / maps.std(dim=0))


def _save(network: torch.nn.Module, file: Path) -> None:
    torch.save({f"module.{key}": value for key, value in network.state_dict().items()}, file)
