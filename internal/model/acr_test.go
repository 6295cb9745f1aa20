package model_test

import (
	"slices"
	"testing"

	"github.com/latchkey-id/latchkey/internal/model"
)

// Names of the clients of acrConfig.
const (
	noMap, ownMap, belowZero, twins, raised, tooHigh, defaults = "no map", "own", "negative", "twins", "raised", "too high", "defaults"
)

func acrConfig(realmMap string) *model.Config {
	num := int64(0)
	client := func(id string, pairs ...string) *model.Client {
		num++
		c := &model.Client{ID: id, Num: num, ClientID: id, Enabled: true, PublicClient: true, StandardFlowEnabled: true, RedirectURIs: []string{"http://app.example/cb"}, Attributes: map[string]string{}}
		for i := 0; i+1 < len(pairs); i += 2 {
			c.Attributes[pairs[i]] = pairs[i+1]
		}
		return c
	}
	r := &model.Realm{Name: "demo", Attributes: map[string]string{"acr.loa.map": realmMap}}
	cfg, err := model.NewConfig(r, 1, []*model.Client{
		client(noMap),
		client(ownMap, "acr.loa.map", `{"a":"0","b":"1","c":2}`),
		client(belowZero, "acr.loa.map", `{"n":"-1","m":"1"}`),
		client(twins, "acr.loa.map", `{"p":1,"q":1,"r":1}`),
		client(raised, "acr.loa.map", `{"hi":"1","lo":"0","top":"3"}`, "minimum.acr.value", "hi"),
		client(tooHigh, "acr.loa.map", `{"hi":"4"}`, "minimum.acr.value", "hi"),
		client(defaults, "default.acr.values", "1"),
	}, nil, nil, nil, nil)
	if err != nil {
		panic(err)
	}
	return cfg
}

const realmLevels = `{"silver":1,"gold":2,"1x":3}`

func essential(values string) string {
	return `{"id_token":{"acr":{"essential":true,"values":[` + values + `]}}}`
}

// Each row was put to a Keycloak 26.7.2: the acr of a login with a password,
// and that of an earlier login that goes on; "" where the password is asked for
// again.
func TestACR(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		client, realm, acrValues, claims string
		fresh, sso                       string
	}{
		{noMap, "", "-", "", "1", "0"},
		{noMap, "", "0", "", "1", ""},
		{noMap, "", "foo", "", "1", ""},
		{noMap, "", "", "", "1", ""},
		{noMap, "", "-1", "", "1", "0"},
		{noMap, "", "foo -1", "", "1", "0"},
		{noMap, "", "1 -1", "", "1", "0"},
		{noMap, "", "+1", "", "1", ""},
		{noMap, "", "-99999999999", "", "1", ""},
		{noMap, "", "-", essential(`"2"`), "1", ""},
		{noMap, "", "-1", essential(`"1"`), "1", ""},
		{noMap, "", "1", essential(`"-1"`), "1", "0"},
		{noMap, "", "-1", `{"id_token":{"acr":{"values":["1"]}}}`, "1", "0"},
		{noMap, "", "-", `{"id_token":{"acr":null}}`, "1", "0"},
		{noMap, "", "-", `{"userinfo":{"acr":{"essential":true,"values":["foo"]}}}`, "1", "0"},
		{noMap, realmLevels, "-", "", "silver", "0"},
		{noMap, realmLevels, "0", "", "0", ""},
		{noMap, realmLevels, "1", "", "1", ""},
		{noMap, realmLevels, "2", "", "silver", ""},
		{noMap, realmLevels, "foo 1", "", "1", ""},
		{noMap, realmLevels, "-1", "", "silver", "0"},
		{noMap, realmLevels, "-", essential(`"gold"`), "silver", ""},
		{noMap, realmLevels, "-", essential(`"2","1"`), "1", ""},
		{noMap, `{"bronze":0,"x1":1}`, "-", "", "x1", "bronze"},
		{noMap, `{"a":"b"}`, "a", "", "1", ""},
		{noMap, `[]`, "-", "", "1", "0"},
		{ownMap, realmLevels, "-", "", "b", "a"},
		{ownMap, realmLevels, "silver", "", "b", ""},
		{ownMap, realmLevels, "a b", "", "b", ""},
		{ownMap, realmLevels, "1 b", "", "1", ""},
		{ownMap, realmLevels, "b 1", "", "b", ""},
		{ownMap, "", "a", essential(`"c"`), "a", ""},
		{ownMap, "", "b", `{"id_token":{"acr":{"values":["a"]}}}`, "b", ""},
		{ownMap, "", "-", `{"id_token":{"acr":{"value":"a"}}}`, "a", ""},
		{twins, "", "-", "", "p", "0"},
		{twins, "", "q", "", "q", ""},
		{belowZero, "", "-", "", "m", "0"},
		{belowZero, "", "n", "", "m", "0"},
		{raised, "", "-", "", "hi", ""},
		{raised, "", "lo", "", "hi", ""},
		{raised, "", "1", "", "1", ""},
		{raised, "", "-", essential(`"top"`), "hi", ""},
		{tooHigh, "", "0", "", "1", ""},
		{defaults, "", "-", "", "1", ""},
		{defaults, "", "-1", "", "1", "0"},
	} {
		name := tt.client + "/" + tt.realm + "/" + tt.acrValues + "/" + tt.claims
		cfg := acrConfig(tt.realm)
		req, fault := checkACR(cfg, tt.client, tt.acrValues, tt.claims)
		if fault != nil {
			t.Errorf("%s is refused: %v", name, fault)
			continue
		}
		c := cfg.Client(tt.client)
		if got := model.ACR(cfg.Realm, c, req.ACR, model.LevelPassword); got != tt.fresh {
			t.Errorf("%s: acr of a password = %q, want %q", name, got, tt.fresh)
		}
		switch raises := req.RaisesLevel(cfg.Realm, c); {
		case raises != (tt.sso == ""):
			t.Errorf("%s: asks for the password again = %v", name, raises)
		case !raises:
			if got := model.ACR(cfg.Realm, c, req.ACR, model.LevelSSO); got != tt.sso {
				t.Errorf("%s: acr of single sign-on = %q, want %q", name, got, tt.sso)
			}
		}
	}
}

// checkACR is a request for openid; acrValues "-" is not sent.
func checkACR(cfg *model.Config, client, acrValues, claims string) (*model.AuthorizationRequest, *model.AuthorizationError) {
	p := model.AuthorizationParams{Values: map[string]string{
		"client_id": client, "redirect_uri": "http://app.example/cb", "response_type": "code", "scope": "openid", "claims": claims,
	}}
	if acrValues != "-" {
		p.Values["acr_values"] = acrValues
	}
	return model.CheckAuthorization(cfg, p)
}

// What is essential and names no level is refused; what is no claims request is
// none (both measured; values that are no text are a server error in Keycloak).
func TestCheckAuthorization_Claims(t *testing.T) {
	t.Parallel()
	const foo = `"acr":{"essential":true,"values":["foo"]}`
	for _, tt := range []struct {
		claims, client string
		refused        bool
	}{
		{essential(`"foo"`), noMap, true},
		{essential(`"1","foo"`), noMap, true},
		{essential(`"1.0"`), noMap, true},
		{essential(`null`), noMap, true},
		{essential(`1`), noMap, true},
		{`{"id_token":{"acr":{"value":1}}}`, noMap, true},
		{`{"id_token":{"acr":{"essential":true,"value":"foo"}}}`, noMap, true},
		{`{"id_token":{"acr":{"essential":"True","values":["foo"]}}}`, noMap, true},
		{`{"id_token":{"acr":{"essential":1,"values":["foo"]}}}`, noMap, true},
		{`{"id_token":{` + foo + `}} x`, noMap, true},
		{`{"id_token":{"x":{"value":1,"values":[1,2]},` + foo + `}}`, noMap, true},
		{`{"id_token":{"x":null,` + foo + `}}`, noMap, true},
		{essential(`"lo"`), raised, true},
		{essential(`"3"`), raised, true},
		{essential(`"hi"`), raised, false},
		{essential(`"1"`), raised, false},
		{essential(``), noMap, false},
		{`{`, noMap, false},
		{`[{"id_token":{` + foo + `}}]`, noMap, false},
		{`{"id_token":1}`, noMap, false},
		{`{"id_token":{"x":5,` + foo + `}}`, noMap, false},
		{`{"x":5,"id_token":{` + foo + `}}`, noMap, false},
		{`{"userinfo":{"x":5},"id_token":{` + foo + `}}`, noMap, false},
		{`{"ID_TOKEN":{` + foo + `}}`, noMap, false},
		{`{"id_token":{"acr":{"essential":true,"unknown":1,"values":["foo"]}}}`, noMap, false},
		{`{"id_token":{"acr":{"essential":"yes","values":["foo"]}}}`, noMap, false},
		{`{"id_token":{"acr":{"essential":0,"values":["foo"]}}}`, noMap, false},
		{`{"id_token":{"acr":{"essential":true,"values":"foo"}}}`, noMap, false},
	} {
		_, fault := checkACR(acrConfig(""), tt.client, "-", tt.claims)
		if (fault != nil) != tt.refused {
			t.Errorf("%s at %s: %v, want refused = %v", tt.claims, tt.client, fault, tt.refused)
		}
		if fault != nil && (fault.Page != "invalidParameterMessage" || !slices.Equal(fault.Args, []any{"claims"}) || fault.Trusted || fault.Reason != "Invalid requested essential acr value") {
			t.Errorf("%s: %+v, want the page of parameter claims", tt.claims, fault)
		}
	}
}

func TestACRValues(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]string{
		"": {"0", "1"}, "nojson": {"0", "1"}, `{"a":"b"}`: {"0", "1"}, realmLevels: {"silver", "gold", "1x", "0", "1"},
	} {
		r := &model.Realm{Attributes: map[string]string{"acr.loa.map": text}}
		if got := model.ACRValues(r); !slices.Equal(got, want) {
			t.Errorf("with %q: %v, want %v", text, got, want)
		}
	}
}

func FuzzClaims(f *testing.F) {
	for _, s := range []string{essential(`"a"`), `{"id_token":{"acr":{"value":1}}}`, `{`} {
		f.Add(s, `{"a":1}`, "a 1")
	}
	f.Fuzz(func(t *testing.T, claims, levels, values string) {
		cfg := acrConfig(levels)
		req, fault := checkACR(cfg, noMap, values, claims)
		if fault != nil {
			return
		}
		for _, level := range []int{model.LevelSSO, model.LevelPassword} {
			if model.ACR(cfg.Realm, cfg.Client(noMap), req.ACR, level) == "" && values != "" && levels == "" {
				t.Error("a login without acr")
			}
		}
	})
}
