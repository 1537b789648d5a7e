"""``python -m cxfusion`` is the command line."""

from cxfusion.cli import main

if __name__ == "__main__":
    main()
