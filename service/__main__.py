"""`python -m service` is `pointmark`."""

from service.cli import main

if __name__ == "__main__":
    main()
