"""Films: what goes in comes out, whatever the pieces; an error leaves nothing behind."""

from __future__ import annotations

import re
import subprocess
from fractions import Fraction
from pathlib import Path

import psutil
import pytest
import torch
from imageio_ffmpeg import get_ffmpeg_exe
from PIL import Image
from torch import Tensor

from worldmodel.shown.film import FilmWriter, animation, contact_sheet, film_frames, read_film
from worldmodel.storage.pixels import to_bytes


def moving_picture(frames: int = 20, height: int = 64, width: int = 96) -> Tensor:
    """A smooth colour field that drifts."""
    time, y, x = torch.meshgrid(
        torch.arange(frames) / 20, torch.linspace(0, 3, height), torch.linspace(0, 4, width), indexing="ij"
    )
    return torch.stack([(x + time * 3).sin(), (y - time).cos(), (x * y / 4 + time).sin()], -1) / 2 + 0.5


def write(path: Path, pieces: list[Tensor], **options: object) -> Path:
    with FilmWriter(path, 16, **options) as film:
        for piece in pieces:
            film.append(piece)
    return path


def test_a_film_shows_its_frames(tmp_path: Path) -> None:
    frames = moving_picture()
    film = read_film(write(tmp_path / "a.mp4", [frames]))
    assert film.frames.shape == frames.shape and film.fps == 16
    assert (film.frames - frames).square().mean() < 1e-3  # 30 dB, colours are halved


def test_pieces_make_the_same_film(tmp_path: Path) -> None:
    frames = moving_picture()
    whole = write(tmp_path / "a.mp4", [frames])
    parts = write(tmp_path / "b.mp4", [frames[:9], frames[9:9], frames[9:]])
    assert whole.read_bytes() == parts.read_bytes()


@pytest.mark.parametrize(("height", "width"), [(63, 95), (1, 1), (64, 96)])
def test_odd_sizes_are_padded_with_their_edge(tmp_path: Path, height: int, width: int) -> None:
    frames = moving_picture(5, height, width)
    film = read_film(write(tmp_path / "a.mp4", [frames]))
    assert film.frames.shape == (5, height + height % 2, width + width % 2, 3)
    assert (film.frames[:, :height, :width] - frames).square().mean() < 2e-3


def test_small_pictures_can_be_enlarged(tmp_path: Path) -> None:
    film = read_film(write(tmp_path / "a.mp4", [moving_picture(3)], scale=3))
    assert film.frames.shape == (3, 192, 288, 3)


RATES = [(fps, Fraction(fps)) for fps in (1, 12, 16, 25, 0.5, 12.5)]
RATES += [(round(whole / 1.001, digits), Fraction(whole * 1000, 1001)) for whole in (24, 30, 60) for digits in (2, 3)]
RATES += [(float(rate), rate) for rate in (Fraction(24000, 1001), Fraction(120000, 1001), Fraction(100, 7))]


@pytest.mark.parametrize(("fps", "rate"), RATES)
def test_the_rate_is_kept_to_its_last_digit(tmp_path: Path, fps: float, rate: Fraction) -> None:
    with FilmWriter(tmp_path / "a.mp4", fps) as film:
        film.append(moving_picture(7, 16, 16))
    read = read_film(tmp_path / "a.mp4")
    assert read.fps == float(rate)
    assert len(read.frames) == 7


@pytest.mark.parametrize("ending", ["mp4", "mov", "mkv"])
def test_a_film_says_in_which_colours_it_is(tmp_path: Path, ending: str) -> None:
    path = write(tmp_path / f"a.{ending}", [moving_picture()])
    said = subprocess.run([get_ffmpeg_exe(), "-i", str(path)], capture_output=True, text=True).stderr
    labels = re.search(r"yuv420p\(([^)]*)\)", said)
    assert labels, said
    # range, then matrix/primaries/transfer, or one word where the three are the same
    assert labels.group(1).replace(", progressive", "") == "tv, smpte170m"
    if ending != "mkv":  # the box of mp4, or mov
        assert path.read_bytes().count({"mp4": b"colrnclx\0\6", "mov": b"colrnclc\0\6"}[ending]) == 1


def test_a_reader_that_stops_early_leaves_nothing_open(tmp_path: Path) -> None:
    ours = psutil.Process()
    before = ours.num_fds() if hasattr(ours, "num_fds") else ours.num_handles()
    path = write(tmp_path / "a.mp4", [moving_picture(200)])
    pictures = film_frames(path)
    next(pictures)
    pictures.close()
    assert (ours.num_fds() if hasattr(ours, "num_fds") else ours.num_handles()) <= before
    assert not [child for child in ours.children() if "ffmpeg" in child.name()]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_error_leaves_the_folder_as_it_was(tmp_path: Path, error: type[BaseException]) -> None:
    before = write(tmp_path / "a.mp4", [moving_picture(4)]).read_bytes()
    with pytest.raises(error), FilmWriter(tmp_path / "a.mp4", 16) as film:
        film.append(moving_picture(4))
        raise error("stop")
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]
    assert (tmp_path / "a.mp4").read_bytes() == before


def test_nothing_has_the_films_name_before_it_is_complete(tmp_path: Path) -> None:
    with FilmWriter(tmp_path / "a.mp4", 16) as film:
        film.append(moving_picture(4))
        assert not (tmp_path / "a.mp4").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]


def test_what_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no frames to write"):
        write(tmp_path / "a.mp4", [moving_picture(0)])
    with pytest.raises(ValueError, match="frames of 32x16 after frames of 16x16"):
        write(tmp_path / "a.mp4", [moving_picture(2, 16, 16), moving_picture(2, 16, 32)])
    with pytest.raises(ValueError, match=r"frames must be \(frames, height, width, 3\), not \(16, 16, 3\)"):
        write(tmp_path / "a.mp4", [moving_picture(1, 16, 16)[0]])
    with pytest.raises(ValueError, match="does not exist"):
        FilmWriter(tmp_path / "nowhere" / "a.mp4", 16)
    for fps in (0, -1, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="fps must be a number above 0"):
            FilmWriter(tmp_path / "a.mp4", fps)
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="there is no file"):
        read_film(tmp_path / "a.mp4")
    (tmp_path / "a.mp4").write_text("not a film")
    with pytest.raises(ValueError, match="cannot be read as a film"):
        read_film(tmp_path / "a.mp4")


@pytest.mark.parametrize("share", [0.02, 0.2, 0.5, 0.9])
@pytest.mark.parametrize("ending", ["mp4", "mov"])
def test_half_a_film_is_refused_and_not_taken_for_a_short_one(tmp_path: Path, ending: str, share: float) -> None:
    path = write(tmp_path / f"a.{ending}", [torch.rand(30, 64, 96, 3)])
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(ValueError, match="cannot be read as a film"):
        read_film(path)


def test_bytes_are_rounded_and_clipped() -> None:
    values = torch.tensor([-1.0, 0.0, 0.5, 1.0, 2.0, float("nan"), 100.4 / 255])
    assert to_bytes(values).tolist() == [0, 0, 128, 255, 255, 0, 100]


def test_a_contact_sheet_holds_every_frame_at_its_place() -> None:
    frames = moving_picture(5, 10, 20)
    sheet = contact_sheet(frames, 3, gutter=2)
    assert sheet.size == (3 * 22 + 2, 2 * 12 + 2)
    for i, picture in enumerate(to_bytes(frames)):
        left, top = 2 + i % 3 * 22, 2 + i // 3 * 12
        assert sheet.crop((left, top, left + 20, top + 10)).tobytes() == picture.tobytes()
    assert contact_sheet(frames, 9, ["a"] * 5, scale=2).size[0] == 5 * 42 + 2
    with pytest.raises(ValueError, match="2 labels for 5 frames"):
        contact_sheet(frames, 3, ["a", "b"])
    with pytest.raises(ValueError, match="needs frames"):
        contact_sheet(frames[:0], 3)


@pytest.mark.parametrize("ending", ["webp", "gif"])
def test_a_moving_picture_moves_at_its_rate_within_its_size(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"a.{ending}"
    animation(moving_picture(), path, 16, scale=2, max_bytes=400_000)
    assert path.stat().st_size <= 400_000
    with Image.open(path) as picture:
        assert picture.size == (192, 128) and picture.n_frames == 20
        milliseconds = 0
        for frame in range(picture.n_frames):
            picture.seek(frame)
            picture.load()
            milliseconds += picture.info["duration"]
        assert abs(milliseconds - 1250) <= 10 * 20 * (ending == "gif")
    with pytest.raises(ValueError, match="do not fit into 100 bytes"):
        animation(moving_picture(), tmp_path / f"b.{ending}", 16, max_bytes=100)
    with pytest.raises(ValueError, match=r"ending in \.webp or \.gif"):
        animation(moving_picture(), tmp_path / "b.png", 16)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
