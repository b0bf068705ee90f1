"""A family: models that share a network, a context and a way to be told; the one place that ties these together."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple

from torch import Tensor, nn

from ..memory.policy import MemoryPolicy
from ..rollout.contexts import About, Context
from ..rollout.samplers import Sampler
from ..vae.causal import STOCK, Manner
from ..variants import CORRECTED, Variant
from ..world.state import Controls, Start, World


class Encoders(NamedTuple):
    """What turns pictures and sentences into tensors; a host brings them.

    Args:
        video: (F, H, W, 3) in 0..1 to latents (C, T, h, w) in model space, float32 on the CPU.
        settles: latents of "a picture, then grey" after which the video's encoder repeats itself.
        image: (H, W, 3) in 0..1 to image tokens (tokens, width); `None`: nobody brought one.
        text: a prompt to (words, width); `None`: nobody brought one.
    """

    video: Callable[[Tensor], Tensor]
    settles: int
    image: Callable[[Tensor], Tensor] | None = None
    text: Callable[[str], Tensor] | None = None


class Beginning(NamedTuple):
    """What an artist begins a world with.

    Args:
        variant: of the model.
        image: (F, H, W, 3) in 0..1, one picture; `None` only where the variant's start needs none.
        size: (h, w) pixels of the world.
        prompt: what is to be seen; "": nothing is said.
        negative: what is not; "": the model's own.
        form: one of the variant's.
        camera: see `Start`.
    """

    variant: Variant
    image: Tensor | None
    size: tuple[int, int]
    prompt: str = ""
    negative: str = ""
    form: str = CORRECTED
    camera: Tensor | None = None


def prompts_of(world: World, told: Sequence[Controls], numbers: tuple[Any, ...]) -> list[str]:
    """Return the prompts of some chunks, as most families are told them."""
    return [rows.prompt for rows in told]


class Family(NamedTuple):
    """What the code must know of a family, besides the data of its variants.

    Args:
        name: as its variants have it.
        title: what is expected of a file of it, with an article.
        network: called with x and a `call`; built with the arguments below, `dtype`, `device` and `operations`.
        arguments: of the network's constructor, from the sizes of a checkpoint.
        identified: variant and sizes of a file's tensors, by our own metadata too; `None`: of another family. Raises
            `ValueError` where it is of this one and no model of it.
        resembles: tells by names alone, behind a prefix, whether a file may be of this family.
        sampler: how its chunks are denoised: asked for with steps as written, a shift, and a form.
        numbers: what its context goes by, as plain values that stand in the keys of what it makes: asked for with a
            variant, a form, and a memory policy or `None`, which only a variant with memories is given.
        context: makes what it looks back on.
        start: makes a world's start; raises `ValueError` where a picture or an encoder is wrong or missing.
        widths: numbers of a token that a start holds, by its field, from a checkpoint's sizes.
        kept: numbers that a rollout of a network keeps, of a latent grid (h, w).
        seen: latents that one pass looks at, at most, besides what is kept.
        manner: how it runs its VAE.
        sentences: what each of some chunks is told in words, one behind the other: asked for with the world before
            them, their controls, and the numbers of the context; "" is the start's own text.
        leftovers: regular expression of tensors that are of use in training alone and left out; "": there are none.
        in_8_bits: regular expression of the linear layers whose weights and activations its authors make 8 bits of
            while loading; "": they do no such thing.
        picture: makes the latent (C, 1, h, w) of a picture (1, H, W, 3) in 0..1 for its memory, of a size (h, w) in
            pixels, with what encodes frames; `None`: it has no such memory.
    """

    name: str
    title: str
    network: type[nn.Module]
    arguments: Callable[[Mapping[str, Any]], dict[str, Any]]
    identified: Callable[[Mapping[str, Tensor], Mapping[str, Any], str], tuple[Variant, dict[str, Any]] | None]
    resembles: Callable[[Collection[str], str], bool]
    sampler: Callable[[tuple[int, ...], float, str], Sampler]
    numbers: Callable[[Variant, str, MemoryPolicy | None], tuple[Any, ...]]
    context: Callable[[About], Context]
    start: Callable[[Beginning, Encoders], Start]
    widths: Callable[[Mapping[str, Any]], dict[str, int]]
    kept: Callable[[nn.Module, Variant, tuple[int, int]], int]
    seen: Callable[[Variant], int]
    manner: Manner = STOCK
    sentences: Callable[[World, Sequence[Controls], tuple[Any, ...]], list[str]] = prompts_of
    leftovers: str = ""
    in_8_bits: str = ""
    picture: Callable[[Tensor, tuple[int, int], Callable[[Tensor], Tensor]], Tensor] | None = None
