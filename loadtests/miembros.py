"""Members, over HTTP, signed in: who they are, what is on, their messages, a private file."""

import random

from locust import task

from pytest_deploy.load.http import SupabaseUser


class Member(SupabaseUser):
    """Looks at something every quarter of a second or so."""

    audience = "member"
    pace_s = (0.2, 0.3)

    @task(2)
    def own_row(self):
        """Who I am."""
        own = {"auth_user_id": f"eq.{self.user_id}", "select": "id,nombre,rol"}
        self.rest("own row", "GET", "/rest/v1/usuarios", params=own)

    @task(3)
    def activities(self):
        """The activities to come."""
        published = {"estado": "eq.publicada", "order": "inicio", "limit": "20"}
        told = {"select": "id,titulo,inicio,fin", **published}
        self.rest("activities", "GET", "/rest/v1/actividades", params=told)

    @task(3)
    def messages(self):
        """The newest messages; there may be none for this member."""
        newest = {"select": "id,asunto,enviado_en", "order": "enviado_en.desc", "limit": "20"}
        self.rest("messages", "GET", "/rest/v1/mensajes", params=newest, least=0)

    @task(1)
    def file(self):
        """A private file, by an address that is signed for a minute."""
        private = {"publico": "is.false", "order": "id", "limit": "2", "select": "ruta"}
        found = self.rest("private documents", "GET", "/rest/v1/documentos", params=private)
        bucket, _, key = random.choice(found)["ruta"].partition("/")
        self.signed("a private file", bucket, key)
