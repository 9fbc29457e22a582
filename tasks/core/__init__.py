"""What tasks are built from: rows of unequal length, digit arithmetic, sampling, question parsing, scratchpads."""
