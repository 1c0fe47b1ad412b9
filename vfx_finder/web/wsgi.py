"""The web process for gunicorn: `vfx_finder.web.wsgi:application`."""

from django.core.wsgi import get_wsgi_application

from vfx_finder.bootstrap import begin

begin()
application = get_wsgi_application()
