"""Problems for other tools: a data set with its card, and a task for lm-evaluation-harness."""
