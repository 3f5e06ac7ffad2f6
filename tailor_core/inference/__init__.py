"""Engines that complete prompts, behind one protocol."""
