"""The grader: a pure, deterministic, explainable function from an answer to a grade.

`Grader.grade` is the door. Behind it, in the order an answer travels: `reading` (units and
windows), one call of the encoder, `signals` (a few readable numbers a point), `calibration`
(probabilities), `marking` (verdicts, credit, score), `flags` and `feedback` (words for people).
Nothing here knows Flask, SQLAlchemy or sentence-transformers.
"""

from service.grader.calibration import Calibration, load_calibration
from service.grader.core import Encoder, Grader, Kept, KeptQuestion, Marked
from service.grader.language import detect
from service.grader.lint import lint_question
from service.grader.references import question_from_references
from service.grader.signals import PreparedQuestion

__all__ = [
    "Calibration",
    "Encoder",
    "Grader",
    "Kept",
    "KeptQuestion",
    "Marked",
    "PreparedQuestion",
    "detect",
    "lint_question",
    "load_calibration",
    "question_from_references",
]
