"""Load World Model and Load World VAE: files, or the built-in Tiny World, as the host's own MODEL and VAE."""

from __future__ import annotations

from comfy_api.latest import io

from .host import checkpoints, files, vae

CATEGORY = "World Model"


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
                    options=files.model_names("diffusion_models"),
                    default=files.BUILT_IN,
                    tooltip="The small world that comes with this pack, or a file in the folder diffusion_models.",
                ),
                io.Combo.Input(
                    "weight_dtype",
                    options=list(checkpoints.WEIGHT_DTYPES),
                    default=checkpoints.AUTO,
                    tooltip="Precision the weights are kept in. auto: what suits the file and the device; "
                    "fp8_e4m3fn halves the memory of 16 bits and loses a little.",
                ),
                io.Combo.Input(
                    "attention",
                    options=checkpoints.attention_names(),
                    default=checkpoints.AUTO,
                    tooltip="How attention is computed. auto: what the host was started with.",
                ),
            ],
            outputs=[io.Model.Output(display_name="model")],
        )

    @classmethod
    def fingerprint_inputs(cls, model_name: str, weight_dtype: str, attention: str) -> str:
        """Load again when the file changed."""
        return files.fingerprint("diffusion_models", model_name, "model_name")

    @classmethod
    def execute(
        cls, model_name: str, weight_dtype: str = checkpoints.AUTO, attention: str = checkpoints.AUTO
    ) -> io.NodeOutput:
        """Load the file."""
        path = files.model_path("diffusion_models", model_name, "model_name")
        return io.NodeOutput(checkpoints.load_world_model(path, weight_dtype, attention))


class LoadWorldVAE(io.ComfyNode):
    """A VAE that a world model uses, as the host's VAE."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Describe the node to the host."""
        return io.Schema(
            node_id="WMLoadWorldVAE",
            display_name="Load World VAE",
            category=CATEGORY,
            description="Loads the VAE of a world model: Tiny World's own, or Wan 2.1 for Matrix-Game 2. "
            "The host's VAE nodes accept it.",
            search_aliases=["wan vae", "tiny world", "autoencoder"],
            inputs=[
                io.Combo.Input(
                    "vae_name",
                    options=files.model_names("vae"),
                    default=files.BUILT_IN,
                    tooltip="The VAE of the built-in Tiny World, or a file in the folder vae.",
                )
            ],
            outputs=[io.Vae.Output(display_name="vae")],
        )

    @classmethod
    def fingerprint_inputs(cls, vae_name: str) -> str:
        """Load again when the file changed."""
        return files.fingerprint("vae", vae_name, "vae_name")

    @classmethod
    def execute(cls, vae_name: str) -> io.NodeOutput:
        """Load the file."""
        return io.NodeOutput(vae.load_world_vae(files.model_path("vae", vae_name, "vae_name")))


NODES = [LoadWorldModel, LoadWorldVAE]
