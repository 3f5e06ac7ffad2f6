"""Tailor's own world: chains of categories, and the words that tell their items apart.

An item is called by a word and the noun of its category, "Amber Cabin", so that the text alone says what an
abstract parameter such as "Harbour's Cabin" sums up. Words and chains are drawn without regard to the numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from tailor_core.environments.igsm.structure import shuffled

# fmt: off
CHAINS = (
    ("Harbour", "Ship", "Cabin", "Chest"),
    ("School", "Classroom", "Locker", "Satchel"),
    ("Orchard", "Tree", "Nest", "Egg"),
    ("Museum", "Gallery", "Cabinet", "Coin"),
    ("Market", "Stall", "Crate", "Jar"),
    ("Station", "Train", "Carriage", "Trunk"),
    ("Castle", "Tower", "Chamber", "Lantern"),
    ("Library", "Shelf", "Album", "Stamp"),
    ("Village", "Farm", "Barn", "Sack"),
    ("Hotel", "Floor", "Suite", "Mirror"),
    ("Reef", "Cave", "Shell", "Pearl"),
    ("Theatre", "Stage", "Wardrobe", "Costume"),
    ("Factory", "Workshop", "Bench", "Drawer"),
    ("Park", "Meadow", "Hive", "Comb"),
    ("Studio", "Rack", "Case", "Violin"),
    ("Clinic", "Ward", "Trolley", "Bottle"),
)
"""Categories from the outermost to the innermost; a problem uses neighbours in one chain."""

WORDS = (
    "Amber", "Autumn", "Azure", "Birch", "Blue", "Brass", "Bright", "Broad", "Bronze", "Calm",
    "Cedar", "Chalk", "Cherry", "Clay", "Clever", "Cobalt", "Copper", "Coral", "Corner", "Cotton",
    "Crimson", "Crooked", "Crystal", "Dapper", "Deep", "Distant", "Dusty", "Early", "Eastern", "Ebony",
    "Elder", "Elm", "Emerald", "Fabled", "Fern", "First", "Flint", "Foggy", "Forest", "Frosty",
    "Garden", "Gentle", "Giant", "Gilded", "Glass", "Golden", "Granite", "Grand", "Green", "Grey",
    "Hazel", "Hidden", "High", "Hollow", "Humble", "Indigo", "Iron", "Ivory", "Jade", "Jolly",
    "Juniper", "Kindly", "Lace", "Lapis", "Late", "Laurel", "Lemon", "Lilac", "Linen", "Little",
    "Lively", "Lofty", "Lucky", "Lunar", "Maple", "Marble", "Meadow", "Mellow", "Merry", "Misty",
    "Modern", "Mossy", "Narrow", "Nimble", "Noble", "North", "Oak", "Ochre", "Olive", "Onyx",
    "Opal", "Orange", "Painted", "Paper", "Pearl", "Pepper", "Pine", "Plain", "Plum", "Polar",
    "Proud", "Purple", "Quartz", "Quiet", "Rainy", "Red", "River", "Robin", "Rosy", "Round",
    "Royal", "Ruby", "Russet", "Rustic", "Saffron", "Sandy", "Scarlet", "Secret", "Shady", "Silent",
    "Silken", "Silver", "Slate", "Snowy", "Solar", "Spruce", "Steady", "Steel", "Stone", "Stormy",
    "Striped", "Summer", "Sunny", "Swift", "Tawny", "Teal", "Thistle", "Tidy", "Topaz", "Tranquil",
    "Umber", "Upper", "Velvet", "Violet", "Walnut", "Western", "White", "Wide", "Willow", "Windy",
    "Winter", "Wooden", "Yellow", "Young",
)
"""A problem uses each word once at most, so that no name is part of another."""
# fmt: on


@dataclass(frozen=True, slots=True)
class Names:
    """The chains and words that the names of one problem are drawn from."""

    chains: tuple[tuple[str, ...], ...]
    words: tuple[str, ...]


ALL_NAMES = Names(CHAINS, WORDS)
FEW_NAMES = Names((("Cabin", "Chest"),), WORDS[:10])
"""So few that a tiny model meets each of them often."""


def draw_names(names: Names, layers: tuple[int, ...], random: Random) -> tuple[list[str], list[str]]:
    """(the categories of the layers, the names of the items)."""
    chain = names.chains[int(random.random() * len(names.chains))]
    depth = layers[-1] + 1
    start = int(random.random() * (len(chain) - depth + 1))
    categories = list(chain[start : start + depth])
    nouns = {word for noun in categories for word in noun.split()}
    words = (word for word in shuffled(names.words, random) if word not in nouns)
    return categories, [f"{next(words)} {categories[layer]}" for layer in layers]
