"""The command demo: its story, and how the commands of the story are run."""
