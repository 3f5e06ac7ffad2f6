"""What to compute (recipes), and where (settings). `load.load_recipe` reads a recipe file."""
