"""Where the links of a demo lead: the names of a track's pages, at the demo's addresses.

The templates are rendered with these, so they link to a demo as they would to a track. What
answers at them is in `config.urls`; forms are never sent, the page's script plays on instead.
"""

from django.urls import path

from approvals.demo import pages

urlpatterns = [
    path("demo/<str:slug>", pages.demo, name="track"),
    path("demo/<str:slug>", pages.demo, name="code"),
    path("demo/<str:slug>", pages.demo, name="verify"),
    path("demo/<str:slug>/<str:ask_id>", pages.demo, name="answer"),
    path("demo/<str:slug>/receipt/<str:ask_id>", pages.receipt, name="receipt"),
    path("demo/<str:slug>/receipt/<str:ask_id>.json", pages.receipt_json, name="receipt_json"),
]
