"""The golden set of Matrix-Game 3.0's rollouts, judged through the session users run, with the authors' noise.

Shapes: T latents of a call, M of them memory, P past, h, w latent grid, F frames.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from ..binding.stances import stance_poses, walk_stances
from ..families.begin import begin, settings_of
from ..models.matrix_game3.conditions import Call
from ..models.matrix_game3.start_picture import cropped_picture, stretched_picture
from ..rollout.session import Predict, bare
from ..vae.wan22 import MATRIX_GAME_3, from_model_space, to_model_space
from ..variants import AS_RELEASED, Variant, variant_named
from ..world.state import Controls, RecordedNoise, Start, World, new_world
from .matrix_game3 import network_from
from .matrix_game3_vae import vae_from
from .report import Golden, Judge, Line, load_described
from .towers import Towers

LATENTS, STEPS, RAYS, PICTURE, FRAMES = 1e-4, 1e-4, 1e-5, 1e-5, 3e-3
RUNS = {"distilled": cropped_picture, "base_cfg": cropped_picture, "interactive": stretched_picture}
"""And how each prepares its picture."""


def judge(path: Path, towers: Towers | None) -> list[Line]:
    """Return the lines of one file."""
    verdicts = Judge(f"matrix_game3/{path.stem}")
    golden = load_described(path)
    for name in RUNS:
        if f"{name}.img_latent" in golden.tensors:
            _rollout(golden, name, verdicts)
    return verdicts.lines()


def is_case(path: Path) -> bool:
    """Tell whether a file of the set is judged here."""
    return path.suffix == ".safetensors" and path.stem == "rollout"


@torch.no_grad()
def _rollout(golden: Golden, name: str, judge: Judge) -> None:
    """Encode the picture, roll out, and decode."""
    given, config = golden.under(f"{name}."), golden.config
    variant = variant_named("matrix_game_3_base" if name == "base_cfg" else "matrix_game_3_distilled")
    start = _start(golden, name, variant, judge)
    steps = (config["base_steps"],) if variant.guidance else ()
    network = bare(network_from(golden.under("dit.sd."), config["dit_config"]))
    watched = _Watched(network, given, judge)
    session = begin(
        new_world(start), watched.predict, guidance=config.get("base_guide"),
        settings=settings_of(variant, start.form, steps=steps, shift=config["shift"]),
    )  # fmt: skip
    for clip, frames in enumerate(config[f"{name}.frames"]):
        watched.clip, watched.asked = clip, 0
        controls = _controls(given, variant, clip)
        assert controls.frames == frames, f"{name}: clip {clip} has {controls.frames} rows for {frames} frames"
        latents = session.step(controls, seed=0).latents
        judge.compare("new_latents", latents[None], given[f"clip{clip}.new_latents"], norm=LATENTS)
    _frames(golden, name, session.world, judge)


def _start(golden: Golden, name: str, variant: Variant, judge: Judge) -> Start:
    """Return the start with the authors' noise, of the latents that our encoder makes of the prepared picture."""
    given, size = golden.under(f"{name}."), tuple(golden.config["size_hw"])
    picture = RUNS[name](golden.tensors["image_u8"][None] / 255, size)
    if "preprocessed_image" in given:
        judge.compare("preprocessed_image", picture[0, :, None], given["preprocessed_image"], absolute=PICTURE)
    weights = golden.under("vae.sd.") | golden.under("lightvae.sd.")
    latent = to_model_space(vae_from(weights).encode(picture[:, :, None], manner=MATRIX_GAME_3))[0]
    judge.compare("img_latent", latent, given["img_latent"], norm=LATENTS)
    clips = len(golden.config[f"{name}.frames"])
    drawn = [
        given[f"clip{clip}.noise"][0, :, -variant.chunking.sampled(clip) :]  # those of given latents are thrown away
        for clip in range(clips)
    ]
    none = torch.zeros(clips, 0, variant.chunking.later, *latent[:, 0].shape)
    negative = golden.tensors["context_neg"] if variant.text.negative else None
    return Start(
        variant.name, variant.latent_format, latent, noise=RecordedNoise(torch.cat(drawn, dim=1), none),
        text=golden.tensors["context"], negative=negative, form=AS_RELEASED,
    )  # fmt: skip


def _controls(given: dict[str, Tensor], variant: Variant, clip: int) -> Controls:
    keyboard, mouse = given["keyboard_all"], given["mouse_all"]
    first, end = (variant.chunking.first_frame(index) for index in (clip, clip + 1))
    c2w = stance_poses(walk_stances(keyboard, mouse))
    return Controls(keyboard[first:end], mouse[first:end], c2w[first:end])


class _Watched:
    """Compares what goes into the network and comes out, pass by pass."""

    def __init__(self, network: Predict, given: dict[str, Tensor], judge: Judge):
        self.clip = self.asked = 0
        self._network, self._given, self._judge = network, given, judge

    def predict(self, x: Tensor, call: Call) -> Tensor:
        """Return the network's velocity."""
        velocity = self._network(x, call)
        step, told = self.asked // (1 if call.negative is None else 2), call.text is not call.negative
        if told:
            self._inputs(x, call, step)
        name = f"step{step}.noise_pred_{'cond' if told else 'null'}"
        self._compare(name, "noise_pred", velocity, call)
        self.asked += 1
        return velocity

    def _inputs(self, x: Tensor, call: Call, step: int) -> None:
        self._compare(f"step{step}.x", "x", x, call)
        if step:
            return
        judge, memories, latents = self._judge, call.memories, len(call.positions)
        tokens = call.rays.shape[1] // latents
        positions, window = call.positions[memories:], call.positions[[memories, -1]] + torch.tensor([0, 1])
        judge.compare("predict_latent_idx", window, self._of("predict_latent_idx"))
        assert positions.diff().eq(1).all(), "the window has a gap"
        if memories:
            judge.compare("memory_latent_idx", call.positions[:memories], self._of("memory_latent_idx"))
        times = call.timesteps[:, memories:].repeat_interleave(tokens, dim=1)
        judge.compare("t", times, self._of("t_step0"))
        rays = call.rays[0].unflatten(0, (latents, tokens)).unflatten(2, (-1, 4))  # (T, tokens, 1536, 4)
        spread = rays.permute(2, 0, 1, 3).flatten(2).double()  # (1536, T, pixels)
        stats = torch.stack([spread.mean((0, 2)), spread.transpose(1, 0).flatten(1).std(1)])
        judge.compare("plucker_stats", stats, self._of("plucker_stats"), absolute=RAYS)
        judge.compare("plucker_corner", rays[:, -1, ::16, -1].t(), self._of("plucker_corner_every16ch"), absolute=RAYS)

    def _of(self, name: str) -> Tensor:
        return self._given[f"clip{self.clip}.{name}"]

    def _compare(self, name: str, kind: str, ours: Tensor, call: Call) -> None:
        if f"clip{self.clip}.{name}" in self._given:
            theirs = self._of(name)[:, :, call.past.shape[2] :]  # of latents that are given, ours are not asked for
            self._judge.compare(kind, ours, theirs, norm=STEPS)


def _frames(golden: Golden, name: str, world: World, judge: Judge) -> None:
    """Decode chunk by chunk, as a film is, and compare the frames that were kept."""
    given, memory = golden.under(f"{name}."), {}
    vae = vae_from(golden.under("lightvae.sd."))
    pieces = [from_model_space(chunk.latents[None]) for chunk in world.chunks]
    film = torch.cat([vae.decode(latents, memory, MATRIX_GAME_3)[0] for latents in pieces], dim=1)  # (3, F, H, W)
    judge.compare("video_sel", film[:, given["video_sel_idx"]], given["video_sel_f16"], absolute=FRAMES)
    if "video_u8_every32" in given:
        colours = ((film + 1) * 127.5).clamp(0, 255).to(torch.uint8).permute(1, 2, 3, 0)[::32]  # cut off, as released
        judge.compare("video_u8", colours.int(), given["video_u8_every32"].int(), absolute=1)
