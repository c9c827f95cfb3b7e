"""The embedded run: one command, one process tree, no server to install (contract §7)."""
