"""Conformance bites: every quirk of the release's memory, sampler and walk, undone, makes a golden comparison fail."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from worldmodel.binding import stances
from worldmodel.conformance import __main__ as command
from worldmodel.conformance import matrix_game3_memory as judge
from worldmodel.memory import plan, released
from worldmodel.memory.forms import FORMS
from worldmodel.memory.frames import Spans
from worldmodel.memory.index import Pick, PoseIndex
from worldmodel.models.matrix_game3 import start_picture
from worldmodel.rollout import unipc

SET = Path(__file__).parents[1] / "golden" / "matrix_game3"
Patch = pytest.MonkeyPatch
MUTATIONS: dict[str, tuple[str, str, Callable[[Patch], None]]] = {}


def mutation(case: str, target: str) -> Callable[[Callable[[Patch], None]], Callable[[Patch], None]]:
    """Name the golden file and the target in it that is to fail."""

    def add(break_it: Callable[[Patch], None]) -> Callable[[Patch], None]:
        MUTATIONS[break_it.__name__] = case, target, break_it
        return break_it

    return add


@mutation("unipc", "sigmas")
def the_first_level_is_pure_noise(patch: Patch) -> None:
    patch.setattr(unipc, "GREATEST_SIGMA", 1.0)


@mutation("unipc", "timesteps")
def the_levels_are_those_of_the_other_family(patch: Patch) -> None:
    patch.setattr(unipc, "GREATEST_SIGMA", 0.998)


@mutation("unipc", "fp32")
def nothing_is_corrected(patch: Patch) -> None:
    original = unipc.UniPC.sample

    def sample(self: unipc.UniPC, predict: Callable, *args: Any) -> Any:
        given: list[Any] = []
        patch.setattr(unipc, "_corrected", lambda *_: given[-1])
        return original(self, lambda x, timestep: (given.append(x), predict(x, timestep))[1], *args)

    patch.setattr(unipc.UniPC, "sample", sample)


@mutation("retrieval", "pipeline_latent_idx")
def the_sink_is_the_start_picture(patch: Patch) -> None:
    patch.setattr(judge, "RELEASED", judge.RELEASED._replace(sink=0))


@mutation("retrieval", "pipeline_selected")
def the_last_slot_is_chosen_like_the_others(patch: Patch) -> None:
    patch.setattr(judge, "RELEASED", judge.RELEASED._replace(sink=None))


@mutation("retrieval", "query")
def the_sink_stands_in_the_first_slot(patch: Patch) -> None:
    original = judge.plan

    def turned(*args: Any) -> Any:
        memory = original(*args)
        return memory._replace(looks=(memory.looks[-1], *memory.looks[:-1]))

    patch.setattr(judge, "plan", turned)


@mutation("retrieval", "pipeline_selected")
def the_past_frames_may_be_chosen_too(patch: Patch) -> None:
    original = plan.allowed_frames

    def allowed(policy: Any, chunk: int, frames: int, spans: Spans, *args: Any) -> np.ndarray:
        found = original(policy, chunk, frames, spans, *args)
        found[spans.start(chunk) : spans.start(chunk) + spans.past] = True
        return found

    patch.setattr(plan, "allowed_frames", allowed)


@mutation("retrieval", "gpu_selected")
def the_newest_of_equals_is_chosen(patch: Patch) -> None:
    def pick(self: PoseIndex, query: int, allowed: np.ndarray, form: Any) -> Pick:
        frames = np.flatnonzero(allowed)[::-1]
        asked = np.zeros(len(frames), dtype=np.int64)
        scores = form.score(self.poses.part(slice(query, query + 1)), asked, self.poses.part(frames.copy()))
        return Pick(int(frames[scores.argmax()]), float(scores.max() / form.whole))

    patch.setattr(PoseIndex, "pick", pick)


@mutation("retrieval", "gpu_selected")
def the_view_ends_half_as_far(patch: Patch) -> None:
    patch.setattr(released, "FAR", 15.0)


@mutation("retrieval", "gpu_selected")
def the_shared_volume_decides(patch: Patch) -> None:
    patch.setitem(FORMS, "released", FORMS["exact"])


@mutation("walks", "poses")
def no_step_goes_backwards(patch: Patch) -> None:
    patch.setattr(judge, "walk_stances", partial(judge.walk_stances, released=False))


@mutation("walks", "poses")
def the_least_mouse_turns_the_camera(patch: Patch) -> None:
    patch.setattr(stances, "LEAST_UNITS", 0.0)


@mutation("walks", "poses")
def diagonal_steps_are_as_long_as_others(patch: Patch) -> None:
    patch.setattr(stances, "DIAGONAL_STEP", stances.STEP / 2**0.5)


@mutation("preprocess", "interactive_pipeline")
def both_pipelines_prepare_pictures_alike(patch: Patch) -> None:
    patch.setattr(judge, "stretched_picture", start_picture.cropped_picture)


@mutation("preprocess", "batch_pipeline")
def colours_are_clamped(patch: Patch) -> None:
    original = start_picture.cropped_picture
    patch.setattr(judge, "cropped_picture", lambda *args: original(*args).clamp(-1, 1))


@pytest.mark.parametrize("case", sorted({case for case, _, _ in MUTATIONS.values()}))
def test_the_unbroken_code_passes(case: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main([str(SET / f"{case}.safetensors")]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "1 passed, 0 failed"


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_mistake_is_seen(name: str, monkeypatch: Patch, capsys: pytest.CaptureFixture[str]) -> None:
    case, target, break_it = MUTATIONS[name]
    released.grid_points.cache_clear()
    break_it(monkeypatch)
    try:
        assert command.main([str(SET / f"{case}.safetensors")]) == 1
    finally:
        released.grid_points.cache_clear()
    *lines, total = capsys.readouterr().out.splitlines()
    failed = [line.split("  ")[1] for line in lines if line.endswith("failed")]
    assert target in failed and total == "0 passed, 1 failed"
