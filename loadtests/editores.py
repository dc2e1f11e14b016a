"""Editors who are signed in: they write pages, and publish them."""

from typing import ClassVar

from locust import task

from pytest_deploy.load.http import SupabaseUser


class Editor(SupabaseUser):
    """Does something every quarter of a second or so; what is written is taken back."""

    audience = "editor"
    pace_s = (0.2, 0.3)
    writes: ClassVar = {"paginas": "slug"}

    @task(2)
    def read(self):
        """The pages that may be edited."""
        told = {"select": "id,slug,titulo", "order": "id", "limit": "20"}
        self.rest("pages to edit", "GET", "/rest/v1/paginas", params=told)

    @task
    def write(self):
        """A page, with a title that is then another one."""
        page = {"titulo": self.new_mark(), "contenido": "<p>Hola</p>", "autor_id": 1}
        row = self.write_row("write a page", "paginas", page | {"estado": "publicada"})
        self.change_row("edit a page", "paginas", row, {"titulo": self.new_mark()})
