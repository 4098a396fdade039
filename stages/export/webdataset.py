"""Our own shards in Hugging Face's webdataset reader, as they are.

    load_dataset("webdataset", data_files="corpus/rounds/00/shards/*.tar", split="train", features=features())

Left alone, the reader infers types from the first five samples: a list that is empty in all of them, or another kind
of picture later on, ends it. These are those of the record (`shards/record.py`), with a column per kind of picture.
"""

from typing import TYPE_CHECKING, Any

import msgspec

from shards.record import Record
from specialists.roles import MissingRequirementError

if TYPE_CHECKING:
    from datasets import Features

EXTENSIONS = ("jpg", "png", "webp", "gif", "bmp", "tif")
"""A sample has one of these; the columns of the others are None."""
_VALUES = {"str": "string", "literal": "string", "int": "int64", "float": "float64"}


def features() -> "Features":
    """The columns of a round's shards. Raises MissingRequirementError without the package `datasets`."""
    try:
        from datasets import Features
    except ImportError as error:
        raise MissingRequirementError("this needs the package datasets: pip install datasets") from error
    pictures = {extension: {"_type": "Image"} for extension in EXTENSIONS}
    record = _feature(msgspec.inspect.type_info(Record))
    text = {"dtype": "string", "_type": "Value"}
    return Features.from_dict({"__key__": text, "__url__": text, "json": record, **pictures})


def _feature(kind: msgspec.inspect.Type) -> Any:
    """A type of the record as `datasets` writes it down."""
    match kind:
        case msgspec.inspect.StructType(fields=fields):
            return {field.encode_name: _feature(field.type) for field in fields}
        case msgspec.inspect.ListType(item_type=item):
            return [_feature(item)]
        case msgspec.inspect.TupleType(item_types=items):
            return [_feature(items[0])]
        case msgspec.inspect.UnionType(types=types):
            [some] = [each for each in types if not isinstance(each, msgspec.inspect.NoneType)]
            return _feature(some)
        case _:
            return {"dtype": _VALUES[type(kind).__name__.removesuffix("Type").lower()], "_type": "Value"}
