"""Drives python-keycloak at $BASE and realm $REALM, where user1 has consented
to consent-app. Prints a line of the Test Anything Protocol a step."""

import os
import traceback

from keycloak import KeycloakAdmin, KeycloakOpenID
from keycloak.exceptions import KeycloakAuthenticationError, KeycloakError, KeycloakPostError
from keycloak.pkce_utils import generate_code_challenge, generate_code_verifier

BASE, REALM = os.environ["BASE"] + "/", os.environ["REALM"]
steps = []


def step(name):
    """Makes a function a step that runs at once; what it raises is its failure."""

    def run(f):
        try:
            f()
            print(f"ok {len(steps) + 1} - {name}")
        except Exception:
            print(f"not ok {len(steps) + 1} - {name}")
            print("".join("# " + line + "\n" for line in traceback.format_exc().splitlines()), end="")
        steps.append(name)

    return run


def refused(error, status, f, *args):
    """Requires that f raises the error, with the status of the answer."""
    try:
        f(*args)
    except error as e:
        assert e.response_code == status, e
    else:
        raise AssertionError(f"{f.__name__} was not refused")


def named(items, key="name"):
    return sorted(item[key] for item in items)


portal = KeycloakOpenID(server_url=BASE, realm_name=REALM, client_id="offline-access-portal", client_secret_key="password")
admin = KeycloakAdmin(server_url=BASE, username="admin", password="admin", realm_name=REALM, user_realm_name="master")
user1 = admin.get_user_id("user1")
portal_id = admin.get_client_id("offline-access-portal")


# OpenID Connect


@step("openid: discovery, authorization URL with PKCE")
def _():
    assert portal.well_known()["issuer"] == f"{BASE}realms/{REALM}"
    verifier = generate_code_verifier()
    challenge, method = generate_code_challenge(verifier)
    url = portal.auth_url("http://localhost:9999/cb", scope="openid", state="xyz", code_challenge=challenge, code_challenge_method=method)
    assert url.startswith(f"{BASE}realms/{REALM}/protocol/openid-connect/auth?client_id=offline-access-portal&")


@step("openid: password login, userinfo, introspection, keys")
def _():
    tokens = portal.token("user1", "password")
    assert tokens["token_type"] == "Bearer" and tokens["expires_in"] in range(290, 301), tokens["expires_in"]
    assert portal.userinfo(tokens["access_token"])["preferred_username"] == "user1"
    service = KeycloakOpenID(server_url=BASE, realm_name=REALM, client_id="database-service", client_secret_key="password")
    seen = service.introspect(tokens["access_token"])
    assert seen["active"] and seen["username"] == "user1" and seen["client_id"] == "offline-access-portal", seen
    claims = portal.decode_token(tokens["access_token"], algs=["RS256"])
    assert claims["sub"] == user1 and "user" in claims["realm_access"]["roles"], claims
    assert portal.public_key() and portal.certs()["keys"]


@step("openid: refresh, logout, and nothing works after it")
def _():
    tokens = portal.token("user2", "password")
    renewed = portal.refresh_token(tokens["refresh_token"])
    assert renewed["session_state"] == tokens["session_state"] and renewed["access_token"] != tokens["access_token"]
    portal.logout(renewed["refresh_token"])
    refused(KeycloakPostError, 400, portal.refresh_token, renewed["refresh_token"])
    assert portal.introspect(renewed["access_token"]) == {"active": False}
    refused(KeycloakAuthenticationError, 401, portal.userinfo, renewed["access_token"])


@step("openid: an offline token outlives the login")
def _():
    tokens = portal.token("user2", "password", scope="openid offline_access")
    assert tokens["refresh_expires_in"] == 0 and "offline_access" in tokens["scope"].split()
    assert portal.refresh_token(tokens["refresh_token"])["access_token"]


@step("openid: client credentials, device authorization")
def _():
    assert portal.token(grant_type="client_credentials")["access_token"]
    tv = KeycloakOpenID(server_url=BASE, realm_name=REALM, client_id="tv")
    codes = tv.device()
    assert codes["user_code"] and codes["verification_uri"].startswith(BASE), codes
    refused(KeycloakPostError, 400, lambda: tv.token(grant_type="urn:ietf:params:oauth:grant-type:device_code", device_code=codes["device_code"]))


@step("openid: token exchange")
def _():
    exchanger = KeycloakOpenID(server_url=BASE, realm_name=REALM, client_id="exchanger", client_secret_key="password")
    subject = exchanger.token("user1", "password")["access_token"]
    access = "urn:ietf:params:oauth:token-type:access_token"
    got = exchanger.exchange_token(subject, subject_token_type=access, requested_token_type=access)
    assert got["issued_token_type"] == access, got["issued_token_type"]
    assert exchanger.userinfo(got["access_token"])["sub"] == user1
    refused(KeycloakPostError, 400, lambda: portal.exchange_token(subject, subject_token_type=access, requested_token_type=access))


@step("openid: a wrong password is refused")
def _():
    refused(KeycloakPostError, 400, portal.token, "user1", "wrong")


# Administration


@step("realms: create, update, list, delete")
def _():
    name = REALM + "-second"
    admin.create_realm({"realm": name, "enabled": True})
    refused(KeycloakPostError, 409, admin.create_realm, {"realm": name})
    admin.update_realm(name, {"offlineSessionIdleTimeout": 86400, "revokeRefreshToken": True})
    changed = admin.get_realm(name)
    assert changed["offlineSessionIdleTimeout"] == 86400 and changed["revokeRefreshToken"], changed
    assert name in named(admin.get_realms(), "realm")
    admin.delete_realm(name)
    refused(KeycloakError, 404, admin.get_realm, name)


@step("users: create, find, count, update, disable, delete")
def _():
    new = {"username": "vera", "email": "vera@example.org", "enabled": True, "firstName": "Vera", "credentials": [{"type": "password", "value": "secret"}]}
    vera = admin.create_user(new)
    refused(KeycloakPostError, 409, admin.create_user, new)
    assert admin.create_user(new, exist_ok=True) == vera
    assert admin.users_count({"search": "vera"}) == 1
    assert named(admin.get_users({"email": "vera@example.org", "exact": True}), "username") == ["vera"]
    admin.update_user(vera, {"lastName": "Three", "email": "v3@example.org"})
    seen = admin.get_user(vera)
    assert (seen["lastName"], seen["email"], seen["firstName"]) == ("Three", "v3@example.org", "Vera"), seen
    admin.disable_user(vera)
    assert not admin.get_user(vera)["enabled"]
    admin.enable_user(vera)
    admin.delete_user(vera)
    refused(KeycloakError, 404, admin.get_user, vera)


@step("users: passwords and credentials")
def _():
    wim = admin.create_user({"username": "wim", "enabled": True, "email": "wim@example.org", "firstName": "W", "lastName": "Im"})
    admin.set_user_password(wim, "changed", temporary=False)
    assert portal.token("wim", "changed")["access_token"]
    (password,) = admin.get_credentials(wim)
    assert password["type"] == "password", password
    admin.delete_credential(wim, password["id"])
    assert admin.get_credentials(wim) == []
    refused(KeycloakPostError, 400, portal.token, "wim", "changed")


@step("roles: of the realm, composites, who has them")
def _():
    admin.create_realm_role({"name": "auditor", "description": "Audits"})
    refused(KeycloakPostError, 409, admin.create_realm_role, {"name": "auditor"})
    role = admin.get_realm_role("auditor")
    admin.update_realm_role("auditor", {"name": "auditor", "description": "Looks"})
    assert admin.get_realm_role_by_id(role["id"])["description"] == "Looks"
    admin.add_composite_realm_roles_to_role("auditor", [admin.get_realm_role("manager")])
    assert named(admin.get_composite_realm_roles_of_role("auditor")) == ["manager"]
    admin.assign_realm_roles(user1, [role])
    assert "auditor" in named(admin.get_realm_roles_of_user(user1))
    assert "manager" in named(admin.get_composite_realm_roles_of_user(user1))
    assert named(admin.get_realm_role_members("auditor"), "username") == ["user1"]
    admin.delete_realm_roles_of_user(user1, [role])
    assert "auditor" in named(admin.get_available_realm_roles_of_user(user1))
    admin.delete_realm_role("auditor")
    refused(KeycloakError, 404, admin.get_realm_role, "auditor")


@step("roles: of a client")
def _():
    admin.create_client_role(portal_id, {"name": "writer"})
    writer = admin.get_client_role(portal_id, "writer")
    admin.assign_client_role(user1, portal_id, [writer])
    assert named(admin.get_client_roles_of_user(user1, portal_id)) == ["writer"]
    assert "offline-access-portal" in admin.get_all_roles_of_user(user1)["clientMappings"]
    assert named(admin.get_client_role_members(portal_id, "writer"), "username") == ["user1"]
    admin.delete_client_roles_of_user(user1, portal_id, [writer])
    admin.delete_client_role(portal_id, "writer")
    assert admin.get_client_roles(portal_id) == []


@step("groups: tree, members, roles, by path")
def _():
    crew = admin.create_group({"name": "crew"})
    night = admin.create_group({"name": "night", "attributes": {"shift": ["3"]}}, parent=crew)
    assert admin.get_group_by_path("/crew/night")["id"] == night
    assert named(admin.get_group_children(crew)) == ["night"]
    assert admin.groups_count()["count"] == 2
    assert admin.groups_count({"top": "true"})["count"] == 1
    assert named(admin.get_groups({"search": "nigh"})) == ["crew"]
    admin.group_user_add(user1, night)
    assert named(admin.get_group_members(night), "username") == ["user1"]
    assert named(admin.get_user_groups(user1)) == ["night"]
    role = admin.get_realm_role("manager")
    admin.assign_group_realm_roles(night, [role])
    assert named(admin.get_group_realm_roles(night)) == ["manager"]
    assert "manager" in named(admin.get_composite_realm_roles_of_user(user1))
    admin.delete_group_realm_roles(night, [role])
    admin.group_user_remove(user1, night)
    admin.update_group(night, {"name": "dusk"})
    assert admin.get_group(night)["path"] == "/crew/dusk"
    admin.delete_group(crew)
    assert admin.get_groups() == []


@step("clients: create, find, update, secret, service account, delete")
def _():
    app = admin.create_client({"clientId": "app", "secret": "s3cret", "serviceAccountsEnabled": True, "redirectUris": ["http://localhost:9999/*"]})
    refused(KeycloakPostError, 409, admin.create_client, {"clientId": "app"})
    assert admin.get_client_id("app") == app and "app" in named(admin.get_clients(), "clientId")
    admin.update_client(app, {"attributes": {"client.offline.session.idle.timeout": "3600"}})
    seen = admin.get_client(app)
    assert seen["attributes"]["client.offline.session.idle.timeout"] == "3600" and seen["redirectUris"], seen
    assert admin.get_client_secrets(app)["value"] == "s3cret"
    assert admin.generate_client_secrets(app)["value"] != "s3cret"
    assert admin.get_client_service_account_user(app)["username"] == "service-account-app"
    admin.delete_client(app)
    assert admin.get_client_id("app") is None


@step("client scopes: create, assign, delete")
def _():
    tenant = admin.create_client_scope({"name": "tenant", "protocol": "openid-connect"})
    admin.update_client_scope(tenant, {"name": "tenant", "protocol": "openid-connect", "description": "Whose"})
    assert admin.get_client_scope_by_name("tenant")["description"] == "Whose"
    admin.add_client_optional_client_scope(portal_id, tenant, {})
    assert "tenant" in named(admin.get_client_optional_client_scopes(portal_id))
    assert "tenant" in portal.token("user1", "password", scope="openid tenant")["scope"].split()
    admin.delete_client_optional_client_scope(portal_id, tenant)
    admin.add_client_default_client_scope(portal_id, tenant, {})
    assert "tenant" in named(admin.get_client_default_client_scopes(portal_id))
    admin.delete_client_default_client_scope(portal_id, tenant)
    admin.add_default_default_client_scope(tenant)
    assert "tenant" in named(admin.get_default_default_client_scopes())
    admin.delete_default_default_client_scope(tenant)
    assert "offline_access" in named(admin.get_default_optional_client_scopes())
    admin.delete_client_scope(tenant)
    assert "tenant" not in named(admin.get_client_scopes())


@step("sessions: listed, counted, ended by logout of the user")
def _():
    offline = portal.token("user1", "password", scope="openid offline_access")
    online = portal.token("user1", "password")
    assert online["session_state"] in named(admin.get_sessions(user1), "id")
    assert online["session_state"] in named(admin.get_client_all_sessions(portal_id), "id")
    (stats,) = [s for s in admin.get_client_sessions_stats() if s["clientId"] == "offline-access-portal"]
    assert int(stats["active"]) >= 1 and int(stats["offline"]) >= 1, stats
    admin.user_logout(user1)
    assert admin.get_sessions(user1) == []
    for tokens in (online, offline):
        refused(KeycloakPostError, 400, portal.refresh_token, tokens["refresh_token"])


@step("consents: listed and revoked")
def _():
    assert "consent-app" in named(admin.user_consents(user1), "clientId")
    admin.revoke_consent(user1, "consent-app")
    assert "consent-app" not in named(admin.user_consents(user1), "clientId")
    refused(KeycloakError, 404, admin.revoke_consent, user1, "consent-app")


@step("events: of users and of administrators")
def _():
    admin.set_events({"eventsEnabled": True, "adminEventsEnabled": True, "eventsExpiration": 3600, "eventsListeners": ["jboss-logging"]})
    assert portal.token("user1", "password")["access_token"]
    newest = admin.get_events({"type": "LOGIN", "user": user1, "max": 1})[0]
    assert newest["clientId"] == "offline-access-portal" and newest["userId"] == user1, newest
    acts = admin.get_admin_events({"resourceTypes": "GROUP", "operationTypes": "DELETE"})
    assert acts and acts[0]["resourcePath"].startswith("groups/"), acts


@step("keys, components, brute force detection")
def _():
    keys = admin.get_keys()
    assert keys["active"]["RS256"] in named(keys["keys"], "kid")
    provider = next(c for c in admin.get_components({"type": "org.keycloak.keys.KeyProvider"}) if c["providerId"] == "rsa-generated")
    assert admin.get_component(provider["id"])["name"] == provider["name"]
    assert admin.get_bruteforce_detection_status(user1)["numFailures"] == 0
    admin.clear_bruteforce_attempts_for_user(user1)
    admin.clear_all_bruteforce_attempts()


print(f"1..{len(steps)}")
