from django.apps import AppConfig


class MailboxConfig(AppConfig):
    name = "config.mailbox"
    label = "mailbox"
    default = True
