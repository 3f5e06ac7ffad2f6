"""The page that a person reads when a run is over: one self-contained HTML file, and its charts as SVG files.

Each section is a module that turns artifacts (`materials`) into a frozen view; `page` hands the views to the
templates. Figures come from the artifacts as they are: nothing is computed anew but counts, sums, the
two-dimensional projection of embeddings, and the moves of demonstrations.
"""
