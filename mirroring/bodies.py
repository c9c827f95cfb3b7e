"""The request bodies of connections."""

from tracks.fields import Flag, StrictSerializer


class DryRunBody(StrictSerializer):
    from_start = Flag(required=False, default=False)


class EmptyBody(StrictSerializer):
    """Nothing."""
