"""A family of 120 lines, which no line of the library knows, does everything that a family does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import torch
from torch import Tensor

from tests.tiny_models import TOY_FAMILY, controls_of, start_of, with_toy
from worldmodel import families
from worldmodel.binding.bind import bind_track, chunk_controls
from worldmodel.binding.unbind import walked_track
from worldmodel.camera.poses import Poses
from worldmodel.checkpoints.recognise import load_network, recognise
from worldmodel.families.begin import begin, extend
from worldmodel.families.family import Beginning, Encoders
from worldmodel.questions import variants
from worldmodel.reading.safetensors_files import METADATA_KEY
from worldmodel.rollout.session import Predict, bare
from worldmodel.shown.overlay import draw_controls
from worldmodel.shown.side_by_side import Errors, parting
from worldmodel.shown.world_sheet import draw_world, make_sheet
from worldmodel.shown.world_words import describe_world
from worldmodel.track.track import Track, parse_track
from worldmodel.variants import AS_RELEASED, VARIANTS, variant_named
from worldmodel.world.archive import SUFFIX, load_world, save_world
from worldmodel.world.state import World, frames, latents, new_world, rewind

SIZES = {"dim": 16, "text_dim": 20}


@pytest.fixture(autouse=True)
def toy() -> Iterator[ModuleType]:
    with with_toy(families, VARIANTS) as toy:
        yield toy


@pytest.fixture
def predict(toy: ModuleType) -> Predict:
    torch.manual_seed(0)
    weights = toy.ToyNetwork(**SIZES).state_dict()
    checkpoint = recognise(weights, {METADATA_KEY: json.dumps({"variant": "toy"})})
    assert checkpoint.variant is toy.TOY and checkpoint.sizes == SIZES
    return bare(load_network(checkpoint, dtype=torch.float32))


def said(prompt: str) -> Tensor:
    """An encoder whose text is another one for another prompt."""
    return torch.randn(7, SIZES["text_dim"], generator=torch.Generator().manual_seed(sum(map(ord, prompt))))


def encoders() -> Encoders:
    return Encoders(
        video=lambda film: film[:1, ::8, ::8, :1].permute(3, 0, 1, 2).repeat(8, 1, 1, 1), settles=1, text=said
    )


def world_of(predict: Predict, track: str, form: str = "corrected", seed: int = 4) -> World:
    asked = Beginning(variant_named("toy"), torch.rand(1, 64, 96, 3, generator=torch.Generator().manual_seed(1)),
                      (32, 48), "a street", form=form)  # fmt: skip
    world = new_world(families.FAMILIES["toy"].start(asked, encoders()))
    return grown(world, parse_track(track), predict, seed)


def grown(world: World, track: Track, predict: Predict, seed: int = 4) -> World:
    bound = bind_track(track, variant_named("toy"), world)
    prompt = world.chunks[-1].controls.prompt if world.chunks else ""
    told, _ = chunk_controls(bound.controls, len(world.chunks), variant_named("toy"), bound.events, prompt)
    *_, (world, _) = extend(world, told, seed, predict, encode_text=said)
    return world


def test_it_costs_no_more_than_a_hundred_and_twenty_lines() -> None:
    assert len(TOY_FAMILY.read_text(encoding="utf-8").splitlines()) <= 120


def test_it_walks_in_chunks_of_its_own_from_the_latent_that_it_is_given(predict: Predict) -> None:
    world = world_of(predict, "forward*49")
    assert [chunk.latents.shape[1] for chunk in world.chunks] == [5, 4, 4]
    assert frames(world) == 49 and latents(world).shape == (8, 13, 4, 6)
    assert torch.equal(world.chunks[0].latents[:, :1], world.start.image_condition)
    assert not torch.equal(latents(world), latents(world_of(predict, "forward*20 right*29")))


def test_a_form_is_part_of_the_start_its_digest_and_its_sampler(predict: Predict, tmp_path: Path) -> None:
    ours, theirs = world_of(predict, "idle*17"), world_of(predict, "idle*17", AS_RELEASED)
    assert ours.digest != theirs.digest and not torch.equal(latents(ours), latents(theirs))
    loaded = load_world(save_world(theirs, tmp_path / f"walk{SUFFIX}"))
    assert loaded.start.form == AS_RELEASED and "as released" in describe_world(loaded)
    with pytest.raises(ValueError, match="form: found 'fast', expected one of corrected, as released for Toy"):
        new_world(theirs.start._replace(form="fast"))


def test_a_prompt_on_the_way_takes_effect_at_the_next_chunk(predict: Predict) -> None:
    track = parse_track("forward*49")
    calm = grown(world_of(predict, "forward*17"), track, predict)
    told = track._replace(prompts=((3, "rain"), (16, "snow")))
    wet = grown(world_of(predict, "forward*17"), told, predict)
    assert [chunk.controls.prompt for chunk in wet.chunks] == ["", "", "snow", "snow"]
    same = [torch.equal(a.latents, b.latents) for a, b in zip(wet.chunks, calm.chunks, strict=True)]
    assert same == [True, True, False, False]
    rows = bind_track(told, variant_named("toy"), world_of(predict, "forward*17")).rows
    assert [(row.kind, row.first, row.got) for row in rows] == [("quantised", 3, "from frame 16")]
    assert grown(wet, track, predict).chunks[-1].controls.prompt == "snow"
    with pytest.raises(ValueError, match="clip: found none, expected a text encoder for the prompt 'rain'"):
        begin(new_world(start_of("toy")), predict).step(controls_of("toy", 1)[0]._replace(prompt="rain"), 0)


def test_a_camera_is_taken_as_it_is_and_goes_on_where_the_world_ends(predict: Predict) -> None:
    c2w = torch.eye(4, dtype=torch.float64).repeat(33, 1, 1)
    c2w[:, 1, 3] = torch.linspace(0, -3, 33)  # straight up, which no keys can say
    flight = Track((), torch.zeros(33, 0), torch.zeros(33, 2), camera=Poses(c2w))
    start = world_of(predict, "idle*17")._replace(chunks=())
    whole = grown(start, flight, predict)
    assert torch.equal(torch.cat([chunk.controls.c2w for chunk in whole.chunks]), c2w)
    again = walked_track(whole)
    assert torch.equal(bind_track(again, variant_named("toy")).controls.c2w, c2w)
    later = grown(whole, flight, predict).chunks[2].controls.c2w  # begins elsewhere, so it is moved
    torch.testing.assert_close(later[0, :3, 3], c2w[-1, :3, 3] + (c2w[-1] - c2w[-2])[:3, 3])
    rest = flight._replace(mouse=torch.zeros(16, 2), keys=torch.zeros(16, 0), camera=Poses(c2w[17:]))
    both = grown(rewind(whole, 1), rest, predict)
    assert torch.equal(latents(both), latents(whole))


def test_it_is_shown_like_every_other(predict: Predict) -> None:
    world, other = world_of(predict, "forward*33"), world_of(predict, "forward*17 idle*16", seed=5)
    assert "49 frames" not in describe_world(world) and "Toy: 2 chunks, 33 frames" in describe_world(world)
    assert "Path: 4.0 m" in describe_world(world)
    assert "chunk 0, frames 0-16: camera 2.0 m; seed 4." in describe_world(world)
    assert draw_world(world, make_sheet([0, 1], torch.rand(2, 32, 48, 3))).shape[-1] == 3
    assert draw_controls(torch.rand(33, 32, 48, 3), walked_track(world)).shape[0] == 33
    assert parting(world, other, ("a", "b")).frame == 0
    errors = Errors(variant_named("toy"), ["a"])
    for frame in (0, 16, 17, 32):
        errors.add(frame, [torch.rand(4, 6, 3)], torch.rand(4, 6, 3))
    assert [line.split(":")[0] for line in errors.lines()] == ["all", "chunk 0", "chunk 1"]


def test_the_page_is_told_of_it_in_the_usual_words(monkeypatch: pytest.MonkeyPatch, toy: ModuleType) -> None:
    from worldmodel import questions

    monkeypatch.setattr(questions, "TITLES", {"Toy": toy.TOY})
    (told,) = variants()
    assert told["keyboard"]["letters"] == ("W", "S", "A", "D"), "keys that steer the camera it is told of"
    assert told["keyboard"]["idle"] is None and told["reads_text"]
    assert (told["first_chunk"], told["chunk"]) == (17, 16)


def test_what_it_cannot_be_told_is_said() -> None:
    rows = bind_track(parse_track("jump*9 forward*8"), variant_named("toy")).rows
    assert [(row.kind, row.what, row.why) for row in rows] == [("dropped", "jump", "Toy has no keys")]
    with pytest.raises(ValueError, match="c2w: found none, expected a camera for Toy"):
        begin(new_world(start_of("toy")), lambda x, call: x).step(controls_of("toy", 1)[0]._replace(c2w=None), 0)
    with pytest.raises(ValueError, match="text: found none, expected .words, width."):
        new_world(start_of("toy")._replace(text=None))
