package admin

// Route is one row of the route table, for tests.
type Route struct {
	Method, Path string
	// Met tells whether somebody with these roles passes.
	Met func(roles ...string) bool
}

// RouteTable is the table that Routes registers.
func RouteTable() []Route {
	out := make([]Route, 0, len(routes))
	for _, rt := range routes {
		out = append(out, Route{rt.method, rt.path, func(roles ...string) bool {
			for _, oneOf := range rt.need {
				if !anyOf(oneOf, roles) {
					return false
				}
			}
			return true
		}})
	}
	return out
}

// ServerRoutes are the routes beside the realms, as "METHOD /path".
func ServerRoutes() []string {
	var out []string
	for _, rt := range serverRoutes {
		out = append(out, rt.method+" "+rt.path)
	}
	return out
}

func anyOf(oneOf, roles []string) bool {
	for _, r := range roles {
		for _, o := range oneOf {
			if r == o {
				return true
			}
		}
	}
	return false
}

var (
	AttributeQuery = attributeQuery
	WithoutSecrets = withoutSecrets
)
