"""Sampling from a Llama-architecture model with a preallocated key-value cache.

`transformers.generate` spends most of a small model's step on growing its cache and on masked attention over
padding. Here the prompt of a group is read once and shared by its samples, the cache is allocated once, and
finished rows leave the batch. Prompts are padded on the left, so all rows write the same cache column.

Covers the decoder family of Llama, Mistral and Qwen2: RMS norm, rotary positions, grouped-query attention,
gated SiLU. Not covered: sliding windows, quantised weights, mixtures of experts (`supports` says no).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from tailor_core.inference.engine import Sampling

ARCHITECTURES = ("LlamaForCausalLM", "MistralForCausalLM", "Qwen2ForCausalLM")
COMPACT_BELOW = 0.75
"""Finished rows are dropped from the batch once fewer than this share of its rows are alive."""


Share = Callable[[int], tuple[Sequence[int], int]]
"""`share(count)`: the counts of all processes that share a batch, in order, and the place of this one's among them."""


def alone(count: int) -> tuple[Sequence[int], int]:
    """The `Share` of a process that has the batch to itself."""
    return [count], 0


@dataclass(frozen=True, slots=True)
class Sampled:
    """Token ids, log-probs (nats, of the distribution sampled from) and whether an end token closed it."""

    ids: list[int]
    logprobs: list[float]
    finished: bool


@dataclass(slots=True)
class _Layer:
    norm_in: Tensor
    qkv: Tensor
    qkv_bias: Tensor | None
    out: Tensor
    norm_mlp: Tensor
    gate_up: Tensor
    down: Tensor


def supports(model: Any) -> bool:
    """Can `StaticCacheSampler` run this transformers model exactly?"""
    if type(model).__name__ not in ARCHITECTURES:
        return False
    config = model.config
    window = getattr(config, "sliding_window", None) if getattr(config, "use_sliding_window", True) else None
    # Qwen2 has biases of queries, keys and values alone; `attention_bias` puts one on the way out as well.
    biased = getattr(config, "mlp_bias", False) or getattr(config, "attention_bias", False)
    # These turn by other angles the longer a text is, and the table of angles is made once.
    turning = model.model.rotary_emb.rope_type in ("dynamic", "longrope")
    return window is None and getattr(config, "hidden_act", "silu") == "silu" and not biased and not turning


class StaticCacheSampler:
    """A snapshot of a model's weights, fused and cast, that samples completions.

    Shapes: B rows, P prompts, T cache columns, h key-value heads, g query heads for each, D head size.
    """

    def __init__(self, model: Any, dtype: torch.dtype) -> None:
        """Copy the weights of `model` (a supported `PreTrainedModel`) in `dtype`."""
        config = model.config
        self.device = model.device
        self.dtype = dtype
        self.heads = config.num_attention_heads
        self.kv_heads = config.num_key_value_heads
        self.head_dim = getattr(config, "head_dim", None) or config.hidden_size // self.heads
        self.eps = config.rms_norm_eps
        self.rotary = model.model.rotary_emb
        self.embedding = self._cast(model.model.embed_tokens.weight)
        self.final_norm = self._cast(model.model.norm.weight)
        self.lm_head = self._cast(model.lm_head.weight)
        self.layers = [self._fuse(layer) for layer in model.model.layers]

    def _cast(self, weight: Tensor) -> Tensor:
        return _whole(weight).to(self.dtype)

    def _fuse(self, layer: Any) -> _Layer:
        attention, mlp = layer.self_attn, layer.mlp
        parts = (attention.q_proj, attention.k_proj, attention.v_proj)
        bias = None if parts[0].bias is None else self._cast(torch.cat([_whole(p.bias) for p in parts]))
        return _Layer(
            norm_in=self._cast(layer.input_layernorm.weight),
            qkv=self._cast(torch.cat([_whole(p.weight) for p in parts])),
            qkv_bias=bias,
            out=self._cast(attention.o_proj.weight),
            norm_mlp=self._cast(layer.post_attention_layernorm.weight),
            gate_up=self._cast(torch.cat([_whole(mlp.gate_proj.weight), _whole(mlp.up_proj.weight)])),
            down=self._cast(mlp.down_proj.weight),
        )

    @torch.inference_mode()  # type: ignore[untyped-decorator]
    def sample(
        self,
        prompts: Sequence[Sequence[int]],
        sampling: Sampling,
        *,
        eos_ids: Sequence[int],
        generator: torch.Generator,
        on_done: Callable[[int], None] | None = None,
        share: Share = alone,
    ) -> list[list[Sampled]]:
        """`sampling.n` completions for each prompt of token ids.

        Where the batch is shared with other processes, each with its part of the rows in order, all call this with
        generators in the same state, and draw what one process would have drawn with all the rows.
        """
        width = max(len(p) for p in prompts)
        columns = width + sampling.max_tokens
        padding = torch.tensor([width - len(p) for p in prompts], device=self.device)
        logits, cache = self._prefill(prompts, padding, columns, sampling.n)
        rows = _Rows(padding.repeat_interleave(sampling.n), sampling.max_tokens, eos_ids, share)
        cos, sin = self._rotary_table(columns)
        logits = logits.repeat_interleave(sampling.n, dim=0)
        hidden_mask = self._pad_bias(rows.padding, columns)
        for column in range(width, columns):
            tokens, logprobs = _draw(logits, sampling, rows.draw(generator))
            just_done = rows.append(tokens, logprobs)
            if on_done and just_done:
                on_done(just_done)
            if sum(rows.alive_in_all) == 0 or column == columns - 1:
                break
            if sum(rows.alive_in_all) < COMPACT_BELOW * sum(rows.rows_in_all):
                keep = rows.compact()
                tokens, hidden_mask = tokens[keep], hidden_mask[keep]
                cache = [self._keep_rows(c, keep) for c in cache]
            logits = self._step(tokens, column, rows.padding, hidden_mask, cache, cos, sin)
        if on_done and rows.alive_count:
            on_done(rows.alive_count)
        flat = rows.results()
        return [flat[i : i + sampling.n] for i in range(0, len(flat), sampling.n)]

    def _keep_rows(self, pair: tuple[Tensor, Tensor], keep: Tensor) -> tuple[Tensor, Tensor]:
        return pair[0][keep], pair[1][keep]

    def _pad_bias(self, padding: Tensor, columns: int) -> Tensor:
        """Additive mask [B, 1, 1, T]: minus infinity on the left padding."""
        is_pad = torch.arange(columns, device=self.device)[None, :] < padding[:, None]
        bias = torch.zeros(is_pad.shape, dtype=self.dtype, device=self.device)
        return bias.masked_fill_(is_pad, float("-inf"))[:, None, None, :]

    def _rotary_table(self, columns: int) -> tuple[Tensor, Tensor]:
        positions = torch.arange(columns, device=self.device)[None]
        cos, sin = self.rotary(self.embedding[:1, None].float(), positions)
        return cos[0].to(self.dtype), sin[0].to(self.dtype)

    def _prefill(
        self, prompts: Sequence[Sequence[int]], padding: Tensor, columns: int, n: int
    ) -> tuple[Tensor, list[tuple[Tensor, Tensor]]]:
        """Read all prompts: logits [P, V] of the next token, and per layer K and V [P*n, h, T, D]."""
        width = max(len(p) for p in prompts)
        ids = torch.tensor([[0] * (width - len(p)) + list(p) for p in prompts], device=self.device)
        column = torch.arange(width, device=self.device)
        visible = (column[None, :, None] >= column[None, None, :]) & (column >= padding[:, None])[:, None, :]
        visible |= torch.eye(width, dtype=torch.bool, device=self.device)  # a padding row sees itself: no NaN
        positions = (column[None] - padding[:, None]).clamp(min=0)
        cos, sin = self._rotary_table(width)
        cos, sin = cos[positions][:, None], sin[positions][:, None]
        x = self.embedding[ids]
        cache = []
        for layer in self.layers:
            q, k, v = self._project(layer, x)
            q, k, v = (t.transpose(1, 2) for t in (q, k, v))
            q, k = _rotate(q, cos, sin), _rotate(k, cos, sin)
            attended = F.scaled_dot_product_attention(q, k, v, attn_mask=visible[:, None], enable_gqa=True)
            x = x + F.linear(attended.transpose(1, 2).flatten(2), layer.out)
            x = x + self._mlp(layer, x)
            cache.append((self._allocate(k, columns, n), self._allocate(v, columns, n)))
        return self._logits(x[:, -1]), cache

    def _allocate(self, prompt_part: Tensor, columns: int, n: int) -> Tensor:
        count, heads, width, size = prompt_part.shape
        full = torch.empty((count * n, heads, columns, size), dtype=self.dtype, device=self.device)
        full[:, :, :width] = prompt_part.repeat_interleave(n, dim=0)
        return full

    def _step(
        self,
        tokens: Tensor,
        column: int,
        padding: Tensor,
        bias: Tensor,
        cache: list[tuple[Tensor, Tensor]],
        cos_table: Tensor,
        sin_table: Tensor,
    ) -> Tensor:
        """Feed one token [B] a row at cache column `column`: logits [B, V] of the next."""
        positions = column - padding
        cos, sin = cos_table[positions][:, None], sin_table[positions][:, None]
        groups = self.heads // self.kv_heads
        mask = bias[..., : column + 1]
        x = self.embedding[tokens]
        for layer, (keys, values) in zip(self.layers, cache, strict=True):
            q, k, v = self._project(layer, x)
            q, k = _rotate(q, cos, sin), _rotate(k, cos, sin)
            keys[:, :, column], values[:, :, column] = k, v
            q = q.unflatten(
                1, (self.kv_heads, groups)
            )  # the query heads of a group stand in as query positions
            attended = F.scaled_dot_product_attention(
                q, keys[:, :, : column + 1], values[:, :, : column + 1], attn_mask=mask
            )
            x = x + F.linear(attended.flatten(1), layer.out)
            x = x + self._mlp(layer, x)
        return self._logits(x)

    def _project(self, layer: _Layer, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values [..., heads, D] of hidden states [..., d]."""
        normed = F.rms_norm(x, x.shape[-1:], layer.norm_in, self.eps)
        fused = F.linear(normed, layer.qkv, layer.qkv_bias).unflatten(-1, (-1, self.head_dim))
        q, k, v = fused.split([self.heads, self.kv_heads, self.kv_heads], dim=-2)
        return q, k, v

    def _mlp(self, layer: _Layer, x: Tensor) -> Tensor:
        normed = F.rms_norm(x, x.shape[-1:], layer.norm_mlp, self.eps)
        gate, up = F.linear(normed, layer.gate_up).chunk(2, dim=-1)
        return F.linear(F.silu(gate) * up, layer.down)

    def _logits(self, x: Tensor) -> Tensor:
        normed = F.rms_norm(x, x.shape[-1:], self.final_norm, self.eps)
        return F.linear(normed, self.lm_head).float()


class _Rows:
    """The rows of a batch as they grow; finished rows keep their result and leave on `compact`."""

    def __init__(self, padding: Tensor, max_tokens: int, eos_ids: Sequence[int], share: Share) -> None:
        count = padding.shape[0]
        self.share = share
        self.rows_in_all, self.own = share(count)
        self.alive_in_all = self.rows_in_all
        self.padding = padding
        self.eos = torch.tensor(list(eos_ids), device=padding.device)
        self.alive = torch.ones(count, dtype=torch.bool, device=padding.device)
        self.slot = torch.arange(count, device=padding.device)
        self.ids = torch.zeros((count, max_tokens), dtype=torch.long, device=padding.device)
        self.logprobs = torch.zeros((count, max_tokens), device=padding.device)
        self.lengths = torch.zeros(count, dtype=torch.long, device=padding.device)
        self.finished = torch.zeros(count, dtype=torch.bool, device=padding.device)
        self.alive_count = count
        self.position = 0

    def append(self, tokens: Tensor, logprobs: Tensor) -> int:
        """Store one token for each row of the batch; how many rows ended with it."""
        slots = self.slot[self.alive]
        self.ids[slots, self.position] = tokens[self.alive]
        self.logprobs[slots, self.position] = logprobs[self.alive]
        self.position += 1
        self.lengths[slots] = self.position
        ended = torch.isin(tokens, self.eos) & self.alive
        self.finished[self.slot[ended]] = True
        self.alive &= ~ended
        before = self.alive_count
        self.alive_count = int(self.alive.sum())
        self.alive_in_all, _ = self.share(self.alive_count)
        return int(before - self.alive_count)

    def draw(self, generator: torch.Generator) -> Tensor:
        """A random number [B, 1] for each row of the batch: those that they have among the rows of all processes."""
        numbers = torch.rand(
            (sum(self.rows_in_all), 1), generator=generator, device=self.padding.device, dtype=torch.float64
        )
        start = sum(self.rows_in_all[: self.own])
        return numbers[start : start + len(self.alive)]

    def compact(self) -> Tensor:
        """Drop the rows that ended; the indices of those that stay."""
        keep = self.alive.nonzero().flatten()
        self.rows_in_all = self.alive_in_all
        self.padding, self.slot = self.padding[keep], self.slot[keep]
        self.alive = torch.ones(len(keep), dtype=torch.bool, device=keep.device)
        return keep

    def results(self) -> list[Sampled]:
        ids, logprobs = self.ids.tolist(), self.logprobs.tolist()
        lengths, finished = self.lengths.tolist(), self.finished.tolist()
        return [
            Sampled(ids[i][: lengths[i]], logprobs[i][: lengths[i]], finished[i]) for i in range(len(lengths))
        ]


def _rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    half = x.shape[-1] // 2
    return x * cos + torch.cat((-x[..., half:], x[..., :half]), dim=-1) * sin


def _whole(weight: Tensor) -> Tensor:
    """A weight, gathered from all processes where FSDP has divided it among them."""
    gather = getattr(weight.detach(), "full_tensor", None)
    return gather() if gather else weight.detach()


def _draw(logits: Tensor, sampling: Sampling, uniform: Tensor) -> tuple[Tensor, Tensor]:
    """Tokens [B] and their log-probs [B] from logits [B, V] (float32) and random numbers [B, 1] in [0, 1)."""
    if sampling.temperature == 0:
        logprobs = torch.log_softmax(logits, dim=-1)
        best = logprobs.argmax(dim=-1)
        return best, logprobs.gather(1, best[:, None])[:, 0]
    logprobs = torch.log_softmax(logits / sampling.temperature, dim=-1)
    if sampling.top_p < 1:
        logprobs = _nucleus(logprobs, sampling.top_p)
    # The inverse of the cumulative distribution: one random number a row, where Gumbel noise takes one a token.
    # Doubles, for in floats the product below can round up to the whole mass, and no token lies there.
    mass = logprobs.exp().cumsum(dim=-1, dtype=torch.float64)
    tokens = torch.searchsorted(mass, uniform * mass[:, -1:], right=True)
    return tokens[:, 0], logprobs.gather(1, tokens)[:, 0]


def _nucleus(logprobs: Tensor, top_p: float) -> Tensor:
    """Keep the smallest set of tokens whose mass reaches `top_p`, renormalised (Holtzman et al. 2020)."""
    ordered, index = logprobs.sort(dim=-1, descending=True)
    mass_before = ordered.exp().cumsum(dim=-1) - ordered.exp()
    ordered = ordered.masked_fill(mass_before >= top_p, float("-inf"))
    return torch.log_softmax(torch.empty_like(logprobs).scatter_(1, index, ordered), dim=-1)
