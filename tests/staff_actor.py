"""A member of staff, as events name one."""

from tracks.actors import Actor

DANA = Actor("staff", "dana@sayso.example")
REASON = "The CFO is in hospital; her deputy told us by phone."
