package account

// Route is one row of the route table, for tests.
type Route struct {
	Method, Path string
	Need         []string
}

// RouteTable is the table that Routes registers.
func RouteTable() []Route {
	out := make([]Route, len(routes))
	for i, rt := range routes {
		out[i] = Route{rt.method, rt.path, rt.need}
	}
	return out
}
