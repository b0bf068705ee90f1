"""The binding report: counts add up, a frame tells its worst loss, and no letter, unit, sign or rate is confused."""

from __future__ import annotations

import json
import math
from itertools import pairwise

import numpy as np
import pytest
import torch

from worldmodel.binding.bind import bind_track, binding_report
from worldmodel.binding.follow import follow
from worldmodel.binding.motion import integrate, rotations
from worldmodel.binding.report import KINDS, Report, Row, in_order
from worldmodel.camera.poses import Poses, poses_of
from worldmodel.questions import answer
from worldmodel.track.track import Track, parse_track
from worldmodel.variants import VARIANTS, Variant

ANY = pytest.mark.parametrize("variant", VARIANTS.values(), ids=VARIANTS)
TINY, UNIVERSAL = VARIANTS["tiny_world_2"], VARIANTS["matrix_game_2_universal"]
DRIVE, TEMPLERUN = VARIANTS["matrix_game_2_gta_drive"], VARIANTS["matrix_game_2_templerun"]
WORDS = ("forward", "back", "left", "right", "jump", "slide", "turn_left", "turn_right")
MINUS = "\N{MINUS SIGN}"


def report(track: Track | str, variant: Variant) -> Report:
    return binding_report(bind_track(parse_track(track) if isinstance(track, str) else track, variant), variant)


def random_track(seed: int) -> Track:
    """Any keys, turns and prompts."""
    draw = np.random.default_rng(seed)
    frames = int(draw.integers(1, 90))
    keys = torch.from_numpy(draw.random((frames, len(WORDS))) < 0.2).float()
    mouse = torch.from_numpy(draw.normal(size=(frames, 2)) * 3 * (draw.random((frames, 2)) < 0.5)).float()
    return Track(WORDS, keys, mouse, ((0, "sun"), *([(frames - 1, "rain")] if frames > 1 else [])))


def camera(frames: int = 60, **changes: torch.Tensor) -> Poses:
    """Walk straight on at the model's speed, with other heights, sides or speeds."""
    along = torch.arange(frames).double()
    right = changes.get("right", along * 0)
    ahead = changes.get("ahead", along * TINY.motion.step_metres)
    down = -changes.get("height", along * 0)
    yaw = changes.get("yaw", along * 0)
    return Poses(poses_of(rotations(yaw, yaw * 0), torch.stack([right, down, ahead], 1)), fps=16.0)


def filmed(poses: Poses) -> Track:
    """A track that only has a camera."""
    return Track((), torch.zeros(poses.frames, 0), torch.zeros(poses.frames, 2), camera=poses)


@ANY
@pytest.mark.parametrize("seed", range(12))
def test_the_band_adds_up_and_tells_the_worst_of_every_frame(variant: Variant, seed: int) -> None:
    found = report(random_track(seed), variant)
    band = found.band()
    assert band[0][1] == 0 and sum(length for _, _, length in band) == found.frames
    assert all(a[1] + a[2] == b[1] and a[0] != b[0] for a, b in pairwise(band))
    worst = ["kept"] * found.frames
    for row in found.rows:
        assert 0 <= row.first <= row.last < found.frames and row.kind in KINDS[1:]
        for frame in range(row.first, row.last + 1):
            worst[frame] = max(worst[frame], row.kind, key=KINDS.index)
    assert [kind for kind, _, length in band for _ in range(length)] == worst


@ANY
def test_rows_are_sorted_merged_and_complete(variant: Variant) -> None:
    rows = report(random_track(5), variant).rows
    assert [row.first for row in rows] == sorted(row.first for row in rows)
    assert all(row.what and row.asked and row.got and row.why for row in rows)
    assert in_order(rows) == rows
    assert not any(a.last + 1 == b.first and a[3:] == b[3:] and a.kind == b.kind for a in rows for b in rows)


def test_neighbours_are_merged() -> None:
    rows = [Row("dropped", first, first + 1, "keys", "W", "none", "why") for first in (4, 0, 2, 9)]
    assert [(row.first, row.last) for row in in_order(rows)] == [(0, 5), (9, 10)]


@pytest.mark.parametrize("variant", [UNIVERSAL, DRIVE])
def test_what_a_model_knows_is_kept(variant: Variant) -> None:
    found = report("forward*9 back+yaw_left(3)+pitch_up*12", variant)
    assert found.rows == () and found.band() == [("kept", 0, 21)] and found.text() == ""


def test_the_report_as_the_editors_read_it() -> None:
    assert report("forward*20 forward+back", TINY).values() == {
        "model": "Tiny World",
        "frames": 21,
        "band": [["kept", 0, 20], ["dropped", 20, 1]],
        "rows": [
            {
                "kind": "dropped",
                "from": 20,
                "to": 20,
                "what": "keys",
                "asked": "W + S",
                "got": "none",
                "why": "opposite keys cancel out",
            }
        ],
    }


def test_opposite_keys_reach_the_model_as_they_are_held_and_are_named() -> None:
    bound = bind_track(parse_track("forward+back+left*3 left+right+forward*6"), UNIVERSAL)
    assert bound.controls.keyboard.tolist() == [[1, 1, 1, 0]] * 3 + [[1, 0, 1, 1]] * 6
    assert [(row.first, row.last, row.asked) for row in bound.rows] == [(0, 2, "W + S"), (3, 8, "A + D")]


def test_letters_are_the_models_own() -> None:
    """W is forward in one model and jump in another, so tracks hold words."""
    assert report("forward*21", UNIVERSAL).rows == ()
    found = report("forward*9 jump*12", TEMPLERUN)
    assert [(row.what, row.first, row.last) for row in found.rows] == [("forward", 0, 8)]
    keyboard = bind_track(parse_track("jump left"), TEMPLERUN).controls.keyboard
    assert [TEMPLERUN.keyboard.letters[column] for column in keyboard.argmax(1)] == ["W", "A"]
    assert report("left+jump*21", TEMPLERUN).rows[0][3:6] == ("keys", "W + A", "W")


def test_exclusive_keys_are_told_frame_by_frame() -> None:
    found = report("jump*3 jump+slide*4 slide+left*2 idle*12", TEMPLERUN)
    assert [(row.kind, row.first, row.last, row.asked, row.got) for row in found.rows] == [
        ("quantised", 3, 6, "W + S", "S"),
        ("quantised", 7, 8, "S + A", "A"),
    ]


def test_right_and_up_are_positive_and_minus_is_a_minus() -> None:
    found = report("yaw_right(6)*9 yaw_left(5)*12", TINY)
    assert [(row.asked, row.got) for row in found.rows] == [
        ("+6.00 °/f", "+4.00 °/f"),
        (f"{MINUS}5.00 °/f", f"{MINUS}4.00 °/f"),
    ]
    turned = bind_track(parse_track("yaw_right yaw_left pitch_up pitch_down"), UNIVERSAL)
    assert np.sign(turned.controls.mouse.numpy()).tolist() == [[0, 1], [0, -1], [1, 0], [-1, 0]]


def test_a_turn_beyond_the_trained_range_is_clipped_in_the_models_unit() -> None:
    bound = bind_track(parse_track("yaw_right(6) yaw_right(4) yaw_left(180) yaw_right(3.999)"), TINY)
    yaw = bound.controls.mouse[:, TINY.mouse.order.index("yaw")]
    torch.testing.assert_close(yaw * 15, torch.tensor([4.0, 4.0, -4.0, 3.999]))
    torch.testing.assert_close(bound.turns[:, 0], torch.tensor([4.0, 4.0, -4.0, 3.999]))
    assert [(row.kind, row.first, row.last) for row in bound.rows] == [("quantised", 0, 0), ("quantised", 2, 2)]
    assert bind_track(parse_track("yaw_right(90)"), UNIVERSAL).rows == (), "no source states a range"


def test_pitch_is_dropped_where_nothing_reads_it() -> None:
    found = report("pitch_up(0.1) pitch_up(1.3) pitch_down*7", TINY)
    assert [(row.kind, row.first, row.last, row.what, row.asked) for row in found.rows] == [
        ("dropped", 0, 8, "pitch", f"{MINUS}1.50 to +1.30 °/f")
    ]
    assert report("pitch_up*9", UNIVERSAL).rows == ()


def test_a_prompt_is_dropped_in_its_frame() -> None:
    track = parse_track("forward*21")._replace(prompts=((9, "it starts to rain " * 5),))
    (row,) = report(track, TINY).rows
    assert (row.kind, row.first, row.last, row.what, row.why) == ("dropped", 9, 9, "prompt", "Tiny World reads no text")
    assert len(row.asked) <= 42


@pytest.mark.parametrize(
    ("frames", "left_over", "why"),
    [
        (8, 8, "left over after 0 whole chunks: extend it to 9 frames"),
        (9, 0, ""),
        (10, 1, "left over after 1 whole chunk: shorten the track to 9 or extend it to 21 frames"),
        (58, 1, "left over after 5 whole chunks: shorten the track to 57 or extend it to 69 frames"),
        (
            60,
            3,
            "left over after 5 whole chunks: shorten the track to 57 or extend it to 69 frames; a world that goes on "
            "walks all 60",
        ),
    ],
)
def test_the_first_chunk_is_shorter_and_the_rest_is_left_over(frames: int, left_over: int, why: str) -> None:
    rows = report(f"forward*{frames}", UNIVERSAL).rows
    assert sum(row.last + 1 - row.first for row in rows) == left_over
    assert [(row.what, row.why) for row in rows] == ([("all", why)] if why else [])


def test_a_camera_is_followed_anew_by_every_model() -> None:
    along = torch.arange(60).double()
    track = filmed(camera(yaw=along / 40, right=along * 0.05))
    for variant in (TINY, UNIVERSAL, DRIVE):
        bound, own = bind_track(track, variant), follow(track.camera.c2w, variant)
        assert torch.equal(bound.controls.keyboard, own.track.keys)
        torch.testing.assert_close(bound.turns[:, 0], own.track.mouse[:, 0])
        assert bound.notes[0].startswith("position: ")


def test_a_drawn_track_says_the_same_whatever_keys_it_carries() -> None:
    poses = camera()
    drawn = follow(poses.c2w, DRIVE).track._replace(camera=poses, prompts=((3, "rain"),))
    a, b = bind_track(drawn, TINY), bind_track(filmed(poses)._replace(prompts=((3, "rain"),)), TINY)
    assert torch.equal(a.controls.keyboard, b.controls.keyboard) and a.rows == b.rows and a.rows[0].what == "prompt"


def test_frames_are_kept_across_models_whatever_their_rates() -> None:
    """A track has one row a frame; its rate is for showing, so 60 frames stay 60 at 16 and at 25 a second."""
    for fps in (None, 16.0, 25.0, 60.0):
        track = filmed(camera()._replace(fps=fps))
        assert [len(bind_track(track, variant).turns) for variant in (TINY, UNIVERSAL)] == [60, 60]
        assert torch.equal(bind_track(track, TINY).controls.keyboard, bind_track(filmed(camera()), TINY)[0].keyboard)


def test_a_lens_changes_no_key() -> None:
    """Intrinsics are shares of the picture; no model here is told them."""
    plain, zoomed = camera(), camera()._replace(intrinsics=(5.0, 5.0, 0.5, 0.5))
    assert torch.equal(
        bind_track(filmed(plain), TINY).controls.keyboard, bind_track(filmed(zoomed), TINY).controls.keyboard
    )


def test_heights_rolls_and_speeds_are_told_with_their_frames() -> None:
    along = torch.arange(60).double()
    height = torch.zeros(60).double()
    height[20:30] = torch.linspace(0.1, 0.4, 10)
    fast = along * TINY.motion.step_metres + (along > 40) * (along - 40) * TINY.motion.step_metres
    rows = {row.what: row for row in report(filmed(camera(height=height, ahead=fast)), TINY).rows}
    assert rows["height"][:6] == ("dropped", 20, 29, "height", "+0.40 m", "level")
    assert rows["speed"][:6] == ("quantised", 40, 58, "speed", "3.95 m/s", "1.98 m/s")
    place = rows["place"]
    assert place.kind == "quantised" and place.last == 59 and 41 < place.first < 46 and place.asked == "on the path"
    assert rows["all"].first == 57
    roll = torch.tensor([[0.8, -0.6, 0], [0.6, 0.8, 0], [0, 0, 1]]).double()
    tilted = camera()
    tilted.c2w[30:, :3, :3] = roll
    (row,) = (row for row in report(filmed(tilted), UNIVERSAL).rows if row.what == "roll")
    assert row[:6] == ("dropped", 30, 59, "roll", "+36.9°", "upright")


def test_a_camera_that_turns_too_fast_is_caught_up_with() -> None:
    yaw = torch.zeros(40).double()
    yaw[10:] = math.radians(20)
    rows = {row.what: row for row in report(filmed(camera(40, yaw=yaw)), TINY).rows}
    assert rows["yaw"][:6] == ("quantised", 9, 9, "yaw", "20.00 °/f", "4.00 °/f")
    bound = bind_track(filmed(camera(40, yaw=yaw)), TINY)
    assert bound.turns[:, 0].tolist() == [0.0] * 9 + [4.0] * 5 + [0.0] * 26
    assert "yaw" not in {row.what for row in report(filmed(camera(40, yaw=yaw)), UNIVERSAL).rows}


def test_a_model_without_mouse_plays_the_keys_and_says_so() -> None:
    track = parse_track("left*9 jump*12")._replace(camera=camera(21))
    found = report(track, TEMPLERUN)
    assert [(row.kind, row.first, row.last, row.what) for row in found.rows] == [("dropped", 0, 20, "camera")]
    assert bind_track(track, TEMPLERUN).controls.keyboard[:, 0].sum() == 0


def test_a_walk_through_a_camera_is_the_walk() -> None:
    walk = parse_track("forward*24 forward+yaw_right(2.5)*12 right*9 idle*12")
    bound = bind_track(filmed(Poses(integrate(walk, TINY.motion))), TINY)
    assert torch.equal(bound.controls.keyboard, bind_track(walk, TINY).controls.keyboard) and bound.rows == ()


@pytest.mark.parametrize(("frames", "chunks", "lost"), [(24, 3, 0), (25, 3, 1), (60, 3, 0), (57, 3, 9), (57, 0, 0)])
def test_frames_are_left_over_as_the_world_counts_that_walks_them(frames: int, chunks: int, lost: int) -> None:
    track = parse_track(f"forward*{frames}")
    found = binding_report(bind_track(track, TINY, chunks=chunks), TINY, chunks)
    assert sum(length for kind, _, length in found.band() if kind == "dropped") == lost
    assert not any("a world that goes on" in row.why for row in found.rows)


def test_nobody_says_of_an_unknown_world_that_frames_are_left_over() -> None:
    assert binding_report(bind_track(parse_track("forward*24"), TINY), TINY, None).rows == ()


def test_a_sentence_waits_for_a_border_of_the_world_that_goes_on() -> None:
    variant = VARIANTS["matrix_game_3_base"]
    track = parse_track("forward*80")._replace(prompts=((40, "rain"),))
    assert bind_track(track, variant, chunks=1).rows == ()
    assert [row.kind for row in bind_track(track, variant).rows] == ["quantised"]


def test_a_track_is_cut_as_the_world_that_began_so() -> None:
    def bound(text: str, chunks: int | None, form: str, image: bool) -> tuple[int, list[int], list[str]]:
        asked = {"text": text, "model": "Yume 1.5", "chunks": chunks, "begun": {"form": form, "image": image}}
        found = answer("binding", json.dumps(asked).encode())
        over = sum(row["to"] - row["from"] + 1 for row in found["rows"] if "left over" in row["why"])
        begins, said = zip(*found["sentences"], strict=True)
        return over, list(begins), ["left" if "to the left" in words else "ahead" for words in said]

    walk = "forward*29 left*32"
    assert bound(walk, 0, "corrected", False) == (0, [0, 29], ["ahead", "left"])
    assert bound(walk, 0, "corrected", True) == (29, [0, 32], ["ahead", "left"])
    assert bound(walk, 1, "corrected", False) == (29, [0, 32], ["ahead", "left"])
    assert bound("forward*29 left*29", 0, "as released", True) == (0, [0, 29], ["ahead", "ahead"])
    assert bound("left*29 forward*29", 3, "as released", False) == (0, [29], ["left"]), "who knows what came before"
    assert bound(walk, 0, "no such form", True) == bound(walk, 0, "corrected", True)
