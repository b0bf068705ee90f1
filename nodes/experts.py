"""Two experts: whether what came in through `model` and `low_noise_model` are the halves of one model; and their clips.

Shapes: C channels, c latents of a clip, L latents that a clip begins with, h, w latent grid.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import Tensor

from ..worldmodel.checkpoints.twins import expert_named
from ..worldmodel.rollout.clip_context import no_vae
from ..worldmodel.rollout.wrappers import HIGH, LOW
from ..worldmodel.variants import Variant
from ..worldmodel.world.state import World
from .host import decoder, patches, sampling
from .host.checkpoints import IDENTITY, MUCH_OR_LITTLE
from .host.network import WorldModel

_FIELDS = {HIGH: "model", LOW: "low_noise_model"}


def check_experts(model: Any, variant: Variant) -> None:
    """Check that a MODEL carries an expert for little noise if it needs one, and that the two are a pair.

    Raises:
        ValueError: the input, what was found, what was expected, what to do.
    """
    low = sampling.low_noise_of(model)
    if variant.experts is None:
        if low is not None:
            raise ValueError(
                f"low_noise_model: found one, expected none for {variant.title}, which is one network; disconnect it, "
                "or, if both are experts of one model, choose that as variant in both Load World Model."
            )
        return
    expected = f"the expert for little noise of {variant.title}"
    if low is None:
        raise ValueError(
            f"low_noise_model: found none, expected {expected}, because model is one of its two networks; load the "
            "other one with a Load World Model of its own and connect it to Rollout World."
        )
    if not isinstance(low.model, WorldModel):
        raise ValueError(
            f"low_noise_model: found {type(low.model).__name__}, expected {expected}; load it with Load World Model."
        )
    if low.model.variant.name != variant.name:
        raise ValueError(
            f"low_noise_model: found {low.model.variant.title}, expected {expected}; load that, or choose "
            f"{variant.title} as variant in Load World Model if it is it."
        )
    if low.model.token_widths != model.model.token_widths or low.load_device != model.load_device:
        raise ValueError(
            f"low_noise_model: found a network of another size or on another device than model, expected {expected}; "
            "load both from one release, in the same way."
        )
    _check_sides(model, low, variant)
    patches.check_patches(low, "low_noise_model")


def unused_of_low(model: Any) -> list[str]:
    """Return one sentence for each kind of patch on the expert for little noise that a rollout never calls."""
    low = sampling.low_noise_of(model)
    return [] if low is None else patches.unused_patches(low, "low_noise_model")


def _check_sides(model: Any, low: Any, variant: Variant) -> None:
    """Refuse experts that their names say are swapped, and the same one twice."""
    paths = {side: _path_of(one) for side, one in ((HIGH, model), (LOW, low))}
    for side, path in paths.items():
        named = "" if path is None else expert_named(path)
        if named and named != side:
            raise ValueError(
                f"{_FIELDS[side]}: found {path.name}, which its name says is the expert for {MUCH_OR_LITTLE[named]} "
                f"noise of {variant.title}, expected the other one; the one for much noise goes into model, the one "
                "for little into low_noise_model."
            )
    if paths[HIGH] is not None and paths[HIGH] == paths[LOW]:
        raise ValueError(
            f"low_noise_model: found the same file as in model ({paths[LOW].name}), expected the other of "
            f"{variant.title}'s two experts; load that."
        )


def _path_of(model: Any) -> Path | None:
    """Return where a MODEL was loaded from; `None`: another loader made it."""
    identity = model.get_attachment(IDENTITY)
    return None if identity is None else Path(identity.path)


def check_chain(variant: Variant, world: World, chunks: int, vae: Any) -> None:
    """Check that there is a VAE where so many chunks behind a world are clips that begin with one another's frames.

    Raises:
        ValueError: there is none.
    """
    if variant.is_chained and vae is None and len(world.chunks) + chunks > 1:
        raise no_vae(variant)


def chained_by(vae: Any, world: World, reload: Callable[[], None]) -> Callable[[Tensor], Tensor] | None:
    """Return what gives the latents (C, L, h, w) that a clip begins with behind one of latents (C, c, h, w).

    Args:
        vae: `None`: nothing does.
        world: of the clips.
        reload: brings the network back afterwards.
    """
    if vae is None:
        return None

    def chained(latents: Tensor) -> Tensor:
        begun = decoder.chained(vae, world, latents)
        reload()
        return begun

    return chained
