"""A study compares arms on backbones with seeds: what it is made of, and the figures that it comes to."""
