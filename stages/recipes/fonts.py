"""Turns TrueType fonts into the outline files in `fonts/`, so that words are drawn from numbers, the same everywhere.

    python -m stages.recipes.fonts DejaVuSans-Bold.ttf DejaVuSerif-Bold.ttf ...

needs fonttools (matplotlib brings it, and the DejaVu fonts too). Per glyph: its advance and its closed rings, in
1/1000 of the capital height, baseline at y = 0, y down.
"""

import json
import sys
from pathlib import Path
from typing import Any

CHARACTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
STEPS = 4
"""Straight pieces per quadratic curve."""


def font_outlines(font_path: Path) -> dict[str, Any]:
    """{"advance": {char: int}, "rings": {char: [[x, y, x, y, ...], ...]}}"""
    from fontTools.pens.boundsPen import BoundsPen  # type: ignore[import-untyped]
    from fontTools.ttLib import TTFont  # type: ignore[import-untyped]

    font = TTFont(font_path)
    glyphs, names = font.getGlyphSet(), font.getBestCmap()
    capital = BoundsPen(glyphs)
    glyphs[names[ord("H")]].draw(capital)
    unit = 1000 / capital.bounds[3]
    advance, rings = {}, {}
    for character in CHARACTERS:
        glyph = glyphs[names[ord(character)]]
        advance[character] = round(glyph.width * unit)
        rings[character] = [
            [round(v) for x, y in ring for v in (x * unit, -y * unit)] for ring in _rings(glyph, glyphs)
        ]
    return {"advance": advance, "rings": rings}


def _rings(glyph: Any, glyphs: Any) -> list[list[tuple[float, float]]]:
    from fontTools.pens.basePen import decomposeQuadraticSegment  # type: ignore[import-untyped]
    from fontTools.pens.recordingPen import DecomposingRecordingPen  # type: ignore[import-untyped]

    pen = DecomposingRecordingPen(glyphs)
    glyph.draw(pen)
    rings: list[list[tuple[float, float]]] = []
    for verb, points in pen.value:
        if verb == "moveTo":
            rings.append([points[0]])
        elif verb == "lineTo":
            rings[-1].append(points[0])
        elif verb == "qCurveTo":
            for control, end in decomposeQuadraticSegment(points):
                start = rings[-1][-1]
                for step in range(1, STEPS + 1):
                    t = step / STEPS
                    a, b, c = (1 - t) ** 2, 2 * t * (1 - t), t * t
                    rings[-1].append(tuple(a * s + b * m + c * e for s, m, e in zip(start, control, end, strict=True)))
    return rings


def main() -> None:
    """Write fonts/<name>.json for every font file on the command line."""
    folder = Path(__file__).parents[1] / "scenes" / "fonts"
    for argument in sys.argv[1:]:
        path = Path(argument)
        (folder / f"{path.stem}.json").write_text(json.dumps(font_outlines(path), separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
