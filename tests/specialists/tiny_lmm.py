"""A LLaVA of random weights in `save_pretrained` form: transformers' own classes, only narrower."""

from pathlib import Path
from typing import Any

IMAGE_SIZE = 32
TEMPLATE = (
    "{% for message in messages %}{{ message['role'] }}: {% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<image>{% else %}{{ part['text'] }}{% endif %}{% endfor %}"
    "{% endfor %}{% if add_generation_prompt %} assistant: {% endif %}"
)


def save_tiny_llava(folder: Path, ends: int = 1, seed: int = 0) -> Path:
    """Write the checkpoint to `folder` and return it. `ends`: how many of the tokens end an answer; with one, random
    weights never stop, with many they do after a few letters."""
    import torch
    import transformers

    library: Any = transformers
    tokenizer = _letters()
    config = library.LlavaConfig(
        vision_config=library.CLIPVisionConfig(image_size=IMAGE_SIZE, patch_size=8, **_sizes()),
        text_config=library.LlamaConfig(vocab_size=len(tokenizer), max_position_embeddings=4096, **_sizes()),
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
        vision_feature_layer=-1,
    )
    torch.manual_seed(seed)
    model = library.LlavaForConditionalGeneration(config).eval()
    model.generation_config.eos_token_id = [tokenizer.eos_token_id, *range(5, 4 + ends)]
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    model.save_pretrained(folder)
    side = {"height": IMAGE_SIZE, "width": IMAGE_SIZE}
    library.LlavaProcessor(
        image_processor=library.CLIPImageProcessor(size={"shortest_edge": IMAGE_SIZE}, crop_size=side),
        tokenizer=tokenizer,
        patch_size=8,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=TEMPLATE,
    ).save_pretrained(folder)
    return folder


def _sizes() -> dict[str, int]:
    return {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 2}


def _letters() -> Any:
    """One token per printable ASCII character."""
    import transformers
    from tokenizers import Regex, Tokenizer, models, pre_tokenizers

    library: Any = transformers
    tokens = ["<pad>", "<s>", "</s>", "<unk>", "<image>", *map(chr, range(32, 127)), "\n"]
    letters = Tokenizer(models.WordLevel({token: index for index, token in enumerate(tokens)}, unk_token="<unk>"))
    letters.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), behavior="isolated")
    return library.PreTrainedTokenizerFast(
        tokenizer_object=letters,
        pad_token="<pad>",
        bos_token="<s>",
        eos_token="</s>",
        unk_token="<unk>",
        extra_special_tokens={"image_token": "<image>"},
    )
