"""What the API answers with, as objects."""
