"""`vfx-finder web`: the pages alone."""

import typer

THREADS = 8
GRACE_SECONDS = 5


def register(app: typer.Typer) -> None:
    """Add `web` to the command line."""
    app.command()(web)


def web() -> None:
    """Serve the pages until stopped. Settings: VFX_WEB_HOST, VFX_WEB_PORT, VFX_ALLOWED_HOSTS, VFX_SECURE_COOKIES."""
    from gunicorn.app.base import BaseApplication

    from vfx_finder import bootstrap

    settings = bootstrap.begin()
    bootstrap.require_database(settings)

    class Pages(BaseApplication):
        """Gunicorn with our settings and nothing read from files."""

        def load_config(self) -> None:
            self.cfg.set("bind", f"{settings.web_host}:{settings.web_port}")
            self.cfg.set("worker_class", "gthread")
            self.cfg.set("threads", THREADS)
            self.cfg.set("graceful_timeout", GRACE_SECONDS)
            self.cfg.set("loglevel", "warning")
            self.cfg.set("proc_name", "vfx-finder-web")
            self.cfg.set("control_socket_disable", True)

        def load(self) -> object:
            from vfx_finder.web.wsgi import application

            return application

    Pages().run()
