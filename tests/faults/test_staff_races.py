"""Two members of staff, or two browsers of one, at the same moment."""

from datetime import timedelta
from functools import partial

import django_otp
import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group, User
from django_otp.oath import TOTP

from tests.factories import AGENT, WorkspaceFactory, issue_key
from tests.faults.racing import at_once_in_database, count
from tracks.keys import rotate_key
from tracks.models import ApiKey, Membership, Workspace
from tracks.people import Post, change_person, keep_authenticator
from tracks.staff.roles import OWNER, VIEWER

pytestmark = pytest.mark.usefixtures("shared_database")
KEY = "3132333435363738393031323334353637383930"


def owner_of(workspace: Workspace, name: str) -> User:
    user: User = get_user_model().objects.create_user(name, email=name, is_staff=True)
    user.groups.add(Group.objects.get(name=OWNER))
    Membership.objects.create(user=user, workspace=workspace)
    return user


@pytest.mark.postgresql
def test_two_owners_who_remove_each_other_leave_one() -> None:
    workspace = WorkspaceFactory()
    both = [owner_of(workspace, f"{name}@acme.com") for name in ("ann", "bob")]
    no_owner = Post(roles=frozenset({VIEWER}), workspaces=frozenset({workspace.pk}))
    results = at_once_in_database(
        *[partial(change_person, each, post=no_owner, actor=AGENT) for each in both]
    )
    assert count(results) == {"LastOwner": 1, "NoneType": 1}
    assert get_user_model().objects.filter(groups__name=OWNER).count() == 1


@pytest.mark.postgresql
def test_a_code_that_is_sent_twenty_times_at_once_is_taken_once() -> None:
    user = get_user_model().objects.create_user("ann@acme.com")
    device, codes = keep_authenticator(user, key=KEY, step=-1, actor=AGENT)
    code = f"{TOTP(bytes.fromhex(KEY)).token():06}"
    for text in (code, codes[0]):
        verify = partial(django_otp.verify_token, user, device.persistent_id, text)
        results = at_once_in_database(*[verify] * 20)
        assert count(results) == {"Authenticator": 1, "NoneType": 19}
        type(device).objects.update(throttling_failure_count=0)


@pytest.mark.postgresql
def test_a_key_that_is_replaced_twenty_times_at_once_has_one_successor() -> None:
    issue_key(WorkspaceFactory())
    key = ApiKey.objects.get()
    replace = partial(rotate_key, key, actor=AGENT, reason="Again", overlap=timedelta(hours=1))
    results = at_once_in_database(*[replace] * 20)
    assert count(results) == {"KeyReplaced": 19, "tuple": 1}
    assert ApiKey.objects.count() == 2
