"""Speed, start-up and memory of arithgpt beside programs that do the same without it, measured in turns in one run."""
