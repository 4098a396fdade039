"""Label Studio's JSON export, read back: the tasks that `fld export --format label-studio` wrote, with annotations.

    [{"data": {"fld_key": "dog", ...}, "predictions": [...], "annotations": [
        {"completed_by": 1, "updated_at": "...", "result": [{"id": "r0", "type": "rectanglelabels", ...}]}]}]

Comes in: the parsed file. Goes out: per task with a submitted annotation the shapes and texts as they are now. Of
several annotations of a task the last one counts; cancelled ones do not, and tasks without any say nothing.
"""

from collections.abc import Iterator
from typing import Any

from shards.finding import Box, Quad
from shards.geometry import quad_box
from stages.review.compare import MarkedShape
from stages.review.lines import SIZES, LineError
from stages.review.sheet import Sheet


def is_export(content: object) -> bool:
    """Whether parsed JSON is an export of Label Studio."""
    return (
        isinstance(content, list)
        and bool(content)
        and all(isinstance(task, dict) and "data" in task for task in content)
    )


def read_tasks(tasks: list[dict[str, Any]]) -> Iterator[tuple[int, Sheet | LineError]]:
    """Number of the task, from 1, and what it says; or what is wrong with it."""
    for number, task in enumerate(tasks, 1):
        done = [annotation for annotation in task.get("annotations") or () if not annotation.get("was_cancelled")]
        if not done:
            continue
        try:
            yield number, _sheet(task, max(done, key=lambda annotation: str(annotation.get("updated_at") or "")))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            yield number, LineError(f"not as Label Studio exports it (JSON, not JSON-MIN): {error!r}")


def _sheet(task: dict[str, Any], annotation: dict[str, Any]) -> Sheet:
    key = task["data"].get("fld_key")
    if not isinstance(key, str):
        raise ValueError("data.fld_key is missing: was the task made by `fld export --format label-studio`?")
    results = annotation["result"]
    readings = {result["id"]: result["value"]["text"] for result in results if result.get("from_name") == "reading"}
    shapes: list[MarkedShape] = []
    texts: dict[str, list[str]] = {}
    for result in results:
        match result.get("from_name"):
            case "objects":
                shapes.append(
                    MarkedShape("region", result["value"]["rectanglelabels"][0], _rectangle(result), None, result["id"])
                )
            case "words":
                quad = _quad(result)
                words = " ".join(_list(readings.get(result["id"], [])))
                shapes.append(MarkedShape("ocr", words, quad_box(quad), quad, result["id"]))
            case size if size in SIZES:
                texts.setdefault(size, []).extend(_list(result["value"]["text"]))
    who = annotation.get("completed_by")
    who = who.get("email") or who.get("id") if isinstance(who, dict) else who
    return Sheet(
        key, shapes, texts, "" if who is None else f"label-studio:{who}", str(annotation.get("updated_at") or "")
    )


def _list(text: str | list[str]) -> list[str]:
    return [text] if isinstance(text, str) else text


def _rectangle(result: dict[str, Any]) -> Box:
    value = result["value"]
    if value.get("rotation"):
        raise ValueError(f"box {result['id']!r} is turned by {value['rotation']} degrees: only upright boxes are read")
    width, height = result["original_width"] / 100, result["original_height"] / 100
    x0, y0 = value["x"] * width, value["y"] * height
    return x0, y0, x0 + value["width"] * width, y0 + value["height"] * height


def _quad(result: dict[str, Any]) -> Quad:
    width, height = result["original_width"] / 100, result["original_height"] / 100
    points = [(x * width, y * height) for x, y in result["value"]["points"]]
    if len(points) != 4:
        raise ValueError(f"words {result['id']!r} have {len(points)} corners, not 4")
    (x0, y0), (x1, y1), (x2, y2), (x3, y3) = points
    return x0, y0, x1, y1, x2, y2, x3, y3
