"""VAE files to the host's VAE, and what we know about each kind.

Shapes: F frames of H x W pixels, T latents of h x w.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import comfy.latent_formats
import comfy.ldm.wan.vae
import comfy.ldm.wan.vae2_2
import comfy.model_management
import comfy.model_patcher
import comfy.sd
import torch
from comfy.cli_args import args
from torch import Tensor

from ...worldmodel.checkpoints.recognise import check_latent_formats, latent_statistics
from ...worldmodel.checkpoints.vae_files import EXPECTED, WAN21_VAE, VAEKind, recognise_vae
from ...worldmodel.layers.threads import few_threads
from ...worldmodel.vae.causal import STOCK, CausalVAE, Manner
from ...worldmodel.vae.latent_formats import TINY_WORLD, WAN21, LatentFormat
from ...worldmodel.vae.tiny import CausalBlock, TinyVAE
from ...worldmodel.vae.tiny_decoder import TOGETHER, fast
from ...worldmodel.vae.wan21 import Wan21VAE
from ...worldmodel.vae.wan22 import manner_of
from ...worldmodel.variants import Variant
from . import progress
from .checkpoints import read_file
from .network import StatedLatents
from .vae_networks import LAYERS, HostTinyVAE, HostWan21VAE, HostWan22VAE

START_THREADS = 2
"""What is made of a picture differs in its last bits with the number of CPU threads, and the journal knows a world by
its bits; so it is made with one number everywhere. With 2 it is as with any from 2 to 8, which most hosts have."""


AUTO, EXACT = DECODING = ("auto", "exact")
"""How Tiny World's frames are made of latents: in bfloat16 where a CPU multiplies in it, or in float32 everywhere."""


class Kind(NamedTuple):
    """What a kind of VAE is to us."""

    format: LatentFormat
    title: str
    latents: comfy.latent_formats.LatentFormat
    settles: int
    """Latents of "image, then grey" after which the encoder repeats itself."""
    reach: int
    """Latents before a frame from which a stream must begin, so that the frame is as in the whole."""
    only_for: str = ""
    """The family that alone runs it; "": whoever knows its latents."""
    encodes: bool = True
    piece: int = 1
    """Latents of one call, counted from each chunk's first."""

    @property
    def name(self) -> str:
        """Return the name of the latent format."""
        return self.format.name


class Costs(NamedTuple):
    """Numbers that a VAE's widest layers hold at once, for the host's choice of what else stays on the device."""

    encode: Callable[[Sequence[int]], int]
    """Of pixels (B, 3, F, H, W)."""
    decode: Callable[[Sequence[int]], int]
    """Of latents (B, C, T, h, w)."""
    dtypes: tuple[torch.dtype, ...]


# Wan: one latent at a time, as the host reckons for its own; Tiny World's: all at once
_WAN_DTYPES = (torch.bfloat16, torch.float16, torch.float32)
WAN21_COSTS = Costs(
    lambda shape: 6000 * shape[3] * shape[4], lambda shape: 7000 * 64 * shape[3] * shape[4], _WAN_DTYPES
)
TINY_COSTS = Costs(
    lambda shape: 300 * math.prod(shape[2:]), lambda shape: 300 * 256 * math.prod(shape[2:]), (torch.float32,)
)


def _wan22_costs(width: int) -> Costs:
    return Costs(
        lambda shape: 3300 * shape[3] * shape[4],
        lambda shape: 8000 * width * shape[3] * shape[4],  # 256 wide and 16 x 16 pixels: the same number twice
        _WAN_DTYPES,
    )


class WorldVAE(comfy.sd.VAE):
    """The host's VAE around one of our networks, with every attribute its methods read; see the host's constructor."""

    def __init__(
        self,
        network: torch.nn.Module,
        weights: dict[str, Tensor],
        kind: Kind,
        costs: Costs,
        again: Callable[..., torch.nn.Module] | None = None,
        exact: bool = False,
    ):
        """Fill a network with a file's tensors, which fit.

        Args:
            network: as it was built.
            weights: of the file.
            kind: what the network is to us.
            costs: what it needs.
            again: builds the network once more; `None`: nobody can.
            exact: see `EXACT`.
        """
        self.kind, self.again, self._exact = kind, again, exact
        self._ready: torch.nn.Module | None = None
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
        if isinstance(network, CausalVAE) and self.device.type == "cpu":
            network.lay_out()
        self.model_size()

    @property
    def decoding(self) -> torch.nn.Module:
        """What streams are decoded with on one thread: the network itself, or a faster form of its weights.

        On several it is not asked: the last bits of its products depend on how many share them.
        The encoder stays as it is: a world is known by the bits of its latents, which must not depend on the CPU.
        """
        if self._ready is None:
            self._ready = self.ready(self.first_stage_model)
        return self._ready

    def ready(self, network: torch.nn.Module) -> torch.nn.Module:
        """Return what a network with this VAE's weights decodes streams with."""
        if not isinstance(network, TinyVAE) or self.device.type != "cpu":
            return network
        return fast(network.decoder, self._exact or args.fp32_vae)

    def encode(self, pixel_samples: Tensor) -> Tensor:
        """Do what the host's does; see `check_encodes`."""
        check_encodes(self.kind)
        return super().encode(pixel_samples)

    def encode_tiled(self, pixel_samples: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        """Do what the host's does; see `check_encodes`."""
        check_encodes(self.kind)
        return super().encode_tiled(pixel_samples, *args, **kwargs)

    def _describe(self, costs: Costs) -> None:
        _, channels, space, time = self.kind.format
        self.latent_channels, self.latent_dim, self.output_channels = channels, 3, 3
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


def load_world_vae(path: Path, decoding: str = AUTO) -> comfy.sd.VAE:
    """Load a VAE that some world model uses as the host's VAE.

    Args:
        path: of its file.
        decoding: one of `DECODING`, for Tiny World's alone.

    Raises:
        ValueError: the file holds something else.
    """
    weights, metadata = read_file(path, "vae_name")
    vae = build_vae(weights, metadata, f"vae_name: {path.name}", decoding == EXACT)
    vae.patcher.cached_patcher_init = (load_vae_patcher, (path,))
    if not vae.kind.encodes:
        progress.tell(f"{vae.kind.title}: it decodes worlds of Matrix-Game 3; the Wan 2.2 VAE starts them.")
    return vae


def load_vae_patcher(path: Path, disable_dynamic: bool = False) -> comfy.model_patcher.ModelPatcher:
    """Load the VAE again for a clone of the host's; see `load_world_vae`."""
    return load_world_vae(path).patcher


def build_vae(weights: dict[str, Tensor], metadata: dict[str, str], name: str, exact: bool = False) -> WorldVAE:
    """Make the host's VAE of a file's tensors.

    Args:
        weights, metadata: of the file.
        name: how messages call it.
        exact: see `EXACT`.

    Raises:
        ValueError: they are those of something else.
    """
    file = recognise_vae(weights, metadata, name=name)
    made, sizes = file.kind, file.sizes
    network_class = {TinyVAE: HostTinyVAE, Wan21VAE: HostWan21VAE}.get(made.network, HostWan22VAE)
    again = partial(network_class, **sizes, operations=LAYERS)
    network = again()
    if made.network is TinyVAE:
        latents = StatedLatents(*latent_statistics(metadata, name).values())
        encoder, decoder = (_latents_back(part) for part in (network.encoder, network.decoder))
        kind = Kind(made.format, made.title, latents, 2 + encoder, decoder, piece=TOGETHER)
        return WorldVAE(network, file.weights, kind, TINY_COSTS, again, exact)
    costs = WAN21_COSTS if made.network is Wan21VAE else _wan22_costs(sizes["decoder_width"])
    network.usual = manner_of(made.only_for)
    return WorldVAE(network, file.weights, _wan_kind(made, network), costs, again)


def kind_of(vae: comfy.sd.VAE) -> Kind:
    """Return what we know about a VAE, whoever loaded it.

    Raises:
        ValueError: no world model of ours uses this VAE.
    """
    if isinstance(vae, WorldVAE):
        return vae.kind
    model = getattr(vae, "first_stage_model", None)
    if isinstance(model, comfy.ldm.wan.vae.WanVAE) and vae.latent_channels == WAN21.channels:
        kind = _wan_kind(WAN21_VAE, Wan21VAE(width=1, device="meta"))
        # the host computes a stream's first latents in other pieces, hence in other bits
        return kind._replace(reach=kind.reach + 1)
    if isinstance(model, comfy.ldm.wan.vae2_2.WanVAE):
        raise ValueError(
            "vae: found the Wan 2.2 VAE of the host's own loader, which runs it in one manner, expected that of Load "
            "World VAE, which runs it as each model's authors do; load the same file there."
        )
    raise ValueError(f"vae: found a VAE of type {type(model).__name__}, {EXPECTED}; load it with Load World VAE.")


def _wan_kind(made: VAEKind, network: CausalVAE) -> Kind:
    latents = comfy.latent_formats.Wan21() if made.format is WAN21 else comfy.latent_formats.Wan22()
    return Kind(made.format, made.title, latents, network.settles, network.reach, made.only_for, made.encodes)


def kind_for(vae: comfy.sd.VAE, variant: Variant, latent_format: str) -> Kind:
    """Return what we know about a VAE, if it is one of a model's.

    Args:
        variant: of the model.
        latent_format: name of the one that the model, or a world of its, speaks of.

    Raises:
        ValueError: the VAE belongs to other models.
    """
    kind = kind_of(vae)
    check_latent_formats(latent_format, kind.name, vae_name=kind.title)
    if kind.only_for not in ("", variant.family):
        raise ValueError(
            f"vae: found {kind.title}, which was trained for Matrix-Game 3 alone, expected the Wan 2.2 VAE for "
            f"{variant.title}; connect that one."
        )
    return kind


def check_encodes(kind: Kind) -> None:
    """Check that a VAE can make latents of frames.

    Raises:
        ValueError: it only decodes.
    """
    if not kind.encodes:
        raise ValueError(
            f"vae: found {kind.title}, which only decodes, expected the Wan 2.2 VAE, whose latents it knows; connect "
            f"that one to encode, and {kind.title} where frames are decoded."
        )


def _latents_back(part: torch.nn.Module) -> int:
    """Latents that the Tiny World encoder or decoder looks back: each of its blocks looks back one step of its own."""
    names = [block.name for block in part.modules() if isinstance(block, CausalBlock)]
    fine, middle, coarse = (sum(word in name for name in names) for word in ("fine", "middle", "coarse"))
    return coarse + math.ceil((2 * middle + fine) / TINY_WORLD.frames)


def encode_video(vae: comfy.sd.VAE, frames: Tensor, manner: Manner = STOCK) -> Tensor:
    """Encode frames as a family does: as the host encodes for itself, unless the family has a manner of its own.

    Args:
        frames: (F, H, W, 3) in 0..1, sides multiples of a latent's.

    Returns:
        (C, T, h, w) float32 in model space, on the CPU.

    Raises:
        ValueError: the VAE only decodes, or the latents are not finite.
    """
    if manner != STOCK:
        return encode_frames(vae, frames, manner)
    kind = kind_of(vae)
    check_encodes(kind)
    with few_threads(START_THREADS):
        latents = vae.encode(frames).to("cpu", torch.float32)
    return _in_model_space(vae, kind, latents)


def encode_frames(vae: comfy.sd.VAE, frames: Tensor, manner: Manner) -> Tensor:
    """Encode frames in a family's manner.

    Args:
        vae: that of Load World VAE, or the host's Wan 2.1.
        frames: (F, H, W, 3) in 0..1, F = 1 + 4n, sides multiples of a latent's.
        manner: the family's; a VAE that knows one manner alone is run in that.

    Returns:
        (C, T, h, w) float32 in model space, on the CPU.

    Raises:
        ValueError: the VAE only decodes, the frames do not fill whole latents, or what comes out is not finite.
    """
    kind = kind_of(vae)
    check_encodes(kind)
    pixels = vae.process_input(frames).movedim(-1, 0)[None]
    needed = vae.memory_used_encode(pixels.shape, vae.vae_dtype)
    with few_threads(START_THREADS):
        if isinstance(vae.first_stage_model, CausalVAE):
            comfy.model_management.load_models_gpu([vae.patcher], memory_required=needed)
            latents = vae.first_stage_model.encode(pixels.to(vae.device, vae.vae_dtype), {}, manner)
        else:
            latents = vae.encode(frames)
    return _in_model_space(vae, kind, latents.to("cpu", torch.float32))


def _in_model_space(vae: comfy.sd.VAE, kind: Kind, latents: Tensor) -> Tensor:
    if not bool(torch.isfinite(latents).all()):
        raise ValueError(not_finite(vae, "the latents it made of the picture"))
    return kind.latents.process_in(latents)[0]


def not_finite(vae: comfy.sd.VAE, where: str) -> str:
    """Return the sentence that tells a user of NaN or infinity, with the likely cause."""
    half = vae.vae_dtype == torch.float16
    advice = "start ComfyUI with --bf16-vae or --fp32-vae" if half else "load another VAE file, or download it again"
    name = str(vae.vae_dtype).removeprefix("torch.")
    return f"vae: found NaN or infinity in {where} (it computes in {name}), expected finite numbers; {advice}."
