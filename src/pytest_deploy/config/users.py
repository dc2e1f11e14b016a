"""`[users]` of `deploy.toml`: whose accounts go to Auth, and what a member may see."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from pytest_deploy.config.fields import Section, Text


class UsersSettings(Section):
    """
    `[users]`: the app's accounts.

    Args:
        table: The table that has them.
        key: Its primary key: the id in Auth is made of it.
        email: Its column with the address to sign in with.
        password_hash: Its column with the bcrypt hash.
        account: The column that is added to it, with the id in Auth: what policies ask for.
        metadata: What goes into the app metadata of Auth: the name there, and the column here.
        unusable: What is done about users who could never sign in: `fail`, or `skip`.
        editor: App metadata of one who may write, for journeys of editors: an account that is made
            for them, and removed.
        own: Tables of which a member sees exactly the rows whose column holds his id in Auth.
    """

    table: Text
    key: Text = "id"
    email: Text = "email"
    password_hash: Text = "password_hash"  # noqa: S105 - a column's name
    account: Text = "auth_user_id"
    metadata: dict[Text, Text] = Field(default_factory=dict)
    editor: dict[Text, Text] = Field(default_factory=dict)
    unusable: Literal["fail", "skip"] = "fail"
    own: Annotated[dict[Text, Text], Field()] = Field(default_factory=dict)
