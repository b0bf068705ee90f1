"""A tiny causal Wan world: a random network, a variant of its own, starts and controls."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from tests.tiny_models import WIDTH, controls_of, said, start_of
from worldmodel.models.causal_wan.network import CausalWan
from worldmodel.models.causal_wan.sizes import Sizes
from worldmodel.variants import VARIANTS, Chunking, Variant
from worldmodel.world.state import Controls, Start

NAME, BLOCK, WINDOW, SINK, LAYERS = "tiny_causal", 2, 9, 3, 2
CAMERA = Sizes(dim=24, ffn_dim=32, freq_dim=16, layers=LAYERS, text_dim=WIDTH, in_dim=36, channels=16, cell=8, heads=2)
WORDS = CAMERA._replace(in_dim=16, cell=0)


def network_of(sizes: Sizes = CAMERA, seed: int = 1) -> CausalWan:
    """Return a network with random numbers."""
    torch.manual_seed(seed)
    network = CausalWan(sizes).eval().requires_grad_(False)
    for parameter in network.parameters():
        parameter.normal_(std=0.2)
    return network


@contextmanager
def variant(like: str = "lingbot_2_1_3b", **more: Any) -> Iterator[Variant]:
    """Let the library know a variant with a short window for a while."""
    own = {"window": WINDOW, "sink": SINK, "steps": (1000, 500), "chunking": Chunking(BLOCK, BLOCK), **more}
    VARIANTS[NAME] = replace(VARIANTS[like], name=NAME, **own)
    try:
        yield VARIANTS[NAME]
    finally:
        del VARIANTS[NAME]


def start() -> Start:
    """Return a start of noise."""
    return start_of(NAME)


def told(chunks: int, prompts: dict[int, str] | None = None) -> list[Controls]:
    """Return controls at random; each prompt holds from its chunk on."""
    sentence, found = "", []
    for index, controls in enumerate(controls_of(NAME, chunks)):
        sentence = (prompts or {}).get(index, sentence)
        found.append(controls._replace(prompt=sentence))
    return found


def text(sentence: str) -> Tensor:
    """Encode a sentence."""
    return said(sentence)
