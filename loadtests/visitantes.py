"""Anybody, over HTTP: the public pages and activities, and the files that are public."""

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

    @task(1)
    def files(self):
        """A public file."""
        public = {"publico": "is.true", "order": "id", "limit": "2", "select": "ruta"}
        found = self.rest("public documents", "GET", "/rest/v1/documentos", params=public)
        bucket, _, key = random.choice(found)["ruta"].partition("/")
        self.object("a public file", bucket, key)
