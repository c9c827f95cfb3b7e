"""People whom a system names without an address, and the addresses that staff give them."""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.widgets import UnfoldAdminEmailInputWidget

from mirroring import operating
from mirroring.models import Identity
from mirroring.staff.trials import OPERATE
from tracks.addresses import NotAnAddress, check_address
from tracks.staff.actions import reasoned_action
from tracks.staff.base import ReadOnlyAdmin
from tracks.staff.columns import theirs
from tracks.staff.forms import ReasonForm


class AddressForm(ReasonForm):
    """Asks for the address of somebody. It is theirs everywhere in this connection."""

    field_order = ("address", "reason")
    address = forms.CharField(
        max_length=254,
        widget=UnfoldAdminEmailInputWidget(),
        help_text="What waited for it is followed up at once.",
    )

    def clean_address(self) -> str:
        """Take exactly one address."""
        try:
            return check_address(self.cleaned_data["address"])
        except NotAnAddress as error:
            raise ValidationError(str(error)) from None


class UnmatchedFilter(admin.SimpleListFilter):
    """Those whose address is known, or not."""

    title, parameter_name = "address", "address__exact"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the one that staff come for."""
        return [("", "not known")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Identity]) -> QuerySet[Identity]:
        """Keep those whose address is not known."""
        return queryset.filter(address="") if self.value() == "" else queryset


class IdentityAdmin(ReadOnlyAdmin):
    workspace_path = "connection__workspace"

    name_address = reasoned_action(
        label="Type the address",
        permission=OPERATE,
        says="Requests for this person go to this address from now on, and what waited for it is "
        "asked.",
        act=operating.name_address,
        form=AddressForm,
    )

    id_there = theirs("external_id", description="External id")
    name_there = theirs("name", description="Name")

    actions_detail = ("name_address",)
    list_display = ("__str__", "id_there", "connection", "address", "first_seen_at")
    list_select_related = ("connection",)
    list_filter = (UnmatchedFilter, "connection")
    search_fields = ("external_id", "name")
    fields = ("connection", "id_there", "name_there", "address", "first_seen_at")
    readonly_fields = ("id_there", "name_there")
