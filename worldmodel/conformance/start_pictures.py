"""Golden pictures, CLIP tokens and latents: what a world starts with, and what its frames come out of.

Shapes: F frames of H x W pixels, T latents of h x w.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from PIL import Image
from torch import Tensor

from ..models.matrix_game2.conditions import image_then_grey
from ..models.matrix_game2.start_picture import clip_pixels, crop, prepare_picture
from ..vae.wan21 import Wan21VAE, from_model_space, to_model_space, wan21_sizes
from .report import Golden, Judge
from .towers import Towers

ENCODED = 1e-5
DECODED = 5e-5
PICTURE = 1e-6


def vae_from(weights: dict[str, Tensor]) -> Wan21VAE:
    """Return the VAE of these weights, strictly loaded."""
    vae = Wan21VAE(**wan21_sizes(weights), device="meta")
    vae.load_state_dict(weights, strict=True, assign=True)
    return vae.eval().requires_grad_(False)


def picture_of(image: Tensor) -> Tensor:
    """Return the picture (H, W, 3) in 0..1 of a golden image (1, 3, 1, H, W) in -1..1."""
    return image[0, :, 0].movedim(0, -1) / 2 + 0.5


def to_video(frames: Tensor) -> Tensor:
    """Return frames (F, H, W, 3) in 0..1 as the VAE takes them, (1, 3, F, H, W) in -1..1."""
    return frames.movedim(-1, 0)[None] * 2 - 1


def stream_frames(vae: Wan21VAE, chunks: Sequence[Tensor]) -> list[Tensor]:
    """Decode chunks of latents (16, T, h, w) one after another, each to (1, F, 3, H, W) in -1..1."""
    memory: dict[str, Tensor] = {}
    return [vae.decode(from_model_space(chunk[None]), memory).transpose(1, 2) for chunk in chunks]


def judge_vae(golden: Golden, judge: Judge, towers: Towers | None) -> None:
    """Encode a clip, and an image followed by grey; decode a stream chunk by chunk, and a whole."""
    tensors, vae = golden.tensors, vae_from(golden.under("sd."))
    clip = to_model_space(vae.encode(tensors["in.clip"]))
    for name in ("clip_latents", "clip_latents_untiled"):
        judge.compare(f"out.{name}", clip, tensors[f"out.{name}"], absolute=ENCODED)
    stored = tensors["out.image_cond_latents"]
    latents = to_model_space(vae.encode(to_video(image_then_grey(picture_of(tensors["in.image"]), vae.settles))))
    # as many as the authors encode; ours repeat the last
    ours = latents[:, :, torch.arange(stored.shape[2]).clamp_max(latents.shape[2] - 1)]
    judge.compare("out.image_cond_latents", ours, stored, absolute=ENCODED)
    streamed = golden.under("out.stream.chunk")
    pieces = tensors["in.z"][0].chunk(len(streamed), dim=1)
    for chunk, frames in enumerate(stream_frames(vae, pieces)):
        judge.compare("out.stream", frames, streamed[str(chunk)], absolute=DECODED)
    whole = vae.decode(from_model_space(tensors["in.z_full"]))
    judge.compare("out.full_decode", whole, tensors["out.full_decode"], absolute=DECODED)


def judge_pictures(golden: Golden, judge: Judge, towers: Towers | None) -> None:
    """Crop and resize pictures, and look at one with the CLIP tower."""
    config, tensors = golden.config, golden.tensors
    height, width = config["pre_target_hw"]
    for index in sorted({name.split(".")[0] for name in golden.under("pre.")}, key=int):
        given = golden.under(f"pre.{index}.")
        cropped = crop(Image.fromarray(given["in_rgb_u8"].numpy()), (height, width))
        judge.compare("pre.cropped_wh", torch.tensor(cropped.size), given["cropped_wh"])
        picture = prepare_picture(given["in_rgb_u8"][None] / 255, (height, width))
        judge.compare("pre.out", picture.movedim(-1, 0) * 2 - 1, given["out"], relative=PICTURE)
    picture = picture_of(tensors["in.image"])
    judge.inform("mid.pixel_values", clip_pixels(picture, config["clip"]["image_size"]), tensors["mid.pixel_values"])
    if towers is None:
        judge.skip("out.features", "the CLIP tower needs --host")
        return
    tokens = towers.clip_tokens(golden.under("sd."), config["clip"]["heads"], picture)
    judge.compare("out.features", tokens[None], tensors["out.features"], absolute=ENCODED)
