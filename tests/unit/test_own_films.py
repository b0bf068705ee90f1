"""Own films: rolled out as at play, and taught what truly followed."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from worldmodel.models.matrix_game2.network import MatrixGame2, Sizes
from worldmodel.tinyworld import latents, own_films, pilot, train_dit
from worldmodel.tinyworld.player import Player
from worldmodel.vae.tiny import TinyVAE

TINY: dict[str, Any] = {
    **train_dit.SIZES, "dim": 48, "heads": 2, "ffn_dim": 48, "freq_dim": 32, "layers": 2, "keyboard_width": 6,
    "action_heads": 1, "action_blocks": (0,),
}  # fmt: skip
MEAN, STD = torch.full((16, 1, 1, 1), 0.2), torch.full((16, 1, 1, 1), 1.5)


@pytest.fixture
def films(tmp_path: Path) -> own_films.OwnFilms:
    """Return own films of one shard of invented walks."""
    generator, rows = torch.Generator().manual_seed(7), latents.LONG
    actions = pilot.random_actions(np.random.default_rng(7), 3, rows)
    for number, frames in enumerate((latents.SHORT, latents.LONG)):
        shard = {
            "latents": torch.randn(3, 16, (frames + 3) // 4, 4, 6, generator=generator),
            "tail": torch.randn(3, 16, latents.TAIL, 4, 6, generator=generator),
            "keys": actions.keys[:, :frames].contiguous(),
            "turns": actions.turns[:, :frames].float().contiguous(),
        }
        save_file(shard, tmp_path / f"000_{number:05d}.safetensors")
    shards = latents.Shards(tmp_path)
    shards.refresh()
    return own_films.OwnFilms(shards, MEAN, STD)


def network() -> MatrixGame2:
    """Return a small network whose every branch acts."""
    torch.manual_seed(5)
    return MatrixGame2(Sizes(**TINY))


def test_own_films_are_rolled_out_as_at_play(films: own_films.OwnFilms, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_films, "mixed_precision", lambda device: nullcontext())
    net = network().eval()
    torch.manual_seed(0)
    films.add(net, np.random.default_rng(1))
    film = films.films[0]
    walks = films.shards.draw(np.random.default_rng(1), own_films.WALKS, long=True)
    image = torch.cat([film.true[:, :, :1], (walks["tail"] - MEAN) / STD], 2)
    torch.testing.assert_close(film.true, (walks["latents"] - MEAN) / STD)
    player = Player(net, TinyVAE((8, 8, 8), (8, 8, 8)), MEAN, STD)
    chunks = film.true.shape[2] // train_dit.CHUNK
    played = list(player.roll_latents(image, pilot.Actions(walks["keys"], walks["turns"]), chunks, 0))
    torch.testing.assert_close(torch.cat(played, 2), film.made, atol=1e-3, rtol=1e-3)


def test_what_is_taught_is_the_truth_after_own_chunks(
    films: own_films.OwnFilms, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[Tensor, Tensor, Tensor]] = []

    def record(network: Any, history: Tensor, truth: Tensor, told: Any, sight: Any, random: Any) -> tuple[Tensor, ...]:
        seen.append((history, truth, sight[0]))
        return flow_error(network, history, truth, told, sight, random)

    flow_error = own_films.flow_error
    monkeypatch.setattr(own_films, "flow_error", record)
    net, random = network(), np.random.default_rng(2)
    for _ in range(own_films.EVERY + 1):
        loss = films.loss(net, random)
    assert bool(loss.isfinite()) and len(films.films) == 2  # a new one after EVERY updates
    loss.backward()
    assert any(parameter.grad is not None and parameter.grad.any() for parameter in net.parameters())
    for history, truth, columns in seen[:3]:
        film, clean = films.films[0], history.shape[2]
        rows = [r for r in range(len(film.true)) if torch.equal(film.true[r][:, columns[clean:]], truth[0])]
        assert any(torch.equal(film.made[row][:, columns[:clean]], history[0]) for row in rows)
        begin = int(columns[clean]) // train_dit.CHUNK  # as many chunks before it as it sees, or as there are
        assert begin - int(columns[0]) // train_dit.CHUNK == min(begin, train_dit.REMEMBERED)


def test_who_is_lost_is_not_taught_the_way(films: own_films.OwnFilms) -> None:
    """A past of another place says nothing of what comes next; in the first chunk nobody is lost."""
    films.add(network().eval(), np.random.default_rng(4))
    film = films.films[0]
    made = film.true.clone()
    made[2:] += 2.0
    films.films = [film._replace(made=made)]
    assert film._replace(made=made).on_the_way(3).tolist() == [0, 1]
    for begin, expected in ((3, 2), (1, own_films.CLIPS)):
        drawn = films._drawn(begin, np.random.default_rng(5))
        assert len(drawn.true) == len(drawn.told.keyboard) == expected
    films.films = [film._replace(made=film.true + 2.0)]
    assert len(films._drawn(3, np.random.default_rng(6)).true) == own_films.CLIPS  # then those of the first chunk


def test_only_the_newest_films_are_kept(films: own_films.OwnFilms) -> None:
    net, random = network().eval(), np.random.default_rng(3)
    films.films = [None] * own_films.KEPT
    films.add(net, random)
    assert len(films.films) == own_films.KEPT and films.films[-1] is not None


def test_a_run_learns_from_own_films_by_and_by(films: own_films.OwnFilms, tmp_path: Path) -> None:
    run = train_dit.train(tmp_path / "run", tmp_path, 0.02, 1e-3, 0, course=train_dit.Course(TINY, 1.0))
    assert run.extra["sizes"]["dim"] == 48 and run.step >= 1


def test_a_run_measured_in_updates_ends_with_them(films: own_films.OwnFilms, tmp_path: Path) -> None:
    for updates in (2, 3):
        course = train_dit.Course(TINY, updates=updates)
        assert train_dit.train(tmp_path / "run", tmp_path, 60, 1e-3, 0, course=course).step == updates
