"""A font that can draw a text: the first of several that has all of its characters.

    font_for("a dog", 14)       DejaVu Sans, which matplotlib brings along
    font_for("出口", 14)         Noto Sans CJK or another that this machine has
    drawable("出口", 14)         the text, or "\\u51fa\\u53e3" on a machine where no font knows the characters

PIL draws an empty box for a character that a font lacks; nobody can read those.
"""

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont, ImageFont

    Font = FreeTypeFont | ImageFont

NAMES = (
    "DejaVuSans.ttf",
    "NotoSans-Regular.ttf",
    "NotoSansCJK-Regular.ttc",
    "NotoSansCJKsc-Regular.otf",
    "NotoSerifCJK-Regular.ttc",
    "DroidSansFallbackFull.ttf",
    "wqy-microhei.ttc",
    "Arial Unicode.ttf",
    "PingFang.ttc",
    "msyh.ttc",
    "NotoSansDevanagari-Regular.ttf",
    "NotoSansBengali-Regular.ttf",
    "NotoSansTamil-Regular.ttf",
    "NotoSansThai-Regular.ttf",
    "FreeSans.ttf",
    "unifont.ttf",
)
"""File names, looked for in the folders of this system's fonts; the first that has all characters is taken."""
_MISSING = "\U0010fffe"  # no font has it: how it looks is how a missing character looks


def font_for(text: str, size: int) -> "Font":
    """The font for a text that `drawable` returned."""
    fonts = _fonts(size)
    return next((font for font in fonts if not _lacks(font, text)), fonts[0])


def drawable(text: str, size: int) -> str:
    """The text, with the characters that no one font can draw beside the others written as their numbers."""
    lacking = [_lacks(font, text) for font in _fonts(size)]
    if not all(lacking):
        return text
    fewest = min(lacking, key=len)
    return "".join(_escaped(character) if character in fewest else character for character in text)


def _escaped(character: str) -> str:
    return character.encode("ascii", "backslashreplace").decode() if not character.isascii() else "?"


def _lacks(font: "Font", text: str) -> frozenset[str]:
    return frozenset(character for character in text if not character.isspace() and not _has(font, character))


@lru_cache(maxsize=20_000)
def _has(font: "Font", character: str) -> bool:
    plain = _unshaped(font)
    return character.isprintable() and bytes(plain.getmask(character)) != bytes(plain.getmask(_MISSING))


@lru_cache(maxsize=64)
def _unshaped(font: "Font") -> "Font":
    """The font letter by letter: where text is shaped, a mark that is missing is an empty box and a circle below it."""
    from PIL import ImageFont

    if not isinstance(font, ImageFont.FreeTypeFont):
        return font
    return font.font_variant(layout_engine=ImageFont.Layout.BASIC)


@lru_cache(maxsize=8)
def _fonts(size: int) -> "tuple[Font, ...]":
    """Every font of `NAMES` that is here, at least PIL's own."""
    from PIL import ImageFont

    fonts: list[Font] = []
    for name in (*NAMES, *_brought_along()):
        try:
            fonts.append(ImageFont.truetype(name, size))
        except OSError:
            continue
    return tuple(fonts) or (ImageFont.load_default(size),)


def _brought_along() -> tuple[str, ...]:
    """The DejaVu of matplotlib, without importing it."""
    from importlib.util import find_spec

    package = find_spec("matplotlib")
    if package is None or package.origin is None:
        return ()
    return (str(Path(package.origin).parent / "mpl-data" / "fonts" / "ttf" / "DejaVuSans.ttf"),)
