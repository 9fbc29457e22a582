"""Other libraries' data sets as tasks, and our tasks as theirs."""
