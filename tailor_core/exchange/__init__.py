"""Doors to other projects: problems in the form of each, and back.

Files for verl, TRL and Hugging Face `datasets` (`export`, `reading`), and modules that those projects import: `verl`
holds a reward function, `reasoning_gym` registers Tailor's families, `verifiers` has a taskset of them.
"""
