"""Pictures with their boxes, small enough to be part of the page.

Comes in: an open round. Goes out: `Shown` for the images with the lowest scores, for some at random (by the hash of
their key, so that two people see the same ones), for single examples. Two columns of the overview are read; of an image
that is shown its record and its original are.
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.view import layers
from engine.view.layers import Shape
from engine.view.pictures import Pictures
from shards.overview_table import open_overview
from shards.reader import Round, Row

WORST = RANDOM = 20
_SHAPES = 60


@dataclass(frozen=True)
class Shown:
    """One picture. jpeg: as a data URI; score: the lowest of its regions, None without any."""

    key: str
    caption: str
    score: float | None
    width: int
    height: int
    jpeg: str
    shapes: list[Shape]


def worst(round_: Round, pictures: Pictures) -> list[Shown]:
    """The images with the least certain region, the least certain first."""
    return [_shown(round_, row, pictures) for row in _first(round_, "score_min", WORST) if row["score_min"] is not None]


def at_random(round_: Round, pictures: Pictures) -> list[Shown]:
    """Some images."""
    return [_shown(round_, row, pictures) for row in _first(round_, "shuffle", RANDOM)]


def examples(round_: Round, rows: Sequence[Row], pictures: Pictures) -> list[Shown | None]:
    """The pictures of findings that were dropped, each with that finding alone; None where there is no picture."""
    found = []
    for each in rows:
        row = round_.find(each["key"])
        shapes = [layers.dropped_shape(each)] if each["box"] is not None else []
        found.append(_shown(round_, row, pictures, shapes) if row["status"] == "kept" else None)
    return found


def _first(round_: Round, column: str, count: int) -> list[Row]:
    """The kept images with the lowest values in a column of the summary."""
    images = open_overview(round_.store, round_.number)
    values, status = images.numbers(column).astype(np.float64), images.words("status")
    kept = np.array([name == "kept" for name in status.names], bool)[status.codes]
    rows = np.flatnonzero(kept & ~np.isnan(values))
    least = rows[values[rows] <= np.sort(values[rows])[:count][-1]] if len(rows) else rows
    keys = images.text("key")
    order = sorted((float(values[row]), keys[int(row)].as_py()) for row in least)
    return [round_.find(key) for _, key in order[:count]]


def _shown(round_: Round, row: Row, pictures: Pictures, shapes: list[Shape] | None = None) -> Shown:
    if shapes is None:
        shapes = [layers.region_shape(region) for region in round_.record_of(row).regions[:_SHAPES]]
    jpeg = base64.b64encode(pictures.small(round_, row)).decode()
    return Shown(
        row["key"], row["caption"] or "", row["score_min"], row["width"], row["height"],
        f"data:image/jpeg;base64,{jpeg}", shapes,
    )  # fmt: skip
