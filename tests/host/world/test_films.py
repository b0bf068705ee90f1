"""A film that the host keeps is there whenever it is asked for, whatever became of its file."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import folder_paths
import pytest
import torch
from comfy_api.latest import InputImpl
from comfy_extras.nodes_video import GetVideoComponents, VideoSlice

ASKED: dict[str, Callable[[Any, Path], Any]] = {
    "stream": lambda film, _: Path(film.get_stream_source()).stat().st_size,
    "size": lambda film, _: film.get_dimensions(),
    "depth": lambda film, _: film.get_bit_depth(),
    "duration": lambda film, _: film.get_duration(),
    "count": lambda film, _: film.get_frame_count(),
    "rate": lambda film, _: film.get_frame_rate(),
    "container": lambda film, _: film.get_container_format(),
    "pictures": lambda film, _: film.get_components().images.sum().item(),
    "window": lambda film, _: film.get_active_trim_window(),
    "saved": lambda film, folder: film.save_to(str(folder / "film.mp4")) or (folder / "film.mp4").stat().st_size > 0,
    "trimmed": lambda film, _: film.as_trimmed(0.5, 0.25).get_duration(),
    "components": lambda film, _: GetVideoComponents.execute(film).args[0].shape,
}


@pytest.fixture
def film(tiny: SimpleNamespace, run: Callable) -> Any:
    """Of two chunks, 21 frames."""
    return run("WMRolloutWorld", tiny.model, tiny.world, tiny.track, 0, vae=tiny.vae)[1]


def empty_temp() -> None:
    shutil.rmtree(folder_paths.get_temp_directory())


def test_whatever_a_film_is_asked_it_is_made_again_where_it_is_gone(film: Any, tmp_path: Path) -> None:
    for what, ask in ASKED.items():
        before = ask(film, tmp_path)
        empty_temp()
        assert ask(film, tmp_path) == before, what


def test_nothing_that_the_hosts_video_can_be_asked_is_left_out(of_pack: Callable[[str], ModuleType]) -> None:
    """Also in later versions of the host: each public method looks for the file first."""
    kept, plain = of_pack("nodes.host.films").KeptFilm, InputImpl.VideoFromFile
    public = [name for name in dir(plain) if not name.startswith("_") and callable(getattr(plain, name))]
    assert public and all(name in vars(kept) for name in public)


def test_a_film_made_again_has_the_frames_it_had(film: Any, run: Callable) -> None:
    frames = film.get_components().images
    empty_temp()
    again = film.get_components().images
    assert again.shape == (21, 64, 96, 3) and torch.equal(again, frames)
    path = Path(film.get_stream_source())
    dated = path.stat().st_mtime_ns
    assert torch.equal(film.get_components().images, frames) and path.stat().st_mtime_ns == dated  # made once


def test_a_film_that_goes_on_behind_a_world_is_made_again_behind_it(
    tiny: SimpleNamespace, run: Callable, of_pack: Callable[[str], ModuleType]
) -> None:
    later = of_pack("worldmodel.track.track").parse_track("left*24")
    parent, _ = run("WMRolloutWorld", tiny.model, tiny.world, tiny.track, 0)
    _, film = run("WMRolloutWorld", tiny.model, parent, later, 0, vae=tiny.vae)
    frames = film.get_components().images
    empty_temp()
    assert len(frames) == 24 and torch.equal(film.get_components().images, frames)


def test_another_film_under_its_name_is_never_handed_out(film: Any, tiny: SimpleNamespace, run: Callable) -> None:
    frames = film.get_components().images
    path = Path(film.get_stream_source())
    empty_temp()
    _, other = run("WMRolloutWorld", tiny.model, tiny.world, tiny.track, 9, vae=tiny.vae)
    theirs = other.get_components().images
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():  # names may be such that no later film has an earlier one's
        os.replace(other.get_stream_source(), path)
    assert torch.equal(film.get_components().images, frames)
    assert torch.equal(other.get_components().images, theirs) and not torch.equal(theirs, frames)


def test_a_part_of_a_film_is_made_again_too(film: Any) -> None:
    part = VideoSlice.execute(film, 0.25, 0.5, False).args[0]
    frames = part.get_components().images
    assert len(frames) == 8 and torch.equal(frames, film.get_components().images[4:12])
    empty_temp()
    assert torch.equal(part.get_components().images, frames)
    assert part.as_trimmed(0.125, 0.25).get_frame_count() == 4
    assert film.as_trimmed(1.0, 5.0, strict_duration=True) is None
    assert film.as_trimmed(-0.5, 0.0).get_duration() == pytest.approx(0.5, abs=0.07)


def test_a_film_that_cannot_be_made_again_says_why_and_is_made_when_it_can(film: Any) -> None:
    empty_temp()
    Path(folder_paths.get_temp_directory()).touch()  # a file in the folder's place
    with pytest.raises((OSError, ValueError)):
        film.get_duration()
    Path(folder_paths.get_temp_directory()).unlink()
    assert film.get_frame_count() == 21


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_frames_that_are_not_finite_are_never_filmed_shown_or_handed_out(
    tiny: SimpleNamespace, run: Callable, monkeypatch: pytest.MonkeyPatch, value: float
) -> None:
    world, _ = run("WMRolloutWorld", tiny.model, tiny.world, tiny.track, 0)
    network = type(tiny.vae.decoding)

    def breaking(decode: Callable) -> Callable:
        def broken(*args: Any) -> torch.Tensor:
            pixels = decode(*args).clone()
            pixels[..., 3, 4] = value
            return pixels

        return broken

    for name in ("decode", "finish_decode"):
        monkeypatch.setattr(network, name, breaking(getattr(network, name)))
    for node, inputs in (
        ("WMDecodeWorld", (world, tiny.vae)),
        ("WMRolloutWorld", (tiny.model, tiny.world, tiny.track, 0, "", 0.0, 0.0, tiny.vae)),
        ("WMWorldInfo", (world, tiny.vae)),
    ):
        with pytest.raises(ValueError, match=r"^vae: found NaN or infinity in the frames it decoded .*\.$"):
            run(node, *inputs)


def test_a_start_whose_latents_are_not_finite_is_refused_with_the_vae_as_the_cause(
    tiny: SimpleNamespace, run: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = tiny.vae.first_stage_model
    encode = type(encoder).encode
    monkeypatch.setattr(type(encoder), "encode", lambda *args: encode(*args) * float("inf"))
    with pytest.raises(ValueError, match=r"^vae: found NaN or infinity in the latents it made of the picture .*\.$"):
        run("WMStartWorld", tiny.model, tiny.vae, tiny.image)
