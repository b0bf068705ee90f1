"""Tiny World with events through the nodes: words on the prompt lane, the true film under them; and the laws."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch

NAME = "Tiny World with events"
FRAMES, BORDER, HEARD = 57, 33, 30
"""Frames of five chunks; where the fourth begins, and a frame before it at which a word is said."""


@pytest.fixture
def case(built_in: Path, run: Callable, of_pack: Callable[[str], ModuleType]) -> SimpleNamespace:
    """Model, VAE and world, and what makes a walk on which words are said, through the nodes."""
    model, vae = run("WMLoadWorldModel", NAME), run("WMLoadWorldVAE", "Tiny World")
    image, *_ = run("WMTinyWorldView", 3, 0)
    parse = of_pack("worldmodel.track.track").parse_track

    def walk(*prompts: tuple[int, str], frames: int = FRAMES) -> Any:
        return parse(f"forward*{frames - 12} forward+yaw_right(2)*12")._replace(prompts=prompts)

    return SimpleNamespace(model=model, vae=vae, world=run("WMStartWorld", model, vae, image), walk=walk)


def rolled(case: SimpleNamespace, run: Callable, track: Any, world: Any = None, **inputs: Any) -> Any:
    world, _ = run("WMRolloutWorld", case.model, world or case.world, track, 5, **inputs)
    return world


def codes(world: Any) -> torch.Tensor:
    return torch.cat([chunk.latents for chunk in world.chunks], 1)


def test_a_word_takes_effect_at_the_next_chunk_and_no_text_encoder_is_asked_for(
    case: SimpleNamespace, run: Callable
) -> None:
    plain = codes(rolled(case, run, case.walk()))
    assert plain.shape == (16, 15, 8, 12) and plain.isfinite().all()
    snowed = codes(rolled(case, run, case.walk((HEARD, " Snow"))))
    assert torch.equal(snowed[:, :9], plain[:, :9]) and not torch.equal(snowed[:, 9:12], plain[:, 9:12])
    assert torch.equal(codes(rolled(case, run, case.walk((HEARD, "clear")))), plain)


def test_another_word_is_refused_before_anything_runs(case: SimpleNamespace, run: Callable) -> None:
    said = "expected one of clear, night, fog, snow, red light for Tiny World with events, which knows no other words"
    with pytest.raises(ValueError, match=f"prompt: found 'rain', {said}"):
        rolled(case, run, case.walk((HEARD, "rain")))
    image, *_ = run("WMTinyWorldView", 3, 0)
    with pytest.raises(ValueError, match=f"prompt: found 'a storm', {said}"):
        run("WMStartWorld", case.model, case.vae, image, prompt="a storm")


def test_split_and_resume_across_a_word_and_policies_differ(
    case: SimpleNamespace, run: Callable, of_pack: Callable, tmp_path: Path
) -> None:
    track, archive = case.walk((HEARD, "night")), of_pack("worldmodel.world.archive")
    parse = of_pack("worldmodel.track.track").parse_track
    cache = run("WMWorldCache", "window", "as computed", "in the world")
    whole = codes(rolled(case, run, track, memory=cache))
    first = rolled(case, run, parse(f"forward*{BORDER}"), memory=cache)
    loaded = archive.load_world(archive.save_world(first, tmp_path / f"walk{archive.SUFFIX}"))
    rest = parse("forward*12 forward+yaw_right(2)*12")._replace(prompts=((0, "night"),))
    assert torch.equal(codes(rolled(case, run, rest, loaded, memory=cache)), whole)
    assert not torch.equal(codes(rolled(case, run, track)), whole)  # the last block alone is made again by itself


def test_the_true_film_shows_events_from_their_frame_on(
    run: Callable, case: SimpleNamespace, of_pack: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(of_pack("nodes.host.progress"), "tell", told.append)
    _, plain, depth, _ = run("WMTinyWorldView", 3, 0, case.walk(frames=24))
    image, film, same, walk = run("WMTinyWorldView", 3, 0, case.walk((8, "Red light"), (12, "rain"), frames=24))
    assert torch.equal(film[:8], plain[:8]) and torch.equal(image, plain[:1]) and torch.equal(depth, same)
    red = film[8:]
    assert (red[..., 0].mean() > 2 * red[..., 1].mean()) and walk.prompts[0] == (8, "Red light")
    assert told[-1].endswith(
        "prompt: the true film shows clear, night, fog, snow, red light, so nothing is made of “rain”."
    )
