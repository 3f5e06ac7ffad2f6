"""The vocabulary of knights and knaves: names, role words and the ways a claim is reported.

Common names, role words and report templates are those of the published data sets (mem-kk-logic, Logic-RL,
reasoning-gym), because a puzzle must read the same as theirs. The uncommon names are Tailor's own.
"""

from __future__ import annotations

MOST_WORDS = 4
"""A name has so many words at most: what reads sentences looks for no longer ones."""

# fmt: off
COMMON_NAMES = (
    "Abigail", "Aiden", "Alexander", "Amelia", "Aria", "Aurora", "Ava", "Avery", "Benjamin", "Charlotte",
    "Chloe", "Daniel", "David", "Elizabeth", "Ella", "Emily", "Emma", "Ethan", "Evelyn", "Grace",
    "Harper", "Henry", "Isabella", "Jack", "Jackson", "Jacob", "James", "Joseph", "Liam", "Lily", "Logan",
    "Lucas", "Luke", "Mason", "Matthew", "Mia", "Michael", "Noah", "Oliver", "Olivia", "Owen", "Penelope",
    "Riley", "Samuel", "Scarlett", "Sebastian", "Sofia", "Sophia", "Victoria", "William", "Zoey",
)
# fmt: on

# fmt: off
UNCOMMON_NAMES = (
    "Aldous", "Anneliese", "Bartholomew", "Beatrix", "Calliope", "Caspian", "Cressida", "Cyprian",
    "Damaris", "Dorothea", "Eleuthera", "Emeric", "Eudora", "Fenella", "Florian", "Gideon", "Gwendolen",
    "Hesper", "Hyacinth", "Ignatius", "Isolde", "Jocasta", "Kasimir", "Leocadia", "Leopold", "Lysander",
    "Marcellus", "Melisande", "Mordecai", "Nerissa", "Octavian", "Ondine", "Orsino", "Peregrine",
    "Philippa", "Quillon", "Rosamund", "Rufina", "Severin", "Sidonie", "Tamsin", "Thaddeus", "Ulric",
    "Ursula", "Valentina", "Wilhelmina", "Xanthe", "Ysolde", "Zebedee", "Zenobia",
)
# fmt: on

ROLE_WORDS = (
    ("pioneer", "laggard"),
    ("saint", "sinner"),
    ("hero", "villain"),
    ("angel", "devil"),
    ("altruist", "egoist"),
    ("sage", "fool"),
)
"""Other words for knight and knave."""

TEMPLATES = (
    "{name} said that {claim}.",
    "{name} told you that {claim}.",
    '{name} said, "{claim}."',
    '{name} stated, "{claim}".',
    'According to {name}, "{claim}".',
    'In {name}\'s words: "{claim}".',
    '{name} remarked, "{claim}".',
    '"{claim}," {name} declared.',
    '{name} was heard saying, "{claim}".',
    "{name} expressed that {claim}.",
    '"{claim}" - {name}.',
    'As {name} put it, "{claim}".',
    '{name} asserted: "{claim}".',
    '"{claim}," {name} mentioned.',
    '{name} commented, "{claim}".',
    'In a statement by {name}: "{claim}".',
    '{name} noted, "{claim}".',
    '"{claim}," {name} claimed.',
)
"""How a claim is reported; a template's number in `spec.templates` is its place here."""


def plural(word: str) -> str:
    """The English plural of a role word."""
    if word.endswith(("s", "x", "ch", "sh")) or (word.endswith("o") and word[-2:-1] not in tuple("aeiou")):
        return f"{word}es"
    if word.endswith("y") and word[-2:-1] not in tuple("aeiou"):
        return f"{word[:-1]}ies"
    return f"{word}s"
