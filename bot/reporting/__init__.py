"""What the program says of itself: log lines, metrics, notifications."""
