"""A rollout in any world: its family's context, and its variant's own settings unless told otherwise."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ..binding.spoken import Template, template_of
from ..memory.kept_keys import KeptKeys, check_kept_keys
from ..memory.policy import MemoryPolicy
from ..models.causal_wan.vocabulary import reads_words
from ..rollout.contexts import About
from ..rollout.samplers import Settings
from ..rollout.session import Predict, Progress, Session, Watchers
from ..rollout.wrappers import away_from_null, by_level
from ..variants import CORRECTED, HISTORIES, Variant
from ..world.state import Chunk, Controls, World, variant_of
from . import family_of


class Machine(NamedTuple):
    """What computes a rollout.

    Args:
        model: identity of the model; "": unknown, so that no context is carried on.
        stages: see `About`; `None`: unknown, so that a replay begins at the start.
        dtype: precision chunks are stored in.
        device: where the network runs.
        encode_text, keep, chained: see `About`.
        guidance: in place of the variant's own; `None`: that one.
        low: where the model is two networks, the one for little noise; `None`: the first one is asked for all.
    """

    model: str = ""
    stages: int | None = None
    dtype: torch.dtype = torch.float32
    device: torch.device | str = "cpu"
    encode_text: Callable[[str], Tensor] | None = None
    keep: int | None = None
    guidance: float | None = None
    chained: Callable[[Tensor], Tensor] | None = None
    low: Predict | None = None


def settings_of(
    variant: Variant,
    form: str = CORRECTED,
    *,
    steps: tuple[int, ...] = (),
    shift: float = 0.0,
    memory: MemoryPolicy | None = None,
    template: Template | None = None,
) -> Settings:
    """Return a variant's settings.

    Args:
        form: of the world.
        steps, shift: of the sampler, in place of the variant's own; none and 0 are those.
        memory: which past frames are looked at again, in place of the form's own way.
        template: how keys are put into words, in place of the form's own way.

    Raises:
        ValueError: there is no such sampler, or the variant looks at no such memory, or is told no words.
    """
    check_memory(variant, memory)
    family = family_of(variant)
    sampler = family.sampler(steps or variant.steps, shift or variant.shift, form)
    numbers = family.numbers(variant, form, memory)
    if variant.is_spoken_to:
        numbers += tuple(template or template_of(form))
    elif template is not None:
        raise ValueError(
            f"words: found World Words, expected none for {variant.title}, "
            "which is told keys as they are; disconnect World Words."
        )
    return Settings(sampler, numbers)


def check_memory(variant: Variant, memory: MemoryPolicy | None) -> None:
    """Check that a variant can look back as a policy says; `None` is its own way.

    Raises:
        ValueError: it cannot.
    """
    if memory is None:
        return
    if isinstance(memory, KeptKeys) != variant.keeps_keys:
        keeps = "World Cache" if isinstance(memory, KeptKeys) else "World Memory"
        raise ValueError(f"memory: found {keeps}, expected none for {variant.title}; disconnect {keeps}.")
    if isinstance(memory, KeptKeys):
        check_kept_keys(memory)
        return
    if variant.memories is None and not variant.histories:
        raise ValueError(
            f"memory: found a memory policy, expected none for {variant.title}, which looks at no past frames again; "
            "disconnect World Memory."
        )
    if (memory.form in HISTORIES) != bool(variant.histories):
        expected = " or ".join(variant.histories) or "a form that chooses frames"
        raise ValueError(
            f"memory: found the form {memory.form!r}, expected {expected} for {variant.title}; change it in World "
            "Memory."
        )


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
        predict: the network, see `Predict`; of two, the one for much noise.
        settings: `None`: the variant's own.
        after_step, after_clean: see `Watchers`.
        machine: fields of `Machine`.

    Raises:
        ValueError: the start, a chunk or the settings are wrong.
    """
    on, variant = Machine(**machine), variant_of(world.start)
    if variant.experts is not None:
        predict = by_level(predict, on.low or predict, variant.experts.boundary)
    if variant.guidance is not None:
        predict = away_from_null(predict, variant.guidance if on.guidance is None else on.guidance)
    settings = settings or settings_of(variant, world.start.form)
    device = torch.device(on.device)
    about = About(
        world.start, variant, settings.numbers, device, on.stages, on.encode_text or reads_words(variant), on.dtype,
        on.keep, on.chained,
    )  # fmt: skip
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
