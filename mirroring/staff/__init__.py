"""The pages on which staff set connections up, try them out and look after their records."""
