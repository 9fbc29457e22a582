"""Completion in bash, zsh and fish: typer's protocol, the values that are offered, and commands read without their imports."""

from typing import Final

SHELLS: Final = ("bash", "zsh", "fish")
