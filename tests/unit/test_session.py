"""The laws of a rollout, on a small random network with one thread and equal shapes: equal means bit for bit."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest
import torch
from torch import Tensor

from tests.tiny_models import GRID, WIDTH, controls_of, predict_of, start_of
from worldmodel.families.begin import begin, extend, settings_of
from worldmodel.models.matrix_game2.network import MatrixGame2, Sizes, Step
from worldmodel.rollout.samplers import Renoise
from worldmodel.rollout.session import NotFinite, Progress, bare
from worldmodel.variants import VARIANTS
from worldmodel.world.state import Controls, RecordedNoise, World, frames, latents, new_world

NAMES = [name for name, variant in VARIANTS.items() if variant.family == "matrix_game_2"]


def grow(world: World, controls: list[Controls], seed: int = 5, **options: object) -> World:
    predict = options.pop("predict", None) or predict_of()
    *_, (grown, _) = extend(world, controls, seed, predict, **options)
    return grown


def digest(world: World) -> str:
    tensors = [world.start.image_condition, *(chunk.latents for chunk in world.chunks)]
    return hashlib.sha256(b"".join(tensor.float().numpy().tobytes() for tensor in tensors)).hexdigest()


@pytest.mark.parametrize("name", NAMES)
def test_splitting_a_rollout_changes_nothing(name: str) -> None:
    controls, empty = controls_of(name, 5), new_world(start_of(name))
    whole = grow(empty, controls)
    first = grow(empty, controls[:2])
    both = grow(first, controls[2:])
    assert torch.equal(latents(both), latents(whole))
    assert torch.isfinite(latents(whole)).all()
    assert frames(whole) == VARIANTS[name].chunking.first_frame(5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_splitting_changes_nothing_in_the_precision_chunks_are_stored_in(dtype: torch.dtype) -> None:
    name = "tiny_world"
    predict, controls, empty = predict_of(dtype), controls_of(name, 4), new_world(start_of(name))
    whole = grow(empty, controls, predict=predict, dtype=torch.bfloat16)
    first = grow(empty, controls[:1], predict=predict, dtype=torch.bfloat16)
    both = grow(first, controls[1:], predict=predict, dtype=torch.bfloat16)
    assert latents(whole).dtype == torch.bfloat16
    assert torch.equal(latents(both), latents(whole))


def test_a_branch_leaves_its_parent_alone() -> None:
    name = "matrix_game_2_universal"
    parent = grow(new_world(start_of(name)), controls_of(name, 2))
    before, chunks = digest(parent), parent.chunks
    later = controls_of(name, 4, seed=8)[2:]
    one, two = grow(parent, later, seed=5), grow(parent, later, seed=6)
    assert digest(parent) == before and parent.chunks is chunks
    assert all(a is b for a, b in zip(one.chunks[:2], parent.chunks, strict=True))
    assert not torch.equal(latents(one), latents(two))
    assert torch.equal(latents(grow(parent, later, seed=5)), latents(one))


def test_controls_reach_the_picture_and_the_last_row_waits_for_the_next_chunk() -> None:
    name = "matrix_game_2_universal"
    controls = controls_of(name, 2)
    told = grow(new_world(start_of(name)), controls)
    for row, same in ((-1, True), (-2, False)):
        keyboard = controls[0].keyboard.clone()
        keyboard[row] = 1 - keyboard[row]
        other = grow(new_world(start_of(name)), [controls[0]._replace(keyboard=keyboard), controls[1]])
        assert torch.equal(other.chunks[0].latents, told.chunks[0].latents) == same
        assert not torch.equal(other.chunks[1].latents, told.chunks[1].latents)


def test_the_last_image_latent_stands_for_all_later_ones() -> None:
    name = "tiny_world"
    start = start_of(name)
    longer = torch.cat((start.image_condition, start.image_condition[:, -1:].expand(-1, 9, -1, -1)), dim=1)
    controls = controls_of(name, 4)
    short = grow(new_world(start), controls)
    assert torch.equal(latents(grow(new_world(start._replace(image_condition=longer)), controls)), latents(short))


def test_progress_is_told_after_every_step_and_may_stop_the_rollout() -> None:
    name, seen = "matrix_game_2_templerun", []
    grow(new_world(start_of(name)), controls_of(name, 2), after_step=seen.append)
    steps = len(VARIANTS[name].steps)
    assert [(told.chunk, told.step, told.steps) for told in seen] == [
        (chunk, step, steps) for chunk in range(2) for step in range(1, steps + 1)
    ]

    class Stopped(Exception):
        pass

    def stop(progress: Progress) -> None:
        if progress.chunk == 1:
            raise Stopped

    session = begin(new_world(start_of(name)), predict_of(), after_step=stop)
    session.step(controls_of(name, 1)[0], seed=5)
    for _ in range(2):
        with pytest.raises(Stopped):
            session.step(controls_of(name, 2)[1], seed=5)
    assert len(session.world.chunks) == 1


@pytest.mark.parametrize("late", [False, True])
def test_a_session_goes_on_wherever_it_was_interrupted(late: bool) -> None:
    """Every call of the network in turn is cut short, before it begins or after its last write."""
    name = "tiny_world"
    inner, controls = predict_of(), controls_of(name, 3)
    whole = latents(grow(new_world(start_of(name)), controls))
    calls = 3 * 3 + 2 + 3  # steps, clean passes, and one to come out unharmed
    for fatal in range(calls):
        left = iter(range(calls))

        def reached(fatal: int = fatal, left: Iterator[int] = left) -> None:
            if next(left, None) == fatal:
                raise InterruptedError

        def predict(x: Tensor, step: Step, reached: Callable[[], None] = reached) -> Tensor:
            if not late:
                reached()
            out = inner(x, step)
            if late:
                reached()
            return out

        session = begin(new_world(start_of(name)), predict, stages=3)
        while len(session.world.chunks) < 3:
            with suppress(InterruptedError):
                session.step(controls[len(session.world.chunks)], seed=5)
        assert torch.equal(latents(session.world), whole), fatal


def test_nothing_that_lasts_a_rollout_is_computed_twice() -> None:
    name = "tiny_world"
    torch.manual_seed(0)
    network = MatrixGame2(
        Sizes(
            dim=48,
            heads=2,
            ffn_dim=64,
            freq_dim=32,
            layers=2,
            context_dim=WIDTH,
            keyboard_dim=4,
            keyboard_width=6,
            action_heads=1,
            action_blocks=[0],
            mouse=True,
        )
    )
    calls = {"img_emb": 0, "blocks.1.cross_attn.k": 0, "blocks.0.action_model.keyboard_attn_kv": 0}

    def counted(path: str) -> None:
        calls[path] += 1

    for path in calls:
        network.get_submodule(path).register_forward_hook(lambda *_, path=path: counted(path))
    grow(new_world(start_of(name)), controls_of(name, 3), predict=bare(network))
    assert list(calls.values()) == [1, 1, 3]


def test_recorded_noise_replaces_the_seed_and_says_when_it_ends() -> None:
    name = "tiny_world"
    generator = torch.Generator().manual_seed(4)
    noise = RecordedNoise(
        torch.randn(16, 6, *GRID, generator=generator), torch.randn(2, 2, 3, 16, *GRID, generator=generator)
    )
    recorded = new_world(start_of(name)._replace(noise=noise))
    controls = controls_of(name, 3)
    assert torch.equal(latents(grow(recorded, controls[:2], seed=1)), latents(grow(recorded, controls[:2], seed=2)))
    assert recorded.digest != new_world(start_of(name)).digest
    with pytest.raises(ValueError, match="noise: found recorded noise for 2 chunks"):
        grow(recorded, controls)
    settings = settings_of(VARIANTS[name])._replace(sampler=Renoise((1000, 750, 500, 250), 5.0))
    with pytest.raises(ValueError, match="steps: found more steps than the 3"):
        grow(recorded, controls[:1], settings=settings)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"variant": "doom"}, "variant: found 'doom', expected one of matrix_game_2_universal"),
        ({"latent_format": "wan21"}, "latent_format: found 'wan21', expected 'tiny_world'"),
        ({"image_condition": torch.zeros(20, 1, 4, 6)}, r"image_condition: found shape \(20, 1, 4, 6\)"),
        ({"image_condition": torch.zeros(20, 5, 3, 6)}, "even sides"),
        ({"visual_context": torch.zeros(1, 7, 20)}, "visual_context: found shape"),
        ({"visual_context": torch.full((7, 20), float("nan"))}, "visual_context: found NaN"),
    ],
)
def test_a_wrong_start_is_refused_in_a_sentence(change: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        new_world(start_of("tiny_world")._replace(**change))


@pytest.mark.parametrize(
    ("controls", "message"),
    [
        (Controls(torch.zeros(12, 4), torch.zeros(12, 2)), r"keyboard: found shape \(12, 4\), expected \(9, 4\)"),
        (Controls(torch.zeros(9, 2), torch.zeros(9, 2)), r"expected \(9, 4\)"),
        (Controls(torch.zeros(9, 4), None), "mouse: found none, expected mouse rows"),
        (Controls(torch.zeros(9, 4), torch.zeros(8, 2)), r"mouse: found shape \(8, 2\)"),
        (Controls(torch.full((9, 4), float("nan")), torch.zeros(9, 2)), "keyboard: found NaN"),
    ],
)
def test_wrong_controls_are_refused_in_a_sentence(controls: Controls, message: str) -> None:
    session = begin(new_world(start_of("tiny_world")), predict_of())
    with pytest.raises(ValueError, match=message):
        session.step(controls, seed=0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sampler": Renoise((), 5.0)}, "steps: found"),
        ({"sampler": Renoise((500, 500), 5.0)}, "steps: found"),
        ({"sampler": Renoise((1001, 5), 5.0)}, "steps: found"),
        ({"sampler": Renoise((1000, 0), 5.0)}, "steps: found"),
        ({"sampler": Renoise((1000, 500), 0.0)}, "shift: found 0.0"),
        ({"numbers": (2,)}, "window: found 2, expected at least 3"),
    ],
)
def test_wrong_settings_are_refused_in_a_sentence(change: dict, message: str) -> None:
    settings = settings_of(VARIANTS["tiny_world_2"])._replace(**change)
    with pytest.raises(ValueError, match=message):
        begin(new_world(start_of("tiny_world")), predict_of(), settings=settings)


def test_latents_that_stay_share_room_that_is_made_seldom() -> None:
    """Else what stays of each chunk leaves holes in the process's memory that nothing fits."""
    name = "tiny_world"
    with torch.inference_mode():
        session = begin(new_world(start_of(name)), predict_of())
        session.step(controls_of(name, 1)[0], seed=5)
    session.step(controls_of(name, 2)[1], seed=5)  # a host may call from another mode
    first, second = (chunk.latents for chunk in session.world.chunks)
    assert first.untyped_storage().data_ptr() == second.untyped_storage().data_ptr()
    assert first.is_contiguous() and second.is_contiguous() and not torch.equal(first, second)


class Overflowing:
    """A network that gives infinity at one of its calls: sampling of 3 steps and clean passes, in their order."""

    def __init__(self, at: int, value: float = float("inf")):
        self.predict, self.left, self.value = predict_of(), at, value

    def __call__(self, x: Tensor, step: Step) -> Tensor:
        velocity = self.predict(x, step).clone()
        if self.left == 0:
            velocity[0, 3, 1, 2, 2] = self.value
        self.left -= 1
        return velocity


@pytest.mark.parametrize(
    ("at", "finished", "where"),
    [(0, 0, "at level 1000 of chunk 0"), (2, 0, "at level 714 of chunk 0"), (3, 1, "in the clean pass of chunk 0"),
     (5, 1, "at level 909 of chunk 1")],
)  # fmt: skip
@pytest.mark.parametrize("value", [float("inf"), float("nan")])
def test_a_chunk_of_a_network_that_overflows_is_never_finished(
    at: int, finished: int, where: str, value: float
) -> None:
    network, shown = Overflowing(at, value), []
    session = begin(new_world(start_of("tiny_world")), network, after_step=lambda told: shown.append(told.clean))
    controls = controls_of("tiny_world", 2)
    with pytest.raises(NotFinite, match=f"^latents: found NaN or infinity {where}, expected finite numbers; .*[.]$"):
        for rows in controls:
            session.step(rows, 5)
    assert len(session.world.chunks) == finished
    assert all(torch.isfinite(estimate).all() for estimate in shown)
    for rows in controls[finished:]:  # the cause is gone
        session.step(rows, 5)
    assert torch.equal(latents(session.world), latents(grow(new_world(start_of("tiny_world")), controls)))


def test_latents_that_overflow_only_in_the_precision_they_are_stored_in_are_refused() -> None:
    predict = predict_of()
    session = begin(
        new_world(start_of("tiny_world")), lambda *call: predict(*call) * 0 + 70_000.0, dtype=torch.float16
    )  # fmt: skip
    with pytest.raises(NotFinite, match="in chunk 0, .* bf16 or fp32"):
        session.step(controls_of("tiny_world", 1)[0], 5)
    assert not session.world.chunks


def test_no_context_is_carried_behind_a_clean_pass_that_overflows() -> None:
    session = begin(new_world(start_of("tiny_world")), Overflowing(3), model="m", stages=3)
    session.step(controls_of("tiny_world", 1)[0], 5)
    assert session.snapshot() is None and len(session.world.chunks) == 1
    assert session.snapshot() is not None  # the cause is gone
