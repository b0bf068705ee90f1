"""Worlds: what crosses a wire. Immutable, CPU tensors, shared between branches and never copied.

Shapes: F video frames, K keys, C channels of a latent, h, w latent grid, c latents of a chunk,
L latents of the image condition, or of a world.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ..reading.one_line import number_of, one_line, size_of, tensors_in
from ..reading.words import shortened
from ..variants import CORRECTED, LATENTS_OF_TOKEN, Variant, variant_named
from .on_disk import OnDisk


class Controls(NamedTuple):
    """What a model was told, one row per video frame, in the variant's columns and units; `None`: not told so."""

    keyboard: Tensor | None
    """(F, K) float32."""
    mouse: Tensor | None
    """(F, 2) float32."""
    c2w: Tensor | None = None
    """(F, 4, 4) float64 camera-to-world, where the camera stands at each frame."""
    prompt: str = ""
    """The sentence that holds for the whole chunk; "": the start's."""

    @property
    def tensors(self) -> dict[str, Tensor]:
        """What there is of rows, by field."""
        return {name: part for name, part in self._asdict().items() if isinstance(part, Tensor)}

    @property
    def frames(self) -> int:
        """Rows; 0 where there are none."""
        return next((len(rows) for rows in self.tensors.values()), 0)

    def on_cpu(self) -> Controls:
        """Return the same on the CPU."""
        return self._replace(**{name: rows.cpu() for name, rows in self.tensors.items()})

    def rows(self, at: slice) -> Controls:
        """Return a copy of some rows."""
        return self._replace(**{name: rows[at].clone() for name, rows in self.tensors.items()})

    def __repr__(self) -> str:
        """Say it in one line."""
        camera = f"camera {size_of(self.c2w)}" if self.c2w is not None else None
        prompt = f"prompt {shortened(self.prompt)!r}" if self.prompt else None
        return one_line(self, f"keyboard {size_of(self.keyboard)}", f"mouse {size_of(self.mouse)}", camera, prompt)


class RecordedNoise(NamedTuple):
    """Noise that replaces the seed's (conformance): one draw per latent, then one per re-noising."""

    initial: Tensor
    """(C, latents, h, w)."""
    renoise: Tensor
    """(chunks, steps - 1, c, C, h, w)."""

    def __repr__(self) -> str:
        """Say it in one line."""
        return one_line(self, f"initial {size_of(self.initial)}", f"renoise {size_of(self.renoise)}")


class Start(NamedTuple):
    """Where a world begins: what its family tells the network of the picture and the prompt."""

    variant: str
    latent_format: str
    image_condition: Tensor
    """(channels, L, h, w) latents of the picture in model space, below a mask where the family has one. Latents that
    the first chunk is given (`Chunking.given`) are the first of them."""
    visual_context: Tensor | None = None
    """(tokens, width) image tokens."""
    noise: RecordedNoise | None = None
    text: Tensor | None = None
    """(words, width) of the prompt."""
    negative: Tensor | None = None
    """(words, width) of the prompt to be led away from."""
    form: str = CORRECTED
    """How the model is run, one of the variant's forms."""
    prompt: str = ""
    """What is to be seen, in words: only where a model reads it together with what the keys say."""
    camera: Tensor | None = None
    """(5,) float64: the way from latent to latent that a model reads as 1, and the lens fx, fy, cx, cy as shares of the
    picture's width and height; `None`: the variant's own."""

    @property
    def tensors(self) -> dict[str, Tensor]:
        """What there is of tensors besides recorded noise, by field."""
        return {name: part for name, part in self._asdict().items() if isinstance(part, Tensor)}

    @property
    def grid(self) -> tuple[int, int]:
        """Height and width of its latents."""
        return tuple(self.image_condition.shape[2:])

    def __repr__(self) -> str:
        """Say it in one line."""
        noise = "noise recorded" if self.noise is not None else None
        form = self.form if self.form != CORRECTED else None
        return one_line(self, self.variant, size_of(self.image_condition), noise, form)


class Chunk(NamedTuple):
    """Latents that were denoised together, and what they were made from."""

    latents: Tensor
    """(C, c, h, w) clean, in model space, in the precision they are stored in; read them with `latents_of`."""
    controls: Controls
    """The rows of exactly this chunk's video frames."""
    seed: int = 0
    key: str = ""
    place: OnDisk | None = None
    """Where the latents lie; `None`: in memory."""

    def __repr__(self) -> str:
        """Say it in one line."""
        told = self.controls.prompt
        prompt = f"prompt {shortened(told)!r}" if told else None
        place = "on disk" if self.place is not None else None
        key = f"key {self.key[:8] or 'none'}"
        return one_line(self, size_of(self.latents), f"seed {self.seed}", key, prompt, place)


class Carried(NamedTuple):
    """What a network remembers behind a world's last chunk; it could be derived again from the world."""

    model: str
    """Identity of the model that made it."""
    settings: tuple
    """What else it depends on; the session that made it says what."""
    entries: tuple
    """CPU tensors in nested tuples, such as a `KVCache.snapshot`."""

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
    context: Carried | None = None
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


def variant_of(start: Start) -> Variant:
    """Return a start's variant as it cuts this world into chunks, which may hang on the start and its form.

    Raises:
        ValueError: there is no such variant.
    """
    return cut_for(variant_named(start.variant), start)


def picture_size(start: Start) -> tuple[int, int]:
    """Return (height, width) of a world's pictures, pixels."""
    height, width = start.grid
    pixels = variant_named(start.variant).latents.pixels
    return height * pixels, width * pixels


def cut_for(variant: Variant, start: Start) -> Variant:
    """Return a variant as it cuts a world with this start."""
    return variant.cut_for(start.form, start.image_condition.shape[1])


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
    return variant_of(world.start).chunking.first_frame(len(world.chunks))


def latents_of(chunk: Chunk, part: slice = slice(None)) -> Tensor:
    """Return some latents of a chunk, (C, c, h, w), by default all; from a file they are copied and checked.

    Raises:
        ValueError: the file was shortened or written over.
    """
    return chunk.latents[:, part] if chunk.place is None else chunk.place.read(chunk.latents, part)


def latents(world: World) -> Tensor:
    """Return all latents of a world, (C, L, h, w), model space.

    Raises:
        ValueError: the world has no chunk yet.
    """
    if not world.chunks:
        raise ValueError("world: found no chunk, expected at least one; roll the world out first.")
    return torch.cat([latents_of(chunk) for chunk in world.chunks], dim=1)


def start_digest(start: Start) -> str:
    """Return sha256 over a start's names, shapes, types and bytes, as 64 hex digits."""
    digest = hashlib.sha256(f"{start.variant}|{start.latent_format}".encode())
    parts = start.tensors
    # as the first release had it; what has come since says its name, and nothing where there is nothing
    tensors = [parts.pop("image_condition"), *([parts.pop("visual_context")] if "visual_context" in parts else [])]
    tensors.extend(start.noise or ())
    _feed(digest, tensors)
    for name, tensor in parts.items():
        digest.update(f"|{name}".encode())
        _feed(digest, [tensor])
    if start.form != CORRECTED:
        digest.update(f"|form {start.form}".encode())
    if start.prompt:
        digest.update(f"|prompt {start.prompt}".encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def _feed(digest: Any, tensors: Iterable[Tensor]) -> None:
    for tensor in tensors:
        digest.update(f"|{tensor.dtype}|{tuple(tensor.shape)}|".encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())


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
    if start.form not in variant.forms:
        raise ValueError(
            f"form: found {shortened(start.form)!r}, expected one of {', '.join(variant.forms)} for {variant.title}; "
            "make the world with Start World."
        )
    condition, (channels, least, has_tokens, _) = start.image_condition, variant.start
    if condition.dim() != 4 or condition.shape[0] != channels or condition.shape[1] < least:
        raise ValueError(
            f"image_condition: found shape {tuple(condition.shape)}, expected ({channels}, latents >= {least}, height, "
            "width); make the world with Start World."
        )
    if any(side % LATENTS_OF_TOKEN for side in start.grid):
        raise ValueError(
            f"image_condition: found a latent grid of {condition.shape[2]} x {condition.shape[3]}, expected even "
            f"sides; use a picture whose sides are multiples of {variant.token_pixels}."
        )
    _validate_tokens("visual_context", start.visual_context, has_tokens, "tokens", variant)
    _validate_tokens("text", start.text, variant.text is not None and not variant.is_spoken_to, "words", variant)
    _validate_tokens("negative", start.negative, variant.text is not None and variant.text.negative, "words", variant)
    if start.camera is not None and (variant.camera is None or not _is_camera(start.camera)):
        raise ValueError(
            f"camera: found {start.camera.tolist()}, expected a way and a lens fx, fy, cx, cy, all above 0, where the "
            "model reads a camera; make the world with Start World."
        )
    if start.prompt and not variant.is_spoken_to:
        raise ValueError(
            f"prompt: found {shortened(start.prompt)!r}, expected none for {variant.title}; make the world with Start "
            "World."
        )
    for name, tensor in start.tensors.items():
        if not bool(torch.isfinite(tensor).all()):
            raise ValueError(f"{name}: found NaN or infinity, expected finite numbers; check {_SOURCES[name]}.")


def _is_camera(camera: Tensor) -> bool:
    return tuple(camera.shape) == (5,) and bool((camera > 0).all())


_SOURCES = {
    "image_condition": "the start image and VAE",
    "visual_context": "the start image and VAE",
    "text": "the prompt's text encoder",
    "negative": "the negative prompt's text encoder",
    "camera": "the track that was connected to Start World",
}


def _validate_tokens(name: str, tokens: Tensor | None, wanted: bool, what: str, variant: Variant) -> None:
    if not wanted and tokens is None:
        return
    found = "none" if tokens is None else f"shape {tuple(tokens.shape)}"
    if not wanted or tokens is None or tokens.dim() != 2:
        expected = f"({what}, width)" if wanted else f"none for {variant.title}"
        raise ValueError(f"{name}: found {found}, expected {expected}; make the world with Start World.")


def validate_controls(controls: Controls, variant: Variant, index: int) -> None:
    """Check the controls of chunk `index`.

    Raises:
        ValueError: the field, what was found, what was expected.
    """
    frames = variant.chunking.frames(index)
    _validate_keyboard(controls.keyboard, variant, index, frames)
    if (controls.mouse is None) != (variant.mouse is None):
        expectation = "no mouse" if variant.mouse is None else "mouse rows (zeros where it rests)"
        found = "none" if controls.mouse is None else "mouse rows"
        raise ValueError(f"mouse: found {found}, expected {expectation} for {variant.title}; change the track.")
    if controls.mouse is not None and tuple(controls.mouse.shape) != (frames, 2):
        raise ValueError(
            f"mouse: found shape {tuple(controls.mouse.shape)}, expected {(frames, 2)} for chunk {index}; "
            "cut the track with the tools of this pack."
        )
    _validate_camera(controls.c2w, variant, index, frames)
    for name, rows in controls.tensors.items():
        if not bool(torch.isfinite(rows).all()):
            raise ValueError(f"{name}: found NaN or infinity, expected finite numbers; correct the track.")


def _validate_keyboard(keyboard: Tensor | None, variant: Variant, index: int, frames: int) -> None:
    if variant.keyboard is None and keyboard is None:
        return
    if keyboard is None or variant.keyboard is None:
        expectation = "no keys" if variant.keyboard is None else "rows of keys"
        found = "none" if keyboard is None else "rows of keys"
        raise ValueError(f"keyboard: found {found}, expected {expectation} for {variant.title}; change the track.")
    expected = (frames, len(variant.keyboard.words))
    if tuple(keyboard.shape) != expected:
        raise ValueError(
            f"keyboard: found shape {tuple(keyboard.shape)}, expected {expected} (frames, keys) for chunk "
            f"{index} of {variant.title}; cut the track with the tools of this pack."
        )


def _validate_camera(c2w: Tensor | None, variant: Variant, index: int, frames: int) -> None:
    """Check a camera; one that the variant does not read does no harm, as in worlds of older releases."""
    if c2w is None and variant.camera is not None:
        raise ValueError(f"c2w: found none, expected a camera for {variant.title}; bind the track to this model.")
    if c2w is not None and tuple(c2w.shape) != (frames, 4, 4):
        raise ValueError(
            f"c2w: found shape {tuple(c2w.shape)}, expected {(frames, 4, 4)} for chunk {index}; cut the track with the "
            "tools of this pack."
        )


def validate_chunk(chunk: Chunk, start: Start, index: int) -> None:
    """Check a finished chunk that is to be number `index` behind a start.

    Raises:
        ValueError: the field, what was found, what was expected.
    """
    variant = variant_of(start)
    expected = (variant.latents.channels, variant.chunking.latents(index), *start.grid)
    if tuple(chunk.latents.shape) != expected:
        raise ValueError(
            f"latents: found shape {tuple(chunk.latents.shape)}, expected {expected} for chunk {index} of this world; "
            "use chunks that were rolled out from the same start."
        )
    validate_controls(chunk.controls, variant, index)
