"""Targets for a model's own rollouts: a frame carried along the walk by the true depth."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.unit.test_tinyworld_training import Oracle, tiny_network
from worldmodel.metrics.pictures import psnr
from worldmodel.tinyworld import carried, pilot, train_rollout
from worldmodel.tinyworld.export import open_player
from worldmodel.tinyworld.player import MODEL_FILE, Player
from worldmodel.tinyworld.scene import clips, engine

CHUNK = train_rollout.CHUNK


@pytest.fixture(scope="module")
def walked() -> tuple[engine.Places, pilot.Walks]:
    return clips.walking_in(0.5)(np.random.default_rng(3), 2, 12 * carried.CHUNKS - 3)


@pytest.fixture(scope="module")
def player() -> Player:
    return open_player()


@pytest.fixture(scope="module")
def own(player: Player, walked: tuple[engine.Places, pilot.Walks]) -> dict[str, Tensor]:
    return carried.own_walks(player, *walked, seed=5)


def test_a_true_frame_is_carried_to_the_true_frames(walked) -> None:
    worlds, walks = walked
    view = pilot.views(worlds, walks, clips.PICTURE, slice(0, 9))
    last = view.pixels[:, 0].movedim(-1, 1)
    frames, seen = carried.carry(last, view, walks.places[:, :9], walks.yaws[:, :9], worlds.focal)
    true = view.pixels[:, 1:].movedim(-1, 2)
    error = ((frames - true).square().mean(2) * seen).sum((2, 3)) / seen.sum((2, 3))
    assert frames.shape == true.shape and psnr(error).min() > 24
    assert torch.equal(frames.movedim(2, -1)[~seen], true.movedim(2, -1)[~seen])
    assert (seen.float().mean((2, 3)) > 0.3).all()


def test_a_picture_that_is_not_the_truth_is_carried_too(walked) -> None:
    worlds, walks = walked
    view = pilot.views(worlds, walks, clips.PICTURE, slice(0, 9))
    red = torch.zeros(2, 3, *clips.PICTURE)
    red[:, 0] = 1
    frames, seen = carried.carry(red, view, walks.places[:, :9], walks.yaws[:, :9], worlds.focal)
    shown = frames.movedim(2, -1)[seen]
    torch.testing.assert_close(shown, torch.tensor([1.0, 0, 0]).expand_as(shown), atol=1e-5, rtol=0)


def test_own_walks_hold_the_film_and_how_it_should_have_gone_on(player, walked, own) -> None:
    worlds, walks = walked
    total = carried.CHUNKS * CHUNK
    assert own["made"].shape == (2, 16, total, 8, 12) and own["wanted"].shape == (2, 16, total - CHUNK, 8, 12)
    assert own["known"].shape == (2, total - CHUNK, 8, 12) and own["known"].min() >= 0 and own["known"].max() <= 1
    view = pilot.views(worlds, walks, clips.PICTURE)
    film = player.play(view.pixels[:, 0].movedim(-1, 1), walks.actions, carried.CHUNKS, 5)
    begin = player.variant.chunking.first_frame(1)
    span = slice(begin - 1, begin + 12)
    part = carried._farther(worlds, walks, span, carried.FARTHER[0])
    view = pilot.views(worlds, part, clips.PICTURE)
    following, seen = carried.carry(film[:, :, begin - 1].clamp(0, 1), view, part.places, part.yaws, worlds.focal)
    stream = torch.cat([film[:, :, :begin], following.transpose(1, 2)], 2)
    with torch.inference_mode():
        wanted = (player.vae.encode(stream * 2 - 1) - player.mean) / player.std
    torch.testing.assert_close(own["wanted"][:, :, :CHUNK], wanted[:, :, CHUNK : 2 * CHUNK], atol=1e-3, rtol=0)
    assert own["known"][:, :CHUNK].mean() == pytest.approx(seen.float().mean().item(), abs=1e-6)


def test_a_chunk_walks_farther_where_no_wall_is_in_the_way() -> None:
    worlds, which = engine.build(range(24)), torch.arange(24)
    start = engine.random_starts(worlds, which, np.random.default_rng(8))
    walks = pilot.play(worlds, which, start, pilot.hold(("forward",), 1.0, 24, 20))
    span = slice(4, 17)
    part = carried._farther(worlds, walks, span, 1.3)
    told, far = walks.places[:, span], part.places
    turned = (part.yaws - walks.yaws[:, 4:5]) / (walks.yaws[:, span] - walks.yaws[:, 4:5])
    torch.testing.assert_close(turned[:, 1:], torch.full((24, 12), carried.WIDER).double())
    ways = [(places - told[:, :1]).norm(dim=-1) for places in (told, far)]
    farther = ~torch.isclose(*ways).all(1)
    assert 0 < farther.sum() < 24
    torch.testing.assert_close(ways[1][farther], 1.3 * ways[0][farther])
    assert torch.equal(far[~farther], told[~farther])
    frames = which[:, None].expand(-1, far.shape[1]).flatten()
    assert engine.fits(worlds, frames, far.flatten(0, 1)).all()


def test_a_network_that_carries_on_has_nothing_to_learn_and_what_is_unknown_weighs_little(own) -> None:
    # what an oracle says of the truth of each latent
    truth = torch.cat([own["made"][:, :, :CHUNK], own["wanted"]], 2)
    random = np.random.default_rng(0)
    assert train_rollout.carried_on(Oracle(truth), own, random) < 1e-4
    known = torch.zeros_like(own["known"])
    known[..., :6] = 1
    errors = []
    for columns in (slice(0, 6), slice(6, 12)):
        wrong = truth.clone()
        wrong[..., columns] += 1
        torch.manual_seed(0)
        errors.append(train_rollout.carried_on(Oracle(wrong), {**own, "known": known}, np.random.default_rng(0)).item())
    assert errors[1] == pytest.approx(train_rollout.UNKNOWN * errors[0], rel=0.02)


def test_it_teaches_the_network(own) -> None:
    network = tiny_network()
    train_rollout.carried_on(network, own, np.random.default_rng(0)).backward()
    assert network.patch_embedding.weight.grad.abs().max() > 0


def test_the_newest_walks_are_kept(tmp_path: Path, player: Player, monkeypatch: pytest.MonkeyPatch) -> None:
    made = iter(range(100))

    def fake(*_: object) -> dict[str, Tensor]:
        number = next(made)
        clock[0] += 20.0
        return {"keys": torch.full((2, 5, 4), float(number)), "made": torch.full((2, 1), float(number))}

    clock = [0.0]
    monkeypatch.setattr(carried, "own_walks", fake)
    monkeypatch.setattr(carried.time, "monotonic", lambda: clock[0])
    with pytest.raises(ValueError, match="--own: found no walks"):
        carried.OwnWalks(tmp_path).refresh()
    carried.write_own(MODEL_FILE, tmp_path, 1, 1.0, lambda *_: (None, None), 2)
    own = carried.OwnWalks(tmp_path, newest=2)
    own.refresh()
    seen = own.draw(np.random.default_rng(0), 64)
    assert sorted(seen["made"].unique().tolist()) == [1.0, 2.0]
    carried.write_own(MODEL_FILE, tmp_path, 1, 0.3, lambda *_: (None, None), 2)
    own.refresh()
    assert sorted(own.draw(np.random.default_rng(0), 64)["made"].unique().tolist()) == [2.0, 3.0]
