"""What a file holds that is no world model, told by its key names, so that a refusal can name it."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple


class Stranger(NamedTuple):
    """One kind of file that people put into the wrong place."""

    found: str
    advice: str
    begins: tuple[str, ...] = ()
    """One of its keys begins like this."""
    holds: tuple[str, ...] = ()
    """One of its keys holds this, in any case of letters."""
    beside: tuple[str, ...] = ()
    """And another one begins like this."""


_CLIP = "visual.", "vision_model.", "image_encoder."
_CHECKPOINT = "model.diffusion_model.", "first_stage_model.", "cond_stage_model.", "conditioner."
_LANGUAGE = "model.layers.", "layers.", "embed_tokens.", "lm_head.", "model.embed_tokens.", "language_model."
_TEXT = "shared.weight", "encoder.block.", "token_embedding.", "text_model.", "encoder.layer.", "spiece_model"
_IMAGE = "input_blocks.", "double_blocks.", "joint_blocks.", "transformer_blocks.", "down_blocks."

# the first that fits counts: a LoRA carries the names of the model it belongs to
STRANGERS = (
    Stranger("a LoRA", "connect it behind the model with Load LoRA", holds=("lora", "lokr_w", "hada_w")),
    Stranger(
        "Hunyuan-GameCraft 1.0, whose network is HunyuanVideo's and is not run here",
        "compare its camera with `python -m worldmodel.conformance`",
        begins=("camera_net.",),
        beside=("double_blocks.",),
    ),
    Stranger("a CLIP model", "load it with Load World CLIP Vision", begins=_CLIP),
    Stranger("an image model's checkpoint", "load it with the host's Load Checkpoint", begins=_CHECKPOINT),
    Stranger("a language model or text encoder", "load it with Load World Text Encoder", begins=_TEXT),
    Stranger("a VAE", "load it with Load World VAE", begins=("encoder.", "decoder.", "quant_conv.", "vae.")),
    Stranger("an image model", "load it with the host's Load Diffusion Model", begins=_IMAGE),
    Stranger("a language model", "choose another file", begins=_LANGUAGE),
)


def stranger_among(keys: Collection[str]) -> Stranger | None:
    """Return which known kind of file has such keys, `None` if none."""
    for stranger in STRANGERS:
        begins = all(any(key.startswith(told) for key in keys) for told in (stranger.begins, stranger.beside) if told)
        begins = begins and bool(stranger.begins)
        if begins or any(part in key.lower() for key in keys for part in stranger.holds):
            return stranger
    return None
