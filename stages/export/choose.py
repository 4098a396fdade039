"""Which images are exported, and into which split.

where: an SQL condition over the summary of the round (`shards/summary.py` names its columns), one row per image:

    objects > 3 and list_contains(labels, 'dog') and score_min > 0.5

It is judged by DuckDB shard by shard, so that memory does not grow with the corpus.
"""

from collections.abc import Iterator

import pyarrow as pa

from shards.errors import SettingsError
from shards.reader import Round
from specialists.weights import require_package
from stages.export.pictures import PicturePlace
from stages.export.sample import Sample, Split
from stages.held_out import is_held_out


class QueryError(SettingsError):
    """A condition that DuckDB does not understand."""


def samples(round_: Round, where: str | None, held_out: float, place: PicturePlace) -> Iterator[Sample]:
    """The kept images of a round that `where` chooses, in its order; their pictures are put in place on the way.

    held_out: the share in [0, 1] of images that go into "val". Raises QueryError, PictureError."""
    for shard in round_.shards():
        chosen = None if where is None else keys(round_.summary(shard), where)
        if chosen is not None and not chosen:
            continue
        for record, extension, data in round_.samples(shard):
            if chosen is None or record.key in chosen:
                split: Split = "val" if is_held_out(record.sha256, held_out) else "train"
                file_name, url = place.put(record, extension, split, data)
                yield Sample(record, split, file_name, url, data)


def keys(summary: pa.Table | None, where: str) -> set[str]:
    """The keys of the rows for which the condition holds."""
    require_package("where", "duckdb", "query")
    import duckdb

    if summary is None:
        return set()
    connection = duckdb.connect(config={"enable_external_access": "false", "autoinstall_known_extensions": "false"})
    with connection:
        connection.register("summary", summary)
        try:
            found = connection.execute(f"select key from summary where {where}").fetchall()
        except duckdb.Error as error:
            columns = ", ".join(summary.column_names)
            raise QueryError(f"where {where!r}: {str(error).splitlines()[0]}; the columns are {columns}") from error
    return {key for (key,) in found}
