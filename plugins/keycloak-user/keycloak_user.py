#!/usr/bin/python3
"""Makes a user in a realm of Keycloak, with a password and realm roles; removes it again.

A user is marked by being a member of a group that is named after the step. Keycloak puts a user into its groups in the same
transaction in which it makes it, and keeps groups whatever the realm's user profile says of attributes. So a half-done create
can be finished or undone, and no user of somebody else is ever touched.
"""

import json
import secrets
import sys
import urllib.parse

sys.path.insert(0, "/plugin")
import contract  # noqa: E402
import http_client  # noqa: E402

TIMEOUT_S = 20
# How many members of the step's group are looked at: there is one, unless somebody put others there.
PAGE = 100


class Keycloak:
    """The admin REST API of one realm, signed in."""

    def __init__(self, given):
        self.base = given.parameter("url", str, required=True).rstrip("/")
        self.realm = given.parameter("realm", str, required=True)
        admin_realm = given.parameter("admin_realm", str, default="master")
        password = given.parameter("admin_password", str) or given.secrets.get("KEYCLOAK_ADMIN_PASSWORD")
        if not password:
            raise contract.Failure(contract.BAD_INPUT, "the parameter `admin_password` is missing")
        form = {
            "grant_type": "password",
            "client_id": given.parameter("admin_client", str, default="admin-cli"),
            "username": given.parameter("admin_user", str, default="admin"),
            "password": password,
        }
        status, _, body = self._ask(
            "POST",
            "/realms/%s/protocol/openid-connect/token" % quoted(admin_realm),
            urllib.parse.urlencode(form).encode(),
            {"Content-Type": "application/x-www-form-urlencoded"},
        )
        if status in (400, 401, 403):
            raise contract.Failure(contract.NOT_ALLOWED, "Keycloak refused the credentials: %s" % reason(body))
        self.token = self._good(status, body, "signing in")["access_token"]

    def _ask(self, method, path, body=None, headers=None):
        try:
            return http_client.ask(method, self.base + path, headers or {}, body, TIMEOUT_S)
        except http_client.Unreachable as error:
            raise contract.Failure(contract.UNREACHABLE, "Keycloak cannot be reached: %s" % error) from error

    def _good(self, status, body, doing):
        if status == 403:
            raise contract.Failure(contract.NOT_ALLOWED, "Keycloak does not allow %s: %s" % (doing, reason(body)))
        if status in (502, 503, 504):
            raise contract.Failure(contract.TRY_LATER, "Keycloak is not ready for %s (status %d)" % (doing, status))
        if not 200 <= status < 300:
            raise contract.Failure(
                contract.FAILED, "Keycloak refused %s (status %d): %s" % (doing, status, reason(body))
            )
        if not body:
            return None
        try:
            return json.loads(body)
        except ValueError as error:
            raise contract.Failure(contract.STRANGE_ANSWER, "Keycloak's answer to %s is not JSON" % doing) from error

    def call(self, method, path, value=None):
        """(status, headers, body) of a call to the realm."""
        headers = {"Authorization": "Bearer " + self.token, "Accept": "application/json"}
        body = None
        if value is not None:
            headers["Content-Type"] = "application/json"
            body = json.dumps(value).encode()
        return self._ask(method, "/admin/realms/%s%s" % (quoted(self.realm), path), body, headers)

    def get(self, path, doing):
        status, _, body = self.call("GET", path)
        if status == 404:
            return None
        return self._good(status, body, doing)

    def do(self, method, path, value, doing, also=()):
        """The status of a call that changes something; `also` are statuses that are as good as success."""
        status, _, body = self.call(method, path, value)
        if status not in also:
            self._good(status, body, doing)
        return status

    def group(self, name):
        """The id of the top group of this name."""
        found = self.get("/groups?exact=true&search=%s" % quoted(name), "looking for the step's group") or []
        return next((group["id"] for group in found if group.get("name") == name), None)

    def members(self, group):
        return self.get("/groups/%s/members?max=%d" % (quoted(group), PAGE), "looking at the step's group") or []

    def user(self, username):
        found = self.get("/users?exact=true&username=%s" % quoted(username), "looking for the user") or []
        # Keycloak keeps names in lower case.
        return next((user for user in found if user.get("username") == username.lower()), None)


def create(given):
    username = given.parameter("username", str, required=True)
    password = given.parameter("password", str) or secrets.token_urlsafe(18)
    roles = given.parameter("realm_roles", list, default=[])
    if not username.strip():
        raise contract.Failure(contract.BAD_INPUT, "the parameter `username` is empty")
    if any(not isinstance(role, str) for role in roles):
        raise contract.Failure(contract.BAD_INPUT, "`realm_roles` is a list of names")
    keycloak = Keycloak(given)
    if keycloak.get("", "looking at the realm") is None:
        raise contract.Failure(contract.BAD_INPUT, "there is no realm `%s`" % keycloak.realm)
    # Before anything is made: a role that does not exist must not leave half a user.
    granted = [role_of(keycloak, role) for role in roles]
    group = group_of(given)
    keycloak.do("POST", "/groups", {"name": group}, "making the step's group", also=(409,))
    wanted = {
        "username": username,
        "enabled": True,
        "emailVerified": given.parameter("email_verified", bool, default=True),
        "groups": ["/" + group],
        "credentials": [{"type": "password", "value": password, "temporary": False}],
    }
    for field, name in (("email", "email"), ("firstName", "first_name"), ("lastName", "last_name")):
        value = given.parameter(name, str)
        if value is not None:
            wanted[field] = value
    status = keycloak.do("POST", "/users", wanted, "making the user", also=(409,))
    user = keycloak.user(username)
    ours = {member["id"] for member in keycloak.members(keycloak.group(group))}
    if user is None or user["id"] not in ours:
        raise contract.Failure(
            contract.NOT_OURS,
            "there is a user with this name or e-mail address already, and this step did not make it: choose others",
        )
    if status == 409:
        contract.log("the user is there already; its password is set anew")
        credential = {"type": "password", "value": password, "temporary": False}
        keycloak.do("PUT", "/users/%s/reset-password" % quoted(user["id"]), credential, "setting the password")
    if granted:
        keycloak.do(
            "POST", "/users/%s/role-mappings/realm" % quoted(user["id"]), granted, "granting the roles"
        )
    outputs = {"user_id": user["id"], "username": user["username"], "password": password, "realm": keycloak.realm}
    return "The user `%s` is in the realm `%s`." % (user["username"], keycloak.realm), outputs


def role_of(keycloak, name):
    role = keycloak.get("/roles/%s" % quoted(name), "looking for a role")
    if role is None:
        raise contract.Failure(contract.BAD_INPUT, "the realm `%s` has no role `%s`" % (keycloak.realm, name))
    return {"id": role["id"], "name": role["name"]}


def destroy(given):
    keycloak = Keycloak(given)
    group = keycloak.group(group_of(given))
    if group is None:
        return "Nothing to remove: this step made no user.", {}
    members = keycloak.members(group)
    for user in members:
        keycloak.do("DELETE", "/users/%s" % quoted(user["id"]), None, "removing the user", also=(404,))
    keycloak.do("DELETE", "/groups/%s" % quoted(group), None, "removing the step's group", also=(404,))
    return "%d users were removed." % len(members), {}


def group_of(given):
    # A slash would be a group within a group.
    return given.owner.replace("/", " ")


def quoted(text):
    return urllib.parse.quote(text, safe="")


def reason(body):
    try:
        answer = json.loads(body)
        words = answer.get("errorMessage") or answer.get("error_description") or answer.get("error")
    except (ValueError, AttributeError):
        words = body[:200].decode("utf-8", "replace")
    return " ".join(str(words or "no reason given").split())


contract.run(create, destroy)
