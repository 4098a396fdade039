"""pyarrow without pandas: a verb that reads one small table must not pay for a library it never uses.

The first `pa.array([...])` or `pc.field("a") == 1` of a process imports pandas, if it is installed, only to see whether
the values are a Series: 1.4 s of CPU, more than all the rest of `fld show`. pyarrow asks once and remembers the answer.
`forget_pandas` lets it ask while pandas cannot be found. `to_pandas` imports it all the same.
"""

import sys

import pyarrow as pa


class _NoPandas:
    """An import finder that says there is no pandas."""

    def find_spec(self, name: str, *_: object) -> None:
        if name == "pandas":
            raise ModuleNotFoundError("pyarrow shall not look for pandas", name=name)


def forget_pandas() -> None:
    """Let pyarrow believe that there is no pandas, unless something else has imported it already."""
    if "pandas" in sys.modules:
        return
    blind = _NoPandas()
    sys.meta_path.insert(0, blind)
    try:
        pa.array([0])
    finally:
        sys.meta_path.remove(blind)
