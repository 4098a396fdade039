"""Reader by EasyOCR: CRAFT finds words, a CRNN of the language's script reads them.

Comes in: images uint8 RGB. Goes out: `Words` as `easyocr.Reader.readtext` gives them (`quantize=False`), clipped to the
image. Nothing is fetched, and nothing is unpickled: EasyOCR would load its weight files as arbitrary pickles (after an
MD5 check); here they are read as tensors only and put into EasyOCR's own networks. Files that are wanted:

    craft_mlt_25k.pth                  the detector
    english_g2.pth, latin_g2.pth ...   the recogniser of the languages; the error names it
"""

import contextlib
import importlib
import importlib.util
import os
import pickle
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from shards.geometry import signed_area
from shards.settings import OnDisk, Settings
from specialists.devices import loaded, pick_device
from specialists.quads import as_words
from specialists.roles import Fingerprint, Image, MissingRequirementError, SpecialistError, Words, check_images
from specialists.weights import file_sha256, library, require_package

if TYPE_CHECKING:
    import torch

BACKEND = "easyocr"
DETECTOR = "craft"
NETWORKS: dict[str, tuple[str, dict[str, int]]] = {
    "gen1": ("easyocr.model.model", {"input_channel": 1, "output_channel": 512, "hidden_size": 512}),
    "gen2": ("easyocr.model.vgg_model", {"input_channel": 1, "output_channel": 256, "hidden_size": 256}),
}
"""Module and sizes of the recogniser per generation (easyocr.Reader.__init__)."""
ALONE = {
    "th": "thai_g1",
    "ch_tra": "zh_tra_g1",
    "ch_sim": "zh_sim_g2",
    "ja": "japanese_g2",
    "ko": "korean_g2",
    "ta": "tamil_g1",
    "te": "telugu_g2",
    "kn": "kannada_g2",
}
"""Languages whose recogniser knows only them and English (easyocr.Reader.__init__)."""
GROUPS = {
    "bengali_lang_list": "bengali_g1",
    "arabic_lang_list": "arabic_g1",
    "devanagari_lang_list": "devanagari_g1",
    "cyrillic_lang_list": "cyrillic_g2",
    "latin_lang_list": "latin_g2",
}
"""Lists in easyocr/config.py, in the order in which EasyOCR tries them."""
LONGEST = 16
"""Images are padded to this ratio of sides: CRAFT scales a 1 x 900 image to nothing."""


class EasyOcrSettings(Settings):
    """EasyOCR with weights from a folder."""

    backend: Literal["easyocr"] = Field("easyocr", description="EasyOCR")
    weights: Annotated[str | None, OnDisk()] = Field(
        None, description="folder of the .pth files; null: EasyOCR's own, ~/.EasyOCR/model"
    )
    languages: list[str] = Field(
        ["en"], min_length=1, description="EasyOCR's language codes; one script at a time, English goes with each"
    )
    text_floor: float = Field(0.5, ge=0, le=1, description="CRAFT's text_threshold: what may be text")
    low_text: float = Field(0.4, ge=0, le=1, description="CRAFT's low_text: how far a text area reaches")
    link: float = Field(0.4, ge=0, le=1, description="CRAFT's link_threshold: what joins characters to words")
    min_size: int = Field(10, ge=0, description="boxes with no side longer than this, px, are not read")
    max_side: int = Field(2560, ge=32, description="shrink larger images to this long side, px")
    enlarge: float = Field(1.0, gt=0, description="images are scaled by this before text is looked for")
    score_floor: float = Field(0.0, ge=0, le=1, description="words of a lower score are not returned")
    device: str = Field("auto", description="auto (a GPU if there is one), cpu, cuda, cuda:1")


class EasyOcrReader:
    """See `roles.Reader`."""

    def __init__(self, settings: EasyOcrSettings) -> None:
        self.settings = settings
        self._reader: Any = None

    def load(self) -> None:
        """Importing easyocr sets LRU_CACHE_CAPACITY=1 for this process (easyocr/config.py): torch then keeps fewer
        compiled CPU convolutions, which keeps memory flat while image sizes vary."""
        require_package(BACKEND, "easyocr", "easyocr")
        of = self.settings
        name, generation = _recogniser(of.languages)
        detector, recogniser = self._files()
        device = pick_device(BACKEND, of.device)
        with _quiet():
            self._reader = _build(of.languages, name, generation, detector, recogniser, device)

    def read(self, images: list[Image]) -> list[Words]:
        check_images(images)
        reader = loaded(BACKEND, self._reader)
        return [self._read_one(reader, image) for image in images]

    def fingerprint(self) -> Fingerprint:
        of = self.settings
        detector, recogniser = self._files()
        return {
            "backend": of.backend,
            "library": library(BACKEND, "easyocr", "easyocr"),
            "detector_sha256": file_sha256(detector),
            "recogniser_sha256": file_sha256(recogniser),
            "languages": sorted(of.languages),
            "text_floor": of.text_floor,
            "low_text": of.low_text,
            "link": of.link,
            "min_size": of.min_size,
            "max_side": of.max_side,
            "enlarge": of.enlarge,
            "score_floor": of.score_floor,
        }

    def close(self) -> None:
        self._reader = None

    def _read_one(self, reader: Any, image: Image) -> Words:
        of = self.settings
        height, width = image.shape[:2]
        with _quiet():
            readings = reader.readtext(
                _padded(image),
                text_threshold=of.text_floor,
                low_text=of.low_text,
                link_threshold=of.link,
                min_size=of.min_size,
                canvas_size=of.max_side,
                mag_ratio=of.enlarge,
                workers=0,  # worker processes would be forked from a process with threads
            )
        words = [(_clockwise(quad), float(np.nan_to_num(score)), text) for quad, text, score in readings]
        kept = [word for word in words if word[2].strip() and word[1] >= of.score_floor]
        return as_words(
            [quad for quad, _, _ in kept], [score for _, score, _ in kept], [text for _, _, text in kept], width, height
        )

    def _files(self) -> tuple[Path, Path]:
        """Detector and recogniser. Raises MissingRequirementError with the names of those that are not there."""
        config = _config()
        name, generation = _recogniser(self.settings.languages)
        default = Path(config.MODULE_PATH).expanduser() / "model"
        folder = Path(self.settings.weights).expanduser() if self.settings.weights else default
        names = (
            config.detection_models[DETECTOR]["filename"],
            config.recognition_models[generation][name]["filename"],
        )
        missing = [file for file in names if not (folder / file).is_file()]
        if missing:
            raise MissingRequirementError(
                f"{BACKEND}: {folder} lacks {' and '.join(missing)}: where there is network, run"
                f' python -c "import easyocr; easyocr.Reader({self.settings.languages})" and copy ~/.EasyOCR/model'
            )
        return folder / names[0], folder / names[1]


def _config() -> ModuleType:
    """easyocr/config.py alone: importing easyocr takes seconds, and a fingerprint needs only its tables."""
    require_package(BACKEND, "easyocr", "easyocr")
    package = importlib.util.find_spec("easyocr")
    if package is None or package.origin is None:
        raise MissingRequirementError(f"{BACKEND}: the package easyocr has no files: pip install 'fld-engine[easyocr]'")
    spec = importlib.util.spec_from_file_location("easyocr_config", Path(package.origin).with_name("config.py"))
    if spec is None or spec.loader is None:
        raise MissingRequirementError(f"{BACKEND}: easyocr has no config.py: pip install 'fld-engine[easyocr]'")
    config = importlib.util.module_from_spec(spec)
    before = os.environ.get("LRU_CACHE_CAPACITY")
    spec.loader.exec_module(config)
    if before is None:
        os.environ.pop("LRU_CACHE_CAPACITY", None)  # only a process that loads the model should have it
    return config


def _recogniser(languages: list[str]) -> tuple[str, str]:
    """Name and generation of the network that reads these languages, by the rules of easyocr.Reader."""
    config = _config()
    name, known = _choice(languages, config)
    strange = sorted(set(languages) - known)
    if strange:
        raise ValueError(f"{BACKEND}: languages {languages}: {name} reads {sorted(known)}, not {strange}")
    return name, next(key for key in NETWORKS if name in config.recognition_models[key])


def _choice(languages: list[str], config: ModuleType) -> tuple[str, set[str]]:
    if languages == ["en"]:
        return "english_g2", {"en"}
    for language, name in ALONE.items():
        if language in languages:
            return name, {language, "en"}
    for group, name in GROUPS.items():
        known = set(getattr(config, group))
        if (set(languages) - {"en"}) & known:
            return name, known | {"en"}
    return "latin_g2", {*config.latin_lang_list}


def _build(
    languages: list[str], name: str, generation: str, detector: Path, recogniser: Path, device: "torch.device"
) -> Any:
    """An easyocr.Reader without weights, given networks that we filled."""
    import easyocr
    from easyocr.craft import CRAFT
    from easyocr.detection import get_textbox
    from easyocr.utils import CTCLabelConverter

    path = list(sys.path)
    folder = str(detector.parent)
    reader: Any = easyocr.Reader(
        languages,
        gpu=str(device) if device.type != "cpu" else False,
        model_storage_directory=folder,
        user_network_directory=folder,  # it would make one in the home folder
        download_enabled=False,
        detector=False,
        recognizer=False,
        recog_network=name,
        verbose=False,
    )
    sys.path[:] = path  # it appends user_network_directory
    dictionaries = {language: str(Path(easyocr.__file__).parent / "dict" / f"{language}.txt") for language in languages}
    reader.converter = CTCLabelConverter(reader.character, {}, dictionaries)
    module, sizes = NETWORKS[generation]
    network = importlib.import_module(module).Model(num_class=len(reader.converter.character), **sizes)
    reader.recognizer = _filled(network, recogniser).to(device)
    reader.detector = _filled(CRAFT(), detector).to(device)
    reader.get_textbox = get_textbox
    return reader


def _filled(network: "torch.nn.Module", file: Path) -> "torch.nn.Module":
    import torch

    try:
        state = torch.load(file, map_location="cpu", weights_only=True)
        network.load_state_dict({key.removeprefix("module."): value for key, value in state.items()})
    except (pickle.UnpicklingError, RuntimeError, EOFError, AttributeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise SpecialistError(f"{BACKEND}: {file} does not hold the weights it is named after: {reason}") from error
    return network.eval()


def _padded(image: Image) -> Image:
    """The image with black below or to its right, so that no side is more than LONGEST times the other."""
    height, width = image.shape[:2]
    below, right = max(0, -(-width // LONGEST) - height), max(0, -(-height // LONGEST) - width)
    return np.pad(image, ((0, below), (0, right), (0, 0))) if below or right else image


def _clockwise(quad: Any) -> NDArray[np.float32]:
    """[4, 2], beginning at the same corner. Slanted boxes of CRAFT sometimes run the other way."""
    corners = np.asarray(quad, np.float32)
    return corners if signed_area(corners) >= 0 else corners[[0, 3, 2, 1]]


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """EasyOCR pins memory without a GPU and names Pillow modes as Pillow no longer wants; both warn per word."""
    with warnings.catch_warnings():
        for category in (UserWarning, DeprecationWarning, FutureWarning):
            warnings.simplefilter("ignore", category)
        yield
