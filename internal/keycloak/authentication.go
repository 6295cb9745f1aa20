package keycloak

import (
	"crypto/sha256"
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/latchkey-id/latchkey/internal/model"
)

// authenticationFile is Keycloak's authentication as data: the flows every
// realm has, the required actions, and what their parts are called.
//
//go:embed defaults/authentication.json
var authenticationFile []byte

var authenticationFacts = embedded[struct {
	Flows           []Flow               `json:"flows"`
	Configs         []AuthConfig         `json:"configs"`
	RequiredActions []RequiredAction     `json:"requiredActions"`
	Executions      map[string]execution `json:"executions"`
	Authenticators  json.RawMessage      `json:"authenticators"`
	FormActions     json.RawMessage      `json:"formActions"`
	Forms           json.RawMessage      `json:"forms"`
}](authenticationFile)

// Flow is an authentication flow as realm documents have it. Flows are data
// here: what a login goes through does not follow from them.
type Flow struct {
	ID          string      `json:"id,omitempty"`
	Alias       string      `json:"alias"`
	Description string      `json:"description,omitempty"`
	ProviderID  string      `json:"providerId"` // basic-flow, form-flow, client-flow
	TopLevel    bool        `json:"topLevel"`
	BuiltIn     bool        `json:"builtIn"`
	Executions  []Execution `json:"authenticationExecutions"`
}

// Execution is one step of a flow: an authenticator or another flow. The
// misspelled member is Keycloak's; it says the same as the one beside it.
type Execution struct {
	AuthenticatorConfig string `json:"authenticatorConfig,omitempty"`
	Authenticator       string `json:"authenticator,omitempty"`
	AuthenticatorFlow   bool   `json:"authenticatorFlow"`
	Requirement         string `json:"requirement"`
	Priority            int    `json:"priority"`
	AutheticatorFlow    bool   `json:"autheticatorFlow"`
	FlowAlias           string `json:"flowAlias,omitempty"`
	UserSetupAllowed    bool   `json:"userSetupAllowed"`
}

// AuthConfig is the configuration of an execution.
type AuthConfig struct {
	ID     string            `json:"id,omitempty"`
	Alias  string            `json:"alias"`
	Config map[string]string `json:"config"`
}

// execution is what Keycloak shows of an authenticator in a flow.
type execution struct {
	DisplayName        string   `json:"displayName"`
	RequirementChoices []string `json:"requirementChoices"`
	Configurable       bool     `json:"configurable"`
}

// topLevelOrder is the order in which Keycloak makes, and lists, its flows.
var topLevelOrder = []string{"browser", "direct grant", "registration", "reset credentials", "clients", "first broker login", "docker auth"}

// Authentication is a realm's flows and their configurations: those it was
// imported with, else Keycloak's. Every part has an id that stays the same.
type Authentication struct {
	Flows   []Flow
	Configs []AuthConfig
	realm   *model.Realm
}

// Listed tells whether lists of flows show it: Keycloak leaves out the flows
// inside others, and one that clients of another kind use.
func (f *Flow) Listed() bool { return f.TopLevel && f.Alias != "saml ecp" }

// AuthenticationOf reads a realm's flows.
func AuthenticationOf(r *model.Realm) *Authentication {
	facts := authenticationFacts()
	a := &Authentication{realm: r, Flows: kept(r, "authenticationFlows", facts.Flows), Configs: kept(r, "authenticatorConfig", facts.Configs)}
	for i := range a.Flows {
		if a.Flows[i].ID == "" {
			a.Flows[i].ID = derivedID(r, "flow", a.Flows[i].Alias)
		}
	}
	for i := range a.Configs {
		if a.Configs[i].ID == "" {
			a.Configs[i].ID = derivedID(r, "config", a.Configs[i].Alias)
		}
	}
	place := func(f Flow) int {
		if i := slices.Index(topLevelOrder, f.Alias); i >= 0 {
			return i
		}
		return len(topLevelOrder)
	}
	slices.SortStableFunc(a.Flows, func(x, y Flow) int { return place(x) - place(y) })
	return a
}

// kept is a list the realm's document brought, else a copy of the default.
func kept[T any](r *model.Realm, name string, def []T) []T {
	var own []T
	if raw, ok := r.Extra[name]; ok && json.Unmarshal(raw, &own) == nil && len(own) > 0 {
		return own
	}
	return slices.Clone(def)
}

// derivedID is an id for something that has none of its own: always the same
// one in a realm, another one in every other realm.
func derivedID(r *model.Realm, kind, name string) string {
	h := sha256.Sum256([]byte(r.ID + "\x00" + kind + "\x00" + name))
	h[6], h[8] = h[6]&0x0f|0x80, h[8]&0x3f|0x80 // version 8: made by a rule of one's own (RFC 9562 §5.8)
	return fmt.Sprintf("%x-%x-%x-%x-%x", h[0:4], h[4:6], h[6:8], h[8:10], h[10:16])
}

// Flow finds a flow by alias or id; nil for none.
func (a *Authentication) Flow(name string) *Flow {
	for i, f := range a.Flows {
		if f.Alias == name || f.ID == name {
			return &a.Flows[i]
		}
	}
	return nil
}

// Config finds a configuration by alias or id; nil for none.
func (a *Authentication) Config(name string) *AuthConfig {
	for i, c := range a.Configs {
		if c.Alias == name || c.ID == name {
			return &a.Configs[i]
		}
	}
	return nil
}

// UsedBy says what a flow is bound to in the realm: "browser", "direct grant"
// and so on; "" for nothing.
func (a *Authentication) UsedBy(f *Flow) string {
	for _, b := range []struct{ member, name string }{
		{"browserFlow", "browser"}, {"registrationFlow", "registration"}, {"directGrantFlow", "direct grant"},
		{"resetCredentialsFlow", "reset credentials"}, {"clientAuthenticationFlow", "clients"},
		{"dockerAuthenticationFlow", "docker auth"}, {"firstBrokerLoginFlow", "first broker login"},
	} {
		bound := b.name
		if raw, ok := a.realm.Extra[b.member]; ok {
			bound = unquote(raw)
		}
		if bound == f.Alias {
			return b.name
		}
	}
	return ""
}

// Executions are the steps of a flow with those of the flows in it, in the
// order of the answer of GET flows/{alias}/executions.
func (a *Authentication) Executions(f *Flow) []Object {
	out := []Object{}
	a.walk(f, 0, func(_ *Flow, o Object) { out = append(out, o) })
	return out
}

func (a *Authentication) walk(f *Flow, level int, each func(parent *Flow, o Object)) {
	if level > 16 { // a circle of flows cannot come from Keycloak
		return
	}
	for i, e := range f.Executions {
		o := a.execution(f, i, e)
		o.add("level", level)
		o.add("index", i)
		o.add("priority", e.Priority)
		each(f, o)
		if sub := a.Flow(e.FlowAlias); e.FlowAlias != "" && sub != nil {
			a.walk(sub, level+1, each)
		}
	}
}

func (a *Authentication) execution(f *Flow, i int, e Execution) Object {
	o := Object{{"id", a.executionID(f, i)}, {"requirement", e.Requirement}}
	if e.FlowAlias == "" {
		x, ok := authenticationFacts().Executions[e.Authenticator]
		if !ok {
			x = execution{e.Authenticator, []string{"REQUIRED", "ALTERNATIVE", "DISABLED"}, false}
		}
		o = append(o, Object{{"displayName", x.DisplayName}, {"requirementChoices", x.RequirementChoices}, {"configurable", x.Configurable}, {"providerId", e.Authenticator}}...)
		if c := a.Config(e.AuthenticatorConfig); e.AuthenticatorConfig != "" && c != nil {
			o.add("authenticationConfig", c.ID)
			o.add("alias", c.Alias)
		}
		return o
	}
	sub, choices := a.Flow(e.FlowAlias), []string{"REQUIRED", "ALTERNATIVE", "DISABLED", "CONDITIONAL"}
	o.add("displayName", e.FlowAlias)
	if sub != nil && sub.Description != "" {
		o.add("description", sub.Description)
	}
	if e.Authenticator != "" {
		choices = []string{"REQUIRED", "DISABLED"}
	}
	o.add("requirementChoices", choices)
	o.add("configurable", false)
	o.add("authenticationFlow", true)
	o.addText("providerId", e.Authenticator)
	if sub != nil {
		o.add("flowId", sub.ID)
	}
	return o
}

func (a *Authentication) executionID(f *Flow, i int) string {
	return derivedID(a.realm, "execution", fmt.Sprintf("%s/%d", f.Alias, i))
}

// Execution is the answer of GET executions/{id}; nil for no such step.
func (a *Authentication) Execution(id string) Object {
	for fi := range a.Flows {
		f := &a.Flows[fi]
		for i, e := range f.Executions {
			if a.executionID(f, i) != id {
				continue
			}
			o := Object{}
			o.addText("authenticator", e.Authenticator)
			o = append(o, Object{{"authenticatorFlow", e.AuthenticatorFlow}, {"requirement", e.Requirement}, {"priority", e.Priority}, {"autheticatorFlow", e.AutheticatorFlow}}...)
			o.add("id", id)
			if sub := a.Flow(e.FlowAlias); sub != nil {
				o.add("flowId", sub.ID)
			}
			if c := a.Config(e.AuthenticatorConfig); c != nil {
				o.add("authenticatorConfig", c.ID)
			}
			o.add("parentFlow", f.ID)
			return o
		}
	}
	return nil
}

// AuthenticatorProviders, FormActionProviders and FormProviders list what flows
// are made of.
func AuthenticatorProviders() json.RawMessage { return authenticationFacts().Authenticators }

// FormActionProviders are the actions of forms.
func FormActionProviders() json.RawMessage { return authenticationFacts().FormActions }

// FormProviders are the forms.
func FormProviders() json.RawMessage { return authenticationFacts().Forms }

// AuthenticatorName is what an authenticator is called; "" for one that is not
// Keycloak's.
func AuthenticatorName(id string) string {
	facts := authenticationFacts()
	if x, ok := facts.Executions[id]; ok {
		return x.DisplayName
	}
	var all []struct {
		ID   string `json:"id"`
		Name string `json:"displayName"`
	}
	for _, raw := range []json.RawMessage{facts.Authenticators, facts.FormActions, facts.Forms} {
		_ = json.Unmarshal(raw, &all) // embedded
		for _, x := range all {
			if x.ID == id {
				return x.Name
			}
		}
	}
	return ""
}

// ClientAuthenticators are the ways a client proves who it is that work here:
// Keycloak's id, its name, whether it needs the client's secret.
var ClientAuthenticators = []Object{
	{{"supportsSecret", false}, {"displayName", "Signed JWT"}, {"description", "The client signs a JWT with its private key"}, {"id", "client-jwt"}},
	{{"supportsSecret", true}, {"displayName", "Client Id and Secret"}, {"description", "The client sends its id and secret in the form or by HTTP Basic"}, {"id", "client-secret"}},
	{{"supportsSecret", true}, {"displayName", "Signed JWT with Client Secret"}, {"description", "The client signs a JWT with its secret"}, {"id", "client-secret-jwt"}},
}

// CredentialRegistrators are the required actions that set up a credential.
func CredentialRegistrators(r *model.Realm) []string {
	out := []string{}
	for _, a := range RequiredActions(r) {
		if a.Enabled && (a.Alias == "CONFIGURE_TOTP" || a.Alias == "CONFIGURE_RECOVERY_AUTHN_CODES" || strings.HasPrefix(a.Alias, "webauthn-register")) {
			out = append(out, a.Alias)
		}
	}
	return out
}
