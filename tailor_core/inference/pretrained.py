"""Loading a model directory, or one of the hub: weights from safetensors alone, and none of its code.

Anybody may have written it. Older formats of weights are pickles, and a configuration may name code to be run.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tailor_core.errors import InputError

_NO_CODE = {"trust_remote_code": False}
"""Said, transformers refuses; not said, it asks whoever sits at the terminal."""


def load_model(model: str | Path, dtype: Any) -> Any:
    """The causal language model, with weights of `dtype`. InputError where there is none in safetensors."""
    import torch
    from safetensors import SafetensorError
    from transformers import AutoModelForCausalLM

    # cuDNN's attention, torch's first choice on Hopper since 2.11, gives NaN for gradients of a batch padded on the
    # left whose width leaves 64 divided by 128, as every 128th step of GRPO has (pytorch #196678). Others do not.
    torch.backends.cuda.enable_cudnn_sdp(False)
    try:
        return AutoModelForCausalLM.from_pretrained(model, dtype=dtype, use_safetensors=True, **_NO_CODE)
    except (OSError, ValueError, SafetensorError) as error:
        raise _refusal("model", model, error) from error


def load_config(model: str | Path) -> Any:
    """The configuration of a model. InputError where there is none."""
    from transformers import AutoConfig

    try:
        return AutoConfig.from_pretrained(model, **_NO_CODE)
    except (OSError, ValueError) as error:
        raise _refusal("configuration", model, error) from error


def load_tokenizer(model: str | Path) -> Any:
    """The tokenizer of a model. InputError where there is none."""
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(model, **_NO_CODE)
    except (OSError, ValueError) as error:
        raise _refusal("tokenizer", model, error) from error


def _refusal(what: str, model: str | Path, error: Exception) -> Exception:
    """What to raise: a disk that fails is no fault of the model."""
    if isinstance(error, OSError) and error.errno is not None:
        return error
    reason = (str(error).splitlines() or [type(error).__name__])[0]
    return InputError(
        f"the {what} of {str(model)!r} cannot be loaded ({reason}); it must be one of transformers' own, its weights "
        "safetensors: no pickle is read, and no code of a model is run"
    )
