"""What the admin of every layer is built from: roles, reach, lists and actions with a reason."""
