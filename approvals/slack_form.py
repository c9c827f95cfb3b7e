"""What staff fill in to see a workspace's asks in Slack. Secrets are written, and never shown."""

from typing import Any, ClassVar
from urllib.parse import urlsplit

from django import forms
from unfold.widgets import UnfoldAdminPasswordWidget

from approvals.models import SlackChannel

KEPT = "Kept secret: it is not shown again. Leave it empty to keep what is there."


class SlackChannelForm(forms.ModelForm):  # type: ignore[type-arg]  # no generic at run time
    """Either an incoming webhook, or a bot's token and a channel. The last one given counts."""

    webhook_url = forms.CharField(
        label="Incoming webhook",
        required=False,
        widget=UnfoldAdminPasswordWidget(),
        help_text=f"https://hooks.slack.com/… {KEPT}",
    )
    bot_token = forms.CharField(
        label="Bot token",
        required=False,
        widget=UnfoldAdminPasswordWidget(),
        help_text=f"xoxb-…, with the scope chat:write. It can change its cards later. {KEPT}",
    )

    class Meta:
        model = SlackChannel
        fields: ClassVar = ["workspace", "webhook_url", "bot_token", "channel", "enabled"]

    def clean_webhook_url(self) -> str:
        """Take an address of Slack's and no other: what waits for people goes there."""
        text: str = self.cleaned_data["webhook_url"]
        if text and not _is_slacks(text):
            raise forms.ValidationError("This must begin with https://hooks.slack.com/.")
        return text

    def clean_bot_token(self) -> str:
        """Take the token of a bot, which may do less than a person's."""
        text: str = self.cleaned_data["bot_token"]
        if text and not text.startswith("xoxb-"):
            raise forms.ValidationError("The token of a bot begins with xoxb-.")
        return text

    def clean(self) -> dict[str, Any]:
        """Keep the secret that is there unless another was typed."""
        typed = super().clean() or self.cleaned_data
        webhook_url, bot_token = typed.get("webhook_url", ""), typed.get("bot_token", "")
        if webhook_url and bot_token:
            raise forms.ValidationError("Give the webhook or the bot's token, not both.")
        if not self.errors and not webhook_url and not bot_token:
            webhook_url, bot_token = self.instance.webhook_url, self.instance.bot_token
            if not webhook_url and not bot_token:
                raise forms.ValidationError("Give an incoming webhook, or a bot's token.")
        if bot_token and not typed.get("channel"):
            self.add_error("channel", "The bot needs to know where to post.")
        return typed | {"webhook_url": webhook_url, "bot_token": bot_token}


def _is_slacks(text: str) -> bool:
    try:
        url = urlsplit(text)
        port = url.port
    except ValueError:
        return False
    is_plain = text.isascii() and text.isprintable() and " " not in text and "\\" not in text
    # The host as it is written: no name before an @, no port.
    return (
        is_plain and url.scheme == "https" and url.netloc == "hooks.slack.com" and port is None
    ) and len(url.path) > 1
