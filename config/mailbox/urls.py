"""Where the mailbox is."""

from django.urls import path

from config.mailbox import views

app_name = "mailbox"
urlpatterns = [
    path("", views.messages, name="messages"),
    path("messages.json", views.messages_json, name="messages_json"),
    path("<int:pk>/", views.message, name="message"),
    path("<int:pk>/html", views.message_html, name="message_html"),
]
