"""Members who are signed in: they look for themselves, and at photos of the group."""

import random

from locust import task

from pytest_deploy.load.http import SupabaseUser


class Member(SupabaseUser):
    """Looks at something every quarter of a second or so; sees what policies show a member."""

    audience = "member"
    pace_s = (0.2, 0.3)

    @task(2)
    def myself(self):
        """Who am I: the row of an account that is in no table is nobody's."""
        mine = {"select": "id,nombre,rol", "auth_user_id": f"eq.{self.user_id}"}
        self.rest("my own data", "GET", "/rest/v1/usuarios", params=mine, least=0)

    @task(3)
    def photos(self):
        """The photos, and one of them, by an address of its own."""
        photos = self.listed("photos", "fotos", "fotos/")
        self.object("a photo", "fotos", random.choice(photos), public=False)
        self.signed("a photo by its address", "fotos", random.choice(photos))
