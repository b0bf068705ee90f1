"""Files of causal Wan models: recognised by names and shapes, told apart from relatives, refused in a sentence."""

from __future__ import annotations

import json
from pathlib import Path, PurePath

import pytest
import torch
from torch import Tensor

from worldmodel.checkpoints.key_names import released_names
from worldmodel.checkpoints.recognise import recognise
from worldmodel.checkpoints.twins import expert_named, twins_of
from worldmodel.models.causal_wan.network import CausalWan
from worldmodel.models.causal_wan.sizes import Sizes
from worldmodel.variants import VARIANTS

KEYS = Path(__file__).parents[1] / "golden" / "gamecraft2" / "keys_lingbot_1.3b.json"
WORDS = Sizes(dim=1536, ffn_dim=64, freq_dim=32, layers=1, text_dim=32, in_dim=16, channels=16, cell=0, heads=12)
DIFFUSERS = {
    "self_attn": "attn1",
    "cross_attn": "attn2",
    ".q.": ".to_q.",
    ".k.": ".to_k.",
    ".v.": ".to_v.",
    ".o.": ".to_out.0.",
    "norm3": "norm2",
    "ffn.0": "ffn.net.0.proj",
    "ffn.2": "ffn.net.2",
    "modulation": "scale_shift_table",
    "head.head": "proj_out",
    "head.scale_shift_table": "scale_shift_table",
    "time_embedding.0": "condition_embedder.time_embedder.linear_1",
    "time_embedding.2": "condition_embedder.time_embedder.linear_2",
    "time_projection.1": "condition_embedder.time_proj",
    "text_embedding.0": "condition_embedder.text_embedder.linear_1",
    "text_embedding.2": "condition_embedder.text_embedder.linear_2",
}


def lingbot() -> dict[str, Tensor]:
    listed = json.loads(KEYS.read_text())
    return {key: torch.empty(shape, device="meta") for key, (shape, _) in listed.items()}


def words() -> dict[str, Tensor]:
    return CausalWan(WORDS, device="meta").state_dict()


def test_released_forms_are_recognised() -> None:
    assert recognise(lingbot()).variant.name == "lingbot_2_1_3b"
    assert recognise({f"generator.model.{key}": value for key, value in words().items()}).variant.name == "self_forcing"
    renamed = {}
    for key, value in words().items():
        for theirs, other in DIFFUSERS.items():
            key = key.replace(theirs, other)
        renamed[key] = value
    assert released_names(renamed).keys() == words().keys()
    assert recognise(renamed).variant.name == "self_forcing"


def test_twins_share_their_tensors_alone() -> None:
    def names(variant: str) -> list[str]:
        return [twin.name for twin in twins_of(VARIANTS[variant])]

    assert names("lingbot_2_14b") == ["lingbot_2_14b", "lingbot_fast", "lingbot_base_cam"]
    assert names("self_forcing") == ["self_forcing", "longlive"]
    assert names("lingbot_2_1_3b") == ["lingbot_2_1_3b"] and names("tiny_world") == []
    assert VARIANTS["lingbot_2_1_3b"].shift == 5 and VARIANTS["lingbot_2_14b"].shift == 10


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"camera_net.encode_first.0.weight": (192, 384, 1, 1), "double_blocks.0.x": (1,)}, "Hunyuan-GameCraft 1.0"),
        (
            {"camera_net.final_proj.weight": (16, 96, 1, 1), "patch_embedding.weight": (5120, 36, 1, 2, 2)},
            "a model like Hunyuan-GameCraft-2 .*: please report this file's key names",
        ),
        ({"patch_embedding_wancamctrl.weight": (1536, 1792)}, "control type 'act'.* are not supported"),
        ({"head.head.weight": (192, 1536)}, "found 36 channels in, 48 out"),
    ],
)
def test_relatives_are_refused_by_name(change: dict[str, tuple[int, ...]], said: str) -> None:
    changed = {key: torch.empty(shape, device="meta") for key, shape in change.items()}
    with pytest.raises(ValueError, match=said):
        recognise({**lingbot(), **changed})


def test_names_tell_the_two_experts() -> None:
    told = {
        "lingbot-world-base-cam/high_noise_model": "high",
        "lingbot-world-base-cam/low_noise_model/diffusion_pytorch_model-00001-of-00008.safetensors": "low",
        "wan/LingBot_cam_HIGH_noise_14B_fp8.safetensors": "high",
        "high_noise_model/low_noise.safetensors": "low",
        "lingbot-world-v2-14b-causal-fast/model.safetensors": "",
        "high_noise_low_noise.safetensors": "",
    }
    assert {path: expert_named(PurePath(path)) for path in told} == told


def test_a_missing_tensor_is_named() -> None:
    weights = lingbot()
    del weights["blocks.7.cam_scale_layer.bias"]
    with pytest.raises(ValueError, match=r"blocks\.7\.cam_scale_layer\.bias"):
        recognise(weights)
