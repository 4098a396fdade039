"""Detectors of random weights, written as their libraries write checkpoints: DETR, RT-DETR, D-FINE and YOLO."""

from pathlib import Path
from typing import Any

LABELS = {0: "cat", 1: "dog", 2: "red car"}


def _backbone() -> Any:
    import transformers

    library: Any = transformers
    return library.ResNetConfig(
        embedding_size=8, hidden_sizes=[8, 12, 16, 16], depths=[1, 1, 1, 1], layer_type="basic", out_indices=[4]
    )


def _save(folder: Path, config: Any, processor: Any, seed: int) -> Path:
    import torch
    import transformers

    library: Any = transformers
    config.id2label, config.label2id = dict(LABELS), {name: index for index, name in LABELS.items()}
    torch.manual_seed(seed)
    model = library.AutoModelForObjectDetection.from_config(config)
    for weight in model.parameters():
        if weight.ndim == 2:  # the libraries' initialisation puts every box in the middle
            torch.nn.init.normal_(weight, std=0.4)
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def save_tiny_detr(folder: Path, seed: int = 0) -> Path:
    """Keeps the aspect ratio (short side 48, long side at most 96), one softmax over classes per query."""
    import transformers

    library: Any = transformers
    config = library.DetrConfig(
        use_timm_backbone=False,
        use_pretrained_backbone=False,
        backbone=None,
        backbone_config=_backbone(),
        num_queries=12,
        d_model=16,
        encoder_layers=1,
        decoder_layers=1,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=16,
        decoder_ffn_dim=16,
    )
    processor = library.DetrImageProcessor(size={"shortest_edge": 48, "longest_edge": 96})
    return _save(folder, config, processor, seed)


def save_tiny_rt_detr(folder: Path, seed: int = 0) -> Path:
    """Squeezes every image into one square, sigmoid scores, best queries first."""
    import transformers

    library: Any = transformers
    backbone = library.RTDetrResNetConfig(
        embedding_size=8,
        hidden_sizes=[8, 8, 12, 16],
        depths=[1, 1, 1, 1],
        layer_type="basic",
        out_indices=[2, 3, 4],
    )
    config = library.RTDetrConfig(
        backbone_config=backbone,
        encoder_hidden_dim=16,
        encoder_in_channels=[8, 12, 16],
        encoder_ffn_dim=16,
        encoder_layers=1,
        encoder_attention_heads=2,
        d_model=16,
        num_queries=10,
        decoder_in_channels=[16, 16, 16],
        decoder_ffn_dim=16,
        decoder_layers=1,
        decoder_attention_heads=2,
        num_denoising=0,
    )
    return _save(folder, config, library.RTDetrImageProcessor(size={"height": 64, "width": 64}), seed)


def save_tiny_d_fine(folder: Path, seed: int = 0) -> Path:
    """D-FINE: RT-DETR's head with distributions for edges, on HGNetV2."""
    import transformers

    library: Any = transformers
    backbone = library.HGNetV2Config(
        hidden_sizes=[8, 8, 12, 16],
        embedding_size=8,
        depths=[1, 1, 1, 1],
        stem_channels=[3, 8, 8],
        stage_in_channels=[8, 8, 8, 12],
        stage_mid_channels=[8, 8, 8, 8],
        stage_out_channels=[8, 8, 12, 16],
        stage_num_blocks=[1, 1, 1, 1],
        stage_numb_of_layers=[2, 2, 2, 2],
        out_indices=[2, 3, 4],
    )
    config = library.DFineConfig(
        backbone_config=backbone,
        encoder_hidden_dim=16,
        encoder_in_channels=[8, 12, 16],
        encoder_ffn_dim=16,
        encoder_layers=1,
        encoder_attention_heads=2,
        d_model=16,
        num_queries=10,
        decoder_in_channels=[16, 16, 16],
        decoder_ffn_dim=16,
        decoder_layers=2,
        decoder_attention_heads=2,
        num_denoising=0,
        decoder_n_points=[2, 2, 2],
        eval_idx=-1,
    )
    return _save(folder, config, library.RTDetrImageProcessor(size={"height": 64, "width": 64}), seed)


def save_tiny_yolo(folder: Path, seed: int = 0) -> Path:
    """A YOLO11 of a few channels; every anchor is about half sure, so that there is something to suppress."""
    import torch

    from specialists.ultralytics_yolo import quiet_library

    quiet_library()
    import ultralytics

    library: Any = ultralytics
    torch.manual_seed(seed)
    architecture = (Path(ultralytics.__file__).parent / "cfg/models/11/yolo11.yaml").read_text(encoding="utf-8")
    head, tail = architecture.split("scales:", 1)
    scales = "scales:\n  n: [0.10, 0.05, 64]\n" + tail[tail.index("\n# YOLO11n backbone") :]
    config = folder / "yolo11n.yaml"
    config.write_text(head.replace("nc: 80", f"nc: {len(LABELS)}") + scales, encoding="utf-8")
    model = library.YOLO(str(config), verbose=False)
    model.model.names = dict(LABELS)
    for module in model.model.modules():  # the statistics of an untrained net: without them every picture is the same
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = 0.5
    model.model.train()
    with torch.no_grad():
        for _ in range(6):
            model.model(torch.rand(4, 3, 64, 64))
        for boxes, classes in zip(model.model.model[-1].cv2, model.model.model[-1].cv3, strict=True):
            torch.nn.init.normal_(boxes[-1].weight, std=0.5)
            torch.nn.init.normal_(classes[-1].weight, std=0.5)
            torch.nn.init.zeros_(classes[-1].bias)
    model.model.eval()
    weights = folder / "tiny.pt"
    model.save(weights)
    return weights
