"""Every backend through the code of `fld run`: real libraries, checkpoints of random weights, generated pictures.

What such models say is noise. What is held here is where it lands: boxes, quads and masks inside the picture, spans in
their texts, the same pixels whether a picture is stored upright or turned with an EXIF flag.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import yaml

from engine.verbs import rounds
from engine.verbs.show import show
from shards.finding import coordinates_of
from shards.raw import RawRow, read_raw
from shards.reader import Corpus
from shards.record import Record, Region
from shards.store import open_store
from stages.scenes.gold import draw_scene
from stages.scenes.settings import SceneSettings
from tests.specialists.chat_server import chat_server
from tests.specialists.tiny_captioners import save_tiny_blip, save_tiny_blip2
from tests.specialists.tiny_detectors import save_tiny_d_fine, save_tiny_detr, save_tiny_rt_detr, save_tiny_yolo
from tests.specialists.tiny_easyocr import write_random_easyocr
from tests.specialists.tiny_florence2 import save_tiny_florence2
from tests.specialists.tiny_groundingdino import write_tiny_groundingdino, write_tiny_groundingdino_hf
from tests.specialists.tiny_lmm import save_tiny_llava
from tests.specialists.tiny_matchers import save_tiny_clip, save_tiny_siglip
from tests.specialists.tiny_sam import write_tiny_sam, write_tiny_sam2_hf, write_tiny_sam_hf

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")
KEYS = ["turned", "upright", "wide"]
TURN = 6  # the EXIF orientation of a picture whose stored pixels must be turned clockwise by a quarter
FEW = {"min_score": 0.0, "max_boxes": 3}
TEXT_LENGTH = {"min_tokens": 1, "max_tokens": 1000}
FILTERS = {
    "text": {
        **dict.fromkeys(["brief", "detailed", "more_detailed"], TEXT_LENGTH),
        "language": None,
        "min_object_complexity": 0,
        "max_repeats": 1000,
    },
    "region": {"min_score": 0.0},
    "ocr": {"min_score": 0.0},
    "phrase": {"min_score": 0.0, "min_box_score": 0.0, "max_box_area_share": 1.0},
}
Annotators = dict[str, dict[str, Any]]


class Sentence:
    """A captioner for `backend: custom`: words that the tiny text encoders know."""

    def __init__(self, options: dict[str, object]) -> None:
        self.options = options

    def load(self) -> None:
        """Nothing to load."""

    def close(self) -> None:
        """Nothing to close."""

    def fingerprint(self) -> dict[str, str]:
        return {"backend": "sentence"}

    def caption(self, images: list[Any], granularity: str) -> list[Any]:
        from specialists.roles import ScoredCaption

        return [ScoredCaption("two brown dogs plays with the ball and a cat", 0.9) for _ in images]


def save_pictures(folder: Path) -> None:
    """A wide and an upright scene, and the upright one once more, stored lying on its side; all lossless, and a COCO
    file with a box for the upright one."""
    folder.mkdir()
    scenes = [draw_scene(7, index, SceneSettings(size=128)).image for index in range(12)]
    wide = PIL.Image.fromarray(next(image for image in scenes if image.shape[0] < image.shape[1]))
    upright = PIL.Image.fromarray(next(image for image in scenes if image.shape[0] > image.shape[1]))
    wide.save(folder / "wide.png")
    upright.save(folder / "upright.png")
    exif = PIL.Image.Exif()
    exif[0x0112] = TURN
    lying = upright.transpose(PIL.Image.Transpose.ROTATE_90)
    lying.save(folder / "turned.png", exif=exif)
    left, top, width, height = 10, 20, 40, 30
    coco = {
        "categories": [{"id": 1, "name": "thing"}],
        "images": [
            {"id": index, "file_name": f"{key}.png", "width": size[0], "height": size[1]}
            for index, (key, size) in enumerate(zip(KEYS, [lying.size, upright.size, wide.size], strict=True))
        ],
        "annotations": [  # the same place twice, each in the pixels as they are stored
            {"id": 0, "image_id": 0, "category_id": 1, "bbox": [top, upright.width - left - width, height, width]},
            {"id": 1, "image_id": 1, "category_id": 1, "bbox": [left, top, width, height]},
        ],
    }
    (folder / "coco.json").write_text(json.dumps(coco))


def run(folder: Path, annotators: Annotators) -> Corpus:
    """`fld run` over the pictures of `save_pictures`; the corpus that it leaves."""
    config = {"engine": {"backend": "local"}, "annotators": annotators, "filters": FILTERS}
    (folder / "all.yaml").write_text(yaml.safe_dump(config))
    save_pictures(folder / "pictures")
    rounds.run([str(folder / "pictures" / "coco.json")], str(folder / "corpus"), str(folder / "all.yaml"), [])
    return Corpus(str(folder / "corpus"))


def rows(corpus: Corpus, annotator: str) -> list[RawRow]:
    """What one annotator said, before any filter, by image."""
    store = open_store(corpus.store.url)
    [folder] = Path(store.url, "raw").glob(f"{annotator}-*")
    return read_raw(store, annotator, folder.name.rpartition("-")[2], "000000")


def check_raw(corpus: Corpus, annotator: str) -> None:
    """Every image answered, in the order of the images, in its own pixels; the turned picture as the upright one."""
    said = rows(corpus, annotator)
    assert [(row.key, row.status, row.error) for row in said] == [(key, "ok", "") for key in KEYS]
    sizes = {row.key: (row.width, row.height) for _, row in corpus.image_rows()}
    assert sizes["turned"] == sizes["upright"] == sizes["wide"][::-1]
    for row in said:
        for finding in row.findings:
            inside(list(coordinates_of(finding)), sizes[row.key])
    assert said[0].findings == said[1].findings


def inside(flat: Any, size: tuple[int, int]) -> None:
    """flat: x0 y0 x1 y1 ..."""
    points = np.array(flat, np.float32).reshape(-1, 2)
    assert (points >= 0).all()
    assert (points <= np.array(size, np.float32)).all()


def check_record(record: Record) -> None:
    """Ids, spans and references of a record point at what is there."""
    texts = {text.id: text.text for text in record.texts}
    regions = {region.id for region in record.regions}
    for grounding in record.groundings:
        start, end = grounding.span
        assert texts[grounding.text_id][start:end] == grounding.phrase
        assert {place.region_id for place in grounding.boxes} <= regions | {None}
    for region in record.regions:
        check_region(region, (record.width, record.height))


def check_region(region: Region, size: tuple[int, int]) -> None:
    x0, y0, x1, y1 = region.box
    assert x0 < x1
    assert y0 < y1
    inside(region.box, size)
    assert 0 <= region.selected < len(region.candidates)
    assert abs(sum(vote.weight for vote in region.votes) - 1) < 1e-3


def check(corpus: Corpus, annotators: Annotators, silent: set[str]) -> None:
    """All columns and records. silent: annotators that may find nothing."""
    for name in annotators:
        check_raw(corpus, name)
    assert {name for name in annotators if not any(row.findings for row in rows(corpus, name))} <= silent
    round_ = corpus.round(0)
    assert round_.keys() == KEYS
    for key in KEYS:
        check_record(round_.record(key))
    for key in ("turned", "upright"):
        [given] = [region for region in round_.record(key).regions if region.votes[0].source.annotator == "given"]
        assert (given.text, given.box) == ("thing", (10.0, 20.0, 50.0, 50.0))


def test_light_backends_end_in_records_whose_geometry_holds(tmp_path: Path) -> None:
    save_tiny_detr(made(tmp_path / "detr"))
    write_tiny_sam_hf(made(tmp_path / "sam"))
    annotators: Annotators = {
        "boxes": {"role": "detector", "specialist": {"backend": "detr", "weights": f"{tmp_path}/detr"}},
        "masks": {
            "role": "segmenter",
            "boxes": FEW,
            "specialist": {"backend": "sam_hf", "weights": f"{tmp_path}/sam"},
        },
        "texts": {"role": "captioner", "specialist": {"backend": "custom", "factory": f"{__name__}:Sentence"}},
        "words": {"role": "reader", "specialist": {"backend": "rapidocr", "min_side": 64}},
    }
    corpus = run(tmp_path, annotators)
    check(corpus, annotators, silent={"words"})
    assert any(region.polygons for region in corpus.round(0).record("wide").regions)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_every_backend_ends_in_records_whose_geometry_holds(
    tmp_path: Path, url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    annotators = all_annotators(tmp_path / "weights", url)
    corpus = run(tmp_path, annotators)
    check(corpus, annotators, silent={"words", "easyocr", "f_grounder"})
    for key in KEYS:
        show(str(tmp_path / "corpus"), key, 0, str(tmp_path / f"{key}.png"), dropped=True)
        assert PIL.Image.open(tmp_path / f"{key}.png").size >= (1, 1)


@pytest.fixture
def url() -> Iterator[str]:
    """An endpoint that always answers the same."""
    with chat_server() as server:
        yield server.url


def made(folder: Path) -> Path:
    """The folder, new."""
    folder.mkdir(parents=True)
    return folder


def all_annotators(weights: Path, url: str) -> Annotators:
    """One annotator per backend at least; whole-image texts for grounders come from `custom`."""
    return _writers(weights, url) | _finders(weights) | _followers(weights)


def _of(role: str, backend: str, weights: Path | None, of: dict[str, Any] | None = None, **specialist: Any) -> Any:
    place = {} if weights is None else {"weights": str(weights)}
    return {"role": role, **(of or {}), "specialist": {"backend": backend, **place, **specialist}}


def _writers(weights: Path, url: str) -> Annotators:
    florence = save_tiny_florence2(made(weights / "florence2"))
    hears = {"needs": ["texts", "detr"], "boxes": FEW}
    llava = save_tiny_llava(made(weights / "llava"), ends=15)
    lengths = {"granularities": ["brief", "detailed", "more_detailed"]}
    return {
        "texts": _of("captioner", "custom", None, factory=f"{__name__}:Sentence"),
        "florence2": _of("captioner", "florence2", florence, lengths, max_new_tokens=12),
        "blip": _of("captioner", "blip", save_tiny_blip(made(weights / "blip")), max_new_tokens=8),
        "blip2": _of("captioner", "blip", save_tiny_blip2(made(weights / "blip2")), max_new_tokens=8),
        "openai": _of("describer", "openai", None, hears, base_url=url, model="m", api_key_env=None, send_image=True),
        "lmm": _of("describer", "image_text_to_text", llava, hears, max_new_tokens=100, prompts={"refusals": []}),
    }


def _finders(weights: Path) -> Annotators:
    florence = weights / "florence2"
    cut: dict[str, Any] = {"max_new_tokens": 32}
    easyocr = write_random_easyocr(made(weights / "easyocr"))
    return {
        "f_od": _of("detector", "florence2", florence, task="<OD>", **cut),
        "f_dense": _of("detector", "florence2", florence, task="<DENSE_REGION_CAPTION>", **cut),
        "f_places": _of("detector", "florence2", florence, task="<REGION_PROPOSAL>", **cut),
        "yolo": _of("detector", "ultralytics", save_tiny_yolo(made(weights / "yolo")), image_size=64),
        "detr": _of("detector", "detr", save_tiny_detr(made(weights / "detr"))),
        "rt_detr": _of("detector", "detr", save_tiny_rt_detr(made(weights / "rt_detr"))),
        "d_fine": _of("detector", "detr", save_tiny_d_fine(made(weights / "d_fine"))),
        "words": _of("reader", "rapidocr", None, min_side=64),
        "easyocr": _of("reader", "easyocr", easyocr, text_floor=0.3, min_size=5),
    }


def _followers(weights: Path) -> Annotators:
    checkpoint, bert = write_tiny_groundingdino(made(weights / "gdino"))
    tiny: dict[str, Any] = {"short_side": 64, "long_side": 96, "box_floor": 0.05, "text_floor": 0.02}
    gdino_hf, sam = write_tiny_groundingdino_hf(made(weights / "gdino_hf")), write_tiny_sam(made(weights / "sam"))
    boxes, texts = {"needs": ["yolo", "detr"], "boxes": FEW}, {"needs": ["texts"]}
    crops = boxes | {"of": "boxes"}
    matched = {"needs": ["yolo", "detr", "crops"], "boxes": FEW}
    return {
        "f_grounder": _of("grounder", "florence2", weights / "florence2", texts, max_new_tokens=32),
        "gdino": _of("grounder", "groundingdino", checkpoint, texts, text_encoder=str(bert), **tiny),
        "gdino_hf": _of("grounder", "groundingdino_hf", gdino_hf, texts, phrases="chunks", **tiny),
        "crops": _of("captioner", "blip", weights / "blip", crops, max_new_tokens=8),
        "sam": _of("segmenter", "segment_anything", sam, boxes),
        "sam_hf": _of("segmenter", "sam_hf", write_tiny_sam_hf(made(weights / "sam_hf")), boxes),
        "sam2": _of("segmenter", "sam_hf", write_tiny_sam2_hf(made(weights / "sam2")), boxes),
        "clip": _of("matcher", "clip", save_tiny_clip(made(weights / "clip")), matched),
        "siglip": _of("matcher", "clip", save_tiny_siglip(made(weights / "siglip")), matched),
    }
