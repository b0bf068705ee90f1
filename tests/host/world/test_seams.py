"""Objects of ours that stand in for the host's: an alarm for the day on which the host asks them for more.

The VAE sets the attributes of the host's by hand, and the pass-through stands where the host keeps its noise levels.
What the host reads of them is told by its source, as it lies in the host under test.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterator
from types import ModuleType, SimpleNamespace

import comfy.model_base
import comfy.samplers
import comfy.sd
import pytest
import torch

from worldmodel.vae.wan21 import Wan21VAE


def parsed(thing: object) -> ast.AST:
    return ast.parse(textwrap.dedent(inspect.getsource(thing)))


def attributes(tree: ast.AST, of: str, context: type[ast.expr_context] = ast.Load) -> Iterator[str]:
    """Name the attributes of something, such as `self` or `self.patcher`, that code reads or sets."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, context) and ast.unparse(node.value) == of:
            yield node.attr


def methods(kind: type) -> dict[str, ast.FunctionDef]:
    (body,) = (
        node.body for node in ast.walk(parsed(kind)) if isinstance(node, ast.ClassDef) and node.name == kind.__name__
    )
    return {node.name: node for node in body if isinstance(node, ast.FunctionDef)}


@pytest.fixture(params=["tiny", "wan21"])
def vae(request: pytest.FixtureRequest, tiny: SimpleNamespace, of_pack: Callable[[str], ModuleType]) -> comfy.sd.VAE:
    """Each kind of ours."""
    if request.param == "tiny":
        return tiny.vae
    torch.manual_seed(1)
    return of_pack("nodes.host.vae").build_vae(Wan21VAE(width=4).state_dict(), {}, "wan.safetensors")


def test_our_vae_has_every_attribute_that_the_hosts_methods_read(vae: comfy.sd.VAE) -> None:
    of_host = methods(comfy.sd.VAE)
    constructor = of_host.pop("__init__")
    read = {name for method in of_host.values() for name in attributes(method, "self")}
    assert {"first_stage_model", "upscale_ratio", "memory_used_decode"} <= read, "the host's methods were not found"
    assert sorted(name for name in read if not hasattr(vae, name)) == []
    # what it sets for every VAE, its nodes may read
    always = [statement for statement in constructor.body if isinstance(statement, ast.Assign)]
    named = {name for statement in always for name in attributes(statement, "self", ast.Store)}
    assert "latent_channels" in named
    assert sorted(name for name in named if not hasattr(vae, name)) == []


CONDITIONAL = {"encode_tiled", "decode_tiled", "decode_output_shape"}
"""Called only where a VAE says `handles_tiling`, or a network has `comfy_has_chunked_io`; ours do not."""


def test_our_networks_have_every_attribute_that_the_hosts_methods_read(vae: comfy.sd.VAE) -> None:
    network = vae.first_stage_model
    of_host = [method for name, method in methods(comfy.sd.VAE).items() if name != "__init__"]
    read = {name for method in of_host for name in attributes(method, "self.first_stage_model")}
    assert {"encode", "decode"} <= read, "the host's methods were not found"
    assert not vae.handles_tiling and not hasattr(network, "comfy_has_chunked_io")
    assert sorted(name for name in read - CONDITIONAL if not hasattr(network, name)) == []


def test_the_pass_through_has_what_the_host_reads_of_noise_levels(of_pack: Callable[[str], ModuleType]) -> None:
    pass_through = of_pack("nodes.host.network").PassThrough
    read = {
        name
        for source, of in (
            (comfy.model_base.BaseModel, "self.model_sampling"),
            (comfy.samplers.KSAMPLER, "model_wrap.inner_model.model_sampling"),
            (comfy.samplers, "model.model_sampling"),
            (comfy.samplers, "model_wrap.inner_model.model_sampling"),
        )
        for name in attributes(parsed(source), of)
    }
    assert {"calculate_input", "noise_scaling", "timestep"} <= read, "the host's uses were not found"
    assert sorted(name for name in read if not hasattr(pass_through, name)) == []
