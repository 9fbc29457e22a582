"""What is computed from the rows of an evaluation: accuracies, kinds of mistakes, first errors, paired tests."""
