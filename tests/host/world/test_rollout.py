"""Worlds through the nodes: the laws, the film, and what the artist is told."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

LONG = "forward*20 right+yaw_right*14 idle*11"
"""45 frames: 4 chunks."""


@pytest.fixture
def track(of_pack: Callable[[str], ModuleType]) -> Callable[[str], Any]:
    return of_pack("worldmodel.track.track").parse_track


def cut(track: Any, rows: slice) -> Any:
    return track._replace(keys=track.keys[rows], mouse=track.mouse[rows])


def latents(world: Any) -> Tensor:
    return torch.cat([chunk.latents for chunk in world.chunks], dim=1)


def test_splitting_a_rollout_changes_nothing(tiny: SimpleNamespace, run: Callable, track: Callable) -> None:
    whole_track = track(LONG)
    whole, _ = run("WMRolloutWorld", tiny.model, tiny.world, whole_track, 11, vae=tiny.vae)
    first, _ = run("WMRolloutWorld", tiny.model, tiny.world, cut(whole_track, slice(0, 21)), 11, vae=tiny.vae)
    second, film = run("WMRolloutWorld", tiny.model, first, cut(whole_track, slice(21, 45)), 11, vae=tiny.vae)
    assert torch.equal(latents(second), latents(whole))
    for one, other in zip(second.chunks, whole.chunks, strict=True):
        parts = one.controls.tensors, other.controls.tensors
        assert parts[0].keys() == parts[1].keys()
        assert all(torch.equal(a, b) for a, b in zip(*map(dict.values, parts), strict=True))
    frames = run("WMDecodeWorld", second, tiny.vae)
    assert torch.equal(frames, run("WMDecodeWorld", whole, tiny.vae))
    assert film.get_frame_count() == 24
    seen = film.get_components().images
    assert (seen - frames[21:]).abs().mean() < 0.1  # the film begins behind the world it was given


def test_a_branch_never_changes_its_parent(tiny: SimpleNamespace, run: Callable, track: Callable) -> None:
    parent, _ = run("WMRolloutWorld", tiny.model, tiny.world, track("forward*21"), 1)
    before = [chunk.latents.clone() for chunk in parent.chunks]
    left, _ = run("WMRolloutWorld", tiny.model, parent, track("left+yaw_left(4)*12"), 2)
    right, _ = run("WMRolloutWorld", tiny.model, parent, track("right+yaw_right(4)*12"), 2)
    again, _ = run("WMRolloutWorld", tiny.model, parent, track("left+yaw_left(4)*12"), 2)
    assert len(parent.chunks) == 2
    assert all(torch.equal(chunk.latents, old) for chunk, old in zip(parent.chunks, before, strict=True))
    assert all(a is b for a, b in zip(left.chunks[:2], parent.chunks, strict=True))  # shared, not copied
    assert torch.equal(latents(left), latents(again))
    assert not torch.equal(latents(left), latents(right))


def test_another_seed_gives_another_walk(tiny: SimpleNamespace, run: Callable) -> None:
    worlds = [run("WMRolloutWorld", tiny.model, tiny.world, tiny.track, seed)[0] for seed in (0, 0, 2**64 - 1)]
    assert torch.equal(latents(worlds[0]), latents(worlds[1]))
    assert not torch.equal(latents(worlds[0]), latents(worlds[2]))


def test_the_keys_reach_the_network(tiny: SimpleNamespace, run: Callable, track: Callable) -> None:
    worlds = [run("WMRolloutWorld", tiny.model, tiny.world, track(text), 0)[0] for text in ("forward*21", "back*21")]
    assert not torch.allclose(latents(worlds[0]), latents(worlds[1]), atol=1e-3)


def test_steps_and_shift_are_the_artists(tiny: SimpleNamespace, run: Callable, nodes: dict) -> None:
    own, _ = run("WMRolloutWorld", tiny.model, tiny.world, tiny.track, 0)
    typed = "1000, 800,600 400, 250, 150 80, 40"
    said = nodes["WMRolloutWorld"].execute(tiny.model, tiny.world, tiny.track, 0, typed, 5.0, 16.0)
    assert torch.equal(latents(own), latents(said.args[0]))
    for other in (("1000 500", 0.0), ("", 3.0)):
        changed, _ = run("WMRolloutWorld", tiny.model, tiny.world, tiny.track, 0, *other)
        assert not torch.allclose(latents(own), latents(changed), atol=1e-4)
    result = nodes["WMRolloutWorld"].execute(tiny.model, tiny.world, tiny.track, 7, "1000 500", 3.0, 24.0, tiny.vae)
    assert "2 steps (noise 1000, 500); shift 3; 24 fps; seed 7." in result.ui["text"][0]
    assert result.args[1].get_frame_rate() == 24


def test_the_report_says_what_was_not_done(tiny: SimpleNamespace, nodes: dict, track: Callable) -> None:
    asked = track("forward*12 jump*10")
    asked = asked._replace(mouse=asked.mouse + torch.tensor([0.0, 2.0]))
    lines = nodes["WMRolloutWorld"].execute(tiny.model, tiny.world, asked, 0).ui["text"][0].splitlines()
    assert lines[0] == "2 chunks, 21 frames added; the world has 21 frames."
    for word in ("jump", "pitch", "1 frame left over"):
        assert any(line.startswith(word) for line in lines[2:]), (word, lines)
    assert all(line.endswith(".") for line in lines)


def test_one_chunk_is_no_chunks(tiny: SimpleNamespace, nodes: dict, track: Callable) -> None:
    said = nodes["WMRolloutWorld"].execute(tiny.model, tiny.world, track("forward*9"), 0).ui["text"][0]
    assert said.startswith("1 chunk, 9 frames added; the world has 9 frames.") and "1 chunks" not in said


def test_the_film_shows_the_worlds_frames(tiny: SimpleNamespace, run: Callable) -> None:
    world, film = run("WMRolloutWorld", tiny.model, tiny.world, tiny.track, 0, vae=tiny.vae)
    frames = run("WMDecodeWorld", world, tiny.vae)
    assert film.get_frame_count() == len(frames) == 21
    assert film.get_dimensions() == (96, 64)
    assert film.get_frame_rate() == 16
    assert (film.get_components().images - frames).abs().mean() < 0.1


def test_any_range_of_frames_decodes_alike(tiny: SimpleNamespace, run: Callable, track: Callable) -> None:
    world, _ = run("WMRolloutWorld", tiny.model, tiny.world, track(LONG), 0)
    whole = run("WMDecodeWorld", world, tiny.vae)
    assert whole.shape == (45, 64, 96, 3)
    assert 0 <= whole.min() < whole.max() <= 1
    for first, last in ((0, 0), (8, 9), (20, 33), (44, -1)):
        part = run("WMDecodeWorld", world, tiny.vae, first, last)
        assert torch.equal(part, whole[first : (last if last >= 0 else 44) + 1])


def test_the_nodes_compute_what_the_library_computes(
    tiny: SimpleNamespace, run: Callable, of_pack: Callable[[str], ModuleType], track: Callable
) -> None:
    session, bind = of_pack("worldmodel.rollout.session"), of_pack("worldmodel.binding.bind")
    begin = of_pack("worldmodel.families.begin")
    variant = of_pack("worldmodel.variants").VARIANTS["tiny_world_2"]
    controls, _ = bind.chunk_controls(bind.bind_track(tiny.track, variant).controls, 0, variant)
    predict = session.bare(tiny.model.model.diffusion_model)
    *_, (expected, _) = begin.extend(tiny.world, controls, 4, predict)
    world, _ = run("WMRolloutWorld", tiny.model, tiny.world, tiny.track, 4)
    assert torch.equal(latents(world), latents(expected))


def test_the_true_film_begins_with_the_start_and_follows_the_track(run: Callable, track: Callable) -> None:
    walk = track("forward*24 right+yaw_right*12")
    image, film, *_ = run("WMTinyWorldView", 3, 0, walk)
    alone, still, *_ = run("WMTinyWorldView", 3, 0)
    assert image.shape == (1, 64, 96, 3) and film.shape == (36, 64, 96, 3)
    assert torch.equal(image, film[:1]) and torch.equal(image, alone) and torch.equal(still, alone)
    # row i moves the camera from frame i to frame i + 1: the last row is not seen, the first one in frame 1
    turned_late = run("WMTinyWorldView", 3, 0, walk._replace(mouse=torch.cat([walk.mouse[:-1], walk.mouse[:1] + 9])))
    assert torch.equal(turned_late[1], film)
    turned_early = run("WMTinyWorldView", 3, 0, walk._replace(mouse=torch.cat([walk.mouse[:1] + 9, walk.mouse[1:]])))
    same = [bool((a == b).all()) for a, b in zip(turned_early[1], film, strict=True)]
    assert same[0] and not any(same[1:])
    places = {tuple(run("WMTinyWorldView", seed, place)[0][0, 32, ::24].flatten().tolist())
              for seed in (3, 4) for place in (0, 1)}  # fmt: skip
    assert len(places) == 4


def test_a_start_holds_the_picture_and_its_patches(tiny: SimpleNamespace) -> None:
    start = tiny.world.start
    condition = start.image_condition
    assert (start.variant, start.latent_format) == ("tiny_world_2", "tiny_world")
    assert condition.shape[0] == 20 and condition.shape[2:] == (8, 12)
    assert bool((condition[:4, 0] == 1).all()) and not condition[:4, 1:].any()
    assert start.visual_context.shape == (24, 128)
    patch = condition[4:, 0, 2:4, 4:6].reshape(16, 4)
    assert any(torch.equal(patch.flatten(), row[:64]) or torch.equal(patch.T.flatten(), row[:64])
               for row in start.visual_context)  # fmt: skip
    assert not tiny.world.chunks and tiny.world.digest


@pytest.mark.parametrize("size", [(65, 97), (480, 640), (97, 63)])
def test_any_picture_is_cropped_to_the_models_own(
    tiny: SimpleNamespace, run: Callable, caplog: pytest.LogCaptureFixture, size: tuple[int, int]
) -> None:
    picture = torch.rand(1, *size, 3)
    with caplog.at_level("INFO"):
        world = run("WMStartWorld", tiny.model, tiny.vae, picture)
    assert world.start.image_condition.shape[2:] == (8, 12)
    assert (
        f"image: found {size[1]} x {size[0]} pixels; the middle was kept, its edges cut off, resized to the 96 x 64"
        in caplog.text
    )


def test_matrix_game_takes_its_context_from_the_clip_tower(
    golden: SimpleNamespace, run: Callable, of_pack: Callable[[str], ModuleType]
) -> None:
    import comfy.clip_vision

    width = golden.world.start.visual_context.shape[1]
    tower = comfy.clip_vision.ClipVisionModel(
        {"hidden_size": width, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 64,
         "hidden_act": "gelu", "image_size": 56, "patch_size": 14, "num_channels": 3, "projection_dim": 8,
         "model_type": "clip_vision_model"}
    )  # fmt: skip
    for parameter in tower.model.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    clip, pictures = of_pack("nodes.host.clip"), of_pack("worldmodel.models.matrix_game2.start_picture")
    picture = torch.rand(352, 640, 3)
    tokens = clip.image_tokens(tower, picture)
    assert tokens.shape == (17, width)
    pixels = pictures.clip_pixels(picture, 56, tower.image_mean, tower.image_std)
    hidden = tower.model(pixel_values=pixels, intermediate_output="all")[1]
    assert torch.allclose(tokens, hidden[0, -2], atol=1e-5)
    worlds = of_pack("nodes.worlds")
    worlds._check_tokens(run("WMLoadWorldModel", golden.file), golden.world.start._replace(visual_context=tokens))
