"""Worlds: what crosses a wire. Immutable, CPU tensors, shared between branches and never copied.

Shapes: F video frames, K keys, L latents of the image condition, h, w latent grid, c latents per chunk.
"""

from __future__ import annotations

import hashlib
from typing import NamedTuple

import torch
from torch import Tensor

from ..reading.one_line import number_of, one_line, size_of, tensors_in
from ..reading.words import shortened
from ..variants import Variant, variant_named


class Controls(NamedTuple):
    """What the player did, one row per video frame, in the variant's columns and units."""

    keyboard: Tensor
    """(F, K) float32."""
    mouse: Tensor | None
    """(F, 2) float32; `None` where the variant has no mouse."""

    def __repr__(self) -> str:
        """Say it in one line."""
        return one_line(self, f"keyboard {size_of(self.keyboard)}", f"mouse {size_of(self.mouse)}")


class RecordedNoise(NamedTuple):
    """Noise that replaces the seed's (conformance): one draw per latent, then one per re-noising."""

    initial: Tensor
    """(16, latents, h, w)."""
    renoise: Tensor
    """(chunks, steps - 1, c, 16, h, w)."""

    def __repr__(self) -> str:
        """Say it in one line."""
        return one_line(self, f"initial {size_of(self.initial)}", f"renoise {size_of(self.renoise)}")


class Start(NamedTuple):
    """Where a world begins."""

    variant: str
    latent_format: str
    image_condition: Tensor
    """(20, L, h, w): mask 4, normalised image latents 16; the last latent stands for all later ones."""
    visual_context: Tensor
    """(tokens, width) image context."""
    noise: RecordedNoise | None = None

    def __repr__(self) -> str:
        """Say it in one line."""
        noise = "noise recorded" if self.noise is not None else None
        return one_line(self, self.variant, size_of(self.image_condition), noise)


class Chunk(NamedTuple):
    """Latents that were denoised together, and what they were made from."""

    latents: Tensor
    """(16, c, h, w) clean, in model space, in the precision they are stored in."""
    controls: Controls
    """The rows of exactly this chunk's video frames."""
    poses: Tensor | None = None
    prompt: str = ""
    seed: int = 0
    key: str = ""

    def __repr__(self) -> str:
        """Say it in one line."""
        prompt = f"prompt {shortened(self.prompt)!r}" if self.prompt else None
        return one_line(self, size_of(self.latents), f"seed {self.seed}", f"key {self.key[:8] or 'none'}", prompt)


class Context(NamedTuple):
    """What a network remembers behind a world's last chunk; it could be derived again from the world."""

    model: str
    """Identity of the model that made it."""
    settings: tuple
    """What else it depends on; the session that made it says what."""
    entries: tuple
    """`KVCache.snapshot`: CPU tensors in nested tuples."""

    def __repr__(self) -> str:
        """Say it in one line."""
        tensors = tensors_in(self.entries)
        return one_line(self, number_of(tensors, "tensor"), f"{sum(tensor.nbytes for tensor in tensors) / 1e6:.1f} MB")


class World(NamedTuple):
    """A start and the finished chunks."""

    start: Start
    chunks: tuple[Chunk, ...] = ()
    digest: str = ""
    """sha256 of the start, see `start_digest`."""
    context: Context | None = None
    """Behind the last chunk; whoever adds or drops chunks replaces it, and without one it is derived again."""

    def __repr__(self) -> str:
        """Say it in one line."""
        chunks = number_of(self.chunks, "chunk") or "no chunk yet"
        last = f"the last {size_of(self.chunks[-1].latents)}" if self.chunks else None
        context = "with context" if self.context is not None else None
        return one_line(self, self.start.variant, chunks, last, f"start {self.digest[:8]}", context)


def new_world(start: Start) -> World:
    """Return the world that has a start and no chunk yet.

    Raises:
        ValueError: the start does not fit its variant.
    """
    validate_start(start)
    return World(start, (), start_digest(start))


def rewind(world: World, chunks: int) -> World:
    """Return the world as it was when it had only its first `chunks` chunks; they are shared, not copied.

    Raises:
        ValueError: the world has fewer.
    """
    if not 0 <= chunks <= len(world.chunks):
        raise ValueError(
            f"chunks: found {chunks}, expected 0 to {len(world.chunks)}, the chunks this world has; keep fewer."
        )
    if chunks == len(world.chunks):
        return world
    return world._replace(chunks=world.chunks[:chunks], context=None)


def frames(world: World) -> int:
    """Return the number of video frames the world holds."""
    return variant_named(world.start.variant).first_frame(len(world.chunks))


def latents(world: World) -> Tensor:
    """Return all latents of a world, (16, chunks * c, h, w), model space.

    Raises:
        ValueError: the world has no chunk yet.
    """
    if not world.chunks:
        raise ValueError("world: found no chunk, expected at least one; roll the world out first.")
    return torch.cat([chunk.latents for chunk in world.chunks], dim=1)


def start_digest(start: Start) -> str:
    """Return sha256 over a start's names, shapes, types and bytes, as 64 hex digits."""
    digest = hashlib.sha256(f"{start.variant}|{start.latent_format}".encode())
    tensors = [start.image_condition, start.visual_context]
    if start.noise is not None:
        tensors.extend(start.noise)
    for tensor in tensors:
        digest.update(f"|{tensor.dtype}|{tuple(tensor.shape)}|".encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def validate_start(start: Start) -> None:
    """Check a start against its variant.

    Raises:
        ValueError: the field, what was found, what was expected.
    """
    variant = variant_named(start.variant)
    if start.latent_format != variant.latent_format:
        raise ValueError(
            f"latent_format: found {shortened(start.latent_format)!r}, expected {variant.latent_format!r} for "
            f"{variant.title}; connect the VAE that belongs to this model."
        )
    condition = start.image_condition
    if condition.dim() != 4 or condition.shape[0] != 20 or condition.shape[1] < 2:
        raise ValueError(
            f"image_condition: found shape {tuple(condition.shape)}, expected (20, latents >= 2, height, width); "
            "make the world with Start World."
        )
    if condition.shape[2] % 2 or condition.shape[3] % 2:
        raise ValueError(
            f"image_condition: found a latent grid of {condition.shape[2]} x {condition.shape[3]}, expected even "
            "sides; use a picture whose sides are multiples of 16."
        )
    if start.visual_context.dim() != 2:
        raise ValueError(
            f"visual_context: found shape {tuple(start.visual_context.shape)}, expected (tokens, width); "
            "make the world with Start World."
        )
    for name in ("image_condition", "visual_context"):
        if not bool(torch.isfinite(getattr(start, name)).all()):
            raise ValueError(f"{name}: found NaN or infinity, expected finite numbers; check the start image and VAE.")


def validate_controls(controls: Controls, variant: Variant, index: int) -> None:
    """Check the controls of chunk `index`.

    Raises:
        ValueError: the field, what was found, what was expected.
    """
    expected = (variant.chunk_frames(index), len(variant.keyboard.words))
    if tuple(controls.keyboard.shape) != expected:
        raise ValueError(
            f"keyboard: found shape {tuple(controls.keyboard.shape)}, expected {expected} (frames, keys) for chunk "
            f"{index} of {variant.title}; cut the track with the tools of this pack."
        )
    if (controls.mouse is None) != (variant.mouse is None):
        expectation = "no mouse" if variant.mouse is None else "mouse rows (zeros where it rests)"
        found = "none" if controls.mouse is None else "mouse rows"
        raise ValueError(f"mouse: found {found}, expected {expectation} for {variant.title}; change the track.")
    if controls.mouse is not None and tuple(controls.mouse.shape) != (expected[0], 2):
        raise ValueError(
            f"mouse: found shape {tuple(controls.mouse.shape)}, expected {(expected[0], 2)} for chunk {index}; "
            "cut the track with the tools of this pack."
        )
    for name, rows in zip(Controls._fields, controls, strict=True):
        if rows is not None and not bool(torch.isfinite(rows).all()):
            raise ValueError(f"{name}: found NaN or infinity, expected finite numbers; correct the track.")


def validate_chunk(chunk: Chunk, start: Start, index: int) -> None:
    """Check a finished chunk that is to be number `index` behind a start.

    Raises:
        ValueError: the field, what was found, what was expected.
    """
    variant = variant_named(start.variant)
    expected = (16, variant.chunk, *start.image_condition.shape[2:])
    if tuple(chunk.latents.shape) != expected:
        raise ValueError(
            f"latents: found shape {tuple(chunk.latents.shape)}, expected {expected} for chunk {index} of this world; "
            "use chunks that were rolled out from the same start."
        )
    validate_controls(chunk.controls, variant, index)
