"""Which checkpoint a specialist loads: where its files are, and what identifies them in a fingerprint.

Comes in: the `weights` and `revision` of a specialist's settings. Goes out: a local file or folder, an identity, or
one line that says what is missing and which command brings it. `weights` is one of

    "runs/dino/swint.pth"              a local file or folder; identity "sha256:<hash of its content>"
    "embedded:florence2-nano"          a checkpoint that ships with the project; identity as above
    "microsoft/resnet-50"              a hub id, only together with `revision`, the 40 hex digits of a commit;
                                       identity "hub:microsoft/resnet-50@<commit>"

A hub id is never loaded by branch or tag: those move, and a fingerprint that says "main" would say nothing.
"""

import hashlib
import importlib.metadata
import importlib.util
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from shards.settings import OnDisk, Settings
from specialists.roles import MissingRequirementError

EMBEDDED_PREFIX = "embedded:"
EMBEDDED_FOLDER = Path(__file__).parent / "embedded"
WEIGHT_SUFFIXES = (".safetensors", ".bin", ".pt", ".pth", ".onnx")
TEXT_SUFFIXES = (".json", ".txt", ".model", ".yaml", ".yml")
MODEL_SUFFIXES = WEIGHT_SUFFIXES + TEXT_SUFFIXES
"""Files at the top of a checkpoint folder that can change what the model says; others (cards, logs) do not count."""
NOT_THE_MODEL = re.compile(
    r"card\.json|untrained\.json|calibration\.json|training\.json|metrics.*|"
    r"trainer_state.*|training_args.*|optimizer.*|scheduler.*|rng_state.*"
)

_COMMIT = re.compile(r"[0-9a-f]{40}")


class ModelSettings(Settings):
    """What every backend with a checkpoint has. Backends whose weights have a default override `weights`."""

    weights: Annotated[str, OnDisk("revision")] = Field(
        min_length=1, description="local file or folder, embedded:NAME, or a hub id (then revision is needed)"
    )
    revision: str | None = Field(None, description="commit of the hub id, 40 hex digits; null: weights is local")
    device: str = Field("auto", description="auto (a GPU if there is one), cpu, cuda, cuda:1, mps")
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "auto", description="arithmetic; auto: bfloat16 on a GPU that has it, float16 on any other, float32 elsewhere"
    )

    @property
    def stated_dtype(self) -> str:
        """`dtype` as a fingerprint has it. What auto becomes depends on the machine, like the device, which is no fact
        either: a corpus that moves to another one keeps its columns. It counts as float32, what it is on a CPU."""
        return "float32" if self.dtype == "auto" else self.dtype

    @model_validator(mode="after")
    def _pinned(self) -> Self:
        if self.revision is not None and not _COMMIT.fullmatch(self.revision):
            raise ValueError(
                f"revision must be a commit of 40 hex digits, got {self.revision!r}: branches and tags move;"
                f" take the commit from https://huggingface.co/{self.weights}/commits/main"
            )
        return self


def locate(backend: str, weights: str, revision: str | None) -> Path:
    """The file or folder of a checkpoint on this machine; a hub id is fetched unless it is in the hub's cache.

    Raises MissingRequirementError when it is not there.
    """
    return _hub_folder(backend, weights, revision) if revision is not None else _local(backend, weights)


def local_path(backend: str, weights: str, revision: str | None) -> Path | None:
    """The file or folder of a checkpoint; None for one of a hub, whose files the driver may not have."""
    return None if revision is not None else _local(backend, weights)


def identity(backend: str, weights: str, revision: str | None) -> str:
    """What stands for the checkpoint in a fingerprint: content hash or hub commit. Needs no network.

    A content hash does not depend on where the files lie, so a moved checkpoint keeps its columns.
    """
    if revision is not None:
        return f"hub:{weights}@{revision}"
    path = _local(backend, weights)
    if path.is_file():
        return f"sha256:{file_sha256(path)}"
    digest = hashlib.sha256()
    for file in model_files(path):
        digest.update(f"{file.name} {file_sha256(file)}\n".encode())
    return f"sha256:{digest.hexdigest()}"


def model_files(folder: Path) -> list[Path]:
    """Files at the top of `folder` that belong to the model, sorted by name."""
    return sorted(
        file
        for file in folder.iterdir()
        if file.is_file() and file.suffix in MODEL_SUFFIXES and not NOT_THE_MODEL.fullmatch(file.name)
    )


def weight_file(backend: str, path: Path, suffixes: Iterable[str] = (".pt", ".pth")) -> Path:
    """The one weight file that `path` is or holds. Raises MissingRequirementError for none or several."""
    if path.is_file():
        return path
    endings = tuple(suffixes)
    files = [file for file in model_files(path) if file.suffix in endings]
    if len(files) != 1:
        names = ", ".join(file.name for file in files) or "none"
        raise MissingRequirementError(
            f"{backend}: {path} must hold one {' or '.join(endings)} file, found {names}: name the file in weights"
        )
    return files[0]


def require_package(backend: str, package: str, extra: str | None = None) -> None:
    """Raise MissingRequirementError unless the module `package` can be imported. `extra`: ours that installs it."""
    if importlib.util.find_spec(package) is None:
        command = f"pip install 'fld-engine[{extra}]'" if extra else "pip install fld-engine"
        raise MissingRequirementError(f"{backend} needs the package {package}, which is not installed: {command}")


def library(backend: str, distribution: str, extra: str | None = None) -> str:
    """Name and major version of an installed distribution, as in a fingerprint: "transformers 5"."""
    try:
        version = importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        require_package(backend, distribution.replace("-", "_"), extra)
        raise
    return f"{distribution} {version.split('.')[0]}"


def file_sha256(path: Path) -> str:
    """SHA-256 of a file in hex, remembered in the user's cache folder by path, size and modification time.

    A driver asks for the hash of a 2 GB checkpoint at every start; only the first time reads it.
    """
    stat = path.stat()
    stamp = f"{path.resolve()}\n{stat.st_size}\n{stat.st_mtime_ns}"
    note = cache_folder() / "sha256" / hashlib.sha256(stamp.encode()).hexdigest()
    try:
        return note.read_text(encoding="ascii")
    except OSError:
        pass
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    _remember(note, digest)
    return digest


def _remember(note: Path, text: str) -> None:
    try:
        note.parent.mkdir(parents=True, exist_ok=True)
        part = note.with_name(f"{note.name}.{os.getpid()}.part")
        part.write_text(text, encoding="ascii")
        part.replace(note)
    except OSError:
        return  # a home folder that cannot be written only costs reading the file again


def cache_folder() -> Path:
    """What this user's processes remember on this machine; nothing there is needed."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "fld-engine"


def _local(backend: str, weights: str) -> Path:
    if weights.startswith(EMBEDDED_PREFIX):
        name = weights.removeprefix(EMBEDDED_PREFIX)
        path = EMBEDDED_FOLDER / name
        if not re.fullmatch(r"[\w.-]+", name) or not path.exists():
            shipped = ", ".join(sorted(p.name for p in EMBEDDED_FOLDER.glob("*/") if not p.name.startswith("_")))
            raise MissingRequirementError(f"{backend}: no embedded checkpoint {name!r}; there are: {shipped or 'none'}")
        return path
    path = Path(weights).expanduser()
    if not path.exists():
        raise MissingRequirementError(
            f"{backend}: no weights at {weights!r}: give a local path, or a hub id together with its commit"
            f" as revision (https://huggingface.co/{weights}/commits/main lists them)"
        )
    return path


def _hub_folder(backend: str, repo: str, revision: str | None) -> Path:
    """The snapshot of a hub repository: top-level files only, safetensors if it has them."""
    from huggingface_hub import snapshot_download

    def snapshot(suffixes: tuple[str, ...], offline: bool = False) -> Path:
        patterns = [f"*{suffix}" for suffix in suffixes]
        return Path(
            snapshot_download(
                repo, revision=revision, local_files_only=offline, allow_patterns=patterns, ignore_patterns=["*/*"]
            )
        )

    try:  # a commit never changes: what is in the cache needs no network
        folder = snapshot(MODEL_SUFFIXES, offline=True)
        if _has_weights(folder):
            return folder
    except (OSError, ValueError):
        pass
    try:
        folder = snapshot((".safetensors", *TEXT_SUFFIXES))
        return folder if _has_weights(folder) else snapshot(MODEL_SUFFIXES)
    except (OSError, ValueError) as error:
        reason = str(error).strip().split("\n", 1)[0]
        raise MissingRequirementError(
            f"{backend}: cannot fetch {repo} at {revision} ({reason}): run `hf download {repo} --revision {revision}`"
            " where there is network, or give a local folder in weights"
        ) from error


def _has_weights(folder: Path) -> bool:
    return any(file.suffix in WEIGHT_SUFFIXES for file in model_files(folder))
