"""What a rollout takes of its card, said before it begins, by what the host reckons with."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ..worldmodel.bench.card import Phase, Phases, missing, plan
from ..worldmodel.families import family_of
from ..worldmodel.layers.int8_cache import share_of
from ..worldmodel.memory.kept_keys import INT8
from ..worldmodel.rollout.samplers import Settings
from ..worldmodel.world.state import World
from .host import sampling

PACKED, HALVED = "keys and values in int8 (World Cache)", "weights in fp8 (Load World Model)"


def said(model: Any, settings: Settings, world: World, vae: Any) -> list[str]:
    """Return what is to be said of a rollout on its card; nothing on a CPU.

    Args:
        model: the MODEL, with its second expert if it has one.
        settings: of the rollout.
        world: behind which it begins.
        vae: that decodes beside it or in turns; `None`: none does.
    """
    card = sampling.card_of(model.load_device)
    if card is None:
        return []
    packed = INT8 in settings.numbers
    phases = phases_of(model, world, vae, packed)
    lowered = remedies_of(model, world, vae, packed) if missing(phases, card) else {}
    return [f"memory: {line}" for line in plan(phases, card, lowered)]


def phases_of(model: Any, world: World, vae: Any, packed: bool, halved: bool = False) -> Phases:
    """Return what each phase takes.

    Args:
        packed: whether keys and values lie in 8 bits.
        halved: whether weights of 16 bits and more lie in 8.
    """
    network, variant, grid = model.model.diffusion_model, model.model.variant, world.start.grid
    family, size = family_of(variant), model.model.get_dtype_inference().itemsize
    kept = family.kept(network, variant, grid)
    cache = kept - family.kept(network, replace(variant, window=0), grid) if variant.keeps_keys else 0
    working = int(model.model.memory_required([1, variant.latents.channels, family.seen(variant), *grid]))
    saved = int(size * cache * (1 - share_of(network.sizes.dim // network.sizes.heads) * 2 / size)) if packed else 0
    experts = [model] if (low := sampling.low_noise_of(model)) is None else [model, low]
    names = ["network"] if len(experts) == 1 else ["expert for much noise", "expert for little noise"]
    phases = {}
    for name, one in zip(names, experts, strict=True):
        weights = one.model_size() // (one.model_dtype().itemsize if halved else 1)
        phase = "denoise" if len(experts) == 1 else f"denoise, {name}"
        phases[phase] = Phase({name: weights}, working - saved, size * kept - saved)
    if vae is not None:
        cells = (1, variant.latents.channels, variant.chunking.later, *grid)
        phases["decode"] = Phase({"VAE": vae.model_size()}, int(vae.memory_used_decode(cells, vae.vae_dtype)))
    return phases


def remedies_of(model: Any, world: World, vae: Any, packed: bool) -> dict[str, Phases]:
    """Return what can be lowered, the mildest first, and what each phase takes then."""
    found: dict[str, Phases] = {}
    words: list[str] = []
    if model.model.variant.keeps_keys and not packed:
        words, packed = [PACKED], True
        found[PACKED] = phases_of(model, world, vae, packed)
    if model.model_dtype().itemsize > 1:
        found[", ".join([*words, HALVED])] = phases_of(model, world, vae, packed, halved=True)
    return found
