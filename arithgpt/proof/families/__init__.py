"""Every window that the pages of a task can show, task by task."""
