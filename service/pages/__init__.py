"""Pages for people who practise, sit a session, or review.

They are rendered here, with small styles and scripts of ours. They call the use cases, as the API
does, and work without the scripts too.
"""

from service.pages.rendering import ASSETS
from service.pages.review import REVIEW
from service.pages.routes import BLUEPRINT, CLOSED
from service.pages.sitting import BLUEPRINT as SITTING

__all__ = ["ASSETS", "BLUEPRINT", "CLOSED", "REVIEW", "SITTING"]
