"""Names for questions that come without one."""

from __future__ import annotations

import hashlib
import re
import unicodedata

from service import ids

_LONGEST = 80
_DIGITS = 10


def is_slug(text: str) -> bool:
    """Whether a name of elsewhere can be a slug as it is."""
    return len(text) <= _LONGEST and ids.SLUG.fullmatch(text) is not None


def slug_from(title: str) -> str:
    """A slug that is the same for the same title, today and tomorrow.

    Letters that ASCII lacks (accents aside) would be lost, and with them what tells two titles
    apart: a digest of the whole title then stands at the end, or alone.
    """
    folded = unicodedata.normalize("NFKC", title).casefold().strip()
    bare = unicodedata.normalize("NFKD", folded)
    words = re.findall(r"[a-z0-9]+", "".join(c for c in bare if not unicodedata.combining(c)))
    slug = "-".join(words)
    lost = any(c.isalnum() and not c.isascii() for c in bare)
    if slug and not lost and len(slug) <= _LONGEST:
        return slug
    return suffixed(slug or "question", folded)


def suffixed(slug: str, text: str) -> str:
    """The slug with a digest of `text` at its end."""
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGITS]
    return f"{slug[: _LONGEST - _DIGITS - 1].rstrip('-')}-{digest}"
