"""VAE files to the host's VAE, and what we know about each kind.

Shapes: F frames of H x W pixels, T latents of h x w.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import NamedTuple

import comfy.latent_formats
import comfy.ldm.wan.vae
import comfy.model_management
import comfy.model_patcher
import comfy.ops
import comfy.sd
import torch
from torch import Tensor

from ...worldmodel.vae.tiny import FRAMES_PER_LATENT, LATENT_CHANNELS, PIXELS_PER_LATENT, CausalBlock, TinyVAE
from ...worldmodel.weights import read_metadata
from .checkpoints import latent_statistics, read_file
from .network import TinyWorldLatents

EXPECTED = "expected the Wan 2.1 VAE or Tiny World's"


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


class HostTinyVAE(TinyVAE):
    """Tiny World's VAE as the host calls it: frames that fill no whole latent are left out, as Wan's does."""

    def encode(self, pixels: Tensor, memory: dict[str, Tensor] | None = None) -> Tensor:
        """Encode pixels (B, 3, F, H, W) in -1..1 to latents (B, 16, T, h, w)."""
        whole = pixels.shape[2] - (pixels.shape[2] - 1) % FRAMES_PER_LATENT if memory is None else pixels.shape[2]
        return super().encode(pixels[:, :, :whole], memory)


class TinyWorldVAE(comfy.sd.VAE):
    """The host's VAE around Tiny World's, with every attribute its methods read; see the host's constructor."""

    def __init__(self, weights: dict[str, Tensor], metadata: dict[str, str], name: str):
        """Build it from a file's tensors.

        Raises:
            ValueError: the metadata or the tensors do not describe a Tiny World VAE.
        """
        self.latent_format = TinyWorldLatents(*latent_statistics(metadata, name).values())
        self._describe()
        entries = read_metadata(metadata)
        widths = {key: tuple(entries[key]) for key in ("encoder_widths", "decoder_widths") if key in entries}
        self.first_stage_model = HostTinyVAE(**widths, operations=comfy.ops.disable_weight_init).eval()
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
        try:
            self.first_stage_model.load_state_dict(weights, strict=True, assign=False)
        except RuntimeError as error:
            first = str(error).splitlines()[-1].strip()
            raise ValueError(f"{name}: found tensors that do not fit ({first}); train or download it again.") from error
        self.first_stage_model.requires_grad_(False)
        self.model_size()

    def _describe(self) -> None:
        time, space = FRAMES_PER_LATENT, PIXELS_PER_LATENT
        self.latent_channels, self.latent_dim, self.output_channels = LATENT_CHANNELS, 3, 3
        self.upscale_ratio = (lambda latents: max(0, latents * time - time + 1), space, space)
        self.downscale_ratio = (lambda frames: max(0, (frames + time - 1) // time), space, space)
        self.upscale_index_formula = self.downscale_index_formula = (time, space, space)
        self.process_input = lambda image: image * 2.0 - 1.0
        self.process_output = lambda image: image.add_(1.0).div_(2.0).clamp_(0.0, 1.0)
        # (B, 3, F, H, W) and (B, 16, T, h, w): about what the widest layers hold at once
        self.memory_used_encode = lambda shape, dtype: 300 * shape[2] * shape[3] * shape[4] * dtype.itemsize
        self.memory_used_decode = lambda shape, dtype: 300 * 256 * shape[2] * shape[3] * shape[4] * dtype.itemsize
        self.working_dtypes = [torch.float32]
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
    if read_metadata(metadata).get("kind") == "tiny_vae":
        vae = TinyWorldVAE(weights, metadata, name)
    elif is_wan21(weights):
        vae = comfy.sd.VAE(sd=weights, metadata=metadata)
    else:
        first = next(iter(weights), None)
        raise ValueError(
            f"{name}: found {'no tensors' if first is None else f'something else (first key {first!r})'}, {EXPECTED}; "
            "choose another file."
        )
    kind_of(vae)
    vae.patcher.cached_patcher_init = (load_vae_patcher, (path,))
    return vae


def load_vae_patcher(path: Path, disable_dynamic: bool = False) -> comfy.model_patcher.ModelPatcher:
    """Load the VAE again for a clone of the host's; see `load_world_vae`."""
    return load_world_vae(path).patcher


def is_wan21(weights: dict[str, Tensor]) -> bool:
    """Tell Wan 2.1's layout (16 channels, 8 x 8) from its relatives by key names and first dimensions."""
    latent = weights.get("conv2.weight")
    return (
        "decoder.middle.0.residual.0.gamma" in weights
        and "encoder.conv1.weight" in weights
        and "decoder.upsamples.0.upsamples.0.residual.2.weight" not in weights
        and latent is not None
        and latent.shape[0] == 16
    )


def kind_of(vae: comfy.sd.VAE) -> Kind:
    """Return what we know about a VAE, whoever loaded it.

    Raises:
        ValueError: no world model of ours uses this VAE.
    """
    model = getattr(vae, "first_stage_model", None)
    if isinstance(vae, TinyWorldVAE):
        encoder, decoder = (_latents_back(part) for part in (model.encoder, model.decoder))
        return Kind("tiny_world", "the Tiny World VAE", vae.latent_format, settles=2 + encoder, reach=decoder)
    if isinstance(model, comfy.ldm.wan.vae.WanVAE) and vae.latent_channels == 16:
        # a frame depends on 39 latents, and a stream treats its first one differently
        return Kind("wan21", "the Wan 2.1 VAE", comfy.latent_formats.Wan21(), settles=30, reach=40)
    raise ValueError(f"vae: found a VAE of type {type(model).__name__}, {EXPECTED}; load it with Load World VAE.")


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
    """
    kind = kind_of(vae)
    frames = torch.full((1 + 4 * (kind.settles - 1), *picture.shape), 0.5)  # 0.5 is 0.0 to the encoder
    frames[0] = picture
    latents = vae.encode(frames).to("cpu", torch.float32)
    return kind.latents.process_in(latents)[0]
