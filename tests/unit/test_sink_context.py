"""A sink in front of a rolling window, and what is made again when the prompt changes: equal is bit for bit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from tests import tiny_causal as tiny
from worldmodel.conformance.gamecraft2_network import Told
from worldmodel.families.begin import begin, settings_of
from worldmodel.layers.block_sparse import block_mask, window_mask
from worldmodel.layers.sink_cache import SinkCache
from worldmodel.memory.kept_keys import AS_COMPUTED, INT8, LAST_BLOCK, RECACHES, TEXT_ONLY, KeptKeys
from worldmodel.memory.policy import MemoryPolicy
from worldmodel.rollout.contexts import Call
from worldmodel.rollout.session import Progress, Session, bare
from worldmodel.variants import VARIANTS, Experts
from worldmodel.world.state import Controls, World, latents, new_world, rewind

CHUNKS, EVENTS = 7, {2: "fog", 5: "", 6: "snow"}


@pytest.fixture(autouse=True)
def variant() -> Iterator[None]:
    with tiny.variant():
        yield


@pytest.fixture(scope="module")
def network() -> tiny.CausalWan:
    return tiny.network_of()


def session_on(world: World, network: tiny.CausalWan, policy: KeptKeys | None = None, **more: object) -> Session:
    settings = settings_of(VARIANTS[tiny.NAME], memory=policy)
    machine = {"model": "m", "stages": network.stages, "encode_text": tiny.text, **more}
    return begin(world, bare(network), settings=settings, **machine)


def walk(world: World, told: list[Controls], network: tiny.CausalWan, policy: KeptKeys | None = None) -> World:
    session = session_on(world, network, policy)
    for controls in told:
        session.step(controls, 5)
    return session.world._replace(context=session.snapshot())


@pytest.mark.parametrize(("recache", "store"), [*((policy, AS_COMPUTED) for policy in RECACHES), (LAST_BLOCK, INT8)])
def test_the_laws_hold_across_changes_of_the_prompt(network: tiny.CausalWan, recache: str, store: str) -> None:
    policy, told = KeptKeys(recache, store), tiny.told(CHUNKS, EVENTS)
    whole = walk(new_world(tiny.start()), told, network, policy)
    assert torch.isfinite(latents(whole)).all()
    for split in (5, 6):  # right before a change
        part = walk(new_world(tiny.start()), told[:split], network, policy)
        for carried in (part, part._replace(context=None)):
            assert torch.equal(latents(walk(carried, told[split:], network, policy)), latents(whole))


def test_policies_differ_from_the_change_on(network: tiny.CausalWan) -> None:
    told = tiny.told(6, {5: "fog"})
    films = [latents(walk(new_world(tiny.start()), told, network, KeptKeys(policy))) for policy in RECACHES]
    unchanged = latents(walk(new_world(tiny.start()), tiny.told(6), network))
    at = 5 * tiny.BLOCK
    for number, film in enumerate(films):
        assert torch.equal(film[:, :at], unchanged[:, :at]) and not torch.equal(film[:, at:], unchanged[:, at:])
        assert all(not torch.equal(film, other) for other in films[number + 1 :])


def test_a_stop_in_the_middle_changes_nothing(network: tiny.CausalWan) -> None:
    """Of a step, and of a pass that makes a block again."""
    told = tiny.told(5, {3: "fog"})
    whole = walk(new_world(tiny.start()), told, network)
    stops = iter([7, 11, 12, 13])

    class Stopped(Exception):
        pass

    count, stop = 0, next(stops)

    def after(_: Progress | int) -> None:
        nonlocal count, stop
        count += 1
        if count == stop:
            stop = next(stops, 0)
            raise Stopped

    session, done = session_on(new_world(tiny.start()), network, after_step=after, after_clean=after), 0
    while done < len(told):
        try:
            session.step(told[done], 5)
            done += 1
        except Stopped:
            continue
    assert stop == 0 and torch.equal(latents(session.world), latents(whole))


@pytest.mark.parametrize(("recache", "store"), [*((policy, AS_COMPUTED) for policy in RECACHES), (LAST_BLOCK, INT8)])
@pytest.mark.parametrize("experts", [None, Experts(900.0)], ids=["one network", "two"])
def test_a_stop_in_any_pass_around_a_change_changes_nothing(
    network: tiny.CausalWan, recache: str, store: str, experts: Experts | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped before or behind each pass of the chunk that hears the new prompt; then on in that session, or anew."""

    class Stopped(Exception):
        pass

    class Stopping:
        def __init__(self, one: tiny.CausalWan):
            self.predict = bare(one)

        def __call__(self, x: Tensor, call: Call) -> Tensor:
            shared[0] -= 1
            if shared[0] == 0 and not shared[1]:
                raise Stopped
            velocity = self.predict(x, call)
            if shared[0] == 0:
                raise Stopped
            return velocity

    shared, policy, told = [-1, False], KeptKeys(recache, store), tiny.told(5, {3: "fog"})
    high, low = Stopping(network), Stopping(tiny.network_of(seed=2))
    monkeypatch.setitem(VARIANTS, tiny.NAME, replace(VARIANTS[tiny.NAME], experts=experts))
    settings = settings_of(VARIANTS[tiny.NAME], memory=policy)
    machine = {"model": "m", "stages": network.stages, "encode_text": tiny.text, "low": low}

    def session_behind(world: World) -> Session:
        return begin(world, high, settings=settings, **machine)

    def walked(session: Session) -> World:
        for controls in told[len(session.world.chunks) :]:
            session.step(controls, 5)
        return session.world

    before = len(told) - 2
    whole = walked(session_behind(new_world(tiny.start())))
    counted = session_behind(rewind(whole, 2))
    counted.step(told[2], 5)
    shared[0] = 0
    counted.step(told[3], 5)
    passes = -shared[0]
    assert passes >= 3 and len(counted.world.chunks) == before + 1
    for stop in range(1, passes + 1):
        session = session_behind(rewind(whole, 2))
        session.step(told[2], 5)
        shared[:] = stop, bool(stop % 2)
        with pytest.raises(Stopped):
            session.step(told[3], 5)
        assert len(session.world.chunks) == before
        for resumed in (session_behind(session.world), session):
            assert torch.equal(latents(walked(resumed)), latents(whole))


def test_a_replay_far_from_the_beginning_is_exact(network: tiny.CausalWan) -> None:
    """The chunks of the sink, then as many as the network looks back, are all that is run again."""
    told = tiny.told(14, {1: "fog", 12: "snow"})
    for policy in (KeptKeys(LAST_BLOCK), KeptKeys(TEXT_ONLY)):
        whole = walk(new_world(tiny.start()), told, network, policy)
        ran: list[int] = []
        session = session_on(rewind(whole, 13), network, policy, after_clean=ran.append)
        waiting = session.waiting
        session.step(told[13], 5)
        assert torch.equal(latents(session.world), latents(whole))
        assert waiting < 13 and ran[0] == 0 and 7 not in ran


def test_the_sink_never_changes_once_it_is_full(network: tiny.CausalWan) -> None:
    session, sinks = session_on(new_world(tiny.start()), network), []
    for controls in tiny.told(10, {6: "fog"}):
        session.step(controls, 5)
        session.catch_up()
        cache = session._context.cache
        sinks.append([part[:, : tiny.SINK * 6].clone() for slot in cache.slots for part in cache.history(slot)])
    assert cache.latents == tiny.WINDOW
    assert all(torch.equal(a, b) for sink in sinks[2:] for a, b in zip(sink, sinks[1], strict=True))


def film(network: tiny.CausalWan, blocks: int) -> tuple[Tensor, Told]:
    draw = torch.Generator().manual_seed(3)
    count = blocks * tiny.BLOCK
    x = torch.randn(16, count, 4, 6, generator=draw)
    return x, Told(tiny.text("a"), torch.randn(20, count, 4, 6, generator=draw), torch.randn(1, 384, count, 4, 6))


@torch.no_grad()
@pytest.mark.parametrize(("sink", "window", "blocks"), [(0, 12, 6), (3, 9, 7), (1, 5, 7)])
def test_block_after_block_equals_one_masked_pass(network: tiny.CausalWan, sink: int, window: int, blocks: int) -> None:
    """The window's pattern, and for whole blocks that of sparse attention, are what a cache that rolls sees."""
    (x, told), cache, parts = film(network, blocks), SinkCache(window, sink), []
    for number in range(blocks):
        first, end = number * tiny.BLOCK, (number + 1) * tiny.BLOCK
        parts.append(network(x[None, :, first:end], call=told.call(first, end, cache=cache).clean()))
    mask = window_mask(x.shape[1], tiny.BLOCK, sink, window).repeat_interleave(tiny.BLOCK, dim=0)
    one = network(x[None], call=told.call(0, x.shape[1], mask=mask))
    assert torch.allclose(torch.cat(parts, 2), one, atol=2e-5)
    if (window - sink) % tiny.BLOCK == 0:
        assert torch.equal(mask, block_mask(x.shape[1], tiny.BLOCK, sink, (window - sink) // tiny.BLOCK - 1))


@torch.no_grad()
def test_making_a_block_again_under_the_same_prompt_changes_nothing_while_its_past_is_there(
    network: tiny.CausalWan,
) -> None:
    (x, told), cache = film(network, 6), SinkCache(tiny.WINDOW, tiny.SINK)

    def run(number: int) -> None:
        first, end = number * tiny.BLOCK, (number + 1) * tiny.BLOCK
        network(x[None, :, first:end], call=told.call(first, end, cache=cache).clean())

    for number, same in ((3, True), (5, False)):
        for each in range(number - (3 if same else 1), number + 1):
            run(each)
        before = [part.clone() for slot in cache.slots for part in cache.history(slot)]
        cache.rewind(2 * tiny.BLOCK)
        run(number - 1)
        run(number)
        after = [part for slot in cache.slots for part in cache.history(slot)]
        assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True)) == same


def test_bad_policies_and_windows_are_refused(network: tiny.CausalWan) -> None:
    variant = VARIANTS[tiny.NAME]
    for policy, words in (
        (KeptKeys("everything"), "recache: found 'everything', expected one of last block"),
        (KeptKeys(store="int4"), "store: found 'int4'"),
        (MemoryPolicy(), "memory: found World Memory, expected none for LingBot-World 2 1.3B"),
    ):
        with pytest.raises(ValueError, match=words):
            settings_of(variant, memory=policy)
    with pytest.raises(ValueError, match="memory: found World Cache, expected none for Yume 1.5"):
        settings_of(VARIANTS["yume_1_5"], memory=KeptKeys())
    with tiny.variant(window=4), pytest.raises(ValueError, match="window: found 4, expected at least 5 latents: 3 of"):
        session_on(new_world(tiny.start()), network)
    with tiny.variant():
        pass
    VARIANTS[tiny.NAME] = variant  # the fixture takes it away
