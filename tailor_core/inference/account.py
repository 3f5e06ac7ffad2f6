"""What asking a server takes: tokens, and what they cost."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from tailor_core.inference.engine import Completion, Usage

MILLION = 1_000_000


@dataclass(slots=True)
class Account:
    """Adds up completions. Prices are US dollars for a million tokens, of prompts and of completions.

    Those that were kept from an earlier attempt count as well, so that the sum does not depend on how often one was
    killed; `received` are those that came now.
    """

    input_price: float = 0.0
    output_price: float = 0.0
    requests: int = 0
    usage: Usage = field(default_factory=Usage)
    received: Usage = field(default_factory=Usage)
    started: float = field(default_factory=time.monotonic)

    def add(self, completion: Completion, *, now: bool) -> None:
        """Count a completion; `now` where it was not kept from before."""
        self.requests += 1
        self.usage += completion.usage
        if now:
            self.received += completion.usage

    @property
    def cost(self) -> float:
        """US dollars."""
        prompts = self.input_price * self.usage.prompt_tokens
        completions = self.output_price * self.usage.completion_tokens
        return round((prompts + completions) / MILLION, 6)

    def metrics(self) -> dict[str, float]:
        """The sums by name, as a manifest holds them."""
        return {
            "requests": self.requests,
            "prompt_tokens": self.usage.prompt_tokens,
            "completion_tokens": self.usage.completion_tokens,
            "cost_dollars": self.cost,
        }

    def line(self) -> str:
        """For a progress bar: how fast tokens come, and what all cost so far."""
        rate = self.received.completion_tokens / max(time.monotonic() - self.started, 1e-9)
        return f"{rate:.0f} tokens/s, ${self.cost:.2f}"
