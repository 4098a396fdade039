"""A corpus on an object store: trained from there, and the model goes back there."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from shards.store import open_store
from stages.retrain.data import RetrainError
from stages.retrain.job import read_training
from stages.retrain.metrics import Event
from stages.retrain.run import retrain
from tests.stages.retrain import corpora


@pytest.fixture
def bucket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A local S3 server with an empty bucket, found as a user's would be; the cache folder is a new one."""
    import s3fs
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    s3fs.S3FileSystem.clear_instance_cache()
    s3fs.S3FileSystem().mkdir("corpora")
    yield "s3://corpora/squares"
    s3fs.S3FileSystem.clear_instance_cache()
    server.stop()


def test_a_stopped_training_goes_on_and_the_model_is_uploaded(bucket: str, checkpoint: Path, tmp_path: Path) -> None:
    def stop(event: Event) -> None:
        if event["step"] == 4:
            raise RetrainError("stopped")

    corpora.build(bucket)
    here = retrain(corpora.job(corpora.build(tmp_path / "here"), checkpoint, eval_every=2))
    with pytest.raises(RetrainError, match="stopped"):
        retrain(corpora.job(bucket, checkpoint, eval_every=2), stop)
    assert read_training(open_store(bucket), 0) is None
    there = retrain(corpora.job(bucket, checkpoint, eval_every=2))
    assert there.resumed_from == 3
    store, folder = open_store(bucket), Path(here.folder)
    assert there.training == read_training(store, 0)
    assert there.training.held_out == here.training.held_out
    names = {path.relative_to(folder).as_posix() for path in folder.iterdir() if path.is_file()}
    assert names <= set(store.names("rounds/00/model"))
    assert store.read("rounds/00/model/model.safetensors") == (folder / "model.safetensors").read_bytes()
    lines = store.read("rounds/00/model/trainer/metrics.jsonl").decode().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [0, 2, 4, 6, 6]
    assert not [path for path in (tmp_path / "cache/fld-engine/training").rglob("*") if path.is_file()]
    assert retrain(corpora.job(bucket, checkpoint, eval_every=2)).already
