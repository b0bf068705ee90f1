"""Our networks behind the host's MODEL: registered with it, so that its loading, LoRA, precision and devices apply.

Shapes: h, w latent grid, T latents.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any, ClassVar

import comfy.latent_formats
import comfy.model_base
import comfy.model_management
import comfy.patcher_extension
import comfy.supported_models
import comfy.supported_models_base
import torch
from comfy.ldm.modules.attention import optimized_attention
from comfy.quant_ops import QUANT_ALGOS
from torch import Tensor, nn

from ...worldmodel.checkpoints.recognise import Checkpoint, recognise
from ...worldmodel.families import FAMILIES, family_of
from ...worldmodel.models import NOT_A_SAMPLER
from ...worldmodel.rollout.contexts import Call
from ...worldmodel.vae.latent_formats import WAN21, WAN22
from ...worldmodel.variants import variant_named
from .int8 import truncating

IMAGE_MODEL = "wm"
"""What the host's configuration calls our models."""
HOSTS_NAME = "wan2.1"
"""What the host's own detection makes of the same layout."""


class StatedLatents(comfy.latent_formats.LatentFormat):
    """A latent format whose mean and std per channel are stated, as those of Tiny World in its files' metadata."""

    latent_dimensions = 3

    def __init__(self, mean: Sequence[float], std: Sequence[float], frames: int = 4):
        self.latent_channels, self.temporal_downscale_ratio = len(mean), frames
        self.latents_mean = torch.tensor(mean, dtype=torch.float32).view(1, -1, 1, 1, 1)
        self.latents_std = torch.tensor(std, dtype=torch.float32).view(1, -1, 1, 1, 1)

    def process_in(self, latent: Tensor) -> Tensor:
        """Return (B, C, T, h, w) latents of the VAE in model space."""
        return (latent - self.latents_mean.to(latent)) / self.latents_std.to(latent)

    def process_out(self, latent: Tensor) -> Tensor:
        """Return (B, C, T, h, w) latents of model space as the VAE wants them."""
        return latent * self.latents_std.to(latent) + self.latents_mean.to(latent)


class PassThrough(nn.Module):
    """Stands where the host keeps a model's noise levels: the world's own sampler owns them.

    What the host's samplers ask for first, the levels themselves, answers with the way out.
    """

    sigma_data = 1.0

    def calculate_input(self, sigma: Tensor, noise: Tensor) -> Tensor:
        return noise

    def calculate_denoised(self, sigma: Tensor, model_output: Tensor, model_input: Tensor) -> Tensor:
        return model_output

    def noise_scaling(self, sigma: Tensor, noise: Tensor, latent_image: Tensor, max_denoise: bool = False) -> Tensor:
        return noise

    def inverse_noise_scaling(self, sigma: Tensor, latent: Tensor) -> Tensor:
        return latent

    def timestep(self, sigma: Any) -> Any:
        return sigma

    def sigma(self, timestep: Any) -> Any:
        return timestep

    def percent_to_sigma(self, percent: float) -> float:
        return 1.0 - percent

    @property
    def sigmas(self) -> Tensor:
        raise ValueError(NOT_A_SAMPLER)

    @property
    def sigma_min(self) -> Tensor:
        raise ValueError(NOT_A_SAMPLER)

    @property
    def sigma_max(self) -> Tensor:
        raise ValueError(NOT_A_SAMPLER)


_LATENTS = {WAN21.name: comfy.latent_formats.Wan21, WAN22.name: comfy.latent_formats.Wan22}


def _attention(q: Tensor, k: Tensor, v: Tensor, heads: int, mask: Tensor | None, transformer_options: dict) -> Tensor:
    return optimized_attention(q, k, v, heads, mask=mask, transformer_options=transformer_options)


def _cast(parameter: Tensor, like: Tensor) -> Tensor:
    return comfy.model_management.cast_to(parameter, like.dtype, like.device)


class HostOperations:
    """The host's layers, with our attention and casts beside them.

    The host hands its layers in as a class, a GGUF loader as an instance: so they are asked for by name.
    """

    attention = staticmethod(_attention)
    cast = staticmethod(_cast)

    def __init__(self, layers: Any, truncates: bool = False):
        """Args: truncates: whether what goes into 8-bit layers is cut off instead of rounded."""
        self._layers = layers
        if truncates:
            self.Linear = truncating(layers.Linear)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._layers, name)


@cache
def hosted(name: str) -> type[nn.Module]:
    """Return a family's network with the host's layers, attention and casts, and its wrappers around `forward`."""
    family = FAMILIES[name]

    class Hosted(family.network):
        def __init__(
            self, *, operations: Any, sizes: dict[str, Any], truncates: bool = False, dtype: Any = None,
            device: Any = None, **_: Any,
        ):  # fmt: skip
            layers = HostOperations(operations, truncates)
            super().__init__(**family.arguments(sizes), operations=layers, dtype=dtype, device=device)

        def forward(
            self,
            x: Tensor,
            t: Tensor | None = None,
            context: Tensor | None = None,
            transformer_options: dict | None = None,
            call: Call | None = None,
            **kwargs: Any,
        ) -> Tensor:
            """Predict the velocity, within the host's DIFFUSION_MODEL wrappers."""
            options = transformer_options or {}
            kind = comfy.patcher_extension.WrappersMP.DIFFUSION_MODEL
            executor = comfy.patcher_extension.WrapperExecutor.new_class_executor(
                super().forward, self, comfy.patcher_extension.get_all_wrappers(kind, options)
            )
            return executor.execute(x, t, context, options, call, **kwargs)

    Hosted.__name__ = Hosted.__qualname__ = f"Host{family.network.__name__}"
    return Hosted


class WorldModel(comfy.model_base.BaseModel):
    """The host's side of a world model."""

    def __init__(self, config: WMWorldModel, device: torch.device | None = None):
        told = config.unet_config
        variant = variant_named(told["variant"])
        network = hosted(variant.family)
        super().__init__(config, comfy.model_base.ModelType.FLOW, device=device, unet_model=network)
        self.model_sampling = PassThrough()
        self.variant = replace(variant, window=told["window"])
        self.token_widths = family_of(self.variant).widths(told["sizes"])

    def memory_required(self, input_shape: Sequence[int], cond_shapes: dict | None = None) -> float:
        """Return bytes of activations for (B, C, T, h, w), and once, whatever B is, those of what a rollout keeps."""
        size = comfy.model_management.dtype_size(self.get_dtype_inference())
        kept = family_of(self.variant).kept(self.diffusion_model, self.variant, tuple(input_shape[-2:]))
        return super().memory_required(input_shape, cond_shapes or {}) + size * kept


class WMWorldModel(comfy.supported_models_base.BASE):
    """The entry in the host's list of models: what our loader marked, and what the host's own loaders come across."""

    unet_config: ClassVar[dict] = {"image_model": IMAGE_MODEL}
    unet_extra_config: ClassVar[dict] = {}
    latent_format = comfy.latent_formats.Wan21
    supported_inference_dtypes: ClassVar[list] = [torch.bfloat16, torch.float16, torch.float32]

    @classmethod
    def matches(cls, unet_config: dict, state_dict: dict | None = None, unet_key_prefix: str = "") -> bool:
        """Tell whether this is a world model: marked by our loader, or named like one of a family's."""
        if unet_config.get("image_model") != HOSTS_NAME:
            return super().matches(unet_config, state_dict, unet_key_prefix)
        return any(family.resembles(state_dict or (), unet_key_prefix) for family in FAMILIES.values())

    def __init__(self, unet_config: dict[str, Any]):
        super().__init__(unet_config)
        self.memory_usage_factor = unet_config["dim"] / 2000
        self._choose_latents()

    def _choose_latents(self) -> None:
        if "variant" in self.unet_config:
            self.latent_format = latents_of(self.unet_config["latent_format"], self.unet_config)

    def get_model(self, state_dict: dict, prefix: str = "", device: torch.device | None = None) -> WorldModel:
        """Return the model, without weights.

        Raises:
            ValueError: one of the host's loaders opened the file, and it is no model of ours after all.
        """
        if "variant" not in self.unet_config:
            inner = {key.removeprefix(prefix): value for key, value in state_dict.items() if key.startswith(prefix)}
            # layers that somebody brings along, such as a GGUF loader's, have marks of their own
            formats = QUANT_ALGOS if self.custom_operations is None else None
            checkpoint = recognise(inner, name="the model (Load World Model may know more about it)", formats=formats)
            self.unet_config |= host_config(checkpoint, checkpoint.variant.window)
            self._choose_latents()
        return WorldModel(self, device)


def host_config(checkpoint: Checkpoint, window: int, truncates: bool = False) -> dict[str, Any]:
    """Return what the host hands to our network's constructor, on top of what it infers itself.

    Args:
        window: of the rollout, latents.
        truncates: see `HostOperations`.
    """
    return {
        "image_model": IMAGE_MODEL,
        "variant": checkpoint.variant.name,
        "window": window,
        "latent_format": checkpoint.latent_format,
        "sizes": checkpoint.sizes,
        "truncates": truncates,
    }


def latents_of(name: str, told: Mapping[str, Any]) -> comfy.latent_formats.LatentFormat:
    """Return the host's latent format of that name.

    Args:
        told: `latent_mean` and `latent_std` where they are stated, and the variant.
    """
    if name in _LATENTS:
        return _LATENTS[name]()
    latents = variant_named(told["variant"]).latents
    mean, std = (told.get(key) or [value] * latents.channels for key, value in (("latent_mean", 0), ("latent_std", 1)))
    return StatedLatents(mean, std, latents.frames)


def register() -> None:
    """Put our models into the host's list; an entry of an earlier import is replaced."""
    models = comfy.supported_models.models
    models[:] = [WMWorldModel, *(model for model in models if model.__name__ != WMWorldModel.__name__)]


def same_latents(one: comfy.latent_formats.LatentFormat, other: comfy.latent_formats.LatentFormat) -> bool:
    """Tell whether two latent formats have the same mean and std per channel."""
    return all(
        math.isclose(a, b, rel_tol=1e-4, abs_tol=1e-6)
        for name in ("latents_mean", "latents_std")
        for a, b in zip(getattr(one, name).flatten().tolist(), getattr(other, name).flatten().tolist(), strict=True)
    )
