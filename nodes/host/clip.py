"""The host's CLIP vision tower: loaded from any of its files, and fed with pixels as a world model's authors do."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import comfy.clip_model
import comfy.model_management
import comfy.ops
import torch
from comfy.clip_vision import ClipVisionModel
from torch import Tensor

from ...worldmodel.checkpoints.clip_tower import tower_sizes, tower_weights
from ...worldmodel.checkpoints.recognise import read_metadata
from ...worldmodel.layers.threads import few_threads
from ...worldmodel.models.matrix_game2.start_picture import clip_pixels
from .checkpoints import read_file
from .vae import START_THREADS

LAST_BUT_ONE = -2


def load_clip_vision(path: Path) -> ClipVisionModel:
    """Load the CLIP vision tower of a world model as the host's CLIP_VISION.

    Args:
        path: the released `.pth`, or a file under the host's names.

    Raises:
        ValueError: the file holds no such tower.
    """
    weights, metadata = read_file(path, "clip_name")
    name = f"clip_name: {path.name}"
    return build_tower(weights, read_metadata(metadata, name).get("heads"), name=name)


def build_tower(
    weights: Mapping[str, Tensor], heads: int | None = None, *, name: str = "model file"
) -> ClipVisionModel:
    """Return the host's tower of a file's tensors; see `worldmodel.checkpoints.clip_tower.tower_weights`."""
    ours = tower_weights(weights, name=name)
    tower = ClipVisionModel(tower_sizes(ours, heads, name=name))
    missing, unexpected = tower.load_sd(ours)
    assert not missing and not unexpected, f"the host's tower has other names: {missing[:1]} {unexpected[:1]}"
    return tower


def tower_tensors(weights: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    """Return the names and shapes of the host's tower for a file, without making it; meta tensors do."""
    sizes = tower_sizes(tower_weights(weights))
    tower = comfy.clip_model.CLIPVisionModelProjection(sizes, torch.float32, "meta", comfy.ops.manual_cast)
    return {key: tuple(tensor.shape) for key, tensor in tower.state_dict().items()}


def image_tokens(tower: ClipVisionModel, picture: Tensor) -> Tensor:
    """Return the tokens of a picture after the tower's last layer but one, without the final norm.

    Args:
        tower: the host's CLIP_VISION.
        picture: (h, w, 3) in 0..1.

    Returns:
        (tokens, width) float32 on the CPU.
    """
    pixels = clip_pixels(picture, tower.image_size, tower.image_mean, tower.image_std)
    comfy.model_management.load_model_gpu(tower.patcher)
    with few_threads(START_THREADS):
        hidden = tower.model(pixel_values=pixels.to(tower.load_device), intermediate_output=LAST_BUT_ONE)[1]
    return hidden[0].to("cpu", torch.float32)
