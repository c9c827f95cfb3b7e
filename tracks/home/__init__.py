"""The home of the admin: what to act on now, how asks go, and whether the machinery runs.

Each app tells its own numbers (`settings.HOME_NUMBERS`), so that this layer imports none above it.
"""
