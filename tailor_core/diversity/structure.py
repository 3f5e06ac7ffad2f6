"""What a reasoning trace looks like once its particulars are masked.

Owns the normalisation that the hashed embedder and the duplicate tests share: `masked_sentences` replaces
people by N1, N2, ... in order of first appearance, role words by what they mean, numbers (unless they tell
texts apart) by `#`, single letters that stand for something by `x`, and what is said of a clause that is
weighed, "(true)", "(false)" or "(open)", by one mark;
`skeleton` goes on to fold whole statements into one symbol, so that what is left is the move that a
sentence makes and not what it is about. Works on text alone, in linear time, for any text; of puzzles it
knows only the peers' roles.
"""

from __future__ import annotations

import re
import unicodedata

Sentence = tuple[str, ...]

ROLE_PAIRS = (
    ("knight", "knave"),
    ("pioneer", "laggard"),
    ("saint", "sinner"),
    ("hero", "villain"),
    ("angel", "devil"),
    ("altruist", "egoist"),
    ("sage", "fool"),
)
"""The truthful and the lying role words of the peers' puzzles."""

TRUTHFUL, LYING = "R+", "R-"
_WORDS = {
    "an": "a",
    **{truthful + plural: TRUTHFUL for truthful, _ in ROLE_PAIRS for plural in ("", "s")},
    **{lying + plural: LYING for _, lying in ROLE_PAIRS for plural in ("", "s")},
    "heroes": TRUTHFUL,
}
VARIABLE = "x"
_LETTERS_THAT_ARE_WORDS = ("a", "A", "I")
_SENTENCE_END = re.compile(r"[.?!;]+(?=\s|$)|\n")
_TOKEN = re.compile(r"\w+|[^\w\s]")
_OPENERS = frozenset("\"'[-*")
_LINKS = frozenset((",", "and"))
_FOLD_PASSES = 8

_LIST = re.compile(r"\bN(?: , N)*(?: ,)? and N\b|\bN(?: , N)+\b")
_ROLE_CLAIM = re.compile(r"\bN (?:is|are|were|must be|has to be) (not )?(?:a )?R([+-])(?!\w)")
WEIGHED = "(?)"
"""What is said of a clause where a claim is weighed clause by clause; no single token reads so."""

_TRUTHS = frozenset(("true", "false", "open"))

_CLAIM = r"(?:S\b|P[+-])"
_FOLDS = tuple(
    re.compile(pattern.replace("CLAIM", _CLAIM))
    for pattern in (
        r"\( CLAIM \)",
        r"\bit is not the case that CLAIM",
        r"\bnot CLAIM",
        r"\bif CLAIM(?: ,)? then CLAIM",
        r"CLAIM if and only if CLAIM",
        r"CLAIM(?: ,)? (?:and|or) CLAIM",
        r"P[+-] , S\b",
    )
)

_REPORTED = re.compile(
    r"((?:\b(?:says?|said|saying|claims?|true|false|wrong|holds?|is|and)|,) that )" + _CLAIM
)
"""A role claim that somebody made is the puzzle's; one after "suppose" or "so" is the argument's own."""


def masked_sentences(text: str, *, numbers: bool = False) -> list[Sentence]:
    """The sentences of `text` as lower-case tokens with people, roles and numbers masked; no empty ones.

    With `numbers` those stay as they are.
    """
    sentences = [_TOKEN.findall(part) for part in _SENTENCE_END.split(unicodedata.normalize("NFKC", text))]
    seen = dict.fromkeys(token for tokens in sentences for token in tokens)
    people = _people(sentences, seen)
    masked = {token: token if numbers and token.isdecimal() else _mask(token, people) for token in seen}
    return [_fold_marks([masked[token] for token in tokens]) for tokens in sentences if tokens]


def _fold_marks(tokens: list[str]) -> Sentence:
    """`WEIGHED` for "(true)", "(false)" and "(open)" after "is a knight" and the like."""
    folded: list[str] = []
    at = 0
    while at < len(tokens):
        marks = tokens[at] == "(" and tokens[at + 2 : at + 3] == [")"] and tokens[at + 1] in _TRUTHS
        if marks and tokens[at - 2 : at - 1] == ["a"]:
            folded.append(WEIGHED)
            at += 3
        else:
            folded.append(tokens[at])
            at += 1
    return tuple(folded)


def _people(sentences: list[list[str]], seen: dict[str, None]) -> dict[str, str]:
    """Name -> N1, N2, ...: capitalised words seen inside a sentence and never written in lower case.

    What opens a sentence or a quotation is capitalised anyway and says nothing,
    unless it stands in a list with a name ("Open: Zoey, Ella and Liam").
    """
    capitalised = {token for token in seen if _is_capitalised(token)}
    inside: set[str] = set()
    for tokens in sentences:
        for i in range(len(tokens) - 1, -1, -1):
            if tokens[i] in capitalised and (
                (i > 0 and tokens[i - 1] not in _OPENERS)
                or (i + 2 < len(tokens) and tokens[i + 1] in _LINKS and tokens[i + 2] in inside)
            ):
                inside.add(tokens[i])
    names = [token for token in seen if token in inside and token.lower() not in seen]
    return {name: f"N{rank}" for rank, name in enumerate(names, 1)}


def _is_capitalised(token: str) -> bool:
    return token != "I" and token[0].isupper() and not any(c.isupper() or c.isdigit() for c in token[1:])


def _mask(token: str, people: dict[str, str]) -> str:
    word = token.casefold()
    if len(word) == 1 and word.isalpha() and token not in _LETTERS_THAT_ARE_WORDS:
        return VARIABLE
    if token in people:
        return people[token]
    return "#" if word.isdecimal() else _WORDS.get(word, word)


def skeleton(sentence: Sentence) -> str:
    """A masked sentence with lists of people as `N`, role claims as `P+` or `P-`, statements as `S`.

    `suppose N1 were a R-` becomes `suppose P-`; `N2 says N1 is a R+ or N3 is a R-` becomes `N says S`,
    and ends with `weighed` where it says of each clause whether it is true.
    """
    text = " ".join("N" if _is_person(token) else token for token in sentence if token != WEIGHED)
    text = _ROLE_CLAIM.sub(_role_symbol, _LIST.sub("N", text))
    text = _REPORTED.sub(r"\1S", text)
    for _ in range(_FOLD_PASSES):
        folded = text
        for fold in _FOLDS:
            folded = fold.sub("S", folded)
        if folded == text:
            break
        text = folded
    return f"{text} weighed" if WEIGHED in sentence else text


def _role_symbol(match: re.Match[str]) -> str:
    """`P+` for "N is a knight", "N must be a knight" and "N is not a knave", `P-` for the other two."""
    negated, sign = match.groups()
    return f"P{sign}" if not negated else {"+": "P-", "-": "P+"}[sign]


def _is_person(token: str) -> bool:
    return token[0] == "N" and token[1:].isdecimal()
