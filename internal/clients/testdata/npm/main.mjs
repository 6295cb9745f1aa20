// Drives @keycloak/keycloak-admin-client at $BASE and realm $REALM, where user1
// has consented to consent-app. Prints a line of the Test Anything Protocol a step.
import assert from "node:assert/strict";
import KeycloakAdminClient, { NetworkError } from "@keycloak/keycloak-admin-client";

const { BASE: baseUrl, REALM: realm } = process.env;
const appName = "offline-access-portal";
let done = 0;

async function step(name, f) {
  done++;
  try {
    await f();
    console.log(`ok ${done} - ${name}`);
  } catch (e) {
    console.log(`not ok ${done} - ${name}\n# ${String(e?.stack ?? e).replaceAll("\n", "\n# ")} ${JSON.stringify(e?.responseData ?? "")}`);
  }
}

// refused requires that a call fails with the status of an answer.
async function refused(status, call) {
  await assert.rejects(call, (e) => e instanceof NetworkError && e.response.status === status);
}

const names = (items, key = "name") => items.map((item) => item[key]).sort();

// The library refreshes a login in the realm it manages: here another instance has the login.
const master = new KeycloakAdminClient({ baseUrl, realmName: "master" });
await master.auth({ grantType: "password", clientId: "admin-cli", username: "admin", password: "admin" });
const kc = new KeycloakAdminClient({ baseUrl, realmName: realm });
kc.registerTokenProvider(master);
const [user1] = await kc.users.find({ username: "user1", exact: true });
const [portal] = await kc.clients.find({ clientId: appName });

// token asks the token endpoint, which the client library leaves to others.
async function token(fields) {
  const answer = await fetch(`${baseUrl}/realms/${realm}/protocol/openid-connect/token`, {
    method: "POST",
    body: new URLSearchParams({ client_id: appName, client_secret: "password", ...fields }),
  });
  return answer.json();
}

const login = (scope) => token({ grant_type: "password", username: "user1", password: "password", scope });
const refresh = (tokens) => token({ grant_type: "refresh_token", refresh_token: tokens.refresh_token });

await step("its own login is refreshed; without rights it is refused", async () => {
  const own = new KeycloakAdminClient({ baseUrl, realmName: "master" });
  await own.auth({ grantType: "password", clientId: "admin-cli", username: "admin", password: "admin" });
  const before = own.accessToken;
  await own.auth({ grantType: "refresh_token", clientId: "admin-cli", refreshToken: own.refreshToken });
  assert.notEqual(own.accessToken, before);
  const job = new KeycloakAdminClient({ baseUrl, realmName: realm });
  job.setAccessToken((await token({ grant_type: "client_credentials", client_id: "plain-job" })).access_token);
  await refused(403, () => job.users.find());
});

await step("realms: create, update, list, delete", async () => {
  const second = `${realm}-second`;
  assert.equal((await kc.realms.create({ realm: second, enabled: true })).realmName, second);
  await refused(409, () => kc.realms.create({ realm: second }));
  await kc.realms.update({ realm: second }, { offlineSessionIdleTimeout: 86400, revokeRefreshToken: true });
  const changed = await kc.realms.findOne({ realm: second });
  assert.equal(changed.offlineSessionIdleTimeout, 86400);
  assert.equal(changed.revokeRefreshToken, true);
  assert(names(await kc.realms.find({ briefRepresentation: true }), "realm").includes(second));
  await kc.realms.del({ realm: second });
  assert.equal(await kc.realms.findOne({ realm: second }), null);
});

await step("users: create, find, count, update, delete", async () => {
  const vera = { username: "vera", email: "vera@example.org", enabled: true, firstName: "Vera" };
  const { id } = await kc.users.create(vera);
  await refused(409, () => kc.users.create(vera));
  assert.equal(await kc.users.count({ search: "vera" }), 1);
  assert.deepEqual(names(await kc.users.find({ email: "vera@example.org" }), "username"), ["vera"]);
  await kc.users.update({ id }, { lastName: "Three", requiredActions: ["UPDATE_PASSWORD"] });
  const seen = await kc.users.findOne({ id });
  assert.deepEqual([seen.lastName, seen.requiredActions], ["Three", ["UPDATE_PASSWORD"]]);
  await kc.users.del({ id });
  assert.equal(await kc.users.findOne({ id }), null);
});

await step("users: passwords and credentials", async () => {
  const { id } = await kc.users.create({ username: "wim", enabled: true, email: "wim@example.org", firstName: "W", lastName: "Im" });
  await kc.users.resetPassword({ id, credential: { type: "password", value: "changed", temporary: false } });
  const wim = { grant_type: "password", username: "wim", password: "changed" };
  assert((await token(wim)).access_token);
  const [password] = await kc.users.getCredentials({ id });
  assert.equal(password.type, "password");
  await kc.users.deleteCredential({ id, credentialId: password.id });
  assert.deepEqual(await kc.users.getCredentials({ id }), []);
  assert.equal((await token(wim)).error, "invalid_grant");
});

await step("roles: of the realm, composites, who has them", async () => {
  assert.equal((await kc.roles.create({ name: "auditor" })).roleName, "auditor");
  const auditor = await kc.roles.findOneByName({ name: "auditor" });
  const manager = await kc.roles.findOneByName({ name: "manager" });
  await kc.roles.updateById({ id: auditor.id }, { ...auditor, description: "Looks" });
  assert.equal((await kc.roles.findOneById({ id: auditor.id })).description, "Looks");
  await kc.roles.createComposite({ roleId: auditor.id }, [manager]);
  assert.deepEqual(names(await kc.roles.getCompositeRolesForRealm({ id: auditor.id })), ["manager"]);
  await kc.roles.delCompositeRoles({ id: auditor.id }, [manager]);
  await kc.users.addRealmRoleMappings({ id: user1.id, roles: [auditor] });
  assert(names(await kc.users.listRealmRoleMappings({ id: user1.id })).includes("auditor"));
  assert(names(await kc.users.listCompositeRealmRoleMappings({ id: user1.id })).includes("auditor"));
  assert.deepEqual(names(await kc.roles.findUsersWithRole({ name: "auditor" }), "username"), ["user1"]);
  await kc.users.delRealmRoleMappings({ id: user1.id, roles: [auditor] });
  assert(names(await kc.users.listAvailableRealmRoleMappings({ id: user1.id })).includes("auditor"));
  await kc.roles.delByName({ name: "auditor" });
  assert.equal(await kc.roles.findOneByName({ name: "auditor" }), null);
});

await step("roles: of a client", async () => {
  await kc.clients.createRole({ id: portal.id, name: "writer" });
  const writer = await kc.clients.findRole({ id: portal.id, roleName: "writer" });
  const mapping = { id: user1.id, clientUniqueId: portal.id };
  await kc.users.addClientRoleMappings({ ...mapping, roles: [writer] });
  assert.deepEqual(names(await kc.users.listClientRoleMappings(mapping)), ["writer"]);
  assert((await kc.users.listRoleMappings({ id: user1.id })).clientMappings[appName]);
  assert.deepEqual(names(await kc.clients.findUsersWithRole({ id: portal.id, roleName: "writer" }), "username"), ["user1"]);
  await kc.users.delClientRoleMappings({ ...mapping, roles: [writer] });
  await kc.clients.delRole({ id: portal.id, roleName: "writer" });
  assert.deepEqual(await kc.clients.listRoles({ id: portal.id }), []);
});

await step("groups: tree, members, roles, default, by path", async () => {
  const crew = await kc.groups.create({ name: "crew" });
  const night = await kc.groups.createChildGroup({ id: crew.id }, { name: "night" });
  assert.equal((await kc.realms.getGroupByPath({ realm, path: "crew/night" })).id, night.id);
  assert.deepEqual(names(await kc.groups.listSubGroups({ parentId: crew.id })), ["night"]);
  assert.deepEqual(names(await kc.groups.find({ search: "nigh" })), ["crew"]);
  assert.equal((await kc.groups.count()).count, 2);
  await kc.users.addToGroup({ id: user1.id, groupId: night.id });
  assert.deepEqual(names(await kc.groups.listMembers({ id: night.id }), "username"), ["user1"]);
  assert.deepEqual(names(await kc.users.listGroups({ id: user1.id })), ["night"]);
  const manager = await kc.roles.findOneByName({ name: "manager" });
  await kc.groups.addRealmRoleMappings({ id: night.id, roles: [manager] });
  assert.deepEqual(names(await kc.groups.listRealmRoleMappings({ id: night.id })), ["manager"]);
  await kc.groups.delRealmRoleMappings({ id: night.id, roles: [manager] });
  await kc.realms.addDefaultGroup({ realm, id: crew.id });
  assert.deepEqual(names(await kc.realms.getDefaultGroups({ realm })), ["crew"]);
  await kc.realms.removeDefaultGroup({ realm, id: crew.id });
  await kc.users.delFromGroup({ id: user1.id, groupId: night.id });
  await kc.groups.update({ id: night.id }, { name: "dusk" });
  assert.equal((await kc.groups.findOne({ id: night.id })).path, "/crew/dusk");
  await kc.groups.del({ id: crew.id });
  assert.equal(await kc.groups.findOne({ id: night.id }), null);
});

await step("clients: create, find, update, secret, service account, delete", async () => {
  const { id } = await kc.clients.create({ clientId: "app", secret: "s3cret", serviceAccountsEnabled: true, redirectUris: ["http://localhost:9999/*"] });
  await refused(409, () => kc.clients.create({ clientId: "app" }));
  await kc.clients.update({ id }, { clientId: "app", attributes: { "client.offline.session.idle.timeout": "3600" } });
  assert.equal((await kc.clients.findOne({ id })).attributes["client.offline.session.idle.timeout"], "3600");
  assert.equal((await kc.clients.getClientSecret({ id })).value, "s3cret");
  assert.notEqual((await kc.clients.generateNewClientSecret({ id })).value, "s3cret");
  assert.equal((await kc.clients.getServiceAccountUser({ id })).username, "service-account-app");
  await kc.clients.del({ id });
  assert.deepEqual(await kc.clients.find({ clientId: "app" }), []);
});

await step("client scopes, protocol mappers, scope mappings", async () => {
  const { id } = await kc.clientScopes.create({ name: "tenant", protocol: "openid-connect" });
  await kc.clientScopes.update({ id }, { name: "tenant", protocol: "openid-connect", description: "Whose" });
  assert.equal((await kc.clientScopes.findOneByName({ name: "tenant" })).description, "Whose");
  const hardcoded = { "claim.name": "tenant", "claim.value": "north", "jsonType.label": "String", "access.token.claim": "true" };
  await kc.clientScopes.addProtocolMapper({ id }, { name: "tenant", protocol: "openid-connect", protocolMapper: "oidc-hardcoded-claim-mapper", config: hardcoded });
  assert.deepEqual(names(await kc.clientScopes.listProtocolMappers({ id })), ["tenant"]);
  const manager = await kc.roles.findOneByName({ name: "manager" });
  await kc.clientScopes.addRealmScopeMappings({ id }, [manager]);
  assert.deepEqual(names(await kc.clientScopes.listRealmScopeMappings({ id })), ["manager"]);
  await kc.clientScopes.delRealmScopeMappings({ id }, [manager]);
  await kc.clients.addOptionalClientScope({ id: portal.id, clientScopeId: id });
  assert(names(await kc.clients.listOptionalClientScopes({ id: portal.id })).includes("tenant"));
  const { access_token } = await login("openid tenant");
  assert.equal(JSON.parse(Buffer.from(access_token.split(".")[1], "base64url")).tenant, "north");
  await kc.clients.delOptionalClientScope({ id: portal.id, clientScopeId: id });
  await kc.clients.addDefaultClientScope({ id: portal.id, clientScopeId: id });
  assert(names(await kc.clients.listDefaultClientScopes({ id: portal.id })).includes("tenant"));
  await kc.clientScopes.del({ id });
  assert(!names(await kc.clientScopes.find()).includes("tenant"));
});

await step("sessions: listed, counted, ended one by one and all", async () => {
  const offline = await login("openid offline_access");
  const online = await login("openid");
  assert(names(await kc.users.listSessions({ id: user1.id }), "id").includes(online.session_state));
  assert(names(await kc.users.listOfflineSessions({ id: user1.id, clientId: portal.id }), "id").includes(offline.session_state));
  assert(names(await kc.clients.listSessions({ id: portal.id, first: 0, max: 10 }), "id").includes(online.session_state));
  assert(names(await kc.clients.listOfflineSessions({ id: portal.id, first: 0, max: 10 }), "id").includes(offline.session_state));
  assert((await kc.clients.getSessionCount({ id: portal.id })).count >= 1);
  assert((await kc.clients.getOfflineSessionCount({ id: portal.id })).count >= 1);
  const stats = await kc.realms.getClientSessionStats({ realm });
  assert(names(stats, "clientId").includes(appName));
  await kc.realms.removeSession({ realm, sessionId: online.session_state });
  assert.equal((await refresh(online)).error, "invalid_grant");
  assert((await refresh(offline)).access_token);
  await kc.users.logout({ id: user1.id });
  assert.deepEqual(await kc.users.listSessions({ id: user1.id }), []);
  await kc.realms.logoutAll({ realm });
  await kc.realms.pushRevocation({ realm });
});

await step("consents: listed and revoked", async () => {
  assert(names(await kc.users.listConsents({ id: user1.id }), "clientId").includes("consent-app"));
  await kc.users.revokeConsent({ id: user1.id, clientId: "consent-app" });
  assert(!names(await kc.users.listConsents({ id: user1.id }), "clientId").includes("consent-app"));
  await refused(404, () => kc.users.revokeConsent({ id: user1.id, clientId: "consent-app" }));
});

await step("events: configured, found, cleared", async () => {
  const config = await kc.realms.getConfigEvents({ realm });
  await kc.realms.updateConfigEvents({ realm }, { ...config, eventsEnabled: true, adminEventsEnabled: true, eventsExpiration: 3600 });
  assert.equal((await kc.realms.getConfigEvents({ realm })).eventsExpiration, 3600);
  await login("openid");
  const [newest] = await kc.realms.findEvents({ realm, type: "LOGIN", user: user1.id, max: 1 });
  assert.equal(newest.clientId, appName);
  const acts = await kc.realms.findAdminEvents({ realm, resourceTypes: "GROUP", operationTypes: "DELETE" });
  assert(acts[0].resourcePath.startsWith("groups/"));
  await kc.realms.clearEvents({ realm });
  assert.deepEqual(await kc.realms.findEvents({ realm }), []);
});

await step("keys, components, brute force detection", async () => {
  const keys = await kc.realms.getKeys({ realm });
  assert(names(keys.keys, "kid").includes(keys.active.RS256));
  const providers = await kc.components.find({ type: "org.keycloak.keys.KeyProvider" });
  const rsa = providers.find((c) => c.providerId === "rsa-generated");
  assert.equal((await kc.components.findOne({ id: rsa.id })).name, rsa.name);
  assert.equal((await kc.attackDetection.findOne({ id: user1.id })).numFailures, 0);
  await kc.attackDetection.del({ id: user1.id });
  await kc.attackDetection.delAll();
});

console.log(`1..${done}`);
