"""From what the user typed to entries: tells lists, folders, tars and annotation files apart.

Comes in: sources such as ["photos/", "list.csv", "shards/{000..009}.tar", "s3://bucket/more/*.jpg"]. Goes out: their
entries in that order. Nothing but lists, tar headers and folders is read here; images are read when their shard is
written.
"""

from collections.abc import Iterator
from functools import partial

from stages.ingest.coco import read_coco
from stages.ingest.entry import Entry, ReadFile, SourceError
from stages.ingest.folders import read_folder
from stages.ingest.left_out import LeftOut
from stages.ingest.lists import LIST_SUFFIXES, read_list
from stages.ingest.locations import (
    absolute,
    expand_pattern,
    file_system,
    files_below,
    is_folder,
    is_http,
    is_url,
    join,
    looks_like_image,
    parent,
    place_name,
    suffix,
)
from stages.ingest.openimages import is_open_images, read_class_names, read_open_images
from stages.ingest.rows import plain_text, unzipped
from stages.ingest.secrets import public
from stages.ingest.settings import IngestSettings
from stages.ingest.tars import read_tar
from stages.ingest.yolo import YAML_SUFFIXES

_ARCHIVES = {".zip", ".7z", ".rar"}
_PACKED_TARS = (".tar.xz", ".tar.bz2", ".tar.zst", ".txz", ".tbz2")


def read_sources(sources: list[str], settings: IngestSettings, read: ReadFile, left_out: LeftOut) -> Iterator[Entry]:
    """Entries of all sources. Files and annotations that are left out are counted in `left_out` by reason.

    Raises SourceError for a source that is missing, or is not what `settings.format` says."""
    if not sources:
        raise SourceError("no source given: name image files, folders, lists, tars or annotation files")
    for source in sources:
        if not source.strip():
            raise SourceError("a source is empty: name a file, a folder or a URL ('.' is this folder)")
        for uri in expand_pattern(source):
            try:
                yield from _read_one(uri, settings, read, left_out)
            except SourceError as error:  # its message names the source, which may be a URL with a password
                raise SourceError(str(error).replace(uri, public(uri))) from error
            except OSError as error:
                raise SourceError(f"source {public(uri)}: cannot be read: {error.strerror or error}") from error


def _read_one(uri: str, settings: IngestSettings, read: ReadFile, left_out: LeftOut) -> Iterator[Entry]:
    location = absolute(uri)
    if is_url(location) and not is_http(location):
        file_system(location)  # refuses other schemes
    kind = settings.format if settings.format != "auto" else _kind(uri, location)
    if kind in ("folder", "voc", "yolo"):
        yield from read_folder(uri, location, kind, read, partial(_packed, settings, read, left_out), left_out)
    elif kind == "webdataset":
        yield from read_tar(uri, location, left_out)
    elif kind == "image":
        yield Entry(uri=uri, location=location, name=place_name(uri) if is_url(uri) else _file_name(uri))
    else:
        yield from _file(location, kind, settings, read, left_out)


def _packed(settings: IngestSettings, read: ReadFile, left_out: LeftOut, uri: str, location: str) -> Iterator[Entry]:
    """What is in a tar or list of a folder."""
    if suffix(location) == ".tar":
        return read_tar(uri, location, left_out)
    return _file(location, "list", settings, read, left_out)


def _kind(uri: str, location: str) -> str:
    """What a source is, by its name, and for folders by asking."""
    extension = suffix(location.removesuffix(".gz"))
    if extension in _ARCHIVES or location.lower().endswith(_PACKED_TARS):
        raise SourceError(f"source {uri}: archives are not read: unpack it, then name the folder or the .tar in it")
    if extension in (".tar", ".tgz"):
        return "webdataset"
    if extension in LIST_SUFFIXES or extension == ".json":
        return "list"
    if extension in YAML_SUFFIXES:
        return "yolo"
    if extension and looks_like_image(location):
        return "image"
    if is_folder(location):
        return "folder"
    if is_http(location) or looks_like_image(location):
        return "image"
    raise SourceError(
        f"source {uri}: neither an image, a folder nor a list (.txt .csv .tsv .jsonl .json .parquet .tar .yaml), or"
        " missing: check the path, or say what it is with ingest.format"
    )


def _file(location: str, kind: str, settings: IngestSettings, read: ReadFile, left_out: LeftOut) -> Iterator[Entry]:
    data, extension = unzipped(location, read(location), settings.fetch.max_list_bytes)
    if kind in ("coco", "objects365") or (kind == "list" and extension == ".json" and _is_object(data)):
        return read_coco(location, data, settings.root, left_out)
    if kind == "openimages" or (kind == "list" and extension == ".csv" and is_open_images(data)):
        return read_open_images(location, data, _class_names(location, settings, read), settings.root, left_out)
    return read_list(location, data, settings.columns, settings.root, extension, left_out)


def _is_object(data: bytes) -> bool:
    """Whether JSON begins with a brace, a byte order mark or blanks before it."""
    return plain_text(data[:1000]).lstrip()[:1] == "{"


def _class_names(location: str, settings: IngestSettings, read: ReadFile) -> dict[str, str] | None:
    if settings.class_descriptions is not None:
        return read_class_names(read(absolute(settings.class_descriptions)))
    folder = parent(location)
    if is_http(folder) or not is_folder(folder):
        return None
    beside = [name for name in files_below(folder) if "/" not in name]
    found = [name for name in beside if "class-descriptions" in name and name.endswith(".csv")]
    return read_class_names(read(join(folder, found[0]))) if found else None


def _file_name(path: str) -> str:
    return path.rstrip("/").rpartition("/")[2]
