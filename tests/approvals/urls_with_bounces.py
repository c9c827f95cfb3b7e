"""The addresses of an installation that listens to its mail service."""

from django.urls import include, path

import config.urls

urlpatterns = [*config.urls.urlpatterns, path("anymail/", include("approvals.bounce_urls"))]
