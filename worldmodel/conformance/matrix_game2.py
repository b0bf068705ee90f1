"""The golden set of Matrix-Game 2.0, judged through the code users run.

Shapes: T latents of a chunk, S tokens per latent, C model width.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from torch import Tensor

from ..binding.bind import bind_track
from ..families.begin import begin
from ..layers.cache import KVCache
from ..models.action import HEAD_SIZE, ActionInputs, ActionModule, action_turns
from ..models.matrix_game2.conditions import (
    cut_windows,
    image_condition,
    image_condition_at,
    image_then_grey,
    window_index,
)
from ..models.matrix_game2.network import MatrixGame2, Sizes, Step, sizes_from_state_dict
from ..rollout.samplers import Renoise, Settings
from ..rollout.sampling import add_noise, clean_from_velocity, nearest_level, shifted_levels, warped_steps
from ..rollout.session import Progress, bare
from ..storage.pixels import to_bytes
from ..track.presets import DEMOS, preset
from ..track.track import sample
from ..vae.wan21 import to_model_space
from ..variants import Variant, variant_named
from ..world.state import Controls, RecordedNoise, Start, new_world
from .released_keys import judge_keys
from .report import Golden, Judge, Line, load_golden
from .start_pictures import judge_pictures, judge_vae, picture_of, stream_frames, to_video, vae_from
from .towers import Towers

NETWORK = 1e-5
LATENTS = 5e-5
PIXELS = 2e-4
TABLE = 1e-6


def judge(path: Path, towers: Towers | None) -> list[Line]:
    """Return the lines of one file; without `towers` what needs a host's is skipped.

    Raises:
        ValueError: nobody knows such a case.
    """
    verdicts = Judge(f"matrix_game2/{path.stem}")
    if path.suffix == ".json":
        judge_keys(path, verdicts, towers)
        return verdicts.lines()
    golden = load_golden(path)
    kind = golden.config.get("kind", "")
    if kind not in CASES:
        raise ValueError(f"kind: found {kind!r}, expected one of {', '.join(CASES)}.")
    CASES[kind](golden, verdicts, towers)
    return verdicts.lines()


def is_case(path: Path) -> bool:
    """Tell whether a file of the set is a case, and not a configuration or a summary."""
    return path.suffix == ".safetensors" or (path.stem.startswith("keys_") and path.stem != "keys_summary")


def network_from(weights: dict[str, Tensor], heads: int) -> MatrixGame2:
    """Return the network of these weights, strictly loaded."""
    network = MatrixGame2(Sizes(**sizes_from_state_dict(weights, {"heads": heads})), device="meta")
    network.load_state_dict(weights, strict=True, assign=True)
    return network.eval()


def _variant(golden: Golden) -> Variant:
    return variant_named(f"matrix_game_2_{golden.config['variant']}")


def _chunks(count: int, length: int) -> Iterator[tuple[int, Tensor]]:
    for chunk in range(count):
        yield chunk, torch.arange(chunk * length, (chunk + 1) * length)


@torch.no_grad()
def _action(golden: Golden, judge: Judge, towers: Towers | None) -> None:
    """Run the action module alone, one committing call per chunk."""
    config, tensors = golden.config, golden.tensors
    variant, sizes, weights = _variant(golden), config["action_config"], golden.under("sd.")
    module = ActionModule(
        dim=sizes["img_hidden_size"],
        heads=sizes["heads_num"],
        keyboard_dim=sizes["keyboard_dim_in"],
        keyboard_width=sizes["hidden_size"],
        mouse=sizes["enable_mouse"],
        operations=torch.nn,
    )
    module.load_state_dict(weights, strict=True)
    cache = KVCache(config["local_attn_size"], variant.chunking.later)
    tokens = config["tokens_per_frame"]
    for chunk, positions in _chunks(config["n_chunks"], variant.chunking.later):
        x = tensors["in.x"][:, positions[0] * tokens : (positions[-1] + 1) * tokens]
        mouse = cut_windows(tensors["in.mouse_cond"], positions) if sizes["enable_mouse"] else None
        keyboard = cut_windows(tensors["in.keyboard_cond"], positions)
        inputs = ActionInputs(keyboard, mouse, action_turns(positions), cache, True, None)
        cache.begin_chunk()
        out = module(x, inputs, 0)
        judge.compare("out.chunk", out, tensors[f"out.chunk{chunk}"], absolute=NETWORK)
    cos, sin = action_turns(torch.arange(tensors["table.cos"].shape[0]))[..., 0, :].unbind(-1)
    for name, ours, still in (("cos", cos, 1.0), ("sin", sin, 0.0)):
        rotated = ours.repeat_interleave(2, dim=1)
        rest = torch.full((rotated.shape[0], HEAD_SIZE - rotated.shape[1]), still)
        judge.compare("table", torch.cat((rotated, rest), dim=1), tensors[f"table.{name}"], relative=TABLE)
    index = tensors["table.window_index"]
    judge.compare("table.window_index", window_index(torch.arange(index.shape[0])), index)


@torch.no_grad()
def _dit(golden: Golden, judge: Judge, towers: Towers | None) -> None:
    """Run the network on each chunk: a noisy pass, then the clean pass, on one cache."""
    config, tensors, sizes = golden.config, golden.tensors, golden.config["model_config"]
    network = network_from(golden.under("sd."), sizes["num_heads"])
    cache = KVCache(sizes["local_attn_size"], config["num_frame_per_block"])
    for chunk, positions in _chunks(config["n_chunks"], config["num_frame_per_block"]):
        step = Step(
            timesteps=tensors["in.t_noisy"][chunk][None],
            positions=positions,
            image_condition=image_condition_at(tensors["in.cond_concat"][0], positions)[None],
            image_tokens=tensors["in.visual_context"],
            keyboard=cut_windows(tensors["in.keyboard_cond"], positions),
            mouse=cut_windows(tensors["in.mouse_cond"], positions) if "in.mouse_cond" in tensors else None,
            cache=cache,
        )
        for name, this in (("noisy", step), ("clean", step.clean()._replace(read=True))):
            x = tensors[f"in.x_{name}"][:, :, positions]
            flow = network(x, call=this)
            judge.compare(f"out.flow_{name}", flow, tensors[f"out.chunk{chunk}.flow_{name}"], absolute=NETWORK)


def _start(golden: Golden, condition: Tensor, context: Tensor, noise: RecordedNoise) -> Start:
    variant = _variant(golden)
    return Start(variant.name, variant.latent_format, condition, context, noise)


def _controls(golden: Golden, chunks: int, prefix: str = "in.") -> Iterator[Controls]:
    variant = _variant(golden)
    keyboard, mouse = (golden.tensors.get(f"{prefix}{name}_cond") for name in ("keyboard", "mouse"))
    for chunk in range(chunks):
        rows = slice(variant.chunking.first_frame(chunk), variant.chunking.first_frame(chunk + 1))
        yield Controls(keyboard[0, rows], None if mouse is None else mouse[0, rows])


def _rollout(golden: Golden, judge: Judge, towers: Towers | None) -> None:
    """Roll out through a session with the authors' noise; from a picture, where the file has one."""
    config, tensors, sizes = golden.config, golden.tensors, golden.config["model_config"]
    pictured = "in.image" in tensors
    condition, context = _encoded(golden, judge, towers) if pictured else (
        tensors["in.cond_concat"][0], tensors["in.visual_context"][0]
    )  # fmt: skip
    noise = RecordedNoise(tensors["in.noise"][0], tensors["in.renoise"])
    network = network_from(golden.under("sd.dit."), sizes["num_heads"])
    settings = Settings(
        Renoise(tuple(config["denoising_step_list"]), config["timestep_shift"]), (sizes["local_attn_size"],)
    )
    session = begin(new_world(_start(golden, condition, context, noise)), bare(network), settings=settings)
    latents = [session.step(controls, seed=0).latents for controls in _controls(golden, config["n_chunks"])]
    judge.compare("out.latents", torch.cat(latents, dim=1)[None], tensors["out.latents"], absolute=LATENTS)
    if pictured:
        frames = stream_frames(vae_from(golden.under("sd.vae.")), latents)
        for chunk, ours in enumerate(frames):
            judge.compare("out.video", ours, tensors[f"out.video.chunk{chunk}"], absolute=PIXELS)
        last = torch.from_numpy(to_bytes((frames[-1][0, -1].movedim(0, -1) + 1) / 2))
        judge.compare("out.video_u8.last_frame", last, tensors["out.video_u8.last_frame"], absolute=1)


def _encoded(golden: Golden, judge: Judge, towers: Towers | None) -> tuple[Tensor, Tensor]:
    """Return image condition and image context of the file's picture; without a host the stored context."""
    tensors, picture = golden.tensors, picture_of(golden.tensors["in.image"])
    vae = vae_from(golden.under("sd.vae."))
    latents = to_model_space(vae.encode(to_video(image_then_grey(picture, vae.settles))))
    condition = image_condition(latents[0])
    stored = tensors["mid.cond_concat"][0]
    judge.inform("mid.cond_concat", image_condition_at(condition, torch.arange(stored.shape[1])), stored)
    stored = tensors["mid.visual_context"][0]
    if towers is None:
        judge.skip("mid.visual_context", "the CLIP tower needs --host; judged with the stored output", partial=True)
        return condition, stored
    context = towers.clip_tokens(golden.under("sd.clip."), golden.config["clip"]["heads"], picture)
    judge.inform("mid.visual_context", context, stored)
    return condition, context


def _scheduler(golden: Golden, judge: Judge, towers: Towers | None) -> None:
    """Compare tables and one-line formulas, then denoise one chunk."""
    config, tensors = golden.config, golden.tensors
    levels = shifted_levels(config["shift"])
    judge.compare("table", levels.sigmas, tensors["table.sigmas"], relative=TABLE)
    judge.compare("table", levels.timesteps, tensors["table.timesteps"], relative=TABLE)
    for name, golden_steps in golden.under("table.warped_steps.").items():
        ours = warped_steps(variant_named(f"matrix_game_2_{name}").steps, config["shift"])
        judge.compare("table.warped_steps", ours.timesteps, golden_steps, relative=TABLE)
    index = nearest_level(tensors["in.add_noise.t"], config["shift"])
    judge.compare("out.add_noise.sigma_index", index, tensors["out.add_noise.sigma_index"])
    sigma = levels.sigmas[index].view(-1, 1, 1, 1)
    x, noise = tensors["in.add_noise.x0"], tensors["in.add_noise.noise"]
    judge.compare("out.add_noise.xt", add_noise(x, noise, sigma), tensors["out.add_noise.xt"], relative=TABLE)
    clean = clean_from_velocity(x, noise, sigma)
    judge.compare("out.x0_from_flow", clean, tensors["out.x0_from_flow"], relative=TABLE)
    _denoise(golden, judge)


def _denoise(golden: Golden, judge: Judge) -> None:
    config, tensors, sizes = golden.config, golden.tensors, golden.config["model_config"]
    noise = RecordedNoise(tensors["denoise.in.noise"][0], tensors["denoise.in.renoise"][None])
    start = _start(golden, tensors["denoise.in.cond_concat"][0], tensors["denoise.in.visual_context"][0], noise)
    network = bare(network_from(golden.under("sd."), sizes["num_heads"]))
    calls = 0

    def predict(x: Tensor, step: Step) -> Tensor:
        nonlocal calls
        flow = network(x, step)
        for name, ours in (("x_t", x), ("flow", flow)):
            judge.compare(f"denoise.step.{name}", ours, tensors[f"denoise.step{calls}.{name}"], absolute=LATENTS)
        judge.compare("denoise.step.t", step.timesteps, tensors[f"denoise.step{calls}.t"], relative=TABLE)
        calls += 1
        return flow

    def after_step(progress: Progress) -> None:
        stored = tensors[f"denoise.step{progress.step - 1}.x0"]
        judge.compare("denoise.step.x0", progress.clean[None], stored, absolute=LATENTS)

    settings = Settings(Renoise(_variant(golden).steps, config["shift"]), (sizes["local_attn_size"],))
    session = begin(new_world(start), predict, settings=settings, after_step=after_step)
    chunk = session.step(next(_controls(golden, 1, "denoise.in.")), seed=0)
    judge.compare("denoise.out.latents", chunk.latents[None], tensors["denoise.out.latents"], absolute=LATENTS)


def _actions(golden: Golden, judge: Judge, towers: Towers | None) -> None:
    """Hold one action per chunk and compare what was handed to the network up to each chunk; play the authors' demo."""
    config, tensors = golden.config, golden.tensors
    for variant in (variant_named(name) for name in DEMOS):
        short = variant.name.removeprefix("matrix_game_2_")
        counts = torch.tensor([variant.chunking.frames(chunk) for chunk in range(config["n_chunks"])])
        for device in ("keyboard", "mouse"):
            held = tensors.get(f"{short}.in.{device}_per_chunk")
            if held is None:
                continue
            rows = held.repeat_interleave(counts, dim=0)[None]
            for chunk in range(config["n_chunks"]):
                passed = tensors[f"{short}.chunk{chunk}.passed_{device}"]
                judge.compare("passed", rows[:, : variant.chunking.first_frame(chunk + 1)], passed)
            judge.compare("final", rows, tensors[f"{short}.final_{device}"])
        for name, played in golden.under(f"{short}.bench").items():
            device = name.split(".")[1]
            timeline = preset(DEMOS[variant.name], len(played), config["python_random_seed_for_bench"])
            ours = getattr(bind_track(sample(timeline), variant).controls, device)
            judge.compare("bench", ours, played)


CASES: dict[str, Callable[[Golden, Judge, Towers | None], None]] = {
    "action_module": _action,
    "actions": _actions,
    "clip_and_preprocess": judge_pictures,
    "dit_chunks": _dit,
    "rollout": _rollout,
    "scheduler": _scheduler,
    "vae": judge_vae,
}
