"""``python -m septum``."""

from septum.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
