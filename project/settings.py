"""Django's settings. Only project.env reads the environment."""

from pathlib import Path
from typing import Any

import dj_database_url
from csp.constants import NONE, SELF

from project import env, logs

BASE_DIR = Path(__file__).resolve().parent.parent

_web = env.web()

SECRET_KEY = _web.secret_key
DEBUG = _web.debug
ALLOWED_HOSTS = list(_web.allowed_hosts)
CSRF_TRUSTED_ORIGINS = list(_web.csrf_trusted_origins)

INSTALLED_APPS = [
    "classify_app",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.sessions",
    "django.contrib.messages",
    "servestatic",
    "django.contrib.staticfiles",
    "ninja",
]

# All of these can run asynchronously. One that can't would occupy a thread for every waiting request.
MIDDLEWARE = [
    "classify_app.http.middleware.HealthMiddleware",
    "classify_app.http.middleware.ProblemMiddleware",  # Before all middleware that refuses requests.
    "classify_app.http.middleware.Utf8Middleware",
    "classify_app.http.threadless.SecurityMiddleware",
    "classify_app.http.threadless.CSPMiddleware",
    "servestatic.middleware.ServeStaticMiddleware",
    "classify_app.http.threadless.SessionMiddleware",
    "classify_app.http.threadless.CommonMiddleware",
    "classify_app.http.threadless.CsrfViewMiddleware",
    "classify_app.http.threadless.AuthenticationMiddleware",
    "classify_app.http.threadless.MessageMiddleware",
    "classify_app.http.threadless.XFrameOptionsMiddleware",
    "classify_app.http.middleware.RefusalMiddleware",
]

ROOT_URLCONF = "project.urls"
ASGI_APPLICATION = "project.asgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]


def _database(url: str, pool_size: int) -> Any:
    database: dict[str, Any] = dict(dj_database_url.parse(url))
    if database["ENGINE"] == "django.db.backends.sqlite3":
        database["OPTIONS"] = {
            # A transaction that begins with a read can't wait for the write lock later.
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        }
        # Tests use threads with their own connections, which an in-memory database doesn't support.
        database["TEST"] = {"NAME": f"{database['NAME']}-test"}
    else:
        # A connection that broke while it was in the pool is replaced.
        database["CONN_HEALTH_CHECKS"] = True
        # Limits the connections of a process, independent of its number of threads.
        pool = {"min_size": 1, "max_size": pool_size, "timeout": 10}
        # Options in the URL, such as sslmode, are passed to libpq.
        database["OPTIONS"] = {**database.get("OPTIONS", {}), "pool": pool}
    return database


DATABASES = {"default": _database(_web.database_url, _web.database_pool_size)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]

LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "login"

SESSION_ENGINE = "classify_app.accounts.sessions"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = _web.https
SYNCHRONOUS_ROUTES = r"^(postApi/image/?)?$"
# The clients of these routes use plain HTTP and follow no redirect.
SECURE_REDIRECT_EXEMPT = [SYNCHRONOUS_ROUTES] if _web.open_synchronous_routes else []
SECURE_HSTS_SECONDS = _web.hsts_seconds if _web.https else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
SILENCED_SYSTEM_CHECKS = [
    # These look for Django's middleware by name; ours is derived from it.
    "security.W001",
    "security.W002",
    "security.W003",
    # Only the owner of a whole domain can ask for HSTS preloading, not one of its sites.
    "security.W021",
]

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "base-uri": [NONE],
        "object-src": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}

DATA_UPLOAD_MAX_NUMBER_FILES = _web.max_form_pictures
# A longer body is kept in files until its picture is stored, a shorter one in memory, at most twice. With Django's
# 2.5 MB, two thousand uploads that arrive at once take gigabytes. A file costs an upload a fifth more CPU time.
FILE_UPLOAD_MAX_MEMORY_SIZE = 500_000

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True

STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "staticfiles": {"BACKEND": "servestatic.storage.CompressedManifestStaticFilesStorage"},
}

LOGGING_CONFIG = None
logs.configure()
