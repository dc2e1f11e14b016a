"""Who asks a project over HTTP: its address and key, and the sessions of two who are signed in."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Literal

from pytest_deploy.secrets import Secret

Audience = Literal["anonymous", "member", "editor"]
NO_TOKEN = Secret("")


@dataclass(frozen=True)
class Sessions:
    """
    What a process that makes load must know of a project; never the secret key.

    Args:
        url: The project's address, without a slash at the end.
        key: The publishable key.
        member: The access token of one who reads; empty where there is none.
        editor: The access token of one who writes, too; empty where there is none.
    """

    url: str
    key: Secret
    member: Secret = NO_TOKEN
    editor: Secret = NO_TOKEN

    def packed(self) -> Secret:
        """
        Write all of it down.

        Returns:
            One text, for a file that only its owner can read.
        """
        told = {name: getattr(self, name).reveal() for name in ("key", "member", "editor")}
        return Secret(json.dumps({"url": self.url, **told}))

    @classmethod
    def unpacked(cls, packed: Secret) -> Sessions:
        """
        Read what was written down.

        Args:
            packed: What `packed` made.

        Returns:
            The sessions.

        Raises:
            ValueError: It is something else.
        """
        try:
            told = json.loads(packed.reveal())
            secrets = {name: Secret(str(told[name])) for name in ("key", "member", "editor")}
            return cls(str(told["url"]), **secrets)
        except (TypeError, KeyError, ValueError):
            raise ValueError("expected the sessions of a project") from None

    def token_of(self, audience: Audience) -> Secret:
        """
        Give the token that an audience is known by.

        Args:
            audience: Who asks.

        Returns:
            The token; empty for who is anonymous, and where there is none.
        """
        return {"anonymous": NO_TOKEN, "member": self.member, "editor": self.editor}[audience]
