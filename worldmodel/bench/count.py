"""`python -m worldmodel.bench count`: what released models cost, counted without numbers and without a card.

One pass in the middle of a rollout and one chunk: kernels (calls that allocate or write; views are none), bytes that
they read and write, products, and the least that these could be (on the tokens whose result is read, with the constants
of a chunk, clip or prompt made once). And the memory that lives, by phase: weights, what a phase keeps to its end, and
the activations that come and go, at their fullest. What happens inside a kernel is not seen.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from torch import nn

from .card import Phase, card_bytes, gigabytes, missing, plan
from .counting import Cost, bytes_of, counted, weights_of
from .released import ENCODERS, MODELS, PICTURES, SIDES, Form, Model
from .released_causal_wan import PICTURE, base_cam, lingbot_1_3b, lingbot_14b
from .released_yume import yume

MODELS["yume"], PICTURES["yume"], SIDES["yume"] = yume, (704, 1280), 32
LINGBOT = {"lingbot-1.3b": lingbot_1_3b, "lingbot-14b": lingbot_14b, "lingbot-base-cam": base_cam}
for _name, _model in LINGBOT.items():
    MODELS[_name], PICTURES[_name], SIDES[_name] = _model, PICTURE, 16

BYTES_PER_PARAMETER = 2
"""Of the host's encoders, in bfloat16."""
VAES = {"whole": 0.0, "light-50": 0.5, "light-75": 0.75}
"""Decoders, by the share of their width that is left out."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this count's options."""
    parser.add_argument("family", nargs="?", choices=MODELS, help="default: all of them")
    parser.add_argument("--attention", choices=("bf16", "int8"), help="Matrix-Game 3's attention (default: both)")
    parser.add_argument("--constants", choices=("kept", "anew"), help="what a clip's steps share (default: both)")
    parser.add_argument("--vae", choices=VAES, default="whole", help="Matrix-Game 3's decoder (default whole)")
    parser.add_argument("--picture", help="height x width in pixels, such as 352x640 (default: the release's)")
    parser.add_argument("--card", nargs="+", default=[], help="say what fits cards such as 12GB 24GB")
    parser.add_argument("--json", action="store_true", help="print one line of JSON")


_ANEW, _FP8 = {"constants made anew": {"kept": False}}, {"weights in fp8": {"halved": True}}
_CAUSAL: dict[str, dict[str, Any]] = {
    **_ANEW,
    "keys and values in int8 (World Cache)": {"packed": True},
    **_FP8,
}
REMEDIES: dict[str, dict[str, dict[str, Any]]] = {
    "matrix-game-3": {
        **_ANEW,
        "the decoder MG-LightVAE 75 %": {"pruned": 0.75},
        "attention in 8 bits": {"int8": True},
    },
    "lingbot-1.3b": _CAUSAL,
    "lingbot-14b": _CAUSAL,
    "lingbot-base-cam": {**_ANEW, **_FP8},
}
"""What can be lowered in a family, the mildest first, and the fields of a form that do it."""


def forms_of(options: argparse.Namespace, family: str) -> list[Form]:
    """Return the forms of a family that the options ask for.

    Raises:
        ValueError: the picture makes no sense.
    """
    picture = picture_of(options.picture, family)
    if family != "matrix-game-3":
        return [Form(picture)]
    int8 = (False, True) if options.attention is None else (options.attention == "int8",)
    kept = (True, False) if options.constants is None else (options.constants == "kept",)
    return [Form(picture, int8=one, kept=two, pruned=VAES[options.vae]) for one in int8 for two in kept]


def picture_of(text: str | None, family: str) -> tuple[int, int]:
    """Return height and width in pixels.

    Raises:
        ValueError: they are no multiples of what the family wants.
    """
    if text is None:
        return PICTURES[family]
    sides, unit = text.split("x"), SIDES[family]
    if len(sides) != 2 or not all(side.isdigit() and len(side) < 6 and int(side) for side in sides):
        raise ValueError(f"--picture: found {text!r}, expected height x width in pixels, such as 352x640.")
    height, width = map(int, sides)
    if height % unit or width % unit:
        raise ValueError(f"--picture: found {text}, expected multiples of {unit} for {family}.")
    return height, width


def passes_of(model: Model) -> dict[str, dict[str, float]]:
    """Count every pass of a model."""
    rows = {}
    for each in model.passes:
        with counted() as counter:
            each.before()
            before = counter.cost
            each.run()
        rows[each.name] = _row(counter.cost - before, each.bound)
    return rows


def _row(cost: Cost, bound: int) -> dict[str, float]:
    return {"kernels": cost.kernels, "bytes": cost.bytes, "gflop": cost.flop / 1e9, "bound gflop": bound / 1e9}


@cache
def chunk_of(family: str, form: Form) -> tuple[dict[str, float], dict[str, Phase]]:
    """Count a chunk in the middle of a rollout, and the memory of a rollout by phase."""
    model = MODELS[family](form)
    cost, denoising = denoised(model)
    experts = ("network",) if model.experts == 1 else ("expert for much noise", "expert for little noise")
    (size,) = denoising.parts.values()
    phases = {
        "load": Phase({experts[0]: size}, 0),
        f"encode, {model.encoder}": Phase({model.encoder: BYTES_PER_PARAMETER * ENCODERS[model.encoder]}, 0),
        "encode": phase_of(model.encode, model.vae),
        **{
            f"denoise, {name}" if name != "network" else "denoise": denoising._replace(parts={name: size})
            for name in experts
        },
        "decode": phase_of(model.decode, model.vae),
    }
    return _row(cost, model.chunk_bound), phases


def denoised(model: Model) -> tuple[Cost, Phase]:
    """Count what a chunk in the middle of a rollout takes of the network, and the memory that lives meanwhile."""
    form, size = model.form, bytes_of(weights_of(model.network))
    with counted(weights_of(model.network)) as counter:  # they live already: a view of one is nothing new
        model.before_chunk()
        before = counter.cost
        held = model.chunk()
        working, left = counter.peak - size, counter.live - size
        del held
    cost = counter.cost - before
    if model.again:
        with counted() as counter:
            model.passes[-1].before()
            before = counter.cost
            model.passes[-1].run()
        cost += Cost(*(model.again * part for part in counter.cost - before))
    if form.halved:  # one layer at a time in 16 bits
        linear = [layer.weight for layer in model.network.modules() if isinstance(layer, nn.Linear)]
        size, working = size - bytes_of(linear) // 2, working + max(weight.nbytes for weight in linear)
    return cost, Phase({"network": size}, working, left)


def phase_of(work: Callable[[], object], vae: nn.Module) -> Phase:
    """Count the memory in which a VAE encodes or decodes."""
    with counted(weights_of(vae)) as counter:
        held = work()
        left = counter.live
        del held
    size = bytes_of(weights_of(vae))
    return Phase({"VAE": size}, counter.peak - size, left - size)


def remedies_of(family: str, form: Form) -> dict[str, Form]:
    """Return forms that need less than this one, the mildest first."""
    found: dict[str, Form] = {}
    words: list[str] = []
    for name, change in REMEDIES.get(family, {}).items():
        if form._replace(**change) != form:
            form = form._replace(**change)
            words.append(name)
            found[", ".join(words)] = form
    unit = SIDES[family]
    half = tuple(max(unit, side // 2 // unit * unit) for side in form.picture)
    words = [*found][-1:]
    return {**found, ", ".join([*words, f"a picture of {half[0]}x{half[1]}"]): form._replace(picture=half)}


def count(family: str, form: Form) -> dict[str, Any]:
    """Return all that is counted of a family in a form, in plain numbers."""
    model = MODELS[family](form)
    weights = bytes_of(weights_of(model.network))
    found: dict[str, Any] = {"family": family, "model": model.title, "form": form._asdict(), "weights bytes": weights}
    if form.int8:
        plain = MODELS[family](form._replace(int8=False))
        found["weights beside bf16"] = weights / bytes_of(weights_of(plain.network))
    row, phases = chunk_of(family, form)
    found["passes"] = {**passes_of(model), "a chunk": row}
    found["peak bytes"] = {
        name: {
            "weights": sum(phase.parts.values()), "kept": phase.kept, "activations": phase.activations,
            "working": phase.working, "together": phase.together,
        }
        for name, phase in phases.items()
    }  # fmt: skip
    return found


def fitted(family: str, form: Form, card: int) -> list[str]:
    """Return what is to be said of a card."""
    phases = chunk_of(family, form)[1]
    others = remedies_of(family, form) if missing(phases, card) else {}
    return plan(phases, card, {name: chunk_of(family, other)[1] for name, other in others.items()})


def table(found: Mapping[str, Any], form: Form) -> list[str]:
    """Return what was counted as lines of text."""
    words = f"{form.picture[0]}x{form.picture[1]}, bf16"
    if found["family"] == "matrix-game-3":
        words += f", attention {'int8' if form.int8 else 'bf16'}, constants {'kept' if form.kept else 'made anew'}"
        words += f", decoder {form.pruned:.0%} pruned" if form.pruned else ""
    lines = [f"{found['model']}, {words}: weights {gigabytes(found['weights bytes'])}"]
    if "weights beside bf16" in found:
        lines[0] += f", {found['weights beside bf16']:.3f} of bf16's"
    lines.append(f"  {'':24s} {'kernels':>8} {'bytes':>12} {'GFLOP':>12} {'bound':>12}")
    lines += [
        f"  {name:24s} {row['kernels']:8,} {row['bytes'] / 1e9:9,.1f} GB {row['gflop']:12,.1f} "
        f"{row['bound gflop']:12,.1f}"
        for name, row in found["passes"].items()
    ]
    lines.append(f"  {'peak by phase':24s} {'weights':>12} {'kept':>12} {'activations':>12} {'together':>12}")
    lines += [
        f"  {name:24s} {gigabytes(row['weights']):>12} {gigabytes(row['kept']):>12} "
        f"{gigabytes(row['activations']):>12} {gigabytes(row['together']):>12}"
        for name, row in found["peak bytes"].items()
    ]
    return lines


def report(options: argparse.Namespace) -> str:
    """Count what the options ask for and return it as text.

    Raises:
        ValueError: an option makes no sense.
    """
    cards = {text: card_bytes(text) for text in options.card}
    families = [options.family] if options.family else [*MODELS]
    asked = [(family, form) for family in families for form in forms_of(options, family)]
    lines, records = [], []
    for family, form in asked:
        found = count(family, form)
        lines += table(found, form)
        found["cards"] = {text: fitted(family, form, card) for text, card in cards.items()}
        for text, said in found["cards"].items():
            lines += [f"  on a card of {text}:", *(f"    {line}" for line in said)]
        records.append(found)
    return json.dumps(records) if options.json else "\n".join(lines)
