"""VAE files to the host's VAE, and what we know about each kind.

Shapes: F frames of H x W pixels, T latents of h x w.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import comfy.latent_formats
import comfy.ldm.wan.vae
import comfy.model_management
import comfy.model_patcher
import comfy.ops
import comfy.sd
import torch
from torch import Tensor

from ...worldmodel.checkpoints.fit import misfit
from ...worldmodel.checkpoints.recognise import latent_statistics, read_metadata
from ...worldmodel.layers.threads import few_threads
from ...worldmodel.models.matrix_game2.conditions import image_then_grey
from ...worldmodel.reading.words import shortened
from ...worldmodel.vae.tiny import FRAMES_PER_LATENT, LATENT_CHANNELS, PIXELS_PER_LATENT, CausalBlock, TinyVAE
from ...worldmodel.vae.wan21 import Wan21VAE, wan21_sizes
from .checkpoints import read_file
from .network import TinyWorldLatents

EXPECTED = "expected the Wan 2.1 VAE or Tiny World's"
LAYERS = comfy.ops.disable_weight_init
START_THREADS = 2
"""What is made of a picture differs in its last bits with the number of CPU threads, and the journal knows a world by
its bits; so it is made with one number everywhere. With 2 it is as with any from 2 to 8, which most hosts have."""
WAN21_SIZES = {"conv2.weight": (0, LATENT_CHANNELS), "encoder.conv1.weight": (1, 3), "decoder.head.2.weight": (0, 3)}
"""Dimensions (axis, size) that tell Wan 2.1 from VAEs with the same names."""


class Kind(NamedTuple):
    """What a family of VAEs is to us."""

    name: str
    """Of the latent format."""
    title: str
    latents: comfy.latent_formats.LatentFormat
    settles: int
    """Latents of "image, then grey" after which the encoder repeats itself."""
    reach: int
    """Latents before a frame from which a stream must begin, so that the frame is as in the whole."""


class Costs(NamedTuple):
    """Numbers that a VAE's widest layers hold at once, for the host's choice of what else stays on the device."""

    encode: Callable[[Sequence[int]], int]
    """Of pixels (B, 3, F, H, W)."""
    decode: Callable[[Sequence[int]], int]
    """Of latents (B, 16, T, h, w)."""
    dtypes: tuple[torch.dtype, ...]


# Wan: one latent at a time, as the host reckons for its own; Tiny World's: all at once
WAN_COSTS = Costs(
    lambda shape: 6000 * shape[3] * shape[4],
    lambda shape: 7000 * 64 * shape[3] * shape[4],
    (torch.bfloat16, torch.float16, torch.float32),
)
TINY_COSTS = Costs(
    lambda shape: 300 * math.prod(shape[2:]), lambda shape: 300 * 256 * math.prod(shape[2:]), (torch.float32,)
)


class _WholeLatents:
    """Frames that fill no whole latent are left out, as the host's Wan VAE does."""

    def encode(self, pixels: Tensor, memory: dict[str, Tensor] | None = None) -> Tensor:
        """Encode pixels (B, 3, F, H, W) in -1..1 to latents (B, 16, T, h, w)."""
        whole = pixels.shape[2] - (pixels.shape[2] - 1) % FRAMES_PER_LATENT if memory is None else pixels.shape[2]
        return super().encode(pixels[:, :, :whole], memory)


class HostTinyVAE(_WholeLatents, TinyVAE):
    """Tiny World's VAE as the host calls it."""


class HostWan21VAE(_WholeLatents, Wan21VAE):
    """The Wan 2.1 VAE as the host calls it."""


class WorldVAE(comfy.sd.VAE):
    """The host's VAE around one of our networks, with every attribute its methods read; see the host's constructor."""

    def __init__(self, network: torch.nn.Module, weights: dict[str, Tensor], kind: Kind, costs: Costs):
        """Fill a network with a file's tensors, which fit."""
        self.kind = kind
        self._describe(costs)
        self.first_stage_model = network.eval()
        self.device = comfy.model_management.vae_device()
        self.vae_dtype = comfy.model_management.vae_dtype(self.device, self.working_dtypes)
        self.output_device = comfy.model_management.intermediate_device()
        self.first_stage_model.to(self.vae_dtype)
        comfy.model_management.archive_model_dtypes(self.first_stage_model)
        self.patcher = comfy.model_patcher.CoreModelPatcher(
            self.first_stage_model,
            load_device=self.device,
            offload_device=comfy.model_management.vae_offload_device(),
        )
        self.first_stage_model.load_state_dict(weights, strict=True, assign=False)
        self.first_stage_model.requires_grad_(False)
        self.model_size()

    def _describe(self, costs: Costs) -> None:
        time, space = FRAMES_PER_LATENT, PIXELS_PER_LATENT
        self.latent_channels, self.latent_dim, self.output_channels = LATENT_CHANNELS, 3, 3
        self.upscale_ratio = (lambda latents: max(0, latents * time - time + 1), space, space)
        self.downscale_ratio = (lambda frames: max(0, (frames + time - 1) // time), space, space)
        self.upscale_index_formula = self.downscale_index_formula = (time, space, space)
        self.process_input = lambda image: image * 2.0 - 1.0
        self.process_output = lambda image: image.add_(1.0).div_(2.0).clamp_(0.0, 1.0)
        self.memory_used_encode = lambda shape, dtype: costs.encode(shape) * dtype.itemsize
        self.memory_used_decode = lambda shape, dtype: costs.decode(shape) * dtype.itemsize
        self.working_dtypes = list(costs.dtypes)
        self.disable_offload = self.not_video = self.handles_tiling = False
        self.crop_input = True
        self.size = self.extra_1d_channel = self.format_encoded = self.pad_channel_value = None
        self.audio_sample_rate = 44100


def load_world_vae(path: Path) -> comfy.sd.VAE:
    """Load a VAE that some world model uses as the host's VAE.

    Raises:
        ValueError: the file holds something else.
    """
    name = f"vae_name: {path.name}"
    weights, metadata = read_file(path, "vae_name")
    if read_metadata(metadata, name).get("kind") == "tiny_vae":
        vae = _tiny_world_vae(weights, metadata, name)
    elif is_wan21(weights):
        vae = _wan21_vae(weights, name)
    else:
        raise ValueError(f"{name}: found {_what_else(weights)}, {EXPECTED}; choose another file.")
    vae.patcher.cached_patcher_init = (load_vae_patcher, (path,))
    return vae


def load_vae_patcher(path: Path, disable_dynamic: bool = False) -> comfy.model_patcher.ModelPatcher:
    """Load the VAE again for a clone of the host's; see `load_world_vae`."""
    return load_world_vae(path).patcher


def is_wan21(weights: dict[str, Tensor]) -> bool:
    """Tell Wan 2.1's layout (16 channels, 8 x 8, 3 colours) from its relatives by key names and first dimensions."""
    return (
        "decoder.middle.0.residual.0.gamma" in weights
        and "decoder.upsamples.0.upsamples.0.residual.2.weight" not in weights
        and all(
            key in weights and weights[key].dim() > axis and weights[key].shape[axis] == size
            for key, (axis, size) in WAN21_SIZES.items()
        )
    )


def kind_of(vae: comfy.sd.VAE) -> Kind:
    """Return what we know about a VAE, whoever loaded it.

    Raises:
        ValueError: no world model of ours uses this VAE.
    """
    if isinstance(vae, WorldVAE):
        return vae.kind
    model = getattr(vae, "first_stage_model", None)
    if isinstance(model, comfy.ldm.wan.vae.WanVAE) and vae.latent_channels == LATENT_CHANNELS:
        kind = _wan21_kind(Wan21VAE(width=1, device="meta"))
        # the host computes a stream's first latents in other pieces, hence in other bits
        return kind._replace(reach=kind.reach + 1)
    raise ValueError(f"vae: found a VAE of type {type(model).__name__}, {EXPECTED}; load it with Load World VAE.")


def _wan21_kind(network: Wan21VAE) -> Kind:
    return Kind("wan21", "the Wan 2.1 VAE", comfy.latent_formats.Wan21(), network.settles, network.reach)


def _wan21_vae(weights: dict[str, Tensor], name: str) -> WorldVAE:
    try:
        sizes = wan21_sizes(weights)
    except KeyError as error:
        raise ValueError(f"{name}: found no tensor {error.args[0]}, {EXPECTED}; download it again.") from error
    except (IndexError, ZeroDivisionError) as error:
        raise ValueError(f"{name}: found tensors of other dimensions, {EXPECTED}; download it again.") from error
    network = _fitting(lambda **placement: HostWan21VAE(**sizes, **placement), weights, name)
    if (network.frames_per_latent, network.pixels_per_latent) != (FRAMES_PER_LATENT, PIXELS_PER_LATENT):
        found = f"a VAE with {network.frames_per_latent} frames and {network.pixels_per_latent} pixels to a latent"
        raise ValueError(f"{name}: found {found}, {EXPECTED}; choose another file.")
    return WorldVAE(network, weights, _wan21_kind(network), WAN_COSTS)


def _tiny_world_vae(weights: dict[str, Tensor], metadata: dict[str, str], name: str) -> WorldVAE:
    entries = read_metadata(metadata, name)
    widths: dict[str, Any] = {
        key: tuple(entries[key]) for key in ("encoder_widths", "decoder_widths") if entries.get(key)
    }
    latents = TinyWorldLatents(*latent_statistics(metadata, name).values())
    network = _fitting(lambda **placement: HostTinyVAE(**widths, **placement), weights, name)
    encoder, decoder = (_latents_back(part) for part in (network.encoder, network.decoder))
    kind = Kind("tiny_world", "the Tiny World VAE", latents, settles=2 + encoder, reach=decoder)
    return WorldVAE(network, weights, kind, TINY_COSTS)


def _fitting(make: Callable[..., torch.nn.Module], weights: dict[str, Tensor], name: str) -> torch.nn.Module:
    """Return a network that a file's tensors fit; before they do, it takes no memory.

    Args:
        make: given where its numbers lie, and its layers.
        weights: the file's tensors.
        name: how messages call the file.

    Raises:
        ValueError: the tensors do not fit.
    """
    try:
        shapes = {key: tuple(tensor.shape) for key, tensor in make(device="meta").state_dict().items()}
    except (RuntimeError, ValueError, ArithmeticError) as error:  # sizes that no layer can have
        found = "tensors that no network of this kind has"
        raise ValueError(f"{name}: found {found}, {EXPECTED}; train or download it again.") from error
    if found := misfit(weights, shapes):
        raise ValueError(f"{name}: found {found}, {EXPECTED}; train or download it again.")
    return make(operations=LAYERS)


def _what_else(weights: dict[str, Tensor]) -> str:
    if any(key.startswith("decoder.up_blocks.0.resnets.0.conv1") for key in weights):
        dimensions = weights["decoder.conv_in.weight"].dim() if "decoder.conv_in.weight" in weights else 0
        return f"{'the Wan 2.1 VAE' if dimensions == 5 else 'a VAE'} under diffusers' names"
    if "decoder.upsamples.0.upsamples.0.residual.2.weight" in weights:
        return "the Wan 2.2 VAE"
    first = next(iter(weights), None)
    return "no tensors" if first is None else f"something else (first key {shortened(first, 80)!r})"


def _latents_back(part: torch.nn.Module) -> int:
    """Latents that the Tiny World encoder or decoder looks back: each of its blocks looks back one step of its own."""
    names = [block.name for block in part.modules() if isinstance(block, CausalBlock)]
    fine, middle, coarse = (sum(word in name for name in names) for word in ("fine", "middle", "coarse"))
    return coarse + math.ceil((2 * middle + fine) / FRAMES_PER_LATENT)


def encode_start(vae: comfy.sd.VAE, picture: Tensor) -> Tensor:
    """Encode a picture followed by grey frames until the encoder repeats itself.

    Args:
        picture: (H, W, 3) in 0..1, sides multiples of 8.

    Returns:
        (16, T, h, w) float32 in model space, on the CPU (specs/matrix_game2.md 9).

    Raises:
        ValueError: they are not finite.
    """
    kind = kind_of(vae)
    with few_threads(START_THREADS):
        latents = vae.encode(image_then_grey(picture, kind.settles)).to("cpu", torch.float32)
    if not bool(torch.isfinite(latents).all()):
        raise ValueError(not_finite(vae, "the latents it made of the picture"))
    return kind.latents.process_in(latents)[0]


def not_finite(vae: comfy.sd.VAE, where: str) -> str:
    """Return the sentence that tells a user of NaN or infinity, with the likely cause."""
    half = vae.vae_dtype == torch.float16
    advice = "start ComfyUI with --bf16-vae or --fp32-vae" if half else "load another VAE file, or download it again"
    name = str(vae.vae_dtype).removeprefix("torch.")
    return f"vae: found NaN or infinity in {where} (it computes in {name}), expected finite numbers; {advice}."
