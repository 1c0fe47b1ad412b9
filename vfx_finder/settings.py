"""Django's settings, made from `vfx_finder.config` and nothing else."""

from urllib.parse import parse_qs, unquote, urlsplit

from csp.constants import NONE, SELF

from vfx_finder.config import load, machine_zone

VFX = load()
"""The settings of this process; composition roots hand them on."""


def _database(address: str) -> dict[str, object]:
    """Django's description of a `postgresql://` address; the query part (host, sslmode ...) goes to libpq."""
    url = urlsplit(address)
    options = {key: values[-1] for key, values in parse_qs(url.query).items()}
    host = options.pop("host", None) or url.hostname or ""
    port = options.pop("port", None) or url.port or ""
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(url.path.lstrip("/")),
        "USER": unquote(url.username or ""),
        "PASSWORD": unquote(url.password or ""),
        "HOST": host,
        "PORT": str(port),
        "OPTIONS": options,
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
    }


SECRET_KEY = VFX.signing_key
DEBUG = False
ALLOWED_HOSTS = list(VFX.allowed_hosts)
DATABASES = {"default": _database(VFX.database)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "axes",
    "csp",
    "procrastinate.contrib.django",
    "vfx_finder.accounts",
    "vfx_finder.ledger",
    "vfx_finder.figures",
    "vfx_finder.reading",
    "vfx_finder.referrals",
    "vfx_finder.web",
]
PROCRASTINATE_AUTODISCOVER_MODULE_NAME = ""

MIDDLEWARE = [
    "vfx_finder.web.middleware.CorrelationId",
    "vfx_finder.web.middleware.NeverStored",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "vfx_finder.web.middleware.PlainText",
    "vfx_finder.web.middleware.Doors",
    "vfx_finder.web.middleware.Errors",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "vfx_finder.web.context.base_page",
            ],
        },
    }
]

ROOT_URLCONF = "vfx_finder.web.urls"
WSGI_APPLICATION = "vfx_finder.web.wsgi.application"
STATIC_URL = "/static/"
WHITENOISE_USE_FINDERS = True
CSRF_FAILURE_VIEW = "vfx_finder.web.problems.csrf_failed"

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "sign-in"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "sign-in"
AXES_FAILURE_LIMIT = 10
AXES_COOLOFF_TIME = 0.25  # hours
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_CLIENT_IP_CALLABLE = "vfx_finder.web.caller.address_of"
AXES_VERBOSE = False
AXES_LOCKOUT_CALLABLE = "vfx_finder.web.problems.too_many_attempts"

SESSION_COOKIE_AGE = 8 * 60 * 60
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = VFX.secure_cookies
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "img-src": [SELF],
        "style-src": [SELF],
        "script-src": [SELF],
        "object-src": [NONE],
        "base-uri": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}

USE_TZ = True
TIME_ZONE = machine_zone()
"""Django makes this the local time of the process, and of those that it starts."""
LANGUAGE_CODE = "en-gb"
LOGGING_CONFIG = None  # logging belongs to bootstrap
