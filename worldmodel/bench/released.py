"""Released models without numbers, and the passes of a chunk in the middle of a rollout: what `count` counts.

Shapes: h, w latent grid, S = h/2 * w/2 tokens per latent, N tokens of a pass, C model width.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from ..layers.cache import KVCache
from ..layers.kept import Kept
from ..models.matrix_game2.conditions import image_condition_at
from ..models.matrix_game2.network import MatrixGame2, Step
from ..models.matrix_game2.network import Sizes as Sizes2
from ..models.matrix_game3.conditions import Call, Clip, Fetched, clip_call
from ..models.matrix_game3.int8 import int8_layers
from ..models.matrix_game3.network import MatrixGame3
from ..models.matrix_game3.sizes import Sizes
from ..vae.causal import CausalVAE
from ..vae.wan21 import Wan21VAE
from ..vae.wan22 import MATRIX_GAME_3 as MANNER
from ..vae.wan22 import Wan22VAE
from ..variants import VARIANTS, Chunking

TIMESTEPS = (1000.0, 908.0, 713.0)
UNIVERSAL = VARIANTS["matrix_game_2_universal"]
MATRIX_GAME_2_SIZES: dict[str, Any] = {
    "dim": 1536, "heads": 12, "ffn_dim": 8960, "freq_dim": 256, "layers": 30, "context_dim": 1280, "keyboard_dim": 4,
    "keyboard_width": 128, "action_heads": 16, "action_blocks": range(15), "mouse": True,
}  # fmt: skip
CLIP_TOKENS = 257
MATRIX_GAME_3_SIZES = Sizes(
    dim=3072, ffn_dim=14336, freq_dim=256, layers=30, text_dim=4096, channels=48, cell=16, keyboard_dim=6,
    keyboard_width=128, action_heads=16, action_head_size=64, action_blocks=tuple(range(15)), heads=24,
)  # fmt: skip
MATRIX_GAME_3_CHUNKS = Chunking(15, 10, given=1)
WORDS, MEMORIES, PAST = 512, 5, 4
ENCODERS = {"UMT5-XXL": 5_680_910_336, "CLIP ViT-H": 632_076_800}
"""Parameters of what the host runs before a world begins."""


class Form(NamedTuple):
    """How a model is run.

    Args:
        picture: height and width in pixels.
        int8: whether attention is in 8 bits.
        kept: whether what a clip's steps have in common is kept.
        pruned: share of the VAE's decoder that is left out.
        packed: whether keys and values lie in 8 bits.
        halved: whether the weights of linear layers lie in 8 bits, and come in 16 as they are used.
        precision: of all else, such as bfloat16.
        device: meta, where tensors have no numbers, or where it is really run.
    """

    picture: tuple[int, int]
    int8: bool = False
    kept: bool = True
    pruned: float = 0.0
    packed: bool = False
    halved: bool = False
    precision: str = "bfloat16"
    device: str = "meta"

    @property
    def place(self) -> dict[str, Any]:
        """Precision and device, as modules and tensors take them."""
        return {"dtype": getattr(torch, self.precision), "device": self.device}

    def nothing(self, *shape: int, dtype: torch.dtype | None = None) -> Tensor:
        """Return a tensor without numbers, or of zeros."""
        return torch.zeros(shape, dtype=dtype or self.place["dtype"], device=self.device)


class Pass(NamedTuple):
    """One run of a network, and the least that it could take.

    Args:
        name: as tables have it.
        before: what runs before it so that it is one in the middle of a rollout.
        run: the pass.
        bound: multiplications and additions on the tokens whose result is read, without what was made before.
    """

    name: str
    before: Callable[[], object]
    run: Callable[[], object]
    bound: int


class Model(NamedTuple):
    """A released model in one form.

    Args:
        title: as tables have it.
        form: of these.
        network: without numbers.
        vae: without numbers.
        encoder: the name in `ENCODERS` of what the host runs first.
        passes: of it, one after another.
        before_chunk: what lies before it.
        chunk: makes a chunk in the middle of a rollout, and returns what lives as long as it.
        chunk_bound: the least it could take.
        encode, decode: those of the VAE that begin a world and show a first chunk; they return what is left of it.
        again: how many times the last of `passes` follows behind what `chunk` runs.
        experts: networks of that size that take turns.
    """

    title: str
    form: Form
    network: nn.Module
    vae: CausalVAE
    encoder: str
    passes: list[Pass]
    before_chunk: Callable[[], object]
    chunk: Callable[[], object]
    chunk_bound: int
    encode: Callable[[], object]
    decode: Callable[[], object]
    again: int = 0
    experts: int = 1


# --- Matrix-Game 2.0 ------------------------------------------------------------------------------------------------


def matrix_game_2(form: Form, sizes: dict[str, Any] | None = None, vae_width: int = 96) -> Model:
    """Return Matrix-Game 2.0 universal in a form, or a smaller network of other sizes."""
    sizes = sizes or MATRIX_GAME_2_SIZES
    network = MatrixGame2(Sizes2(**sizes), **form.place).eval().requires_grad_(False)
    vae = Wan21VAE(width=vae_width, **form.place).eval().requires_grad_(False)
    height, width = (side // 8 for side in form.picture)
    new, window = UNIVERSAL.chunking.later, UNIVERSAL.window
    cache = KVCache(window, new)
    x = form.nothing(1, sizes.get("out_dim", 16), new, height, width)
    step = _step(form, sizes, new, height, width)

    def denoise(timestep: float) -> None:
        network(x, call=step.at(torch.tensor(timestep))._replace(cache=cache))

    def clean() -> None:
        network(x, call=step.clean()._replace(cache=cache))

    def chunk() -> None:
        for timestep in TIMESTEPS:
            denoise(timestep)
        clean()

    def fill() -> None:
        for _ in range(window // new - 1):
            clean()
        for timestep in TIMESTEPS:  # what holds for the whole rollout is made once
            denoise(timestep)
        clean()

    def warm() -> None:
        fill()
        denoise(TIMESTEPS[-1])

    tokens = height // 2 * (width // 2)
    velocity, memory = (bound_matrix_game_2(sizes, new, window, tokens, clean=flag) for flag in (False, True))
    passes = [
        Pass("denoising pass", warm, lambda: denoise(TIMESTEPS[-1]), velocity),
        Pass("clean pass", warm, clean, memory),
    ]
    return Model(
        "Matrix-Game 2.0 universal", form, network, vae, "CLIP ViT-H", passes, fill, chunk,
        len(TIMESTEPS) * velocity + memory + chunk_constants_matrix_game_2(sizes, new),
        lambda: vae.encode(form.nothing(1, 3, 1 + 4 * (vae.settles - 1), *form.picture)),
        lambda: (memory := {}, vae.decode(form.nothing(1, 16, new, height, width), memory)),
    )  # fmt: skip


def _step(form: Form, sizes: dict[str, Any], new: int, height: int, width: int) -> Step:
    positions = torch.arange(2 * new, 3 * new)
    return Step(
        timesteps=torch.zeros(1, new),
        positions=positions.to(form.device),
        image_condition=image_condition_at(form.nothing(20, 2, height, width), positions)[None],
        image_tokens=form.nothing(1, CLIP_TOKENS, sizes["context_dim"]),
        keyboard=form.nothing(1, new, 12, sizes["keyboard_dim"]),
        mouse=form.nothing(1, new, 12, 2),
    )


def bound_matrix_game_2(sizes: dict[str, Any], new: int, window: int, tokens: int, *, clean: bool = False) -> int:
    """Return the least that a pass takes in the middle of a rollout, what a rollout or a chunk keeps left out.

    Args:
        new, window: latents that are brought, and that are looked at.
        tokens: per latent.
        clean: its velocity is not read: the last block need only give keys and values.
    """
    dim, blocks, acting = sizes["dim"], sizes["layers"], len(sizes["action_blocks"])
    width, count, seen = 64 * sizes["action_heads"], new * tokens, window * tokens
    image = CLIP_TOKENS
    patch = 2 * count * dim * 4 * sizes.get("in_dim", 36)
    keys = 2 * count * dim * 2 * dim
    # q and o; both of the cross-attention; scores and sums over the window and over the image; the feed-forward
    rest = 2 * count * (dim * 4 * dim + 2 * dim * (seen + image) + 2 * dim * sizes["ffn_dim"])
    # frames through the first layer of the mouse, whose windows are the same all over a latent, and a chunk's constants
    mouse = 2 * count * (dim * width + width * width + width * 3 * width + width * dim + 2 * width * window)
    keyboard = 2 * count * (2 * dim * width + 2 * width * window)
    head = 2 * count * dim * 4 * sizes.get("out_dim", 16)
    mouse = mouse if sizes["mouse"] else 0
    whole = patch + blocks * (keys + rest) + acting * (mouse + keyboard) + head
    return whole - (rest + head) if clean else whole


def chunk_constants_matrix_game_2(sizes: dict[str, Any], new: int) -> int:
    """Return what a chunk's actions take once: the keyboard's keys and values, and the mouse's share of a layer."""
    width, embedded = 64 * sizes["action_heads"], sizes["keyboard_width"]
    keyboard = 12 * (sizes["keyboard_dim"] * embedded + embedded * embedded) + 12 * embedded * 2 * width
    return 2 * new * len(sizes["action_blocks"]) * (keyboard + 24 * width * sizes["mouse"])


# --- Matrix-Game 3.0 ------------------------------------------------------------------------------------------------


def matrix_game_3(form: Form, sizes: Sizes = MATRIX_GAME_3_SIZES, vae_widths: tuple[int, int] = (160, 256)) -> Model:
    """Return Matrix-Game 3.0, whose release's base and distilled models are alike, or a smaller one."""
    network = int8_form(sizes, form) if form.int8 else MatrixGame3(sizes, **form.place)
    network = network.eval().requires_grad_(False)
    encoder, decoder = vae_widths
    decoder = round(decoder * (1 - form.pruned))
    vae = Wan22VAE(encoder_width=encoder, decoder_width=decoder, **form.place).requires_grad_(False)
    height, width = (side // 16 for side in form.picture)

    def clip(index: int) -> Call:
        return clip_of(form, sizes, index, height, width, Kept() if form.kept else None)

    def run(call: Call, timestep: float) -> None:
        new = len(call.positions) - call.given
        network(form.nothing(1, sizes.channels, new, height, width), call=call.at(timestep))

    def chunk() -> Call:
        call = clip(1)
        for timestep in TIMESTEPS:
            run(call, timestep)
        return call

    tokens = height // 2 * (width // 2)
    first, later = clip(0), clip(1)
    null = later._replace(negative=later.text).null()
    passes = [
        Pass(f"{name} pass", lambda call=call: run(call, TIMESTEPS[0]), lambda call=call: run(call, TIMESTEPS[1]),
             bound_matrix_game_3(sizes, len(call.positions), call.given, tokens))
        for name, call in (("first clip's", first), ("later clip's", later), ("later clip's null", null))
    ]  # fmt: skip
    constants = clip_constants_matrix_game_3(sizes, len(later.positions), later.given, tokens)
    shape = 1, sizes.channels, MATRIX_GAME_3_CHUNKS.first, height, width
    return Model(
        "Matrix-Game 3.0", form, network, vae, "UMT5-XXL", passes, lambda: run(clip(1), TIMESTEPS[0]), chunk,
        len(TIMESTEPS) * passes[1].bound + constants,
        lambda: vae.encode(form.nothing(1, 3, 1, *form.picture), {}, MANNER),
        lambda: (memory := {}, vae.decode(form.nothing(*shape), memory, MANNER)),
    )  # fmt: skip


def int8_form(sizes: Sizes, form: Form) -> MatrixGame3:
    """Return the network with its attention in 8 bits."""
    network = MatrixGame3(sizes, **form.place, operations=int8_layers())
    for name, layer in network.named_modules():
        if getattr(layer, "pattern", None) is not None and layer.pattern.search(name):
            layer.pack()
    return network


def clip_of(form: Form, sizes: Sizes, index: int, height: int, width: int, kept: Kept | None) -> Call:
    """Return what the passes of a world's first (index 0) or any later clip are told."""
    new = MATRIX_GAME_3_CHUNKS.sampled(index)
    past, memories = (PAST, MEMORIES) if index else (1, 0)
    latents, start = past + new, 1 if index else 0
    frames, channels = 4 * latents - (0 if index else 3), sizes.channels
    rays = 6 * sizes.cell**2
    clip = Clip(
        form.nothing(1, channels, past, height, width),
        torch.arange(start, start + latents),
        form.nothing(1, frames, sizes.keyboard_dim),
        form.nothing(1, frames, 2),
        form.nothing(1, rays, latents, height, width),
    )  # fmt: skip
    fetched = Fetched(
        form.nothing(1, channels, memories, height, width),
        torch.arange(memories),
        form.nothing(1, rays, memories, height, width),
    )
    return clip_call(clip, form.nothing(1, WORDS, sizes.text_dim), fetched if memories else None, kept=kept)


def bound_matrix_game_3(sizes: Sizes, latents: int, given: int, tokens: int) -> int:
    """Return the least that a pass takes, what a clip or a prompt keeps left out.

    The first block's queries, keys and values of given latents are the same in every step, and the last block's
    results are read for new latents only.

    Args:
        latents: of a pass.
        given: of them, memory and past.
        tokens: per latent.
    """
    dim, blocks = sizes.dim, sizes.layers
    count, fresh = latents * tokens, (latents - given) * tokens
    ends_on_action = blocks - 1 in sizes.action_blocks
    patch = 2 * fresh * dim * 4 * sizes.channels
    head = 2 * fresh * dim * 4 * sizes.channels

    def rest(read: int) -> int:
        """What `read` tokens take in a block behind queries, keys and values."""
        attention = 2 * dim * (count + WORDS)
        return 2 * read * (dim * dim + 2 * dim * dim + attention + 2 * dim * sizes.ffn_dim)

    projections = 2 * 3 * dim * dim
    last = count if ends_on_action else fresh
    total = patch + head + (blocks - 1) * rest(count) + rest(last)
    if blocks == 1:
        total += projections * fresh
    else:
        total += projections * (fresh + (blocks - 2) * count) + projections // 3 * (2 * count + last)
    width = sizes.action_heads * sizes.action_head_size
    mouse = dim * width + width * width + width * 3 * width + width * dim + 2 * width * latents
    keyboard = 2 * dim * width + 2 * width * latents
    return total + len(sizes.action_blocks) * 2 * count * (mouse + keyboard)


def clip_constants_matrix_game_3(sizes: Sizes, latents: int, given: int, tokens: int) -> int:
    """Return what a clip takes once: camera, text, the keyboard's keys, and what its given latents begin with."""
    dim, blocks, width = sizes.dim, sizes.layers, sizes.action_heads * sizes.action_head_size
    count, embedded = latents * tokens, sizes.keyboard_width
    read = (blocks - 1) * count + (count if blocks - 1 in sizes.action_blocks else (latents - given) * tokens)
    rays = 2 * count * (6 * sizes.cell**2 * 4 * dim + 2 * dim * dim)
    camera = 2 * read * 4 * dim * dim
    text = 2 * WORDS * (sizes.text_dim * dim + dim * dim + blocks * 2 * dim * dim)
    keyboard = 12 * (sizes.keyboard_dim * embedded + embedded * embedded) + 12 * embedded * 2 * width
    actions = 2 * latents * len(sizes.action_blocks) * (keyboard + 24 * width)
    begin = 2 * given * tokens * (dim * 4 * sizes.channels + 3 * dim * dim)
    return rays + camera + text + actions + begin


MODELS: dict[str, Callable[[Form], Model]] = {"matrix-game-2": matrix_game_2, "matrix-game-3": matrix_game_3}
PICTURES = {"matrix-game-2": UNIVERSAL.picture, "matrix-game-3": (704, 1280)}
SIDES = {"matrix-game-2": 16, "matrix-game-3": 32}
"""What a picture's sides are multiples of."""
