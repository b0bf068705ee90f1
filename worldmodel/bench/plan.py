"""`python -m worldmodel.bench plan`: the memory that `count` plans, beside what is taken when the same is really run.

Small networks of every family, laid out as the released ones, at two sizes of picture; each phase is counted without
numbers, as for a card, and then run on the CPU. Measured is the peak of all that torch's allocator hands out meanwhile,
as its profiler sees it: what kernels take for themselves is in it, and neither Python nor what a process keeps of freed
memory. Where a CPU has no convolutions in 16 bits, ours are in float32, and so is the plan beside it.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch
from torch.profiler import ProfilerActivity, profile

from ..vae.convolving import counted_as_on_this_cpu
from .count import denoised, phase_of
from .counting import bytes_of, weights_of
from .released import MATRIX_GAME_2_SIZES, MATRIX_GAME_3_SIZES, Form, Model, matrix_game_2, matrix_game_3
from .released_causal_wan import LINGBOT_14B, base_cam, lingbot_1_3b
from .released_yume import yume
from .yume import RELEASED as YUME_SIZES

PRECISIONS = {"fp32": "float32", "bf16": "bfloat16"}
BAR = 0.1
"""How far planned and measured may lie apart."""
_SMALL_2 = {
    **MATRIX_GAME_2_SIZES, "dim": 256, "heads": 2, "ffn_dim": 1536, "layers": 3, "action_heads": 4,
    "action_blocks": range(2),
}  # fmt: skip
_SMALL_3 = MATRIX_GAME_3_SIZES._replace(
    dim=384, ffn_dim=1792, layers=6, text_dim=64, action_blocks=(0, 1, 2), action_heads=4, heads=3
)
_SMALL_YUME = YUME_SIZES._replace(dim=128, ffn_dim=600, layers=2, text_dim=64, heads=1)
_SMALL_WAN = LINGBOT_14B._replace(dim=256, ffn_dim=1536, layers=3, text_dim=64, heads=2)


class Small(NamedTuple):
    """A small family.

    Args:
        build: makes it in a form.
        pictures: heights and widths at which it is run.
        forms: by what the table calls them, the fields of a form.
    """

    build: Callable[[Form], Model]
    pictures: tuple[tuple[int, int], tuple[int, int]]
    forms: dict[str, dict[str, Any]]


_KEPT: dict[str, dict[str, Any]] = {"": {}, "constants made anew": {"kept": False}}
FAMILIES = {
    "matrix-game-2": Small(lambda form: matrix_game_2(form, _SMALL_2, 8), ((64, 96), (96, 128)), {"": {}}),
    "matrix-game-3": Small(
        lambda form: matrix_game_3(form, _SMALL_3, (8, 12)),
        ((64, 96), (128, 192)),
        {**_KEPT, "attention in int8": {"int8": True}},
    ),
    "yume": Small(lambda form: yume(form, _SMALL_YUME, (8, 12)), ((128, 192), (192, 256)), _KEPT),
    "lingbot-1.3b": Small(
        lambda form: lingbot_1_3b(form, _SMALL_WAN, 8),
        ((64, 96), (96, 128)),
        {**_KEPT, "keys and values in int8": {"packed": True}},
    ),
    "lingbot-base-cam": Small(lambda form: base_cam(form, _SMALL_WAN, 8), ((32, 48), (48, 64)), _KEPT),
}
"""LingBot-World 2 14B is laid out as 1.3B is."""
PHASES = ("encode", "denoise", "decode")


class Row(NamedTuple):
    """One phase; all in bytes.

    Args:
        name: family, precision and form, picture, phase.
        weights: that lie there all the time.
        planned, measured: of all else, at its fullest.
    """

    name: str
    weights: int
    planned: int
    measured: int

    @property
    def ratio(self) -> float:
        """Planned over measured, weights included, as a card has to hold them."""
        return (self.weights + self.planned) / (self.weights + self.measured)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this benchmark's options."""
    parser.add_argument("family", nargs="*", help=f"of {', '.join(FAMILIES)} (default: all)")
    parser.add_argument("--precision", choices=PRECISIONS, help="default: both")
    parser.add_argument("--phase", choices=PHASES, help="default: all")
    parser.add_argument("--small", action="store_true", help="the smaller of two pictures only")


def rows(options: argparse.Namespace) -> Iterator[Row]:
    """Plan and measure what the options ask for.

    Raises:
        ValueError: an unknown family.
    """
    for name in options.family or FAMILIES:
        if name not in FAMILIES:
            raise ValueError(f"family: found {name!r}, expected one of {', '.join(FAMILIES)}.")
    precisions = [options.precision] if options.precision else [*PRECISIONS]
    phases = [options.phase] if options.phase else PHASES
    for name in options.family or FAMILIES:
        small = FAMILIES[name]
        for picture in small.pictures[: 1 if options.small else 2]:
            for precision in precisions:
                for words, fields in small.forms.items():
                    form = Form(picture, precision=PRECISIONS[precision], **fields)
                    for phase in phases:
                        if words and phase != "denoise":  # the same VAE again
                            continue
                        title = f"{name} {precision}{words and ', '}{words}"
                        yield row(f"{title}, {picture[0]}x{picture[1]}, {phase}", small.build, form, phase)


def row(name: str, build: Callable[[Form], Model], form: Form, phase: str) -> Row:
    """Plan one phase of a model in a form, and measure it."""
    counting = build(form)
    with counted_as_on_this_cpu():
        planned = denoised(counting)[1] if phase == "denoise" else phase_of(getattr(counting, phase), counting.vae)
    real = build(form._replace(device="cpu"))
    module = real.network if phase == "denoise" else real.vae

    def work() -> object:
        if phase == "denoise":
            real.before_chunk()
        return {"encode": real.encode, "denoise": real.chunk, "decode": real.decode}[phase]()

    return Row(name, bytes_of(weights_of(module)), planned.working, allocated(work))


def allocated(work: Callable[[], object]) -> int:
    """Return the peak of what torch's allocator hands out while `work` runs, in bytes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a device that is not there
        with torch.inference_mode(), profile(activities=[ProfilerActivity.CPU], profile_memory=True) as seen:
            work()
    live = peak = 0
    events = (event for event in seen.profiler.kineto_results.events() if event.name() == "[memory]")
    for event in sorted(events, key=lambda event: event.start_ns()):
        live += event.nbytes()
        peak = max(peak, live)
    return peak


def report(options: argparse.Namespace) -> str:
    """Plan and measure what the options ask for, and return the table.

    Raises:
        ValueError: an option makes no sense.
    """
    found = [*rows(options)]
    width = max(len(one.name) for one in found)
    lines = [
        f"{'MB':{width}} {'weights':>9} {'planned':>9} {'measured':>9}  planned / measured, without and with weights"
    ]
    lines += [
        f"{one.name:{width}} {one.weights / 1e6:9.2f} {one.planned / 1e6:9.2f} {one.measured / 1e6:9.2f}  "
        f"{one.planned / one.measured:.3f} {one.ratio:.3f}"
        for one in found
    ]
    far = [one.name for one in found if abs(one.ratio - 1) > BAR]
    lines.append(f"farther apart than {BAR:.0%}: {'; '.join(far) or 'none'}")
    lines += [f"ratio {one.name.replace(', ', '/').replace(' ', '-')} {one.ratio:.3f}" for one in found]
    return "\n".join(lines)
