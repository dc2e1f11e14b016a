"""An app that has one of everything that a release may change, and a project to deploy it to."""

import os
import signal
import subprocess
import sys

from pytest_deploy.engine import keys
from tests.integration.sealed_app import App

PATIENCE_S = 240
HASH = "$2b$04$abcdefghijklmnopqrstuuEZ4g0l0fbbbt8lqXDD1l0zOQKjAVbjS"
SCHEMA = f"""
CREATE TABLE secciones (id INTEGER PRIMARY KEY AUTOINCREMENT, nombre TEXT NOT NULL UNIQUE);
CREATE TABLE socios (id INTEGER PRIMARY KEY AUTOINCREMENT, correo TEXT NOT NULL UNIQUE,
    clave TEXT NOT NULL, seccion_id INTEGER REFERENCES secciones (id), foto TEXT,
    edad INTEGER CHECK (edad > 5));
CREATE TABLE avisos (id INTEGER PRIMARY KEY AUTOINCREMENT, socio_id INTEGER REFERENCES socios (id),
    texto TEXT NOT NULL);
CREATE INDEX idx_avisos_socio ON avisos (socio_id);
CREATE VIEW v_avisos AS SELECT texto FROM avisos;
CREATE TRIGGER trg_socios AFTER INSERT ON socios BEGIN
    INSERT INTO avisos (socio_id, texto) VALUES (NEW.id, 'nuevo');
END;
INSERT INTO secciones (nombre) VALUES ('Manada'), ('Tropa');
INSERT INTO socios (correo, clave, seccion_id, foto, edad) VALUES
    ('uno@s.example', '{HASH}', 1, '/uploads/fotos/1.txt', 7),
    ('dos@s.example', '{HASH}', 2, '/uploads/fotos/2.txt', 12),
    ('tres@s.example', '{HASH}', NULL, NULL, 15);
"""
CONFIGURATION = """
[app]
name = "socios"
[source]
database = "app.db"
uploads = "uploads"
[env.production]
postgres_major = 18
url = "env:STAGE_URL"
publishable_key = "env:STAGE_KEY"
secret_key = "env:STAGE_SECRET"
database = "env:STAGE_DATABASE"
[seal]
trusted_keys = ["{public}"]
[gates.risk]
largest_total = 60
[access]
policies = "policies.sql"
anon = ["secciones", "v_avisos", "avisos"]
hidden = ["socios.clave"]
[access.authenticated]
socios = ["select"]
[users]
table = "socios"
email = "correo"
password_hash = "clave"
own = {{ socios = "auth_user_id" }}
[files]
columns = ["socios.foto"]
[files.buckets.fotos]
paths = ["fotos/*"]
members = true
[files.buckets.otros]
[configuration]
target = "app.env"
[configuration.switch]
MODO = "supabase"
API = "{{url}}"
[freeze]
flag = "FROZEN"
[rehearsal]
workers = 1
[release]
{migration}
"""
MIGRATION = "migrations/20260101000000_schema.sql"
POLICIES = """
CREATE POLICY todas ON public.secciones FOR SELECT TO anon, authenticated USING (true);
CREATE POLICY avisos ON public.avisos FOR SELECT TO anon USING (true);
CREATE POLICY propia ON public.socios FOR SELECT TO authenticated
    USING (auth_user_id = (SELECT auth.uid()));
CREATE POLICY fotos ON storage.objects FOR SELECT TO authenticated USING (bucket_id = 'fotos');
"""
# What it says stands in a file that no seal knows of.
OWN_GATE = b"""
from pathlib import Path

from pytest_deploy.gates.verdict import Verdict


def test_own_gate(gate, configuration_switched):
    red = Path(".deploy/own-gate").read_text() == "red"
    gate.judge(Verdict(1, "file", problems=("red",) if red else ()))
"""
VARIABLES = b"# la app\nMODO=sqlite\nOTRA='queda'\n"


class WholeApp(App):
    """An app whose deployment takes every step that there is."""

    @classmethod
    def made(cls, folder, key):
        """Make one, and write the migration of its schema."""
        app = cls(folder, key)
        folder.mkdir(parents=True)
        app.write(SCHEMA)
        for name in ("1", "2", "3"):
            app.file(f"uploads/fotos/{name}.txt", f"foto {name}\n".encode() * 99)
        app.file("uploads/suelto.txt", b"suelto")
        app.file("app.env", VARIABLES)
        app.file("ops/suites/deploy/test_own.py", OWN_GATE)
        app.file("policies.sql", POLICIES.encode())
        app.file(".gitignore", b"app.db*\nuploads/\napp.env\nFROZEN\n.deploy/\n__pycache__/\n")
        app.settle("")
        app.judge("")
        app.git("init", "-q")
        done = app.run(
            *("pytest_deploy", "schema", "migration", "--postgres", "embedded"),
            *("--output", "migrations", "--timestamp", "20260101000000"),
        )
        assert done.returncode == 0, done.stdout + done.stderr
        app.settle(f'migration = "{MIGRATION}"')
        app.commit()
        return app

    def file(self, name, content):
        """Write a file of the app."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    def settle(self, migration):
        """Write deploy.toml."""
        public = keys.public_half(self.key)
        text = CONFIGURATION.format(public=public, migration=migration)
        (self.folder / "deploy.toml").write_text(text)

    def begun(self, *command, largest_kb=None):
        """Run a command in a session of its own, so that all of it can be killed."""
        call = [sys.executable, "-m", *command]
        if largest_kb is not None:
            call = ["bash", "-c", f'ulimit -f {largest_kb}; exec "$@"', "bash", *call]
        return subprocess.Popen(
            call,
            cwd=self.folder,
            env={**os.environ, **self.variables, keys.VARIABLE: self.key.reveal()},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def judge(self, how):
        """Let the app's own gate be red, or not."""
        self.file(".deploy/own-gate", how.encode())

    def phase_of(self, phase, *options):
        """Write the command line of a phase, the app's own gate among the package's."""
        return (
            *("pytest", "--pyargs", "pytest_deploy.suites", "ops/suites", "-m", phase),
            *("-p", "no:cacheprovider", "--postgres=embedded", "--env=production", *options),
        )

    def deployment(self, *options):
        """Write the command line of a deployment."""
        return self.phase_of("deploy", *options)

    def release_undo(self):
        """Write the command line that takes the way back of the newest release."""
        return "pytest_deploy", "release", "undo", "--env=production", "--yes"

    def rehearsed(self):
        """Rehearse for the project."""
        return self.ended(*self.phase_of("predeploy"))

    def ended(self, *command):
        """Run a command to its end; give its exit code and what it said."""
        process = self.begun(*command)
        said, _ = process.communicate(timeout=PATIENCE_S)
        return process.returncode, said

    def deployed(self, *options):
        """Deploy to the end."""
        return self.ended(*self.deployment(*options))

    def undone(self):
        """Take the way back of the newest release."""
        return self.ended(*self.release_undo())


def killing(process):
    """Kill a run with all its processes: nothing of it is done any more."""

    def kill():
        os.killpg(process.pid, signal.SIGKILL)

    return kill


def bound(app, project, database_port, http_port):
    """Tell an app where its project is: behind lines that may fail."""
    server, name = project.database.server, project.database.database
    account = f"{server.user}:{server.password.reveal()}"
    app.variables = {
        "STAGE_URL": f"http://127.0.0.1:{http_port}",
        "STAGE_KEY": project.publishable_key.reveal(),
        "STAGE_SECRET": project.secret_key.reveal(),
        "STAGE_DATABASE": f"postgresql://{account}@127.0.0.1:{database_port}/{name}",
    }
    return app
