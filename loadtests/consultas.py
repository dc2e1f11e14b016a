"""People who look things up: pages, activities, members, messages."""

import random

from locust import task

from pytest_deploy.load.user import DatabaseUser

SECTIONS, AUTHORS = 5, 40


class Reader(DatabaseUser):
    """Looks at something every quarter of a second or so: as many as twenty people who read."""

    pace_s = (0.15, 0.25)

    @task(5)
    def activities(self):
        """The activities of a section that are still to come, and how many members it has."""
        section = {"section": random.randint(1, SECTIONS)}
        self.query(
            "activities of a section",
            "SELECT id, titulo, inicio, fin FROM v_actividades_publicadas ORDER BY inicio LIMIT 20",
        )
        self.query(
            "members of a section",
            "SELECT count(*) FROM usuarios WHERE seccion_id = %(section)s AND activo",
            section,
        )

    @task(3)
    def messages(self):
        """The unread messages of an author."""
        self.query(
            "unread messages",
            "SELECT id, asunto, enviado_en FROM mensajes WHERE autor_id = %(author)s"
            " AND NOT leido ORDER BY enviado_en",
            {"author": random.randint(1, AUTHORS)},
        )

    @task(2)
    def documents(self):
        """The documents of all sections, counted."""
        self.query("documents by section", "SELECT * FROM v_documentos_por_seccion")

    @task(1)
    def search(self):
        """The pages that mention a word."""
        self.query(
            "pages that mention a word",
            "SELECT slug, titulo FROM paginas WHERE contenido ILIKE %(word)s LIMIT 20",
            {"word": "%reuni%"},
        )
