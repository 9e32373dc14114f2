"""Checkpoints: where a language model's files are, and how its authors meant it to be used."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from penchant.shared import assets
from penchant.shared.errors import EncoderError, MissingExtraError
from penchant.shared.jsontexts import parsed_json

__all__ = ["NGRAM_PIECES", "NGRAM_WEIGHTS", "Checkpoint", "find_checkpoint"]

NGRAM_PIECES, NGRAM_WEIGHTS = "sp.model", "weights.npz"

HUB_FILES = ["*.json", "*.safetensors", "*.txt", "*.model", "1_Pooling/*"]
# Models that count positions from the padding token's id on, so that they have fewer than rows.
COUNTED_FROM_PADDING = {"camembert", "mpnet", "roberta", "xlm-roberta", "xlm-roberta-xl", "xmod"}
KNOWN_MODULES = {"Transformer", "Pooling", "Normalize"}


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint on this machine: of transformers, or of n-grams of word pieces.

    Attributes:
        folder: where its files are.
        model_id: what it is called, such as a hub id.
        languages: ISO 639-1 codes; empty if not stated.
    """

    folder: Path
    model_id: str
    languages: tuple[str, ...] = ()

    @property
    def is_ngram(self) -> bool:
        """Whether it is one of n-grams of word pieces; see ``penchant.shared.encoding.ngram``."""
        return all((self.folder / name).exists() for name in (NGRAM_PIECES, NGRAM_WEIGHTS))

    def pooling(self) -> Literal["mean", "cls"]:
        """How token embeddings become one: as its files say, or the mean.

        Raises:
            EncoderError: the files ask for something that a bundle does not do.
        """
        for module in self._read("modules.json", []):
            kind = module["type"].rsplit(".", 1)[-1]
            if kind not in KNOWN_MODULES:
                raise EncoderError(
                    f"{self.model_id} has a {kind} module after the transformer; "
                    f"a bundle holds only {', '.join(sorted(KNOWN_MODULES))}"
                )
        settings = self._read("1_Pooling/config.json", {"pooling_mode_mean_tokens": True})
        modes = [
            key for key, value in settings.items() if key.startswith("pooling_mode_") and value
        ]
        if modes == ["pooling_mode_mean_tokens"]:
            return "mean"
        if modes == ["pooling_mode_cls_token"]:
            return "cls"
        raise EncoderError(
            f"{self.model_id} pools by {modes}; a bundle pools by the mean or the first token"
        )

    def max_length(self, asked: int | None) -> int:
        """Tokens that a text is cut to: what is asked for, or what its files say.

        Raises:
            EncoderError: more is asked for than the model has positions, or fewer than 3.
        """
        config = self._read("config.json", {})
        positions = int(config.get("max_position_embeddings", 512))
        if config.get("model_type") in COUNTED_FROM_PADDING:
            positions -= int(config.get("pad_token_id", 1)) + 1
        tokenizer = self._read("tokenizer_config.json", {})
        limit = min(positions, int(tokenizer.get("model_max_length", positions)))
        if asked is None:
            meant = self._read("sentence_bert_config.json", {}).get("max_seq_length")
            return min(int(meant or limit), limit)
        if not 3 <= asked <= limit:
            raise EncoderError(
                f"maximum length is {asked}, {self.model_id} takes from 3 to {limit} tokens"
            )
        return asked

    def prefix(self) -> str:
        """What goes before every text, as its files say: its default prompt, or nothing."""
        settings = self._read("config_sentence_transformers.json", {})
        prompts = settings.get("prompts") or {}
        return str(prompts.get(settings.get("default_prompt_name")) or "")

    def _read(self, name: str, default: Any) -> Any:
        path = self.folder / name
        if not path.exists():
            return default
        try:
            return parsed_json(path.read_bytes())
        except (OSError, ValueError) as error:
            raise EncoderError(f"{path} cannot be read: {error}") from error


def find_checkpoint(source: str, progress: assets.Progress | None = None) -> Checkpoint:
    """Return the checkpoint that ``source`` names, fetching it if needed.

    Args:
        source: an asset's name, a folder, or a hub id such as ``owner/name``.
        progress: told of an asset's download.

    Raises:
        EncoderError: there is no such checkpoint.
        AssetError: the asset cannot be fetched.
    """
    if source in assets.names():
        asset = assets.find(source)
        folder = assets.fetch(source, progress=progress)
        return _checked(Checkpoint(folder, asset.origin, asset.languages))
    folder = Path(source)
    if folder.is_dir():
        return _checked(Checkpoint(folder, folder.resolve().name))
    if source.count("/") != 1 or source.startswith(("/", ".", "~")):
        raise EncoderError(
            f"{source} is neither a folder, nor a hub id (owner/name), nor an asset "
            f"({', '.join(assets.names())})"
        )
    return _checked(Checkpoint(_snapshot(source), source))


def _checked(checkpoint: Checkpoint) -> Checkpoint:
    for name in () if checkpoint.is_ngram else ("config.json", "model.safetensors"):
        if not (checkpoint.folder / name).exists():
            raise EncoderError(f"{checkpoint.folder} is not a transformers checkpoint: no {name}")
    return checkpoint


def _snapshot(repository: str) -> Path:
    try:
        from huggingface_hub import snapshot_download
    except ImportError:
        raise MissingExtraError("encoder", "a checkpoint from the hub") from None
    try:
        return Path(snapshot_download(repository, allow_patterns=HUB_FILES))
    # The hub's client raises errors of several libraries.
    except Exception as error:
        raise EncoderError(f"{repository} cannot be had from the hub: {error}") from error
