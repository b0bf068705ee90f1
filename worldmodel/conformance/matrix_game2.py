"""The golden set of Matrix-Game 2.0, judged through the code users run.

Shapes: T latents of a chunk, S tokens per latent, C model width.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from torch import Tensor

from ..cache import KVCache
from ..conditions import cut_windows, image_condition_at, window_index
from ..models.action import HEAD_SIZE, ActionInputs, ActionModule, action_rotation
from ..models.matrix_game2 import MatrixGame2, Step, sizes_from_state_dict
from ..sampling import add_noise, clean_from_velocity, nearest_level, shifted_levels, warped_steps
from ..session import Progress, Session, Settings, bare
from ..state import Controls, RecordedNoise, Start
from ..variants import VARIANTS, Variant, variant_named
from ..weights import recognise
from .report import Golden, Judge, Line, load_golden

UNSUPPORTED = "not supported yet"
NETWORK = 1e-5
LATENTS = 5e-5
TABLE = 1e-6


def judge(path: Path, host: Path | None) -> list[Line]:
    """Return the lines of one file; `host` is a ComfyUI whose towers may be used."""
    verdicts = Judge(f"matrix_game2/{path.stem}")
    if path.suffix == ".json":
        _keys(path, verdicts)
        return verdicts.lines()
    golden = load_golden(path)
    kind = golden.config.get("kind", "")
    if kind in CASES:
        CASES[kind](golden, verdicts)
    else:
        verdicts.skip("file", UNSUPPORTED)
    return verdicts.lines()


def is_case(path: Path) -> bool:
    """Tell whether a file of the set is a case, and not a configuration or a summary."""
    return path.suffix == ".safetensors" or (path.stem.startswith("keys_") and path.stem != "keys_summary")


def network_from(weights: dict[str, Tensor], heads: int) -> MatrixGame2:
    """Return the network of these weights, strictly loaded."""
    network = MatrixGame2(**sizes_from_state_dict(weights, {"heads": heads}), device="meta")
    network.load_state_dict(weights, strict=True, assign=True)
    return network.eval()


def _variant(golden: Golden) -> Variant:
    return variant_named(f"matrix_game_2_{golden.config['variant']}")


def _chunks(count: int, length: int) -> Iterator[tuple[int, Tensor]]:
    for chunk in range(count):
        yield chunk, torch.arange(chunk * length, (chunk + 1) * length)


@torch.no_grad()
def _action(golden: Golden, judge: Judge) -> None:
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
    cache = KVCache(config["local_attn_size"], variant.chunk)
    tokens = config["tokens_per_frame"]
    for chunk, positions in _chunks(config["n_chunks"], variant.chunk):
        x = tensors["in.x"][:, positions[0] * tokens : (positions[-1] + 1) * tokens]
        mouse = cut_windows(tensors["in.mouse_cond"], positions) if sizes["enable_mouse"] else None
        keyboard = cut_windows(tensors["in.keyboard_cond"], positions)
        inputs = ActionInputs(keyboard, mouse, action_rotation(positions), cache, True, None)
        cache.begin_chunk()
        out = module(x, inputs, 0)
        judge.compare("out.chunk", out, tensors[f"out.chunk{chunk}"], absolute=NETWORK)
    table = action_rotation(torch.arange(tensors["table.cos"].shape[0]))
    for name, ours, still in (("cos", table.cos, 1.0), ("sin", table.sin, 0.0)):
        rotated = ours.repeat_interleave(2, dim=1)
        rest = torch.full((rotated.shape[0], HEAD_SIZE - rotated.shape[1]), still)
        judge.compare("table", torch.cat((rotated, rest), dim=1), tensors[f"table.{name}"], relative=TABLE)
    index = tensors["table.window_index"]
    judge.compare("table.window_index", window_index(torch.arange(index.shape[0])), index)


@torch.no_grad()
def _dit(golden: Golden, judge: Judge) -> None:
    """Run the network on each chunk: a noisy pass, then the clean pass, on one cache."""
    config, tensors, sizes = golden.config, golden.tensors, golden.config["model_config"]
    network = network_from(golden.under("sd."), sizes["num_heads"])
    cache = KVCache(sizes["local_attn_size"], config["num_frame_per_block"])
    for chunk, positions in _chunks(config["n_chunks"], config["num_frame_per_block"]):
        step = Step(
            timesteps=tensors["in.t_noisy"][chunk][None],
            positions=positions,
            image_condition=image_condition_at(tensors["in.cond_concat"][0], positions)[None],
            keyboard=cut_windows(tensors["in.keyboard_cond"], positions),
            mouse=cut_windows(tensors["in.mouse_cond"], positions) if "in.mouse_cond" in tensors else None,
            cache=cache,
        )
        clean = step._replace(timesteps=torch.zeros_like(step.timesteps), commit=True)
        for name, this in (("noisy", step), ("clean", clean)):
            x = tensors[f"in.x_{name}"][:, :, positions]
            flow = network(x, this.timesteps, tensors["in.visual_context"], step=this)
            judge.compare(f"out.flow_{name}", flow, tensors[f"out.chunk{chunk}.flow_{name}"], absolute=NETWORK)


def _start(golden: Golden, condition: Tensor, context: Tensor, noise: RecordedNoise) -> Start:
    variant = _variant(golden)
    return Start(variant.name, variant.latent_format, condition[0], context[0], noise)


def _controls(golden: Golden, chunks: int, prefix: str = "in.") -> Iterator[Controls]:
    variant = _variant(golden)
    keyboard, mouse = (golden.tensors.get(f"{prefix}{name}_cond") for name in ("keyboard", "mouse"))
    for chunk in range(chunks):
        rows = slice(variant.first_frame(chunk), variant.first_frame(chunk + 1))
        yield Controls(keyboard[0, rows], None if mouse is None else mouse[0, rows])


def _rollout(golden: Golden, judge: Judge) -> None:
    """Roll out through a session with the authors' noise."""
    config, tensors, sizes = golden.config, golden.tensors, golden.config["model_config"]
    towers = "in.image" in tensors
    given = "mid." if towers else "in."
    start = _start(
        golden,
        tensors[f"{given}cond_concat"],
        tensors[f"{given}visual_context"],
        RecordedNoise(tensors["in.noise"][0], tensors["in.renoise"]),
    )
    network = network_from(golden.under("sd.dit."), sizes["num_heads"])
    settings = Settings(tuple(config["denoising_step_list"]), config["timestep_shift"], sizes["local_attn_size"])
    session = Session(start, bare(network), settings=settings)
    latents = [session.step(controls, seed=0).latents for controls in _controls(golden, config["n_chunks"])]
    judge.compare("out.latents", torch.cat(latents, dim=1)[None], tensors["out.latents"], absolute=LATENTS)
    if towers:
        judge.skip("out.video", f"the Wan 2.1 VAE is {UNSUPPORTED}")
        judge.skip("mid.visual_context", "the CLIP tower needs the host; judged with the stored output", partial=True)


def _scheduler(golden: Golden, judge: Judge) -> None:
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
    start = _start(golden, tensors["denoise.in.cond_concat"], tensors["denoise.in.visual_context"], noise)
    network = bare(network_from(golden.under("sd."), sizes["num_heads"]))
    calls = 0

    def predict(x: Tensor, step: Step, context: Tensor) -> Tensor:
        nonlocal calls
        flow = network(x, step, context)
        for name, ours in (("x_t", x), ("flow", flow)):
            judge.compare(f"denoise.step.{name}", ours, tensors[f"denoise.step{calls}.{name}"], absolute=LATENTS)
        judge.compare("denoise.step.t", step.timesteps, tensors[f"denoise.step{calls}.t"], relative=TABLE)
        calls += 1
        return flow

    def after_step(progress: Progress) -> None:
        stored = tensors[f"denoise.step{progress.step - 1}.x0"]
        judge.compare("denoise.step.x0", progress.clean[None], stored, absolute=LATENTS)

    settings = Settings(_variant(golden).steps, config["shift"], sizes["local_attn_size"])
    session = Session(start, predict, settings=settings, after_step=after_step)
    chunk = session.step(next(_controls(golden, 1, "denoise.in.")), seed=0)
    judge.compare("denoise.out.latents", chunk.latents[None], tensors["denoise.out.latents"], absolute=LATENTS)


def _keys(path: Path, judge: Judge) -> None:
    """Compare a released file's keys and shapes with the network that is built for them."""
    listed = json.loads(path.read_text(encoding="utf-8"))
    name = path.stem.removeprefix("keys_")
    if name in ("vae", "clip"):
        judge.skip("keys", UNSUPPORTED)
        return
    released = {key: torch.empty(shape, device="meta") for key, (shape, _) in listed.items()}
    try:
        checkpoint = recognise(released, name=path.name)
    except ValueError as error:
        refused = name == "foundation" and "foundation model" in str(error)
        (judge.passed if refused else judge.fail)("keys", f"refused: {error}")
        return
    if checkpoint.variant.name == f"matrix_game_2_{name}":
        judge.passed("keys", f"{len(released)} keys and shapes agree")
    else:
        judge.fail("keys", f"taken for {checkpoint.variant.name}")


def _actions(golden: Golden, judge: Judge) -> None:
    """Hold one action per chunk and compare what has been handed to the network up to each chunk."""
    for variant in (variant_named(name) for name in VARIANTS if name.startswith("matrix_game_2")):
        short = variant.name.removeprefix("matrix_game_2_")
        for device in ("keyboard", "mouse"):
            held = golden.tensors.get(f"{short}.in.{device}_per_chunk")
            if held is None:
                continue
            counts = torch.tensor([variant.chunk_frames(chunk) for chunk in range(golden.config["n_chunks"])])
            rows = held.repeat_interleave(counts, dim=0)[None]
            for chunk in range(golden.config["n_chunks"]):
                passed = golden.tensors[f"{short}.chunk{chunk}.passed_{device}"]
                judge.compare("passed", rows[:, : variant.first_frame(chunk + 1)], passed)
            judge.compare("final", rows, golden.tensors[f"{short}.final_{device}"])
    judge.skip("bench597", f"the authors' random benchmark actions are {UNSUPPORTED}")


CASES: dict[str, Callable[[Golden, Judge], None]] = {
    "action_module": _action,
    "actions": _actions,
    "dit_chunks": _dit,
    "rollout": _rollout,
    "scheduler": _scheduler,
}
