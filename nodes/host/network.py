"""Our networks behind the host's MODEL: registered with it, so that its loading, LoRA, precision and devices apply.

Shapes: h, w latent grid, T latents.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
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
from ...worldmodel.models.action import HEAD_SIZE
from ...worldmodel.models.matrix_game2.network import NOT_A_SAMPLER, PATCH, MatrixGame2, Step
from ...worldmodel.variants import variant_named

IMAGE_MODEL = "wm_matrix_game_2"
"""What the host's configuration calls our family."""
HOSTS_NAME = "wan2.1"
"""What the host's own detection makes of the same layout."""
CONTEXT_TOKENS = 257
"""Image tokens that the memory estimate assumes."""
STEPS = 8
"""Steps, the clean pass included, that it assumes; each has its modulations."""


class TinyWorldLatents(comfy.latent_formats.LatentFormat):
    """Tiny World's latent format: mean and std per channel, from the file's metadata."""

    latent_channels = 16
    latent_dimensions = 3
    temporal_downscale_ratio = 4

    def __init__(self, mean: Sequence[float], std: Sequence[float]):
        self.latents_mean = torch.tensor(mean, dtype=torch.float32).view(1, -1, 1, 1, 1)
        self.latents_std = torch.tensor(std, dtype=torch.float32).view(1, -1, 1, 1, 1)

    def process_in(self, latent: Tensor) -> Tensor:
        """Return (B, 16, T, h, w) latents of the VAE in model space."""
        return (latent - self.latents_mean.to(latent)) / self.latents_std.to(latent)

    def process_out(self, latent: Tensor) -> Tensor:
        """Return (B, 16, T, h, w) latents of model space as the VAE wants them."""
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

    def __init__(self, layers: Any):
        self._layers = layers

    def __getattr__(self, name: str) -> Any:
        return getattr(self._layers, name)


class HostNetwork(MatrixGame2):
    """The network with the host's layers, attention and casts, and its DIFFUSION_MODEL wrappers around `forward`."""

    def __init__(self, *, operations: Any, **sizes: Any):
        super().__init__(operations=HostOperations(operations), **sizes)

    def forward(
        self,
        x: Tensor,
        t: Tensor | None = None,
        context: Tensor | None = None,
        transformer_options: dict | None = None,
        step: Step | None = None,
        **kwargs: Any,
    ) -> Tensor:
        """Predict the velocity; see `MatrixGame2.forward`."""
        options = transformer_options or {}
        kind = comfy.patcher_extension.WrappersMP.DIFFUSION_MODEL
        executor = comfy.patcher_extension.WrapperExecutor.new_class_executor(
            super().forward, self, comfy.patcher_extension.get_all_wrappers(kind, options)
        )
        return executor.execute(x, t, context, options, step, **kwargs)


class WorldModel(comfy.model_base.BaseModel):
    """The host's side of a world model."""

    def __init__(self, config: WMMatrixGame2, device: torch.device | None = None):
        kind = comfy.model_base.ModelType.FLOW
        super().__init__(config, kind, device=device, unet_model=HostNetwork)
        self.model_sampling = PassThrough()
        self.variant = replace(variant_named(config.unet_config["variant"]), window=config.unet_config["window"])
        self.context_width: int = config.unet_config["context_dim"]

    def memory_required(self, input_shape: Sequence[int], cond_shapes: dict | None = None) -> float:
        """Return bytes of activations for (B, 16, T, h, w), and once, whatever B is, those of the cache."""
        size = comfy.model_management.dtype_size(self.get_dtype_inference())
        return super().memory_required(input_shape, cond_shapes or {}) + size * self._cached_numbers(*input_shape[-2:])

    def _cached_numbers(self, height: int, width: int) -> int:
        """Return how many numbers a rollout keeps: keys and values of the window, and what is made once."""
        tokens = height // PATCH[1] * (width // PATCH[2])
        window = self.variant.window if self.variant.window > self.variant.chunk else 0
        numbers = 0
        for block in self.diffusion_model.blocks:
            dim = block.norm1.normalized_shape[0]
            numbers += 2 * dim * (window * tokens + CONTEXT_TOKENS) + STEPS * block.modulation.numel()
            action = getattr(block, "action_model", None)
            if action is not None:
                numbers += 2 * action.heads * HEAD_SIZE * window * (1 + tokens * action.has_mouse)
        return numbers


class WMMatrixGame2(comfy.supported_models_base.BASE):
    """The entry in the host's list of models: what our loader marked, and what the host's own loaders come across."""

    unet_config: ClassVar[dict] = {"image_model": IMAGE_MODEL}
    unet_extra_config: ClassVar[dict] = {}
    latent_format = comfy.latent_formats.Wan21
    supported_inference_dtypes: ClassVar[list] = [torch.bfloat16, torch.float16, torch.float32]

    @classmethod
    def matches(cls, unet_config: dict, state_dict: dict | None = None, unet_key_prefix: str = "") -> bool:
        """Tell whether this is a world model: marked by our loader, or Wan's layout with action modules."""
        if unet_config.get("image_model") != HOSTS_NAME:
            return super().matches(unet_config, state_dict, unet_key_prefix)
        return any(key.startswith(f"{unet_key_prefix}blocks.0.action_model.") for key in state_dict or ())

    def __init__(self, unet_config: dict[str, Any]):
        super().__init__(unet_config)
        self.memory_usage_factor = unet_config["dim"] / 2000
        if unet_config.get("latent_format") == "tiny_world":
            self.latent_format = TinyWorldLatents(unet_config["latent_mean"], unet_config["latent_std"])

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
        return WorldModel(self, device)


def host_config(checkpoint: Checkpoint, window: int) -> dict[str, Any]:
    """Return what the host hands to our network's constructor, on top of what it infers itself."""
    return {
        "image_model": IMAGE_MODEL,
        "variant": checkpoint.variant.name,
        "window": window,
        "latent_format": checkpoint.latent_format,
        **checkpoint.sizes,
    }


def register() -> None:
    """Put our models into the host's list; an entry of an earlier import is replaced."""
    models = comfy.supported_models.models
    models[:] = [WMMatrixGame2, *(model for model in models if model.__name__ != WMMatrixGame2.__name__)]


def same_latents(one: comfy.latent_formats.LatentFormat, other: comfy.latent_formats.LatentFormat) -> bool:
    """Tell whether two latent formats have the same mean and std per channel."""
    return all(
        math.isclose(a, b, rel_tol=1e-4, abs_tol=1e-6)
        for name in ("latents_mean", "latents_std")
        for a, b in zip(getattr(one, name).flatten().tolist(), getattr(other, name).flatten().tolist(), strict=True)
    )
