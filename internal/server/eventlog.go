package server

import (
	"context"
	"log/slog"

	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/store"
)

// logNotices writes what became durable as lines of the log: each event the
// realm keeps, and each end of sessions with its reason and who ended them.
// Endings of one write that differ in user and session alone are one line with
// their number: a batch of the sweeper is a line or two, not two hundred.
func (s *Server) logNotices() {
	s.cfg.Store.Tell(store.Notice{Event: s.logEvent, AdminEvent: s.logAdminEvent, Ended: s.logEnded})
}

func (s *Server) logEvent(e *model.Event) {
	level := slog.LevelInfo
	if e.Error != "" {
		level = slog.LevelWarn // as Keycloak's listener
	}
	s.line(level, "event", []slog.Attr{
		slog.String("type", e.Type), slog.String("realm", s.realmName(e.RealmNum)), slog.String("client", e.ClientID), slog.String("user", e.UserID),
		slog.String("session", e.Session), slog.String("ip", e.IP), slog.String("error", e.Error), slog.String("event_id", e.ID),
	})
}

func (s *Server) logAdminEvent(e *model.AdminEvent) {
	s.line(slog.LevelInfo, "admin event", []slog.Attr{
		slog.String("operation", e.Operation), slog.String("realm", s.realmName(e.RealmNum)), slog.String("resource", e.ResourceType),
		slog.String("path", e.ResourcePath), slog.String("by", e.AuthUserID), slog.String("ip", e.IP), slog.String("error", e.Error), slog.String("event_id", e.ID),
	})
}

func (s *Server) logEnded(e store.EndedSessions) {
	client := ""
	if cfg := s.Realms.ConfigByNum(e.RealmNum); cfg != nil && e.ClientNum != 0 {
		if c := cfg.ClientByNum(e.ClientNum); c != nil {
			client = c.ClientID
		}
	}
	kind := "online"
	if e.Offline {
		kind = "offline"
	}
	if e.All {
		kind = "all"
	}
	attrs := []slog.Attr{
		slog.String("realm", s.realmName(e.RealmNum)), slog.String("client", client), slog.String("user", e.UserID), slog.String("session", e.SessionID),
		slog.String("kind", kind), slog.String("reason", e.Reason), slog.String("by", e.By),
	}
	if e.Count > 1 {
		attrs = append(attrs, slog.Int("count", e.Count))
	}
	s.line(slog.LevelInfo, "sessions ended", attrs)
}

// line writes the attributes that say something.
func (s *Server) line(level slog.Level, text string, attrs []slog.Attr) {
	said := attrs[:0]
	for _, a := range attrs {
		if a.Value.Kind() != slog.KindString || a.Value.String() != "" {
			said = append(said, a)
		}
	}
	s.cfg.Log.LogAttrs(context.Background(), level, text, said...)
}

func (s *Server) realmName(num int64) string {
	if cfg := s.Realms.ConfigByNum(num); cfg != nil {
		return cfg.Realm.Name
	}
	return ""
}
