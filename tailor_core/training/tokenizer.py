"""The tiny backbones' tokenizers: byte-level BPE whose tokens may span several lower-case words.

Merging across spaces (as SuperBPE does, arXiv 2503.13423) makes stock phrases such as " is a knave" one token,
which halves the length of a trace and so the cost of training and sampling on a CPU. Where a token must end is
said by the family of problems (`Curriculum.segments`); any other text still encodes, byte by byte.
"""

from __future__ import annotations

from collections.abc import Iterable

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

PAD, USER, ASSISTANT, END = "<|pad|>", "<|user|>", "<|assistant|>", "<|end|>"
TAGS = ("<think>", "</think>", "<answer>", "</answer>")
CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|user|>' if message['role'] != 'assistant' else '<|assistant|>' }}"
    "{{ message['content'] }}{{ '<|end|>' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)


def train_tokenizer(
    texts: Iterable[str], vocabulary: int, segments: Iterable[str], phrases: Iterable[str] = ()
) -> PreTrainedTokenizerFast:
    """A tokenizer of `vocabulary` tokens trained on `texts`; each of `phrases` is one token of its own.

    `segments` are regular expressions, applied one after the other: no token goes beyond what one of them finds.

    The tags of a response are ordinary (not special) tokens, so decoding keeps them.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            *(pre_tokenizers.Split(Regex(segment), behavior="isolated") for segment in segments),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    whole = [*TAGS, *phrases]
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary - len(whole),
        special_tokens=[PAD, USER, ASSISTANT, END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.add_tokens([AddedToken(t, special=False, normalized=False) for t in whole])
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token=PAD, eos_token=END, padding_side="left"
    )
    fast.chat_template = CHAT_TEMPLATE
    return fast
