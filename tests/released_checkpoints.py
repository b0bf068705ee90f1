"""Small random checkpoints in the layout of the released Matrix-Game 2 files, wide enough to need no metadata."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from worldmodel.checkpoints.clip_tower import tower_shapes
from worldmodel.models.matrix_game2.network import MatrixGame2, Sizes
from worldmodel.vae.wan21 import Wan21VAE

VARIANTS = ("universal", "gta_drive", "templerun")
FILES = {
    "universal": "base_distilled_model/base_distill.safetensors",
    "gta_drive": "gta_distilled_model/gta_keyboard2dim.safetensors",
    "templerun": "templerun_distilled_model/templerun_7dim_onlykey.safetensors",
}
"""Their places in the release."""
SIZES: dict[str, Any] = {
    "dim": 128, "heads": 1, "ffn_dim": 256, "freq_dim": 256, "layers": 2, "context_dim": 80, "keyboard_width": 16,
    "action_heads": 2, "action_blocks": (0,),
}  # fmt: skip
CONTROLS = {"universal": (4, True), "gta_drive": (2, True), "templerun": (7, False)}


def network_weights(name: str, **changes: Any) -> dict[str, Tensor]:
    """Return random weights of a variant under the released names; each number is exact in 32, bf16 and fp16 bits."""
    keys, mouse = CONTROLS[name]
    torch.manual_seed(11)
    network = MatrixGame2(Sizes(**{**SIZES, "keyboard_dim": keys, "mouse": mouse, **changes}))
    return {key: (value.detach() * 256).round().clamp(-255, 255) / 256 for key, value in network.state_dict().items()}


def save(path: Path, weights: dict[str, Tensor], metadata: dict[str, str] | None = None) -> Path:
    """Write a safetensors file, and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({key: value.contiguous() for key, value in weights.items()}, path, metadata)
    return path


def vae_weights() -> dict[str, Tensor]:
    """Return a random Wan 2.1 VAE, four numbers wide."""
    torch.manual_seed(1)
    shapes = Wan21VAE(width=4).state_dict()
    return {key: torch.randn_like(value) * value[0].numel() ** -0.5 for key, value in shapes.items()}


def tower_weights() -> dict[str, Tensor]:
    """Return a random CLIP vision tower of three layers under the host's names, for 224 x 224 pixels."""
    torch.manual_seed(2)
    sizes = {
        "hidden_size": SIZES["context_dim"], "intermediate_size": 64, "patch_size": 14, "num_channels": 3,
        "image_size": 224, "num_hidden_layers": 3, "projection_dim": 8,
    }  # fmt: skip
    return {key: torch.randn(shape) * shape[-1] ** -0.5 for key, shape in tower_shapes(sizes).items()}


def place_files(models: Path) -> None:
    """Put small random files into a host's models folder, under the names that the pack's workflows load."""
    for name, path in FILES.items():
        weights = {f"model.{key}": value for key, value in network_weights(name).items()}
        save(models / "diffusion_models" / Path(path).name, weights)
    save(models / "vae" / "wan_2.1_vae.safetensors", vae_weights())
    save(models / "clip_vision" / "clip_vision_h.safetensors", tower_weights())


def start_of(of_pack: Callable[[str], ModuleType], name: str) -> SimpleNamespace:
    """Return a world on a small grid and a track of two chunks that presses every key of the variant."""
    state, track = of_pack("worldmodel.world.state"), of_pack("worldmodel.track.track")
    variant = of_pack("worldmodel.variants").VARIANTS[f"matrix_game_2_{name}"]
    generator = torch.Generator().manual_seed(3)
    condition = torch.randn(20, 30, 4, 6, generator=generator)
    condition[:4] = 0
    condition[:4, 0] = 1
    context = torch.randn(9, SIZES["context_dim"], generator=generator)
    start = state.Start(variant.name, variant.latent_format, condition, context)
    words = [word for word in variant.keyboard.words if word != "nomove"]
    text = " ".join(f"{words[i % len(words)]}*3" for i in range(7))
    return SimpleNamespace(world=state.new_world(start), track=track.parse_track(text), variant=variant)
