"""What a chat model puts around its answer, cut off by rule: thinking, control tokens, fences, politeness.

Comes in: the text as a model or an endpoint gave it. Goes out: the answer alone, or the reason why there is none:

    <think>The user wants ...</think>A brown dog runs.<|im_end|>      ->  A brown dog runs.
    ```json {"description": "A brown dog runs.", "refusal": ""} ```   ->  A brown dog runs.
    <think>The user wants                                             ->  problem: thought, and wrote no answer

Where a text holds more of such markup than the rules know, it is refused: what is in a corpus is learned.
"""

import json
import re
import unicodedata
from typing import NamedTuple

TEXT_FIELDS = ("description", "caption", "text", "answer", "response", "content", "output", "final_answer", "result")
"""Of a JSON object that holds the text, the first of these that it has; an object with one text needs none of them."""
REFUSAL_FIELD = "refusal"
_TEXT_NAME = re.compile(r"(?:description|caption)\Z", re.IGNORECASE)

_TAGS = "think|thinking|thought|thoughts|reasoning|reason|reflection|scratchpad|analysis|seed:think"
_THINKING = [
    (re.compile(rf"<({_TAGS})\b[^<>]*>", re.IGNORECASE), re.compile(rf"</({_TAGS})\s*>", re.IGNORECASE)),
    (re.compile(r"\[THINK\]"), re.compile(r"\[/THINK\]")),
    (re.compile("◁think▷"), re.compile("◁/think▷")),
    (re.compile(r"<\|begin_of_thought\|>"), re.compile(r"<\|end_of_thought\|>")),
    (re.compile(r"<\|channel>thought\b"), re.compile(r"<channel\|>")),
    (re.compile(r"<unused\d+>\s*thought\b"), re.compile(r"<unused\d+>(?!\s*thought\b)")),
    (re.compile(r"<\|(?:START_THINKING|thinking|think)\|>"), re.compile(r"<\|(?:END_THINKING|/thinking|/think)\|>")),
    (re.compile(r"\A\s*Thinking\.\.\.\s"), re.compile(r"\.\.\.done thinking\.?")),
]
"""(begins, ends) of thinking, as Qwen, DeepSeek, GLM, Magistral, Kimi, Seed, Gemma, MedGemma, Command, the
ollama command and many tuned models write it."""
_FORMATTING = "b|i|u|em|strong|span"
_PARAGRAPH = "p|div|br|h[1-6]"
_BLOCK_BEFORE = re.compile(
    rf"\A\s*<(?!(?:{_FORMATTING}|{_PARAGRAPH})\b)([A-Za-z][\w:.-]*)(?:\s[^<>]*)?>.*?</\1\s*>(?=\s*\S)", re.DOTALL
)
"""Something in tags of whatever name before the answer is thinking, too."""
_HARMONY_FINAL = re.compile(r"<\|channel\|>\s*final\b[^<]*(?:<\|constrain\|>[^<]*)?<\|message\|>")
_HARMONY = re.compile(r"<\|(?:channel|message|start)\|>")
_PLAIN_HARMONY = re.compile(r"\A(?:analysis|commentary)(?=\S).*?assistant\s*final(?=\S)", re.DOTALL)
"""gpt-oss where a server has taken the control tokens out and left the words between them."""
_FENCED_THINKING = re.compile(
    r"\A\s*(```|~~~)(?:think(?:ing)?|thoughts?|reasoning|analysis|scratchpad)[ \t]*\n.*?\1(?=\s*\S)",
    re.DOTALL | re.IGNORECASE,
)
_FINAL = re.compile(
    r"(?:\A|\n)[ \t>#*_]*final[ \t](?:answer|description|caption|output|response|text)[ \t*_]*:[ \t*_]*(?=\s*\S)",
    re.IGNORECASE,
)
"""What stands before such a label is how the model came to it."""
_ALOUD = re.compile(
    r"\A\s*(?:(?:okay|ok|alright|so|hmm+|well|first)[,.]?\s+)*(?:the user (?:wants|asks?|asked|is asking|has asked"
    r"|requests?|requested|provided|has provided|uploaded|shared|gave)|(?:we|i) (?:need|have|should|must)(?: to)?"
    r" (?:describe|write|produce|provide|generate|create|output|caption)) ",
    re.IGNORECASE,
)
"""Thinking that nothing tells from the answer."""
_ANSWER_TAG = re.compile(
    r"<(answer|output|response|result|final|final_answer|text|paragraph|assistant|(?:\w+_)?(?:description|caption))>"
    r"(.*?)(?:</\1>|\Z)",
    re.DOTALL | re.IGNORECASE,
)
_BOXED = re.compile(r"\$*\\boxed\{(?:\\text\{)?(.*?)\}?\}\$*", re.DOTALL)
_BOXES = re.compile(r"<\|(?:(?:begin|end)_of_(?:box|solution)|(?:START|END)_(?:RESPONSE|TEXT))\|>")
_TAGGED_FORMAT = re.compile(rf"</?(?:{_FORMATTING})(?:\s[^<>]*)?/?>", re.IGNORECASE)
_TAGGED_PARAGRAPH = re.compile(rf"</?(?:{_PARAGRAPH})(?:\s[^<>]*)?/?>", re.IGNORECASE)
_TURN = re.compile(
    r"\A\s*(?:(?:<\|im_start\|>|<\|start_header_id\|>|<start_of_turn>|<\|start\|>|<\|start_of_role\|>)\s*)?"
    r"(?:(?:assistant|model)\s*(?:<\|end_header_id\|>|<\|end_of_role\|>|<\|im_sep\|>|\n)|(?:###\s*)?(?:assistant|ASSISTANT"
    r"|Assistant):)\s*"
)
_NEXT_TURN = re.compile(r"\n[ \t]*(?:#+[ \t]*)?(?:USER|User|HUMAN|Human|### Instruction)[ \t]*:.*\Z", re.DOTALL)
"""What servers without a chat template let a model write on: the next question."""
_END = re.compile(
    r"<\|(?:im_end|im_start|eot_id|eom_id|end|endoftext|end_of_text|end_of_turn|return|user|assistant|system|eos|eom"
    r"|start_header_id|observation|END_OF_TURN_TOKEN|end_of_sentence)\|>|<｜[^｜<>]{1,30}｜>"
    r"|</s>|<s>|<eos>|<bos>|<pad>|<end_of_turn>|<start_of_turn>|<end_of_utterance>|<EOS_TOKEN>|\[/?INST\]|<\|END_OF_\w+\|>"
)
"""Where an answer ends; what a server that missed it let the model write after it is another turn."""
_LEFT = re.compile(
    r"<\|[^|<>\n]{1,40}\|>|<｜|</?(?:think|thinking|tool_call|function|image|img|s)\b[^<>]*>|\[/?INST\]|◁/?think▷"
    r"|</[A-Za-z][\w:.-]*\s*>|<(?:unused\d+|fim_\w+|0x[0-9A-F]{2}|mask|unk)>|\[(?:TOOL_CALLS|AVAILABLE_TOOLS|IMG)\]|```|~~~|\\boxed\{"
)
_FENCE = re.compile(r"(```|~~~)[\w+-]*[ \t]*\n?(.*?)(?:\1|\Z)", re.DOTALL)


_INTRODUCED_JSON = re.compile(r"\A[^\n{}\[\]]{0,120}:\s*(?=[{\[]\s*[\"{\[])")
_CALL = {"arguments", "parameters", "tool_calls", "function_call"}


class Stripped(NamedTuple):
    """The text, or why there is none; one of the two is ""."""

    text: str
    problem: str


def strip_markup(text: str) -> Stripped:
    """The answer in `text`, line breaks kept."""
    answer, problem = _without_thinking(_ECHO.sub("", _readable(text)))
    if problem:
        return Stripped("", problem)
    answer = _cut_turns(_BOXES.sub(" ", answer))
    if tagged := _ANSWER_TAG.fullmatch(answer.strip()):
        answer = tagged[2]
    if boxed := _BOXED.fullmatch(answer.strip()):
        answer = boxed[1]
    answer, problem = _unwrapped(answer.strip())
    if problem:
        return Stripped("", problem)
    answer = _TAGGED_PARAGRAPH.sub("\n", _TAGGED_FORMAT.sub("", answer))
    if left := _LEFT.search(answer):
        return Stripped("", f"the answer holds the control token {left[0]}")
    return Stripped(answer, "")


def _readable(text: str) -> str:
    """Without NUL and other control characters, halves of surrogate pairs and marks that turn the writing direction:
    none of them can be meant. Blanks of all kinds stay."""
    text = _TERMINAL.sub("", text)
    kept = (letter for letter in text if letter.isspace() or unicodedata.category(letter) not in _NO_TEXT)
    return _DIRECTIONS.sub("", "".join(kept))


_TERMINAL = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\))")
"""Colours and titles: without their first letter the rest would stay."""
_DIRECTIONS = re.compile("[\u202a-\u202e\u2066-\u2069\ufeff]")
_NO_TEXT = frozenset({"Cc", "Cs", "Co", "Cn"})


_ECHO = re.compile(
    r"\A\s*(?:<s>\s*)?(?:\[INST\].*\[/INST\]|(?:USER|User|Human):.*?\s(?:ASSISTANT|Assistant):)", re.DOTALL
)
"""The prompt, which a server without a chat template gives back before the answer."""


def _without_thinking(text: str) -> tuple[str, str]:
    """The text after its thinking; or a problem, if nothing else is there."""
    if final := list(_HARMONY_FINAL.finditer(text)):
        text = text[final[-1].end() :]
    elif _HARMONY.search(text):
        return "", "thought, and wrote no answer: raise the limit of tokens, or have the model think less"
    text = _FENCED_THINKING.sub("", _PLAIN_HARMONY.sub("", text, count=1), count=1)
    for begins, ends in _THINKING:
        if closed := list(ends.finditer(text)):  # templates open the block in the prompt: only its end is in the answer
            text = _kept(text, begins, ends) if begins.search(text) else text[closed[-1].end() :]
        if opened := begins.search(text):
            if text[: opened.start()].strip():
                return "", f"the answer holds the control token {opened[0]}"
            return "", "thought, and wrote no answer: raise the limit of tokens, or have the model think less"
    while (block := _BLOCK_BEFORE.match(text)) and not _ANSWER_TAG.fullmatch(text.strip()):
        text = text[block.end() :]
    if final := list(_FINAL.finditer(text)):
        text = text[final[-1].end() :]
    return ("", "thought aloud, and nothing tells that from the answer") if _ALOUD.match(text) else (text, "")


def _kept(text: str, begins: "re.Pattern[str]", ends: "re.Pattern[str]") -> str:
    """What stands outside of the blocks; after an end without a beginning, what follows it."""
    at, parts = 0, []
    while opened := begins.search(text, at):
        closed = ends.search(text, opened.end())
        if closed is None:
            break
        parts.append(text[at : opened.start()])
        at = closed.end()
    rest = text[at:]
    if loose := list(ends.finditer(rest)):
        return rest[loose[-1].end() :]
    return "".join([*parts, rest])


def _cut_turns(text: str) -> str:
    text = _NEXT_TURN.sub("", _TURN.sub("", text))
    while (end := _END.match(text.lstrip())) is not None:  # a beginning, not an end
        text = _TURN.sub("", text.lstrip()[end.end() :])
    end = _END.search(text)
    return text[: end.start()] if end else text


def _unwrapped(text: str) -> tuple[str, str]:
    """What a fence or a JSON object holds, where the whole answer is one."""
    fence = _FENCE.search(text)
    if fence is not None:
        before, after = text[: fence.start()].strip(), text[fence.end() :].strip()
        if len(before) + len(after) < len(fence[2]):  # politeness around it, not an answer of its own
            text = fence[2].strip()
    text = _INTRODUCED_JSON.sub("", text)
    if text[:1] not in ("{", "["):
        return text, ""
    try:
        content = json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return (
            ("", "the answer is damaged JSON")
            if re.match(r"""[{\[]\s*(?:["{\[]|'[^'\n]*'\s*:)""", text)
            else (text, "")
        )
    return _text_of(content)


def _text_of(content: object) -> tuple[str, str]:
    if isinstance(content, list) and len(content) == 1:
        content = content[0]
    if isinstance(content, str):
        return content.strip(), ""
    if not isinstance(content, dict):
        return "", "the answer is JSON that holds no text"
    if content.keys() & _CALL:
        return "", "the answer calls a tool"
    refusal = content.get(REFUSAL_FIELD)
    texts = {name: value.strip() for name, value in content.items() if isinstance(value, str) and value.strip()}
    refusal = texts.pop(REFUSAL_FIELD, "") if isinstance(refusal, str) else ""
    for name in TEXT_FIELDS:
        if name in texts:
            return texts[name], ""
    named = [value for name, value in texts.items() if _TEXT_NAME.search(str(name))]
    if len(named) == 1:
        return named[0], ""
    if len(texts) == 1:
        return next(iter(texts.values())), ""
    if refusal:
        return "", f"refused: {refusal[:100]}"
    return "", f"the answer is JSON without one text (it has {', '.join(map(str, content)) or 'nothing'})"
