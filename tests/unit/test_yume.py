"""Yume 1.5: keys as words, what a world is given of its past, how it begins, and which files are it."""

from __future__ import annotations

import json
from contextlib import suppress
from itertools import product
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.released_checkpoints import YUME, yume_weights
from tests.tiny_models import controls_of, predict_of, said, start_of
from worldmodel.binding.bind import bind_track, binding_report, chunk_controls
from worldmodel.binding.spoken import CAPTION_FILE, LOOKS, MOVEMENTS, Spoken, Template, check_template, spoken_of
from worldmodel.binding.unbind import walked_track
from worldmodel.checkpoints.recognise import load_network, recognise
from worldmodel.families.begin import begin, settings_of
from worldmodel.families.yume import captions
from worldmodel.memory.policy import MemoryPolicy
from worldmodel.models.yume.conditions import Call, Cuts, History
from worldmodel.models.yume.history import MOST, plan_of
from worldmodel.models.yume.start_frames import frames_behind
from worldmodel.rollout.session import Progress, Session, bare
from worldmodel.track.track import Track, parse_track
from worldmodel.variants import AS_RELEASED, LAST_CHUNK, VARIANTS
from worldmodel.world.archive import SUFFIX, load_world, save_world
from worldmodel.world.state import Controls, World, frames, latents, new_world, rewind, variant_of

VARIANT = VARIANTS["yume_1_5"]
GOLDEN = Path(__file__).parents[1] / "golden" / "yume" / "prompts_webapp.json"
RECORDS = {(each["keys"], each["mouse"]): each for each in json.loads(GOLDEN.read_text(encoding="utf-8"))}
HELD = {"W": "forward", "S": "back", "A": "left", "D": "right"}
TURNED = {"→": ("yaw", 1), "←": ("yaw", -1), "↑": ("pitch", 1), "↓": ("pitch", -1)}


def track_of(keys: str, mouse: str, length: int = 32) -> Track:
    held = {HELD[letter] for letter in keys.split("+") if letter in HELD}
    turns = torch.zeros(length, 2)
    for arrow in mouse:
        if arrow in TURNED:
            axis, sign = TURNED[arrow]
            turns[:, ("yaw", "pitch").index(axis)] = 1.5 * sign
    return Track(tuple(HELD.values()), torch.tensor([[float(word in held) for word in HELD.values()]] * length), turns)


# ---------------------------------------------------------------- words


@pytest.mark.parametrize(("keys", "mouse"), RECORDS)
def test_every_pair_of_keys_and_mouse_is_the_releases_sentence(keys: str, mouse: str) -> None:
    record = RECORDS[keys, mouse]
    bound = bind_track(track_of(keys, mouse), VARIANT)
    assert not bound.rows and bound.controls.frames == 32
    spoken = spoken_of(bound.controls, VARIANT)
    assert spoken.caption(record["prompt"], Template()) == record["caption"]
    by_file = spoken.caption("A ghost appears.", Template(CAPTION_FILE))
    moves, looks = MOVEMENTS[spoken.movement], LOOKS[spoken.look]
    numbers = "0", "4", "4"
    if mouse == "·":
        numbers = ("0" if keys == "None" else "4"), "0", "0"
    assert by_file == (
        f"First-person perspective. {moves} {looks} Actual distance moved:{numbers[0]} at 100 meters per second. "
        f"Angular change rate (turn speed):{numbers[1]}. View rotation speed:{numbers[2]}.A ghost appears."
    )
    assert bound.said == ((0, spoken.caption("", Template())),)


@pytest.mark.parametrize("pressed", ["".join(held) for held in product(*((letter, "") for letter in "WSAD"))])
def test_any_keys_at_once_come_down_to_a_phrase(pressed: str) -> None:
    ahead, right = ("W" in pressed) - ("S" in pressed), ("D" in pressed) - ("A" in pressed)
    bound = bind_track(track_of("+".join(pressed), "·"), VARIANT)
    assert spoken_of(bound.controls, VARIANT) == Spoken((ahead, right))
    assert any("cancel" in row.why for row in bound.rows) == ({"W", "S"} <= set(pressed) or {"A", "D"} <= set(pressed))


def test_numbers_are_written_as_they_are_asked_for() -> None:
    asked = Template(CAPTION_FILE, distance=2.5, turn=0.0, view=10.0)
    said_so = Spoken((1, 0), (1, 0)).caption("", asked)
    assert "moved:2.5 at" in said_so and "(turn speed):0. View rotation speed:10." in said_so
    assert "Actual" not in Spoken().caption("", asked._replace(metrics=False))
    for wrong, message in ((asked._replace(view=11.0), "view: found 11"), (Template("poem"), "template: found 'poem'")):
        with pytest.raises(ValueError, match=message):
            check_template(wrong)


def test_a_chunk_hears_what_most_of_its_frames_ask_for_and_the_report_says_what_is_lost() -> None:
    track = parse_track("forward*20 left+yaw_right(3)*12 idle*20 forward*12")
    bound = bind_track(track, VARIANT)
    told, left_over = chunk_controls(bound.controls, 0, VARIANT, bound.events)
    assert [spoken_of(rows, VARIANT).movement for rows in told] == [(1, 0), (0, 0)] and not left_over
    assert [(row.kind, row.first, row.last, row.what, row.asked, row.got) for row in bound.rows] == [
        ("quantised", 20, 31, "keys", "A", "W"),
        ("dropped", 20, 31, "turns", "right", "none"),
        ("dropped", 52, 63, "keys", "W", "none"),
    ]
    report = binding_report(bound, VARIANT).values()
    assert report["sentences"] == [
        [0, "First-person perspective.The camera pushes forward (W). "], [32, "First-person perspective."],
    ]  # fmt: skip
    fast = bind_track(parse_track("yaw_left(3)*32"), VARIANT)
    assert [(row.what, row.asked, row.got) for row in fast.rows] == [("yaw", "−3.00 °/f", "−1.50 °/f")]
    again = bind_track(Track(track.words, told[0].keyboard, fast.turns), VARIANT)
    assert not again.rows and torch.equal(again.controls.keyboard, told[0].keyboard)


def walked(world: World, text: str, prompts: tuple = (), seed: int = 4) -> World:
    track = parse_track(text)._replace(prompts=prompts)
    bound = bind_track(track, VARIANT, world)
    told, _ = chunk_controls(bound.controls, len(world.chunks), variant_of(world.start), bound.events)
    session = begin(world, predict_of(), encode_text=said)
    for rows in told:
        session.step(rows, seed)
    return session.world


def test_events_are_told_in_time_and_one_chunk_late_as_released() -> None:
    now, late = new_world(start_of("yume_1_5")), new_world(start_of("yume_1_5")._replace(form=AS_RELEASED))
    numbers = settings_of(VARIANT).numbers
    for world, length, expected in ((now, 32, ["street", "rain", "snow"]), (late, 29, ["street", "street", "rain"])):
        prompts = ((length, "rain"), (2 * length, "snow"))
        grown = walked(world, f"forward*{length} left*{length} idle*{length}", prompts)
        told = captions(world, [chunk.controls for chunk in grown.chunks], numbers)
        assert all(map(str.endswith, told, expected))
        track = parse_track(f"forward*{length} left*{length} idle*{length}")._replace(prompts=prompts)
        form = settings_of(VARIANT, world.start.form).numbers
        heard = bind_track(track, VARIANT, world).said
        assert [text for _, text in heard] == captions(world, [chunk.controls for chunk in grown.chunks], form)
        assert [frame for frame, _ in heard] == [0, length, 2 * length]
        assert captions(grown, [grown.chunks[0].controls], numbers)[0].endswith("snow" if length == 29 else "street")
    assert settings_of(VARIANT, AS_RELEASED).numbers[1] == CAPTION_FILE
    with pytest.raises(ValueError, match="which is told keys as they are; disconnect World Words"):
        settings_of(VARIANTS["tiny_world_2"], template=Template())


# ---------------------------------------------------------------- chunks and starts


def test_how_long_a_chunk_is_hangs_on_how_the_world_began() -> None:
    picture = start_of("yume_1_5")
    text, released = (
        picture._replace(image_condition=picture.image_condition[:, :0]),
        picture._replace(form=AS_RELEASED),
    )
    lengths = {0: picture, 1: text, 2: released}
    found = {name: [variant_of(start).chunking.frames(index) for index in range(3)] for name, start in lengths.items()}
    assert found == {0: [32, 32, 32], 1: [29, 32, 32], 2: [29, 29, 29]}
    for start in lengths.values():
        chunking = variant_of(start).chunking
        latents = [chunking.latent_of(frame) for frame in range(chunking.first_frame(3))]
        assert latents[0] == 0 and latents[-1] == 23 and latents == sorted(latents)
        assert [chunking.chunk_of(chunking.first_frame(index)) for index in range(3)] == [0, 1, 2]
    world = walked(new_world(text), "forward*61")
    assert frames(world) == 61 and walked_track(world).frames == 61


def test_frames_that_a_world_begins_behind() -> None:
    film = torch.rand(100, 32, 64, 3, generator=torch.Generator().manual_seed(0))
    counts = {1: 17, 3: 17, 17: 17, 18: 17, 30: 29, 81: 81, 100: 81}
    for count, expected in counts.items():
        behind = frames_behind(film[:count], (32, 64), "corrected")
        assert len(behind) == expected and (len(behind) - 1) % 4 == 0
        assert torch.equal(behind[-1], film[count - 1])
    short = frames_behind(film[:3], (32, 64), "corrected")
    assert torch.equal(short[:15], film[:1].expand(15, -1, -1, -1))
    released = frames_behind(film, (32, 64), AS_RELEASED)
    assert torch.equal(released, film[:1].expand(17, -1, -1, -1))
    clear = torch.cat((film[:1], torch.full((1, 32, 64, 1), 0.5)), dim=-1)
    assert torch.equal(frames_behind(clear, (32, 64), "corrected")[0], film[0] * 0.5)
    wide = torch.zeros(1, 32, 128, 3)
    wide[:, :, 32:96] = 1
    assert (
        frames_behind(wide, (32, 64), "corrected").min() == 1 and frames_behind(wide, (32, 64), AS_RELEASED).min() == 0
    )
    for wrong, message in (
        (film[:1, :8], "found 64 x 8 pixels"),
        (film[0], "found shape"),
        (film[:1] / 0, "found NaN"),
    ):
        with pytest.raises(ValueError, match=message):
            frames_behind(wrong, (32, 64), "corrected")


# ---------------------------------------------------------------- history


def history_of(latents: Tensor, count: int) -> History:
    return History((latents[:, : count // 2], latents[:, count // 2 : count]), range(count))


@torch.no_grad()
def test_what_is_kept_of_latents_changes_no_bit() -> None:
    network = load_network(recognise(yume_weights()), dtype=torch.float32)
    latents, cuts = torch.randn(48, 90, 6, 10, generator=torch.Generator().manual_seed(1)), Cuts()
    x = torch.randn(1, 48, 2, 6, 10, generator=torch.Generator().manual_seed(2))
    text = torch.randn(1, 12, 24, generator=torch.Generator().manual_seed(3))
    sizes = []
    for count in (21, 29, 90):
        times = torch.zeros(1, count + 2, dtype=torch.float64)
        fresh = Call(history_of(latents, count), plan_of(count), text, times).at(700.0)
        kept = network(x, call=fresh._replace(cuts=cuts))
        assert torch.equal(kept, network(x, call=fresh))
        sizes.append(cuts.bytes)
    tokens = network.tokens(x, fresh).shape[1] - network.tokens(x, fresh._replace(plan=())).shape[1]
    assert sizes[-1] == 4 * YUME.dim * tokens


def test_every_latent_of_a_history_has_its_place_once() -> None:
    for count in range(3, MOST + 1):
        plan = plan_of(count)
        assert [place for span in plan for place in range(span.first, span.end)] == list(range(count))
    with pytest.raises(ValueError, match=f"found {MOST + 1} latents, expected at most {MOST}"):
        plan_of(MOST + 1)


def test_a_world_longer_than_any_plan_forgets_behind_its_first_latent() -> None:
    world = new_world(start_of("yume_1_5", (2, 2)))
    (controls,) = controls_of("yume_1_5", 1)
    seen: list[Call] = []

    def predict(x: Tensor, call: Call) -> Tensor:
        seen.append(call)
        return x * 0

    session = begin(world, predict, encode_text=said, settings=settings_of(VARIANT, steps=(1,)))
    for _ in range(172):
        session.step(controls, 0)
    numbers = list(seen[-1].history.numbers)
    assert len(numbers) == MOST and numbers[0] == 0 and numbers[1:] == list(range(1373 - MOST + 1, 1373))
    assert seen[-1].history.latents(0, MOST).shape == (48, MOST, 2, 2)
    memory = MemoryPolicy(form=LAST_CHUNK)
    short = begin(session.world, predict, encode_text=said, settings=settings_of(VARIANT, memory=memory))
    short.step(controls, 0)
    assert list(seen[-1].history.numbers) == [*range(5), *range(1373, 1381)]


@torch.no_grad()
def test_latents_in_files_are_read_as_they_are_cut_and_give_the_same() -> None:
    network = bare(load_network(recognise(yume_weights()), dtype=torch.float32))
    read: list[int] = []

    def copied(latents: Tensor, part: slice = slice(None)) -> Tensor:
        read.append(latents[:, part].shape[1])
        return latents[:, part].clone()

    def encode(text: str) -> Tensor:
        return torch.ones(4, 24) * len(text) / 100

    told = controls_of("yume_1_5", 4)
    begun = begin(new_world(start_of("yume_1_5", (2, 4))), network, encode_text=encode)
    for rows in told[:2]:
        begun.step(rows, 1)
    chunks = tuple(chunk._replace(place=SimpleNamespace(read=copied)) for chunk in begun.world.chunks)
    filed = begin(begun.world._replace(chunks=chunks), network, encode_text=encode)
    for rows in told[2:]:
        assert torch.equal(filed.step(rows, 1).latents, begun.step(rows, 1).latents)
        assert 0 < sum(read) <= 16  # later, those whose rate has not changed are known
        read.clear()


@pytest.mark.parametrize("behind", [5, 8, 0], ids=["image", "video", "text"])
def test_parts_branches_and_stops_change_no_bit_behind_any_beginning(behind: int, tmp_path: Path) -> None:
    class Stopped(Exception):
        pass

    predict = bare(load_network(recognise(yume_weights()), dtype=torch.float32))
    latents_behind = torch.randn(48, behind, 2, 4, generator=torch.Generator().manual_seed(4))
    empty = new_world(start_of("yume_1_5")._replace(image_condition=latents_behind))
    variant, few = variant_of(empty.start), settings_of(VARIANT, steps=(2,))
    track = parse_track(f"forward*{variant.chunking.frames(0)} left+yaw_right*32 idle*32")
    bound = bind_track(track._replace(prompts=((variant.chunking.frames(0), "rain"),)), VARIANT, empty)
    told, over = chunk_controls(bound.controls, 0, variant, bound.events)
    assert [rows.prompt for rows in told] == ["", "rain", "rain"] and not over

    def walk(world: World, rows: list[Controls], seed: int = 1, **watch: Any) -> Session:
        session = begin(
            world, predict, settings=few, encode_text=lambda text: said(text)[:, :1].expand(-1, 24), **watch
        )
        for one in rows:
            session.step(one, seed)
        return session

    whole = walk(empty, told).world
    half = load_world(save_world(walk(empty, told[:2]).world, tmp_path / f"half{SUFFIX}"))
    for kept in (1, 2):
        assert torch.equal(latents(walk(rewind(half, kept), told[kept:]).world), latents(whole))
    other = walk(half, told[2:], seed=2).world
    assert other.chunks[1] is half.chunks[1] and not torch.equal(latents(other), latents(whole))
    for stop in range(6):
        stopped: list[int] = []

        def after_step(progress: Progress, stop: int = stop, stopped: list[int] = stopped) -> None:
            if (progress.chunk, progress.step) == (stop // 2, stop % 2 + 1) and not stopped:
                stopped.append(stop)
                raise Stopped

        session = walk(empty, [], after_step=after_step)
        while (done := len(session.world.chunks)) < len(told):
            with suppress(Stopped):
                session.step(told[done], 1)
        assert stopped == [stop] and torch.equal(latents(session.world), latents(whole))


# ---------------------------------------------------------------- files


def test_a_file_is_told_by_its_tensors() -> None:
    weights = yume_weights()
    found = recognise({f"model.diffusion_model.{key}": value for key, value in weights.items()})
    assert found.variant is VARIANT and found.sizes == YUME._asdict()
    trained = {**weights, "mask_token": torch.zeros(1), "sideblock.ffn.0.weight": torch.zeros(1)}
    assert recognise(trained).weights.keys() == weights.keys()
    extra = [key for key in weights if key.startswith("patch_embedding_")]
    assert len(extra) == 10
    plain = {key: value for key, value in weights.items() if key not in extra}
    wrong = {
        "found a plain Wan 2.2 5B model, expected Yume 1.5, which has 5 patch embeddings more": plain,
        "found no patch_embedding_16x.weight, expected Yume 1.5 with all": {
            key: value for key, value in weights.items() if "16x" not in key
        },
        "1 unknown tensors .such as blocks.0.linear_attn.q.weight": {
            **weights, "blocks.0.linear_attn.q.weight": torch.zeros(1)
        },
        "1 missing tensors .such as patch_embedding_2x_f.bias": {
            key: value for key, value in weights.items() if key != "patch_embedding_2x_f.bias"
        },
    }  # fmt: skip
    for message, state in wrong.items():
        with pytest.raises(ValueError, match=message):
            recognise(state)


def test_a_whole_walk_runs_on_a_network_of_the_layout() -> None:
    network = bare(load_network(recognise(yume_weights()), dtype=torch.float32))
    world = new_world(start_of("yume_1_5", (2, 4)))
    session = begin(world, network, encode_text=lambda text: torch.ones(4, 24) * len(text) / 100)
    chunks = [session.step(rows, 1) for rows in controls_of("yume_1_5", 2)]
    assert all(torch.isfinite(chunk.latents).all() and chunk.latents.shape == (48, 8, 2, 4) for chunk in chunks)
