"""The loaders: files, or the built-in Tiny World, as the host's own MODEL, VAE, CLIP_VISION and CLIP."""

from __future__ import annotations

from comfy_api.latest import io

from .host import checkpoints, clip, model_files, text, vae
from .schema import CATEGORY


class LoadWorldModel(io.ComfyNode):
    """A world model as the host's MODEL."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Describe the node to the host."""
        return io.Schema(
            node_id="WMLoadWorldModel",
            display_name="Load World Model",
            category=CATEGORY,
            description="Loads an interactive world model; family and variant are recognised from the file. "
            "LoRA, compile and device nodes of the host work on what comes out.",
            search_aliases=["matrix game", "tiny world", "world model", "diffusion model", "checkpoint"],
            inputs=[
                io.Combo.Input(
                    "model_name",
                    options=model_files.offered("diffusion_models"),
                    default=model_files.BUILT_IN,
                    tooltip="The small world of this pack, as it is, with memory or with events, or a file in the "
                    "folder diffusion_models; an entry that ends in / is a folder with one model in it. Mind the "
                    "licences: LingBot-World 2's is CC BY-NC-SA 4.0, so not for commercial use.",
                ),
                io.Combo.Input(
                    "weight_dtype",
                    options=list(checkpoints.WEIGHT_DTYPES),
                    default=checkpoints.AUTO,
                    tooltip="Precision the weights are kept in. auto: what suits the file and the device; "
                    "fp8_e4m3fn halves the memory of 16 bits and loses a little; int8 attention makes 8 bits of the "
                    "weights and inputs of Matrix-Game 3's attention, rounded, or cut off as its release does.",
                ),
                io.Combo.Input(
                    "attention",
                    options=checkpoints.attention_names(),
                    default=checkpoints.AUTO,
                    tooltip="How attention is computed. auto: what the host was started with.",
                ),
                io.Int.Input(
                    "window",
                    default=0,
                    min=0,
                    max=60,
                    optional=True,
                    advanced=True,
                    tooltip="Latent frames that the model looks at, the 3 it makes included. 0: what the config.json "
                    "beside the file says, or else the model's own (GTA drive 4, the others 6).",
                ),
                io.Combo.Input(
                    "variant",
                    options=checkpoints.twin_titles(),
                    default=checkpoints.AUTO,
                    optional=True,
                    advanced=True,
                    tooltip="Which model it is, where files of several look the same. auto: as the release's folder, "
                    "high_noise or low_noise in a name, or the precision tells, else the distilled one.",
                ),
            ],
            outputs=[io.Model.Output(display_name="model")],
        )

    @classmethod
    def fingerprint_inputs(
        cls, model_name: str, weight_dtype: str, attention: str, window: int = 0, variant: str = checkpoints.AUTO
    ) -> str:
        """Load again when the file changed."""
        return model_files.fingerprint("diffusion_models", model_name, "model_name")

    @classmethod
    def execute(
        cls,
        model_name: str,
        weight_dtype: str = checkpoints.AUTO,
        attention: str = checkpoints.AUTO,
        window: int = 0,
        variant: str = checkpoints.AUTO,
    ) -> io.NodeOutput:
        """Load the file."""
        path = model_files.find("diffusion_models", model_name, "model_name")
        return io.NodeOutput(checkpoints.load_world_model(path, weight_dtype, attention, window, variant))


class LoadWorldVAE(io.ComfyNode):
    """A VAE that a world model uses, as the host's VAE."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Describe the node to the host."""
        return io.Schema(
            node_id="WMLoadWorldVAE",
            display_name="Load World VAE",
            category=CATEGORY,
            description="Loads the VAE of a world model: Tiny World's own, Wan 2.1 for Matrix-Game 2, Wan 2.2 for "
            "Matrix-Game 3 and Yume 1.5, or the decoders MG-LightVAE. The host's VAE nodes accept it.",
            search_aliases=["wan vae", "tiny world", "autoencoder", "lightvae"],
            inputs=[
                io.Combo.Input(
                    "vae_name",
                    options=model_files.offered("vae"),
                    default=model_files.BUILT_IN,
                    tooltip="The VAE of the built-in Tiny World, or a file in the folder vae; those of a Matrix-Game "
                    "release are also found in diffusion_models.",
                ),
                io.Combo.Input(
                    "decoding",
                    options=list(vae.DECODING),
                    default=vae.AUTO,
                    optional=True,
                    advanced=True,
                    tooltip="Tiny World's frames. auto: in bfloat16 where the CPU multiplies in it, less than a film "
                    "file loses; exact: in float32, the same on every CPU but for last bits. Worlds are the same.",
                ),
            ],
            outputs=[io.Vae.Output(display_name="vae")],
        )

    @classmethod
    def fingerprint_inputs(cls, vae_name: str, decoding: str = vae.AUTO) -> str:
        """Load again when the file changed."""
        return model_files.fingerprint("vae", vae_name, "vae_name")

    @classmethod
    def execute(cls, vae_name: str, decoding: str = vae.AUTO) -> io.NodeOutput:
        """Load the file."""
        return io.NodeOutput(vae.load_world_vae(model_files.find("vae", vae_name, "vae_name"), decoding))


class LoadWorldCLIPVision(io.ComfyNode):
    """The CLIP vision tower of a world model, as the host's CLIP_VISION."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Describe the node to the host."""
        return io.Schema(
            node_id="WMLoadWorldCLIPVision",
            display_name="Load World CLIP Vision",
            category=CATEGORY,
            description="Loads the CLIP vision tower (ViT-H) that Matrix-Game 2 looks at its start picture with: "
            "clip_vision_h, or the .pth of the Matrix-Game release. The host's own loader reads only the first.",
            search_aliases=["clip vision", "clip_vision_h", "image encoder", "open-clip", "matrix game"],
            inputs=[
                io.Combo.Input(
                    "clip_name",
                    options=model_files.offered("clip_vision"),
                    tooltip="A file in the folder clip_vision; models_clip_open-clip-….pth of a Matrix-Game release is "
                    "also found in diffusion_models.",
                )
            ],
            outputs=[io.ClipVision.Output(display_name="clip_vision")],
        )

    @classmethod
    def fingerprint_inputs(cls, clip_name: str) -> str:
        """Load again when the file changed."""
        return model_files.fingerprint("clip_vision", clip_name, "clip_name")

    @classmethod
    def execute(cls, clip_name: str) -> io.NodeOutput:
        """Load the file."""
        return io.NodeOutput(clip.load_clip_vision(model_files.find("clip_vision", clip_name, "clip_name")))


class LoadWorldTextEncoder(io.ComfyNode):
    """The text encoder of a world model, as the host's CLIP."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Describe the node to the host."""
        return io.Schema(
            node_id="WMLoadWorldTextEncoder",
            display_name="Load World Text Encoder",
            category=CATEGORY,
            description="Loads the text encoder that Matrix-Game 3, Yume 1.5 and other models on Wan read with: "
            "UMT5-XXL, as ComfyUI users have it or as the .pth of a release, which the host's loader does not read.",
            search_aliases=["umt5", "t5", "clip", "prompt", "text encoder", "matrix game"],
            inputs=[
                io.Combo.Input(
                    "clip_name",
                    options=model_files.offered("text_encoders"),
                    tooltip="A file in the folder text_encoders; models_t5_umt5-xxl-enc-bf16.pth of a release is also "
                    "found in diffusion_models, and needs the release's folder google beside it.",
                )
            ],
            outputs=[io.Clip.Output(display_name="clip")],
        )

    @classmethod
    def fingerprint_inputs(cls, clip_name: str) -> str:
        """Load again when the file changed."""
        return model_files.fingerprint("text_encoders", clip_name, "clip_name")

    @classmethod
    def execute(cls, clip_name: str) -> io.NodeOutput:
        """Load the file."""
        return io.NodeOutput(text.load_text_encoder(model_files.find("text_encoders", clip_name, "clip_name")))


NODES = [LoadWorldModel, LoadWorldVAE, LoadWorldCLIPVision, LoadWorldTextEncoder]
