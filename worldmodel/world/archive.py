"""Worlds as files, `.world.safetensors`, bit for bit.

Tensors lie under plain names, all the rest as JSON in the header, and a checksum over both beside it:

    start.image_condition   [start.visual_context   start.text   start.negative
    start.camera]
    [start.noise.initial   start.noise.renoise]
    chunk.<i>.latents   [chunk.<i>.keyboard   chunk.<i>.mouse   chunk.<i>.poses]

In brackets stands what a model may lack; `poses` is where the camera stands, and a form other than the default one
is in the header, as is the start's prompt where it has one in words.

A context is not kept: it can be derived again. Shapes: c latents per chunk, h, w latent grid, F frames of a chunk.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ..reading.safetensors_files import load_safetensors
from ..reading.words import shortened
from ..storage.listing import first_bytes, readable
from ..storage.tensors import write_tensors
from ..storage.writing import Numbered, Part, Target
from ..variants import CORRECTED, VARIANTS, Variant
from .chunk_file import CALLED
from .state import (
    Chunk,
    Controls,
    RecordedNoise,
    Start,
    World,
    latents_of,
    new_world,
    validate_controls,
    variant_of,
)

SUFFIX = ".world.safetensors"
VERSION = 1
_HEADER, _CHECKSUM = "worldmodel_world", "worldmodel_checksum"
PICTURE = "worldmodel_picture"
"""Of a header: a picture of the world; see `cards`."""
_HEADER_FIELDS = {"variant": str, "latent_format": str, "digest": str, "chunks": list}
_CHUNK_FIELDS = {"seed": int, "prompt": str, "key": str}
_START_PARTS = ("image_condition", "visual_context", "text", "negative", "camera")
_FLOATS = (torch.float32, torch.bfloat16, torch.float16)
_HEADER_BYTES = (4096, 2**20)
"""That are looked at to tell a world's file from others: it names itself at its beginning, or else further on."""
_AGAIN = "save the world again, or copy the file again"


def save_world(world: World, target: Target | str, picture: bytes | None = None) -> Path:
    """Write a world and read it back; only then the file gets its name.

    Args:
        world: without its context, which is not kept.
        target: ends in `SUFFIX`. A path replaces a file that was there, and its folder must exist.
        picture: a small JPEG for those who look for the world again; `None`: without one.

    Returns:
        The path.

    Raises:
        ValueError: the name or the folder is wrong, the operating system refused, or the world could not be loaded
            again.
    """
    target = target if isinstance(target, Numbered) else Path(target)
    path = target.path(target.first) if isinstance(target, Numbered) else target
    if not path.name.endswith(SUFFIX):
        raise ValueError(f"world file: found the name {path.name!r}, expected one ending in {SUFFIX}; add the ending.")
    if path is target and not path.parent.is_dir():
        raise ValueError(f"world file: found no folder {path.parent}, expected it to exist; create it first.")
    tensors = _apart(_tensors_of(world))
    told = [{"seed": chunk.seed, "prompt": chunk.controls.prompt, "key": chunk.key} for chunk in world.chunks]
    start = world.start
    entries = {"version": VERSION, "variant": start.variant, "latent_format": start.latent_format}
    if start.form != CORRECTED:
        entries["form"] = start.form
    if start.prompt:
        entries["prompt"] = start.prompt
    header = json.dumps({**entries, "digest": world.digest, "chunks": told})
    with Part(target, "world file") as part:
        with part.path.open("wb") as file:
            seen = {} if picture is None else {PICTURE: base64.b64encode(picture).decode()}
            write_tensors(file, tensors, {_HEADER: header, _CHECKSUM: _checksum(header, tensors), **seen})
        _read(part.path, path.name)
        return part.finish()


def is_world_file(path: Path) -> bool:
    """Tell by its first bytes whether a file may be a world's."""
    head = first_bytes(path, _HEADER_BYTES[0])
    length = int.from_bytes(head[:8], "little")
    if head[8:9] != b"{":
        return False
    named = f'"{_HEADER}"'.encode()
    return named in head or (length > len(head) and named in first_bytes(path, min(8 + length, _HEADER_BYTES[1])))


def load_world(path: Path | str) -> World:
    """Read a world and check all of it; nothing of the file stays open or mapped, so it may change afterwards.

    Raises:
        ValueError: one sentence that begins with the file's name: it is missing, damaged, no world, or a world that
            this version cannot use.
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"{path.name}: found no such file, expected a world saved by Save World; check the name.")
    with readable(path):
        return _read(path, path.name)


class Told(NamedTuple):
    """What a world was told.

    Args:
        variant: cut as the world is.
        form: of the world.
        pictured: whether it began with a picture or a film.
        controls: of its chunks.
    """

    variant: Variant
    form: str
    pictured: bool
    controls: tuple[Controls, ...]


def load_told(path: Path | str) -> Told:
    """Read only what a world was told, chunk by chunk; its latents, and with them the checksum, are not looked at.

    Raises:
        ValueError: as `load_world`, as far as that is looked at.
    """
    path = Path(path)
    with readable(path):
        mapped, metadata = load_safetensors(path, lambda name: "latents" not in name)
        tensors = {key: tensor.clone() for key, tensor in mapped.items()}
        del mapped
    try:
        entries, variant = header_of(metadata)
        form, behind = entries.get("form", CORRECTED), _take(tensors, "start.image_condition").shape[1]
        variant = variant.cut_for(form, behind)
        told = tuple(_controls(tensors, variant, index, one) for index, one in enumerate(entries["chunks"]))
        return Told(variant, form, behind > 0, told)
    except ValueError as error:
        raise ValueError(f"{path.name}: {error}") from None


def _read(path: Path, name: str) -> World:
    mapped, metadata = load_safetensors(path)
    # copied: a mapped tensor would change with the file, or end the process when the file gets shorter
    tensors = {key: tensor.clone() for key, tensor in mapped.items()}
    del mapped
    try:
        return _world_of(tensors, metadata)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def _tensors_of(world: World) -> Iterator[tuple[str, Tensor]]:
    start = world.start
    for name, tensor in start.tensors.items():
        yield f"start.{name}", tensor
    if start.noise is not None:
        yield "start.noise.initial", start.noise.initial
        yield "start.noise.renoise", start.noise.renoise
    for index, chunk in enumerate(world.chunks):
        yield f"chunk.{index}.latents", latents_of(chunk)
        for name, rows in chunk.controls.tensors.items():
            yield f"chunk.{index}.{CALLED.get(name, name)}", rows


def _apart(named: Iterator[tuple[str, Tensor]]) -> dict[str, Tensor]:
    """Give every tensor memory of its own, which the format wants; most have it and are not copied."""
    tensors, seen = {}, set()
    for name, tensor in named:
        storage = tensor.untyped_storage()
        if not tensor.is_contiguous() or storage.nbytes() != tensor.nbytes or storage.data_ptr() in seen:
            tensor = tensor.clone(memory_format=torch.contiguous_format)
        seen.add(tensor.untyped_storage().data_ptr())
        tensors[name] = tensor
    return tensors


def _checksum(header: str, tensors: Mapping[str, Tensor]) -> str:
    digest = hashlib.sha256(header.encode("utf-8", "surrogatepass"))
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"|{name}|{tensor.dtype}|{tuple(tensor.shape)}|".encode("utf-8", "surrogatepass"))
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()


def header_of(metadata: Mapping[str, str]) -> tuple[dict[str, Any], Variant]:
    """Return what a header says of a world, and its variant.

    Raises:
        ValueError: it is no world's, or one that this version does not know; without the file's name.
    """
    if _HEADER not in metadata:
        raise ValueError("found a safetensors file without a world, expected one saved by Save World; choose another.")
    entries = _entries(metadata[_HEADER])
    if entries["variant"] not in VARIANTS:
        found, known = shortened(entries["variant"]), ", ".join(VARIANTS)
        raise ValueError(f"found a world of the model {found!r}, expected one of {known}; update this pack.")
    return entries, VARIANTS[entries["variant"]]


def _world_of(tensors: dict[str, Tensor], metadata: Mapping[str, str]) -> World:
    entries, variant = header_of(metadata)
    if metadata.get(_CHECKSUM) != _checksum(metadata[_HEADER], tensors):
        raise ValueError(f"found content that does not match its checksum, expected it unchanged; {_AGAIN}.")
    noise = None
    if any(name.startswith("start.noise.") for name in tensors):
        noise = RecordedNoise(*(_take(tensors, f"start.noise.{name}") for name in RecordedNoise._fields))
    wanted = {"image_condition": True, "visual_context": variant.start.image_tokens}
    parts = {
        name: _take(tensors, f"start.{name}") for name in _START_PARTS if wanted.get(name) or f"start.{name}" in tensors
    }
    if not all(part.numel() or (name, variant.start.latents) == ("image_condition", 0) for name, part in parts.items()):
        raise ValueError(f"found a start without a picture, expected image latents and an image context; {_AGAIN}.")
    form = entries.get("form", CORRECTED)
    prompt = entries.get("prompt", "")
    world = new_world(Start(variant.name, entries["latent_format"], noise=noise, form=form, prompt=prompt, **parts))
    variant = variant_of(world.start)
    _check_noise(noise, variant, world.start.grid)
    if world.digest != entries["digest"]:
        found, stated = (digest[:12] for digest in (world.digest, entries["digest"]))
        raise ValueError(f"found a start with digest {found!r}, expected {stated!r} as the header states; {_AGAIN}.")
    chunks = tuple(_chunk(tensors, world, variant, i, told) for i, told in enumerate(entries["chunks"]))
    if tensors:
        found = f"{len(tensors)} tensors too many (such as {shortened(min(tensors))!r})"
        raise ValueError(f"found {found}, expected those of {len(chunks)} chunks; {_AGAIN}.")
    return world._replace(chunks=chunks)


def _entries(text: str) -> dict[str, Any]:
    """Read the header's JSON; what it says has the right types, and nothing more is known about it."""
    try:
        entries = json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError(f"found a damaged header, expected JSON; {_AGAIN}.") from None
    version = entries.get("version") if isinstance(entries, dict) else None
    if type(version) is not int or version < 1:
        raise ValueError(f"found a header without a version, expected version {VERSION}; {_AGAIN}.")
    if version > VERSION:
        raise ValueError(
            f"found version {shortened(str(version))} of the format, expected {VERSION}; update this pack."
        )
    _check_fields(entries, _HEADER_FIELDS, "the header")
    _check_fields(entries, {name: str for name in ("form", "prompt") if name in entries}, "the header")
    for index, told in enumerate(entries["chunks"]):
        _check_fields(told, _CHUNK_FIELDS, f"chunk {index}")
        if not 0 <= told["seed"] < 2**64:
            raise ValueError(f"found a seed in chunk {index} that is out of range, expected 0 to 2^64 - 1; {_AGAIN}.")
        if not re.fullmatch("[0-9a-f]{0,128}", told["key"]):
            raise ValueError(f"found a key in chunk {index} that is no hex digest, expected one or none; {_AGAIN}.")
    return entries


def _check_fields(entries: Any, fields: Mapping[str, type], where: str) -> None:
    for field, kind in fields.items():
        value = entries.get(field) if isinstance(entries, dict) else None
        if type(value) is not kind:  # bool is an int to isinstance
            found = "none" if value is None else f"a {type(value).__name__}"
            raise ValueError(f"found {found} as {field} of {where}, expected a {kind.__name__}; {_AGAIN}.")


def _take(tensors: dict[str, Tensor], name: str, dtypes: tuple[torch.dtype, ...] = _FLOATS) -> Tensor:
    """Move a tensor out of what was read, once it is known to hold finite numbers of a type a world may have."""
    tensor = tensors.pop(name, None)
    if tensor is None:
        raise ValueError(f"found no tensor {name!r}, expected it in every world file; {_AGAIN}.")
    if tensor.dtype not in dtypes:
        found, *expected = (str(dtype).removeprefix("torch.") for dtype in (tensor.dtype, *dtypes))
        raise ValueError(f"found {found} numbers in {name!r}, expected {' or '.join(expected)}; {_AGAIN}.")
    if not bool(torch.isfinite(tensor).all()):
        raise ValueError(f"found NaN or infinity in {name!r}, expected finite numbers; roll that world out again.")
    return tensor


def _chunk(tensors: dict[str, Tensor], world: World, variant: Variant, index: int, told: dict[str, Any]) -> Chunk:
    latents = _take(tensors, f"chunk.{index}.latents")
    expected = (variant.latents.channels, variant.chunking.latents(index), *world.start.grid)
    if tuple(latents.shape) != expected:
        raise ValueError(
            f"found latents of shape {tuple(latents.shape)} in chunk {index}, expected {expected} as the start has "
            f"them; {_AGAIN}."
        )
    return Chunk(latents, _controls(tensors, variant, index, told), told["seed"], told["key"])


def _controls(tensors: dict[str, Tensor], variant: Variant, index: int, told: dict[str, Any]) -> Controls:
    def part(name: str, *dtypes: torch.dtype) -> Tensor | None:
        whole = f"chunk.{index}.{name}"
        return _take(tensors, whole, dtypes) if whole in tensors else None

    keyboard = part("keyboard", torch.float32)
    if keyboard is None and variant.keyboard is not None:
        keyboard = _take(tensors, f"chunk.{index}.keyboard", (torch.float32,))  # which says that there is none
    poses = part("poses", torch.float32, torch.float64)
    if poses is not None and (poses.dim() != 3 or tuple(poses.shape[1:]) != (4, 4)):
        raise ValueError(
            f"found poses of shape {tuple(poses.shape)} in chunk {index}, expected (frames, 4, 4); {_AGAIN}."
        )
    controls = Controls(keyboard, part("mouse", torch.float32), poses, told["prompt"])
    validate_controls(controls, variant, index)
    return controls


def _check_noise(noise: RecordedNoise | None, variant: Variant, grid: tuple[int, ...]) -> None:
    if noise is None:
        return
    initial, renoise = (tuple(tensor.shape) for tensor in noise)
    channels, length = variant.latents.channels, variant.chunking.later
    if len(initial) != 4 or initial[0] != channels or initial[2:] != grid:
        raise ValueError(
            f"found recorded noise of shape {initial}, expected ({channels}, latents, {grid[0]}, {grid[1]}); {_AGAIN}."
        )
    if len(renoise) != 6 or renoise[2:] != (length, channels, *grid):
        expected = f"(chunks, steps - 1, {length}, {channels}, {grid[0]}, {grid[1]})"
        raise ValueError(f"found recorded noise for later steps of shape {renoise}, expected {expected}; {_AGAIN}.")
