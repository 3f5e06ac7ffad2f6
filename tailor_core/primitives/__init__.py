"""Finding ways of reasoning: composition, screening, the library."""
