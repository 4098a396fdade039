"""The settings of ingest: which images come in, under which keys, within which limits.

ingest:
  key: path
  shard_size: 256
  limits: {max_pixels: 64000000}
  duplicates: {exact: drop, near: report, distance: 6}
"""

from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from shards.settings import Danger, Settings
from stages.ingest.secrets import public

ObjectStore = Literal["s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "adl", "oci", "oss", "hf"]


class DecodeLimits(Settings):
    """What a file may be before it is decoded: everything here is read from the header, not from the pixels."""

    max_pixels: int = Field(64_000_000, ge=1, description="largest width x height; refuse a larger picture unread")
    max_scans: int = Field(
        100, ge=1, description="most scans of a JPEG; each goes over the whole picture, and no camera writes over 20"
    )
    min_side: int = Field(1, ge=1, description="least shorter side, in pixels")
    max_bytes: int = Field(100_000_000, ge=1, description="largest file; cut off a longer download")


class FetchSettings(Settings):
    """How files and URLs are read."""

    timeout_s: float = Field(20.0, gt=0, description="longest attempt, from the connection to the last byte")
    retries: int = Field(3, ge=0, description="further attempts after a time-out, a broken connection, 429 or 5xx")
    backoff_s: float = Field(0.5, ge=0, description="wait before the first retry; doubles each time, 30 s at most")
    max_redirects: int = Field(5, ge=0, description="redirects followed per URL")
    allow_private: Annotated[bool, Danger("(reads from your private network)")] = Field(
        False, description="allow http(s) URLs into private, loopback and link-local address ranges"
    )
    schemes: Annotated[tuple[ObjectStore, ...], Danger("(lists read there, with your credentials)")] = Field(
        (), description="object stores that lists may name, besides http(s) and the buckets of the sources themselves"
    )
    keep_query: tuple[str, ...] = Field(
        (), description="parameters of a URL's query that are written down; the others may be secrets, and are not"
    )
    max_list_bytes: int = Field(4_000_000_000, ge=1, description="largest list or annotation file, also when unpacked")
    list_timeout_s: float = Field(
        600.0, gt=0, description="longest wait for a list or annotation file of an object store"
    )
    user_agent: str = Field("fld-engine", min_length=1, description="User-Agent header of http(s) requests")


class ColumnNames(Settings):
    """Columns of a csv, tsv, jsonl or parquet list; null takes the first known name that the list has."""

    uri: str | None = Field(None, description="where the image is; known: uri, url, image, image_path, path, file, ...")
    key: str | None = Field(None, description="the key of the image; known: key, id, image_id")
    text: str | None = Field(None, description="a given brief text; known: text, caption, alt, alt_text")


class DuplicateSettings(Settings):
    """What happens to an image that shows the same as one before it; the first in the list is always kept."""

    exact: Literal["report", "drop"] = Field("report", description="same bytes (sha256)")
    near: Literal["report", "drop"] = Field("report", description="perceptual hashes within `distance`")
    distance: int = Field(
        4, ge=0, le=15, description="bits (of 64) in which perceptual hashes of near duplicates differ"
    )


class IngestSettings(Settings):
    """What `fld ingest` does with a list of images."""

    format: Literal[
        "auto", "image", "folder", "list", "webdataset", "coco", "objects365", "openimages", "voc", "yolo"
    ] = Field("auto", description="what the sources are; auto tells by name and content")
    columns: ColumnNames = Field(ColumnNames(), description="columns of lists")
    root: str | None = Field(
        None, description="where relative paths of lists and annotation files start; null: the folder of that file"
    )
    class_descriptions: str | None = Field(
        None, description="Open Images: csv of label id, name; null: class-descriptions*.csv beside the boxes"
    )
    given_frame: Literal["auto", "stored", "oriented"] = Field(
        "auto",
        description="frame of given boxes: pixels as stored, or as shown after EXIF orientation;"
        " auto compares the size in the annotation file, and means stored where that does not tell",
    )
    key: Literal["auto", "path", "stem", "uri_hash", "column"] = Field(
        "auto",
        description="where keys come from: path below the source, file name, hash of the uri, or the list's own key;"
        " auto: the list's own key where it has one, else path",
    )
    duplicate_keys: Literal["refuse", "number"] = Field(
        "refuse", description="two images under one key: refuse them all, or name the later ones key~2, key~3"
    )
    shard_size: int = Field(256, ge=1, description="images per shard; fixed for a corpus by its first ingest")
    workers: int | None = Field(
        None, ge=1, description="images fetched and checked at a time; does not change the output; null: 2 per core"
    )
    backend: Literal["auto", "processes", "ray"] = Field(
        "auto",
        description="who fetches and checks: processes of this machine, or the nodes of a Ray cluster, each shard on"
        " one of them; auto: the cluster for lists of URLs, where engine.backend is ray and a cluster is named"
        " (engine.address, RAY_ADDRESS); ray: for all lists; then all nodes must see their paths",
    )
    processes: int | None = Field(None, ge=1, description="processes that share this work; null: one per core")
    deadline_s: float = Field(
        30.0, gt=0, description="time to check one image once its bytes are there; then its process is killed"
    )
    limits: DecodeLimits = Field(
        DecodeLimits(), description="limits beyond which a file is refused before it is decoded"
    )
    fetch: FetchSettings = Field(FetchSettings(), description="reading of files and URLs")
    duplicates: DuplicateSettings = Field(DuplicateSettings(), description="same and nearly same images")
    failure_budget: float = Field(
        0.1, ge=0, le=1, description="share of images that may fail; above it, end with an error"
    )

    @field_validator("root", "class_descriptions")
    @classmethod
    def _without_secrets(cls, location: str | None) -> str | None:
        if location is not None and public(location) != location:
            raise ValueError("must be without user, password and query: settings are kept in the corpus")
        return location

    @model_validator(mode="after")
    def _described(self) -> Self:
        if self.class_descriptions is not None and self.format not in ("auto", "openimages"):
            raise ValueError(
                f"class_descriptions belongs to format openimages, got format {self.format}: remove one of the two"
            )
        return self
