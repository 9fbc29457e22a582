"""The version of the package, for pyproject.toml, `arithgpt --version` and everything that says what a result was made with."""

__version__ = "0.1.0"
