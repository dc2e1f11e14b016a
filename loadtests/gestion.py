"""People who work with the app: they write messages, read theirs, and settle documents."""

import random

from locust import task

from pytest_deploy.load.user import DatabaseUser

AUTHORS = 40


class Leader(DatabaseUser):
    """Does something every quarter of a second or so; all of it is rolled back."""

    pace_s = (0.2, 0.3)

    @task(3)
    def write_and_read(self):
        """A message, which is then marked as read."""
        author = {"author": random.randint(1, AUTHORS)}
        with self.transaction():
            self.query(
                "write a message",
                "INSERT INTO mensajes (autor_id, asunto, cuerpo)"
                " VALUES (%(author)s, 'Reunión', 'Nos vemos a las cinco.')",
                author,
            )
            self.query(
                "mark messages as read",
                "UPDATE mensajes SET leido = true WHERE autor_id = %(author)s AND NOT leido",
                author,
            )

    @task(1)
    def settle(self):
        """A document is approved."""
        self.query(
            "approve a document",
            "UPDATE documentos SET estado = 'aprobado' WHERE id = %(id)s RETURNING id",
            {"id": random.randint(1, AUTHORS)},
        )
