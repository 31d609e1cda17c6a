"""For a container's HEALTHCHECK: exit 0 if this machine's service is ready.

Run as a file with ``python -S``, standard library only, because it runs every few seconds beside
the service: it takes milliseconds, where importing the package would take longer.
"""

import os
import sys
import urllib.error
import urllib.request


def main() -> int:
    """Ask /readyz; say why not on standard error, which `docker inspect` shows."""
    port = os.environ.get("POINTMARK_PORT") or "8000"
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"http://127.0.0.1:{port}/readyz", timeout=4):
            return 0
    except urllib.error.HTTPError as refused:
        sys.stderr.write(refused.read(500).decode("utf-8", "replace"))
    except OSError as fault:
        sys.stderr.write(f"{fault}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
