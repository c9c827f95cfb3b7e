"""Who may do what: the roles of staff. Each may do all that the one before it may.

A permission stands in `Meta.permissions` of the model it concerns, in whatever layer that is; here
it is a name alone.
"""

from django.apps import apps
from django.contrib.auth.management import create_permissions

VIEWER, OPERATOR, INTEGRATOR, OWNER = "Viewer", "Operator", "Integrator", "Owner"

VIEWED = ("tracks", "approvals", "mirroring", "webhooks")  # a viewer sees all of these …
NOT_VIEWED = frozenset({"tracks.view_membership"})  # … but this

ADDED = {
    VIEWER: frozenset(),
    OPERATOR: frozenset(
        {
            "approvals.cancel_ask",
            "approvals.nudge_ask",
            "approvals.reassign_ask",
            "approvals.resend_ask",
            "approvals.revoke_grant",
            "tracks.export_event",
            "tracks.set_track_password",
        }
    ),
    INTEGRATOR: frozenset(
        {
            "approvals.add_slackchannel",
            "approvals.change_slackchannel",
            "approvals.delete_slackchannel",
            "mirroring.add_connection",
            "mirroring.change_connection",
            "mirroring.operate_connection",
            "tracks.add_apikey",
            "tracks.revoke_apikey",
            "tracks.rotate_apikey",
            "webhooks.add_endpoint",
            "webhooks.change_endpoint",
            "webhooks.operate_endpoint",
        }
    ),
    OWNER: frozenset(
        {
            "approvals.override_ask",
            "auth.add_user",
            "auth.change_user",
            "auth.view_user",
            "tracks.add_membership",
            "tracks.change_membership",
            "tracks.change_workspace",
            "tracks.delete_membership",
            "tracks.view_membership",
        }
    ),
}
ROLES = tuple(ADDED)


def added_up_to(role: str) -> frozenset[str]:
    """Return the permissions of a role but for those to look, by name."""
    return frozenset[str]().union(*(ADDED[each] for each in ROLES[: ROLES.index(role) + 1]))


def install_roles() -> None:
    """Make the group of each role, or bring it up to this table."""
    groups = apps.get_model("auth", "Group").objects
    permissions = _permissions()
    looks = {
        name
        for name in permissions
        if name.startswith(tuple(f"{label}.view_" for label in VIEWED)) and name not in NOT_VIEWED
    }
    for role in ROLES:
        wanted = (looks | added_up_to(role)) & permissions.keys()
        group, _ = groups.get_or_create(name=role)
        group.permissions.set([permissions[name] for name in wanted])


def _permissions() -> dict[str, int]:
    # Django makes them after the migration, too, and perhaps after us.
    for label in (*VIEWED, "auth"):
        create_permissions(apps.get_app_config(label), verbosity=0)
    rows = apps.get_model("auth", "Permission").objects.filter(
        content_type__app_label__in=(*VIEWED, "auth")
    )
    named = rows.values_list("content_type__app_label", "codename", "pk")
    return {f"{label}.{codename}": pk for label, codename, pk in named}
