"""What files hold: a world model, its VAE, or an encoder before it; each recognised and strictly checked."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor

from ..checkpoints.clip_tower import PREFIX, tower_sizes, tower_weights
from ..checkpoints.file_kinds import kind_of_file, load_pickle, parts_of
from ..checkpoints.recognise import Checkpoint, read_metadata, recognise
from ..checkpoints.text_encoder import encoder_sizes, encoder_weights
from ..checkpoints.vae_files import VAEFile, recognise_vae
from ..reading.safetensors_files import load_safetensors
from ..reading.words import counted

MODEL, VAE, TEXT, CLIP = "world model", "VAE", "text encoder", "CLIP tower"
_TEXT = "token_embedding.weight", "shared.weight"
_CLIP = f"{PREFIX}cls_embedding", "vision_model.embeddings.class_embedding"
_VAE = "decoder."
_PIECE = 2**24


class Given(NamedTuple):
    """A recognised file, or all parts of one.

    Args:
        paths: its parts.
        role: one of the four above.
        title: what it is.
        content: what was recognised; of an encoder its sizes.
        weights: its tensors as in the file, mapped where that is safetensors.
        metadata: of its header.
    """

    paths: tuple[Path, ...]
    role: str
    title: str
    content: Checkpoint | VAEFile | Mapping[str, Any]
    weights: Mapping[str, Tensor]
    metadata: Mapping[str, str]

    @property
    def bytes(self) -> int:
        """Of all parts."""
        return sum(path.stat().st_size for path in self.paths)

    @property
    def numbers(self) -> Counter[str]:
        """How many numbers there are of each type, by its name."""
        found: Counter[str] = Counter()
        for tensor in self.weights.values():
            found[str(tensor.dtype).removeprefix("torch.")] += tensor.numel()
        return found


def look_at_all(paths: Sequence[Path]) -> dict[str, Given]:
    """Recognise files, one of a role.

    Args:
        paths: files, parts of one in any number, or folders with one model.

    Returns:
        By their roles.

    Raises:
        ValueError: a file is missing, damaged, of another kind or not whole, or there are two of a role.
    """
    found: dict[str, Given] = {}
    seen: set[Path] = set()
    for path in paths:
        if not path.exists():
            raise ValueError(f"{path.name}: found no such file, expected one that was downloaded; check the path.")
        parts = tuple(parts_of(path, path.name))
        if parts[0] in seen:
            continue
        seen.update(parts)
        given = look_at(parts)
        if given.role in found:
            other = found[given.role].paths[0].name
            raise ValueError(
                f"{parts[0].name}: found a second {given.role} beside {other}, expected one of each; check one model "
                "at a time."
            )
        found[given.role] = given
    return found


def look_at(parts: Sequence[Path]) -> Given:
    """Recognise the file that has these parts.

    Raises:
        ValueError: see `look_at_all`.
    """
    weights: dict[str, Tensor] = {}
    metadata: dict[str, str] = {}
    for part in parts:
        if kind_of_file(part, part.name) == "torch":
            tensors, header = load_pickle(part, part.name), {}
        else:
            tensors, header = load_safetensors(part)
        weights |= tensors
        metadata |= header
    name, role = parts[0].name, _role_of(weights, metadata, parts[0].name)
    if role == VAE:
        content: Any = recognise_vae(weights, metadata, name=name)
        title = content.kind.title
    elif role == TEXT:
        content = encoder_sizes(encoder_weights(weights, name=name), name=name)
        title = f"UMT5 text encoder, {counted(content['num_layers'], 'block')}, {content['d_model']} wide"
    elif role == CLIP:
        content = tower_sizes(tower_weights(weights, name=name), name=name)
        title = f"CLIP vision tower, {counted(content['num_hidden_layers'], 'block')}, {content['hidden_size']} wide"
    else:
        content = recognise(weights, metadata, name=name)
        title = content.variant.title
    return Given(tuple(parts), role, title, content, weights, metadata)


def _role_of(weights: Mapping[str, Tensor], metadata: Mapping[str, str], name: str) -> str:
    """Tell by a few names whose reader is asked; a reader refuses what it does not know, in a sentence."""
    if any(key in weights for key in _TEXT):
        return TEXT
    if any(key in weights for key in _CLIP):
        return CLIP
    if read_metadata(metadata, name).get("kind") == "tiny_vae" or any(key.startswith(_VAE) for key in weights):
        return VAE
    return MODEL


def digest_of(paths: Sequence[Path]) -> str:
    """Return sha256 of a file, as its release page shows it; of several parts that of each, joined by blanks."""
    found = []
    for path in paths:
        digest = hashlib.sha256()
        with path.open("rb") as file:
            while piece := file.read(_PIECE):
                digest.update(piece)
        found.append(digest.hexdigest())
    return " ".join(found)
