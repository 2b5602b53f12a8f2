"""``python -m morelike`` is ``morelike``."""

from morelike.cli import main

if __name__ == "__main__":
    main()
