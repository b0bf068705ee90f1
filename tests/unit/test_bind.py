"""Binding: what was asked for stands in the model's columns and units, or in the report."""

from __future__ import annotations

import pytest
import torch

from worldmodel.binding.bind import bind_track, chunk_controls, left_over_sentence
from worldmodel.questions import facts_of
from worldmodel.track.presets import preset
from worldmodel.track.track import Track, parse_track, sample
from worldmodel.variants import VARIANTS, Variant

ANY = pytest.mark.parametrize("variant", VARIANTS.values(), ids=VARIANTS)
KEYED = {
    name: variant for name, variant in VARIANTS.items() if variant.keyboard is not None and not variant.is_spoken_to
}
TINY, TEMPLERUN = VARIANTS["tiny_world_2"], VARIANTS["matrix_game_2_templerun"]


def random_track(frames: int = 117, seed: int = 3) -> Track:
    return sample(preset("random from a seed", frames, seed))


@pytest.mark.parametrize("variant", KEYED.values(), ids=KEYED)
def test_every_held_key_is_in_its_column_or_in_the_report(variant: Variant) -> None:
    track = random_track()
    bound = bind_track(track, variant)
    controls, report = bound.controls, bound.report
    for column, word in enumerate(track.words):
        if word not in variant.keyboard.words:
            assert any(sentence.startswith(f"{word}: not a key of {variant.title}") for sentence in report)
        elif variant.keyboard.idle is None:
            assert torch.equal(controls.keyboard[:, variant.keyboard.words.index(word)], track.keys[:, column])
    known = [column for column, word in enumerate(track.words) if word in variant.keyboard.words]
    if variant.keyboard.idle is None:
        assert controls.keyboard.sum() == track.keys[:, known].sum()


@ANY
def test_shapes_and_types(variant: Variant) -> None:
    controls = bind_track(random_track(21), variant).controls
    assert (controls.keyboard is None) == (variant.keyboard is None)
    if controls.keyboard is not None:
        assert controls.keyboard.shape == (21, len(variant.keyboard.words)) and controls.keyboard.dtype == torch.float32
    assert (controls.mouse is None) == (variant.mouse is None)
    if controls.mouse is not None:
        assert controls.mouse.shape == (21, 2) and controls.mouse.dtype == torch.float32


@ANY
def test_the_mouse_can_be_turned_back_into_degrees(variant: Variant) -> None:
    if variant.mouse is None or variant.is_spoken_to:
        return
    degrees = torch.rand(200, 2, generator=torch.Generator().manual_seed(0)) * 8 - 4
    controls = bind_track(Track((), torch.zeros(200, 0), degrees), variant).controls
    columns = controls.mouse.double() * variant.mouse.degrees_per_unit
    for column, axis in enumerate(variant.mouse.order):
        asked = degrees[:, ("yaw", "pitch").index(axis)].double()
        if axis == "pitch" and not variant.mouse.reads_pitch:
            asked = torch.zeros_like(asked)
        assert (columns[:, column] - asked).abs().max() < 1e-6


def test_a_tenth_of_mouse_is_one_and_a_half_degrees_and_pitch_stands_first() -> None:
    bound = bind_track(parse_track("yaw_right yaw_left pitch_up(3)"), VARIANTS["matrix_game_2_universal"])
    controls, report = bound.controls, bound.report
    torch.testing.assert_close(controls.mouse, torch.tensor([[0, 0.1], [0, -0.1], [0.2, 0]]))
    assert report == ()


def test_tiny_world_says_that_it_does_not_read_pitch() -> None:
    bound = bind_track(parse_track("yaw_right pitch_up*2"), TINY)
    controls, report = bound.controls, bound.report
    assert not controls.mouse[:, 0].any()
    assert report == ("pitch: Tiny World turns only left and right, 2 frames dropped, from frame 1.",)


def test_one_key_at_a_time_is_one_hot_and_idle_otherwise() -> None:
    bound = bind_track(parse_track("idle*2 jump slide+jump left*2"), TEMPLERUN)
    controls, report = bound.controls, bound.report
    words = TEMPLERUN.keyboard.words
    assert [words[column] for column in controls.keyboard.argmax(1)] == [
        "nomove", "nomove", "jump", "slide", "left", "left",
    ]  # fmt: skip
    assert torch.equal(controls.keyboard.sum(1), torch.ones(6))
    assert report == (
        "keys: Matrix-Game 2.0 Temple Run takes one key at a time, only the one pressed last counts, 1 frame "
        "quantised, from frame 3.",
    )


def test_exclusive_keys_always_add_up_to_one() -> None:
    keys = (torch.rand(300, 5, generator=torch.Generator().manual_seed(0)) > 0.6).float()
    track = Track(("jump", "slide", "left", "right", "forward"), keys, torch.ones(300, 2))
    bound = bind_track(track, TEMPLERUN)
    controls, report = bound.controls, bound.report
    assert torch.equal(controls.keyboard.sum(1), torch.ones(300))
    held = keys[:, :4].any(1)
    assert torch.equal(controls.keyboard[:, 0] == 1, ~held)
    assert {sentence.split(":")[0] for sentence in report} == {"forward", "keys", "yaw", "pitch"}


def test_prompts_that_are_not_read_are_reported() -> None:
    track = random_track(9)._replace(prompts=((0, "rain"),))
    assert bind_track(track, TINY).report == ("prompt: Tiny World reads no text, 1 frame dropped, from frame 0.",)


@ANY
@pytest.mark.parametrize("first", [0, 1, 4])
@pytest.mark.parametrize("frames", [1, 8, 9, 12, 57, 60])
def test_chunks_add_up_to_the_track(variant: Variant, first: int, frames: int) -> None:
    controls, chunking = bind_track(random_track(frames), variant).controls, variant.chunking
    chunks, left_over = chunk_controls(controls, first, variant, frames=frames)
    lengths = [chunking.frames(index) for index in range(first, first + len(chunks))]
    assert [chunk.frames for chunk in chunks] == lengths or not controls.frames
    assert sum(lengths) + left_over == frames and left_over < chunking.frames(first + len(chunks))
    for name, rows in controls.tensors.items() if chunks else ():
        assert torch.equal(torch.cat([chunk.tensors[name] for chunk in chunks]), rows[: frames - left_over])


def test_cutting_in_two_rollouts_cuts_at_the_same_places() -> None:
    controls = bind_track(random_track(57), TINY).controls
    whole, _ = chunk_controls(controls, 0, TINY)
    first = [
        type(controls)(controls.keyboard[:21], controls.mouse[:21]),
        type(controls)(controls.keyboard[21:], controls.mouse[21:]),
    ]
    parts = chunk_controls(first[0], 0, TINY)[0] + chunk_controls(first[1], 2, TINY)[0]
    assert len(parts) == len(whole) == 5
    for a, b in zip(parts, whole, strict=True):
        assert torch.equal(a.keyboard, b.keyboard) and torch.equal(a.mouse, b.mouse)


@ANY
@pytest.mark.parametrize("field", ["keys", "mouse"])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_track_that_is_not_finite_is_played_nowhere(variant: Variant, field: str, value: float) -> None:
    """Neither by a model nor in the recordings that models are trained on."""
    track = random_track(21)
    rows = getattr(track, field).clone()
    rows[7, -1] = value
    with pytest.raises(ValueError, match=f"^track: found NaN or infinity in its {field}, expected .*[.]$"):
        bind_track(track._replace(**{field: rows}), variant)


def test_left_over_frames_are_said_with_both_ways_out() -> None:
    assert left_over_sentence(60, 3, 12) == (
        "3 frames left over after the last whole chunk: shorten the track to 57 or extend it to 69 frames."
    )
    assert left_over_sentence(1, 1, 9) == "1 frame left over after the last whole chunk: extend it to 9 frames."


@pytest.mark.parametrize("name", [name for name, variant in VARIANTS.items() if variant.camera is not None])
def test_what_the_editors_offer_for_a_camera_moves_it(name: str) -> None:
    """Nobody could draw or hold a key of a model that is told of a camera alone."""
    facts, variant = facts_of(VARIANTS[name]), VARIANTS[name]
    assert set(facts["keyboard"]["words"]) >= {"forward", "back", "left", "right"}
    assert variant.keyboard is not None or facts["mouse"]["reads_pitch"]
    still = bind_track(parse_track("idle*9"), variant).controls.c2w
    for held in ("forward*9", "left*9", "yaw_right(2)*9"):
        bound = bind_track(parse_track(held), variant)
        assert not bound.rows and not torch.equal(bound.controls.c2w, still), held
