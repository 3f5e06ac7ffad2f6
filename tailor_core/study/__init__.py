"""Studies: trials of several arms, the figures that they give, and what these say."""
