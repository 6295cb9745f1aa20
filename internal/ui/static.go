package ui

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"net/http"
	"path"
	"time"

	"github.com/latchkey-id/latchkey/internal/web"
)

//go:embed static
var staticFiles embed.FS

const staticPath = "/resources/"

// StaticPattern is the route Static serves, for web.Mux.
const StaticPattern = "GET " + staticPath + "{version}/{file}"

// static are the files the pages name; version is a hash over all of them.
type static struct {
	version string
	files   map[string]staticFile
}

type staticFile struct {
	body, etag, kind string
}

var kinds = map[string]string{
	".css": "text/css;charset=utf-8",
	".js":  "text/javascript;charset=utf-8",
	".svg": "image/svg+xml",
}

func readStatic() (static, error) {
	entries, err := staticFiles.ReadDir("static")
	if err != nil {
		return static{}, err
	}
	all := sha256.New()
	out := static{files: map[string]staticFile{}}
	for _, e := range entries { // sorted by name
		body, err := staticFiles.ReadFile("static/" + e.Name())
		if err != nil {
			return static{}, err
		}
		sum := sha256.Sum256(body)
		all.Write([]byte(e.Name()))
		all.Write(sum[:])
		out.files[e.Name()] = staticFile{
			body: string(body), etag: `"` + hex.EncodeToString(sum[:8]) + `"`, kind: kinds[path.Ext(e.Name())],
		}
	}
	out.version = hex.EncodeToString(all.Sum(nil)[:6])
	return out, nil
}

// Static serves a static file. Under its own version it may be kept for ever.
// Another version is an older or newer node's: it gets this node's file, to be
// asked for again, so that pages keep their looks while nodes are replaced.
func (u *UI) Static(w http.ResponseWriter, r *http.Request) error {
	f, ok := u.static.files[r.PathValue("file")]
	if !ok {
		return web.HTTPStatus(http.StatusNotFound)
	}
	h := w.Header()
	h.Set("Cache-Control", web.CacheNoCache)
	if r.PathValue("version") == u.static.version {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	h.Set("Content-Type", f.kind)
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	h.Set("ETag", f.etag)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader([]byte(f.body)))
	return nil
}
