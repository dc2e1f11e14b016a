"""People who write, over HTTP, signed in: a message, a draft of a page. All of it is deleted."""

from locust import task

from pytest_deploy.load.http import SupabaseUser


class Editor(SupabaseUser):
    """Writes something every third of a second or so."""

    audience = "editor"
    pace_s = (0.25, 0.4)
    writes = {"mensajes": "asunto", "paginas": "slug"}  # noqa: RUF012 - read without importing it

    def me(self):
        """Look up the author of what is written."""
        own = {"auth_user_id": f"eq.{self.user_id}", "select": "id"}
        return self.rest("own row", "GET", "/rest/v1/usuarios", params=own)[0]["id"]

    @task(2)
    def message(self):
        """A message."""
        self.write_row(
            "write a message",
            "mensajes",
            {"autor_id": self.me(), "cuerpo": "Nos vemos a las cinco."},
        )

    @task(1)
    def draft(self):
        """A page, which is then edited."""
        told = {"autor_id": self.me(), "contenido": "<p>Borrador</p>"}
        # Author and title are unique together, title and slug as well.
        title = f"Borrador {self.new_mark()}"
        page = self.write_row("begin a page", "paginas", {**told, "titulo": title})
        self.change_row("edit a page", "paginas", page, {"contenido": "<p>Segunda versión</p>"})
