"""Labels that came late: a list names images of the corpus again, now with annotations or with others.

    photos/dog.jpg is in the corpus without labels; the new list gives it a box "dog"
    ->  a correction `add`, which the next `fld filter` puts into the record (docs/review.md)

Images are written once, so that what models said about them stays true; what a person says later is a correction. Only
what is new is taken: labels that the list does not have any more stay, since another list may have brought them. The
plan stays as it is, too: the same list read again changes nothing.
"""

from collections.abc import Iterable
from datetime import UTC, datetime

from shards.finding import Caption, Detection, Finding, OcrLine, about_of
from shards.images import ImageRow
from shards.reviews import Review, append_reviews, read_reviews
from shards.store import Store
from stages.fuse.corrections import fresh
from stages.ingest.examine import Examined
from stages.ingest.left_out import LeftOut

WHO = "ingest"


def take_late(store: Store, shard: str, images: Iterable[tuple[ImageRow, Examined]], left_out: LeftOut) -> int:
    """Write what is new about images of one shard as corrections; how many. images: the row as it is in the corpus, and
    the image examined with the annotations of the list."""
    when = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    reviews: list[Review] = []
    for row, examined in images:
        if examined.row.status == "failed":
            left_out.row("late annotations", f"{row.key}: {examined.row.error}")
            continue
        if examined.outside:
            left_out.by_rule("given box outside its image", examined.outside)
        for finding in examined.row.given:
            if finding in row.given:
                continue
            review = _review(row.key, finding, when)
            if review is None:
                left_out.by_rule("late annotation that no correction can hold (phrases, masks, unnamed boxes)", 1)
            else:
                reviews.append(review)
    new = fresh(reviews, read_reviews(store, shard).get(shard, [])) if reviews else []
    if new:
        append_reviews(store, shard, new)
    return len(new)


def _review(key: str, finding: Finding, when: str) -> Review | None:
    match finding:
        case Detection() if finding.text.strip():
            return Review(key, "add", "region", WHO, when, new_text=finding.text, new_box=finding.box)
        case OcrLine() if finding.text.strip():
            return Review(
                key, "add", "ocr", WHO, when, new_text=finding.text, new_box=finding.box, new_quad=finding.quad
            )
        case Caption() if finding.text.strip() and not about_of(finding):
            size = finding.granularity or "brief"
            return Review(key, "add", "text", WHO, when, granularity=size, new_text=finding.text)
        case _:
            return None
