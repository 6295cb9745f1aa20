package ui

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"strconv"
	"strings"

	"github.com/latchkey-id/latchkey/internal/web"
)

//go:embed templates
var templateFiles embed.FS

// UI renders pages and serves the static files they name. Make one at start
// with New; it is safe for concurrent use.
type UI struct {
	pages  map[string]*template.Template // by file name without .html
	static static
	base   string // path of the static files, with their version
}

// New parses the templates and reads the static files. prefix is the path the
// whole server lives below, "" or "/auth": the pages name their static files
// with it.
func New(prefix string) (*UI, error) {
	files, err := readStatic()
	if err != nil {
		return nil, err
	}
	pages, err := parsePages()
	if err != nil {
		return nil, err
	}
	base := strings.TrimRight(prefix, "/") + staticPath + files.version + "/"
	return &UI{pages: pages, static: files, base: base}, nil
}

// parsePages makes one template a page: the layout, the parts, and the page's
// own file, which defines "title", "heading" and "content".
func parsePages() (map[string]*template.Template, error) {
	layout, err := template.New("layout.html").Funcs(template.FuncMap{"link": link}).
		ParseFS(templateFiles, "templates/layout.html", "templates/parts.html")
	if err != nil {
		return nil, err
	}
	names, err := fs.Glob(templateFiles, "templates/*/*.html")
	if err != nil {
		return nil, err
	}
	pages := map[string]*template.Template{}
	for _, name := range names {
		own, err := layout.Clone()
		if err != nil {
			return nil, err
		}
		if own, err = own.ParseFS(templateFiles, name); err != nil {
			return nil, err
		}
		short := strings.TrimSuffix(name[strings.LastIndexByte(name, '/')+1:], ".html")
		pages[short] = own
	}
	return pages, nil
}

// Render answers with a page. The page is complete before anything is sent: an
// error leaves w as it was.
func (u *UI) Render(w http.ResponseWriter, status int, page Page, opt Options) error {
	name := page.template()
	tmpl, ok := u.pages[name]
	if !ok {
		return fmt.Errorf("ui: no template %q", name)
	}
	v := newView(u, page, &opt)
	var body bytes.Buffer
	if err := tmpl.ExecuteTemplate(&body, "layout", v); err != nil {
		return fmt.Errorf("ui: page %s: %w", name, err)
	}
	h := w.Header()
	setSecurity(h, opt.Realm.SecurityHeaders, v.policy())
	h.Set("Cache-Control", web.CachePage)
	h.Set("Content-Language", v.Lang)
	h.Set("Content-Type", "text/html;charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(body.Len()))
	w.WriteHeader(status)
	_, err := w.Write(body.Bytes())
	return err
}
