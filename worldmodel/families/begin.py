"""A rollout in any world: its family's context, and its variant's own settings unless told otherwise."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ..rollout.contexts import About
from ..rollout.samplers import Settings
from ..rollout.session import Predict, Progress, Session, Watchers
from ..rollout.wrappers import away_from_null
from ..variants import CORRECTED, Variant, variant_named
from ..world.state import Chunk, Controls, World
from . import family_of


class Machine(NamedTuple):
    """What computes a rollout.

    Args:
        model: identity of the model; "": unknown, so that no context is carried on.
        stages: see `About`; `None`: unknown, so that a replay begins at the start.
        dtype: precision chunks are stored in.
        device: where the network runs.
        encode_text: see `About`.
    """

    model: str = ""
    stages: int | None = None
    dtype: torch.dtype = torch.float32
    device: torch.device | str = "cpu"
    encode_text: Callable[[str], Tensor] | None = None


def settings_of(
    variant: Variant, form: str = CORRECTED, *, steps: tuple[int, ...] = (), shift: float = 0.0
) -> Settings:
    """Return a variant's settings.

    Args:
        form: of the world.
        steps, shift: of the sampler, in place of the variant's own; none and 0 are those.

    Raises:
        ValueError: there is no such sampler.
    """
    family = family_of(variant)
    return Settings(family.sampler(steps or variant.steps, shift or variant.shift, form), family.numbers(variant))


def begin(
    world: World,
    predict: Predict,
    *,
    settings: Settings | None = None,
    after_step: Callable[[Progress], None] | None = None,
    after_clean: Callable[[int], None] | None = None,
    **machine: Any,
) -> Session:
    """Begin a rollout behind a world's last chunk.

    Args:
        world: stays as it is.
        predict: the network, see `Predict`.
        settings: `None`: the variant's own.
        after_step, after_clean: see `Watchers`.
        machine: fields of `Machine`.

    Raises:
        ValueError: the start, a chunk or the settings are wrong.
    """
    on, variant = Machine(**machine), variant_named(world.start.variant)
    if variant.guidance is not None:
        predict = away_from_null(predict, variant.guidance)
    settings = settings or settings_of(variant, world.start.form)
    device = torch.device(on.device)
    about = About(world.start, variant, settings.numbers, device, on.stages, on.encode_text)
    return Session(
        world, predict, family_of(variant).context(about), settings, model=on.model, dtype=on.dtype, device=device,
        watchers=Watchers(after_step, after_clean),
    )  # fmt: skip


def extend(
    world: World, controls: Iterable[Controls], seed: int, predict: Predict, **options: Any
) -> Iterator[tuple[World, Chunk]]:
    """Grow a world, one chunk per element of `controls`.

    Args:
        world: stays as it is.
        controls: one per chunk, in order.
        seed: see `Session.step`.
        predict, options: see `begin`.

    Yields:
        The grown world and its newest chunk.
    """
    session = begin(world, predict, **options)
    for rows in controls:
        chunk = session.step(rows, seed)
        yield session.world, chunk
