"""Anybody, over HTTP: the public pages and activities."""

import random

from locust import task

from pytest_deploy.load.http import SupabaseUser


class Visitor(SupabaseUser):
    """Looks at something every quarter of a second or so, and is known by nothing."""

    audience = "anonymous"
    pace_s = (0.2, 0.3)

    @task(3)
    def pages(self):
        """The list of pages, and one of them."""
        published = {"estado": "eq.publicada", "order": "orden", "limit": "20"}
        found = self.rest(
            "published pages", "GET", "/rest/v1/paginas", params={"select": "slug", **published}
        )
        slug = {"slug": f"eq.{random.choice(found)['slug']}", "select": "titulo,contenido"}
        self.rest("a page", "GET", "/rest/v1/paginas", params=slug)

    @task(2)
    def activities(self):
        """The activities to come."""
        published = {"estado": "eq.publicada", "order": "inicio", "limit": "20"}
        told = {"select": "id,titulo,inicio,fin", **published}
        self.rest("published activities", "GET", "/rest/v1/actividades", params=told)
