"""Which rows a member of staff can see at all: those of the workspaces they are a member of."""

from typing import Any, TypeVar
from uuid import UUID

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser
from django.db.models import Model, QuerySet

from tracks.actors import Actor
from tracks.models import Workspace

M = TypeVar("M", bound=Model)
Staff = AbstractBaseUser | AnonymousUser

FEW = 20  # workspaces


def workspaces_of(user: Staff) -> QuerySet[Workspace]:
    """Return the workspaces a member of staff works in; a superuser works in all."""
    workspaces = Workspace.objects.all()
    return workspaces if is_superuser(user) else workspaces.filter(memberships__user=user.pk)


def few_workspaces_of(user: Staff) -> list[UUID] | None:
    """Return the workspaces of a member of staff, if they are few enough to look into each."""
    if is_superuser(user):
        return None
    found = list(workspaces_of(user).order_by().values_list("pk", flat=True)[: FEW + 1])
    return found if len(found) <= FEW else None


def within(rows: QuerySet[M], user: Staff, path: str) -> QuerySet[M]:
    """Keep the rows whose workspace, which is found at `path`, is one of the user's."""
    if is_superuser(user):
        return rows
    return rows.filter(**{f"{path}__in": workspaces_of(user).order_by().values("pk")})


def is_superuser(user: Any) -> bool:
    """Tell whether nothing is out of reach."""
    return bool(user.is_active and user.is_superuser)


def actor_of(user: Any) -> Actor:
    """Return a member of staff as events name them."""
    return Actor("staff", user.email or user.get_username())
