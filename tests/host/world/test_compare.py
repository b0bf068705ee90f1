"""Compare Worlds: every column shows its world's own frames, the measure is right, and memory stays small."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch


@pytest.fixture
def branches(tiny: SimpleNamespace, run: Callable, of_pack: Callable[[str], ModuleType]) -> SimpleNamespace:
    """A trunk of 2 chunks, and two branches of 4 and 3."""
    parse = of_pack("worldmodel.track.track").parse_track
    trunk, _ = run("WMRolloutWorld", tiny.model, tiny.world, parse("forward*21"), 1)
    left, _ = run("WMRolloutWorld", tiny.model, trunk, parse("left+yaw_left(4)*24"), 2)
    right, _ = run("WMRolloutWorld", tiny.model, trunk, parse("right+yaw_right(4)*12"), 2)
    return SimpleNamespace(model=tiny.model, vae=tiny.vae, start=tiny.world, trunk=trunk, left=left, right=right)


@pytest.fixture
def compare(nodes: dict, branches: SimpleNamespace) -> Callable[..., SimpleNamespace]:
    """Left and right, or other worlds, side by side, pixel for pixel."""

    def call(*worlds: Any, **inputs: Any) -> SimpleNamespace:
        worlds = worlds or (branches.left, branches.right)
        given = {f"world_{number}": world for number, world in enumerate(worlds, 1)}
        result = nodes["WMCompareWorlds"].execute(
            **{"vae": branches.vae, "scale": 1, "controls": False, **given, **inputs}
        )
        images, fps, text = result.args
        assert result.ui["text"] == [text]
        return SimpleNamespace(images=images, fps=fps, lines=text.splitlines())

    return call


def columns(images: torch.Tensor, count: int) -> list[torch.Tensor]:
    """Cut the columns of 64 x 96 pixels out of the pictures; the header is 17 pixels high at scale 1."""
    return [images[:, 17 : 17 + 64, left : left + 96] for left in range(0, 99 * count, 99)]


def test_every_column_shows_its_world(compare: Callable, branches: SimpleNamespace, run: Callable) -> None:
    shown = compare(branches.left, branches.right, branches.trunk)
    assert shown.fps == 16 and shown.images.shape[0] == 45
    assert shown.images.shape[1] % 2 == shown.images.shape[2] % 2 == 0
    for picture, world in zip(columns(shown.images, 3), (branches.left, branches.right, branches.trunk), strict=True):
        frames = run("WMDecodeWorld", world, branches.vae)
        assert torch.equal(picture[: len(frames)], frames)
        if len(frames) < 45:  # it stays, darker
            assert torch.allclose(picture[len(frames) :], frames[-1:] * 0.45)
    assert shown.lines == [
        "3 worlds, frames 0-44, 16 fps.",
        "world 1: walks 5.56 m, turns 96.0 degrees to the left, and ends 1.96 m from its start.",
        "world 2: walks 4.08 m, turns 48.0 degrees to the right, and ends 2.45 m from its start.",
        "world 3: walks 2.59 m, turns 0.0 degrees, and ends 2.59 m from its start.",
        "world 2 leaves world 1 at frame 21 (chunk 2).",
        "world 1 goes on where world 3 ends, at frame 21.",
    ]


def test_cut_to_the_shortest_and_ranges(compare: Callable, branches: SimpleNamespace, run: Callable) -> None:
    whole = compare()
    assert torch.equal(columns(compare(length="cut to the shortest").images, 2)[0], columns(whole.images, 2)[0][:33])
    part = compare(first_frame=30, last_frame=40)
    for one, other in zip(columns(part.images, 2), columns(whole.images, 2), strict=True):
        assert torch.equal(one, other[30:41])
    late = compare(first_frame=40)  # one of them has ended before
    assert torch.equal(columns(late.images, 2)[1], columns(whole.images, 2)[1][40:])


def test_the_measure_is_the_psnr_of_each_chunk(
    compare: Callable, branches: SimpleNamespace, run: Callable, of_pack: Callable[[str], ModuleType]
) -> None:
    parse = of_pack("worldmodel.track.track").parse_track
    again, _ = run("WMRolloutWorld", branches.model, branches.trunk, parse("left+yaw_left(4)*12"), 9)
    films = [run("WMDecodeWorld", world, branches.vae) for world in (branches.left, again)]
    truth = torch.rand(40, 64, 96, 3)
    shown = compare(branches.left, again, truth=truth, labels="one, ,the way it was")
    assert torch.equal(columns(shown.images, 3)[2][:40], truth)
    measured = shown.lines[4:]
    assert [line.split(":")[0] for line in measured] == [
        "How near to the way it was (PSNR; higher is nearer), all", "chunk 0", "chunk 1", "chunk 2", "chunk 3",
    ]  # fmt: skip

    def psnr(film: torch.Tensor, rows: slice) -> float:
        return -10 * float((film[rows] - truth[rows][: len(film[rows])]).square().mean().log10())

    for line, rows in zip(measured, (slice(0, 40), slice(0, 9), slice(9, 21), slice(21, 33)), strict=False):
        said = f"one {psnr(films[0], rows):.1f} dB, world 2 {psnr(films[1], rows):.1f} dB."
        assert line.endswith(said), (line, said)
    assert measured[-1] == f"chunk 3: one {psnr(films[0], slice(33, 40)):.1f} dB."  # the other has ended


def test_the_truth_of_one_walk_measures_no_other(compare: Callable, branches: SimpleNamespace) -> None:
    """Right walks right, which the truth of left says nothing about."""
    lines = compare(truth=torch.rand(45, 64, 96, 3), labels="left, right").lines
    whole, said, *chunks = lines[4:]
    assert "left" in whole and "right" in whole
    assert said == "right is told something else than left from frame 21 on, and is measured up to there."
    assert ["right" in line for line in chunks] == [True, True, False, False]


def test_a_truth_of_another_size_or_with_alpha_is_fitted(compare: Callable) -> None:
    shown = compare(truth=torch.full((50, 128, 192, 4), 0.25))
    assert shown.images.shape[0] == 50
    assert torch.allclose(columns(shown.images, 3)[2], torch.tensor(0.25))


def test_controls_are_those_of_each_world(compare: Callable, branches: SimpleNamespace) -> None:
    shown = compare(controls=True, scale=4)
    bare = compare(controls=False, scale=4)
    left, right = ((shown.images != bare.images).any(-1)[..., part] for part in (slice(0, 384), slice(384, None)))
    assert left.any() and right.any()
    moved = shown.images[22] != shown.images[20]
    assert moved.any()


def test_small_pictures_are_enlarged_until_readable(compare: Callable) -> None:
    assert 2 * 6 * 96 < compare(scale=0).images.shape[2] <= 2 * 6 * 96 + 20
    three = compare(truth=torch.rand(3, 64, 96, 3), scale=0)
    assert three.images.shape[2] <= 1280 + 20


def test_worlds_are_named_alike(compare: Callable, branches: SimpleNamespace, run: Callable) -> None:
    again = run("WMRewindWorld", branches.left, 4)[0]
    assert compare(branches.left, again).lines[3] == "world 2 is world 1, bit for bit."
    other = branches.left._replace(digest="0" * 64)
    assert compare(branches.left, other).lines[3] == "world 2 begins elsewhere than world 1."


def test_at_most_one_piece_of_each_world_is_held(
    compare: Callable, branches: SimpleNamespace, of_pack: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch
) -> None:
    import weakref

    decoder = of_pack("nodes.host.decoder")
    plain, alive, most = decoder.decode_frames, [], [0]

    def watched(*args: Any) -> Any:
        for piece in plain(*args):
            piece = piece.clone()
            alive.append(weakref.ref(piece.untyped_storage()))
            most[0] = max(most[0], sum(ref() is not None for ref in alive))
            yield piece

    monkeypatch.setattr(decoder, "decode_frames", watched)
    compare()
    assert len(alive) >= 7 and most[0] <= 4  # one shown and one just decoded for each of two worlds


def test_mistakes_are_named(compare: Callable, branches: SimpleNamespace) -> None:
    for inputs, message in (
        ({"labels": "a,b,c"}, "labels: found 3 names, expected at most 2"),
        ({"first_frame": 45}, "first_frame, last_frame: found 45 to 44, expected a range within 0 to 44"),
        ({"last_frame": 33, "length": "cut to the shortest"}, "found 0 to 33, expected a range within 0 to 32"),
    ):
        with pytest.raises(ValueError, match=message):
            compare(**inputs)
    with pytest.raises(ValueError, match="world_2: found no frames"):
        compare(branches.left, branches.start)
    condition = torch.zeros(20, 2, 4, 6)
    small = branches.left._replace(start=branches.left.start._replace(image_condition=condition))
    with pytest.raises(ValueError, match="world_2: found pictures of 48 x 32, expected 96 x 64 as world_1 has"):
        compare(branches.left, small)


def test_worlds_of_several_models_are_shown_in_one_size_each_by_its_vae(
    compare: Callable, branches: SimpleNamespace, run: Callable, of_pack: Callable[[str], ModuleType]
) -> None:
    start = branches.left.start
    first = start._replace(variant="tiny_world", image_condition=start.image_condition[..., :4].contiguous())
    cut = tuple(chunk._replace(latents=chunk.latents[..., :4].contiguous()) for chunk in branches.left.chunks)
    narrow = branches.left._replace(start=first, chunks=cut, digest="1" * 64)
    with pytest.raises(ValueError, match="world_2: found pictures of 32 x 64, expected 96 x 64 as world_1 has"):
        compare(branches.left, narrow._replace(start=first._replace(variant=start.variant)))
    fitted, seen = of_pack("worldmodel.shown.side_by_side").fitted, []
    vae_2 = run("WMLoadWorldVAE", "Tiny World")
    decoder = of_pack("nodes.host.decoder")
    with pytest.MonkeyPatch.context() as patch:
        plain = decoder.decode_frames
        patch.setattr(decoder, "decode_frames", lambda vae, *args: (seen.append(vae), plain(vae, *args))[1])
        shown = compare(branches.left, narrow, vae_2=vae_2, truth=torch.zeros(3, 64, 96, 3))
    assert seen[0] is branches.vae and seen[1] is vae_2
    wide, small, _ = columns(shown.images, 3)
    assert torch.equal(wide, run("WMDecodeWorld", branches.left, branches.vae))
    pictures = run("WMDecodeWorld", narrow, vae_2)
    assert pictures.shape[1:3] == (64, 32) and torch.equal(small, fitted(pictures, (64, 96)))
    assert torch.equal(small[:, :, 32:64], pictures) and not small[:, :, :32].any() and not small[:, :, 64:].any()
    assert not any("PSNR" in line for line in shown.lines) and "nothing is measured" in shown.lines[-1]
    assert [line.partition(":")[0] for line in shown.lines[1:3]] == ["Tiny World", "Tiny World (first)"]


def test_one_world_is_compared_with_the_truth_alone(compare: Callable, branches: SimpleNamespace) -> None:
    shown = compare(branches.left, truth=torch.zeros(45, 64, 96, 3))
    assert shown.lines[1].startswith("Tiny World: walks") and shown.lines[2].startswith("How near to reference")
    with pytest.raises(ValueError, match="world_2, truth: found none, expected something to compare world_1 with"):
        compare(branches.left)
