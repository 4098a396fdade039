"""The calibrations of a corpus, on disk.

calibration/gold.json             learned by `fld calibrate --gold`; counts where its columns are those of the round
calibration/gold-02.json          of round 2, whose columns are others: the loop's models are new (`loop.gold`)
calibration/agreement-00.json     of round 0, where there is no gold: made before the round is written
calibration/manifest/...          their checksums

A calibration is of certain columns: after a change of an annotator it no longer counts.
"""

from shlex import quote

import msgspec

from shards import commit
from shards.commit import ImageCounts
from shards.errors import CorpusError, DamageError
from shards.layout import CALIBRATION, manifest_path
from shards.store import Store
from stages.calibrate.consensus import AnnotatorCalibration
from stages.fuse.ledger import Voter

VERSION = 2
"""Raised when the same statements give another calibration."""
GOLD = "gold"
_KINDS = {"object": "objects", "ocr": "words", "phrase": "phrases", "mask": "masks"}


def agreement_name(number: int) -> str:
    """`agreement_name(3)` is "agreement-03"."""
    return f"agreement-{number:02d}"


def gold_name(number: int) -> str:
    """`gold_name(3)` is "gold-03"."""
    return f"{GOLD}-{number:02d}"


def gold_names(store: Store) -> list[str]:
    """All that were learned from gold, in order."""
    names = (name.removesuffix(".json") for name in store.names(CALIBRATION) if name.endswith(".json"))
    return sorted(name for name in names if name.partition("-")[0] == GOLD)


def stored(store: Store, name: str) -> AnnotatorCalibration | None:
    """The calibration of that name; None while there is none, or one by agreement of an earlier release, which is made
    again. Raises DamageError if it is not as it was written or lost its manifest, since a round without it would be
    another; CorpusError if it is of a newer release, or from gold and of an earlier one."""
    path, manifest = f"{CALIBRATION}/{name}.json", commit.find(store, CALIBRATION, name)
    again = f"`fld calibrate {quote(store.url)} --gold GOLD`" if name == GOLD else f"`fld filter {quote(store.url)}`"
    if manifest is None:
        if f"{name}.json" in store.names(f"{CALIBRATION}/manifest"):
            raise DamageError(f"{manifest_path(CALIBRATION, name)} is damaged: {again} makes it again")
        if f"{name}.json" in store.names(CALIBRATION):
            raise DamageError(f"{path} has no manifest, lost or never finished: {again} makes it again")
        return None
    if damages := commit.verify_unit(store, CALIBRATION, manifest):
        raise DamageError(f"{path} is damaged: {damages[0].reason}; {again} makes it again")
    try:
        calibration = msgspec.json.decode(store.read(path), type=AnnotatorCalibration)
    except msgspec.DecodeError as error:
        raise CorpusError(f"{path} is no calibration: {error}; delete it, and {again} makes it again") from error
    if calibration.version > VERSION:
        raise CorpusError(
            f"{path} has version {calibration.version}, this fld-engine reads {VERSION}: use the newer fld-engine that"
            " wrote it, or delete it and run `fld calibrate`"
        )
    if calibration.version < VERSION and name == GOLD:
        raise CorpusError(
            f"{path} has version {calibration.version}, this fld-engine learns more from gold: run `fld calibrate"
            " --gold GOLD` again, or `fld calibrate` to go on without gold"
        )
    return calibration if calibration.version == VERSION else None


def save_calibration(store: Store, name: str, calibration: AnnotatorCalibration) -> None:
    """Publish it, whole or not at all."""
    data = msgspec.json.format(msgspec.json.encode(calibration)) + b"\n"
    commit.publish(store, CALIBRATION, name, {f"{name}.json": data}, ImageCounts(0, 0), calibration.fingerprint)


def remove_calibration(store: Store, name: str) -> None:
    """Forget it, the manifest first: a file without one is damage."""
    commit.retire(store, CALIBRATION, name)
    store.remove(f"{CALIBRATION}/{name}.json")


def remove_unusable(store: Store, name: str, why: type[CorpusError] = CorpusError) -> None:
    """Make room for one where there is one that `stored` refuses with this error."""
    try:
        stored(store, name)
    except why:
        remove_calibration(store, name)


def calibration_for(store: Store, number: int, annotators: tuple[Voter, ...]) -> AnnotatorCalibration | None:
    """What counts in round `number` of these columns: gold before agreement."""
    for name in (gold_name(number), GOLD, agreement_name(number)):
        calibration = stored(store, name)
        if calibration is not None and fits(calibration, annotators):
            return calibration
    return None


def told(store: Store, counts: AnnotatorCalibration | None, annotators: tuple[Voter, ...]) -> str:
    """What scores of a round are, as a sentence: by which calibration, and that one from gold does not count any more.
    counts: that of the round."""
    said = []
    if counts is not None:
        kinds = ", ".join(_KINDS.get(kind, kind) for kind in counts.kinds)
        source = "from gold of" if counts.reference == GOLD else "by agreement over"
        said.append(f"Scores of {kinds} are probabilities, {source} {counts.images:,} images.")
    gold = stored(store, GOLD) if counts is None or counts.reference != GOLD else None
    if gold is not None:
        columns = {voter.name: voter.content for voter in annotators}
        others = [name for name, fingerprint in gold.columns.items() if columns.get(name) != fingerprint]
        said.append(
            f"{CALIBRATION}/{GOLD}.json does not count: {', '.join(others)} changed since or is gone:"
            f" `fld calibrate {quote(store.url)} --gold GOLD` again."
        )
    return " ".join(said)


def fits(calibration: AnnotatorCalibration, annotators: tuple[Voter, ...]) -> bool:
    """Whether it is of these columns, as far as they are in it, and all its columns are among them."""
    columns = {voter.name: voter.content for voter in annotators}
    return all(columns.get(name) == fingerprint for name, fingerprint in calibration.columns.items())
