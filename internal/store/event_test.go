package store_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/store"
	"github.com/latchkey-id/latchkey/internal/store/storetest"
)

func TestEvents_FilterAndClear(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t)
	var all []*model.Event
	for i, typ := range []string{"LOGIN", "LOGIN_ERROR", "LOGOUT", "CODE_TO_TOKEN"} {
		all = append(all, &model.Event{ID: fmt.Sprintf("event-%d", i), TimeMS: int64(1000 + i), Type: typ, RealmNum: 1, RealmID: "realm-1", ClientID: "app",
			UserID: fmt.Sprintf("user-%d", i%2), Session: "sid", IP: "10.0.0.1", Error: "", Details: map[string]string{"k": "v"}})
	}
	write(t, s, func(tx *store.Tx) error {
		for _, e := range append(all, &model.Event{ID: "other", TimeMS: 1, Type: "LOGIN", RealmNum: 2}) {
			if err := tx.InsertEvent(e); err != nil {
				return err
			}
		}
		return nil
	})
	for _, tt := range []struct {
		name string
		f    store.EventFilter
		want []int
	}{
		{"newest first", store.EventFilter{}, []int{3, 2, 1, 0}},
		{"oldest first", store.EventFilter{Ascending: true}, []int{0, 1, 2, 3}},
		{"types", store.EventFilter{Types: []string{"LOGIN", "LOGOUT"}}, []int{2, 0}},
		{"user", store.EventFilter{UserID: "user-1"}, []int{3, 1}},
		{"client", store.EventFilter{ClientID: "other"}, nil},
		{"ip", store.EventFilter{IP: "10.0.0.1", Max: 1}, []int{3}},
		{"time", store.EventFilter{FromMS: 1001, ToMS: 1002}, []int{2, 1}},
		{"page", store.EventFilter{First: 1, Max: 2}, []int{2, 1}},
	} {
		got, err := s.Events(t.Context(), 1, tt.f)
		if err != nil {
			t.Fatal(err)
		}
		var want []*model.Event
		for _, i := range tt.want {
			want = append(want, all[i])
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", tt.name, diff)
		}
	}
	write(t, s, func(tx *store.Tx) error {
		n, err := tx.DeleteOldEvents(1, 1001, 10)
		if n != 1 {
			t.Errorf("%d old events", n)
		}
		return err
	})
	write(t, s, func(tx *store.Tx) error { return tx.DeleteEvents(1) })
	late := &model.Event{ID: "late", TimeMS: 5000, Type: "LOGIN", RealmNum: 1, RealmID: "realm-1"}
	write(t, s, func(tx *store.Tx) error { return tx.InsertEvent(late) })
	for _, when := range []string{"cleared", "purged"} {
		got, err := s.Events(t.Context(), 1, store.EventFilter{})
		if diff := cmp.Diff([]*model.Event{late}, got); err != nil || diff != "" {
			t.Errorf("%s: %v %s", when, err, diff)
		}
		purgeAll(t, s, 0)
	}
	if other, err := s.Events(t.Context(), 2, store.EventFilter{}); err != nil || len(other) != 1 {
		t.Errorf("another realm: %v, %v", other, err)
	}
}

func TestAdminEvents_FilterAndClear(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t)
	a := &model.AdminEvent{ID: "a", TimeMS: 1, RealmNum: 1, RealmID: "realm-1", AuthRealmID: "master", AuthClientID: "cli", AuthUserID: "root", IP: "10.0.0.1",
		Operation: "CREATE", ResourceType: "USER", ResourcePath: "users/1", Representation: "{}", Error: "e", Details: map[string]string{"k": "v"}}
	b := &model.AdminEvent{ID: "b", TimeMS: 2, RealmNum: 1, RealmID: "realm-1", Operation: "ACTION", ResourceType: "REALM", ResourcePath: "logout-all"}
	write(t, s, func(tx *store.Tx) error {
		if err := tx.InsertAdminEvent(a); err != nil {
			return err
		}
		return tx.InsertAdminEvent(b)
	})
	for _, tt := range []struct {
		name string
		f    store.AdminEventFilter
		want []*model.AdminEvent
	}{
		{"all", store.AdminEventFilter{}, []*model.AdminEvent{b, a}},
		{"operation", store.AdminEventFilter{Operations: []string{"CREATE", "DELETE"}}, []*model.AdminEvent{a}},
		{"type", store.AdminEventFilter{ResourceTypes: []string{"REALM"}}, []*model.AdminEvent{b}},
		{"path", store.AdminEventFilter{ResourcePath: "users/*"}, []*model.AdminEvent{a}},
		{"whole path", store.AdminEventFilter{ResourcePath: "users"}, nil},
		{"who", store.AdminEventFilter{AuthRealmID: "master", AuthClientID: "cli", AuthUserID: "root", IP: "10.0.0.1"}, []*model.AdminEvent{a}},
		{"oldest first", store.AdminEventFilter{Ascending: true, Max: 1}, []*model.AdminEvent{a}},
		{"time", store.AdminEventFilter{FromMS: 2, ToMS: 2}, []*model.AdminEvent{b}},
	} {
		got, err := s.AdminEvents(t.Context(), 1, tt.f)
		if diff := cmp.Diff(tt.want, got); err != nil || diff != "" {
			t.Errorf("%s: %v %s", tt.name, err, diff)
		}
	}
	write(t, s, func(tx *store.Tx) error { return tx.DeleteAdminEvents(1) })
	purgeAll(t, s, 0)
	if got, err := s.AdminEvents(t.Context(), 1, store.AdminEventFilter{}); err != nil || len(got) != 0 {
		t.Errorf("cleared: %v, %v", got, err)
	}
}
