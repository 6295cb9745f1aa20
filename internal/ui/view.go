package ui

// view is the dot of every template.
type view struct {
	Page   Page
	Client *Client
	Lang   string
	Realm  string // display name, in titles
	Brand  string // display name, at the head of the page

	ui    *UI
	opt   *Options
	texts texts
}

func newView(u *UI, page Page, opt *Options) *view {
	v := &view{Page: page, Client: opt.Client, Lang: opt.Lang, ui: u, opt: opt}
	if !hasTexts(v.Lang) {
		v.Lang = English
	}
	v.texts = newTexts(v.Lang, opt.Overrides)
	v.Realm = opt.Realm.Name
	if opt.Realm.DisplayName != "" {
		v.Realm = v.texts.resolve(opt.Realm.DisplayName)
	}
	v.Brand = v.texts.resolve(plain(opt.Realm.DisplayNameHTML))
	if v.Brand == "" {
		v.Brand = v.Realm
	}
	return v
}

// T is the text of a key, with its parameters.
func (v *view) T(key string, args ...any) string { return v.texts.text(key, args) }

// Msg is the text of a message, "" for none.
func (v *view) Msg(m Message) string {
	if m.Key == "" {
		return ""
	}
	return v.texts.text(m.Key, m.Args)
}

// Resolve is a name with its placeholders replaced.
func (v *view) Resolve(name string) string { return v.texts.resolve(name) }

// Static is the address of a static file.
func (v *view) Static(name string) string { return v.ui.base + name }

// ClientName is how the page names the client, "" without one.
func (v *view) ClientName() string {
	switch {
	case v.Client == nil:
		return ""
	case v.Client.Name != "":
		return v.texts.resolve(v.Client.Name)
	}
	return v.Client.ID
}

// Logo is the address of the client's logo, "" for none that may be shown.
func (v *view) Logo() string {
	if v.Client == nil || !webAddress(v.Client.LogoURI, "https") {
		return ""
	}
	return v.Client.LogoURI
}

// Policy and Terms are what the client wants read, "" for none.
func (v *view) Policy() string { return v.reading(func(c *Client) string { return c.PolicyURI }) }

// Terms is the client's terms of service.
func (v *view) Terms() string { return v.reading(func(c *Client) string { return c.TosURI }) }

func (v *view) reading(of func(*Client) string) string {
	if v.Client == nil || !webAddress(of(v.Client), "https", "http") {
		return ""
	}
	return of(v.Client)
}

// Scope is what consent to a scope means, in words.
func (v *view) Scope(s Scope) string {
	text := s.Text
	if text == "" {
		text = s.Name
	}
	if text = v.texts.resolve(text); s.Parameter != "" {
		text += ": " + s.Parameter
	}
	return text
}

// Languages is the language list, nil when there is nothing to choose.
func (v *view) Languages() []Language {
	if len(v.opt.Languages) < 2 {
		return nil
	}
	return v.opt.Languages
}

// field is what the part "field" shows: one labelled input.
type field struct {
	*view
	Name, Label, Type, Complete, Value string
	Error                              string // text; "" = none
	By                                 string // id of the error shown elsewhere on the page; "" = the field's own
	Focus, ReadOnly, Required          bool
}

// ErrorID is the id of the element with the field's error.
func (f field) ErrorID() string {
	if f.By != "" {
		return f.By
	}
	return "input-error-" + f.Name
}

// Field starts an input: its name, the key of its label, its type, what a
// browser may fill in (autocomplete), and its value.
func (v *view) Field(name, label, kind, complete, value string) field {
	return field{view: v, Name: name, Label: v.T(label), Type: kind, Complete: complete, Value: value}
}

// Focused is the field, where the page begins if yes.
func (f field) Focused(yes bool) field { f.Focus = yes; return f }

// Fixed is the field, not to be changed if yes.
func (f field) Fixed(yes bool) field { f.ReadOnly = yes; return f }

// Wrong is the field with its own error, if m is one.
func (f field) Wrong(m Message) field {
	if text := f.Msg(m); text != "" {
		f.Error, f.By = text, ""
	}
	return f
}

// WrongBy is the field, wrong if m is set, with the error in element id.
func (f field) WrongBy(m Message, id string) field {
	if f.Error = f.Msg(m); f.Error != "" {
		f.By = id
	}
	return f
}

// ProfileFields are the fields of UpdateProfile that are on the page.
func (v *view) ProfileFields() []field {
	page, ok := v.Page.(interface{ fields() []labelled })
	if !ok {
		return nil
	}
	var out []field
	focused := false
	for _, f := range page.fields() {
		if f.Hidden {
			continue
		}
		shown := v.Field(f.name, f.label, f.kind, f.complete, f.Value).Fixed(f.ReadOnly).Wrong(f.Error)
		shown.Required = f.Required
		shown.Focus = shown.Error != "" && !focused
		focused = focused || shown.Focus
		out = append(out, shown)
	}
	return out
}

// CSP is the strict Content-Security-Policy, which the page carries itself.
func (v *view) CSP() string { return v.policy().meta() }
