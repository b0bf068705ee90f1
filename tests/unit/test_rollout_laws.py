"""The laws of a rollout over every context and every sampler, on a network of fifteen lines: equal is bit for bit."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import torch

from tests.tiny_models import chained, controls_of, predict_of, said, start_of, with_toy
from worldmodel import families
from worldmodel.families import family_of
from worldmodel.families.begin import begin, settings_of
from worldmodel.rollout.samplers import Renoise, Sampler, Settings
from worldmodel.rollout.session import Progress, Session
from worldmodel.rollout.unipc import UniPC
from worldmodel.variants import VARIANTS
from worldmodel.world.archive import SUFFIX, load_world, save_world
from worldmodel.world.chunk_file import Expected
from worldmodel.world.journal import Journal, chunk_key, parent_key
from worldmodel.world.state import Controls, World, latents, new_world, rewind

MODEL, SEED, CHUNKS = "m", 5, 5
SAMPLERS = {"renoise": Renoise((1000, 500), 5.0), "unipc": UniPC(3), "its own": None}


@pytest.fixture(autouse=True)
def toy() -> Iterator[ModuleType]:
    with with_toy(families, VARIANTS) as toy:
        yield toy


@pytest.fixture(params=[*VARIANTS, "toy"])
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(params=SAMPLERS)
def sampler(request: pytest.FixtureRequest) -> Sampler | None:
    return SAMPLERS[request.param]


def session_on(world: World, sampler: Sampler | None, **options: object) -> Session:
    variant = VARIANTS[world.start.variant]
    few = (4,) if len(variant.steps) == 1 and variant.steps[0] > 4 else ()  # the laws hold for any number of steps
    own = settings_of(variant, steps=few)
    settings = Settings(sampler, own.numbers) if sampler else own
    machine = {"model": MODEL, "stages": 1, "encode_text": said, "chained": chained, **options}
    return begin(world, predict_of(), settings=settings, **machine)


def walk(world: World, told: list[Controls], sampler: Sampler | None, seed: int = SEED, **options: object) -> World:
    session = session_on(world, sampler, **options)
    for rows in told:
        session.step(rows, seed)
    return session.world._replace(context=session.snapshot())


def test_split(name: str, sampler: Sampler | None) -> None:
    told, empty = controls_of(name, CHUNKS), new_world(start_of(name))
    whole = walk(empty, told, sampler)
    first = walk(empty, told[:2], sampler)
    assert torch.isfinite(latents(whole)).all()
    assert latents(whole).shape[1] == VARIANTS[name].chunking.first_latent(CHUNKS)
    for carried in (first, first._replace(context=None)):
        assert torch.equal(latents(walk(carried, told[2:], sampler)), latents(whole))


def test_branch(name: str, sampler: Sampler | None) -> None:
    parent = walk(new_world(start_of(name)), controls_of(name, 2), sampler)
    before, later = latents(parent).clone(), controls_of(name, 4, seed=8)[2:]
    one, two = walk(parent, later, sampler, seed=5), walk(parent, later, sampler, seed=6)
    assert torch.equal(latents(parent), before)
    assert all(a is b for a, b in zip(one.chunks[:2], parent.chunks, strict=True))
    assert not torch.equal(latents(one), latents(two))


def test_resume(name: str, sampler: Sampler | None, tmp_path: Path) -> None:
    told = controls_of(name, CHUNKS)
    whole = walk(new_world(start_of(name)), told, sampler)
    loaded = load_world(save_world(whole, tmp_path / f"walk{SUFFIX}"))
    assert torch.equal(latents(loaded), latents(whole)) and loaded.digest == whole.digest
    for kept in (0, 1, CHUNKS - 1):
        assert torch.equal(latents(walk(rewind(loaded, kept), told[kept:], sampler)), latents(whole))


def test_stop_and_journal(name: str, sampler: Sampler | None, tmp_path: Path) -> None:
    """Stopped in the middle of each chunk in turn, with what is finished taken from the journal."""
    told, empty = controls_of(name, 3), new_world(start_of(name))
    whole, variant = walk(empty, told, sampler), VARIANTS[name]
    plain = Settings(sampler or family_of(variant).sampler(variant.steps, variant.shift, "corrected")).plain()

    class Stopped(Exception):
        pass

    for stop in range(4):

        def after_step(progress: Progress, stop: int = stop) -> None:
            if (progress.chunk, progress.step) == (stop, 2):
                raise Stopped

        session, book = session_on(empty, sampler, after_step=after_step), Journal(tmp_path, 1 << 30)
        for index, rows in enumerate(told):
            parent = parent_key(session.world)
            key = chunk_key(parent, rows, plain, SEED, MODEL)
            found = book.find(key, expected=Expected(empty.start, index, rows, SEED))
            assert (found is not None) == (index < stop)
            if found is not None:
                session.adopt(found)
                continue
            try:
                book.keep(session.step(rows, SEED, key), parent)
            except Stopped:
                assert len(session.world.chunks) == stop == index
                book.keep(session_on(session.world, sampler).step(rows, SEED, key), parent)
                break
        else:
            assert torch.equal(latents(session.world), latents(whole))


def test_controls_reach_the_picture(name: str) -> None:
    told = controls_of(name, 2)
    whole = walk(new_world(start_of(name)), told, None)
    for field, rows in told[1].tensors.items():
        changed = rows.flip(0)
        if VARIANTS[name].is_spoken_to:  # what most frames ask for counts, in whatever order
            changed = torch.zeros_like(rows)
            changed[:, 0] = 1
        other = told[1]._replace(**{field: changed})
        assert not torch.equal(walk(new_world(start_of(name)), [told[0], other], None).chunks[1].latents,
                               whole.chunks[1].latents)  # fmt: skip
