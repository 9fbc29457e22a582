"""Speed, start-up and memory of arithgpt, beside what one would write or take without it, measured by turns in one run."""
