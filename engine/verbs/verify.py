"""`fld verify`: what `engine/api/verify.py` found, a line each."""

from engine.api import verify as api
from engine.console.terminal import out, styled
from engine.verbs.printing import printer
from shards.verify import VerifyReport


def verify(corpus: str, *, repair: bool, sample: float = 1.0) -> None:
    """Print what is damaged. Raises DamageError if something is, and `repair` did not mend it."""
    others = printer(corpus)

    def tell(part: object) -> None:
        if isinstance(part, VerifyReport):
            _print(part)
        else:
            others(part)

    done = api.verify(corpus, repair=repair, sample=sample, tell=tell)
    done.check()
    if done.is_repaired:
        out.print("Repaired: every unit was read again and is as its manifest says.")


def _print(report: VerifyReport) -> None:
    """What was found."""
    for damage in report.damages:
        out.print(styled("red", "damaged"), str(damage))
    for orphan in report.orphans:
        out.print(styled("yellow", "left over"), f"{orphan}: no manifest names it; the next run writes over it")
    for folder in report.unsealed:
        out.print(styled("yellow", "not checked"), f"{folder}: an older release trained it and left no checksums")
    sampled = "" if report.read == report.units else f", {report.read:,} of them by their checksums"
    out.print(f"{report.units:,} units{sampled}, {report.files:,} files, {report.bytes / 1e6:,.1f} MB read")
    for shard in report.unfinished:
        out.print(f"not finished images {shard}: it was planned and is not there")
