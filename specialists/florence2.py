"""Florence-2 as captioner, detector and grounder (transformers' native classes; Xiao et al. 2024, arXiv 2311.06242).

Each role asks its own question (`florence2_format`) of one `florence2_model`; `florence2_answers` turns the answers
into the role's output. Scores come from token probabilities: a caption's from all tokens, a box's from its label and
location tokens, a phrase's from the phrase's tokens; always the geometric mean.
"""

from typing import Annotated, Literal

from pydantic import Field

from shards.finding import Granularity, Span
from shards.settings import OnDisk
from specialists.decoding import Decoding
from specialists.devices import loaded
from specialists.florence2_answers import read_boxes, read_caption, read_phrases
from specialists.florence2_format import CAPTION_TASKS, PROMPTS, clean_text, prompt
from specialists.florence2_model import NEAR_BINS, Florence2Model, Search, shared_model
from specialists.roles import Detections, Fingerprint, Image, Phrase, ScoredCaption, check_images
from specialists.weights import ModelSettings, identity, library, local_path, locate

SPARE_TOKENS = 8
"""A text can take a few more tokens inside its prompt than alone: other spaces at its ends are other tokens."""

DetectorTask = Literal["<OD>", "<DENSE_REGION_CAPTION>", "<REGION_PROPOSAL>"]


class Florence2Settings(ModelSettings):
    """What all roles of a Florence-2 share."""

    backend: Literal["florence2"] = Field("florence2", description="Florence-2, transformers' native classes")
    weights: Annotated[str, OnDisk("revision")] = Field(
        "embedded:florence2-nano", min_length=1, description="checkpoint folder, embedded:NAME, or hub id with revision"
    )
    num_beams: int = Field(1, ge=1, description="beams; the released checkpoints come with 3")
    max_new_tokens: int = Field(1024, ge=1, description="cut answers here; a box takes 4 tokens and its label's")
    batch_size: int = Field(16, ge=1, description="images encoded and answers generated at a time")


class Florence2CaptionerSettings(Florence2Settings):
    """Florence-2 answering <CAPTION>, <DETAILED_CAPTION> and <MORE_DETAILED_CAPTION>.

    The released checkpoints come with 3 beams, no_repeat_ngram_size 3, early_stopping true; here they are a choice."""

    no_repeat_ngram_size: int = Field(
        0, ge=0, description="a run of so many tokens is written once at most; 0: may be repeated; released models: 3"
    )
    early_stopping: bool = Field(
        False, description="beams end with the first num_beams texts, not the best; released models: true"
    )


class Florence2DetectorSettings(Florence2Settings):
    """Florence-2 answering one of its detection questions."""

    task: DetectorTask = Field(
        "<OD>", description="<OD>: categories, <DENSE_REGION_CAPTION>: phrases, <REGION_PROPOSAL>: boxes without label"
    )


class Florence2GrounderSettings(Florence2Settings):
    """Florence-2 answering <CAPTION_TO_PHRASE_GROUNDING>."""


class _Florence2:
    """Loading, closing and the facts of a fingerprint. decoding: where it is more than beams and a limit."""

    def __init__(self, settings: Florence2Settings, decoding: Decoding | None = None) -> None:
        self._settings = settings
        self._decoding = decoding or Decoding(settings.num_beams, settings.max_new_tokens)
        self._search = Search(self._decoding, settings.batch_size)
        self._loaded: Florence2Model | None = None

    def load(self) -> None:
        """Reads the checkpoint, or shares it with another role of this process that reads the same."""
        of = self._settings
        self._loaded = shared_model(locate(of.backend, of.weights, of.revision), of.device, of.dtype)

    def close(self) -> None:
        """Lets go of the model; its memory is free when no other role uses it."""
        self._loaded = None

    @property
    def _model(self) -> Florence2Model:
        return loaded(self._settings.backend, self._loaded)

    def _facts(self, prompts: list[str]) -> Fingerprint:
        of = self._settings
        return {
            "backend": of.backend,
            "library": library(of.backend, "transformers"),
            "weights": identity(of.backend, of.weights, of.revision),
            "dtype": of.stated_dtype,
            **self._decoding.facts(local_path(of.backend, of.weights, of.revision)),
            "prompts": prompts,
            "near_bins": NEAR_BINS,
        }


class Florence2Captioner(_Florence2):
    """Texts of three granularities. Score: geometric mean probability of the text's tokens and its end."""

    def __init__(self, settings: Florence2CaptionerSettings) -> None:
        of = settings
        super().__init__(of, Decoding(of.num_beams, of.max_new_tokens, of.no_repeat_ngram_size, of.early_stopping))

    def caption(self, images: list[Image], granularity: Granularity) -> list[ScoredCaption]:
        """One text per image; images may be crops. A text that reaches max_new_tokens is returned cut off."""
        check_images(images)
        questions = [[prompt(CAPTION_TASKS[granularity])] for _ in images]
        answers = self._model.answer(images, questions, self._search)
        return [read_caption(answer) for [answer] in answers]

    def fingerprint(self) -> Fingerprint:
        """Needs no `load`."""
        return self._facts([PROMPTS[task] for task in CAPTION_TASKS.values()])


class Florence2Detector(_Florence2):
    """Labelled boxes. Score: geometric mean probability of the label's and the box's tokens."""

    def __init__(self, settings: Florence2DetectorSettings) -> None:
        super().__init__(settings)
        self._task = settings.task

    def detect(self, images: list[Image]) -> list[Detections]:
        """Boxes in the order of the answer; corners are ordered where the model wrote them the wrong way round."""
        check_images(images)
        answers = self._model.answer(images, [[prompt(self._task)] for _ in images], self._search)
        return [read_boxes(answer, *_size(image)) for [answer], image in zip(answers, images, strict=True)]

    def fingerprint(self) -> Fingerprint:
        """Needs no `load`."""
        return self._facts([PROMPTS[self._task]])


class Florence2Grounder(_Florence2):
    """Phrases of a text and their boxes. Phrase score from the phrase's tokens, box score from its location tokens.

    The phrase is the model's choice; it is looked for in the text (`florence2_answers.read_phrases`). A text longer
    than the encoder's positions is asked about in parts, cut at the end of a sentence or word.
    """

    def ground(self, images: list[Image], texts: list[str]) -> list[list[Phrase]]:
        """Phrases in the order of the text; a text without anything to ask about has none."""
        check_images(images)
        parts = [self._parts(text) for text in texts]
        questions = [[prompt("<CAPTION_TO_PHRASE_GROUNDING>", part) for _, part in some] for some in parts]
        answers = self._model.answer(images, questions, self._search)
        return [
            [
                phrase
                for (at, part), answer in zip(some, found, strict=True)
                for phrase in read_phrases(answer, *_size(image), part, at)
            ]
            for some, found, image in zip(parts, answers, images, strict=True)
        ]

    def fingerprint(self) -> Fingerprint:
        """Needs no `load`."""
        return self._facts([PROMPTS["<CAPTION_TO_PHRASE_GROUNDING>"]])

    def _parts(self, text: str) -> list[tuple[int, str]]:
        """The parts of a text that can be asked about, with their offsets."""
        model = self._model
        question = model.token_offsets(PROMPTS["<CAPTION_TO_PHRASE_GROUNDING>"])
        return split_text(text, model.token_offsets(text), max(1, model.prompt_room - len(question) - SPARE_TOKENS))


def split_text(text: str, tokens: list[Span], room: int) -> list[tuple[int, str]]:
    """Parts of `text` of at most `room` tokens each, with their offsets: cut after the last sentence that fits, else
    before the last word, else anywhere. Parts without a letter or digit are left out."""
    parts, first = [], 0
    while first < len(tokens):
        last = min(first + room, len(tokens))
        if last < len(tokens):
            starts = range(last, first, -1)
            sentence = next((i for i in starts if text[: tokens[i][0]].rstrip()[-1:] in ".!?"), None)
            word = next((i for i in starts if text[tokens[i][0]].isspace() or text[tokens[i][0] - 1].isspace()), None)
            last = sentence or word or last
        start, end = tokens[first][0], tokens[last - 1][1]
        if any(letter.isalnum() for letter in clean_text(text[start:end])):
            parts.append((start, text[start:end]))
        first = last
    return parts


def _size(image: Image) -> tuple[int, int]:
    """Width and height."""
    return image.shape[1], image.shape[0]
