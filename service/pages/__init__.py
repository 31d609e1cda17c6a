"""Pages for people who practise: rendered here, with one stylesheet and one small script of ours.

They call the use cases, as the API does, and work without the script too.
"""

from service.pages.routes import BLUEPRINT, CLOSED

__all__ = ["BLUEPRINT", "CLOSED"]
