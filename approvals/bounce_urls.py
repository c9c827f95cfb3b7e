"""Where mail services say what became of a mail. Whatever they send, it is taken or refused."""

from functools import wraps

import structlog
from anymail.urls import urlpatterns as of_all_services
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern

from approvals.refusal_pages import View, bad_request, not_found

log = structlog.get_logger(__name__)

UNREADABLE = (ValueError, LookupError, TypeError, AttributeError)


def _refusing(view: View) -> View:
    """Refuse what anymail cannot read, and services of which it was not told a secret."""

    @wraps(view)
    def answer(request: HttpRequest) -> HttpResponse:
        try:
            return view(request)
        except ImproperlyConfigured as error:
            return not_found(request, error)
        except UNREADABLE as error:
            log.warning("bounce.unreadable", path=request.path, exc_info=True)
            return bad_request(request, error)

    return answer


urlpatterns = [
    URLPattern(each.pattern, _refusing(each.callback), name=each.name)
    for each in of_all_services
    if "inbound" not in str(each.pattern)
]
