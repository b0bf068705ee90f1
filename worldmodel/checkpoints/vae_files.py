"""VAE files: which VAE one holds, told by key names and widths, and its tensors under the names of Wan's release.

Shapes: as in the file.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from torch import Tensor, nn

from ..reading.words import shortened
from ..vae.latent_formats import TINY_WORLD, WAN21, WAN22, LatentFormat
from ..vae.tiny import TinyVAE
from ..vae.wan21 import Wan21VAE, wan21_sizes
from ..vae.wan22 import Wan22VAE, wan22_sizes
from .fit import misfit
from .recognise import read_metadata

EXPECTED = (
    "expected the VAE of Wan 2.1 (for Matrix-Game 2), of Wan 2.2 (Matrix-Game 3, Yume), an MG-LightVAE (Matrix-Game 3) "
    "or Tiny World's"
)
LIGHT_FOR = "matrix_game_3"
"""The family that the pruned decoders were trained for."""
_LIGHT_WIDTHS = {128: "MG-LightVAE", 64: "MG-LightVAE v2"}
"""Of the released decoders' finest level; the whole one's is 256."""
_HEADS = "dynamic_feature_projection_heads."
"""Of a pruned decoder's training, left in its file."""
_IN_A_LEVEL = re.compile(
    r"(encoder|decoder)\.(?:down|up)_blocks\.(\d{1,3})\.(resnets\.\d{1,3}|(?:down|up)sampler)\.(.+)"
)
_OUTSIDE = {
    "quant_conv": "conv1",
    "post_quant_conv": "conv2",
    **{
        f"{part}.{theirs}": f"{part}.{ours}"
        for part in ("encoder", "decoder")
        for theirs, ours in {
            "conv_in": "conv1",
            "norm_out": "head.0",
            "conv_out": "head.2",
            "mid_block.resnets.0": "middle.0",
            "mid_block.attentions.0": "middle.1",
            "mid_block.resnets.1": "middle.2",
        }.items()
    },
}
_IN_A_BLOCK = {
    "norm1": "residual.0",
    "conv1": "residual.2",
    "norm2": "residual.3",
    "conv2": "residual.6",
    "conv_shortcut": "shortcut",
}


class VAEKind(NamedTuple):
    """A kind of VAE.

    Args:
        title: as messages call it.
        format: of its latents.
        network: built with the sizes of a file.
        only_for: the family that alone runs it; "": whoever knows its latents.
        encodes: the file's encoder is used.
    """

    title: str
    format: LatentFormat
    network: type[nn.Module]
    only_for: str = ""
    encodes: bool = True


class VAEFile(NamedTuple):
    """A recognised VAE file.

    Args:
        kind: of its VAE.
        sizes: arguments of the network.
        weights: its tensors, not copied, under the network's names; what no decoder needs is left out where the VAE
            does not encode.
    """

    kind: VAEKind
    sizes: dict[str, Any]
    weights: dict[str, Tensor]


TINY_WORLD_VAE = VAEKind("the Tiny World VAE", TINY_WORLD, TinyVAE)
WAN21_VAE = VAEKind("the Wan 2.1 VAE", WAN21, Wan21VAE)
WAN22_VAE = VAEKind("the Wan 2.2 VAE", WAN22, Wan22VAE)
LIGHT_VAE = VAEKind("MG-LightVAE", WAN22, Wan22VAE, only_for=LIGHT_FOR, encodes=False)


def recognise_vae(
    state_dict: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None, *, name: str = "VAE file"
) -> VAEFile:
    """Tell which VAE a state dict holds.

    Args:
        state_dict: tensors of the file; meta tensors do.
        metadata: the file's header.
        name: how messages call the file.

    Raises:
        ValueError: it holds something else, or lacks tensors, or has some too many.
    """
    entries = read_metadata(metadata, name)
    if entries.get("kind") == "tiny_vae":
        sizes = {key: tuple(entries[key]) for key in ("encoder_widths", "decoder_widths") if entries.get(key)}
        return _fitting(VAEFile(TINY_WORLD_VAE, sizes, dict(state_dict)), name)
    weights = released_vae_names(state_dict)
    if _is_wan22(weights):
        whole = _fitting(VAEFile(WAN22_VAE, _sizes(wan22_sizes, weights, name), weights), name)
        light = any(key.startswith(_HEADS) for key in state_dict)
        return _decoder_alone(whole) if light or _is_pruned(whole) else whole
    if _is_wan21(weights):
        return _fitting(VAEFile(WAN21_VAE, _sizes(wan21_sizes, weights, name), weights), name)
    raise ValueError(f"{name}: found {_what_else(weights)}, {EXPECTED}; choose another file.")


def released_vae_names(state_dict: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors, not copied, under the names of Wan's release.

    diffusers' names for a Wan 2.2 VAE, which MG-LightVAE has too, are replaced, and what a training of MG-LightVAE
    left beside it is dropped; other names stay.
    """
    named = {key: tensor for key, tensor in state_dict.items() if not key.startswith(_HEADS)}
    if "decoder.up_blocks.0.upsampler.resample.1.weight" not in named:
        return named
    blocks = Counter(
        (match[1], match[2])
        for key in named
        if (match := _IN_A_LEVEL.fullmatch(key)) and match[3].startswith("resnets.") and match[4] == "conv1.weight"
    )
    return {_released_name(key, blocks): tensor for key, tensor in named.items()}


def _released_name(key: str, blocks: Mapping[tuple[str, str], int]) -> str:
    match = _IN_A_LEVEL.fullmatch(key)
    if match is None:
        module = next((module for module in _OUTSIDE if key.startswith(f"{module}.")), None)
        if module is None:
            return key
        ours, rest = _OUTSIDE[module], key[len(module) + 1 :]
        inner, _, last = rest.partition(".")
        return (
            f"{ours}.{_IN_A_BLOCK[inner]}.{last}"
            if ".resnets." in module and inner in _IN_A_BLOCK
            else f"{ours}.{rest}"
        )
    part, level, place, rest = match.groups()
    levels = "downsamples" if part == "encoder" else "upsamples"
    if place.startswith("resnets."):
        inner, _, last = rest.partition(".")
        rest, index = f"{_IN_A_BLOCK.get(inner, inner)}.{last}", place.removeprefix("resnets.")
    else:  # the step stands behind the blocks
        index = blocks[part, level]
    return f"{part}.{levels}.{level}.{levels}.{index}.{rest}"


def _is_wan22(weights: Mapping[str, Tensor]) -> bool:
    return "decoder.upsamples.0.upsamples.0.residual.2.weight" in weights and _has_sizes(
        weights, {"conv2.weight": (0, WAN22.channels)}
    )


def _is_wan21(weights: Mapping[str, Tensor]) -> bool:
    return (
        "decoder.middle.0.residual.0.gamma" in weights
        and "decoder.upsamples.0.upsamples.0.residual.2.weight" not in weights
        and _has_sizes(
            weights,
            {"conv2.weight": (0, WAN21.channels), "encoder.conv1.weight": (1, 3), "decoder.head.2.weight": (0, 3)},
        )
    )


def _has_sizes(weights: Mapping[str, Tensor], wanted: Mapping[str, tuple[int, int]]) -> bool:
    """Tell whether tensors have dimensions (axis, size) that tell a VAE from others with the same names."""
    return all(
        key in weights and weights[key].dim() > axis and weights[key].shape[axis] == size
        for key, (axis, size) in wanted.items()
    )


def _is_pruned(file: VAEFile) -> bool:
    return file.sizes["encoder_width"] is None or file.sizes["decoder_width"] in _LIGHT_WIDTHS


def _decoder_alone(file: VAEFile) -> VAEFile:
    """Return what is used of a pruned VAE: its latents are those of the whole one's encoder."""
    title = _LIGHT_WIDTHS.get(file.sizes["decoder_width"], LIGHT_VAE.title)
    weights = {key: tensor for key, tensor in file.weights.items() if not key.startswith(("encoder.", "conv1."))}
    return VAEFile(LIGHT_VAE._replace(title=title), file.sizes | {"encoder_width": None}, weights)


def _sizes(
    read: Callable[[Mapping[str, Tensor]], dict[str, Any]], weights: Mapping[str, Tensor], name: str
) -> dict[str, Any]:
    try:
        return read(weights)
    except KeyError as error:
        raise ValueError(f"{name}: found no tensor {error.args[0]}, {EXPECTED}; download it again.") from error
    except (IndexError, ArithmeticError) as error:
        raise ValueError(f"{name}: found tensors of other dimensions, {EXPECTED}; download it again.") from error


def _fitting(file: VAEFile, name: str) -> VAEFile:
    """Return the file if its tensors are those of its network, which takes no memory here.

    Raises:
        ValueError: they are not.
    """
    try:
        network = file.kind.network(**file.sizes, device="meta")
    except (RuntimeError, ValueError, LookupError, ArithmeticError) as error:  # sizes that no layer can have
        found = "tensors that no network of this kind has"
        raise ValueError(f"{name}: found {found}, {EXPECTED}; train or download it again.") from error
    shapes = {key: tuple(tensor.shape) for key, tensor in network.state_dict().items()}
    if found := misfit(file.weights, shapes):
        raise ValueError(f"{name}: found {found}, {EXPECTED}; train or download it again.")
    latents = file.kind.format
    frames = getattr(network, "frames_per_latent", latents.frames)
    pixels = getattr(network, "pixels_per_latent", latents.pixels)
    if (frames, pixels) != (latents.frames, latents.pixels):
        found = f"a VAE with {frames} frames and {pixels} pixels to a latent"
        raise ValueError(f"{name}: found {found}, {EXPECTED}; choose another file.")
    return file


def _what_else(weights: Mapping[str, Tensor]) -> str:
    if any(key.startswith("decoder.up_blocks.0.resnets.0.conv1") for key in weights):
        dimensions = weights["decoder.conv_in.weight"].dim() if "decoder.conv_in.weight" in weights else 0
        return f"{'the Wan 2.1 VAE' if dimensions == 5 else 'a VAE'} under diffusers' names"
    first = next(iter(weights), None)
    return "no tensors" if first is None else f"something else (first key {shortened(first, 80)!r})"
