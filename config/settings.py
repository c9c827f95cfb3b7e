"""Settings for both ways to run: embedded on SQLite, and production by environment variables."""

import os
from datetime import timedelta
from typing import Any

import csp.constants
from django.templatetags.static import static
from django.urls import reverse_lazy

from config import headers
from config.env import BASE_DIR, data_dir, default_base_url, env, is_embedded, stored_secret
from config.menu import MENU

EMBEDDED = is_embedded()
DATA_DIR = data_dir()
DEBUG = False

# --- where the outside finds us -----------------------------------------------------------------

PUBLIC_BASE_URL = env.str("PUBLIC_BASE_URL", default=default_base_url()).rstrip("/")
IS_HTTPS = PUBLIC_BASE_URL.startswith("https://")
_PUBLIC_HOST = PUBLIC_BASE_URL.split("://", 1)[-1].split("/", 1)[0]
ALLOWED_HOSTS = env.list(
    "ALLOWED_HOSTS",
    default=[_PUBLIC_HOST.rsplit(":", 1)[0], *(["127.0.0.1", "localhost"] if EMBEDDED else [])],
)
CSRF_TRUSTED_ORIGINS = [PUBLIC_BASE_URL]
# Networks whose X-Forwarded-For and X-Forwarded-Proto are believed: the proxies in front.
TRUSTED_PROXIES = env.list("TRUSTED_PROXIES", default=[])

# --- secrets ------------------------------------------------------------------------------------

SECRET_KEY = env.str("SECRET_KEY", default=stored_secret("secret_key") if EMBEDDED else "")
SECRET_KEY_FALLBACKS = env.list("SECRET_KEY_FALLBACKS", default=[])
# Receipts are signed with the first of these and verified with any (docs/operations.md).
SIGNING_KEYS = env.list("SIGNING_KEYS", default=[stored_secret("signing_key")] if EMBEDDED else [])
# Secrets that must be read again (webhook signing) are encrypted with the first of these and
# decrypted with any (config/crypto.py).
FIELD_KEYS = env.list("FIELD_KEYS", default=[stored_secret("field_key")] if EMBEDDED else [])

# --- applications -------------------------------------------------------------------------------

INSTALLED_APPS = [
    "config.apps.ProjectConfig",
    "webhooks",
    "mirroring",
    "approvals",
    "tracks",
    "unfold",
    "unfold.contrib.filters",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "anymail",
    "csp",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "rest_framework",
]
if EMBEDDED:
    INSTALLED_APPS.insert(1, "config.mailbox")

MIDDLEWARE = [
    "config.middleware.request_context",
    "config.middleware.response_headers",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "config.middleware.ContentSecurityPolicy",
    "config.middleware.limit_body",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "config.middleware.refuse_other_sites",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_otp.middleware.OTPMiddleware",
    "tracks.staff.gate.second_factor_gate",
    "django.contrib.messages.middleware.MessageMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "csp.context_processors.nonce",
            ],
        },
    },
]

# What follows from an event, in order (design.md §1), and what the layer above adds to a track.
EVENT_CONSUMERS = [
    "approvals.notify.on_events",
    "approvals.slack_cards.on_events",
    "mirroring.answers.on_events",
    "webhooks.outbound.on_events",
]
# What the layers above show in the dossier of a track or an ask, and by what they find tracks.
DOSSIER_SECTIONS = ["mirroring.dossier.section", "webhooks.dossier.section"]
TRACK_FINDERS = ["mirroring.finding.tracks_named"]
TRACK_SEARCH = "approvals.staff.finding.find_tracks"
TRACK_PARTICIPANT = "approvals.participant"
SOURCE_LOOK = "mirroring.looking.look"
# What each app tells the home of the admin (tracks/home), in the order in which it is shown.
HOME_NUMBERS = [
    "approvals.home.tell",
    "mirroring.home.tell",
    "webhooks.home.tell",
    "tracks.home.numbers.tell",
]
TRIGGERS_LEFT_OUT: tuple[str, ...] = ()  # for tests that must empty tables

# --- database -----------------------------------------------------------------------------------

DATABASES = {
    "default": env.db("DATABASE_URL", default=f"sqlite:///{DATA_DIR / 'sayso.sqlite3'}"),
}
DATABASES["default"].setdefault("CONN_MAX_AGE", 600)
DATABASES["default"].setdefault("CONN_HEALTH_CHECKS", True)
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # One writer at a time, readers never wait; the transaction takes the lock at its start, so
    # that it cannot fail half-way (IMMEDIATE).
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
    }
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- broker, wake-ups, cache --------------------------------------------------------------------

REDIS_URL = env.str("REDIS_URL", default="")
CACHES: dict[str, dict[str, Any]] = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "OPTIONS": {"socket_timeout": 1, "socket_connect_timeout": 1},
    }
    if REDIS_URL
    else {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},
}

_BROKER_DIR = DATA_DIR / "broker"
CELERY_BROKER_URL = REDIS_URL or "filesystem://localhost"
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, Any] = (
    {"socket_timeout": 2, "socket_connect_timeout": 1}
    if REDIS_URL
    else {
        "data_folder_in": str(_BROKER_DIR / "messages"),
        "data_folder_out": str(_BROKER_DIR / "messages"),
        "control_folder": str(_BROKER_DIR / "control"),
        "store_processed": False,
        "polling_interval": 0.2,
    }
)
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SERIALIZER = "json"
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TIMEZONE = "UTC"


def _every(task: str, seconds: float) -> dict[str, Any]:
    # A message that no worker took in time is worth nothing: the next one says the same.
    return {"task": task, "schedule": timedelta(seconds=seconds), "options": {"expires": seconds}}


CELERY_BEAT_SCHEDULE = {
    "tick": _every("tracks.tasks.tick", 15),
    "sweep-dispatches": _every("tracks.tasks.sweep_dispatches", 10),
    "sweep-overdue": _every("approvals.tasks.sweep_overdue", 2),
    "sweep-notifications": _every("approvals.tasks.sweep_notifications", 10),
    "sweep-queue-mails": _every("approvals.tasks.sweep_queue_mails", 10),
    "sweep-absences": _every("approvals.tasks.sweep_absences", 5),
    "plan-digests": _every("approvals.tasks.plan_digests", 60),
    "sweep-digests": _every("approvals.tasks.sweep_digests", 10),
    "sweep-slack-cards": _every("approvals.tasks.sweep_slack_cards", 10),
    "mirror": _every("mirroring.tasks.work", 2),
    "sweep-hooks": _every("mirroring.tasks.sweep_hooks", 10),
    "sweep-alerts": _every("mirroring.tasks.sweep_alerts", 60),
    "close-settled": _every("mirroring.tasks.close_settled", 3600),
    "sweep-deliveries": _every("webhooks.tasks.deliver", 2),
    "sweep-notices": _every("webhooks.tasks.sweep_notices", 60),
    "purge-tracks": _every("tracks.tasks.purge", 3600),
    "purge-approvals": _every("approvals.tasks.purge", 3600),
    "purge-mirroring": _every("mirroring.tasks.purge", 3600),
    "purge-webhooks": _every("webhooks.tasks.purge", 3600),
}
# What a person waits for is done by the process that dispatched it: the embedded broker polls.
IN_PROCESS_TASKS = (
    {"approvals.tasks.send_notification", "approvals.tasks.send_queue_mail"} if EMBEDDED else set()
)

# --- agents -------------------------------------------------------------------------------------

REQUESTS_PER_SECOND_AND_KEY = env.int("REQUESTS_PER_SECOND_AND_KEY", default=2000)
LARGEST_BODY = 1024 * 1024
DATA_UPLOAD_MAX_MEMORY_SIZE = LARGEST_BODY
REST_FRAMEWORK = {
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "tracks.views.problem_response",
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Sayso",
    "DESCRIPTION": "Ask an outside person for their say-so, and wait for it.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_AUTHENTICATION": [],
    "SERVE_PERMISSIONS": [],
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_NAME_OVERRIDES": {},
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "POSTPROCESSING_HOOKS": [],
}

# --- calls to the outside -----------------------------------------------------------------------

# Networks (CIDR) that webhooks and connectors may reach although they are not public; there also
# plain http and any port. Metadata addresses of clouds stay out of reach.
EGRESS_ALLOW: list[str] = env.list("SAYSO_EGRESS_ALLOW", default=[])

# --- people -------------------------------------------------------------------------------------

PASSWORD_HASHERS = ["config.hashers.PinnedArgon2"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_REDIRECT_URL = "/admin/"

_COOKIE_PREFIX = "__Host-" if IS_HTTPS else "sayso-"
SESSION_COOKIE_NAME = f"{_COOKIE_PREFIX}session"
CSRF_COOKIE_NAME = f"{_COOKIE_PREFIX}csrf"
VIEWER_COOKIE_NAME = f"{_COOKIE_PREFIX}vs"
PENDING_COOKIE_NAME = f"{_COOKIE_PREFIX}pv"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = IS_HTTPS
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "approvals.pages.forged"

SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TRUSTED_PROXIES else None
SECURE_HSTS_SECONDS = 31_536_000 if IS_HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = env.bool("HSTS_INCLUDE_SUBDOMAINS", default=False)
SECURE_HSTS_PRELOAD = False
# No redirect from http: a key that came over http has leaked already (docs/operations.md).
SECURE_SSL_REDIRECT = False
# Not `no-referrer`: browsers then send `Origin: null`, which the CSRF check refuses.
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SILENCED_SYSTEM_CHECKS = [
    "security.W002",  # the frame header is set by config.middleware.response_headers
    "security.W005",  # HSTS_INCLUDE_SUBDOMAINS is the operator's choice
    "security.W008",  # no redirect from http, see above
    "security.W021",  # nor is preloading ours to decide
]

_NOBODY, _OURS = ["'none'"], ["'self'"]
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": _NOBODY,
        "script-src": [csp.constants.NONCE],
        "connect-src": _OURS,
        "style-src": _OURS,
        "img-src": _OURS,
        "form-action": _OURS,
        "frame-ancestors": _NOBODY,
        "base-uri": _NOBODY,
    }
}
# The API reference and the admin bring scripts and styles of their own; no page of approvers does.
REFERENCE_CONTENT_SECURITY_POLICY = CONTENT_SECURITY_POLICY["DIRECTIVES"] | {
    "script-src": ["'self'", "'unsafe-inline'"],
    "style-src": ["'self'", "'unsafe-inline'"],
    "img-src": ["'self'", "data:"],
}
ADMIN_CONTENT_SECURITY_POLICY = REFERENCE_CONTENT_SECURITY_POLICY | {
    "script-src": ["'self'", "'unsafe-inline'", "'unsafe-eval'"],
    "font-src": _OURS,
}

# --- mail ---------------------------------------------------------------------------------------

EMAIL_BACKEND = (
    "config.mailbox.backend.MailboxBackend"
    if EMBEDDED
    else env.str("EMAIL_BACKEND", default="django.core.mail.backends.smtp.EmailBackend")
)
if "EMAIL_URL" in os.environ:
    vars().update(env.email("EMAIL_URL"))
EMAIL_TIMEOUT = 15
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="Sayso <approvals@sayso.example>")
SERVER_EMAIL = DEFAULT_FROM_EMAIL
ANYMAIL = env.json("ANYMAIL", default={})
# `name:password`, with which a mail service says what became of a mail; several while they change.
ANYMAIL_WEBHOOK_SECRET: list[str] = env.list("ANYMAIL_WEBHOOK_SECRET", default=[])

# --- pages --------------------------------------------------------------------------------------

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = False
FORMAT_MODULE_PATH = "config.formats"
STATIC_URL = "/static/"
STATIC_ROOT = None if EMBEDDED else DATA_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if EMBEDDED
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
# The embedded run serves files from where they lie: collecting them takes longer than its start.
WHITENOISE_USE_FINDERS = WHITENOISE_AUTOREFRESH = EMBEDDED
WHITENOISE_ADD_HEADERS_FUNCTION = headers.add_to_static

# The accent of the pages; light enough at 500 to be read in the dark, dark enough at 600 in light.
_TEAL = {
    "50": "#f0f7f6",
    "100": "#e0efed",
    "200": "#c2dfdc",
    "300": "#9bcac5",
    "400": "#7cc4bd",
    "500": "#63b3ac",
    "600": "#1f5f5b",
    "700": "#174a47",
    "800": "#123a38",
    "900": "#0e2d2b",
    "950": "#081c1b",
}
UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Sayso",
    "SITE_HEADER": "Sayso",
    "SITE_SYMBOL": "approval",
    "SHOW_HISTORY": False,  # the log is the history
    "STYLES": [lambda request: static("admin.css")],
    "COLORS": {"primary": _TEAL},
    "SIDEBAR": {"navigation": MENU},
    "LOGIN": {"form": "tracks.staff.sign_in.SignInForm"},
    "ACCOUNT": {
        "navigation": [{"title": "Second factor", "link": reverse_lazy("second_factor_set_up")}]
    },
    "DASHBOARD_CALLBACK": "tracks.home.page.show",
}

# --- logs ---------------------------------------------------------------------------------------

LOG_FORMAT = env.str("LOG_FORMAT", default="console" if EMBEDDED else "json")
LOG_LEVEL = env.str("LOG_LEVEL", default="INFO")
LOGGING_CONFIG = "config.logs.configure"
LOGGING: dict[str, Any] = {"format": LOG_FORMAT, "level": LOG_LEVEL}
