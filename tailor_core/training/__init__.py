"""Supervised fine-tuning and reinforcement learning."""
