"""vLLM in this process, for the environment that it is installed in: batches of any size, with its own scheduler."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import vllm
from tqdm import tqdm
from vllm.sampling_params import RequestOutputKind, StructuredOutputsParams

from tailor_core.config.settings import vllm_arguments
from tailor_core.config.vllm import VLLMConfig
from tailor_core.errors import StageError
from tailor_core.inference.engine import Completion, Messages, Request, Sampling, Usage, grouped, requests_of
from tailor_core.inference.transformers_engine import turn_end


@contextmanager
def vllm_engine(model: Path, config: VLLMConfig) -> Iterator[VLLMEngine]:
    """The engine of a model directory; its memory is given back with the context.

    StageError where vLLM cannot run the model as `config` says.
    """
    try:
        llm = vllm.LLM(model=str(model), disable_log_stats=True, **vllm_arguments(config))
    except (RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise StageError(f"vLLM cannot run the model in {str(model)!r} ({reason}); mend [vllm]") from error
    try:
        yield VLLMEngine(llm)
    finally:
        llm.llm_engine.engine_core.shutdown()


class VLLMEngine:
    """A `vllm.LLM` as an `Engine`, of which each completion may be asked in its own way."""

    def __init__(self, llm: Any) -> None:
        """`llm` gives the log-probs of the distribution that it draws from (`processed_logprobs`)."""
        self.llm = llm
        self._tokenizer = llm.get_tokenizer()
        self._ends = [end for end in [turn_end(self._tokenizer)] if end is not None]

    def generate(
        self,
        prompts: Sequence[Messages],
        sampling: Sampling,
        on_done: Callable[[int], None] | None = None,
    ) -> list[list[Completion]]:
        """See `Engine.generate`; each completion is drawn with a seed of its own (`engine.requests_of`)."""
        return grouped(self.answer(requests_of(prompts, sampling), on_done), sampling.n)

    def answer(
        self, requests: Sequence[Request], on_done: Callable[[int], None] | None = None
    ) -> list[Completion]:
        """See `Answers.answer`. StageError where a prompt is too long for the model."""
        ids = self._prompt_ids([request.messages for request in requests])
        try:
            outputs = self.llm.generate(
                [{"prompt_token_ids": one} for one in ids],
                [_parameters(request.sampling, self._ends) for request in requests],
                use_tqdm=partial(_bar, on_done) if on_done else False,
            )
        except ValueError as error:
            reason = " ".join(str(error).split())
            raise StageError(f"vLLM refuses a request ({reason}); shorten prompts or max_tokens") from error
        return [_completion(output) for output in outputs]

    def _prompt_ids(self, prompts: Sequence[Messages]) -> list[list[int]]:
        """Token ids of chats, ready for the assistant's turn; the samples of a prompt share the list."""
        known: dict[int, list[int]] = {}
        for prompt in prompts:
            if id(prompt) not in known:
                known[id(prompt)] = self._tokenizer.apply_chat_template(
                    list(prompt), tokenize=True, add_generation_prompt=True, return_dict=False
                )
        return [known[id(prompt)] for prompt in prompts]


def _parameters(sampling: Sampling, ends: list[int]) -> Any:
    held = StructuredOutputsParams(json=dict(sampling.schema)) if sampling.schema else None
    return vllm.SamplingParams(
        temperature=sampling.temperature,
        top_p=sampling.top_p,
        max_tokens=sampling.max_tokens,
        seed=sampling.seed,
        logprobs=0 if sampling.logprobs else None,  # 0 others beside the sampled token
        structured_outputs=held,
        stop_token_ids=ends,  # besides those that vLLM knows
        output_kind=RequestOutputKind.FINAL_ONLY,
    )


def _completion(output: Any) -> Completion:
    (one,) = output.outputs
    ids = tuple(one.token_ids)
    told = one.logprobs or ()
    return Completion(
        text=one.text,
        token_ids=ids,
        logprobs=tuple(by_token[token].logprob for token, by_token in zip(ids, told, strict=False)),
        finish="length" if one.finish_reason == "length" else "stop",
        usage=Usage(prompt_tokens=len(output.prompt_token_ids), completion_tokens=len(ids)),
    )


def _bar(on_done: Callable[[int], None], prompts: Any = None, **told: Any) -> Any:
    """What vLLM takes for progress bars: one over the prompts that it reads, which is none here, and one to advance."""
    return _Advance(on_done, **told) if prompts is None else prompts


class _Advance(tqdm):  # type: ignore[misc]
    def __init__(self, on_done: Callable[[int], None], **told: Any) -> None:
        super().__init__(file=io.StringIO(), **told)
        self._on_done = on_done

    def update(self, n: float | None = 1) -> bool | None:
        self._on_done(int(n or 0))
        return bool(super().update(n))
