"""A plan beside the run that it foresees, on generated scenes."""

from pathlib import Path

import pytest

import engine
from engine.api.plan import PlanReport
from engine.forecast.sample_run import PAID
from engine.verbs import plan as verb
from shards.errors import FldError
from shards.store import LocalStore
from specialists.spending import Spent, read_spent
from stages.ingest.sample import cpu_s
from tests.engine.commands import fld
from tests.engine.verbs.test_rounds import CONFIG
from tests.specialists.chat_server import Reply, chat_server

COUNT = 48


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("plan")
    engine.scenes(folder / "scenes", count=COUNT, size=96)
    (folder / "fakes.yaml").write_text(CONFIG.replace("shard_size: 4", "shard_size: 20"))
    return folder


@pytest.fixture(scope="module")
def planned(scenes: Path) -> PlanReport:
    return engine.plan(scenes / "scenes/images", scenes / "fakes.yaml", sample=24, seconds=3)


def on_disk(corpus: Path) -> tuple[dict[str, float], dict[str, int]]:
    """Bytes and files by the folders of a plan."""
    store = LocalStore(corpus)
    size: dict[str, float] = {}
    count: dict[str, int] = {}
    for path in store.walk():
        parts = path.split("/")
        folder = "/".join(parts[:2]) if parts[0] in ("raw", "rounds", "texts") else parts[0] if len(parts) > 1 else ""
        size[folder] = size.get(folder, 0) + len(store.read(path))
        count[folder] = count.get(folder, 0) + 1
    return size, count


def test_disk_and_files_are_as_foreseen(scenes: Path, planned: PlanReport) -> None:
    engine.run(scenes / "scenes/images", scenes / "corpus", scenes / "fakes.yaml")
    size, count = on_disk(scenes / "corpus")
    assert planned.images == COUNT
    assert planned.sample == 24
    assert planned.files == count
    for folder in size.keys() - {"logs", ""}:
        assert planned.disk[folder] == pytest.approx(size[folder], rel=0.25), folder
    assert sum(planned.disk.values()) == pytest.approx(sum(size.values()), rel=0.25)


def test_every_annotator_is_measured(planned: PlanReport) -> None:
    assert list(planned.measured) == ["boxes", "texts", "crops", "masks", "match"]
    for each in planned.measured.values():
        assert (each.images, each.failed, each.error) == (24, 0, "")
        assert each.rate > 1
        assert each.host_mb > 10
        assert each.batch_size in each.rates
        assert each.sent_bytes > 0
    assert planned.unknown == []
    assert planned.per_image.reads == 5
    assert planned.seconds > planned.forecast.annotate_s > 0


def test_a_corpus_is_planned_by_its_own_settings_for_other_numbers(scenes: Path) -> None:
    engine.run(scenes / "scenes/images", scenes / "known", scenes / "fakes.yaml")
    before = on_disk(scenes / "known")
    told: list[str] = []
    report = engine.plan(
        scenes / "known", images=1_000_000, hours=1, sample=6, seconds=2, tell=lambda each: told.append(each.name)
    )
    assert told == [*report.measured]
    assert (report.images, report.sample) == (1_000_000, 6)
    assert report.files["images"] == pytest.approx(3 * 50_000, rel=0.01)
    assert report.wanted is not None
    assert report.wanted.cpus >= 1
    assert on_disk(scenes / "known") == before


def test_what_fails_is_counted_and_what_cannot_load_is_unknown(scenes: Path, tmp_path: Path) -> None:
    wrong = "annotators.masks.specialist.factory=tests.engine.fake_specialists:Nobody"
    with pytest.raises(FldError, match="Nobody"):
        engine.plan(scenes / "scenes/images", scenes / "fakes.yaml", [wrong], sample=4, seconds=1)
    dying = "annotators.texts.specialist.factory=tests.engine.api.test_plan:Dying"
    report = engine.plan(scenes / "scenes/images", scenes / "fakes.yaml", [dying], sample=4, seconds=1)
    assert report.unknown == ["texts: its process died (out of memory, a crash of a library)"]
    with pytest.raises(FldError, match="not in the plan, as nothing is known of them: texts"):
        verb.plan(str(scenes / "scenes/images"), str(scenes / "fakes.yaml"), [dying], None, None, None, 4, 1.0, None)


class Dying:
    """A captioner that takes its process with it."""

    def __init__(self, options: dict[str, object]) -> None:
        del options

    def load(self) -> None:
        import os

        os._exit(7)

    def caption(self, images: list[object], granularity: str) -> list[object]:
        raise NotImplementedError

    def fingerprint(self) -> dict[str, str]:
        return {"backend": "dying"}

    def close(self) -> None:
        """Nothing is held."""


def test_its_settings_are_written_and_can_be_run(scenes: Path, tmp_path: Path) -> None:
    settings = tmp_path / "plan.yaml"
    images, fakes = str(scenes / "scenes/images"), str(scenes / "fakes.yaml")
    typed = ["plan", images, "-c", fakes, "--sample", "6", "--seconds", "2", "--write", str(settings)]
    done = fld(*typed)
    assert done.code == 0, done.said
    for said in ("images/s", "bottleneck", "rounds/00", "one more CPU", "network per image"):
        assert said in done.said
    resources = engine.load_config(settings).annotators["texts"].resources
    assert resources.max_actors >= 1
    assert resources.timeout_s == 60
    assert "there is such a file already" in fld(*typed).said


YOLO = """
engine: {backend: local}
annotators:
  objects: {role: detector, specialist: {backend: ultralytics, weights: "embedded:yolo-nano"}}
  texts: {role: captioner, specialist: {backend: custom, factory: "tests.engine.fake_specialists:ColourCaptioner"}}
"""
FEWER, MORE = 40, 360


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_cpu_time_is_as_foreseen(tmp_path: Path) -> None:
    """Within 25%. CPU time, as the wall time of a busy machine is no measure; of the difference between two runs, as
    loading and starting are told apart in a plan."""
    engine.scenes(tmp_path / "scenes", count=MORE)
    (tmp_path / "yolo.yaml").write_text(YOLO)
    images = sorted((tmp_path / "scenes/images").iterdir())
    (tmp_path / "fewer.txt").write_text("".join(f"{path}\n" for path in images[:FEWER]))
    used = []
    for name, source in (("imports", "fewer.txt"), ("fewer", "fewer.txt"), ("more", "scenes/images")):
        start = cpu_s()
        engine.run(tmp_path / source, tmp_path / name, tmp_path / "yolo.yaml")
        used.append(cpu_s() - start)
    report = engine.plan(tmp_path / "scenes/images", tmp_path / "yolo.yaml", sample=96, seconds=20)
    each = report.per_image
    foreseen = each.ingest_cpu_s + each.annotators_cpu_s + each.driver_cpu_s + each.round_cpu_s
    assert foreseen == pytest.approx((used[2] - used[1]) / (MORE - FEWER), rel=0.25)


PAID_CONFIG = """
engine: {backend: local}
annotators:
  texts: {role: captioner, specialist: {backend: custom, factory: "tests.engine.fake_specialists:ColourCaptioner"}}
  words:
    role: describer
    needs: [texts]
    specialist: {backend: openai, base_url: "URL", model: m, api_key_env: null, concurrency: 2, send_image: true}
"""
WAIT_S = 0.2


@pytest.mark.thorough
def test_requests_and_tokens_of_an_endpoint_are_as_foreseen(scenes: Path) -> None:
    with chat_server() as server:
        server.script = [Reply("A red box stands on a grey wall.", wait_s=WAIT_S, tokens=30)]
        (scenes / "paid.yaml").write_text(PAID_CONFIG.replace("URL", server.url))
        report = engine.plan(scenes / "scenes/images", scenes / "paid.yaml", sample=24, seconds=3)
        assert len(server.requests) == PAID  # each is paid for once
        assert report.measured["words"].images == PAID
        assert 1 / WAIT_S < report.measured["words"].rate < 2 / WAIT_S  # two at a time
        server.requests.clear()
        engine.run(scenes / "scenes/images", scenes / "paid", scenes / "paid.yaml")
    assert len(server.requests) == COUNT
    spent = read_spent(scenes / "paid/costs/words.json")
    assert report.spent["words"] == spent == Spent(COUNT, 29 * COUNT, COUNT)
