"""The rows of the six tables: made-up people, in Spanish, the same for the same seed."""

from __future__ import annotations

import base64
import random
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import bcrypt

if TYPE_CHECKING:
    from faker import Faker

Row = tuple[object, ...]

TODAY = datetime(2026, 11, 1, 12, tzinfo=UTC)
PASSWORD = b"siempre-listos-2026"  # of every user: nobody real has it
OVERSIZED_PAGES = 8
_SECTIONS = (
    ("Castores", 6, 8, "#0f8a5f", 45),
    ("Manada", 8, 11, "#f2b705", 55.5),
    ("Tropa", 11, 14, "#0b5ed7", 60),
    ("Posta", 14, 17, "#b02a37", 60.25),
    ("Ruta", 17, 20, "#2f6b2f", 40),
)
_HASHES = 20
_THUMBNAIL = 64  # bytes, NULs among them
_ACTIVE = 9  # the place of usuarios.activo
_PHOTOS = 20  # of users: every third of the first 60 documents is one
_BCRYPT_ALPHABET = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


@dataclass
class App:
    """
    All rows, by table in the order in which they can be inserted, and the files they name.

    Args:
        rows: Rows by table.
        files: Contents of each upload by its path below `uploads`.
    """

    rows: dict[str, list[Row]] = field(default_factory=dict)
    files: dict[str, tuple[str, int]] = field(default_factory=dict)


class Maker:
    """
    Makes rows.

    Args:
        faker: A seeded Faker of Spain.
        seed: The seed of everything else.
        scale: How many times 1,000 rows.
    """

    def __init__(self, faker: Faker, seed: int, scale: int) -> None:
        self._faker = faker
        self._chance = random.Random(seed)
        self._scale = scale
        self._hashes = [self._hash() for _ in range(_HASHES)]
        # A pool: Faker needs a hundred times longer for a name than a row needs.
        self._first = [faker.first_name() for _ in range(200)]
        self._last = [f"{faker.last_name()} {faker.last_name()}" for _ in range(200)]
        self._places = [faker.city() for _ in range(60)]
        self._sentences = [faker.sentence(nb_words=8) for _ in range(200)]

    def make(self) -> App:
        """
        Make everything.

        Returns:
            The rows and the files.
        """
        app = App()
        users = 120 * self._scale
        app.rows["secciones"] = [
            (n, name, low, high, colour, fee, 1)
            for n, (name, low, high, colour, fee) in enumerate(_SECTIONS, 1)
        ]
        app.rows["usuarios"] = [self._user(n) for n in range(1, users + 1)]
        app.rows["actividades"] = [self._activity(n) for n in range(1, 85 * self._scale + 1)]
        app.rows["documentos"] = [
            self._document(n, users, app) for n in range(1, 60 * self._scale + 1)
        ]
        app.rows["mensajes"] = [self._message(n, users) for n in range(1, 640 * self._scale + 1)]
        links = sorted(app.files)
        active = [bool(user[_ACTIVE]) for user in app.rows["usuarios"]]
        app.rows["paginas"] = [self._page(n, active, links) for n in range(1, 90 * self._scale + 1)]
        return app

    def _hash(self) -> str:
        salt = "".join(self._chance.choices(_BCRYPT_ALPHABET, k=21)) + "."
        return bcrypt.hashpw(PASSWORD, f"$2b$04${salt}".encode()).decode()

    def _past(self, days: int = 900) -> datetime:
        return TODAY - timedelta(seconds=self._chance.randrange(60, days * 86_400))

    def _user(self, n: int) -> Row:
        role = (
            "admin"
            if n == 1
            else self._chance.choice(("coordinador", "scouter", "familia", "educando", "educando"))
        )
        section = self._chance.randrange(1, 6) if role in ("scouter", "educando") else None
        minor = role == "educando"
        birth = date(2026, 1, 1) - timedelta(
            days=self._chance.randrange(6 * 365, 18 * 365)
            if minor
            else self._chance.randrange(20 * 365, 60 * 365)
        )
        created = self._past()
        return (
            n,
            self._chance.choice(self._first),
            self._chance.choice(self._last),
            "admin@osyris.example" if n == 1 else f"persona{n}@osyris.example",
            self._hashes[n % _HASHES],
            role,
            section,
            birth.isoformat(),
            None if minor else f"6{self._chance.randrange(10**8):08}",
            int(self._chance.random() < 0.9 or n == 1),
            self._chance.choice(("alta", "alta", "alta", "pendiente", "baja")),
            f"/uploads/fotos/{3 * (n % _PHOTOS + 1):04}.png"
            if self._chance.random() < 0.3
            else None,
            _javascript(created) if n % 2 else _sqlite(created),
            _sqlite(created + timedelta(hours=3)),
        )

    def _activity(self, n: int) -> Row:
        begin = self._past(400) + timedelta(days=200)
        ends = begin + timedelta(hours=self._chance.randrange(2, 60))
        return (
            n,
            self._chance.choice((None, 1, 2, 3, 4, 5)),
            f"{self._chance.choice(('Acampada', 'Marcha', 'Reunión', 'Taller', 'Juego'))} {n}",
            self._chance.choice(self._sentences),
            self._place(n),
            round(self._chance.uniform(36, 43.5), 6),
            round(self._chance.uniform(-9, 3), 6),
            _sqlite(begin),
            _sqlite(ends) if self._chance.random() < 0.8 else None,
            self._chance.randrange(0, 12_000) / 100,
            self._chance.choice((None, 20, 35, 80)),
            self._chance.choice(("borrador", "publicada", "publicada", "cancelada")),
        )

    def _place(self, n: int) -> str:
        """Name a place; that of every tenth activity is an empty string, which is not NULL."""
        place = self._chance.choice(self._places)
        return place if n % 10 else ""

    def _document(self, n: int, users: int, app: App) -> Row:
        is_image = n % 3 == 0
        path = f"fotos/{n:04}.png" if is_image else f"documentos/autorización-{n:04}.pdf"
        app.files[path] = ("png" if is_image else "pdf", n)
        return (
            n,
            self._chance.randrange(1, users + 1),
            self._chance.choice((None, 1, 2, 3, 4, 5)),
            f"{'Foto' if is_image else 'Autorización'} {n}",
            f"/uploads/{path}",
            "image/png" if is_image else "application/pdf",
            len(content(*app.files[path])),
            int(is_image and n % 2 == 0),
            self._chance.choice(("pendiente", "aprobado", "rechazado")),
            _sqlite(self._past()),
            content(*app.files[path])[:_THUMBNAIL] if is_image else None,
        )

    def _message(self, n: int, users: int) -> Row:
        sent = self._past(300)
        return (
            n,
            self._chance.randrange(1, users + 1),
            self._chance.randrange(1, n) if n > 5 and n % 4 == 0 else None,
            f"Aviso {n}: {self._chance.choice(self._places)}",
            "\n".join(self._chance.choices(self._sentences, k=self._chance.randrange(1, 5))),
            self._chance.randrange(0, 4),
            int(self._chance.random() < 0.6),
            _javascript(sent) if n % 3 == 0 else _sqlite(sent),
        )

    def _page(self, n: int, active: list[bool], links: list[str]) -> Row:
        state = self._chance.choice(("publicada", "publicada", "borrador", "archivada"))
        linked = links[n % len(links)]
        html = (
            f"<h1>Página {n}</h1><p>{self._chance.choice(self._sentences)}</p>"
            f'<p><a href="/uploads/{linked}">archivo</a></p>'
        )
        if n <= OVERSIZED_PAGES:  # Postgres compresses: only what is random stays large
            picture = base64.b64encode(self._chance.randbytes(3_000)).decode()
            html += f'<img alt="insignia" src="data:image/png;base64,{picture}">'
        author = self._chance.randrange(1, len(active) + 1)
        while state == "publicada" and not active[author - 1]:
            author = author % len(active) + 1
        return (
            n,
            f"pagina-{n}",
            f"Página {n}",
            html,
            author,
            state,
            n % 10,
            _sqlite(self._past()) if state == "publicada" else None,
        )


def content(kind: str, number: int) -> bytes:
    """
    Make the content of an upload.

    Args:
        kind: `png` or `pdf`.
        number: Which one.

    Returns:
        Its bytes.
    """
    from sample.files import pdf, png

    return png(number) if kind == "png" else pdf(f"Autorización {number}")


def _sqlite(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S")


def _javascript(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")
