"""People and permissions: who works in which workspaces, and as what."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.auth import admin as _  # noqa: F401  registers what is replaced here
from django.contrib.auth.models import Group, User
from django.db.models import Exists, OuterRef
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from config.errors import DomainError
from tracks import people
from tracks.models import Authenticator, Membership
from tracks.people import is_within_reach
from tracks.person_form import NewPersonForm, PersonForm
from tracks.staff.actions import ShownOnce, reasoned_action, secret_page
from tracks.staff.base import StaffAdmin
from tracks.staff.reach import actor_of, is_superuser, workspaces_of

# Django's own pages let whoever may change a user make them a superuser; and the roles are made
# from a table (tracks/staff/roles.py), not by hand.
admin.site.unregister([User, Group])

CHANGE = "auth.change_user"


def _password(person: User, **said: Any) -> ShownOnce:
    password = people.set_password(person, **said)
    return ShownOnce(f"The password of {person}", password, "Tell it to them alone.")


@admin.register(User)
class PersonAdmin(StaffAdmin):
    """Staff. A superuser's rights are given on the command line, and seen by superusers alone."""

    workspace_path = "memberships__workspace"
    list_display = (
        "address",
        "first_name",
        "held",
        "has_second_factor",
        "is_active",
        "last_login",
    )
    list_filter = ("is_active",)
    search_fields = ("username", "first_name")
    ordering = ("username",)

    set_password = reasoned_action(
        label="Set a new password",
        permission=CHANGE,
        says="They get a new password, which you see once and tell them. They are signed out "
        "everywhere.",
        act=_password,
    )
    remove_second_factor = reasoned_action(
        label="Remove the second factor",
        permission=CHANGE,
        says="For somebody who has lost their phone and their recovery codes. Make sure that it "
        "is them: from then on their password alone lets them in, or lets them set up another.",
        act=people.remove_second_factor,
        fits=lambda person: Authenticator.objects.filter(user=person.pk).exists(),
        is_dangerous=True,
    )
    actions_detail = ("set_password", "remove_second_factor")

    def get_queryset(self, request: HttpRequest) -> Any:
        """Return those who work in a workspace of the reader's, each once."""
        found = super(StaffAdmin, self).get_queryset(request)
        if not is_superuser(request.user):
            mine = Membership.objects.filter(workspace__in=workspaces_of(request.user))
            found = found.filter(pk__in=mine.values("user"), is_superuser=False)
        has_one = Authenticator.objects.filter(user=OuterRef("pk"))
        return found.prefetch_related("groups").annotate(has_one=Exists(has_one))

    def may_act_on(self, request: HttpRequest, row: Any) -> bool:
        """Leave somebody who works elsewhere, too, to whoever has all of it in view."""
        return is_within_reach(row, request.user)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        may = super().has_change_permission(request, obj)
        return bool(may and (obj is None or is_within_reach(obj, request.user)))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_form(self, request: HttpRequest, obj: Any = None, **options: Any) -> Any:
        """Return the form for whoever asks: it offers what they have themselves."""
        base = NewPersonForm if obj is None else PersonForm
        return type(base.__name__, (base,), {"user": request.user})

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Show who they are on top, and below it what can be changed."""
        if obj is None:
            return [(None, {"fields": ("email", "first_name", "roles", "workspaces")})]
        shown = ("address", "first_name", "last_login", "has_second_factor")
        if not self.has_change_permission(request, obj):
            return [(None, {"fields": (*shown, "held", "is_active")})]
        return [(None, {"fields": (*shown, "roles", "workspaces", "is_active")})]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        shown = ("address", "first_name", "last_login", "has_second_factor", "held")
        return shown if obj is not None else ()

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Hire somebody, or give them another post."""
        actor = actor_of(request.user)
        if change:
            people.change_person(obj, post=form.post, actor=actor)
            return
        made, obj.first_password = people.add_person(
            address=form.cleaned_data["email"],
            name=form.cleaned_data["first_name"],
            post=form.post,
            actor=actor,
        )
        obj.pk = made.pk

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Do nothing more: the roles and workspaces are saved with their post."""

    def response_add(
        self, request: HttpRequest, obj: Any, post_url_continue: str | None = None
    ) -> HttpResponse:
        """Show the first password, this once."""
        shown = ShownOnce(f"The password of {obj.email}", obj.first_password)
        return secret_page(self, request, obj, shown)

    def changeform_view(self, request: HttpRequest, *args: Any, **options: Any) -> HttpResponse:
        """Say why a change was refused."""
        try:
            response: HttpResponse = super().changeform_view(request, *args, **options)
        except DomainError as refusal:
            messages.error(request, refusal.detail)
            return HttpResponseRedirect(request.get_full_path())
        return response

    @admin.display(description="Signs in as")
    def address(self, person: Any) -> str:
        """Return the name with which they sign in."""
        return str(person.get_username())

    @admin.display(description="Roles")
    def held(self, person: Any) -> str:
        """Return the roles, by name."""
        if person.is_superuser:
            return "superuser"
        return ", ".join(sorted(group.name for group in person.groups.all()))

    @admin.display(description="Second factor", boolean=True)
    def has_second_factor(self, person: Any) -> bool:
        """Tell whether they have set one up."""
        return bool(person.has_one)
