"""Nothing moved: twenty worlds come out as they were recorded before the library was split into folders.

Digests, journal keys, and all of a saved file but its latents are equal on every machine. Latents are floats of a CPU,
and another kind of CPU adds in another order: they are equal bit for bit where a probe, which knows nothing of this
pack, finds the arithmetic of the machine that recorded them. Elsewhere their mean, their standard deviation and eight
of them lie within 1e-5, or one step of bf16 where they are stored in it, and a warning says so.
"""

from __future__ import annotations

import json
import shutil
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.unit.fingerprints import (
    ASKS,
    GOLDEN,
    KEPT,
    LARGE,
    RECORD,
    Ask,
    Walk,
    arithmetic,
    content_of,
    continued,
    controls_of,
    kept_file,
    one_thread,
    prints_of,
)
from worldmodel.variants import variant_named
from worldmodel.world.archive import SUFFIX, load_world, save_world
from worldmodel.world.chunk_file import Expected
from worldmodel.world.journal import Journal, parent_key
from worldmodel.world.state import Chunk, World, latents, rewind

RECORDED = json.loads(RECORD.read_text(encoding="utf-8"))
CLOSE = 1e-5
BF16_STEP, BF16_MEANS = 2**-7, 1e-4
CHUNK_FILE = "{key}.safetensors"


@pytest.fixture(scope="module", autouse=True)
def exact() -> Iterator[bool]:
    """Whether this machine's arithmetic is that of the record; everything here runs on one thread."""
    with one_thread():
        equal = arithmetic() == RECORDED["arithmetic"]
        if not equal:
            warnings.warn("this CPU adds in another order: latents are compared within 1e-5, not exactly", stacklevel=1)
        yield equal


def check(prints: dict[str, Any], expected: dict[str, Any], ask: Ask, exact: bool) -> None:
    """Compare what was made with what was recorded, as the module's docstring says."""
    for part in ("digest", "keys", "file"):
        assert prints[part] == expected[part], part
    made, wanted = prints["computed"], expected["computed"]
    if exact:
        assert made == wanted
    half = ask.dtype == torch.bfloat16
    means, numbers = (BF16_MEANS, BF16_STEP) if half else (CLOSE, 0)
    assert made["figures"][:2] == pytest.approx(wanted["figures"][:2], rel=0, abs=means)
    assert made["figures"][2:] == pytest.approx(wanted["figures"][2:], rel=numbers, abs=CLOSE)


@pytest.mark.parametrize("name", ASKS)
def test_a_world_comes_out_as_it_was_recorded(name: str, exact: bool, tmp_path: Path) -> None:
    prints = prints_of(Walk(ASKS[name], tmp_path).perform(), tmp_path)
    check(prints, RECORDED["worlds"][name], ASKS[name], exact)


def test_the_worlds_are_twenty_different_ones() -> None:
    recorded = RECORDED["worlds"]
    assert list(recorded) == list(ASKS) and len(ASKS) == 20
    assert len({world["computed"]["latents"] for world in recorded.values()}) == 20
    keys = [key for world in recorded.values() for key in world["keys"] if key]
    assert len(set(keys)) == len(keys) > 60


@pytest.mark.parametrize("name", KEPT)
def test_a_file_of_the_first_release_is_loaded_continued_and_saved_again(
    name: str, exact: bool, tmp_path: Path
) -> None:
    world, ask = load_world(kept_file(name)), KEPT[name]
    anew = Walk(ask, tmp_path).perform()
    assert (world.digest, keys_of(world)) == (anew.digest, keys_of(anew))
    assert torch.equal(latents(world), latents(anew)) or not exact
    again = save_world(world, tmp_path / f"again{SUFFIX}")
    assert content_of(again) == content_of(kept_file(name))
    check(prints_of(continued(name, tmp_path), tmp_path), RECORDED["continued"][name], ask, exact)


def test_a_chunk_in_a_journal_of_the_first_release_is_found_continued_and_kept_again(
    exact: bool, tmp_path: Path
) -> None:
    name = "tiny_world"
    ask, world = KEPT[name], load_world(kept_file(name))
    parent, chunk = rewind(world, 1), world.chunks[1]
    file = GOLDEN / "worlds" / CHUNK_FILE.format(key=chunk.key)
    shutil.copy(file, tmp_path)
    rows = controls_of(ask, variant_named(world.start.variant))[1]
    found = Journal(tmp_path, LARGE).find(chunk.key, expected=Expected(world.start, 1, rows, "", ask.seed))
    assert found is not None and same(found, chunk)
    Journal(tmp_path / "again", LARGE).keep(found, parent_key(parent))
    assert content_of(tmp_path / "again" / file.name) == content_of(file)
    grown = continued(name, tmp_path, parent._replace(chunks=(*parent.chunks, found)))
    check(prints_of(grown, tmp_path), RECORDED["continued"][name], ask, exact)


def keys_of(world: World) -> list[str]:
    return [chunk.key for chunk in world.chunks]


def same(one: Chunk, other: Chunk) -> bool:
    pairs = zip((one.latents, *one.controls), (other.latents, *other.controls), strict=True)
    equal = all(a is b is None or (a.dtype == b.dtype and torch.equal(a, b)) for a, b in pairs)
    return equal and (one.prompt, one.seed, one.key) == (other.prompt, other.seed, other.key)
