"""Reader by RapidOCR: PP-OCR models in ONNX; the wheel carries the default ones, so nothing is ever fetched.

Comes in: images uint8 RGB. Goes out: `Words`, one per text line, for example

    quads [[31, 279, 133, 278, 133, 294, 31, 294]]   scores [0.993]   texts ["SPEED LIMIT"]

The score is the recogniser's (mean character probability); the detector's only decides, by `box_floor`, what is read.
"""

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from shards.settings import OnDisk, Settings
from specialists.quads import as_words
from specialists.rapidocr_pixels import TabledPixels
from specialists.roles import Fingerprint, Image, MissingRequirementError, SpecialistError, Words, check_images
from specialists.weights import file_sha256, library, require_package

if TYPE_CHECKING:
    from rapidocr import RapidOCR

MAX_ASPECT = 8
"""RapidOCR scales the short side up to 736 px: a 3 x 2000 image would become 736 x 490,000. Images that are longer than
this ratio are padded to half of it, as RapidOCR does with wide ones (process_img.apply_vertical_padding), but here
before anything is scaled, and tall ones too."""
TALL_CROP = 1.5
"""RapidOCR turns crops at least this much taller than wide by 90 degrees (process_img.get_rotate_crop_image)."""
UPSIDE_DOWN = 0.9
"""RapidOCR turns a crop by 180 degrees above this probability (config.yaml, cls_thresh)."""


class RapidOcrSettings(Settings):
    """RapidOCR with the models of its wheel, or with others given as .onnx files."""

    backend: Literal["rapidocr"] = "rapidocr"
    detector_model: str | None = Field(None, description="PP-OCR text detector, .onnx; null: the one in the wheel")
    recognizer_model: Annotated[str | None, OnDisk()] = Field(
        None, description="PP-OCR recogniser of another language, .onnx; null: the one in the wheel (Latin, Chinese)"
    )
    recognizer_keys: Annotated[str | None, OnDisk()] = Field(
        None, description="characters of recognizer_model, one per line; null: they are in its metadata"
    )
    upside_down: bool = Field(True, description="find lines that are upside down, and turn them")
    min_side: int = Field(736, ge=32, description="enlarge smaller images to this short side, px")
    max_side: int = Field(2000, ge=64, description="shrink larger images to this long side, px")
    box_floor: float = Field(0.3, ge=0, le=1, description="do not read text areas of a lower detector score")
    score_floor: float = Field(0.0, ge=0, le=1, description="return no lines of a lower recognition score")
    device: Literal["cpu", "cuda"] = Field("cpu", description="cuda needs the package onnxruntime-gpu")
    threads: int = Field(1, ge=1, description="threads of ONNX Runtime in one actor")


class RapidOcrReader:
    """See `roles.Reader`. The image's lines come top to bottom, left to right."""

    def __init__(self, settings: RapidOcrSettings) -> None:
        self.settings = settings
        self._engine: RapidOCR | None = None

    def load(self) -> None:
        require_package("rapidocr", "rapidocr")
        self._check_device()
        self._check_keys()
        from rapidocr import RapidOCR

        settings = self.settings
        models = self._models()
        params = {
            "Global.log_level": "error",  # it warns of every image without text
            "Global.max_side_len": settings.max_side,
            "Global.use_cls": settings.upside_down,
            "Det.limit_side_len": settings.min_side,
            "Det.box_thresh": settings.box_floor,
            "Det.model_path": str(models["det"]),
            "Cls.model_path": str(models["cls"]),
            "Rec.model_path": str(models["rec"]),
            "Rec.rec_keys_path": settings.recognizer_keys,
            "EngineConfig.onnxruntime.use_cuda": settings.device == "cuda",
            # Without it every layer of every image takes fresh pages from the system: a fifth of all CPU time.
            "EngineConfig.onnxruntime.enable_cpu_mem_arena": True,
            "EngineConfig.onnxruntime.intra_op_num_threads": settings.threads,
            "EngineConfig.onnxruntime.inter_op_num_threads": 1,
        }
        self._engine = _with_tables(RapidOCR(params=params))

    def read(self, images: list[Image]) -> list[Words]:
        check_images(images)
        return [self._read_one(image) for image in images]

    def fingerprint(self) -> Fingerprint:
        settings = self.settings
        return {
            "backend": settings.backend,
            "library": library("rapidocr", "rapidocr"),
            **{f"{part}_sha256": file_sha256(path) for part, path in self._models().items()},
            "keys_sha256": file_sha256(Path(settings.recognizer_keys)) if settings.recognizer_keys else None,
            "upside_down": settings.upside_down,
            "min_side": settings.min_side,
            "max_side": settings.max_side,
            "box_floor": settings.box_floor,
            "score_floor": settings.score_floor,
        }

    def close(self) -> None:
        self._engine = None

    def _read_one(self, image: Image) -> Words:
        if self._engine is None:
            raise SpecialistError("rapidocr: read() before load()")
        import cv2
        from rapidocr.utils.process_img import map_boxes_to_original

        height, width = image.shape[:2]
        padded, left, top = _pad(image)
        bgr = cv2.cvtColor(padded, cv2.COLOR_RGB2BGR)
        scaled, record = self._engine.preprocess_img(bgr)
        areas, turns, lines, _ = self._engine.run_ocr_steps(scaled, record)
        if areas.boxes is None or lines.txts is None:
            return as_words([], [], [], width, height)
        corners = map_boxes_to_original(areas.boxes.astype(np.float32), record, *bgr.shape[:2])
        classes = turns.cls_res if self.settings.upside_down else [("0", 1.0)] * len(corners)
        quads = [
            _as_read(area, turned, quad) - (left, top)
            for area, turned, quad in zip(areas.boxes, classes, corners, strict=True)
        ]
        kept = [
            index
            for index, (text, score) in enumerate(zip(lines.txts, lines.scores, strict=True))
            if text.strip() and score >= self.settings.score_floor
        ]
        return as_words(
            [quads[i] for i in kept], [lines.scores[i] for i in kept], [lines.txts[i] for i in kept], width, height
        )

    def _models(self) -> dict[str, Path]:
        """det, rec, cls -> .onnx file; the wheel's own where the settings name none."""
        settings = self.settings
        given = {"det": settings.detector_model, "rec": settings.recognizer_model, "cls": None}
        return {part: _file(part, path) if path else _bundled(part) for part, path in given.items()}

    def _check_device(self) -> None:
        import onnxruntime

        if self.settings.device == "cuda" and "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
            raise MissingRequirementError(
                "rapidocr: device cuda needs onnxruntime with CUDA: pip install onnxruntime-gpu, or set device: cpu"
            )

    def _check_keys(self) -> None:
        """A recogniser without characters would make RapidOCR fetch some from the network."""
        settings = self.settings
        if settings.recognizer_keys:
            _file("recognizer_keys", settings.recognizer_keys)
        elif settings.recognizer_model:
            import onnxruntime

            path = _file("rec", settings.recognizer_model)
            session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
            if "character" not in session.get_modelmeta().custom_metadata_map:
                raise MissingRequirementError(
                    f"rapidocr: {path} has no characters in its metadata: give its dictionary file as recognizer_keys"
                )


def _with_tables(engine: Any) -> "RapidOCR":
    """Its text detector asks for a preprocessor per image (`get_preprocess`) and is given one that was made before."""
    detector = engine._load_det_model()
    pixels = TabledPixels(detector.get_preprocess())
    detector.get_preprocess = lambda: pixels
    whole: RapidOCR = engine
    return whole


def _bundled(part: str) -> Path:
    """The model for `part` inside the installed wheel, found without importing it (that takes seconds)."""
    require_package("rapidocr", "rapidocr")
    spec = importlib.util.find_spec("rapidocr")
    folders = list(spec.submodule_search_locations or []) if spec else []
    models = sorted(path for folder in folders for path in Path(folder, "models").glob(f"*_{part}_*.onnx"))
    if len(models) != 1:
        names = ", ".join(path.name for path in models) or "none"
        raise MissingRequirementError(
            f"rapidocr: one {part} model must lie in its wheel, found {names}: pip install --force-reinstall rapidocr,"
            " or name the files as detector_model and recognizer_model"
        )
    return models[0]


def _file(what: str, path: str) -> Path:
    file = Path(path).expanduser()
    if not file.is_file():
        raise MissingRequirementError(f"rapidocr: no {what} file at {path!r}: give a path, or null for the wheel's own")
    return file


def _pad(image: Image) -> tuple[Image, int, int]:
    """The image, between black bars if it is very long; and the width of the bars left and above, px."""
    height, width = image.shape[:2]
    if max(height, width) <= MAX_ASPECT * min(height, width):
        return image, 0, 0
    x = max(0, 2 * height // MAX_ASPECT - width)
    y = max(0, 2 * width // MAX_ASPECT - height)
    left, top = x // 2, y // 2
    return np.pad(image, ((top, y - top), (left, x - left), (0, 0))), left, top


def _as_read(area: NDArray[np.float32], turned: tuple[str, float], quad: NDArray[np.float32]) -> NDArray[np.float32]:
    """`quad` [4, 2] of an area begins at the corner that is top left in the image; here, at that of the text.

    The recogniser read the crop turned: by a quarter if it is tall (its right edge becomes the top), then by a half
    if the classifier found it upside down.
    """
    width = int(max(np.linalg.norm(area[0] - area[1]), np.linalg.norm(area[2] - area[3])))
    height = int(max(np.linalg.norm(area[0] - area[3]), np.linalg.norm(area[1] - area[2])))
    first = 1 if height / width >= TALL_CROP else 0
    label, probability = turned
    if "180" in label and probability > UPSIDE_DOWN:
        first += 2
    return np.roll(quad, -first, axis=0)
