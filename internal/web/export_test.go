package web

import "iter"

// All are the parameters in their order, repeated ones too.
func (f Form) All() iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		for _, p := range f.pairs {
			if !yield(p.name, p.value) {
				return
			}
		}
	}
}
