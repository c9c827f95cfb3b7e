"""Members of staff, each with a browser of their own."""

from collections.abc import Callable

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.test import Client

from tracks.models import Membership, Workspace

Hire = Callable[..., Client]


@pytest.fixture
def hire(db: None) -> Hire:
    """Return a signed-in browser of somebody with a role in some workspaces."""

    def in_role(role: str, *workspaces: Workspace, name: str = "") -> Client:
        name = name or f"{role.lower()}@acme.com"
        user = get_user_model().objects.create_user(name, email=name, is_staff=True)
        user.groups.add(Group.objects.get(name=role))
        for each in workspaces:
            Membership.objects.create(user=user, workspace=each)
        client = Client()
        client.force_login(user)
        return client

    return in_role


@pytest.fixture
def boss(db: None) -> Client:
    """A superuser, who sees everything."""
    client = Client()
    client.force_login(get_user_model().objects.create_superuser("boss"))
    return client
