package admin_test

import (
	"slices"
	"strings"
	"testing"
)

func TestGroups_Tree(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	crew, night := a.groupID("crew"), a.groupID("crew/night")
	top := a.post("/groups", map[string]any{"name": "staff"}).made()
	if got := a.get("/groups").all("name"); !slices.Equal(got, []string{"crew", "staff"}) {
		t.Errorf("top level = %v", got)
	}
	found := a.get("/groups?search=nigh").list()
	if len(found) != 1 || found[0]["id"] != crew || found[0]["subGroups"].([]any)[0].(map[string]any)["id"] != night {
		t.Errorf("search = %v, want night below crew", found)
	}
	if got := a.get("/groups?search=nigh&populateHierarchy=false").all("id"); !slices.Equal(got, []string{night}) {
		t.Errorf("plain search = %v", got)
	}
	a.get("/groups?search=nigh&exact=true").is(200, `[]`)
	a.get("/groups?max=0").is(200, `[]`)
	a.get("/groups/count").is(200, `{"count":3}`)
	a.get("/groups/count?top=true").is(200, `{"count":2}`)
	a.get("/groups/count?search=nigh").is(200, `{"count":1}`)
	if got := a.get("/groups/" + crew + "/children").all("name"); !slices.Equal(got, []string{"night"}) {
		t.Errorf("children = %v", got)
	}
	a.get("/group-by-path/nope").is(404, `{"error":"Group path does not exist"}`)
	if o := a.get("/groups/" + top).object(); o["subGroupCount"] != 0.0 || o["path"] != "/staff" {
		t.Errorf("group %v", o)
	}
}

func TestGroups_CreateMoveUpdateDelete(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	crew, night := a.groupID("crew"), a.groupID("crew/night")
	a.post("/groups", map[string]any{"name": "crew"}).is(409, `{"errorMessage":"Top level group named 'crew' already exists."}`)
	a.post("/groups", map[string]any{}).is(400, `{"errorMessage":"Group name is missing"}`)
	a.post("/groups/"+crew+"/children", map[string]any{"name": "night"}).is(409, `{"errorMessage":"Sibling group named 'night' already exists."}`)
	a.post("/groups/"+unknown+"/children", map[string]any{"name": "x"}).is(404, `{"error":"Could not find group by id"}`)
	day := a.post("/groups/"+crew+"/children", map[string]any{"name": "day"})
	if id := day.made(); day.Header.Get("Location") != "http://localhost:8080/admin/realms/r/groups/"+id {
		t.Errorf("Location = %q", day.Header.Get("Location"))
	}
	a.put("/groups/"+night, map[string]any{"name": "day"}).is(409, `{"errorMessage":"Sibling group named 'day' already exists."}`)
	a.put("/groups/"+night, map[string]any{}).is(400, `{"errorMessage":"Group name is missing"}`)
	a.put("/groups/"+night, map[string]any{"name": "late", "attributes": map[string]any{"k": []string{"v"}}}).is(204, "")
	if got := a.get("/groups?q=k:v&populateHierarchy=false").all("path"); !slices.Equal(got, []string{"/crew/late"}) {
		t.Errorf("by attribute = %v", got)
	}
	a.post("/groups", map[string]any{"id": night, "name": "late"}).is(204, "") // to the top
	if got := a.get("/groups/" + night).object()["path"]; got != "/late" {
		t.Errorf("path = %v after the move", got)
	}
	a.post("/groups/"+night+"/children", map[string]any{"id": crew, "name": "crew"}).is(204, "")
	a.post("/groups/"+crew+"/children", map[string]any{"id": night, "name": "late"}).is(400, `{"errorMessage":"A group cannot be moved below itself"}`)
	a.put("/default-groups/"+crew, nil).is(204, "")
	a.get("/default-groups").is(200, `[{"id":"`+crew+`","name":"crew","path":"/late/crew","parentId":"`+night+`","subGroups":[]}]`)
	a.del("/groups/"+night, nil).is(204, "")
	for _, id := range []string{night, crew} {
		a.get("/groups/"+id).is(404, `{"error":"Could not find group by id"}`)
	}
	a.get("/default-groups").is(200, `[]`)
	a.put("/default-groups/"+crew, nil).is(404, `{"error":"Group not found"}`)
}

// Keycloak 26.7.2.
func TestGroups_QueriesAndPages(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	crew, night := a.groupID("crew"), a.groupID("crew/night")
	a.post("/groups", map[string]any{"name": "Night"}).want(201)
	a.put("/groups/"+night, map[string]any{"name": "night", "attributes": map[string]any{"shift": []string{"late"}}}).want(204)
	a.post("/groups/"+crew+"/children", map[string]any{"name": "early"}).want(201)
	for query, want := range map[string]string{
		"":                                      "/Night /crew",
		"?search=nig*t&populateHierarchy=false": "/Night /crew/night",
		"?search=NIGHT&populateHierarchy=false&first=1&max=1": "/crew/night",
		"?search=night&first=1&max=1":                         "/crew",
		"?search=night&exact=true&populateHierarchy=false":    "/crew/night",
		"?search=crew&q=shift:late":                           "/crew",
		"?q=shift:late&populateHierarchy=false":               "/crew/night",
		"?q=junk&populateHierarchy=false&search=":             "/Night /crew /crew/early /crew/night",
		"/" + crew + "/children?q=shift:late":                 "/crew/early /crew/night",
		"/" + crew + "/children?search=igh":                   "/crew/night",
	} {
		if got := strings.Join(a.get("/groups"+query).all("path"), " "); got != want {
			t.Errorf("GET /groups%s = %q, want %q", query, got, want)
		}
	}
	for query, want := range map[string]string{"": "4", "?top=true": "2", "?search=night&top=true": "2", "?search=nigh&exact=true": "2", "?q=shift:late": "4"} {
		a.get("/groups/count"+query).is(200, `{"count":`+want+`}`)
	}
	for _, path := range []string{"/groups?search=night&subGroupsCount=false", "/groups/" + crew + "/children?subGroupsCount=false"} {
		if body := a.get(path).want(200).Body; strings.Contains(body, "subGroupCount") {
			t.Errorf("GET %s counts subgroups: %s", path, body)
		}
	}
	a.post("/groups", map[string]any{"name": " "}).is(400, `{"errorMessage":"Group name is missing"}`)
	a.post("/groups", map[string]any{"id": unknown, "name": "x"}).is(404, `{"error":"Could not find child by id"}`)
	a.post("/groups/"+crew+"/children", map[string]any{"id": unknown, "name": "x"}).is(404, `{"error":"Could not find child by id"}`)
	a.post("/groups/"+crew+"/children", map[string]any{"id": night}).is(400, `{"errorMessage":"Group name is missing"}`)
	a.put("/groups/"+night, map[string]any{"id": crew, "name": "x"}).is(400, `{"errorMessage":"Invalid group id"}`)
}

func TestGroups_RolesReachMembersAtOnce(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	crew, night, anna := a.groupID("crew"), a.groupID("crew/night"), a.userID("anna")
	a.put("/users/"+anna+"/groups/"+night, nil).want(204)
	a.post("/groups/"+crew+"/role-mappings/realm", []any{a.role("vet")}).is(204, "")
	if got := a.get("/users/" + anna + "/role-mappings/realm/composite").all("name"); !slices.Contains(got, "vet") {
		t.Errorf("effective roles %v lack vet", got)
	}
	if got := a.get("/groups/" + night + "/role-mappings/realm/composite").all("name"); !slices.Equal(got, []string{"vet"}) {
		t.Errorf("effective roles of the subgroup = %v", got)
	}
	a.get("/groups/"+night+"/role-mappings").is(200, `{}`)
	a.del("/groups/"+crew+"/role-mappings/realm", []any{a.role("vet")}).is(204, "")
	a.get("/groups/"+crew+"/role-mappings").is(200, `{}`)
}
