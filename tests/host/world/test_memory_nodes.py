"""World Memory and Memory Inspector through the nodes: what is shown is what a rollout looks at."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch
from tiny_models import controls_of, start_of

USUAL = ("exact overlap", 5, True, 4)
WALK = "forward*57 forward+yaw_right(3)*60 idle*20"


@pytest.fixture
def memory(of_pack: Callable[[str], ModuleType]) -> ModuleType:
    return of_pack("nodes.memory")


@pytest.fixture
def track(of_pack: Callable[[str], ModuleType]) -> Any:
    return of_pack("worldmodel.track.track").parse_track(WALK)


def world_of(of_pack: Callable[[str], ModuleType], name: str, chunks: int = 2) -> Any:
    """Return a world of noise, in the pack's own types."""
    state = of_pack("worldmodel.world.state")
    variant = of_pack("worldmodel.variants").VARIANTS[name]
    told = [state.Controls(*rows) for rows in controls_of(name, chunks)]
    made = tuple(
        state.Chunk(torch.zeros(variant.latents.channels, variant.chunking.latents(index), 4, 6), rows)
        for index, rows in enumerate(told)
    )
    return state.new_world(state.Start(*start_of(name)))._replace(chunks=made)


def test_the_usual_settings_are_what_an_unconnected_input_means(run: Callable, of_pack: Callable) -> None:
    policy = of_pack("worldmodel.memory.policy")
    assert run("WMWorldMemory", *USUAL) == policy.CORRECTED
    assert run("WMWorldMemory", "as released", 5, False, 4) == policy.RELEASED
    asked = run("WMWorldMemory", "exact overlap", 6, True, -1, "12, 480", "100-160, 300", 80, 20.0)
    assert asked == policy.MemoryPolicy("exact", 6, None, True, (12, 480), ((100, 160), (300, 300)), 80, 20.0)


def test_mistakes_are_named_before_anything_runs(run: Callable, nodes: dict[str, Any]) -> None:
    checked = nodes["WMWorldMemory"].validate_inputs
    assert checked(pins="1, 2", drops="") is True and checked(None, None) is True
    assert checked(pins="one").startswith("pins: found 'one'") and checked(drops="4-").startswith("drops: found")
    refused = {
        "budget_frames: found 0": ("", "", 0), "budget_megabytes: found 0": ("", "", -1, 0.0),
        "pinned: found 5 frames": ("9,13,20,30,40",), "dropped: found frames 40": ("40", "40-60"),
        "sink: found frames 3 and 4": ("3",),
    }  # fmt: skip
    for beginning, asked in refused.items():
        with pytest.raises(ValueError, match=f"^{beginning}") as caught:
            run("WMWorldMemory", *USUAL, *asked)
        assert "\n" not in str(caught.value) and str(caught.value).endswith(".")


@pytest.mark.parametrize("form", ["corrected", "as released"])
def test_the_inspector_shows_what_a_rollout_looks_at(
    run: Callable, of_pack: Callable, track: Any, form: str, memory: ModuleType
) -> None:
    world = world_of(of_pack, "matrix_game_3_distilled")
    world = of_pack("worldmodel.world.state").new_world(world.start._replace(form=form))._replace(chunks=world.chunks)
    picture, table = run("WMMemoryInspector", track, world)
    assert picture.shape[0] == 1 and picture.shape[3] == 3 and "chunk 1  frames 57 to 96  (made)" in table
    bound = of_pack("worldmodel.binding.bind")
    variant = of_pack("worldmodel.variants").VARIANTS["matrix_game_3_distilled"]
    told = bound.chunk_controls(bound.bind_track(track, variant, world).controls, 2, variant)[0]
    contexts = of_pack("worldmodel.rollout.contexts")
    numbers = of_pack("worldmodel.families.begin").settings_of(variant, form).numbers
    context = of_pack("worldmodel.families").family_of(variant).context(contexts.About(world.start, variant, numbers))
    call = context.gather(world, told[0], 2)
    lines = table.splitlines()
    first = lines.index("chunk 2  frames 97 to 136") + 1
    shown = [int(line.split("latent")[1].split()[0]) for line in lines[first : first + 5]]
    assert call.positions[:5].tolist() == shown


def test_without_a_world_a_fresh_one_is_walked(run: Callable, track: Any, of_pack: Callable) -> None:
    picture, table = run("WMMemoryInspector", track)
    assert table.startswith("3 chunks, 10 looks") and 0 <= picture.min() and picture.max() <= 1
    pinned = run("WMMemoryInspector", track, None, run("WMWorldMemory", *USUAL, "24"))[1]
    assert "frame    24  latent    6" in pinned and "pinned" in pinned
    short = of_pack("worldmodel.track.track").parse_track("forward*57")
    assert "looks at nothing" in run("WMMemoryInspector", short)[1]


def test_a_long_walk_and_no_walk(run: Callable, of_pack: Callable) -> None:
    parse = of_pack("worldmodel.track.track").parse_track
    assert run("WMMemoryInspector", parse("forward*600 yaw_right(3)*57 forward*800"))[0].shape[1] > 600
    refused = {
        "track: found 0 frames, expected at least 57": (None,),
        "track: found 9 frames": (parse("forward*9"),),
        "world: found one of Tiny World, which looks at no past frames again": (
            parse("forward*57"), world_of(of_pack, "tiny_world_2"),
        ),
    }  # fmt: skip
    for beginning, asked in refused.items():
        with pytest.raises(ValueError, match=f"^{beginning}"):
            run("WMMemoryInspector", *asked)


def test_a_rollout_takes_it_and_other_models_refuse_it(tiny: SimpleNamespace, run: Callable) -> None:
    with pytest.raises(ValueError, match="^memory: found a memory policy, expected none for Tiny World"):
        run("WMRolloutWorld", tiny.model, tiny.world, tiny.track, 0, memory=run("WMWorldMemory", *USUAL))
