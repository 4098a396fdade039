"""Questions and answers about a scene, as florence2-nano is taught them: gold record -> (prompt, target) per task."""

from shards.record import Record
from stages.codec import encode
from stages.codec.lesson import Lesson
from stages.codec.settings import CodecSettings
from stages.retrain.presets import NANO_WEIGHTS

SETTINGS = CodecSettings(tasks=list(NANO_WEIGHTS))


def scene_lessons(record: Record) -> list[Lesson]:
    """All that is asked about a scene. A scene without objects teaches captions only."""
    return encode.lessons(record, SETTINGS, _none).lessons


def _none(_: str) -> int:
    """Tokens of a text, in a world so small that no answer is too long: all are taught whole."""
    return 0
