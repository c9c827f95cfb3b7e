"""Who works here, in which workspaces and how they prove it. Each change leaves a line in the log.

The rules: nobody gives more than they have, nobody changes a superuser or somebody who also works
where they themselves do not, and no workspace loses its last owner.
"""

import secrets
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group, User
from django.db.models import QuerySet

from config.errors import DomainError
from tracks.actors import Actor
from tracks.clock import database_now
from tracks.entries import note_for_each
from tracks.models import Authenticator, Membership, Workspace
from tracks.staff.reach import workspaces_of
from tracks.staff.roles import OWNER, ROLES
from tracks.transactions import transition

PASSWORD_BYTES = 15


class LastOwner(DomainError):
    code, status, title = "last_owner", 409, "A workspace would be left without an owner."


@dataclass(frozen=True, slots=True)
class Post:
    """What somebody may do, and where."""

    roles: frozenset[str]
    workspaces: frozenset[Any]
    is_active: bool = True

    def as_json(self) -> dict[str, Any]:
        """Return the post as the log shows it."""
        held = [role for role in ROLES if role in self.roles]
        return {"roles": held, "is_active": self.is_active}


def post_of(person: User) -> Post:
    """Return what somebody may do now."""
    works_in = Membership.objects.filter(user=person).values_list("workspace", flat=True)
    return Post(
        roles=frozenset(person.groups.filter(name__in=ROLES).values_list("name", flat=True)),
        workspaces=frozenset(works_in),
        is_active=person.is_active,
    )


@transition
def add_person(*, address: str, name: str, post: Post, actor: Actor) -> tuple[User, str]:
    """Hire somebody, and return them with their first password."""
    password = secrets.token_urlsafe(PASSWORD_BYTES)
    person = get_user_model().objects.create_user(
        address, email=address, password=password, first_name=name, is_staff=True
    )
    _give(person, post)
    _note(person, "person.added", actor=actor, **post.as_json())
    return person, password


@transition
def change_person(person: User, *, post: Post, actor: Actor) -> None:
    """Give somebody another post, unless a workspace would lose its last owner by it."""
    # In one order, so that two owners who remove each other at once meet here.
    person = get_user_model().objects.get(pk=person.pk)  # not as a form has left it
    before = post_of(person)
    list(
        Workspace.objects.select_for_update(no_key=True)
        .filter(pk__in=before.workspaces)
        .order_by("pk")
    )
    _refuse_if_last_owner(person, before, post)
    _give(person, post)
    if before != post:
        _note(person, "person.changed", actor=actor, **post.as_json())
    if gone := before.workspaces - post.workspaces:
        _note(person, "person.removed", actor=actor, among=gone)


@transition
def set_password(person: User, *, actor: Actor, reason: str) -> str:
    """Give somebody a new password, and return it. Their sessions end with the old one."""
    password = secrets.token_urlsafe(PASSWORD_BYTES)
    person.set_password(password)
    person.save(update_fields=["password"])
    _note(person, "person.password_set", actor=actor, reason=reason)
    return password


@transition
def remove_second_factor(person: User, *, actor: Actor, reason: str) -> str:
    """Take somebody's second factor away, who has lost it."""
    removed, _ = Authenticator.objects.filter(user=person).delete()
    if removed:
        _note(person, "second_factor.removed", actor=actor, reason=reason)
    return f"{person} has no second factor any more."


@transition
def keep_authenticator(
    person: Any, *, key: str, step: int, actor: Actor
) -> tuple[Authenticator, list[str]]:
    """Keep the authenticator that somebody has shown a code of, in place of the one before."""
    Authenticator.objects.filter(user=person.pk).delete()
    device = Authenticator.objects.create(
        user_id=person.pk, name="Authenticator", key=key, last_step=step, added_at=database_now()
    )
    _note(person, "second_factor.set_up", actor=actor)
    return device, device.new_recovery_codes()


@transition
def renew_recovery_codes(person: Any, *, actor: Actor) -> list[str]:
    """Make new recovery codes in place of the old ones, and return them."""
    device = Authenticator.objects.select_for_update().get(user=person.pk)
    _note(person, "second_factor.codes_renewed", actor=actor)
    codes: list[str] = device.new_recovery_codes()
    return codes


def is_within_reach(person: Any, user: Any) -> bool:
    """Tell whether a user may change somebody: who works nowhere else, and is not more."""
    if user.is_superuser:
        return True
    if person.groups.exclude(pk__in=roles_to_give(user)).exists():
        return False
    everywhere = Membership.objects.filter(user=person.pk).values("workspace")
    elsewhere = Workspace.objects.filter(pk__in=everywhere).exclude(pk__in=workspaces_of(user))
    return not person.is_superuser and not elsewhere.exists()


def roles_to_give(user: Any) -> QuerySet[Group]:
    """Return the roles of which a member of staff has every permission themselves."""
    groups = Group.objects.filter(name__in=ROLES).prefetch_related("permissions__content_type")
    own = user.get_all_permissions()
    given = [group.pk for group in groups if user.is_superuser or _names(group) <= own]
    return Group.objects.filter(pk__in=given)


def _names(group: Group) -> set[str]:
    return {f"{each.content_type.app_label}.{each.codename}" for each in group.permissions.all()}


def _give(person: User, post: Post) -> None:
    kept = person.groups.exclude(name__in=ROLES)
    person.groups.set([*kept, *Group.objects.filter(name__in=post.roles)])
    Membership.objects.filter(user=person).exclude(workspace__in=post.workspaces).delete()
    Membership.objects.bulk_create(
        [Membership(user=person, workspace_id=pk) for pk in post.workspaces], ignore_conflicts=True
    )
    person.is_active = post.is_active
    person.save(update_fields=["is_active"])


def _refuse_if_last_owner(person: User, before: Post, after: Post) -> None:
    was = before.workspaces if _owns(before) else frozenset()
    stays = after.workspaces if _owns(after) else frozenset()
    others = Membership.objects.exclude(user=person).filter(
        user__is_active=True, user__groups__name=OWNER
    )
    for workspace in Workspace.objects.filter(pk__in=was - stays):
        if not others.filter(workspace=workspace).exists():
            raise LastOwner(f"{workspace} would be left without an owner. Make another one first.")


def _owns(post: Post) -> bool:
    return post.is_active and OWNER in post.roles


def _note(
    person: Any, type: str, *, actor: Actor, among: Collection[Any] | None = None, **data: Any
) -> None:
    concerned = Workspace.objects.filter(memberships__user=person.pk)
    if among is not None:
        concerned = Workspace.objects.filter(pk__in=among)
    note_for_each(
        concerned,
        type,
        subject=f"usr_{person.pk}",
        actor=actor,
        at=database_now(),
        person=person.email or person.get_username(),
        **data,
    )
