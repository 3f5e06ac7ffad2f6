"""The page of a study: one self-contained interactive HTML file, its figures and tables as files, and its results.

`writing.write_study` writes all of it. A section is a module that turns trials, evidence and results (`study`) into
`blocks`: words, figures (`drawing`), tables (`tables`). A figure is drawn once for the page and once for its files; a
table is told once for the page, CSV and LaTeX.
"""

from tailor_core.report.study.arms import Sweep
from tailor_core.report.study.writing import write_study

__all__ = ["Sweep", "write_study"]
