"""What several tests of pretraining share."""

from __future__ import annotations

import pytest
from transformers import PreTrainedTokenizerFast

from tailor_core.config.backbone import PretrainingConfig
from tailor_core.stages import pretraining as stage


@pytest.fixture(scope="session")
def tokenizer() -> PreTrainedTokenizerFast:
    """As `make_backbone` trains it, on less."""
    config = PretrainingConfig(conversations=8_000)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stage, "TOKENIZER_CONVERSATIONS", 3_000)
        patch.setattr(stage, "TOKENIZER_DEMONSTRATIONS", 1_000)
        return stage._tokenizer(config, stage._puzzles(config))
