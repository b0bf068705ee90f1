"""What a network remembers behind a world: carried or derived again, the same bits; and no further back than needed.

Depths are judged on networks in float64, where what leaks through all their stages is still more than rounding.
"""

from __future__ import annotations

import random
from functools import lru_cache
from pathlib import Path

import pytest
import torch
from torch import Tensor

from worldmodel.checkpoints.recognise import load_network, recognise
from worldmodel.families.begin import begin, settings_of
from worldmodel.models.matrix_game2.network import MatrixGame2, Sizes, Step
from worldmodel.reading.safetensors_files import load_safetensors
from worldmodel.rollout import contexts
from worldmodel.rollout.contexts import replay_depth
from worldmodel.rollout.samplers import Renoise
from worldmodel.rollout.session import Predict, Session, bare
from worldmodel.tinyworld.player import MODEL_FILE
from worldmodel.variants import VARIANTS
from worldmodel.world.archive import SUFFIX, load_world, save_world
from worldmodel.world.state import Carried, Chunk, Controls, Start, World, latents, new_world, rewind

GRID, TOKENS, WIDTH = (2, 4), 3, 8
TINY, SEED = "tiny_world", 5
MODEL = "the model"
NAMES = [name for name, variant in VARIANTS.items() if variant.family == "matrix_game_2"]


def network_of(name: str, layers: int, acting: int, dtype: torch.dtype = torch.float32) -> MatrixGame2:
    torch.manual_seed(0)
    variant = VARIANTS[name]
    return MatrixGame2(
        Sizes(
            dim=24,
            heads=1,
            ffn_dim=32,
            freq_dim=16,
            layers=layers,
            context_dim=WIDTH,
            keyboard_dim=len(variant.keyboard.words),
            keyboard_width=6,
            action_heads=1,
            action_blocks=range(acting),
            mouse=variant.mouse is not None,
        ),
        dtype=dtype,
    )


@lru_cache
def tiny_network() -> MatrixGame2:
    """Tiny World's architecture, six blocks of which three act, at the smallest widths."""
    return network_of(TINY, 6, 3)


def start_of(name: str) -> Start:
    generator = torch.Generator().manual_seed(2)
    condition = torch.randn(20, 3, *GRID, generator=generator)
    return Start(name, VARIANTS[name].latent_format, condition, torch.randn(TOKENS, WIDTH, generator=generator))


def controls_of(name: str, chunks: int, seed: int = 3) -> list[Controls]:
    variant, generator = VARIANTS[name], torch.Generator().manual_seed(seed)
    rows = []
    for index in range(chunks):
        count = variant.chunking.frames(index)
        keyboard = torch.rand(count, len(variant.keyboard.words), generator=generator).round()
        rows.append(Controls(keyboard, None if variant.mouse is None else torch.randn(count, 2, generator=generator)))
    return rows


def random_world(name: str, chunks: int) -> World:
    """A world of noise: to the clean passes any latents are as good."""
    generator = torch.Generator().manual_seed(4)
    made = [Chunk(torch.randn(16, 3, *GRID, generator=generator), rows) for rows in controls_of(name, chunks)]
    return new_world(start_of(name))._replace(chunks=tuple(made))


def session_on(world: World, network: MatrixGame2, predict: Predict | None = None, **options: object) -> Session:
    return begin(world, predict or bare(network), **{"model": MODEL, "stages": network.stages, **options})


def walk(world: World, controls: list[Controls], network: MatrixGame2, **options: object) -> World:
    """The grown world with the context that its last chunk left."""
    session = session_on(world, network, **options)
    for rows in controls:
        session.step(rows, SEED)
    return session.world._replace(context=session.snapshot())


def entries(world: World, network: MatrixGame2, window: int, stages: int | None) -> list[Tensor]:
    """What a replay leaves in the cache."""
    settings = settings_of(VARIANTS[world.start.variant])._replace(numbers=(window,))
    session = session_on(world, network, stages=stages, settings=settings)
    session.catch_up()
    return parts_of(session.snapshot())


def parts_of(context: Carried | None) -> list[Tensor]:
    assert context is not None
    return [part for _, *parts in context.entries for part in parts]


def same(one: list[Tensor], other: list[Tensor]) -> bool:
    return len(one) == len(other) and all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


@lru_cache
def long_world() -> World:
    """25 chunks with the context of the last: more than twice as long as any replay."""
    return walk(new_world(start_of(TINY)), controls_of(TINY, 25), tiny_network())


@pytest.mark.parametrize(
    ("name", "layers", "acting", "window"),
    [
        (TINY, 6, 3, 6),
        ("matrix_game_2_universal", 4, 2, 6),
        ("matrix_game_2_universal", 3, 0, 6),
        ("matrix_game_2_gta_drive", 4, 2, 4),
        ("matrix_game_2_templerun", 5, 3, 6),
        (TINY, 3, 1, 5),
        (TINY, 3, 2, 8),
        (TINY, 3, 2, 9),
        ("matrix_game_2_templerun", 4, 2, 12),
    ],
)
@torch.inference_mode()
def test_a_replay_begins_as_far_back_as_the_network_looks_and_no_further(
    name: str, layers: int, acting: int, window: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = network_of(name, layers, acting, dtype=torch.float64)
    world = random_world(name, replay_depth(network.stages, window, 3) + 4)
    whole = entries(world, network, window, stages=None)
    assert whole and same(entries(world, network, window, network.stages), whole)
    monkeypatch.setattr(contexts, "replay_depth", lambda *sizes: replay_depth(*sizes) - 1)
    assert not same(entries(world, network, window, network.stages), whole)


@pytest.mark.parametrize(
    ("name", "depth"),
    [("matrix_game_2_universal", 45), ("matrix_game_2_gta_drive", 45), ("matrix_game_2_templerun", 30)],
)
def test_the_depth_of_a_released_model(name: str, depth: int) -> None:
    stages = network_of(name, layers=30, acting=15).stages
    assert replay_depth(stages, VARIANTS[name].window, VARIANTS[name].chunking.later) == depth


def test_the_depth_follows_from_the_loaded_network_and_the_window() -> None:
    network = load_network(recognise(*load_safetensors(MODEL_FILE)), dtype=torch.float32)
    mice = {key.split(".")[1] for key in network.state_dict() if ".mouse_mlp." in key}
    assert network.stages == len(network.blocks) + len(mice) and mice
    assert [replay_depth(9, window, 3) for window in (3, 4, 6, 7, 9, 12)] == [0, 9, 9, 18, 18, 27]


@pytest.mark.parametrize("fork", [3, 20])
def test_a_fork_goes_on_alike_from_a_carried_context_a_file_a_short_replay_and_a_whole_one(
    fork: int, tmp_path: Path
) -> None:
    network, controls = tiny_network(), controls_of(TINY, 25)
    whole, later = rewind(long_world(), fork + 4), controls[fork : fork + 4]
    carried = walk(new_world(whole.start), controls[:fork], network)
    assert carried.context is not None and session_on(carried, network).waiting == 0
    rewound = rewind(whole, fork)
    assert session_on(rewound, network).waiting == min(fork, 9)
    assert session_on(rewound, network, stages=None).waiting == fork
    loaded = rewind(load_world(save_world(long_world(), tmp_path / f"long{SUFFIX}")), fork)
    bounded = [(world, network.stages) for world in (carried, rewound, loaded)]
    for world, stages in (*bounded, (rewound, None)):
        grown = walk(world, later, network, stages=stages)
        assert torch.equal(latents(grown), latents(whole))
        assert same(parts_of(grown.context), entries(whole, network, window=6, stages=None))
    turned = session_on(rewound, network).step(controls_of(TINY, 25, seed=8)[fork], SEED)
    assert not torch.equal(turned.latents, whole.chunks[fork].latents)


@pytest.mark.parametrize("name", NAMES)
def test_a_carried_context_is_what_a_replay_gives_in_every_variant(name: str) -> None:
    network, controls = network_of(name, 3, 2).to(torch.bfloat16), controls_of(name, 8)
    half = walk(new_world(start_of(name)), controls[:6], network, dtype=torch.bfloat16)
    assert half.context is not None and half.chunks[0].latents.dtype == torch.bfloat16
    whole = walk(new_world(start_of(name)), controls, network, dtype=torch.bfloat16)
    for world in (half, half._replace(context=None)):
        assert torch.equal(latents(walk(world, controls[6:], network, dtype=torch.bfloat16)), latents(whole))


def test_only_a_context_of_the_same_model_window_and_length_is_used() -> None:
    network, world, controls = tiny_network(), rewind(long_world(), 12), controls_of(TINY, 25)
    session = session_on(world, network)
    session.catch_up()
    context = session.snapshot()
    assert context is not None
    # one that would be noticed: only a session that must not use it comes out right
    wrong = context._replace(entries=tuple((slot, k + 1, v) for slot, k, v in context.entries))
    window, device, length = context.settings
    refused: list[tuple[Carried, dict]] = [
        (wrong._replace(model="another"), {}),
        (wrong, {"model": "another"}),
        (wrong._replace(model=""), {"model": ""}),
        (wrong._replace(settings=(window + 3, device, length)), {}),
        (wrong._replace(settings=(window, "cuda:0", length)), {}),
        (wrong._replace(settings=(window, device, length - 1)), {}),
    ]
    expected = long_world().chunks[12].latents
    for given, options in refused:
        session = session_on(world._replace(context=given), network, **options)
        assert session.waiting == 9
        assert torch.equal(session.step(controls[12], SEED).latents, expected)
    assert not torch.equal(
        session_on(world._replace(context=wrong), network).step(controls[12], SEED).latents, expected
    )
    wide = settings_of(VARIANTS[TINY])._replace(numbers=(9,))
    assert session_on(world._replace(context=wrong), network, settings=wide).waiting == 12  # of 18


def test_steps_and_shift_are_no_part_of_a_context() -> None:
    network, world = tiny_network(), walk(new_world(start_of(TINY)), controls_of(TINY, 2), tiny_network())
    settings = settings_of(VARIANTS[TINY])._replace(sampler=Renoise((1000, 500), 3.0))
    rows = controls_of(TINY, 3)[2:]
    carried = walk(world, rows, network, settings=settings)
    assert session_on(world, network, settings=settings).waiting == 0
    assert torch.equal(
        latents(carried), latents(walk(rewind(world, 2)._replace(context=None), rows, network, settings=settings))
    )


def test_a_context_is_made_only_where_it_is_known_fits_and_is_at_hand() -> None:
    network, start, controls = tiny_network(), start_of(TINY), controls_of(TINY, 4)
    empty = session_on(new_world(start), network)
    assert empty.snapshot() is None
    nameless = session_on(new_world(start), network, model="")
    nameless.step(controls[0], SEED)
    assert nameless.snapshot() is None
    session = session_on(new_world(start), network)
    for rows in controls[:2]:
        session.step(rows, SEED)
    context = session.snapshot()
    size = sum(part.nbytes for part in parts_of(context))
    assert session.snapshot(size) is not None and session.snapshot(size - 1) is None and session.snapshot(0) is None
    adopting = session_on(new_world(start), network)
    for chunk in session.world.chunks:
        adopting.adopt(chunk)
    assert adopting.snapshot() is None and adopting.waiting == 2
    adopting.step(controls[2], SEED)
    assert adopting.snapshot() is not None


def test_going_on_does_not_write_to_a_carried_context() -> None:
    network = tiny_network()
    parent = walk(new_world(start_of(TINY)), controls_of(TINY, 3), network)
    before = [part.clone() for part in parts_of(parent.context)]
    for seed in (8, 9):
        child = walk(parent, controls_of(TINY, 6, seed=seed)[3:], network)
        assert not same(parts_of(child.context), before)
    assert same(parts_of(parent.context), before)


def test_adopted_chunks_are_as_good_as_sampled_ones() -> None:
    """However sampled, adopted and carried chunks follow one another, the world comes out the same."""
    network, whole, controls = tiny_network(), long_world(), controls_of(TINY, 25)
    for trial in range(3):
        choice = random.Random(trial)
        world = new_world(whole.start)
        while len(world.chunks) < 25:
            session = session_on(world, network)
            for _ in range(min(choice.choice((1, 3, 11)), 25 - len(world.chunks))):
                index = len(session.world.chunks)
                if choice.random() < 0.8:
                    session.adopt(whole.chunks[index])
                else:
                    session.step(controls[index], SEED)
            world = session.world._replace(context=session.snapshot())
        assert torch.equal(latents(world), latents(whole)), trial


def test_chunks_may_share_their_controls() -> None:
    network, world = tiny_network(), random_world(TINY, 3)
    rows = world.chunks[1].controls
    shared = world._replace(chunks=(*world.chunks[:2], world.chunks[2]._replace(controls=rows)))
    copied = world._replace(chunks=(*world.chunks[:2], world.chunks[2]._replace(controls=Controls(*rows))))
    assert same(*(entries(one, network, window=6, stages=None) for one in (shared, copied)))


def test_a_chunk_that_does_not_fit_is_not_adopted() -> None:
    session, chunk = session_on(new_world(start_of(TINY)), tiny_network()), long_world().chunks[0]
    with pytest.raises(ValueError, match=r"latents: found shape \(16, 3, 2, 6\), expected \(16, 3, 2, 4\) for chunk 0"):
        session.adopt(chunk._replace(latents=torch.zeros(16, 3, 2, 6)))
    session.adopt(chunk)
    with pytest.raises(ValueError, match=r"keyboard: found shape \(9, 4\), expected \(12, 4\)"):
        session.adopt(chunk)
    assert session.world.chunks == (chunk,)


@pytest.mark.parametrize("carried", [False, True])
def test_a_clean_pass_may_be_cut_short_in_any_block(carried: bool) -> None:
    """Of a replay, and of a chunk behind a carried context: what the blocks before had written is not used."""
    network, controls = network_of(TINY, 3, 2), controls_of(TINY, 9)
    parent = walk(new_world(start_of(TINY)), controls[:7], network)
    expected = latents(walk(parent, controls[7:], network))
    parent = parent if carried else parent._replace(context=None)
    passes: list[int] = []

    def cut(predict: Predict, at: int) -> Predict:
        def cutting(x: Tensor, step: Step) -> Tensor:
            passes.append(step.commit)
            if step.commit and sum(passes) == at:
                handle = network.blocks[1].register_forward_pre_hook(_raise)
                try:
                    return predict(x, step)
                finally:
                    handle.remove()
            return predict(x, step)

        return cutting

    for at in range(1, 2 if carried else 7):
        passes.clear()
        session = session_on(parent, network, cut(bare(network), at))
        with pytest.raises(InterruptedError):
            for rows in controls[7:]:
                session.step(rows, SEED)
        for rows in controls[len(session.world.chunks) :]:
            session.step(rows, SEED)
        assert torch.equal(latents(session.world), expected), at


def _raise(*_: object) -> None:
    raise InterruptedError
