"""Prompts and the judgement of answers."""

from pathlib import Path

import numpy as np
import pytest

from specialists.description import Description, PromptSettings, check_description, fill, read_template
from specialists.roles import Context, MissingRequirementError


@pytest.mark.parametrize("granularity", ["detailed", "more_detailed"])
def test_the_shipped_templates_use_every_placeholder(granularity: str) -> None:
    template = read_template(PromptSettings(), granularity)  # type: ignore[arg-type]
    for name in ("$brief", "$regions", "$width", "$height"):
        assert name in template


def test_brief_texts_are_no_describers_work() -> None:
    with pytest.raises(ValueError, match="got 'brief': use a captioner"):
        read_template(PromptSettings(), "brief")


def test_a_template_that_is_not_there_or_asks_for_more_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MissingRequirementError, match=r"no prompt template at .*none.txt.*specialist.prompts.detailed"):
        read_template(PromptSettings(detailed=str(tmp_path / "none.txt")), "detailed")
    template = tmp_path / "mine.txt"
    template.write_text("$brief and $colour")
    with pytest.raises(ValueError, match=r"\$colour is not filled; there are \$brief, \$height"):
        read_template(PromptSettings(detailed=str(template)), "detailed")
    template.write_text("costs 5$")
    with pytest.raises(ValueError, match="writes a dollar sign"):
        read_template(PromptSettings(detailed=str(template)), "detailed")


def test_text_from_pictures_cannot_break_the_prompt() -> None:
    image = np.zeros((20, 10, 3), np.uint8)
    context = Context("costs $5 ${regions}", [("a\nsign: $width", (0.4, 1.5, 2.5, 3.6))] * 3)
    filled = fill("$brief|$regions|$width x $height", image, context, max_regions=2)
    assert filled == "costs $5 ${regions}|- a sign: $width (0, 2, 2, 4)\n- a sign: $width (0, 2, 2, 4)|10 x 20"
    assert fill("$brief|$regions", image, Context(" "), 5) == "(none)|(nothing)"


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (' "A dog\n runs." ', Description("A dog runs.", "")),
        ("'", Description("", "empty answer")),
        ("A dog is sorry.", Description("A dog is sorry.", "")),
        ("", Description("", "empty answer")),
        ("...", Description("", "empty answer")),
        ("I’m very sorry, no.", Description("", "refused: I’m very sorry, no.")),
        ("i cannot see it", Description("", "refused: i cannot see it")),
        ("Sorry, I have no picture.", Description("", "refused: Sorry, I have no picture.")),
    ],
)
def test_answers_are_trimmed_or_refused(text: str, answer: Description) -> None:
    assert check_description(text, PromptSettings()) == answer


def test_a_refusal_pattern_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="must be regular expressions, '\\(' is none"):
        PromptSettings(refusals=["("])
