package adapter_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log"
	"net/http"
	"time"

	"golang.org/x/oauth2"

	"github.com/latchkey-id/latchkey/adapter"
)

// What an application keeps for a browser between two requests, and its pages:
// its own.
var (
	keepForBrowser func(http.ResponseWriter, *http.Request, *adapter.Pending)
	takeOfBrowser  func(*http.Request) *adapter.Pending
	secretOfApp    []byte // 32 random bytes, from where secrets are kept
	reports        http.Handler
)

func provider() *adapter.Provider {
	p, err := adapter.NewProvider(adapter.Config{Issuer: "https://id.example.org/realms/shop", ClientID: "portal", ClientSecret: "…"})
	if err != nil {
		log.Fatal(err)
	}
	return p
}

func Example() {
	p := provider()
	login, err := adapter.NewLogin(p, adapter.LoginConfig{RedirectURL: "https://portal.example.org/callback"})
	if err != nil {
		log.Fatal(err)
	}
	files, err := adapter.NewFileStore("/var/lib/portal/tokens")
	if err != nil {
		log.Fatal(err)
	}
	tokens := adapter.NewTokenSource(p, files, adapter.SourceOptions{})

	// GET /login?scope=offline_access
	http.HandleFunc("/login", func(w http.ResponseWriter, r *http.Request) {
		target, pending, err := login.Begin(r.Context(), r.URL.Query())
		if err != nil {
			http.Error(w, "try again later", http.StatusServiceUnavailable)
			return
		}
		keepForBrowser(w, r, pending)
		http.Redirect(w, r, target, http.StatusSeeOther)
	})
	http.HandleFunc("/callback", func(w http.ResponseWriter, r *http.Request) {
		who, grant, err := login.Finish(r.Context(), takeOfBrowser(r), r.URL.Query())
		if err != nil {
			http.Error(w, "the login did not work", http.StatusBadRequest)
			return
		}
		if err := tokens.Keep(r.Context(), adapter.Holder{User: who.Subject}, *grant); err != nil {
			http.Error(w, "try again later", http.StatusServiceUnavailable)
		}
	})
}

func ExampleTokenSource_Token() {
	tokens := adapter.NewTokenSource(provider(), &adapter.MemoryStore{}, adapter.SourceOptions{})
	token, err := tokens.Token(context.Background(), adapter.Holder{User: "uma", Device: "laptop"})

	var gone *adapter.LoginRequiredError
	var later *adapter.TemporaryError
	switch {
	case err == nil:
		fmt.Println("call the service with", token.Value)
	case errors.As(err, &gone):
		fmt.Println(gone)
	case errors.As(err, &later):
		fmt.Println("ask again after", later.RetryAfter)
	default:
		fmt.Println("tell who runs this:", err)
	}
	// Output: the user must log in again
}

func ExampleTokenSource_OAuth2() {
	tokens := adapter.NewTokenSource(provider(), &adapter.MemoryStore{}, adapter.SourceOptions{})
	ctx := context.Background()
	client := oauth2.NewClient(ctx, tokens.OAuth2(ctx, adapter.Holder{User: "uma"}))
	_, err := client.Get("https://api.example.org/orders")

	var gone *adapter.LoginRequiredError
	fmt.Println(errors.As(err, &gone))
	// Output: true
}

func ExampleEncrypted() {
	db, err := sql.Open("pgx", "postgres://portal@db.example.org/portal")
	if err != nil {
		log.Fatal(err)
	}
	if _, err := db.Exec(adapter.CreateTable("offline_token", "bytea")); err != nil {
		log.Fatal(err)
	}
	rows, err := adapter.NewSQLStore(db, adapter.SQLOptions{Numbered: true})
	if err != nil {
		log.Fatal(err)
	}
	store, err := adapter.Encrypted(rows, secretOfApp)
	if err != nil {
		log.Fatal(err)
	}
	adapter.NewTokenSource(provider(), store, adapter.SourceOptions{})
}

func ExampleVerifier_Middleware() {
	p, revoked := provider(), &adapter.NotBefore{}
	v, err := adapter.NewVerifier(p, adapter.Rules{Audience: "reports", NotBefore: revoked})
	if err != nil {
		log.Fatal(err)
	}
	readers := v.Middleware(adapter.Access{ClientRoles: []string{"reader"}})
	// Whoever deletes is asked about at the server, half a minute old at most.
	chiefs := v.Middleware(adapter.Access{RealmRoles: []string{"chief"}, Online: &adapter.OnlineCheck{CacheFor: 30 * time.Second}})

	http.Handle("GET /reports/{id}", readers(reports))
	http.Handle("DELETE /reports/{id}", chiefs(reports))
	http.Handle("POST /keycloak/k_push_not_before", revoked.Push(p))
}

func ExampleBackChannelLogout() {
	http.Handle("POST /logged-out", adapter.BackChannelLogout(provider(), func(ctx context.Context, n adapter.LogoutNotice) error {
		fmt.Println("end the sessions of", n.Subject, n.SessionID)
		return nil
	}))
}

func ExampleAdmin() {
	admin, err := adapter.NewAdmin(provider())
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	user, found, err := admin.User(ctx, "uma")
	if err != nil || !found {
		log.Fatal("no user uma: ", err)
	}
	for session, err := range admin.UserSessions(ctx, user.ID) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(session.Address, session.LastAccess.Time())
	}
	if err := admin.LogoutUserKeepOffline(ctx, user.ID); err != nil {
		log.Fatal(err)
	}
}
