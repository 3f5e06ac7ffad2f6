"""GRPO's passes over the model without padding, each prompt read once for all of its completions.

Stock TRL pads every prompt and completion of a step to the longest one, and reads a prompt once a completion. Here a
micro-batch is laid end to end in a single row, first its distinct prompts and then its completions, and attention
follows these parts: a prompt sees itself, a completion its prompt and itself. The objective, the model code and the
scoring head stay TRL's and transformers' own.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface
from trl import GRPOTrainer
from trl.trainer.utils import split_tensor_dict

from tailor_core.training.order import RemembersOrder

ATTENTION = "tailor-packed"


@dataclass(frozen=True, slots=True)
class Packed:
    """A micro-batch as one row of N tokens: its distinct prompts, each without its last token, then its completions.

    The last token of a prompt opens each of its completions instead, because what follows it differs, and the last
    token of a completion is left out, because nothing does. So completions have one position for each scored token.
    """

    ids: Tensor  # [1, N]
    positions: Tensor  # [1, N]
    targets: Tensor  # [1, N]: the token to score at this position, -100 in a prompt
    sizes: list[int]  # tokens of each part: the prompts, then the completions
    prompt_of: list[int]  # for each completion the part it continues
    triangle: Tensor  # [longest completion, longest prompt + longest completion]: see `visible`

    @classmethod
    def of(cls, ids: Tensor, mask: Tensor, width: int) -> Packed:
        """Pack rows [B, T] of tokens, real where `mask` is 1; the last `width` columns are completions."""
        start = ids.shape[1] - width
        prompts, prompt_of = torch.unique_consecutive(
            torch.stack([ids, mask])[:, :, :start], dim=1, return_inverse=True
        )
        in_prompt, in_completion = prompts[1, :, :-1].bool(), mask[:, start:].bool()
        prompt_sizes, sizes = in_prompt.sum(dim=1), in_completion.sum(dim=1)
        columns = torch.arange(width, device=ids.device) + prompt_sizes[prompt_of][:, None]
        prompt_ids = prompts[0, :, :-1][in_prompt]
        longest_prompt, longest = int(prompt_sizes.max()), int(sizes.max())
        triangle = torch.ones((longest, longest_prompt + longest), dtype=torch.bool, device=ids.device)
        return cls(
            ids=torch.cat([prompt_ids, ids[:, start - 1 : -1][in_completion]])[None],
            positions=torch.cat([in_prompt.cumsum(dim=1)[in_prompt] - 1, columns[in_completion]])[None],
            targets=torch.cat([torch.full_like(prompt_ids, -100), ids[:, start:][in_completion]])[None],
            sizes=[*prompt_sizes.tolist(), *sizes.tolist()],
            prompt_of=prompt_of.tolist(),
            triangle=triangle.tril(longest_prompt),
        )

    def visible(self, prompt: int, completion: int) -> Tensor:
        """Which of `prompt + completion` keys each of `completion` queries sees."""
        first = self.triangle.shape[1] - self.triangle.shape[0] - prompt
        return self.triangle[:completion, first : first + prompt + completion]


def packed_attention(
    module: torch.nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: None,
    *,
    packed: Packed,
    scaling: float,
    dropout: float = 0.0,
    **_: Any,
) -> tuple[Tensor, None]:
    """A transformers attention function over queries [1, heads, N, D], part by part."""
    queries, keys, values = (t.split(packed.sizes, dim=2) for t in (query, key, value))
    attend = partial(scaled_dot_product_attention, dropout_p=dropout, scale=scaling, enable_gqa=True)
    prompts = len(packed.sizes) - len(packed.prompt_of)
    seen = [attend(queries[i], keys[i], values[i], is_causal=True) for i in range(prompts)]
    for i, prompt in enumerate(packed.prompt_of, start=prompts):
        k, v = (torch.cat([t[prompt], t[i]], dim=2) for t in (keys, values))
        seen.append(attend(queries[i], k, v, attn_mask=packed.visible(packed.sizes[prompt], packed.sizes[i])))
    return torch.cat(seen, dim=2).transpose(1, 2), None


AttentionInterface.register(ATTENTION, packed_attention)


class PackedGRPOTrainer(RemembersOrder, GRPOTrainer):  # type: ignore[misc]  # trl is untyped
    """A `GRPOTrainer` that packs its passes over the model, and keeps the completions of a prompt together."""

    _buffered_inputs: list[dict[str, Any]]  # TRL's: the micro-batches of a step

    def _prepare_inputs(self, generation_batch: Any) -> Any:
        before = self._buffered_inputs
        inputs = super()._prepare_inputs(generation_batch)
        if self._buffered_inputs is before:
            return inputs
        self._buffered_inputs = by_prompt(self._buffered_inputs)  # TRL has just shuffled a step's rows
        return self._buffered_inputs[self._step % self.args.steps_per_generation]

    def _get_per_token_logps_and_entropies(
        self,
        model: Any,
        input_ids: Tensor,
        attention_mask: Tensor,
        logits_to_keep: int,
        batch_size: int | None = None,
        compute_entropy: bool = False,
        **_: Any,
    ) -> tuple[Tensor, Tensor | None, None]:
        """Log-probs, and entropies if asked for, of the completions' tokens [B, `logits_to_keep`]; 0 on padding."""
        rows = batch_size or len(input_ids)
        packs = [
            Packed.of(ids, mask, logits_to_keep)
            for ids, mask in zip(input_ids.split(rows), attention_mask.split(rows), strict=True)
        ]
        config = self.accelerator.unwrap_model(model).config
        with self.accelerator.autocast(), _attention(config, ATTENTION):
            outputs = [
                model(
                    input_ids=packed.ids,
                    position_ids=packed.positions,
                    shift_labels=packed.targets,
                    packed=packed,
                    fused_lm_head=True,
                )
                for packed in packs
            ]
        real = attention_mask[:, -logits_to_keep:].bool()

        def unpack(scores: list[Tensor]) -> Tensor:
            scored = [s[p.targets != -100] for s, p in zip(scores, packs, strict=True)]
            return scores[0].new_zeros(real.shape).masked_scatter(real, torch.cat(scored))

        log_probs = unpack([o.log_probs for o in outputs])
        return log_probs, unpack([o.entropy for o in outputs]) if compute_entropy else None, None


def by_prompt(batches: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows of equal-sized `batches`, in as many batches, those of one prompt side by side."""
    prompts = torch.cat([batch["prompt_ids"] for batch in batches])
    order = torch.unique(prompts, dim=0, return_inverse=True)[1].argsort(stable=True)
    whole = {
        key: torch.cat([batch[key] for batch in batches])[order] if getattr(value, "ndim", 0) else value
        for key, value in batches[0].items()
    }
    return list(split_tensor_dict(whole, len(batches)))


@contextmanager
def _attention(config: Any, name: str) -> Iterator[None]:
    """The attention function `name` for the models of `config`, while the context lasts."""
    before = config._attn_implementation
    config._attn_implementation = name
    try:
        yield
    finally:
        config._attn_implementation = before
