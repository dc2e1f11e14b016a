"""The sections of `deploy.toml` that say what goes to Supabase besides the rows, and how."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import Field, StringConstraints

from pytest_deploy.config.fields import ColumnName, FilePath, Section, Text

BucketName: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{1,62}$")]
Columns: TypeAlias = Annotated[tuple[ColumnName, ...], Field(strict=False)]
Texts: TypeAlias = Annotated[tuple[Text, ...], Field(strict=False)]
Bytes: TypeAlias = Annotated[int, Field(gt=0)]


class BucketSettings(Section):
    """
    `[files.buckets.NAME]`.

    Args:
        paths: Patterns of the uploads that go there, such as `fotos/*`; the first bucket that
            matches takes a file.
        public: Whether anybody may open what is in it.
        largest_bytes: The largest file that it takes.
        types: MIME types that it takes; empty for all.
    """

    paths: Texts = ("*",)
    public: bool = False
    largest_bytes: Bytes = 50_000_000
    types: Texts = ()


class FilesSettings(Section):
    """
    `[files]`: the uploads go to Storage.

    Args:
        prefixes: What stands before the path of an upload where the app refers to it.
        columns: Columns that hold the path of one upload, as `table.column`.
        texts: Columns with HTML, Markdown or JSON in which paths of uploads stand.
        template: What a reference becomes; `{bucket}` and `{key}` are replaced.
        workers: Files that are sent at once.
        buckets: Where files go, by the name of the bucket.
    """

    prefixes: Texts = ("/uploads/",)
    columns: Columns = ()
    texts: Columns = ()
    template: Text = "{bucket}/{key}"
    workers: Annotated[int, Field(ge=1, le=64)] = 16
    buckets: Annotated[dict[BucketName, BucketSettings], Field(min_length=1)]


class UsersSettings(Section):
    """
    `[users]`: who signs in, from a table of the app into Supabase Auth.

    Args:
        table: The table.
        key: The column that tells its rows apart.
        email: The column with the address.
        password_hash: The column with the bcrypt hash; no API role may read it afterwards.
        auth_id: The column that is added for the id in Auth, for policies.
        app_metadata: Columns that go into the app metadata, which users cannot change.
        active: A column that is true where a user may sign in; None where all may.
    """

    table: Text
    key: Text = "id"
    email: Text = "email"
    password_hash: Text = "password_hash"  # noqa: S105 - the name of a column
    auth_id: Text = "auth_user_id"
    app_metadata: Texts = ()
    active: Text | None = None


class AccessSettings(Section):
    """
    `[access]`: who may do what through the API.

    Args:
        policies: A file of SQL with the row level security policies; None denies everything.
        anon: Tables and views of which `anon` may see rows, and nothing else.
        authenticated: What a signed-in user may do, by table: `select`, `insert`, `update`,
            `delete`.
        hidden: Columns that no API role may read, beside the password hash.
    """

    policies: FilePath | None = None
    anon: Texts = ()
    authenticated: dict[
        Text,
        Annotated[tuple[Literal["select", "insert", "update", "delete"], ...], Field(strict=False)],
    ] = Field(default_factory=dict)
    hidden: Columns = ()


class FreezeSettings(Section):
    """
    `[freeze]`: how the app stops writing before the snapshot.

    Args:
        command: A program and its arguments that stops it.
        undo: A program and its arguments that lets it write again.
        flag: A file that the app looks for: while it is there, the app does not write.
        wait_s: How long the app takes to notice.
    """

    command: Texts = ()
    undo: Texts = ()
    flag: FilePath | None = None
    wait_s: Annotated[float, Field(ge=0, le=600)] = 0.0


class ConfigurationSettings(Section):
    """
    `[configuration]`: the app's `.env` files.

    Args:
        file: The file that the app reads now.
        target: The file, or example of one, that says what it needs on Supabase.
        switch: What the deployment sets in `file`, by the variable's name.
        public_prefixes: Beginnings of variables that reach browsers.
    """

    file: FilePath
    target: FilePath | None = None
    switch: dict[Text, str] = Field(default_factory=dict)
    public_prefixes: Texts = ("NEXT_PUBLIC_", "VITE_", "PUBLIC_", "REACT_APP_")


class ReleaseSettings(Section):
    """
    `[release]`: how a deployment goes about it.

    Args:
        lock_timeout_s: How long the switch waits for a lock before it lets go and tries again.
        lock_attempts: How often it tries.
        statement_timeout_s: How long one statement may take on the target; 0 for ever.
        connections: The most connections to the target at once.
        retain_hours: How long the former state stays at least.
        approve: Steps before which the deployment stops until somebody approves.
    """

    lock_timeout_s: Annotated[float, Field(gt=0, le=600)] = 5.0
    lock_attempts: Annotated[int, Field(ge=1, le=100)] = 5
    statement_timeout_s: Annotated[float, Field(ge=0)] = 0.0
    connections: Annotated[int, Field(ge=1, le=1000)] = 10
    retain_hours: Annotated[float, Field(ge=0)] = 72.0
    approve: Texts = ()
