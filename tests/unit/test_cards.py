"""Saved worlds at a glance: what a header says is what the world is, and a picture changes nothing of it."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
import torch
from PIL import Image
from tiny_models import controls_of, start_of

from tests.unit.samples import made_up_world
from worldmodel.variants import AS_RELEASED, VARIANTS
from worldmodel.world import cards
from worldmodel.world.archive import SUFFIX, load_world, save_world
from worldmodel.world.cards import card_of, made_picture, picture_of
from worldmodel.world.state import Chunk, World, frames, new_world, variant_of

PICTURE = made_picture(torch.rand(352, 640, 3, generator=torch.Generator().manual_seed(1)))


def world_of(name: str, form: str) -> World:
    """Return a world of two chunks of noise."""
    world = new_world(start_of(name)._replace(form=form))
    variant = variant_of(world.start)
    told = controls_of(name, 2) if form == VARIANTS[name].forms[0] else controls_of(name, 0)
    grid = world.start.grid
    return world._replace(
        chunks=tuple(
            Chunk(torch.randn(variant.latents.channels, variant.chunking.latents(index), *grid), rows)
            for index, rows in enumerate(told)
        )
    )


@pytest.mark.parametrize("form", ["corrected", AS_RELEASED])
@pytest.mark.parametrize("name", ["tiny_world", "matrix_game_3_distilled", "yume_1_5"])
def test_a_card_says_what_the_world_is(name: str, form: str, tmp_path: Path) -> None:
    if form not in VARIANTS[name].forms:
        form = VARIANTS[name].forms[0]
    world, path = world_of(name, form), tmp_path / f"w{SUFFIX}"
    save_world(world, path, PICTURE)
    card = card_of(path)
    assert (card.model, card.chunks, card.frames) == (VARIANTS[name].title, len(world.chunks), frames(world))
    assert card.seconds == frames(world) / VARIANTS[name].fps and card.picture
    assert card.prompt == ("a street" if name == "yume_1_5" else "")


def test_a_picture_lies_beside_the_world_and_is_no_part_of_it(tmp_path: Path) -> None:
    world = made_up_world()
    plain, pictured = tmp_path / f"plain{SUFFIX}", tmp_path / f"pictured{SUFFIX}"
    save_world(world, plain)
    save_world(world, pictured, PICTURE)
    assert picture_of(plain) is None and not card_of(plain).picture
    with Image.open(io.BytesIO(picture_of(pictured))) as picture:
        assert picture.size == (256, 141)
    assert load_world(plain).digest == load_world(pictured).digest
    assert card_of(plain) == card_of(pictured)._replace(picture=False)


def test_no_tensor_is_read_for_a_card(tmp_path: Path) -> None:
    path = tmp_path / f"w{SUFFIX}"
    save_world(made_up_world(), path, PICTURE)
    whole = path.read_bytes()
    path.write_bytes(whole[: 8 + int.from_bytes(whole[:8], "little")])
    assert card_of(path).chunks == len(made_up_world().chunks) and picture_of(path) == PICTURE


def test_what_is_no_card_is_refused_or_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / f"w{SUFFIX}"

    def with_header(header: object) -> Path:
        text = json.dumps(header).encode()
        path.write_bytes(len(text).to_bytes(8, "little") + text)
        return path

    with pytest.raises(ValueError, match=f"w{SUFFIX}: found a safetensors file without a world"):
        card_of(with_header({"a": {"shape": 5}}))
    for odd in ([1], {"__metadata__": {"worldmodel_world": 5}}, {"__metadata__": 5}):
        with pytest.raises(ValueError, match="found a header without texts"):
            card_of(with_header(odd))
    path.write_bytes(b"\x10\0\0\0\0\0\0\0not JSON")
    with pytest.raises(ValueError, match="found a damaged header"):
        card_of(path)
    path.write_bytes(b"\xff" * 16)
    with pytest.raises(ValueError, match="found a header of"):
        card_of(path)
    for text in ("%%%", "aGVsbG8="):
        assert picture_of(with_header({"__metadata__": {cards.PICTURE: text}})) is None
    save_world(made_up_world(), path, PICTURE)
    monkeypatch.setattr(cards, "_LARGEST", len(PICTURE) - 1)
    assert picture_of(path) is None
