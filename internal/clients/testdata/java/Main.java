import jakarta.ws.rs.ClientErrorException;
import jakarta.ws.rs.NotFoundException;
import jakarta.ws.rs.core.Response;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.keycloak.OAuth2Constants;
import org.keycloak.admin.client.CreatedResponseUtil;
import org.keycloak.admin.client.Keycloak;
import org.keycloak.admin.client.KeycloakBuilder;
import org.keycloak.admin.client.resource.RealmResource;
import org.keycloak.admin.client.resource.UserResource;
import org.keycloak.representations.idm.*;

/**
 * Drives keycloak-admin-client at $BASE and realm $REALM, where user1 has consented to consent-app.
 * Prints a line of the Test Anything Protocol a step.
 */
public class Main {
    static final String BASE = System.getenv("BASE"), REALM = System.getenv("REALM"), APP = "offline-access-portal";
    static final HttpClient http = HttpClient.newHttpClient();
    static final Keycloak kc = Keycloak.getInstance(BASE, "master", "admin", "admin", "admin-cli");
    static final RealmResource realm = kc.realm(REALM);
    static int done;
    static UserResource user1;
    static String portal;

    interface Step { void run() throws Exception; }

    static void step(String name, Step f) {
        done++;
        try {
            f.run();
            System.out.printf("ok %d - %s%n", done, name);
        } catch (Throwable t) {
            StringWriter text = new StringWriter();
            t.printStackTrace(new PrintWriter(text));
            System.out.printf("not ok %d - %s%n# %s%n", done, name, text.toString().replace("\n", "\n# "));
        }
    }

    static void check(boolean ok, Object about) {
        if (!ok) throw new AssertionError(about);
    }

    static void equal(Object want, Object got) {
        check(want.equals(got), "want " + want + ", got " + got);
    }

    /** refused requires that a call fails with the status of an answer. */
    static void refused(int status, Step call) throws Exception {
        try {
            call.run();
        } catch (ClientErrorException e) {
            equal(status, e.getResponse().getStatus());
            return;
        }
        throw new AssertionError("was not refused");
    }

    static <T> List<String> names(List<T> items, Function<T, String> name) {
        return items.stream().map(name).sorted().toList();
    }

    static List<String> roles(List<RoleRepresentation> items) { return names(items, RoleRepresentation::getName); }

    static List<String> groups(List<GroupRepresentation> items) { return names(items, GroupRepresentation::getName); }

    static List<String> users(List<UserRepresentation> items) { return names(items, UserRepresentation::getUsername); }

    static List<String> ids(List<UserSessionRepresentation> items) { return names(items, UserSessionRepresentation::getId); }

    static String created(Response answer) {
        try (answer) {
            return CreatedResponseUtil.getCreatedId(answer);
        }
    }

    /** token asks the token endpoint for what the client library leaves to others. */
    static String token(String form) throws Exception {
        HttpRequest request = HttpRequest.newBuilder(URI.create(BASE + "/realms/" + REALM + "/protocol/openid-connect/token"))
                .header("Content-Type", "application/x-www-form-urlencoded")
                .POST(HttpRequest.BodyPublishers.ofString("client_id=" + APP + "&client_secret=password&" + form)).build();
        return http.send(request, HttpResponse.BodyHandlers.ofString()).body();
    }

    static String login(String scope) throws Exception {
        return token("grant_type=password&username=user1&password=password&scope=" + scope);
    }

    static String refresh(String tokens) throws Exception {
        return token("grant_type=refresh_token&refresh_token=" + member(tokens, "refresh_token"));
    }

    /** member is a text of a flat JSON object. */
    static String member(String json, String name) {
        Matcher m = Pattern.compile("\"" + name + "\":\"([^\"]*)\"").matcher(json);
        check(m.find(), name + " is not in " + json.replaceAll("\"[^\"]{40,}\"", "…"));
        return m.group(1);
    }

    public static void main(String[] args) {
        user1 = realm.users().get(realm.users().searchByUsername("user1", true).get(0).getId());
        portal = realm.clients().findByClientId(APP).get(0).getId();

        step("its own login: as a person, as a client", Main::logins);
        step("realms: create, update, list, delete", Main::realms);
        step("users: create, find, count, update, delete", Main::people);
        step("users: passwords and credentials", Main::passwords);
        step("roles: of the realm, composites, who has them", Main::realmRoles);
        step("roles: of a client", Main::clientRoles);
        step("groups: tree, members, roles, default, by path", Main::crews);
        step("clients: create, find, update, secret, service account, delete", Main::clients);
        step("client scopes: create, mappers, assign, delete", Main::scopes);
        step("sessions: listed, counted, ended one by one and all", Main::sessions);
        step("consents: listed and revoked", Main::consents);
        step("events: configured, found, cleared", Main::events);
        step("keys, components, brute force detection", Main::rest);
        System.out.printf("1..%d%n", done);
        kc.close();
    }

    static void logins() throws Exception {
        String before = kc.tokenManager().getAccessTokenString();
        check(!before.equals(kc.tokenManager().refreshToken().getToken()), "no new token");
        try (Keycloak job = KeycloakBuilder.builder().serverUrl(BASE).realm(REALM).grantType(OAuth2Constants.CLIENT_CREDENTIALS)
                .clientId("plain-job").clientSecret("password").build()) {
            refused(403, () -> job.realm(REALM).users().list());
        }
        try (Keycloak wrong = Keycloak.getInstance(BASE, REALM, "user1", "wrong", APP, "password")) {
            refused(400, () -> wrong.tokenManager().grantToken());
        }
    }

    static void realms() throws Exception {
        String second = REALM + "-second";
        RealmRepresentation r = new RealmRepresentation();
        r.setRealm(second);
        r.setEnabled(true);
        kc.realms().create(r);
        refused(409, () -> kc.realms().create(r));
        RealmRepresentation seen = kc.realm(second).toRepresentation();
        seen.setOfflineSessionIdleTimeout(86400);
        seen.setRevokeRefreshToken(true);
        kc.realm(second).update(seen);
        equal(86400, kc.realm(second).toRepresentation().getOfflineSessionIdleTimeout());
        check(names(kc.realms().findAll(), RealmRepresentation::getRealm).contains(second), "not listed");
        kc.realm(second).remove();
        refused(404, () -> kc.realm(second).toRepresentation());
    }

    static UserRepresentation person(String name) {
        UserRepresentation u = new UserRepresentation();
        u.setUsername(name);
        u.setEmail(name + "@example.org");
        u.setFirstName(name);
        u.setLastName("Three");
        u.setEnabled(true);
        return u;
    }

    static void people() throws Exception {
        String id = created(realm.users().create(person("vera")));
        try (Response again = realm.users().create(person("vera"))) {
            equal(409, again.getStatus());
        }
        equal(1, realm.users().count("vera"));
        equal(List.of("vera"), users(realm.users().searchByEmail("vera@example.org", true)));
        UserRepresentation u = realm.users().get(id).toRepresentation();
        u.setLastName("Four");
        u.setRequiredActions(List.of("UPDATE_PASSWORD"));
        realm.users().get(id).update(u);
        equal("Four", realm.users().get(id).toRepresentation().getLastName());
        equal(List.of("vera"), users(realm.users().search(null, "vera", "Four", null, 0, 10)));
        try (Response gone = realm.users().delete(id)) {
            equal(204, gone.getStatus());
        }
        refused(404, () -> realm.users().get(id).toRepresentation());
    }

    static void passwords() throws Exception {
        UserResource wim = realm.users().get(created(realm.users().create(person("wim"))));
        CredentialRepresentation password = new CredentialRepresentation();
        password.setType(CredentialRepresentation.PASSWORD);
        password.setValue("changed");
        password.setTemporary(false);
        wim.resetPassword(password);
        member(token("grant_type=password&username=wim&password=changed"), "access_token");
        List<CredentialRepresentation> all = wim.credentials();
        equal(List.of("password"), names(all, CredentialRepresentation::getType));
        wim.setCredentialUserLabel(all.get(0).getId(), "mine");
        equal("mine", wim.credentials().get(0).getUserLabel());
        wim.removeCredential(all.get(0).getId());
        equal("invalid_grant", member(token("grant_type=password&username=wim&password=changed"), "error"));
    }

    static void realmRoles() throws Exception {
        realm.roles().create(new RoleRepresentation("auditor", "Audits", false));
        refused(409, () -> realm.roles().create(new RoleRepresentation("auditor", "Audits", false)));
        RoleRepresentation auditor = realm.roles().get("auditor").toRepresentation();
        auditor.setDescription("Looks");
        realm.rolesById().updateRole(auditor.getId(), auditor);
        equal("Looks", realm.rolesById().getRole(auditor.getId()).getDescription());
        RoleRepresentation manager = realm.roles().get("manager").toRepresentation();
        realm.roles().get("auditor").addComposites(List.of(manager));
        equal(List.of("manager"), roles(List.copyOf(realm.roles().get("auditor").getRealmRoleComposites())));
        user1.roles().realmLevel().add(List.of(auditor));
        check(roles(user1.roles().realmLevel().listAll()).contains("auditor"), "not given");
        check(roles(user1.roles().realmLevel().listEffective()).contains("manager"), "not effective");
        equal(List.of("user1"), users(realm.roles().get("auditor").getUserMembers()));
        user1.roles().realmLevel().remove(List.of(auditor));
        check(roles(user1.roles().realmLevel().listAvailable()).contains("auditor"), "not taken");
        realm.roles().deleteRole("auditor");
        refused(404, () -> realm.roles().get("auditor").toRepresentation());
    }

    static void clientRoles() {
        realm.clients().get(portal).roles().create(new RoleRepresentation("writer", "Writes", false));
        RoleRepresentation writer = realm.clients().get(portal).roles().get("writer").toRepresentation();
        user1.roles().clientLevel(portal).add(List.of(writer));
        equal(List.of("writer"), roles(user1.roles().clientLevel(portal).listAll()));
        check(user1.roles().getAll().getClientMappings().containsKey(APP), "not among all");
        user1.roles().clientLevel(portal).remove(List.of(writer));
        realm.clients().get(portal).roles().deleteRole("writer");
        equal(List.of(), realm.clients().get(portal).roles().list());
    }

    static GroupRepresentation group(String name) {
        GroupRepresentation g = new GroupRepresentation();
        g.setName(name);
        return g;
    }

    static void crews() throws Exception {
        String crew = created(realm.groups().add(group("crew")));
        String night = created(realm.groups().group(crew).subGroup(group("night")));
        equal(night, realm.getGroupByPath("/crew/night").getId());
        equal(List.of("night"), groups(realm.groups().group(crew).getSubGroups(0, 10, true)));
        equal(2L, realm.groups().count().get("count"));
        equal(List.of("crew"), groups(realm.groups().groups("nigh", 0, 10)));
        user1.joinGroup(night);
        equal(List.of("night"), groups(user1.groups()));
        equal(List.of("user1"), users(realm.groups().group(night).members()));
        RoleRepresentation manager = realm.roles().get("manager").toRepresentation();
        realm.groups().group(night).roles().realmLevel().add(List.of(manager));
        equal(List.of("manager"), roles(realm.groups().group(night).roles().realmLevel().listAll()));
        realm.addDefaultGroup(crew);
        equal(List.of("crew"), groups(realm.getDefaultGroups()));
        realm.removeDefaultGroup(crew);
        user1.leaveGroup(night);
        realm.groups().group(night).update(group("dusk"));
        equal("/crew/dusk", realm.groups().group(night).toRepresentation().getPath());
        realm.groups().group(crew).remove();
        refused(404, () -> realm.groups().group(night).toRepresentation());
    }

    static void clients() throws Exception {
        ClientRepresentation app = new ClientRepresentation();
        app.setClientId("app");
        app.setSecret("s3cret");
        app.setServiceAccountsEnabled(true);
        app.setRedirectUris(List.of("http://localhost:9999/*"));
        String id = created(realm.clients().create(app));
        try (Response again = realm.clients().create(app)) {
            equal(409, again.getStatus());
        }
        ClientRepresentation seen = realm.clients().get(id).toRepresentation();
        seen.getAttributes().put("client.offline.session.idle.timeout", "3600");
        realm.clients().get(id).update(seen);
        equal("3600", realm.clients().get(id).toRepresentation().getAttributes().get("client.offline.session.idle.timeout"));
        equal("s3cret", realm.clients().get(id).getSecret().getValue());
        check(!"s3cret".equals(realm.clients().get(id).generateNewSecret().getValue()), "the old secret");
        equal("service-account-app", realm.clients().get(id).getServiceAccountUser().getUsername());
        realm.clients().get(id).remove();
        equal(List.of(), realm.clients().findByClientId("app"));
    }

    static void scopes() {
        ClientScopeRepresentation tenant = new ClientScopeRepresentation();
        tenant.setName("tenant");
        tenant.setProtocol("openid-connect");
        String id = created(realm.clientScopes().create(tenant));
        tenant.setDescription("Whose");
        realm.clientScopes().get(id).update(tenant);
        equal("Whose", realm.clientScopes().get(id).toRepresentation().getDescription());
        ProtocolMapperRepresentation mapper = new ProtocolMapperRepresentation();
        mapper.setName("tenant");
        mapper.setProtocol("openid-connect");
        mapper.setProtocolMapper("oidc-hardcoded-claim-mapper");
        mapper.setConfig(Map.of("claim.name", "tenant", "claim.value", "north", "jsonType.label", "String", "access.token.claim", "true"));
        created(realm.clientScopes().get(id).getProtocolMappers().createMapper(mapper));
        equal(1, realm.clientScopes().get(id).getProtocolMappers().getMappers().size());
        realm.clients().get(portal).addOptionalClientScope(id);
        check(names(realm.clients().get(portal).getOptionalClientScopes(), ClientScopeRepresentation::getName).contains("tenant"), "not added");
        realm.clients().get(portal).removeOptionalClientScope(id);
        realm.addDefaultOptionalClientScope(id);
        check(names(realm.getDefaultOptionalClientScopes(), ClientScopeRepresentation::getName).contains("tenant"), "no default");
        realm.removeDefaultOptionalClientScope(id);
        realm.clientScopes().get(id).remove();
        check(!names(realm.clientScopes().findAll(), ClientScopeRepresentation::getName).contains("tenant"), "still there");
    }

    static void sessions() throws Exception {
        String offline = login("openid+offline_access"), online = login("openid"), other = login("openid");
        String on = member(online, "session_state"), off = member(offline, "session_state");
        check(ids(user1.getUserSessions()).contains(on), "not among the user's sessions");
        check(ids(user1.getOfflineSessions(portal)).contains(off), "not among the user's offline sessions");
        check(ids(realm.clients().get(portal).getUserSessions(0, 100)).contains(on), "not among the client's sessions");
        check(ids(realm.clients().get(portal).getOfflineUserSessions(0, 100)).contains(off), "not among the client's offline sessions");
        equal((long) realm.clients().get(portal).getOfflineUserSessions(0, 100).size(), realm.clients().get(portal).getOfflineSessionCount().get("count"));
        check(realm.clients().get(portal).getApplicationSessionCount().get("count") >= 2, "count");
        check(realm.getClientSessionStats().stream().anyMatch(s -> APP.equals(s.get("clientId"))), "not in the stats");
        realm.deleteSession(on, false);
        equal("invalid_grant", member(refresh(online), "error"));
        member(refresh(offline), "access_token");
        user1.logout();
        equal(List.of(), user1.getUserSessions());
        equal("invalid_grant", member(refresh(other), "error"));
        realm.logoutAll();
        realm.pushRevocation();
    }

    static void consents() throws Exception {
        Function<Map<String, Object>, String> client = c -> (String) c.get("clientId");
        check(names(user1.getConsents(), client).contains("consent-app"), "no consent");
        user1.revokeConsent("consent-app");
        check(!names(user1.getConsents(), client).contains("consent-app"), "not revoked");
        refused(404, () -> user1.revokeConsent("consent-app"));
    }

    static void events() throws Exception {
        RealmEventsConfigRepresentation config = realm.getRealmEventsConfig();
        config.setEventsExpiration(3600L);
        realm.updateRealmEventsConfig(config);
        equal(3600L, realm.getRealmEventsConfig().getEventsExpiration());
        login("openid");
        EventRepresentation newest = realm.getEvents(List.of("LOGIN"), null, user1.toRepresentation().getId(), null, null, null, 0, 1).get(0);
        equal(APP, newest.getClientId());
        List<AdminEventRepresentation> acts = realm.getAdminEvents(List.of("DELETE"), null, null, null, null, null, null, null, 0, 50);
        check(acts.stream().anyMatch(a -> a.getResourcePath().startsWith("groups/")), acts.size());
        realm.clearEvents();
        equal(List.of(), realm.getEvents());
    }

    static void rest() {
        KeysMetadataRepresentation keys = realm.keys().getKeyMetadata();
        check(keys.getKeys().stream().anyMatch(k -> k.getKid().equals(keys.getActive().get("RS256"))), "no active key");
        ComponentRepresentation rsa = realm.components().query(null, "org.keycloak.keys.KeyProvider").stream()
                .filter(c -> "rsa-generated".equals(c.getProviderId())).findFirst().orElseThrow(NotFoundException::new);
        equal(rsa.getName(), realm.components().component(rsa.getId()).toRepresentation().getName());
        String id = user1.toRepresentation().getId();
        equal(0, realm.attackDetection().bruteForceUserStatus(id).get("numFailures"));
        realm.attackDetection().clearBruteForceForUser(id);
        realm.attackDetection().clearAllBruteForce();
    }
}
