"""The `tiny` backbone's tokenizer: byte-level BPE whose tokens may span several lower-case words.

Merging across spaces (as SuperBPE does, arXiv 2503.13423) makes stock phrases such as " is a knave" one token,
which halves the length of a trace and so the cost of training and sampling on a CPU. Names (but for the name of
a speaker) and punctuation never merge with their neighbours, and any other text still encodes, byte by byte.
"""

from __future__ import annotations

from collections.abc import Iterable

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

PAD, USER, ASSISTANT, END = "<|pad|>", "<|user|>", "<|assistant|>", "<|end|>"
TAGS = ("<think>", "</think>", "<answer>", "</answer>")
_WEIGHED = r"(?: \((?:true|false|open)\))?"
_FACT = r" (?:cannot be an? [a-z]+ and )?(?:must be|were) an? [a-z]+\."

SEGMENTS = (
    r" ?[A-Z][a-z]+ said that| ?[A-Z][a-z]+| ?\d|\n?\(\d\)"
    rf"|{_FACT}|, which is (?:true|false|open)[:.]|, which (?:holds|fails)\.|, a contradiction\."
    rf"|(?: [a-z']+)+{_WEIGHED}|[a-z']+(?: [a-z']+)*"
    r"|\n| ?[^\sA-Za-z\d]|\s|[A-Z]+"
)
"""What may become a token: a capitalised word, a digit, a run of lower-case words, one mark of punctuation.

A name with " said that" may be one token too: only so is who speaks told from who is spoken of by one token, and
a claim found again by a single look-up. So may a fact or a verdict with its punctuation, and the number of an
answer's line.
"""

UP_TO_ROLE = rf"{_FACT}|[a-z' ]{{0,80}}?(?:knight|knave)s?{_WEIGHED}"
"""A run of words ends after a role word, so that no two decisions share a token.

It looks back over at most 80 characters: without a bound, a long run without a role word takes quadratic time.
"""

CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|user|>' if message['role'] != 'assistant' else '<|assistant|>' }}"
    "{{ message['content'] }}{{ '<|end|>' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)


def train_tokenizer(
    texts: Iterable[str], vocabulary: int, phrases: Iterable[str] = ()
) -> PreTrainedTokenizerFast:
    """A tokenizer of `vocabulary` tokens trained on `texts`; each of `phrases` is one token of its own.

    The tags of a response are ordinary (not special) tokens, so decoding keeps them.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(SEGMENTS), behavior="isolated"),
            pre_tokenizers.Split(Regex(UP_TO_ROLE), behavior="isolated"),
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
