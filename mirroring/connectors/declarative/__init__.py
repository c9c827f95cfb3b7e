"""The declarative connector: a system described in YAML or JSON, without code."""
