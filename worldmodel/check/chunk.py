"""One chunk, made with a model's own code and settings on fixed inputs, so that two machines can be compared.

The start is a picture that the pack draws, put into latents by the VAE where one was given. What nobody gave is made
up: latents and tokens that are drawn from a seed. Then the numbers are still the model's, but no picture.

Shapes: F frames, H x W pixels, (C, c, h, w) latents of the chunk.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from ..binding.bind import bind_track, chunk_controls
from ..checkpoints.recognise import Checkpoint, check_latent_formats, latent_statistics, load_network
from ..checkpoints.vae_files import LIGHT_VAE, TINY_WORLD_VAE, WAN21_VAE, VAEFile
from ..families import family_of
from ..families.begin import begin, settings_of
from ..families.family import Beginning, Encoders, Family
from ..models.shapes import filled
from ..rollout.session import bare
from ..tinyworld.scene import engine, menu
from ..track.track import Track
from ..vae import wan21, wan22
from ..vae.causal import CausalVAE
from ..variants import Variant
from ..world.state import Controls, World, latents_of, new_world, variant_of
from .given import VAE, Given

SEED, LEVEL, PLACE = 0, "Lighthouse Square", 40
PROMPT = "a quiet street, walking forward"
IMAGE_TOKENS, WORDS, SETTLES = 257, 512, 6
_SPREAD = 0.1
"""Of made-up tokens."""


class Wishes(NamedTuple):
    """How a chunk is made.

    Args:
        device, dtype: where, and in which precision, the network and the VAE run.
        size: height and width in pixels; `None`: the model's own.
        steps: of the sampler; 0: the model's own.
        seed: of the noise.
    """

    device: torch.device
    dtype: torch.dtype
    size: tuple[int, int] | None = None
    steps: int = 0
    seed: int = SEED


class Made(NamedTuple):
    """A chunk, its frames (F, H, W, 3) in 0..1 if there was a VAE to show them, and the seconds of each stage."""

    world: World
    latents: Tensor
    frames: Tensor | None
    seconds: dict[str, float]


def make_chunk(model: Checkpoint, vae: Given | None, wishes: Wishes) -> Made:
    """Make a model's first chunk: it walks forward.

    Raises:
        ValueError: the VAE is another model's, the size is none it can have, or a number is not finite.
    """
    variant, family = model.variant, family_of(model.variant)
    size = wishes.size or variant.picture
    _check(model, vae, size, wishes.steps)
    seconds: dict[str, float] = {}
    timer = _Timer(seconds, wishes.device)
    with torch.inference_mode():
        coder = None if vae is None else timer("load VAE", lambda: Coder(vae, family, wishes))
        text = _made_up_text(family, model)
        encode = coder.encode if coder is not None and coder.encodes else _made_up_video(variant, size)
        encoders = Encoders(
            encode, coder.settles if coder is not None else SETTLES, _made_up_image(family, model), text
        )
        closed = variant.text is not None and variant.text.vocabulary
        asked = Beginning(variant, drawn_picture(size), size, closed[0] if closed else PROMPT)
        start = timer("start", lambda: family.start(asked, encoders))
        network = timer("load", lambda: load_network(model, dtype=wishes.dtype, device=wishes.device))
        settings = settings_of(variant, start.form, steps=(wishes.steps,) if wishes.steps else ())
        session = begin(
            new_world(start), bare(network), settings=settings, dtype=wishes.dtype, device=wishes.device,
            encode_text=text,
        )  # fmt: skip
        controls = _forward(variant_of(start))
        chunk = timer("chunk", lambda: session.step(controls, wishes.seed))
        latents = latents_of(chunk).cpu()
        shown = None if coder is None else timer("decode", lambda: coder.decode(latents))
    return Made(session.world, latents, shown, seconds)


def drawn_picture(size: tuple[int, int]) -> Tensor:
    """Return the picture that every check begins with, (1, H, W, 3) in 0..1: a place in Tiny World."""
    worlds, (place, yaw) = menu.place_in(LEVEL, 0, PLACE)
    return engine.render(worlds, torch.zeros(1, dtype=torch.long), place, yaw, size).pixels


def digest(tensor: Tensor) -> str:
    """Return sha256 of a tensor's float32 bytes."""
    return hashlib.sha256(tensor.detach().float().cpu().contiguous().numpy().tobytes()).hexdigest()


class Coder:
    """A VAE without a host, run in a family's manner."""

    def __init__(self, vae: Given, family: Family | None, wishes: Wishes):
        """Fill its network. Args: family: whose manner it is run in; `None`: the stock one."""
        file: VAEFile = vae.content
        self.encodes, self._place = file.kind.encodes, (wishes.device, wishes.dtype)
        made = file.kind.network(**file.sizes, device="meta")
        self._network: nn.Module = filled(made, file.weights, wishes.dtype, wishes.device)
        self._manner = () if family is None or not isinstance(made, CausalVAE) else (family.manner,)
        self.settles = getattr(made, "settles", SETTLES)
        self._statistics = None
        if file.kind == TINY_WORLD_VAE:
            values = latent_statistics(vae.metadata, vae.paths[0].name).values()
            self._statistics = [torch.tensor(value).view(-1, 1, 1, 1) for value in values]
        self._space = wan21 if file.kind == WAN21_VAE else wan22

    def encode(self, frames: Tensor) -> Tensor:
        """Encode frames (F, H, W, 3) in 0..1 to latents (C, T, h, w) in model space, float32 on the CPU."""
        pixels = (frames.movedim(-1, 0)[None] * 2 - 1).to(*self._place)
        latents = self._network.encode(pixels, {}, *self._manner).float().cpu()
        if self._statistics is not None:
            mean, std = self._statistics
            return (latents[0] - mean) / std
        return self._space.to_model_space(latents)[0]

    def decode(self, latents: Tensor) -> Tensor:
        """Decode a stream's first latents (C, T, h, w) in model space to frames (F, H, W, 3) in 0..1 on the CPU."""
        if self._statistics is not None:
            mean, std = self._statistics
            latents = (latents.float() * std + mean)[None]
        else:
            latents = self._space.from_model_space(latents[None].float())
        memory: dict[str, Tensor] = {}
        pieces = latents.to(*self._place).split(1, dim=2)
        pixels = torch.cat([self._network.decode(piece, memory, *self._manner).float().cpu() for piece in pieces], 2)
        return ((pixels[0].movedim(0, -1) + 1) / 2).clamp(0, 1)


def missing_of(model: Checkpoint, roles: Any) -> list[str]:
    """Say which other files a chunk of a model takes that were not given, and what stands in for each."""
    lines = []
    if VAE not in roles:
        lines.append("no VAE was given: the start is made-up latents, and no frames are decoded")
    if model.variant.image_context == "clip" and model.variant.start.image_tokens:
        lines.append("image tokens are made up: the CLIP tower runs in ComfyUI only")
    if model.variant.text is not None and not model.variant.text.vocabulary:
        lines.append("words are made up: the text encoder runs in ComfyUI only")
    return lines


class _Timer:
    """Runs work to its end on the device and notes how long it took."""

    def __init__(self, seconds: dict[str, float], device: torch.device):
        self._seconds, self._device = seconds, device

    def __call__(self, name: str, work: Callable[[], Any]) -> Any:
        begun = time.perf_counter()
        result = work()
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        self._seconds[name] = time.perf_counter() - begun
        return result


def _check(model: Checkpoint, vae: Given | None, size: tuple[int, int], steps: int) -> None:
    """Check that a VAE belongs to a model, and that it can have that size and so many steps.

    Raises:
        ValueError: not.
    """
    variant = model.variant
    if steps and len(variant.steps) > 1:
        raise ValueError(
            f"--steps: found {steps}, expected none for {variant.title}, which visits {len(variant.steps)} levels of "
            "its own; leave it out."
        )
    if any(side < 1 or side % variant.token_pixels for side in size):
        raise ValueError(
            f"--size: found {size[1]}x{size[0]}, expected multiples of {variant.token_pixels} for {variant.title}; "
            "change it."
        )
    if vae is not None:
        kind = vae.content.kind
        check_latent_formats(model.latent_format, kind.format.name, vae_name=vae.paths[0].name)
        if kind.only_for not in ("", variant.family):
            raise ValueError(
                f"{vae.paths[0].name}: found {LIGHT_VAE.title}, which was trained for Matrix-Game 3 alone, expected "
                f"the Wan 2.2 VAE for {variant.title}; give that one."
            )


def _forward(variant: Variant) -> Controls:
    """Return the controls of the first chunk of a walk: forward is held, or the first key that does something."""
    frames, keyboard = variant.chunking.frames(0), variant.keyboard
    words = () if keyboard is None else tuple(w for i, w in enumerate(keyboard.words) if i != keyboard.idle)[:1]
    bound = bind_track(Track(words, torch.ones(frames, len(words)), torch.zeros(frames, 2)), variant)
    return chunk_controls(bound.controls, 0, variant, frames=frames)[0][0]


def _drawn(seed: int, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def _made_up_video(variant: Variant, size: tuple[int, int]) -> Callable[[Tensor], Tensor]:
    format, (height, width) = variant.latents, size
    grid = height // format.pixels, width // format.pixels
    return lambda frames: _drawn(1, format.channels, 1 + (len(frames) - 1) // format.frames, *grid)


def _made_up_image(family: Family, model: Checkpoint) -> Callable[[Tensor], Tensor] | None:
    width = family.widths(model.sizes).get("visual_context")
    return None if width is None else lambda picture: _drawn(2, IMAGE_TOKENS, width) * _SPREAD


def _made_up_text(family: Family, model: Checkpoint) -> Callable[[str], Tensor] | None:
    """Return what stands in for a text encoder: other tokens for another sentence."""
    width = model.sizes.get("text_dim")
    if model.variant.text is None or width is None:
        return None

    def encoded(prompt: str) -> Tensor:
        seed = int.from_bytes(hashlib.sha256(prompt.encode()).digest()[:4], "big")
        return _drawn(seed, min(WORDS, model.variant.text.words), width) * _SPREAD

    return encoded
