"""A Grounding DINO of groundingdino-py's own modules from an original checkpoint, on today's transformers.

Comes in: a .pth checkpoint ({"model": state dict}), its sizes, and a folder with the text encoder's configuration and
tokenizer. Goes out: the model in evaluation mode. groundingdino-py 0.4.0 does not run as it is; three things change:

- its text encoder calls methods that transformers 5 no longer has: `TextEncoder` below takes its place, with the same
  children, so the keys of the checkpoint stay;
- it wants the weights of the text encoder from its folder, only to overwrite them: here the checkpoint's are enough;
- several captions in one batch are wrong: masks are repeated in the wrong order (transformer_vanilla.py, `repeat`
  where torch.nn.MultiheadAttention wants each image's heads together). A hook repeats them rightly before.
"""

import contextlib
import io
import json
import pickle
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, ValidationError

from shards.settings import Settings
from specialists.roles import MissingRequirementError, SpecialistError
from specialists.weights import weight_file

if TYPE_CHECKING:
    import torch

BACKEND = "groundingdino"
ARCHITECTURE_FILE = "groundingdino.json"
NOT_LOADED = {"label_enc.weight", "bert.embeddings.position_ids"}
"""Keys of the released checkpoints that inference does not use; anything else that does not fit is an error."""


class GroundingDinoArchitecture(Settings):
    """Sizes, with the names and values of groundingdino/config/GroundingDINO_SwinT_OGC.py; SwinB differs in backbone
    only. What is not here is the same for every checkpoint."""

    backbone: Literal["swin_T_224_1k", "swin_B_384_22k"] = Field("swin_T_224_1k", description="image encoder")
    enc_layers: int = Field(6, ge=1, description="layers that fuse image and text")
    dec_layers: int = Field(6, ge=1, description="layers of the decoder")
    dim_feedforward: int = Field(2048, ge=1, description="width of feed-forward layers")
    nheads: int = Field(8, ge=1, description="attention heads")
    num_queries: int = Field(900, ge=1, description="boxes that are proposed")
    num_feature_levels: int = Field(4, ge=4, description="scales of the image")


def load_groundingdino(path: Path, text_encoder: Path) -> "torch.nn.Module":
    """The checkpoint at `path`: a file, or a folder with one and perhaps groundingdino.json (its sizes)."""
    file = weight_file(BACKEND, path)
    state = _read_state(file)
    model = build_groundingdino(_architecture(path, state), text_encoder)
    outcome = model.load_state_dict(state, strict=False)
    missing = sorted(outcome.missing_keys)
    unknown = sorted(set(outcome.unexpected_keys) - NOT_LOADED)
    if missing or unknown:
        raise SpecialistError(
            f"{BACKEND}: {file} does not fit its architecture: {len(missing)} keys missing (first:"
            f" {missing[:1]}), {len(unknown)} unknown (first: {unknown[:1]})"
        )
    return model.eval()


def build_groundingdino(architecture: GroundingDinoArchitecture, text_encoder: Path) -> "torch.nn.Module":
    """An untrained model on the CPU. `text_encoder`: folder with a BERT's config.json and its tokenizer."""
    arguments = SimpleNamespace(
        **architecture.model_dump(),
        modelname="groundingdino",
        hidden_dim=256,  # the library's position code of texts has this width whatever is asked for
        position_embedding="sine",
        pe_temperatureH=20,
        pe_temperatureW=20,
        return_interm_indices=[1, 2, 3],
        backbone_freeze_keywords=None,
        pre_norm=False,
        dropout=0.0,
        query_dim=4,
        num_patterns=0,
        enc_n_points=4,
        dec_n_points=4,
        two_stage_type="standard",
        two_stage_bbox_embed_share=False,
        two_stage_class_embed_share=False,
        transformer_activation="relu",
        dec_pred_bbox_embed_share=True,
        dn_box_noise_scale=1.0,
        dn_label_noise_ratio=0.5,
        dn_labelbook_size=2000,
        embed_init_tgt=True,
        max_text_len=256,
        text_encoder_type=str(text_encoder),
        use_text_enhancer=True,
        use_fusion_layer=True,
        use_checkpoint=False,  # gradient checkpoints only cost time here
        use_transformer_ckpt=False,
        use_text_cross_attention=True,
        text_dropout=0.0,
        fusion_dropout=0.0,
        fusion_droppath=0.1,
        sub_sentence_present=True,
    )
    _check_text_encoder(text_encoder)
    with quiet(), _todays_text_encoder():
        from groundingdino.models import build_model

        model: torch.nn.Module = build_model(arguments)
    _repeat_masks_per_image(model)
    return model


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """groundingdino prints, and warns of torch functions that are on their way out, in every layer of every call."""
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        for category in (FutureWarning, UserWarning, DeprecationWarning):
            warnings.simplefilter("ignore", category)
        yield


@contextlib.contextmanager
def _todays_text_encoder() -> Iterator[None]:
    """While the model is built, its module finds our text encoder under the names of its own."""
    from groundingdino.models.GroundingDINO import groundingdino as library
    from groundingdino.util import get_tokenlizer

    ours: list[tuple[Any, str, Any]] = [
        (library, "BertModelWarper", _text_encoder),
        (get_tokenlizer, "get_pretrained_language_model", _empty_bert),
    ]
    theirs = [getattr(module, name) for module, name, _ in ours]
    try:
        for module, name, replacement in ours:
            setattr(module, name, replacement)
        yield
    finally:
        for (module, name, _), original in zip(ours, theirs, strict=True):
            setattr(module, name, original)


def _empty_bert(folder: str) -> "torch.nn.Module":
    from transformers import BertConfig, BertModel

    config = BertConfig.from_pretrained(folder)
    return BertModel(config)


def _text_encoder(bert_model: Any) -> "torch.nn.Module":
    """The children of a BertModel under their own names, called with one mask per pair of tokens."""
    import torch

    class TextEncoder(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.config = bert_model.config
            self.embeddings = bert_model.embeddings
            self.encoder = bert_model.encoder
            self.pooler = bert_model.pooler

        def forward(
            self,
            input_ids: torch.Tensor,
            attention_mask: torch.Tensor,
            position_ids: torch.Tensor,
            token_type_ids: torch.Tensor,
        ) -> dict[str, torch.Tensor]:
            """attention_mask: bool [b, t, t], True where a token sees another. It is handed on as numbers to be added,
            which every attention implementation of transformers reads alike; some take True for + 1."""
            hidden = self.embeddings(input_ids=input_ids, position_ids=position_ids, token_type_ids=token_type_ids)
            nothing = torch.zeros(attention_mask.shape, dtype=hidden.dtype, device=hidden.device)
            added = nothing.masked_fill(~attention_mask, torch.finfo(hidden.dtype).min)
            return {"last_hidden_state": self.encoder(hidden, attention_mask=added[:, None])[0]}

    return TextEncoder()


def _repeat_masks_per_image(model: Any) -> None:
    for layer in model.transformer.encoder.text_layers:
        layer.register_forward_pre_hook(_repeat_mask, with_kwargs=True)


def _repeat_mask(layer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """src_mask [b, t, t] -> [b * heads, t, t], the heads of an image together. The layer repeats only what has the
    batch's length; with one head there is nothing to repeat."""
    mask = kwargs["src_mask"]
    return args, {**kwargs, "src_mask": mask.repeat_interleave(layer.nhead, dim=0)}


def _read_state(file: Path) -> "dict[str, torch.Tensor]":
    import torch

    try:
        content = torch.load(file, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
        reason = " ".join(str(error).split())[:200]
        raise SpecialistError(f"{BACKEND}: {file} is no checkpoint of tensors: {reason}") from error
    state = content.get("model", content) if isinstance(content, dict) else None
    if not isinstance(state, dict):
        raise SpecialistError(f'{BACKEND}: {file} must hold {{"model": state dict}}, got {type(content).__name__}')
    return {str(key).removeprefix("module."): value for key, value in state.items()}


def _architecture(path: Path, state: "dict[str, torch.Tensor]") -> GroundingDinoArchitecture:
    """From groundingdino.json beside the weights, else Swin-T or Swin-B by the width of the backbone."""
    beside = (path if path.is_dir() else path.parent) / ARCHITECTURE_FILE
    if beside.is_file():
        try:
            return GroundingDinoArchitecture.model_validate(json.loads(beside.read_bytes()))
        except (ValidationError, ValueError) as error:
            raise SpecialistError(f"{BACKEND}: {beside} is no Grounding DINO architecture: {error}") from error
    patches = state.get("backbone.0.patch_embed.proj.weight")
    wide = patches is not None and patches.shape[0] == 128
    return GroundingDinoArchitecture(backbone="swin_B_384_22k" if wide else "swin_T_224_1k")


def _check_text_encoder(folder: Path) -> None:
    tokenizer = any((folder / name).is_file() for name in ("tokenizer.json", "vocab.txt"))
    if not tokenizer or not (folder / "config.json").is_file():
        raise MissingRequirementError(
            f"{BACKEND}: text_encoder {folder} must hold config.json, and tokenizer.json or vocab.txt:"
            " give a BERT's folder"
        )
