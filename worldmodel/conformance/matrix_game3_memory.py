"""The golden set of Matrix-Game 3.0's memory, sampler and start pictures, judged through the code users run.

Shapes: F frames, N candidates, J steps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..binding.stances import DEGREES_PER_UNIT, stance_poses, walk_stances
from ..camera.poses import from_matrix_game3, to_matrix_game3
from ..memory.forms import FORMS, FormName
from ..memory.frames import MATRIX_GAME_3
from ..memory.index import PoseIndex, pick_from_all
from ..memory.plan import plan
from ..memory.policy import RELEASED
from ..models.matrix_game3.start_picture import cropped_picture, stretched_picture
from ..rollout.unipc import UniPC
from ..track.presets import DEMOS, preset
from ..track.track import sample
from .report import Golden, Judge, Line, in_ulp, load_described
from .towers import Towers

CENTIMETRES, EXTRINSICS, EXACT_RATIO = 1e-3, 1e-5, 2e-3
RATIO = 0.1
"""Their points lie on the planes of a view: how a processor rounds decides for up to a tenth of them, yet the frames
chosen are the same. Where products are summed as on the authors' processor the error is 0."""
SIGMAS, SAMPLES, PICTURE = 1e-7, 1e-6, 1e-5


def judge(path: Path, towers: Towers | None) -> list[Line]:
    """Return the lines of one file."""
    verdicts = Judge(f"matrix_game3/{path.stem}")
    CASES[path.stem](load_described(path), verdicts)
    return verdicts.lines()


def is_case(path: Path) -> bool:
    """Tell whether a file of the set is judged here."""
    return path.suffix == ".safetensors" and path.stem in CASES


def _retrieval(golden: Golden, judge: Judge) -> None:
    """Walk the recorded actions, and choose what each clip looks at: with the index, and from all."""
    for name in _parts(golden, ".extrinsics"):
        given = golden.under(f"{name}.")
        extrinsics = given["extrinsics"].double()
        poses = from_matrix_game3(extrinsics)
        walked = stance_poses(walk_stances(given["keyboard"], given["mouse"])[:-1])
        judge.compare("extrinsics", to_matrix_game3(walked), extrinsics, absolute=EXTRINSICS)
        index = PoseIndex(poses)
        for clip in _parts(golden, ".gpu_selected", f"{name}.clip"):
            _clip(index, int(clip), golden.under(f"{name}.clip{clip}."), judge)


def _clip(index: PoseIndex, clip: int, given: dict[str, Tensor], judge: Judge) -> None:
    queries = given["query"].tolist()
    candidates = MATRIX_GAME_3.candidates(clip)
    allowed = np.zeros(index.frames, dtype=bool)
    allowed[candidates.start : candidates.stop] = True
    for way in (index.pick, lambda *asked: pick_from_all(index.poses, *asked)):
        picks = [way(query, allowed, FORMS["released"]) for query in queries]
        judge.compare("gpu_selected", torch.tensor([pick.frame for pick in picks]), given["gpu_selected"])
        overlaps = torch.tensor([pick.overlap for pick in picks])
        judge.compare("gpu_confidence", overlaps, given["gpu_confidence"], absolute=RATIO)
    ratios = _ratios(index, queries, candidates, "released")
    judge.compare("ratios_gpu_f32", ratios, given["ratios_gpu_f32"], absolute=RATIO)
    memory = plan(index, clip, RELEASED._replace(slots=len(queries)))
    judge.compare("query", torch.tensor([look.query for look in memory.looks]), given["query"])
    judge.compare("pipeline_selected", torch.tensor(memory.frames), given["pipeline_selected"])
    judge.compare("pipeline_latent_idx", torch.tensor(memory.latents), given["pipeline_latent_idx"])
    poses = torch.tensor([look.pose_frame for look in memory.looks])
    judge.compare("pipeline_pose_frame", poses, given["pipeline_pose_frame"])
    if "ratios_exact" in given:
        _exactly(index, queries, candidates, (given, judge))


def judge_camera_memory(golden: Golden, judge: Judge) -> None:
    """Choose what the clips of the camera's walks look at, and draw the actions of the release's command."""
    for name in _parts(golden, ".last_pose"):
        index = PoseIndex(from_matrix_game3(golden.tensors[f"{name}.extrinsics"].double()))
        for clip in _parts(golden, ".memory_sel", f"{name}.clip"):
            memory = plan(index, int(clip), RELEASED)
            judge.compare("memory_sel", torch.tensor(memory.frames), golden.tensors[f"{name}.clip{clip}.memory_sel"])
    for name in _parts(golden, ".keyboard", "bench_"):
        frames, seed = map(int, name.split("_seed"))
        track, given = sample(preset(DEMOS["matrix_game_2_universal"], frames, seed)), golden.under(f"bench_{name}.")
        keys = torch.zeros_like(given["keyboard"])
        for column, word in enumerate(("forward", "back", "left", "right")):
            if word in track.words:
                keys[:, column] = track.keys[:, track.words.index(word)]
        judge.compare("bench", keys, given["keyboard"])
        judge.compare("bench", track.mouse.flip(1) / DEGREES_PER_UNIT, given["mouse"])


def _exactly(index: PoseIndex, queries: list[int], candidates: range, known: tuple[dict[str, Tensor], Judge]) -> None:
    """Compare the exact shares, and the best by them: any within what meshes and their hulls are off."""
    given, judge = known
    theirs = given["ratios_exact"]
    ours = _ratios(index, queries, candidates, "exact")
    judge.compare("ratios_exact", ours, theirs, absolute=EXACT_RATIO)
    allowed = np.zeros(index.frames, dtype=bool)
    allowed[candidates.start : candidates.stop] = True
    chosen = [index.pick(query, allowed, FORMS["exact"]).frame - candidates.start for query in queries]
    rows = torch.arange(len(queries))
    judge.compare("exact_argmax", theirs[rows, chosen], theirs.amax(1), absolute=EXACT_RATIO)
    best = given["exact_argmax_frame"] - candidates.start
    judge.compare("exact_argmax_frame", ours[rows, best], ours.amax(1), absolute=EXACT_RATIO)
    entry = given["exact_entry_selected_q0"] + 1 - candidates.start  # theirs is one off
    judge.compare("exact_entry", ours[:1, entry], given["exact_entry_conf_q0"][None], absolute=EXACT_RATIO)


def _ratios(index: PoseIndex, queries: list[int], candidates: range, name: FormName) -> Tensor:
    """Return the share (queries, N) that each candidate saw of each query's view."""
    form, poses = FORMS[name], index.poses
    others = poses.part(slice(candidates.start, candidates.stop))
    first = np.zeros(len(candidates), dtype=np.int64)
    scores = [form.score(poses.part(slice(query, query + 1)), first, others) for query in queries]
    return torch.from_numpy(np.stack(scores)) / form.whole


def _walks(golden: Golden, judge: Judge) -> None:
    """Walk the recorded actions, the last one too."""
    for name in _parts(golden, ".last_pose"):
        given = golden.under(f"{name}.")
        theirs = torch.cat([given["poses"].double(), given["last_pose"].double()[None]])
        judge.compare("poses", walk_stances(given["keyboard"], given["mouse"]), theirs, absolute=CENTIMETRES)


def _unipc(golden: Golden, judge: Judge) -> None:
    """Compare tables, then sample with recorded velocities."""
    tensors = golden.tensors
    for name in _parts(golden, ".sigmas", "table.shift"):
        shift, count = name.split(".n")
        given = golden.under(f"table.shift{name}.")
        levels = UniPC(int(count), float(shift)).levels()
        sigmas = torch.cat([levels.sigmas, torch.zeros(1)])
        judge.compare("sigmas", sigmas, given["sigmas"], absolute=SIGMAS)
        judge.compare("timesteps", levels.timesteps.long(), given["timesteps"])
        judge.compare("timesteps_as_bf16", levels.timesteps.bfloat16().float(), given["timesteps_as_bf16"])
    for count in _parts(golden, ".sample0", "run.n"):
        given = golden.under(f"run.n{count}.")
        velocities = given["model_outputs"]
        ours = _sampled(given["sample0"], velocities)
        judge.compare("fp32", ours, given["fp32.samples"], norm=SAMPLES)
        ours = _sampled(given["sample0"].bfloat16(), velocities)
        judge.compare("bf16 in ulp", *in_ulp(ours, given["bf16_sample_fp32_model.samples"]), absolute=1)
    fixed = tensors["pinned.cond"].shape[2]
    noise = torch.cat([tensors["pinned.cond"], tensors["pinned.noise"][:, :, fixed:]], 2)
    ours = _sampled(noise, tensors["pinned.model_outputs"])
    ours[:, :, :, :fixed] = tensors["pinned.cond"]  # given latents never enter ours; the others do not depend on them
    judge.compare("pinned", ours, tensors["pinned.samples"], norm=SAMPLES)


def _sampled(noise: Tensor, velocities: Tensor) -> Tensor:
    """Return the sample after each step, (J, …) float32."""
    given: list[Tensor] = []

    def predict(x: Tensor, timestep: Tensor) -> Tensor:
        given.append(x)
        return velocities[len(given) - 1]

    last = UniPC(len(velocities)).sample(predict, iter([noise]))
    return torch.stack([*given[1:], last]).float()


def _preprocess(golden: Golden, judge: Judge) -> None:
    """Prepare pictures as both pipelines do."""
    size = tuple(golden.config["target_hw"])
    for name in _parts(golden, ".image_u8"):
        given = golden.under(f"{name}.")
        image = given["image_u8"][None] / 255
        for prepare, target in ((cropped_picture, "batch_pipeline"), (stretched_picture, "interactive_pipeline")):
            judge.compare(target, prepare(image, size), given[target], absolute=PICTURE)


def _parts(golden: Golden, ending: str, beginning: str = "") -> Iterator[str]:
    """Yield what stands between a beginning and an ending in the names of tensors."""
    for key in golden.tensors:
        if key.startswith(beginning) and key.endswith(ending):
            yield key.removeprefix(beginning).removesuffix(ending)


CASES: dict[str, Callable[[Golden, Judge], None]] = {
    "preprocess": _preprocess,
    "retrieval": _retrieval,
    "unipc": _unipc,
    "walks": _walks,
}
