"""Words on signs: letters drawn from outlines (`fonts/`, DejaVu), with the exact quad of every word.

sign = lettered(rng)         a board with one or two lines, in its own frame (cap height = 1)
sign.words[0]                Lettering("OPEN", rings, quad)
"""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from stages.scenes.parts import FilledOutline, main, untextured
from stages.scenes.paths import OutlinePoints, moved, poly, rect, rounded_rect, stroke

FONTS = ("DejaVuSans-Bold", "DejaVuSerif-Bold", "DejaVuSansMono-Bold", "DejaVuSans-BoldOblique")
SHOWN = (
    "OPEN", "CAFE", "SALE", "STOP", "HOTEL", "FISH", "BREAD", "MUSIC", "TAXI", "PARK", "SCHOOL", "BOOKS",
    "EXIT", "FRESH", "COFFEE", "PIZZA", "SHOP", "GARDEN", "BEACH", "HARBOR", "MUSEUM", "TICKETS", "FARM", "WELCOME",
    "TEA", "BAKERY", "CINEMA", "FERRY", "MARKET", "STATION", "FLOWERS", "TOYS", "LIBRARY", "KITCHEN", "BANK", "ZOO",
    "PARIS", "TOKYO", "LIMA", "OSLO",
)  # fmt: skip
"""What signs say: a word in one of three cases, now and then a number."""
_TRACKING, _LEADING, _PADDING = 0.1, 1.55, 0.75


@dataclass(frozen=True, eq=False)
class Lettering:
    """A word as drawn: its rings, and its ink box as four corners clockwise from the top left, [4, 2]."""

    text: str
    rings: list[OutlinePoints]
    quad: OutlinePoints


@dataclass(frozen=True, eq=False)
class Signboard:
    """A sign without its colour: the board with post or strings, and the words on it, in cap heights."""

    parts: list[FilledOutline]
    words: list[Lettering]
    width: float


@cache
def _font(name: str) -> tuple[dict[str, float], dict[str, list[OutlinePoints]]]:
    data = json.loads((Path(__file__).parent / "fonts" / f"{name}.json").read_text())
    rings = {
        c: [np.array(ring, dtype=np.float64).reshape(-1, 2) / 1000 for ring in r] for c, r in data["rings"].items()
    }
    return {c: value / 1000 for c, value in data["advance"].items()}, rings


def set_word(text: str, font: str) -> list[OutlinePoints]:
    """Closed rings of a word, cap height 1, baseline y = 0, starting at x = 0; holes by the even-odd rule."""
    advance, glyphs = _font(font)
    x, rings = 0.0, []
    for character in text:
        rings += [moved(ring, x, 0) for ring in glyphs[character]]
        x += advance[character] + _TRACKING
    return rings


def pick_words(rng: np.random.Generator) -> list[str]:
    """One or two lines for a sign."""
    case = (str.upper, str.title, str.lower)[int(rng.choice(3, p=(0.55, 0.3, 0.15)))]
    count = int(rng.choice((1, 2), p=(0.7, 0.3)))
    lines = [case(SHOWN[int(i)]) for i in rng.choice(len(SHOWN), size=count, replace=False)]
    if count == 2 and rng.random() < 0.4:
        lines[1] = str(int(rng.integers(2, 400)))
    return lines


def board(lines: list[str], font: str, hangs: bool) -> Signboard:
    """A sign that says `lines`, centred on the origin; it stands on a post or hangs from two strings."""
    words, wide = [], 0.0
    for index, text in enumerate(lines):
        rings = set_word(text, font)
        ink = np.concatenate(rings)
        (x0, y0), (x1, y1) = ink.min(axis=0), ink.max(axis=0)
        down = (index - (len(lines) - 1) / 2) * _LEADING + 0.5
        shift = (-(x0 + x1) / 2, down)
        quad = moved(poly((x0, y0), (x1, y0), (x1, y1), (x0, y1)), *shift)
        words.append(Lettering(text, [moved(ring, *shift) for ring in rings], quad))
        wide = max(wide, x1 - x0)
    half_w, half_h = wide / 2 + _PADDING, (len(lines) - 1) * _LEADING / 2 + 0.5 + _PADDING
    face = main(rounded_rect(-half_w, -half_h, half_w, half_h, 0.25))
    if hangs:
        held = [
            untextured(stroke([(x, -half_h), (x * 0.7, -half_h - 1.0)], 0.14), (70, 66, 70))
            for x in (-half_w * 0.7, half_w * 0.7)
        ]
    else:
        held = [untextured(rect(-0.22, half_h - 0.1, 0.22, half_h + 1.8), (122, 84, 54))]
    return Signboard([*held, face], words, 2 * half_w)
