"""What paid endpoints have cost a corpus: one account per annotator, `costs/NAME.json`.

All actors of all runs book into it (`specialists.spending`), so that a budget is one of the corpus. A corpus on an
object store has no file that actors could lock: there each actor keeps its own account, and a budget is each actor's.
"""

from collections.abc import Mapping
from pathlib import Path

from shards.store import LocalStore, Store
from specialists.openai_settings import OpenAiSettings
from specialists.spending import Spent, read_spent
from stages.annotate.build import Annotator
from stages.annotate.describer import DescriptionsSettings

FOLDER = "costs"


def with_account(annotator: Annotator, name: str, store: Store) -> Annotator:
    """The annotator, told where to keep its account; others as they are."""
    if not isinstance(annotator, DescriptionsSettings) or not isinstance(store, LocalStore):
        return annotator
    specialist = annotator.specialist
    if not isinstance(specialist, OpenAiSettings) or specialist.account is not None:
        return annotator
    account = str(Path(store.url) / FOLDER / f"{name}.json")
    return annotator.model_copy(update={"specialist": specialist.model_copy(update={"account": account})})


def accounts(annotators: Mapping[str, Annotator], store: Store) -> dict[str, tuple[Spent, OpenAiSettings]]:
    """What was spent so far, by annotator that has an account, and its settings."""
    told = {name: with_account(annotator, name, store) for name, annotator in annotators.items()}
    paid = {
        name: annotator.specialist
        for name, annotator in told.items()
        if isinstance(annotator, DescriptionsSettings) and isinstance(annotator.specialist, OpenAiSettings)
    }
    return {name: (read_spent(Path(of.account)), of) for name, of in paid.items() if of.account is not None}


def cost_line(name: str, spent: Spent, settings: OpenAiSettings) -> str:
    """`describer: 57 requests, 20,411 + 4,096 tokens, 0.0112 at the configured prices`"""
    line = f"{name}: {spent.requests:,} requests, {spent.prompt_tokens:,} + {spent.completion_tokens:,} tokens"
    cost = price(spent, settings)
    limits = [f"of {limit:,} {what}" for limit, what in _limits(settings) if limit is not None]
    priced = f", {cost:.4f} at the configured prices" if cost else ""
    return line + priced + (f" ({', '.join(limits)})" if limits else "")


def price(spent: Spent, settings: OpenAiSettings) -> float:
    """At the configured prices, in their currency; 0 where there are none."""
    cost = spent.prompt_tokens * settings.prompt_price + spent.completion_tokens * settings.answer_price
    return cost / 1e6


def _limits(settings: OpenAiSettings) -> list[tuple[int | None, str]]:
    return [(settings.max_requests, "requests"), (settings.max_total_tokens, "tokens")]
