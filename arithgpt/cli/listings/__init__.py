"""What lists: `arithgpt runs` with its subcommands, and `arithgpt tasks`."""
