"""What chat models put around an answer never reaches a corpus: cut off, or refused with a reason."""

import json
import time

import pytest

from specialists.chat_markup import strip_markup
from specialists.chat_politeness import strip_politeness
from specialists.description import Description, PromptSettings, check_description

TEXT = "A brown dog runs after a red ball on the grass."
NO_ANSWER = "thought, and wrote no answer"

THOUGHT = [
    f"<think>\nThe user wants a text.\n</think>\n\n{TEXT}",
    f"<think></think>{TEXT}",
    f"The user wants a text. Let me see.\n</think>\n\n{TEXT}",
    f"<think>one</think><think>two</think>{TEXT}",
    f"<thinking>I should say: </think> or so.</thinking>{TEXT}",
    f"<THINK>hm</THINK>{TEXT}",
    f"<reasoning effort='low'>hm</reasoning>\n{TEXT}",
    f"<thought>hm</thought>{TEXT}",
    f"[THINK]hm[/THINK]{TEXT}",
    f"◁think▷hm◁/think▷{TEXT}",
    f"<seed:think>hm</seed:think>{TEXT}",
    f"<|begin_of_thought|>hm<|end_of_thought|><|begin_of_solution|>{TEXT}<|end_of_solution|>",
    f"<think>hm</think><answer>{TEXT}</answer>",
    f"<think>hm</think><|begin_of_box|>{TEXT}<|end_of_box|>",
    f"<|channel|>analysis<|message|>A text.<|end|><|start|>assistant<|channel|>final<|message|>{TEXT}<|return|>",
    f"<|start|>assistant<|channel|>analysis<|message|>hm<|end|><|start|>assistant<|channel|>final<|message|>{TEXT}",
    f"analysisWe need to describe the picture in detail.assistantfinal{TEXT}",
    f"<|channel>thought\nhm<channel|>{TEXT}",
    f"<unused94>thought\nhm<unused95>{TEXT}",
    f"<|START_THINKING|>hm<|END_THINKING|><|START_RESPONSE|>{TEXT}<|END_RESPONSE|>",
    f"Thinking...\nhm\n...done thinking.\n\n{TEXT}",
    f'<details type="reasoning" done="true"><summary>Thought for 3 s</summary>\n> hm\n</details>\n{TEXT}',
    f"<internal_monologue>hm</internal_monologue>{TEXT}",
    f"<antThinking>hm</antThinking>\n<caption>{TEXT}</caption>",
    '<|channel|>final <|constrain|>json<|message|>{"description": "' + TEXT + '"}',
    f"```thinking\nhm\n```\n{TEXT}",
    f"Let me see.\n1. A dog\n2. Grass\n\n**Final answer:**\n{TEXT}",
    f"Okay, the user wants a text. I see a dog.\n\nFinal description: {TEXT}",
]
ENDED = [
    f"{TEXT}<|im_end|>",
    f"{TEXT}<|im_end|>\n<|im_start|>user\nAnd now?<|im_end|>",
    f"<|im_start|>assistant\n{TEXT}<|im_end|>",
    f"<|start_header_id|>assistant<|end_header_id|>\n\n{TEXT}<|eot_id|>",
    f"<start_of_turn>model\n{TEXT}<end_of_turn>",
    f"{TEXT}</s>",
    f"<s>{TEXT}</s>",
    f"{TEXT}<|endoftext|>Human: more",
    f"{TEXT}<|end|>",
    f"{TEXT}<end_of_utterance>",
    f"{TEXT}<｜end▁of▁sentence｜>",
    f"{TEXT} [/INST]",
    f"<s>[INST] Describe it. [/INST] {TEXT}</s>",
    f"{TEXT}<eos>",
    f"ASSISTANT: {TEXT}",
    f"USER: Describe it.\nASSISTANT: {TEXT}",
    f"{TEXT}\n\n### User:\nAnd now?",
    f"<|start_of_role|>assistant<|end_of_role|>{TEXT}<|end_of_text|>",
]
WRAPPED = [
    f"```\n{TEXT}\n```",
    f"```text\n{TEXT}\n```",
    f"~~~\n{TEXT}\n~~~",
    f"\\boxed{{{TEXT}}}",
    f"<image_description>{TEXT}</image_description>",
    "<p>A <b>brown</b> dog runs after a red ball on the grass.</p>",
    json.dumps({"image_description": TEXT, "confidence": "high"}),
    "```json\n" + json.dumps({"description": TEXT}) + "\n```",
    "```json\n" + json.dumps({"description": TEXT, "refusal": ""}, indent=2) + "\n```",
    "Here is the JSON:\n```json\n" + json.dumps({"caption": TEXT}) + "\n```\nDone.",
    "Here is the JSON:\n" + json.dumps({"caption": TEXT}),
    f"“{TEXT}”",
    json.dumps({"description": TEXT, "refusal": ""}),
    json.dumps({"description": TEXT, "refusal": None, "confidence": 0.9}),
    json.dumps({"my_own_name": TEXT}),
    json.dumps([{"text": TEXT}]),
    json.dumps([TEXT]),
    json.dumps({"objects": ["dog"], "caption": TEXT, "mood": "happy"}),
    "<think>hm</think>\n```json\n" + json.dumps({"description": TEXT}) + "\n```<|im_end|>",
]
DAMAGED = [
    "A brown dog runs\0 after a red ball on the grass.",
    f"\ufeff\x00{TEXT}\x07\x1b",
    f"{TEXT}\ud83d",
    f"\x1b[31m{TEXT}\x1b[0m",
]


@pytest.mark.parametrize("text", [TEXT, *THOUGHT, *ENDED, *WRAPPED, *DAMAGED])
def test_the_answer_alone_is_left(text: str) -> None:
    assert check_description(text, PromptSettings()) == Description(TEXT, "")


@pytest.mark.parametrize(
    "text",
    [
        "<think>The user wants a text that",
        "<|channel|>analysis<|message|>We need a text that",
        "<think>hm</think>",
        "[THINK]hm",
        "<|channel|>analysis<|message|>hm<|end|>",
        "\0\0",
        "<|im_end|>",
        "```json\n{}\n```",
        '{"description": "", "refusal": ""}',
        '{"description": "A brown dog',
        '{"boxes": [1, 2]}',
        '{"first": "a dog", "second": "a cat"}',
        "[1, 2, 3]",
        f"{TEXT} <tool_call>look</tool_call>",
        f"{TEXT} <think>or is it a cat",
        "null",
        "{'description': 'A brown dog runs.'}",
        f"{TEXT}<0x0A>",
        f"{TEXT}</section>",
        "[TOOL_CALLS] look",
        "<error>overloaded</error>",
        "<html><body><h1>502 Bad Gateway</h1></body></html>",
        "[Content removed]",
        "Internal server error",
        "Error: the content is blocked",
        "Your account has insufficient credits.",
        "undefined",
        "No.",
        '{"name": "describe_image", "arguments": {"text": "A brown dog runs."}}',
        '{"function": "describe", "parameters": {}}',
        f"```json\n{{}}\n```\n```\n{TEXT}\n```",
        f"Okay, the user wants a detailed description of this image. {TEXT}",
        f"We need to describe the image. {TEXT}",
        "[" * 100_000,
        '{"a":' * 50_000,
    ],
)
def test_where_there_is_no_answer_the_reason_is_said(text: str) -> None:
    answer = check_description(text, PromptSettings())
    assert answer.text == ""
    assert answer.problem


@pytest.mark.parametrize(
    "text",
    [
        "\n" * 30_000,
        "<think></think>" + "\n" * 30_000,
        "assistant" + "\n" * 30_000,
        "<think>" * 10_000,
        "{" * 30_000,
        "```" * 20_000,
        "\\boxed{" * 20_000,
    ],
)
def test_an_answer_that_never_ends_is_judged_at_once(text: str) -> None:
    began = time.monotonic()
    check_description(text + "x", PromptSettings())
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("text", ["<think>The user", "<|channel|>analysis<|message|>We", "[THINK]hm"])
def test_thinking_that_was_cut_off_is_no_answer(text: str) -> None:
    assert strip_markup(text).problem.startswith(NO_ANSWER)


def test_a_structured_refusal_is_one() -> None:
    answer = check_description('{"description": "", "refusal": "There is a person in it."}', PromptSettings())
    assert answer == Description("", "refused: There is a person in it.")


@pytest.mark.parametrize(
    "text",
    [
        "A sign says <STOP> in red letters.",
        "The label reads [NEW] and costs 5 < 6 dollars.",
        "A keyboard with the keys { and } beside [ and ].",
        "[A] marks the spot where a man stands.",
        "{curly} is written on a wall.",
        "Code on a screen shows x = y;",
        "A thinking man sits on a bench. <3 is on his shirt.",
        "Analysis of a final: two players shake hands.",
    ],
)
def test_what_only_looks_like_markup_stays(text: str) -> None:
    assert check_description(text, PromptSettings()) == Description(text, "")


POLITE = [
    f"Sure! Here is a detailed description of the image:\n\n{TEXT}",
    f"Sure, here's the description: {TEXT}",
    f"Certainly! {TEXT}",
    f"Of course! Below is a description of the picture.\n\n{TEXT}",
    f"Here is a caption for the image:\n{TEXT}",
    f"**Description:** {TEXT}",
    f"Response: {TEXT}",
    f"### Answer ###\n{TEXT}",
    f"Okay, let me describe the image. {TEXT}",
    f"I'll take a look at the picture.\n\n{TEXT}",
    f"### Image Description\n\n{TEXT}",
    f"Detailed description:\n{TEXT}",
    f"I'd be happy to help! Here's a description of the image:\n\n{TEXT}",
    f"Here's what I see:\n{TEXT}",
    f"{TEXT}\n\nLet me know if you need more details!",
    f"{TEXT} I hope this helps!",
    f"{TEXT}\n\n---\nWould you like me to add anything?",
    f"Natürlich! Hier ist eine Beschreibung des Bildes:\n\n{TEXT}",
    f"Bien sûr ! Voici une description de l'image :\n{TEXT}",
    f"¡Claro! Aquí tienes una descripción:\n\n{TEXT}",
    f"Certo! Ecco una descrizione dell'immagine:\n{TEXT}",
    f"Claro! Aqui está uma descrição da imagem:\n{TEXT}\n\nEspero que ajude!",
    f"Конечно! Вот описание изображения:\n\n{TEXT}",
    f"好的，以下是图片的描述：\n{TEXT}",
    f"もちろんです。以下は画像の説明です：\n{TEXT}",
    f"물론입니다! 다음은 이미지 설명입니다:\n{TEXT}",
    f'"{TEXT}"',
    f"**{TEXT}**",
]


@pytest.mark.parametrize("text", POLITE)
def test_politeness_is_cut_off(text: str) -> None:
    assert check_description(text, PromptSettings()) == Description(TEXT, "")


@pytest.mark.parametrize(
    "text",
    [
        "This is a photograph of a dog. It runs.",
        "This is a dog.\nIt runs over the grass.",
        "Great white sharks swim below a boat.",
        "Sure-footed goats climb a rock.",
        "Below is a river: it is wide and brown.",
        "Here are three dogs. Two of them sleep.",
        "Certainly the largest of the birds, an ostrich, stands left.",
        "A text on the wall: please let me know.",
        "A man holds a sign. If you need help, call, says the sign.",
        "Okay written in red on a wall.",
        "Response times stand on a screen: two are red.",
        "Text covers the wall: two men read it.",
        "Das ist ein Hund. Er läuft.",
        "The user interface of a phone. We need to go, says a sign on it.",
        "Two men wait for the final answer: the screen shows it.",
    ],
)
def test_what_only_sounds_polite_stays(text: str) -> None:
    assert strip_politeness(text) == text


def test_known_refusals_can_be_switched_off() -> None:
    text = "No pictures were provided by the museum, says the sign"
    assert check_description(text, PromptSettings()).problem.startswith("refused: No pictures")
    assert check_description(text, PromptSettings(known_refusals=False)) == Description(text, "")
