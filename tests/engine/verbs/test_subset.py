"""An annotator that sees some images only: a paid describer behind a local server that misbehaves on request."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.corpus.session import look
from engine.verbs import rounds
from engine.verbs.status import status
from engine.verbs.verify import verify
from shards.raw import RawRow, read_raw
from shards.reader import Corpus
from specialists.roles import RunStopError
from tests.engine.fake_specialists import save_pictures
from tests.specialists.chat_server import ChatServer, Reply, chat_server

CONFIG = """
ingest: {{shard_size: 4, duplicates: {{distance: 0}}}}
engine: {{backend: local}}
annotators:
  texts: {{role: captioner, specialist: {{backend: custom, factory: "tests.engine.fake_specialists:ColourCaptioner"}}}}
  long:
    role: describer
    subset: {{keys: few.txt}}
    needs: [texts]
    specialist:
      backend: openai
      base_url: "{url}"
      model: m
      api_key_env: null
      max_retries: 0
      prompt_price: 2.0
      answer_price: 10.0
  crops:
    role: captioner
    needs: [long]
    specialist: {{backend: custom, factory: "tests.engine.fake_specialists:ColourCaptioner", options: {{about: long}}}}
filters: {{text: {{}}}}
"""
LONG = "A green box stands on a grey wall. The wall is plain and the box is wide. Nothing else can be seen here."


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with chat_server() as running:
        running.script = [Reply(LONG)]
        yield running


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: ChatServer) -> Path:
    """Ten pictures, of which the describer may see two."""
    monkeypatch.chdir(tmp_path)
    save_pictures(tmp_path / "photos", 10)
    (tmp_path / "sparse.yaml").write_text(CONFIG.format(url=server.url))
    few("p001", "p006")
    return tmp_path


def few(*keys: str) -> None:
    Path("few.txt").write_text("\n".join(keys))


def run(*assignments: str) -> None:
    rounds.run(["photos"], "corpus", "sparse.yaml", list(assignments))


def said(name: str) -> dict[str, RawRow]:
    session = look("corpus")
    [column] = [each for each in session.columns(0) if each.name == name]
    shards = Corpus("corpus").shards()
    return {row.key: row for shard in shards for row in read_raw(session.store, name, column.fingerprint, shard)}


def detailed() -> set[str]:
    round_ = Corpus("corpus").round(0)
    records = [record for shard in round_.shards() for record in round_.records(shard)]
    return {record.key for record in records if any(text.granularity == "detailed" for text in record.texts)}


@pytest.mark.usefixtures("project")
def test_only_the_subset_is_paid_for_and_every_image_is_whole(
    server: ChatServer, capsys: pytest.CaptureFixture[str]
) -> None:
    run()
    assert len(server.requests) == 2
    assert set(said("long")) == {"p001", "p006"}
    assert set(said("crops")) == set(Corpus("corpus").round(0).keys())
    assert len(Corpus("corpus").round(0).keys()) == 10
    assert detailed() == {"p001", "p006"}
    assert json.loads(Path("corpus/costs/long.json").read_text()) == {
        "requests": 2, "prompt_tokens": 58, "completion_tokens": 2,
    }  # fmt: skip
    verify("corpus", repair=False)
    capsys.readouterr()
    status("corpus")
    found = " ".join(capsys.readouterr().out.split())
    assert "cost of long: 2 requests, 58 + 2 tokens, 0.0001 at the configured prices" in found


@pytest.mark.usefixtures("project")
def test_a_second_run_asks_nobody_and_a_larger_subset_only_about_its_new_images(server: ChatServer) -> None:
    run()
    run()
    assert len(server.requests) == 2
    before = said("crops")
    few("p001", "p006", "p008")
    run()
    assert len(server.requests) == 3
    assert detailed() == {"p001", "p006", "p008"}
    assert said("crops") == before  # looked again, as what it looks at may have changed
    few("p008")
    run()
    assert len(server.requests) == 3
    assert detailed() == {"p001", "p006", "p008"}  # what is paid for stays


@pytest.mark.usefixtures("project")
def test_an_answer_that_fails_costs_the_image_only_that_text(server: ChatServer) -> None:
    server.script = [Reply("", refusal="no"), Reply(LONG)]
    run("engine.failure_budget=0.5")
    assert len(Corpus("corpus").round(0).keys()) == 10
    assert {row.status for row in said("long").values()} == {"ok", "failed"}
    assert len(detailed()) == 1


@pytest.mark.usefixtures("project")
def test_a_budget_holds_over_runs_and_a_higher_one_goes_on(server: ChatServer) -> None:
    spent = r"budget spent, max_requests is 1 \(of all runs together, in .*raise it to go on"
    with pytest.raises(RunStopError, match=spent):
        run("annotators.long.specialist.max_requests=1", "annotators.long.specialist.concurrency=1")
    assert len(server.requests) == 1
    with pytest.raises(RunStopError, match=spent):  # another run's actors: the account is the corpus's
        rounds.annotate("corpus", None, [], retry_quarantined=False)
    assert len(server.requests) == 1
    run("annotators.long.specialist.max_requests=4")
    assert (len(server.requests), detailed()) == (2, {"p001", "p006"})
