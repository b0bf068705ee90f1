"""One host sampling session for a whole rollout.

The host prepares the model once (weights on the device, LoRA, hooks, wrappers), our own loop runs inside, and the host
cleans up. Shapes: c latents per chunk, h, w latent grid.
"""

from __future__ import annotations

import math
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any, NamedTuple

import comfy.model_management
import comfy.model_patcher
import comfy.patcher_extension
import comfy.sample
import comfy.samplers
import torch
from comfy.model_patcher import ModelPatcher
from torch import Tensor

from ...worldmodel.layers.threads import few_threads, is_small
from ...worldmodel.rollout.contexts import Call
from ...worldmodel.rollout.sampling import Levels
from ...worldmodel.rollout.session import Predict
from ...worldmodel.variants import LATENTS_OF_TOKEN, Variant
from .network import WorldModel
from .patches import check_patches

LOW_NOISE = "worldmodel_low_noise"
"""Under which a MODEL carries the expert for little noise."""


class Stage(NamedTuple):
    """What a rollout gets from the host."""

    predict: Predict
    device: torch.device
    dtype: torch.dtype
    """What the network computes in, and chunks are stored in."""
    reload: Callable[[], None]
    """Brings the model back after another one was used."""
    stages: int | None
    """Of the network, see `About`."""
    keep: int = 0
    """Bytes that are free on the device for what stays the same over the passes of a chunk."""
    room: int = 0
    """Bytes that are free on it for a decoder besides."""
    low: Predict | None = None
    """Of a model of two networks, the one for little noise."""
    threads: int | None = None
    """Of the CPU that a pass takes: 0 where the network runs elsewhere, 1 where it is so little work that one is best,
    and then what is called here runs on one; `None`: there is no network to run."""


def model_variant(model: ModelPatcher) -> Variant:
    """Return the variant of a MODEL.

    Raises:
        ValueError: it is no world model.
    """
    if not isinstance(model.model, WorldModel):
        raise ValueError(
            f"model: found {type(model.model).__name__}, expected a world model; load it with Load World Model."
        )
    return model.model.variant


def with_low_noise(model: ModelPatcher, low: ModelPatcher | None) -> ModelPatcher:
    """Return a MODEL that carries another one as its expert for little noise; without one, the MODEL itself."""
    if low is None:
        return model
    both = model.clone()
    both.set_additional_models(LOW_NOISE, [low.clone()])
    return both


def low_noise_of(model: ModelPatcher) -> ModelPatcher | None:
    """Return the expert for little noise that a MODEL carries."""
    return next(iter(model.get_additional_models_with_key(LOW_NOISE)), None)


class _Rollout(comfy.samplers.Sampler):
    """The host's sampler interface around our own loop; what it returns is thrown away."""

    def __init__(self, perform: Callable[[Stage], None], model: ModelPatcher, reload: Callable[[], None]):
        self._perform, self._patcher, self._reload = perform, model, reload

    def sample(
        self, model_wrap: Any, sigmas: Tensor, extra_args: dict, callback: Any, noise: Tensor, *args: Any, **kwargs: Any
    ) -> Tensor:
        """Run the rollout in the prepared model; `noise` only says where."""
        model: WorldModel = model_wrap.inner_model
        predict = _predict_of(model, extra_args["model_options"]["transformer_options"])
        network, low = model.diffusion_model, low_noise_of(self._patcher)
        small = noise.device.type == "cpu" and is_small(network, _tokens(noise.shape))
        with few_threads() if small else nullcontext():
            keep = _free(self._patcher, noise) // 2  # half of it, because a decoder may come as well
            threads = torch.get_num_threads() if noise.device.type == "cpu" else 0
            dtype, stages = model.get_dtype_inference(), stages_of(network)
            stage = Stage(
                predict, noise.device, dtype, self._reload, stages, keep, keep,
                None if low is None else _predict_of(low.model, _own_options(low, sigmas)), threads,
            )  # fmt: skip
            with nullcontext() if low is None else _running(low):
                self._perform(stage)
        return noise


def _predict_of(model: WorldModel, options: dict) -> Predict:
    """Return the `Predict` of a model that the host has prepared."""

    def predict(x: Tensor, call: Call) -> Tensor:
        comfy.model_management.throw_exception_if_processing_interrupted()
        timesteps = call.timesteps[:, -1].to(x.device, torch.float32)  # some devices have no float64
        # what the host's own batching of conditions would have set
        told = {"sigmas": timesteps / 1000, "cond_or_uncond": [0], "uuids": [uuid.uuid4()]}
        return model.apply_model(x, timesteps, c_crossattn=None, transformer_options={**options, **told}, call=call)

    return predict


def _own_options(model: ModelPatcher, sigmas: Tensor) -> dict:
    """Return what the host's sampler would hand to a MODEL's network, if it were the one that is sampled."""
    options = comfy.model_patcher.create_model_options_clone(model.model_options)["transformer_options"]
    for kind in ("wrappers", "callbacks"):
        comfy.patcher_extension.merge_nested_dicts(
            options.setdefault(kind, {}), getattr(model, kind), copy_dict1=False
        )  # fmt: skip
    return {**options, "sample_sigmas": sigmas}


@contextmanager
def _running(model: ModelPatcher) -> Iterator[None]:
    """Tell a MODEL that comes along when its rollout begins and ends, as the host's sampler tells the first one."""
    model.pre_run()
    try:
        yield
    finally:
        model.cleanup()


def _free(model: ModelPatcher, noise: Tensor) -> int:
    """Return bytes that are free beside a model's weights, those not loaded yet too, and what a pass needs."""
    models = [model, *model.get_nested_additional_models()]
    waiting = sum(max(each.model_size() - each.loaded_size(), 0) for each in models)
    free = comfy.model_management.get_free_memory(noise.device) - waiting - model.memory_required(noise.shape)
    return max(int(free), 0)


def card_of(device: torch.device) -> int | None:
    """Return the bytes of a card; `None` of what is none."""
    return None if device.type == "cpu" else int(comfy.model_management.get_total_memory(device))


def _tokens(shape: Sequence[int]) -> int:
    """Return how many tokens a network sees of latents (B, C, c, h, w)."""
    return shape[0] * math.prod(shape[2:]) // LATENTS_OF_TOKEN**2


def stages_of(network: torch.nn.Module) -> int | None:
    """Return a network's stages, `None` where nothing is kept between its passes."""
    return getattr(network, "stages", None)


def without_network(model: ModelPatcher) -> Stage:
    """Return the stage of a rollout that has nothing to compute, for which no weights are loaded."""

    def predict(*_: Any) -> Tensor:
        raise AssertionError("a rollout whose chunks are all there asked the network")

    dtype, stages = model.model.get_dtype_inference(), stages_of(model.model.diffusion_model)
    return Stage(predict, torch.device("cpu"), dtype, lambda: None, stages)


def perform(model: ModelPatcher, levels: Levels, latent_shape: Sequence[int], rollout: Callable[[Stage], None]) -> None:
    """Run a rollout inside one sampling session of the host.

    Args:
        model: the patched MODEL.
        levels: of the rollout; only wrappers of other nodes look at them.
        latent_shape: (C, T, h, w) of what one pass looks at, from which the host reckons the memory it must free.
        rollout: does the work with the stage it is given; what it makes, it keeps itself.

    Raises:
        ValueError: the MODEL carries a patch that a world model cannot honour.
    """
    model_variant(model)
    check_patches(model)

    def reload() -> None:
        models = [model, *model.get_nested_additional_models()]
        comfy.model_management.load_models_gpu(models, memory_required=model.memory_required([1, *latent_shape]))

    latent = torch.zeros(1, *latent_shape)
    sigmas = torch.cat((levels.sigmas, levels.sigmas.new_zeros(1)))
    comfy.sample.sample_custom(
        model, comfy.sample.prepare_empty_noise(latent), 1.0, _Rollout(rollout, model, reload), sigmas, [], [], latent,
        disable_pbar=True,
    )  # fmt: skip
