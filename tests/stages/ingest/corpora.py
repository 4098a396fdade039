"""A corpus that pictures are ingested into, in this process, and what is in it."""

from pathlib import Path

from shards.images import ImageRow, read_image_rows
from shards.store import Store
from stages.ingest.fetch import Fetcher
from stages.ingest.ingest import OnShard
from stages.ingest.ingest import ingest as ingest_in_processes
from stages.ingest.report import IngestReport
from stages.ingest.settings import IngestSettings
from tests.stages.ingest.broken import encoded, picture
from tests.stages.ingest.inline import Inline


def ingest(
    store: Store,
    sources: list[str],
    settings: IngestSettings,
    *,
    retry_failed: bool = False,
    on_shard: OnShard | None = None,
    fetcher: Fetcher | None = None,
) -> IngestReport:
    """Without processes; `test_workers.py` and the tests below that name them have these."""
    fetcher = fetcher or Fetcher(settings.fetch, sources)
    return ingest_in_processes(
        store,
        sources,
        settings,
        retry_failed=retry_failed,
        on_shard=on_shard,
        fetcher=fetcher,
        examiner=Inline(settings, fetcher),
    )


def settings(**wanted: object) -> IngestSettings:
    return IngestSettings.model_validate({"shard_size": 4, "workers": 2, "failure_budget": 1.0, **wanted})


def write_pictures(folder: Path, count: int, start: int = 0) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for seed in range(start, start + count):
        (folder / f"{seed:04d}.jpg").write_bytes(encoded(picture(seed), "JPEG"))
    return folder


def rows(store: Store) -> dict[str, ImageRow]:
    shards = [name.removesuffix(".parquet") for name in store.names("images") if name.endswith(".parquet")]
    return {row.key: row for shard in shards for row in read_image_rows(store, shard)}


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def write_list(path: Path, *lines: str) -> str:
    path.write_text("\n".join(lines))
    return str(path)
