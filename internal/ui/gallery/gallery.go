// Package gallery is every page of package ui with sample data: for its golden
// files, for tests that look at pages in a browser, and for people (folder
// serve). Only tests import it.
package gallery

import (
	"html/template"
	"net/http"
	"slices"

	"github.com/latchkey-id/latchkey/internal/ui"
	"github.com/latchkey-id/latchkey/internal/web"
)

// Sample is a page as a flow would fill it.
type Sample struct {
	Name    string // "login-error"
	Status  int
	Page    ui.Page
	Options ui.Options
}

// InLanguage is the sample in another language.
func (s Sample) InLanguage(lang string) Sample {
	s.Options.Lang = lang
	return s
}

// Handler serves every sample at /{language}/{sample}, a list of them at /, and
// the static files. Forms lead nowhere: their actions answer 404.
func Handler() (http.Handler, error) {
	pages, err := ui.New("")
	if err != nil {
		return nil, err
	}
	mux := web.NewMux()
	mux.Handle(ui.StaticPattern, pages.Static)
	mux.Handle("GET /{language}/{sample}", func(w http.ResponseWriter, r *http.Request) error {
		samples := Samples()
		i := slices.IndexFunc(samples, func(s Sample) bool { return s.Name == r.PathValue("sample") })
		if i < 0 {
			return web.HTTPStatus(http.StatusNotFound)
		}
		s := samples[i].InLanguage(r.PathValue("language"))
		return pages.Render(w, s.Status, s.Page, s.Options)
	})
	mux.Handle("GET /{$}", list)
	return mux, nil
}

var listPage = template.Must(template.New("").Parse(`<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Pages</title></head>
<body><h1>Pages</h1><ul>{{range $s := .Samples}}{{range $.Languages}}<li><a href="/{{.}}/{{$s.Name}}">{{$s.Name}} ({{.}})</a></li>{{end}}{{end}}</ul></body></html>
`))

func list(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Content-Type", "text/html;charset=utf-8")
	return listPage.Execute(w, map[string]any{"Samples": Samples(), "Languages": ui.Available()})
}
