"""The stages of the method: plain functions from artifacts to an artifact, and how one is run."""
