"""Composition root of the web process: addresses, middleware, base page, sign-in, health, and the operator's pages."""
