package keycloak

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/latchkey-id/latchkey/internal/model"
)

// What becomes of things in a partial import that the realm has already.
const (
	PolicyFail      = "FAIL"
	PolicySkip      = "SKIP"
	PolicyOverwrite = "OVERWRITE"
)

// What a partial import did with a thing.
const (
	PartAdded       = "ADDED"
	PartSkipped     = "SKIPPED"
	PartOverwritten = "OVERWRITTEN"
)

// Part is a partial import worked out against a realm: what is to be written,
// and what is told of it. What the realm had keeps its id when it is
// overwritten, and with it everything that refers to it.
type Part struct {
	Policy  string
	Clients []*model.Client
	Roles   []*model.Role
	Groups  []*model.Group
	Users   []*UserDocument // of those whose name is taken the caller decides
	// ServiceUsers are the users of service accounts that clients lack.
	ServiceUsers []*model.User
	Results      []PartResult // of everything but users
}

// PartResult is what became of one thing.
type PartResult struct {
	Action string `json:"action"`
	Type   string `json:"resourceType"` // CLIENT, REALM_ROLE, CLIENT_ROLE, GROUP, USER
	Name   string `json:"resourceName"` // a client role's is "client-->role"
	ID     string `json:"id"`           // of a client role: its client's
}

// partReader merges a partial import into the realm's own document, so that
// names in it are resolved as in any document.
type partReader struct {
	*reader
	cfg    *model.Config
	policy string
	part   *Part

	clients  map[string]string // clientId -> action
	roles    map[roleKey]string
	groups   map[string]string // name at the top -> action
	document map[string]any
}

// ReadPart is the body of POST partialImport, worked out against cfg. With
// policy FAIL the first thing that is there is a conflict. Built-in clients are
// passed over, as in Keycloak.
//
// Errors: *DocumentError; Conflict for what is there.
func ReadPart(cfg *model.Config, doc []byte, newID func() string) (*Part, error) {
	f := body(doc)
	p := &partReader{
		reader: f.reader, cfg: cfg, policy: PolicyFail, part: &Part{}, clients: map[string]string{}, roles: map[roleKey]string{}, groups: map[string]string{},
	}
	f.str("policy", &p.policy)
	f.str("ifResourceExists", &p.policy)
	if !slices.Contains([]string{PolicyFail, PolicySkip, PolicyOverwrite}, p.policy) {
		f.failf("ifResourceExists", "must be FAIL, SKIP or OVERWRITE")
	}
	p.part.Policy = p.policy
	for _, name := range []string{"identityProviders", "identityProviderMappers"} {
		if list, _ := f.items(name); len(list) > 0 {
			f.failf(name, "identity providers are not supported on this server")
		}
	}
	if f.err != nil {
		return nil, f.err
	}
	own, err := json.Marshal(ExportRealm(cfg, FullExport))
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(own, &p.document); err != nil {
		return nil, err
	}
	var given map[string]any
	if err := json.Unmarshal(doc, &given); err != nil {
		return nil, &DocumentError{Problem: notText}
	}
	p.mergeClients(given)
	p.mergeRoles(given)
	p.mergeGroups(given)
	users, isList := given["users"].([]any)
	if given["users"] != nil && !isList {
		p.failf("users", "must be a list")
	}
	if p.err != nil {
		return nil, p.err
	}
	p.document["users"] = users
	whole, err := json.Marshal(p.document)
	if err != nil {
		return nil, err
	}
	d, err := ParseRealm(whole, newID)
	if err != nil {
		return nil, err
	}
	p.pick(d, len(users))
	return p.part, nil
}

// found says what becomes of a thing, old being the id of the one that is
// there; write is false when nothing is written.
func (p *partReader) found(old, conflict string) (action string, write bool) {
	switch {
	case old == "":
		return PartAdded, true
	case p.policy == PolicyFail:
		if p.err == nil {
			p.err = &DocumentError{Problem: conflict, Conflict: true}
		}
		return "", false
	case p.policy == PolicySkip:
		return PartSkipped, false
	}
	return PartOverwritten, true
}

// objects reads a list of objects, each with a name in member key.
func (p *partReader) objects(v any, path, key string) []map[string]any {
	list, ok := v.([]any)
	if v != nil && !ok {
		p.failf(path, "must be a list")
	}
	var out []map[string]any
	for i, x := range list {
		o, isObject := x.(map[string]any)
		if name, _ := o[key].(string); !isObject || name == "" {
			p.failf(indexed(path, i)+"."+key, "is missing")
			continue
		}
		out = append(out, o)
	}
	return out
}

// put replaces the object of that name in a list, or appends it.
func put(list any, key string, o map[string]any) []any {
	all, _ := list.([]any)
	for i, x := range all {
		if old, _ := x.(map[string]any); old[key] == o[key] {
			all[i] = o
			return all
		}
	}
	return append(all, o)
}

func (p *partReader) mergeClients(given map[string]any) {
	for _, o := range p.objects(given["clients"], "clients", "clientId") {
		name := o["clientId"].(string)
		if isBuiltIn(name) {
			continue
		}
		old := ""
		if c := p.cfg.Client(name); c != nil {
			old = c.ID
		}
		action, write := p.found(old, "Client id '"+name+"' already exists")
		if action == PartSkipped {
			p.part.Results = append(p.part.Results, PartResult{action, "CLIENT", name, old})
		}
		if !write {
			continue
		}
		if p.clients[name] != "" {
			p.failf("clients", "client %q stands twice", name)
		}
		if old != "" {
			o["id"] = old
		}
		if o["defaultClientScopes"] == nil && o["optionalClientScopes"] == nil {
			o["defaultClientScopes"] = p.scopesFor(o, p.cfg.Realm.DefaultClientScopes)
			o["optionalClientScopes"] = p.scopesFor(o, p.cfg.Realm.OptionalClientScopes)
		}
		p.clients[name] = action
		p.document["clients"] = put(p.document["clients"], "clientId", o)
	}
}

// scopesFor are the realm's scopes of a client's protocol, by name.
func (p *partReader) scopesFor(client map[string]any, ids []string) []string {
	protocol, _ := client["protocol"].(string)
	if protocol == "" {
		protocol = protocolOIDC
	}
	out := []string{}
	for _, s := range scopesByID(p.cfg, ids) {
		if s.Protocol == protocol {
			out = append(out, s.Name)
		}
	}
	return out
}

func (p *partReader) mergeRoles(given map[string]any) {
	roles, ok := given["roles"].(map[string]any)
	if given["roles"] != nil && !ok {
		p.failf("roles", "must be an object")
		return
	}
	own, _ := p.document["roles"].(map[string]any)
	for _, o := range p.objects(roles["realm"], "roles.realm", "name") {
		name := o["name"].(string)
		if p.mergeRole(o, "", "", "Realm role '"+name+"' already exists.") {
			own["realm"] = put(own["realm"], "name", o)
		}
	}
	byClient, ok := roles["client"].(map[string]any)
	if roles["client"] != nil && !ok {
		p.failf("roles.client", "must be an object")
	}
	ownClients, _ := own["client"].(map[string]any)
	for _, owner := range sortedKeys(byClient) {
		id := ""
		if c := p.cfg.Client(owner); c != nil {
			id = c.ID
		} else if p.clients[owner] == "" {
			p.failf("", "Can not import client roles for nonexistent client named %s", owner)
			return
		}
		for _, o := range p.objects(byClient[owner], join("roles.client", owner), "name") {
			name := o["name"].(string)
			if p.mergeRole(o, owner, id, "Client role '"+name+"' for client '"+owner+"' already exists.") {
				ownClients[owner] = put(ownClients[owner], "name", o)
			}
		}
	}
}

// mergeRole decides about a role of the client with that clientId and id, ""
// for the realm.
func (p *partReader) mergeRole(o map[string]any, owner, ownerID, conflict string) (write bool) {
	name, old := o["name"].(string), ""
	if r := p.cfg.Role(ownerID, name); r != nil && (owner == "" || ownerID != "") {
		old = r.ID
	}
	action, write := p.found(old, conflict)
	if action == PartSkipped {
		p.part.Results = append(p.part.Results, roleResult(action, owner, ownerID, name, old))
	}
	if write {
		if delete(o, "id"); old != "" {
			o["id"] = old
		}
		p.roles[roleKey{owner, name}] = action
	}
	return write
}

func roleResult(action, owner, ownerID, name, id string) PartResult {
	if owner == "" {
		return PartResult{action, "REALM_ROLE", name, id}
	}
	return PartResult{action, "CLIENT_ROLE", owner + "-->" + name, ownerID}
}

func (p *partReader) mergeGroups(given map[string]any) {
	for _, o := range p.objects(given["groups"], "groups", "name") {
		name, old := o["name"].(string), ""
		for _, g := range p.cfg.SubGroups("") {
			if g.Name == name {
				old = g.ID
			}
		}
		action, write := p.found(old, "Group '/"+name+"' already exists")
		if action == PartSkipped {
			p.part.Results = append(p.part.Results, PartResult{action, "GROUP", name, old})
		}
		if !write {
			continue
		}
		p.adopt(o, old, 0)
		p.groups[name] = action
		p.document["groups"] = put(p.document["groups"], "name", o)
	}
}

// adopt gives a group of the import, and the groups below it, the ids of those
// that are there; groups below that the import does not name stay.
func (p *partReader) adopt(o map[string]any, old string, depth int) {
	delete(o, "id")
	delete(o, "path")
	if old != "" {
		o["id"] = old
	}
	if depth > maxDepth {
		return
	}
	below := p.objects(o["subGroups"], "subGroups", "name")
	for _, sub := range below {
		id := ""
		for _, g := range p.cfg.SubGroups(old) {
			if old != "" && g.Name == sub["name"] {
				id = g.ID
			}
		}
		p.adopt(sub, id, depth+1)
	}
	if old == "" {
		return
	}
	for _, g := range exportGroups(p.cfg, old, 0) {
		if !slices.ContainsFunc(below, func(sub map[string]any) bool { return sub["name"] == g.Get("name") }) {
			list, _ := o["subGroups"].([]any)
			o["subGroups"] = append(list, g)
		}
	}
}

// pick takes what the import named out of the merged realm.
func (p *partReader) pick(d *RealmDocument, users int) {
	for _, c := range d.Clients {
		if action := p.clients[c.ClientID]; action != "" {
			p.takeClient(d, c, action)
		}
	}
	owners := map[string]*model.Client{}
	for _, c := range d.Clients {
		owners[c.ID] = c
	}
	for _, r := range d.Roles {
		owner := ""
		if c := owners[r.ClientID]; c != nil {
			owner = c.ClientID
		}
		if action := p.roles[roleKey{owner, r.Name}]; action != "" {
			p.part.Roles = append(p.part.Roles, r)
			p.part.Results = append(p.part.Results, roleResult(action, owner, r.ClientID, r.Name, r.ID))
		}
	}
	p.takeGroups(d)
	p.part.Users = d.Users[:min(users, len(d.Users))]
}

// takeClient keeps what a client cannot bring: its number in session rows and
// the user of its service account.
func (p *partReader) takeClient(d *RealmDocument, c *model.Client, action string) {
	made := c.ServiceUserID
	c.ServiceUserID = ""
	if old := p.cfg.Client(c.ClientID); old != nil {
		c.Num, c.ServiceUserID = old.Num, old.ServiceUserID
		if c.Secret == "" && !c.PublicClient {
			c.Secret = old.Secret
		}
	}
	if c.ServiceAccountsEnabled && c.ServiceUserID == "" {
		for _, u := range d.Users {
			if u.User.ID == made {
				c.ServiceUserID = made
				p.part.ServiceUsers = append(p.part.ServiceUsers, u.User)
			}
		}
	}
	p.part.Clients = append(p.part.Clients, c)
	p.part.Results = append(p.part.Results, PartResult{action, "CLIENT", c.ClientID, c.ID})
}

func (p *partReader) takeGroups(d *RealmDocument) {
	byID := map[string]*model.Group{}
	for _, g := range d.Groups {
		byID[g.ID] = g
	}
	for _, g := range d.Groups {
		top := g
		for depth := 0; top.ParentID != "" && byID[top.ParentID] != nil && depth < maxDepth; depth++ {
			top = byID[top.ParentID]
		}
		action := p.groups[top.Name]
		if action == "" {
			continue
		}
		p.part.Groups = append(p.part.Groups, g)
		if g == top {
			p.part.Results = append(p.part.Results, PartResult{action, "GROUP", g.Name, g.ID})
		}
	}
}

func sortedKeys(m map[string]any) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.SortFunc(out, strings.Compare)
	return out
}
