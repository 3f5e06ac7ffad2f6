"""The real recipe scaled down to a minute, and the untrained model that it starts from."""

from __future__ import annotations

from pathlib import Path

RECIPE = """
description = "the real recipe, scaled down"
seed = 7
[environment]
name = "kk"
[environment.options]
people = [2, 3]
[environment.options.ood]
people = [4]
[backbone]
name = "{backbone}"
[problems]
train = 120
validation = 8
test = 12
ood = 8
[probe]
problems = 6
samples_per_problem = 2
max_tokens = 24
[primitives]
max_primitives = 4
rounds = 2
candidates_per_round = 12
probe_problems = 6
max_tokens = 400
[demonstrations]
total = 80
[selection]
budget = 40
[warm_start]
epochs = 1
max_length = 2048
batch_rows = 8
logging_steps = 1
[policy]
steps = 2
prompts_per_step = 2
num_generations = 4
micro_batch_size = 8
max_completion_length = 16
[evaluation]
problems_per_split = 6
samples_per_problem = 2
ks = [1, 2]
max_tokens = 24
resamples = 200
"""


def write_backbone(directory: Path) -> None:
    """A random Llama of one layer, with a tokenizer for puzzles."""
    import torch
    from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM

    from tailor_core.environments import get_environment, read_options
    from tailor_core.environments.knights_knaves.curriculum import CURRICULUM
    from tailor_core.training.tokenizer import train_tokenizer

    problems = get_environment("kk").generate(read_options("kk", {}), count=50, split="train", seed=1)
    texts = [problem.question + problem.answer for problem in problems]
    tokenizer = train_tokenizer(texts, 400, CURRICULUM.segments)
    ends = {"eos_token_id": tokenizer.eos_token_id, "pad_token_id": tokenizer.pad_token_id}
    torch.manual_seed(0)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=48,
            intermediate_size=64,
            num_hidden_layers=1,
            num_attention_heads=2,
            num_key_value_heads=1,
            max_position_embeddings=2048,
            tie_word_embeddings=True,
            **ends,
        )
    )
    model.generation_config = GenerationConfig(**ends)
    model.save_pretrained(directory)
    tokenizer.save_pretrained(directory)
