"""Pages for people who practise, and for candidates of a session.

They are rendered here, with one stylesheet and one small script of ours.

They call the use cases, as the API does, and work without the script too.
"""

from service.pages.routes import BLUEPRINT, CLOSED
from service.pages.sitting import BLUEPRINT as SITTING

__all__ = ["BLUEPRINT", "CLOSED", "SITTING"]
