"""The name by which `verifiers` finds Tailor's taskset: its loader takes a top-level module with one in `__all__`."""

from tailor_core.exchange.verifiers import TailorTaskset

__all__ = ["TailorTaskset"]
