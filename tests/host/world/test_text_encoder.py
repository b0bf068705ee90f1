"""The text encoder of Wan at small size: from every file people have it in, through our node and the host's own."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import comfy.sd
import pytest
import sentencepiece
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

import nodes as host_nodes

GOLDEN = Path(__file__).resolve().parents[2] / "golden" / "matrix_game3" / "t5_tiny.safetensors"
WORDS = "a quiet street at night with rain and red lamps walking forward in the city of glass"
CLIP = "models_t5_umt5-xxl-enc-bf16.pth"


@pytest.fixture(scope="module")
def tokenizer() -> bytes:
    """A tokenizer as UMT5's is made, of fewer words."""
    made = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([WORDS] * 20), model_writer=made, vocab_size=50, model_type="unigram", pad_id=0,
        eos_id=1, unk_id=2, bos_id=-1, hard_vocab_limit=False, minloglevel=2,
    )  # fmt: skip
    return made.getvalue()


@pytest.fixture(scope="module")
def weights() -> dict[str, Tensor]:
    """The authors' small encoder under the released names."""
    return {key.removeprefix("sd."): value.float() for key, value in load_file(GOLDEN).items() if key.startswith("sd.")}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of the host's models, its only one for text encoders and diffusion models."""
    import folder_paths

    kept = {name: folder_paths.folder_names_and_paths[name] for name in ("text_encoders", "diffusion_models")}
    for name, (_, suffixes) in kept.items():
        (tmp_path / name).mkdir()
        folder_paths.folder_names_and_paths[name] = ([str(tmp_path / name)], suffixes)
        folder_paths.filename_list_cache.pop(name, None)
    yield tmp_path
    for name, value in kept.items():
        folder_paths.folder_names_and_paths[name] = value
        folder_paths.filename_list_cache.pop(name, None)


@pytest.fixture
def text(of_pack: Callable[[str], ModuleType]) -> ModuleType:
    return of_pack("nodes.host.text")


def released(folder: Path, weights: dict[str, Tensor], tokenizer: bytes | None) -> str:
    """Write the encoder as a release has it, below the folder for diffusion models; return its name there."""
    place = folder / "diffusion_models" / "Matrix-Game-3.0"
    (place / "google" / "umt5-xxl").mkdir(parents=True)
    torch.save(weights, place / CLIP)
    if tokenizer is not None:
        (place / "google" / "umt5-xxl" / "spiece.model").write_bytes(tokenizer)
    return f"Matrix-Game-3.0/{CLIP}"


def hosts_file(
    folder: Path, weights: dict[str, Tensor], tokenizer: bytes | None, of_pack: Callable, name: str = "umt5.safetensors"
) -> str:
    """Write the encoder as the host's repacks have it, the tokenizer inside; return its name there."""
    ours = of_pack("worldmodel.checkpoints.text_encoder").encoder_weights(weights)
    if tokenizer is not None:
        ours["spiece_model"] = torch.tensor(list(tokenizer), dtype=torch.uint8)
    save_file(ours, folder / "text_encoders" / name)
    return name


@pytest.fixture
def clip(folder: Path, weights: dict[str, Tensor], tokenizer: bytes, run: Callable[..., Any]) -> comfy.sd.CLIP:
    """The released file, loaded by our node."""
    return run("WMLoadWorldTextEncoder", released(folder, weights, tokenizer))


def test_the_encoder_computes_what_the_authors_does(text: ModuleType, weights: dict[str, Tensor]) -> None:
    golden = load_file(GOLDEN)
    found = text.encoder_states(weights, golden["in.ids"], golden["in.mask"])
    assert ((found - golden["out.raw"]).norm() / golden["out.raw"].norm()).item() < 1e-5


def test_the_same_encoder_comes_out_of_every_file(
    folder: Path, weights: dict[str, Tensor], tokenizer: bytes, run: Callable, text: ModuleType, of_pack: Callable,
    clip: comfy.sd.CLIP,
) -> None:  # fmt: skip
    states = text.encode_text(clip, "a quiet street")
    assert states.shape == (512, 16) and states.dtype == torch.float32
    again = run("WMLoadWorldTextEncoder", hosts_file(folder, weights, tokenizer, of_pack))
    assert torch.equal(text.encode_text(again, "a quiet street"), states)
    halves = {key: value.half() for key, value in weights.items()}  # as exact: the golden weights are halves
    short = run("WMLoadWorldTextEncoder", hosts_file(folder, halves, tokenizer, of_pack, "fp16.safetensors"))
    assert torch.allclose(text.encode_text(short, "a quiet street"), states, atol=1e-5)
    offered = of_pack("nodes.host.model_files").offered("text_encoders")
    assert {f"Matrix-Game-3.0/{CLIP}", "umt5.safetensors", "fp16.safetensors"} <= set(offered)
    load, args = clip.patcher.cached_patcher_init
    kept = load(*args).model.state_dict()
    assert all(torch.equal(value, kept[key]) for key, value in clip.cond_stage_model.state_dict().items())


def words_of(clip: comfy.sd.CLIP, prompt: str) -> int:
    return sum(number != 0 for number, _ in clip.tokenize(prompt)["umt5xxl"][0])


def test_a_prompt_is_read_as_the_authors_read_it(clip: comfy.sd.CLIP, text: ModuleType) -> None:
    states = text.encode_text(clip, "  a quiet\n street ")
    assert torch.equal(text.encode_text(clip, "a quiet street"), states)
    count = words_of(clip, "a quiet street")
    assert bool(states[:count].abs().sum(1).gt(0).all()) and not states[count:].any()
    emphasised = text.encode_text(clip, "(a quiet street:1.5)")
    assert words_of(clip, "a quiet street") == count  # the host's reading leaves brackets out
    assert emphasised[count:].any() and not torch.allclose(emphasised[:count], states[:count] * 1.5, atol=1e-2)


def test_a_long_prompt_is_cut_at_512_and_keeps_its_end(clip: comfy.sd.CLIP, text: ModuleType) -> None:
    long = " ".join([WORDS] * 20)
    assert words_of(clip, long) > 512
    states = text.encode_text(clip, long)
    assert states.shape == (512, 16) and bool(states[-1].any())
    numbers = [number for number, _ in clip.tokenize(long)["umt5xxl"][0]]
    ids = torch.tensor([[*numbers[:511], 1]])
    mask = torch.ones_like(ids)
    encoder = clip.cond_stage_model.umt5xxl.transformer
    assert torch.allclose(encoder(ids, mask)[0][0], states, atol=1e-5)


def test_a_prompt_is_encoded_once(clip: comfy.sd.CLIP, text: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    encode = comfy.sd.CLIP.encode_from_tokens
    monkeypatch.setattr(
        comfy.sd.CLIP,
        "encode_from_tokens",
        lambda self, tokens, **kwargs: calls.append(1) or encode(self, tokens, **kwargs),
    )
    first = text.encode_text(clip, "rain")
    assert text.encode_text(clip, " rain ") is first and text.encode_text(clip.clone(), "rain") is first
    assert len(calls) == 1
    changed = clip.clone()
    key = "umt5xxl.transformer.encoder.final_layer_norm.weight"
    changed.add_patches({key: (torch.ones(16),)}, 1.0)
    assert not torch.equal(text.encode_text(changed, "rain"), first)
    for number in range(text._KEPT + 3):
        text.encode_text(clip, f"{number}")
    assert len(text._encoded[clip.cond_stage_model]) == text._KEPT


def test_the_hosts_node_encodes_with_it(clip: comfy.sd.CLIP, text: ModuleType) -> None:
    ((conditioning,),) = host_nodes.CLIPTextEncode().encode(clip, "a quiet street")
    assert torch.allclose(conditioning[0][0], text.encode_text(clip, "a quiet street"), atol=1e-5)


def refusal(act: Callable[[], Any]) -> str:
    with pytest.raises(ValueError) as caught:
        act()
    sentence = str(caught.value)
    assert "found " in sentence and "expected " in sentence and sentence.endswith(".") and "\n" not in sentence
    return sentence


def test_what_is_no_text_encoder_of_wan_is_named(
    folder: Path, weights: dict[str, Tensor], tokenizer: bytes, run: Callable, of_pack: Callable, text: ModuleType
) -> None:
    name = released(folder, weights, None)
    load = lambda file: refusal(lambda: run("WMLoadWorldTextEncoder", file))  # noqa: E731
    assert "found no tokenizer in the file or beside it, expected google/umt5-xxl/spiece.model" in load(name)
    beside = folder / "diffusion_models" / "Matrix-Game-3.0" / "spiece.model"
    beside.write_bytes(b"no tokenizer")
    assert "found a damaged tokenizer" in load(name)
    larger = weights | {"token_embedding.weight": torch.zeros(5000, 16)}
    assert "found a tokenizer of " in load(hosts_file(folder, larger, tokenizer, of_pack, "larger.safetensors"))
    save_file(
        {"text_model.embeddings.token_embedding.weight": torch.zeros(2)}, folder / "text_encoders" / "l.safetensors"
    )
    assert "l.safetensors: found a language model or text encoder, expected the text encoder UMT5-XXL" in load(
        "l.safetensors"
    )
    for wrong in (None, object()):
        assert "clip: found a text encoder of type" in refusal(lambda wrong=wrong: text.encode_text(wrong, "rain"))
