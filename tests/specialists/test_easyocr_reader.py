"""EasyOCR from a folder of weights, against its own `readtext` on the same files."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from specialists.easyocr_reader import EasyOcrReader, EasyOcrSettings, _recogniser
from specialists.roles import Image, MissingRequirementError, SpecialistError
from tests.specialists.tiny_easyocr import write_random_easyocr

pytestmark = pytest.mark.filterwarnings(
    "ignore:'pin_memory' argument is set as true:UserWarning",
    "ignore:'mode' parameter is deprecated:DeprecationWarning",
)
LOW = {"text_floor": 0.3, "low_text": 0.4, "link": 0.4, "min_size": 5}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_random_easyocr(tmp_path_factory.mktemp("easyocr"))


@pytest.fixture(scope="module")
def settings(folder: Path) -> EasyOcrSettings:
    return EasyOcrSettings(weights=str(folder), **LOW)


@pytest.fixture(scope="module")
def reader(settings: EasyOcrSettings) -> Iterator[EasyOcrReader]:
    specialist = EasyOcrReader(settings)
    path = list(sys.path)
    specialist.load()
    assert sys.path == path
    yield specialist
    specialist.close()


def picture(seed: int, height: int = 64, width: int = 96) -> Image:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def library_reader(folder: Path) -> Any:
    """EasyOCR's own, told that our files are the released ones."""
    import easyocr
    from easyocr import config
    from easyocr.utils import calculate_md5

    config.detection_models["craft"]["md5sum"] = calculate_md5(str(folder / "craft_mlt_25k.pth"))
    config.recognition_models["gen2"]["english_g2"]["md5sum"] = calculate_md5(str(folder / "english_g2.pth"))
    return easyocr.Reader(
        ["en"],
        gpu=False,
        model_storage_directory=str(folder),
        user_network_directory=str(folder),
        download_enabled=False,
        verbose=False,
        quantize=False,
    )


def test_words_are_those_of_readtext(reader: EasyOcrReader, folder: Path) -> None:
    image = picture(1)
    found = library_reader(folder).readtext(
        image, text_threshold=0.3, low_text=0.4, link_threshold=0.4, min_size=5, canvas_size=2560
    )
    wanted = [(quad, text, score) for quad, text, score in found if text.strip()]
    assert len(wanted) > 3
    [words] = reader.read([image])
    assert words.texts == [text for _, text, _ in wanted]
    np.testing.assert_allclose(words.scores, [score for _, _, score in wanted], atol=1e-5)
    for ours, (quad, _, _) in zip(words.quads.reshape(-1, 4, 2), wanted, strict=True):
        theirs = np.clip(np.array(quad, np.float32), 0, [96, 64])
        assert sorted(map(tuple, ours.tolist())) == sorted(map(tuple, theirs.tolist()))
        assert ours[0].tolist() == theirs[0].tolist()


def test_a_missing_file_is_named_before_anything_is_imported(tmp_path: Path) -> None:
    reader = EasyOcrReader(EasyOcrSettings(weights=str(tmp_path), languages=["fr", "de"]))
    with pytest.raises(MissingRequirementError, match=r"lacks craft_mlt_25k.pth and latin_g2.pth: where there is"):
        reader.load()


def test_a_file_of_something_else_is_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "craft_mlt_25k.pth").write_bytes((folder / "craft_mlt_25k.pth").read_bytes())
    torch.save({"module.x": torch.zeros(1)}, tmp_path / "english_g2.pth")
    with pytest.raises(SpecialistError, match=r"english_g2.pth does not hold the weights it is named after"):
        EasyOcrReader(EasyOcrSettings(weights=str(tmp_path))).load()


def test_a_pickle_of_more_than_tensors_is_not_opened(folder: Path, tmp_path: Path) -> None:
    torch.save({"module.x": Path("x")}, tmp_path / "craft_mlt_25k.pth")
    (tmp_path / "english_g2.pth").write_bytes((folder / "english_g2.pth").read_bytes())
    with pytest.raises(SpecialistError, match=r"craft_mlt_25k.pth does not hold the weights"):
        EasyOcrReader(EasyOcrSettings(weights=str(tmp_path))).load()


@pytest.mark.parametrize(
    ("languages", "name", "generation"),
    [
        (["en"], "english_g2", "gen2"),
        (["fr", "en"], "latin_g2", "gen2"),
        (["ru"], "cyrillic_g2", "gen2"),
        (["ja", "en"], "japanese_g2", "gen2"),
        (["th"], "thai_g1", "gen1"),
        (["ar"], "arabic_g1", "gen1"),
    ],
)
def test_the_recogniser_is_the_one_easyocr_chooses(languages: list[str], name: str, generation: str) -> None:
    assert _recogniser(languages) == (name, generation)


def test_languages_of_two_scripts_are_refused() -> None:
    with pytest.raises(ValueError, match=r"japanese_g2 reads \['en', 'ja'\], not \['fr'\]"):
        _recogniser(["ja", "fr"])


def test_the_fingerprint_names_files_without_changing_the_process(settings: EasyOcrSettings) -> None:
    before = os.environ.get("LRU_CACHE_CAPACITY")
    facts = EasyOcrReader(settings).fingerprint()
    assert len(str(facts["recogniser_sha256"])) == 64
    assert os.environ.get("LRU_CACHE_CAPACITY") == before
    assert EasyOcrReader(settings.model_copy(update={"device": "cpu"})).fingerprint() == facts
    assert EasyOcrReader(settings.model_copy(update={"link": 0.2})).fingerprint() != facts
