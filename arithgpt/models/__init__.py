"""Models by the name of their architecture; importing this file imports no torch.

model = build_model(config, alphabet, seed=0)        # a torch.nn.Module with its weights drawn
logits = model(ids)                                  # int64 (B, T) -> float32 (B, T, vocabulary)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from arithgpt.config.schema import ModelConfig
    from arithgpt.models.language_model import LanguageModel


def make_model(config: ModelConfig, alphabet: str) -> LanguageModel:
    """Make a model whose weights are still to be drawn or loaded.

    Args:
        config: architecture and shape
        alphabet: the characters of the vocabulary, in the order of their ids
    """
    if config.arch == "gpt":
        from arithgpt.models.gpt import GPT

        return GPT(config, alphabet)
    if config.arch == "encoder-decoder":
        from arithgpt.models.encoder_decoder import EncoderDecoder

        return EncoderDecoder(config, alphabet)
    from arithgpt.models.rnn import RNN

    return RNN(config, alphabet)


def build_model(config: ModelConfig, alphabet: str, seed: int) -> LanguageModel:
    """Make a model and draw its weights; the same weights on every machine."""
    import numpy as np

    model = make_model(config, alphabet)
    model.init_weights(np.random.default_rng(seed))
    return model


def is_static(config: ModelConfig) -> bool:
    """Whether a CUDA graph can record a training step: nothing in it is drawn, sent to the GPU or read from it."""
    from arithgpt.models.positions import find_scheme

    return config.arch == "gpt" and config.dropout == 0 and find_scheme(config.positions).is_static
