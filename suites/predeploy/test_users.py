"""Can the app's users sign in, and do they see what is theirs and nothing else."""

from pytest_deploy.gates.access import access_is_as_stated
from pytest_deploy.gates.asked import not_asked
from pytest_deploy.gates.users import (
    accounts_are_valid,
    canary_sees_what_is_stated,
    members_see_what_is_theirs,
    password_hashes_are_closed,
    users_are_whole,
)

NOTHING = not_asked("users", "[users]")


def test_accounts_are_valid(gate, deploy, accounts):
    """Every user has an address of his own, and a hash that Auth can keep."""
    if accounts is None:
        gate.judge(NOTHING)
        return
    gate.judge(accounts_are_valid(accounts, deploy.settings.auth))


def test_users_are_whole(gate, accounts, users_created):
    """Every user has his account: id, address, hash and metadata as the app has them."""
    if users_created is None or accounts is None:
        gate.judge(NOTHING)
        return
    gate.judge(users_are_whole(users_created, accounts))


def test_password_hashes_are_closed(gate, deploy, prepared, accounts, access_granted):
    """No role of the API reads a hash: not in the table, by no view, not over REST."""
    if access_granted is None or accounts is None:
        gate.judge(NOTHING)
        return
    gate.judge(password_hashes_are_closed(access_granted, prepared.plan, deploy.settings.auth))


def test_access_is_as_stated(gate, rights_seen):
    """Who may do what, as a matrix: table by table, operation by operation."""
    gate.judge(access_is_as_stated(rights_seen) if rights_seen is not None else NOTHING)


def test_canary_sees_what_is_stated(gate, deploy, prepared, canary_seen):
    """An account that is made for this signs in, sees what [access] states, and is gone again."""
    if canary_seen is None:
        gate.judge(NOTHING)
        return
    stated = deploy.settings.api, deploy.settings.auth, deploy.settings.storage
    gate.judge(canary_sees_what_is_stated(canary_seen, prepared.plan, *stated))


def test_members_see_what_is_theirs(
    gate, deploy, prepared, accounts, users_created, access_granted
):
    """Row level security shows members their own rows, and none of another member."""
    if access_granted is None or accounts is None or not deploy.settings.auth.own:
        gate.judge(NOTHING)
        return
    users = deploy.settings.auth
    gate.judge(members_see_what_is_theirs(access_granted, prepared.plan, users, accounts))
