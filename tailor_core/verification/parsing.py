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
    if not isinstance(text, str):
        return _broken("the response is not a text")
    for tag in _TAGS:
        count = text.count(tag)
        if count != 1:
            return _broken(f"the response has {tag} {count} times, not once")
    before, _, rest = text.partition("<think>")
    think, closed, rest = rest.partition("</think>")
    between, opened, rest = rest.partition("<answer>")
    answer, ended, after = rest.partition("</answer>")
    if not (closed and opened and ended):
        return _broken("the tags are not in order")
    for place, outside in (
        ("before <think>", before),
        ("between the blocks", between),
        ("at the end", after),
    ):
        if outside.strip(_SPACE):
            return _broken(f"there is text {place}")
    if not any(map(str.isalnum, think)):
        return _broken("the think block is empty")
    return Parsed(think=think.strip(_SPACE), answer=answer.strip(_SPACE))


def _broken(reason: str) -> Parsed:
    return Parsed(think=None, answer=None, reason=reason)


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
