"""What changed since another round: images by what became of them, labels by how much, some pictures side by side.

Comes in: two rounds with their statistics. Goes out: a `Change`. Which images changed is read from the two overviews;
records are read of the pictures that are shown alone.
"""

import base64

import numpy as np

from engine.view import changes, diff, layers
from engine.view.pictures import Pictures
from engine.view.report.gallery import Shown
from engine.view.report.page import Change
from shards.overview_table import open_overview
from shards.reader import Round
from stages.describe.statistics import RoundStatistics

LABELS = 16
PICTURES = 8
SHAPES = 60


def compare(old: Round, before: RoundStatistics, new: Round, now: RoundStatistics, pictures: Pictures) -> Change:
    """From `old` to `new`."""
    images = open_overview(new.store, new.number)
    became = changes.change_facet(open_overview(old.store, old.number), images)
    counts = np.bincount(became.codes, minlength=len(became.names)).tolist()
    kinds = {changes.NAMES.index(name) for name in ("labels", "objects", "texts", "phrases")}
    changed = np.flatnonzero(np.isin(became.codes, [*kinds]))
    order = images.numbers("shuffle")[changed].argsort(kind="stable")
    keys = images.text("key")
    shown = [keys[int(row)].as_py() for row in changed[order][:PICTURES]]
    named = dict(zip(became.names, counts, strict=True))
    return Change(before, named, _labels(before, now), [_pair(old, new, key, pictures) for key in shown])


def _labels(before: RoundStatistics, now: RoundStatistics) -> list[tuple[str, int, int]]:
    old, new = ({label.name: label.objects for label in of.agreement.labels} for of in (before, now))
    both = [(name, old.get(name, 0), new.get(name, 0)) for name in old.keys() | new.keys()]
    moved = [change for change in both if change[1] != change[2]]
    return sorted(moved, key=lambda change: (-abs(change[2] - change[1]), change[0]))[:LABELS]


def _pair(old: Round, new: Round, key: str, pictures: Pictures) -> tuple[str, Shown, Shown]:
    """One image before and now, with what is said about it in words."""
    row = new.find(key)
    jpeg = "data:image/jpeg;base64," + base64.b64encode(pictures.small(new, row)).decode()
    records = old.record(key), new.record(key)
    changes = diff.compare(*records)
    sides = [
        Shown(
            key, next((text.text for text in record.texts), ""), None, record.width, record.height, jpeg,
            layers.shapes(record, [])[:SHAPES],
        )
        for record in records
    ]  # fmt: skip
    counted = [(changes.count(kind), kind) for kind in ("new", "gone", "renamed", "moved")]
    new_phrases, gone = len(changes.new_phrases), len(changes.gone_phrases)
    counted += [(new_phrases, _phrases(new_phrases, "new {}")), (gone, _phrases(gone, "{} gone"))]
    texts = [f"{text.granularity} text changed" for text in changes.texts if not text.same]
    return ", ".join([*(f"{count} {kind}" for count, kind in counted if count), *texts]), sides[0], sides[1]


def _phrases(count: int, said: str) -> str:
    return said.format("phrase" if count == 1 else "phrases")
