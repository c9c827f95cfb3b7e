"""What one member of staff says about another, checked."""

from typing import Any, ClassVar

from django import forms
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group, User
from django.core.exceptions import ValidationError
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminEmailInputWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from tracks.addresses import NotAnAddress, check_address
from tracks.models import Workspace
from tracks.people import Post, post_of, roles_to_give
from tracks.staff.forms import PlainText
from tracks.staff.reach import workspaces_of

LONGEST_ADDRESS = 150  # it is the name they sign in with


class PersonForm(forms.ModelForm):  # type: ignore[type-arg]  # no generic at run time
    """Roles and workspaces, of which nobody can give more than they have. `user` asks."""

    user: Any  # who fills it in; set by the admin on a class of its own

    roles = forms.ModelMultipleChoiceField(
        Group.objects.none(),
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget(),
        help_text="Each role may do all that the one before it may: Viewer, Operator, Integrator, "
        "Owner. It counts in all of their workspaces.",
    )
    workspaces = forms.ModelMultipleChoiceField(
        Workspace.objects.none(),
        widget=UnfoldAdminCheckboxSelectMultipleWidget(),
        help_text="They see nothing of any other.",
    )

    class Meta:
        model = User
        fields: ClassVar[tuple[str, ...]] = ("is_active",)
        widgets = {"is_active": UnfoldBooleanSwitchWidget()}
        labels = {"is_active": "May sign in"}
        help_texts = {"is_active": "Nobody is deleted: the log names them."}

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["roles"].queryset = roles_to_give(self.user)  # type: ignore[attr-defined]
        self.fields["workspaces"].queryset = workspaces_of(self.user)  # type: ignore[attr-defined]
        # Whoever works nowhere is seen by superusers alone.
        self.fields["workspaces"].required = not self.instance.is_superuser
        if self.instance.pk:
            post = post_of(self.instance)
            self.initial["roles"] = Group.objects.filter(name__in=post.roles)
            self.initial["workspaces"] = list(post.workspaces)

    @property
    def post(self) -> Post:
        """Return what was ticked."""
        ticked = self.cleaned_data
        return Post(
            roles=frozenset(group.name for group in ticked["roles"]),
            workspaces=frozenset(each.pk for each in ticked["workspaces"]),
            is_active=ticked.get("is_active", True),
        )


class NewPersonForm(PersonForm):
    email = forms.CharField(
        label="E-mail address",
        max_length=LONGEST_ADDRESS,
        widget=UnfoldAdminEmailInputWidget(),
        help_text="They sign in with it, and the log names them by it.",
    )
    first_name = PlainText(
        label="Name", max_length=150, required=False, widget=UnfoldAdminTextInputWidget()
    )

    class Meta(PersonForm.Meta):
        fields: ClassVar[tuple[str, ...]] = ("email", "first_name")

    def clean_email(self) -> str:
        """Take an address that nobody here has, in small letters."""
        try:
            address = check_address(self.cleaned_data["email"]).lower()
        except NotAnAddress as error:
            raise ValidationError(str(error)) from None
        if get_user_model().objects.filter(username__iexact=address).exists():
            raise ValidationError(
                "There is somebody with this address already. Whoever runs this server can add "
                "them to another workspace."
            )
        return address
