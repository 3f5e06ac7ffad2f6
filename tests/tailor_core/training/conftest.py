"""What several tests of training share: a tokenizer as pretraining makes it, problems, and a model without skill."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from tailor_core.config.backbone import PretrainingConfig
from tailor_core.environments import get_environment
from tailor_core.environments.knights_knaves.curriculum import CURRICULUM
from tailor_core.records import Problem
from tailor_core.stages import pretraining as stage
from tailor_core.training.tokenizer import train_tokenizer


@pytest.fixture(scope="session")
def tokenizer() -> PreTrainedTokenizerFast:
    """As `make_backbone` trains it, on less."""
    config = PretrainingConfig(conversations=8_000)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stage, "TOKENIZER_CONVERSATIONS", 3_000)
        patch.setattr(stage, "TOKENIZER_DEMONSTRATIONS", 1_000)
        return stage._tokenizer(config, stage.problems_of(config, "train", 2_000))


@pytest.fixture(scope="session")
def problems() -> list[Problem]:
    kk = get_environment("kk")
    return kk.generate(kk.options_model(people=(3, 4)), count=8, split="train", seed=0)


@pytest.fixture(scope="session")
def model_dir(tmp_path_factory: pytest.TempPathFactory, problems: list[Problem]) -> Path:
    """A random Llama of two layers."""
    directory = tmp_path_factory.mktemp("model")
    tokenizer = train_tokenizer([p.question for p in problems], 400, CURRICULUM.segments)
    torch.manual_seed(0)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=32,
            intermediate_size=48,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            initializer_range=0.2,
            eos_token_id=tokenizer.eos_token_id,
        )
    )
    model.save_pretrained(directory)
    tokenizer.save_pretrained(directory)
    return directory
