"""One JSON object of long arrays, written element by element.

    with two arrays "images" and "annotations" open at once:   {"images":[...],"annotations":[...]}

Each array grows in a file of its own beside the final one, and they are joined at the end, so that memory does not grow
with the number of elements.
"""

import shutil
from contextlib import ExitStack
from pathlib import Path

import msgspec

_encode = msgspec.json.Encoder().encode


class JsonArrays:
    """The object at `path`, with these arrays in this order. files: closes what is open where the export fails."""

    def __init__(self, path: Path, names: list[str], files: ExitStack) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._parts = {name: path.with_name(f".{path.name}.{name}.part") for name in names}
        self._files = {name: files.enter_context(part.open("wb")) for name, part in self._parts.items()}

    def append(self, name: str, element: object) -> None:
        """One more element."""
        file = self._files[name]
        file.write((b"," if file.tell() else b"") + _encode(element))

    def close(self, head: dict[str, object] | None = None) -> None:
        """Join the arrays, after the short fields of `head`."""
        for file in self._files.values():
            file.close()
        whole = self._path.with_name(f".{self._path.name}.whole.part")
        with whole.open("wb") as out:
            out.write(b"{")
            for name, value in (head or {}).items():
                out.write(_encode(name) + b":" + _encode(value) + b",")
            for index, (name, part) in enumerate(self._parts.items()):
                out.write((b"," if index else b"") + _encode(name) + b":[")
                with part.open("rb") as elements:
                    shutil.copyfileobj(elements, out)
                out.write(b"]")
                part.unlink()
            out.write(b"}\n")
        whole.replace(self._path)
