"""Small random checkpoints in the layout of the released Matrix-Game files, wide enough to need no metadata."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import sentencepiece
import torch
from safetensors.torch import save_file
from torch import Tensor

from worldmodel.checkpoints.clip_tower import tower_shapes
from worldmodel.checkpoints.text_encoder import TOKENIZER, encoder_weights
from worldmodel.models.causal_wan.network import CausalWan
from worldmodel.models.causal_wan.sizes import Sizes as CausalSizes
from worldmodel.models.matrix_game2.network import MatrixGame2
from worldmodel.models.matrix_game2.network import Sizes as Sizes2
from worldmodel.models.matrix_game3.network import MatrixGame3
from worldmodel.models.matrix_game3.sizes import Sizes
from worldmodel.models.yume.network import Yume
from worldmodel.models.yume.sizes import Sizes as YumeSizes
from worldmodel.vae.wan21 import Wan21VAE
from worldmodel.vae.wan22 import Wan22VAE

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
LINGBOT = CausalSizes(dim=128, ffn_dim=192, freq_dim=32, layers=2, text_dim=24, in_dim=36, channels=16, cell=8, heads=1)


def network_weights(name: str, **changes: Any) -> dict[str, Tensor]:
    """Return random weights of a variant under the released names; each number is exact in 32, bf16 and fp16 bits."""
    keys, mouse = CONTROLS[name]
    torch.manual_seed(11)
    network = MatrixGame2(Sizes2(**{**SIZES, "keyboard_dim": keys, "mouse": mouse, **changes}))
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


MATRIX_GAME_3 = Sizes(
    dim=128, ffn_dim=64, freq_dim=64, layers=2, text_dim=24, channels=48, cell=16, keyboard_dim=6, keyboard_width=8,
    action_heads=2, action_head_size=8, action_blocks=(0,), heads=1,
)  # fmt: skip
WORDS = "a quiet street at night with rain and red lamps walking forward in the city of glass"


def matrix_game_3_weights() -> dict[str, Tensor]:
    """Return random weights of Matrix-Game 3 under the released names."""
    torch.manual_seed(12)
    return {key: value.detach() for key, value in MatrixGame3(MATRIX_GAME_3).state_dict().items()}


YUME = YumeSizes(dim=128, ffn_dim=64, freq_dim=64, layers=2, text_dim=24, channels=48, heads=1)


def yume_weights() -> dict[str, Tensor]:
    """Return random weights of Yume 1.5 under the released names."""
    torch.manual_seed(13)
    return {key: value.detach() for key, value in Yume(YUME).state_dict().items()}


def lingbot_weights(seed: int = 17) -> dict[str, Tensor]:
    """Return random weights of a causal Wan model with a camera under the released names."""
    torch.manual_seed(seed)
    return {key: value.detach() for key, value in CausalWan(LINGBOT).state_dict().items()}


def wan22_weights() -> dict[str, Tensor]:
    """Return a random Wan 2.2 VAE, four numbers wide."""
    torch.manual_seed(3)
    shapes = Wan22VAE(encoder_width=4, decoder_width=4).state_dict()
    return {key: torch.randn_like(value) * value[0].numel() ** -0.5 for key, value in shapes.items()}


def text_encoder_weights(width: int = MATRIX_GAME_3.text_dim) -> dict[str, Tensor]:
    """Return a random UMT5 encoder of one block under the host's names, with a small tokenizer inside."""
    made, generator = io.BytesIO(), torch.Generator().manual_seed(1)
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([WORDS] * 20), model_writer=made, vocab_size=50, model_type="unigram", pad_id=0,
        eos_id=1, unk_id=2, bos_id=-1, hard_vocab_limit=False, minloglevel=2,
    )  # fmt: skip
    square = {f"blocks.0.attn.{part}.weight": (width, width) for part in "qkvo"}
    shapes = {
        "token_embedding.weight": (50, width), "norm.weight": (width,), **square,
        "blocks.0.norm1.weight": (width,), "blocks.0.norm2.weight": (width,),
        "blocks.0.ffn.gate.0.weight": (32, width), "blocks.0.ffn.fc1.weight": (32, width),
        "blocks.0.ffn.fc2.weight": (width, 32), "blocks.0.pos_embedding.embedding.weight": (32, 4),
    }  # fmt: skip
    weights = {key: torch.randn(shape, generator=generator) * 0.3 for key, shape in shapes.items()}
    return {**encoder_weights(weights), TOKENIZER: torch.tensor(list(made.getvalue()), dtype=torch.uint8)}


def place_files(models: Path) -> None:
    """Put small random files into a host's models folder, under the names that the pack's workflows load."""
    for name, path in FILES.items():
        weights = {f"model.{key}": value for key, value in network_weights(name).items()}
        save(models / "diffusion_models" / Path(path).name, weights)
    save(models / "vae" / "wan_2.1_vae.safetensors", vae_weights())
    save(models / "clip_vision" / "clip_vision_h.safetensors", tower_weights())
    for name in ("distilled", "base"):
        save(models / "diffusion_models" / f"matrix_game_3_{name}.safetensors", matrix_game_3_weights())
    save(models / "diffusion_models" / "yume_1_5.safetensors", yume_weights())
    entries = {"worldmodel": json.dumps({"variant": "lingbot_2_1_3b"})}
    folder = models / "diffusion_models" / "lingbot-world-v2-1.3b-causal-fast"
    save(folder / "model-00001-of-00001.safetensors", lingbot_weights(), entries)
    save(models / "vae" / "wan2.2_vae.safetensors", wan22_weights())
    save(models / "text_encoders" / "umt5_xxl_fp16.safetensors", text_encoder_weights())


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
