import hashlib
import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from shards.finding import Caption, box_of, text_of
from shards.record import read_record_lines
from stages.ingest.left_out import LeftOut
from stages.ingest.lists import read_list
from stages.ingest.settings import ColumnNames
from stages.scenes.gold import draw_scene
from stages.scenes.kinds import NAMES
from stages.scenes.noise import NoiseCounts, noisy_given
from stages.scenes.settings import NoiseSettings, SceneSettings
from stages.scenes.write import write_scenes


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_two_runs_write_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_scenes(tmp_path / name, 4, 7, noisy=NoiseSettings())

    assert files(tmp_path / "a") == files(tmp_path / "b")
    assert len(files(tmp_path / "a")) == 4 + 3


def test_the_gold_belongs_to_the_files(tmp_path: Path) -> None:
    written = write_scenes(tmp_path, 3, 7)

    records = read_record_lines(tmp_path / "gold.jsonl")

    assert [record.key for record in records] == ["000000", "000001", "000002"]
    for record in records:
        data = (tmp_path / record.uri).read_bytes()
        assert hashlib.sha256(data).hexdigest() == record.sha256
        assert Image.open(io.BytesIO(data)).size == (record.width, record.height)
    assert written.objects == sum(r.kind == "object" for record in records for r in record.regions)


def test_the_noisy_list_is_one_that_ingest_reads(tmp_path: Path) -> None:
    write_scenes(tmp_path, 3, 7, noisy=NoiseSettings(drop=0, jitter=0, wrong_class=0, wrong_caption=0.01))
    path = tmp_path / "noisy.jsonl"

    entries = list(read_list(str(path), path.read_bytes(), ColumnNames(), None, ".jsonl", LeftOut()))

    for entry, record in zip(entries, read_record_lines(tmp_path / "gold.jsonl"), strict=True):
        assert (entry.key, entry.location, entry.given_wh) == (
            record.key, str(tmp_path / record.uri), (record.width, record.height),
        )  # fmt: skip
        assert entry.given[0] == Caption(record.texts[0].text, granularity="brief")
        assert [box_of(given) for given in entry.given[1:]] == [r.box for r in record.regions if r.kind == "object"]


def test_nobody_labels_the_rest_of_the_pictures(tmp_path: Path) -> None:
    write_scenes(tmp_path, 12, 7, SceneSettings(size=96), NoiseSettings(labelled=0.5))

    rows = [json.loads(line) for line in (tmp_path / "noisy.jsonl").read_text().splitlines()]
    unlabelled = sum("given" not in row for row in rows)

    assert len(rows) == 12
    assert 0 < unlabelled < 12
    assert json.loads((tmp_path / "noise.json").read_text())["made"]["unlabelled"] == unlabelled


def test_error_rates_are_as_promised() -> None:
    settings, tally = NoiseSettings(), NoiseCounts()
    scenes = [draw_scene(19, index).record for index in range(12)]
    for index in range(1500):
        noisy_given(scenes[index % 12], scenes[(index + 1) % 12], 19, index, settings, tally)

    kept = tally.regions - tally.dropped
    chances = {
        settings.drop: (tally.dropped, tally.regions),
        settings.jitter: (tally.jittered, kept),
        settings.wrong_class: (tally.wrong_class, kept),
        settings.wrong_caption: (tally.wrong_caption, tally.captions),
    }
    for rate, (made, of) in [*chances.items(), (settings.drop, (tally.dropped, tally.regions))]:
        assert abs(made / of - rate) < 4 * np.sqrt(rate * (1 - rate) / of)


def test_errors_are_what_they_are_called() -> None:
    record, other = draw_scene(19, 0).record, draw_scene(19, 1).record
    always = NoiseSettings(drop=0, jitter=1, wrong_class=1, wrong_caption=1)

    given = noisy_given(record, other, 19, 0, always, NoiseCounts())

    assert text_of(given[0]) == other.texts[0].text
    for finding, region in zip(given[1:], record.regions, strict=False):
        assert text_of(finding) in NAMES
        assert text_of(finding) != region.candidates[0].text
        assert box_of(finding) != region.box
        assert finding.score is None


def test_no_noise_at_all_is_refused() -> None:
    with pytest.raises(ValueError, match="must not all be 0"):
        NoiseSettings(drop=0, jitter=0, wrong_class=0, wrong_caption=0)


def test_pictures_of_another_run_are_not_mixed_in(tmp_path: Path) -> None:
    write_scenes(tmp_path, 3, 7)

    with pytest.raises(FileExistsError, match=r"1 files that are not of these 2 scenes, such as 000002\.jpg"):
        write_scenes(tmp_path, 2, 7)


def test_no_scenes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="count must be at least 1, got 0"):
        write_scenes(tmp_path, 0, 7)
