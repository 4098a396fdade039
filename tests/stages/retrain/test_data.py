from pathlib import Path
from typing import Any

import pytest

from shards.errors import CorpusError
from shards.store import open_store
from stages.retrain.data import Feeder, LessonBatch, ProcessRank, RetrainError
from stages.retrain.lessons import LessonMaker
from stages.retrain.pool import TrainingPool, load_pool
from stages.retrain.settings import RetrainSettings
from tests.specialists.tiny_florence2 import tiny_processor
from tests.stages.retrain import corpora

ALONE = ProcessRank()


@pytest.fixture(scope="module")
def processor() -> Any:
    return tiny_processor()


def feeder(pool: TrainingPool, processor: Any, settings: RetrainSettings, share: ProcessRank = ALONE) -> Feeder:
    return Feeder(pool, processor, LessonMaker(processor.tokenizer, settings, 200, 200), settings, share)


def same(first: LessonBatch, second: LessonBatch) -> bool:
    return first.tasks == second.tasks and bool((first.pixels == second.pixels).all())


def test_the_held_out_images_are_the_same_in_every_round_and_never_trained(tmp_path: Path) -> None:
    store = open_store(corpora.build(tmp_path / "corpus", rounds=2))
    splits = [load_pool(store, number).split(0.3) for number in (0, 1)]
    keys = [[{pool.read(i)[0].key for i in range(len(pool))} for pool in split] for split in splits]
    assert keys[0] == keys[1]
    trained, held = keys[0]
    assert held
    assert not trained & held
    assert len(trained | held) == 24


def test_any_step_is_reached_without_those_before_it(corpus: str, processor: Any) -> None:
    settings = corpora.settings(batch=4)
    pool = load_pool(open_store(corpus), 0)
    whole = list(feeder(pool, processor, settings).steps(0, 9))  # beyond one epoch of 24 images
    later = list(feeder(pool, processor, settings).steps(6, 9))
    assert len(whole) == 9
    assert all(same(a[0], b[0]) for a, b in zip(whole[6:], later, strict=True))
    assert not same(whole[0][0], whole[6][0])


def test_an_epoch_shows_every_image_once_whatever_the_processes(corpus: str, processor: Any) -> None:
    settings, pool = corpora.settings(batch=2), load_pool(open_store(corpus), 0)
    shares = [ProcessRank(rank, 3) for rank in range(3)]
    batches = [feeder(pool, processor, settings, share).batch(number) for number in range(4) for share in shares]
    pictures = {tuple(picture.flatten().tolist()) for batch in batches for picture in batch.pixels}
    assert len(pictures) == 24


def test_an_unreadable_image_is_replaced_and_counted(corpus: str, processor: Any) -> None:
    corpora.damage(corpus)
    pool = load_pool(open_store(corpus), 0)
    fed = feeder(pool, processor, corpora.settings(corrupt_budget=0.5, batch=24))
    assert len(fed.batch(0).pixels) == 24
    assert 0 < len(fed.corrupt) <= 8


def test_a_round_without_lessons_for_the_tasks_is_refused(corpus: str, processor: Any) -> None:
    fed = feeder(load_pool(open_store(corpus), 0), processor, corpora.settings(tasks=["<OCR>"]))
    with pytest.raises(RetrainError, match=r"round 0: none of 24 images .* a lesson for the tasks <OCR>"):
        fed.batch(0)


def test_a_round_that_is_not_there_is_named(corpus: str) -> None:
    with pytest.raises(CorpusError, match="has no round 3: it has"):
        load_pool(open_store(corpus), 3)


def test_labels_that_are_not_taught_are_counted_once_per_record(corpus: str, processor: Any) -> None:
    settings, pool = corpora.settings(), load_pool(open_store(corpus), 0)
    examiner = LessonMaker(processor.tokenizer, settings, 200, 4)  # no answer fits
    records = [pool.read(i)[0] for i in range(3)]
    assert [examiner.asked(record) for record in records] == [[], [], []]
    once = examiner.refused()
    assert sum(once.values()) >= 3
    assert all("longer than max_target_tokens = 2" in reason for reason in once)
    examiner.asked(records[0])
    assert examiner.refused() == once
