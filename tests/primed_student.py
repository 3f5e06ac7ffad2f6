"""A student that can teach itself: a small Llama that has learned by heart how to follow the teacher's prompt.

It knows the train problems of `PRIMED` and the four ways of reasoning that `DIMENSIONS` leaves, so that what a student
writes when it is primed is right, differs with the instruction, and is sampled in seconds.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from pathlib import Path

from tailor_core.demonstrations.chat import PACKAGE
from tailor_core.demonstrations.procedural import ProceduralTeacher
from tailor_core.inference.prompts import Prompts, prompts_of
from tailor_core.primitives.language import language_of
from tailor_core.records import Primitive, Problem

PRIMED = """
description = "a student that teaches itself"
seed = 4
[environment]
name = "kk"
[environment.options]
people = [2]
[environment.options.ood]
people = [3]
[backbone]
name = "{backbone}"
[problems]
train = 8
validation = 2
test = 4
ood = 2
[probe]
problems = 4
samples_per_problem = 2
max_tokens = 24
[teacher]
kind = "self"
temperature = 0.5
max_tokens = 200
rows = 16
[primitives]
max_primitives = 4
rounds = 1
candidates_per_round = 4
probe_problems = 4
tau_quality = 0.5
tau_novelty = 0.01
max_tokens = 400
[primitives.dimensions]
{dimensions}
[demonstrations]
total = 40
[demonstrations.balance]
temperatures = [1.4, 0.5]
problems = 4
samples = 4
enough = 2
[selection]
budget = 16
[warm_start]
epochs = 1
max_length = 2048
batch_rows = 8
logging_steps = 1
[policy]
steps = 1
prompts_per_step = 2
num_generations = 2
micro_batch_size = 4
max_completion_length = 16
[evaluation]
problems_per_split = 2
samples_per_problem = 2
ks = [1, 2]
max_tokens = 24
resamples = 100
"""

_CHOSEN = {"restating": ("none", "all"), "branching": ("nested", "afresh")}
_FIXED = {
    "voice": "plain", "depth": "none", "inspection": "sweep", "weighing": "whole", "order": "given", "case": "knight",
    "rules": "none", "cases": "single", "slip": "none", "direction": "forward", "preference": "judging",
    "test": "eager", "verification": "none", "subgoals": "none", "summary": "none", "answer": "lines",
}  # fmt: skip
DIMENSIONS = "\n".join(
    [f"{name} = {list(values)}" for name, values in _CHOSEN.items()]
    + [f'{name} = ["{value}"]' for name, value in _FIXED.items()]
)


def write_primed_recipe(path: Path, backbone: Path) -> None:
    """Write the recipe of a run whose student is in the directory `backbone`."""
    path.write_text(PRIMED.format(backbone=backbone, dimensions=DIMENSIONS))


def ways() -> list[Primitive]:
    """The four primitives that the recipe's dimensions leave."""
    language = language_of("kk")
    chosen = [dict(zip(_CHOSEN, values, strict=True)) for values in itertools.product(*_CHOSEN.values())]
    return [language.primitive({**_FIXED, **values}, {}) for values in chosen]


def lessons(train: Sequence[Problem]) -> list[tuple[str, str]]:
    """(prompt, completion) of each train problem in each way, as the teacher `self` asks for them."""
    prompts, teacher = Prompts(prompts_of(PACKAGE)), ProceduralTeacher("kk")
    examples = sorted(train, key=lambda problem: problem.id)[:2]
    found = []
    for problem, way in itertools.product(train, ways()):
        example = next(one for one in examples if one.id != problem.id)
        message = prompts.message(
            "demonstrate", instruction=way.instruction, question=problem.question, example=example
        )
        found.append((message["content"], teacher.demonstrate(problem, way, 0).completion))
    return found


def write_primed_student(directory: Path, train: Sequence[Problem], epochs: int = 60) -> float:
    """Train the student and save it; the loss at the end, in nats a token."""
    import torch
    from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM

    from tailor_core.environments.knights_knaves.curriculum import CURRICULUM
    from tailor_core.training.tokenizer import train_tokenizer

    pairs = lessons(train)
    tokenizer = train_tokenizer([text for pair in pairs for text in pair], 900, CURRICULUM.segments)
    ends = {"eos_token_id": tokenizer.eos_token_id, "pad_token_id": tokenizer.pad_token_id}
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=96, intermediate_size=192, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=2048, tie_word_embeddings=True, **ends,
    )  # fmt: skip
    model = LlamaForCausalLM(config)
    model.generation_config = GenerationConfig(**ends)
    rows = []
    for prompt, completion in pairs:
        before = tokenizer(f"<|user|>{prompt}<|end|><|assistant|>", add_special_tokens=False)["input_ids"]
        after = tokenizer(f"{completion}<|end|>", add_special_tokens=False)["input_ids"]
        rows.append((before + after, [-100] * len(before) + after))
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.0)
    steps = epochs * math.ceil(len(rows) / 8)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=steps)
    generator, last = torch.Generator().manual_seed(0), []
    for _ in range(epochs):
        last = []
        for part in torch.randperm(len(rows), generator=generator).split(8):
            batch = [rows[i] for i in part.tolist()]
            width = max(len(ids) for ids, _ in batch)
            ids = torch.tensor([ids + [tokenizer.pad_token_id] * (width - len(ids)) for ids, _ in batch])
            labels = torch.tensor([labels + [-100] * (width - len(labels)) for _, labels in batch])
            loss = model(input_ids=ids, labels=labels).loss
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()
            schedule.step()
            last.append(float(loss.detach()))
    model.save_pretrained(directory)
    tokenizer.save_pretrained(directory)
    return sum(last) / len(last)
