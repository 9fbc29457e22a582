"""Completion in bash, zsh and fish: typer's protocol, the values that are offered, and commands read without their imports."""
