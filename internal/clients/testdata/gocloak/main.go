// Program gocloak drives the client library gocloak at $BASE and realm $REALM,
// where user1 has consented to consent-app. It prints a line of the Test Anything
// Protocol a step.
package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/Nerzal/gocloak/v13"
)

var (
	ctx    = context.Background()
	realm  = os.Getenv("REALM")
	kc     = gocloak.NewClient(os.Getenv("BASE"))
	token  string // an administrator's
	user1  string
	portal string // id of client offline-access-portal
	done   int
)

const app, secret = "offline-access-portal", "password"

// step runs f; a panic is its failure.
func step(name string, f func()) {
	done++
	defer func() {
		if why := recover(); why != nil {
			text := fmt.Sprintf("%v\n%s", why, debug.Stack())
			fmt.Printf("not ok %d - %s\n# %s\n", done, name, strings.ReplaceAll(text, "\n", "\n# "))
			return
		}
		fmt.Printf("ok %d - %s\n", done, name)
	}()
	f()
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// of is the value of a call that must succeed.
func of[T any](v T, err error) T {
	must(err)
	return v
}

func check(ok bool, about ...any) {
	if !ok {
		panic(fmt.Sprintln(about...))
	}
}

// refused requires an answer with the status.
func refused(status int, err error) {
	var api *gocloak.APIError
	check(errors.As(err, &api) && api.Code == status, "want status", status, "is", err)
}

// names are what name takes of the items.
func names[T any](items []*T, name func(*T) *string) (out []string) {
	for _, item := range items {
		out = append(out, gocloak.PString(name(item)))
	}
	slices.Sort(out)
	return out
}

func roleName(r *gocloak.Role) *string   { return r.Name }
func userName(u *gocloak.User) *string   { return u.Username }
func groupName(g *gocloak.Group) *string { return g.Name }

func main() {
	token = of(kc.LoginAdmin(ctx, "admin", "admin", "master")).AccessToken
	user1 = *of(kc.GetUsers(ctx, token, realm, gocloak.GetUsersParams{Username: gocloak.StringP("user1"), Exact: gocloak.BoolP(true)}))[0].ID
	portal = *of(kc.GetClients(ctx, token, realm, gocloak.GetClientsParams{ClientID: gocloak.StringP(app)}))[0].ID

	step("openid: login, userinfo, decoded, introspected", login)
	step("openid: refresh, revoke, logout", logout)
	step("openid: a client for itself, wrong credentials", clientLogin)
	step("realms: create, update, list, delete", realms)
	step("users: create, find, count, update, delete", users)
	step("users: passwords and credentials", passwords)
	step("roles: of the realm and of clients, composites", roles)
	step("groups: tree, members, roles, default", groups)
	step("clients: create, update, secret, service account, delete", clients)
	step("client scopes: create, assign, delete", scopes)
	step("sessions: listed, ended one by one and all", sessions)
	step("consents: revoked", consents)
	step("events, keys, components, brute force detection", rest)
	fmt.Printf("1..%d\n", done)
}

func login() {
	tokens := of(kc.Login(ctx, app, secret, realm, "user1", "password"))
	info := of(kc.GetUserInfo(ctx, of(kc.GetToken(ctx, realm, openID("openid"))).AccessToken, realm))
	check(*info.PreferredUsername == "user1" && *info.Sub == user1, info)
	decoded, claims, err := kc.DecodeAccessToken(ctx, tokens.AccessToken, realm)
	must(err)
	check(decoded.Valid && (*claims)["azp"] == app, claims)
	seen := of(kc.RetrospectToken(ctx, tokens.AccessToken, "database-service", secret, realm))
	check(*seen.Active, seen)
	check(strings.HasSuffix(*of(kc.GetIssuer(ctx, realm)).TokenService, "/realms/"+realm+"/protocol/openid-connect"))
}

// openID are the parameters of a login of user1 with a scope.
func openID(scope string) gocloak.TokenOptions {
	return gocloak.TokenOptions{
		ClientID: gocloak.StringP(app), ClientSecret: gocloak.StringP(secret), GrantType: gocloak.StringP("password"),
		Username: gocloak.StringP("user1"), Password: gocloak.StringP("password"), Scope: &scope,
	}
}

func logout() {
	tokens := of(kc.GetToken(ctx, realm, openID("openid offline_access")))
	renewed := of(kc.RefreshToken(ctx, tokens.RefreshToken, app, secret, realm))
	check(renewed.SessionState == tokens.SessionState && renewed.RefreshExpiresIn == 0, renewed.RefreshExpiresIn)
	must(kc.RevokeToken(ctx, realm, app, secret, renewed.RefreshToken))
	_, err := kc.RefreshToken(ctx, renewed.RefreshToken, app, secret, realm)
	refused(http.StatusBadRequest, err)

	tokens = of(kc.Login(ctx, app, secret, realm, "user1", "password"))
	must(kc.Logout(ctx, app, secret, realm, tokens.RefreshToken))
	_, err = kc.RefreshToken(ctx, tokens.RefreshToken, app, secret, realm)
	refused(http.StatusBadRequest, err)
}

func clientLogin() {
	check(of(kc.LoginClient(ctx, app, secret, realm)).AccessToken != "")
	_, err := kc.LoginClient(ctx, app, "wrong", realm)
	refused(http.StatusUnauthorized, err)
	_, err = kc.Login(ctx, app, secret, realm, "user1", "wrong")
	check(err != nil)
}

func realms() {
	second := realm + "-second"
	of(kc.CreateRealm(ctx, token, gocloak.RealmRepresentation{Realm: &second, Enabled: gocloak.BoolP(true)}))
	_, err := kc.CreateRealm(ctx, token, gocloak.RealmRepresentation{Realm: &second})
	refused(http.StatusConflict, err)
	r := of(kc.GetRealm(ctx, token, second))
	r.OfflineSessionIdleTimeout = gocloak.IntP(86400)
	must(kc.UpdateRealm(ctx, token, *r))
	check(*of(kc.GetRealm(ctx, token, second)).OfflineSessionIdleTimeout == 86400)
	all := names(of(kc.GetRealms(ctx, token)), func(r *gocloak.RealmRepresentation) *string { return r.Realm })
	check(slices.Contains(all, second), all)
	must(kc.DeleteRealm(ctx, token, second))
	_, err = kc.GetRealm(ctx, token, second)
	refused(http.StatusNotFound, err)
}

func users() {
	vera := gocloak.User{Username: gocloak.StringP("vera"), Email: gocloak.StringP("vera@example.org"), Enabled: gocloak.BoolP(true)}
	id := of(kc.CreateUser(ctx, token, realm, vera))
	_, err := kc.CreateUser(ctx, token, realm, vera)
	refused(http.StatusConflict, err)
	check(of(kc.GetUserCount(ctx, token, realm, gocloak.GetUsersParams{Search: gocloak.StringP("vera")})) == 1)
	seen := of(kc.GetUserByID(ctx, token, realm, id))
	seen.FirstName = gocloak.StringP("Vera")
	must(kc.UpdateUser(ctx, token, realm, *seen))
	found := of(kc.GetUsers(ctx, token, realm, gocloak.GetUsersParams{FirstName: gocloak.StringP("Vera")}))
	check(len(found) == 1 && *found[0].ID == id, found)
	must(kc.DeleteUser(ctx, token, realm, id))
	_, err = kc.GetUserByID(ctx, token, realm, id)
	refused(http.StatusNotFound, err)
}

func passwords() {
	id := of(kc.CreateUser(ctx, token, realm, gocloak.User{
		Username: gocloak.StringP("wim"), Email: gocloak.StringP("wim@example.org"),
		FirstName: gocloak.StringP("W"), LastName: gocloak.StringP("Im"), Enabled: gocloak.BoolP(true),
	}))
	must(kc.SetPassword(ctx, token, id, realm, "changed", false))
	of(kc.Login(ctx, app, secret, realm, "wim", "changed"))
	creds := of(kc.GetCredentials(ctx, token, realm, id))
	check(len(creds) == 1 && *creds[0].Type == "password", creds)
	must(kc.DeleteCredentials(ctx, token, realm, id, *creds[0].ID))
	_, err := kc.Login(ctx, app, secret, realm, "wim", "changed")
	check(err != nil)
}

func roles() {
	of(kc.CreateRealmRole(ctx, token, realm, gocloak.Role{Name: gocloak.StringP("auditor")}))
	auditor := of(kc.GetRealmRole(ctx, token, realm, "auditor"))
	auditor.Description = gocloak.StringP("Audits")
	must(kc.UpdateRealmRole(ctx, token, realm, "auditor", *auditor))
	must(kc.AddRealmRoleComposite(ctx, token, realm, "auditor", []gocloak.Role{*of(kc.GetRealmRole(ctx, token, realm, "manager"))}))
	check(slices.Equal(names(of(kc.GetCompositeRealmRoles(ctx, token, realm, "auditor")), roleName), []string{"manager"}))
	must(kc.AddRealmRoleToUser(ctx, token, realm, user1, []gocloak.Role{*auditor}))
	check(slices.Contains(names(of(kc.GetRealmRolesByUserID(ctx, token, realm, user1)), roleName), "auditor"))
	having := names(of(kc.GetUsersByRoleName(ctx, token, realm, "auditor", gocloak.GetUsersByRoleParams{})), userName)
	check(slices.Equal(having, []string{"user1"}), having)
	must(kc.DeleteRealmRoleFromUser(ctx, token, realm, user1, []gocloak.Role{*auditor}))
	must(kc.DeleteRealmRole(ctx, token, realm, "auditor"))

	of(kc.CreateClientRole(ctx, token, realm, portal, gocloak.Role{Name: gocloak.StringP("writer")}))
	writer := of(kc.GetClientRole(ctx, token, realm, portal, "writer"))
	must(kc.AddClientRolesToUser(ctx, token, realm, portal, user1, []gocloak.Role{*writer}))
	check(slices.Equal(names(of(kc.GetClientRolesByUserID(ctx, token, realm, portal, user1)), roleName), []string{"writer"}))
	mapped := of(kc.GetRoleMappingByUserID(ctx, token, realm, user1))
	check(mapped.ClientMappings[app] != nil, mapped)
	must(kc.DeleteClientRolesFromUser(ctx, token, realm, portal, user1, []gocloak.Role{*writer}))
	must(kc.DeleteClientRole(ctx, token, realm, portal, "writer"))
}

func groups() {
	crew := of(kc.CreateGroup(ctx, token, realm, gocloak.Group{Name: gocloak.StringP("crew")}))
	night := of(kc.CreateChildGroup(ctx, token, realm, crew, gocloak.Group{Name: gocloak.StringP("night")}))
	check(*of(kc.GetGroupByPath(ctx, token, realm, "crew/night")).ID == night)
	check(of(kc.GetGroupsCount(ctx, token, realm, gocloak.GetGroupsParams{})) == 2)
	found := of(kc.GetGroups(ctx, token, realm, gocloak.GetGroupsParams{Search: gocloak.StringP("nigh")}))
	check(slices.Equal(names(found, groupName), []string{"crew"}), found)
	must(kc.AddUserToGroup(ctx, token, realm, user1, night))
	check(slices.Equal(names(of(kc.GetGroupMembers(ctx, token, realm, night, gocloak.GetGroupsParams{})), userName), []string{"user1"}))
	check(slices.Equal(names(of(kc.GetUserGroups(ctx, token, realm, user1, gocloak.GetGroupsParams{})), groupName), []string{"night"}))
	manager := []gocloak.Role{*of(kc.GetRealmRole(ctx, token, realm, "manager"))}
	must(kc.AddRealmRoleToGroup(ctx, token, realm, night, manager))
	check(slices.Equal(names(of(kc.GetRealmRolesByGroupID(ctx, token, realm, night)), roleName), []string{"manager"}))
	must(kc.DeleteRealmRoleFromGroup(ctx, token, realm, night, manager))
	must(kc.AddDefaultGroup(ctx, token, realm, crew))
	check(slices.Equal(names(of(kc.GetDefaultGroups(ctx, token, realm)), groupName), []string{"crew"}))
	must(kc.RemoveDefaultGroup(ctx, token, realm, crew))
	must(kc.DeleteUserFromGroup(ctx, token, realm, user1, night))
	must(kc.UpdateGroup(ctx, token, realm, gocloak.Group{ID: &night, Name: gocloak.StringP("dusk")}))
	check(*of(kc.GetGroup(ctx, token, realm, night)).Path == "/crew/dusk")
	must(kc.DeleteGroup(ctx, token, realm, crew))
	_, err := kc.GetGroup(ctx, token, realm, night)
	refused(http.StatusNotFound, err)
}

func clients() {
	id := of(kc.CreateClient(ctx, token, realm, gocloak.Client{ClientID: gocloak.StringP("app"), Secret: gocloak.StringP("s3cret"), ServiceAccountsEnabled: gocloak.BoolP(true)}))
	_, err := kc.CreateClient(ctx, token, realm, gocloak.Client{ClientID: gocloak.StringP("app")})
	refused(http.StatusConflict, err)
	c := of(kc.GetClient(ctx, token, realm, id))
	(*c.Attributes)["client.offline.session.idle.timeout"] = "3600"
	must(kc.UpdateClient(ctx, token, realm, *c))
	check((*of(kc.GetClient(ctx, token, realm, id)).Attributes)["client.offline.session.idle.timeout"] == "3600")
	check(*of(kc.GetClientSecret(ctx, token, realm, id)).Value == "s3cret")
	check(*of(kc.RegenerateClientSecret(ctx, token, realm, id)).Value != "s3cret")
	check(*of(kc.GetClientServiceAccount(ctx, token, realm, id)).Username == "service-account-app")
	must(kc.DeleteClient(ctx, token, realm, id))
	check(len(of(kc.GetClients(ctx, token, realm, gocloak.GetClientsParams{ClientID: gocloak.StringP("app")}))) == 0)
}

func scopes() {
	id := of(kc.CreateClientScope(ctx, token, realm, gocloak.ClientScope{Name: gocloak.StringP("tenant"), Protocol: gocloak.StringP("openid-connect")}))
	s := of(kc.GetClientScope(ctx, token, realm, id))
	s.Description = gocloak.StringP("Whose")
	must(kc.UpdateClientScope(ctx, token, realm, *s))
	must(kc.AddOptionalScopeToClient(ctx, token, realm, portal, id))
	name := func(s *gocloak.ClientScope) *string { return s.Name }
	check(slices.Contains(names(of(kc.GetClientsOptionalScopes(ctx, token, realm, portal)), name), "tenant"))
	must(kc.RemoveOptionalScopeFromClient(ctx, token, realm, portal, id))
	must(kc.DeleteClientScope(ctx, token, realm, id))
	check(!slices.Contains(names(of(kc.GetClientScopes(ctx, token, realm)), name), "tenant"))
}

func sessions() {
	id := func(s *gocloak.UserSessionRepresentation) *string { return s.ID }
	offline := of(kc.GetToken(ctx, realm, openID("openid offline_access")))
	online := of(kc.GetToken(ctx, realm, openID("openid")))
	check(slices.Contains(names(of(kc.GetUserSessions(ctx, token, realm, user1)), id), online.SessionState))
	check(slices.Contains(names(of(kc.GetClientUserSessions(ctx, token, realm, portal)), id), online.SessionState))
	check(slices.Contains(names(of(kc.GetUserOfflineSessionsForClient(ctx, token, realm, user1, portal)), id), offline.SessionState))
	page := gocloak.GetClientUserSessionsParams{First: gocloak.IntP(0), Max: gocloak.IntP(10)}
	check(slices.Contains(names(of(kc.GetClientOfflineSessions(ctx, token, realm, portal, page)), id), offline.SessionState))
	must(kc.LogoutUserSession(ctx, token, realm, online.SessionState))
	_, err := kc.RefreshToken(ctx, online.RefreshToken, app, secret, realm)
	refused(http.StatusBadRequest, err)
	of(kc.RefreshToken(ctx, offline.RefreshToken, app, secret, realm))
	must(kc.LogoutAllSessions(ctx, token, realm, user1))
	check(len(of(kc.GetUserSessions(ctx, token, realm, user1))) == 0)
}

func consents() {
	must(kc.RevokeUserConsents(ctx, token, realm, user1, "consent-app"))
	refused(http.StatusNotFound, kc.RevokeUserConsents(ctx, token, realm, user1, "consent-app"))
}

func rest() {
	events := of(kc.GetEvents(ctx, token, realm, gocloak.GetEventsParams{UserID: &user1, Max: gocloak.Int32P(2)}))
	check(len(events) == 2 && *events[0].UserID == user1, events)
	keys := of(kc.GetKeyStoreConfig(ctx, token, realm))
	check(len(*keys.Key) >= 3 && *keys.ActiveKeys.RS256 != "", keys)
	check(len(of(kc.GetComponents(ctx, token, realm))) > 0)
	check(*of(kc.GetUserBruteForceDetectionStatus(ctx, token, realm, user1)).NumFailures == 0)
}
