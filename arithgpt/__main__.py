"""`python -m arithgpt` is `arithgpt`."""

from arithgpt.cli import main

if __name__ == "__main__":
    main()
