"""Pages for people who practise or review: rendered here, with small styles and scripts of ours.

They call the use cases, as the API does, and work without the script too.
"""

from service.pages.review import REVIEW
from service.pages.routes import BLUEPRINT, CLOSED

__all__ = ["BLUEPRINT", "CLOSED", "REVIEW"]
