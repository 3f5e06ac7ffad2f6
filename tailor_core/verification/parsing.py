"""Splitting a response into its think block and its answer.

The form is `<think>reasoning</think><answer>answer</answer>`: each tag exactly once and in this order, white
space at most before, between and after the blocks, and something to read in the think block. Everything is
found by plain substring search, so the time is linear in the length whatever the text holds.
"""

from __future__ import annotations

from dataclasses import dataclass

_TAGS = ("<think>", "</think>", "<answer>", "</answer>")
_SPACE = " \t\r\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """The two blocks without surrounding white space; both None, with a reason, where the form is broken."""

    think: str | None
    answer: str | None
    reason: str = ""

    @property
    def well_formed(self) -> bool:
        return self.answer is not None


def split_response(text: object) -> Parsed:
    """The blocks of a response; anything but a text in the right form gives the reason why not."""
    think, answer, reason = blocks_of(text)
    if think is None or answer is None:
        return Parsed(think=None, answer=None, reason=reason)
    return Parsed(think=think.strip(_SPACE), answer=answer.strip(_SPACE))


def blocks_of(text: object) -> tuple[str, str, str] | tuple[None, None, str]:
    """Think block, answer and "" of a response in the right form, else None twice and the reason why not."""
    if not isinstance(text, str):
        return None, None, "the response is not a text"
    # From the end, because thoughts are long and answers short.
    head, _, tail = text.rpartition("</think>")
    before, opened, think = head.partition("<think>")
    between, _, tail = tail.partition("<answer>")
    answer, ended, after = tail.partition("</answer>")
    if not (opened and ended):
        return None, None, "the four tags do not all come, in order"
    if before.strip(_SPACE):
        return None, None, "there is text before <think>"
    if between.strip(_SPACE):
        return None, None, "there is text between the blocks"
    if after.strip(_SPACE):
        return None, None, "there is text after </answer>"
    if ("<" in think or "<" in answer) and any(text.count(tag) > 1 for tag in _TAGS):
        return None, None, "a tag comes more than once"
    if not any(map(str.isalnum, think)):
        return None, None, "the think block is empty"
    return think, answer, ""


def last_boxed(text: object) -> str | None:
    r"""What the last `\boxed{...}` of a text holds, braces balanced; None where there is none."""
    if not isinstance(text, str):
        return None
    start = text.rfind("\\boxed{")
    if start < 0:
        return None
    start += len("\\boxed{")
    level = 1
    for at in range(start, len(text)):
        if text[at] == "{":
            level += 1
        elif text[at] == "}":
            level -= 1
            if level == 0:
                return text[start:at]
    return None
