package keycloak

// member maps one wire member to a typed field of T: both directions and
// partial updates use the same table.
type member[T any] struct {
	name string
	set  func(f *fields, name string, t *T)
	get  func(t *T) any // nil result: the member is left out
}

func toggle[T any](name string, at func(*T) *bool) member[T] {
	return member[T]{name,
		func(f *fields, name string, t *T) { f.boolean(name, at(t)) },
		func(t *T) any { return *at(t) }}
}

// count is a whole number, mostly seconds, never negative.
func count[T any](name string, at func(*T) *int64) member[T] {
	return member[T]{name,
		func(f *fields, name string, t *T) { f.number(name, maxNumber, at(t)) },
		func(t *T) any { return *at(t) }}
}

// text is a string that is left out when empty.
func text[T any](name string, at func(*T) *string) member[T] {
	return member[T]{name,
		func(f *fields, name string, t *T) { f.str(name, at(t)) },
		func(t *T) any {
			if s := *at(t); s != "" {
				return s
			}
			return nil
		}}
}

// apply reads the members that are present into t.
func apply[T any](f *fields, members []member[T], t *T) {
	for _, m := range members {
		m.set(f, m.name, t)
	}
}
