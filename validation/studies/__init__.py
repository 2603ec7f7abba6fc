"""What the commands and the workflow rules call."""
