"""From the `device` and `dtype` of a specialist's settings to torch's own, checked against this machine."""

from typing import TYPE_CHECKING, Any, TypeVar

from specialists.roles import Image, MissingRequirementError, SpecialistError

if TYPE_CHECKING:
    import torch

T = TypeVar("T")


def pick_device(backend: str, device: str) -> "torch.device":
    """`auto` is the first GPU if torch sees one, else the CPU. Raises MissingRequirementError for a device that is
    not there, ValueError for a name torch does not know."""
    import torch

    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        chosen = torch.device(device)
    except RuntimeError as error:
        raise ValueError(f"{backend}: device must be auto, cpu, cuda, cuda:N or mps, got {device!r}") from error
    if chosen.type == "cuda" and (chosen.index or 0) >= torch.cuda.device_count():
        raise MissingRequirementError(
            f"{backend}: no device {device!r}, torch sees {torch.cuda.device_count()} GPUs: set device: auto or cpu"
        )
    if chosen.type == "mps" and not torch.backends.mps.is_available():
        raise MissingRequirementError(f"{backend}: torch sees no MPS device here: set device: auto or cpu")
    return chosen


def pick_dtype(name: str, device: "torch.device") -> "torch.dtype":
    """torch's dtype of that name ("float32", "bfloat16", "float16"); "auto": the fastest that `device` is good at."""
    import torch

    if name == "auto":
        if device.type != "cuda":
            return torch.float32
        with torch.cuda.device(device):
            has_bfloat16 = torch.cuda.is_bf16_supported(including_emulation=False)
        return torch.bfloat16 if has_bfloat16 else torch.float16
    dtype = getattr(torch, name)
    if not isinstance(dtype, torch.dtype):
        raise ValueError(f"dtype must name a torch dtype, got {name!r}")
    return dtype


def loaded(backend: str, model: T | None) -> T:
    """The model, or SpecialistError if `load()` was not called yet."""
    if model is None:
        raise SpecialistError(f"{backend}: call load() first")
    return model


def writable(images: list[Image]) -> list[Image]:
    """The images, read-only ones copied: torch warns about memory that it must not write to, and images that come
    from a shared object store are such."""
    return [image if image.flags.writeable else image.copy() for image in images]


def quiet_transformers() -> None:
    """No progress bars and no advice in a worker's log; warnings stay."""
    from transformers.utils import logging

    library_log: Any = logging
    library_log.disable_progress_bar()
