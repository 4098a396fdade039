import numpy as np

from shards.finding import box_of, kind_of, text_of
from specialists.custom import CustomSettings
from stages.annotate.detector import ObjectsSettings, ObjectsStage
from stages.stage import Item


def test_detections_become_findings_in_their_order() -> None:
    settings = ObjectsSettings(specialist=CustomSettings(factory="tests.specialists.fakes:ColourDetector"))
    stage = ObjectsStage(settings)
    stage.load()
    image = np.zeros((10, 20, 3), dtype=np.uint8)
    image[2:4, 5:9, 2] = 255
    image[0:10, 0:10, 0] = 255
    first, none = stage.run([Item("a", image), Item("b", np.zeros((4, 4, 3), dtype=np.uint8))])
    assert [(kind_of(f), text_of(f), box_of(f), f.score) for f in first] == [
        ("object", "red", (0.0, 0.0, 10.0, 10.0), 0.5),
        ("object", "blue", (5.0, 2.0, 9.0, 4.0), np.float32(0.04)),
    ]
    assert none == []
    assert all(type(value) is float for value in box_of(first[0]) or ())


def test_the_fingerprint_is_the_detectors() -> None:
    settings = ObjectsSettings(specialist=CustomSettings(factory="tests.specialists.fakes:ColourDetector"))
    assert ObjectsStage(settings).fingerprint() == {"backend": "colours", "level": 250}
