package session

import (
	"context"
	"slices"

	"github.com/latchkey-id/latchkey/internal/model"
)

// Step is what a login needs next.
type Step string

// Steps in their order.
const (
	StepPassword Step = "password"
	StepAction   Step = "action" // a required action of the user: Action names it
	StepConsent  Step = "consent"
	StepDone     Step = "done"
)

// Required actions a browser can do here (Keycloak's names), in their order.
const (
	ActionUpdatePassword = "UPDATE_PASSWORD"
	ActionUpdateProfile  = "UPDATE_PROFILE"
	ActionVerifyProfile  = "VERIFY_PROFILE"
)

// Next tells what a login of u for c still needs: u is nil before the
// password. asked are the scopes it asks for.
func (s *Service) Next(ctx context.Context, cfg *model.Config, c *model.Client, p *Progress, u *model.User, asked model.ScopeSet) (step Step, action string, missing []*model.ClientScope, err error) {
	if u == nil || p.AuthTime == 0 && p.SSOTime == 0 {
		return StepPassword, "", nil, nil
	}
	if action = nextAction(cfg, u); action != "" {
		return StepAction, action, nil, nil
	}
	if Starts(p.Request.Action) && p.Action == "" {
		return StepAction, p.Request.Action, nil, nil
	}
	again := p.Request.Prompts("consent")
	if p.Consents || !c.ConsentRequired && p.Device == "" {
		return StepDone, "", nil, nil
	}
	missing, err = s.MissingConsent(ctx, cfg, c, u, asked, again || p.Device != "")
	if err != nil || len(missing) == 0 && !again && p.Device == "" {
		return StepDone, "", nil, err
	}
	return StepConsent, "", missing, nil
}

// Starts tells whether an application may start an action (kc_action).
func Starts(action string) bool {
	return action == ActionUpdatePassword || action == ActionUpdateProfile
}

// Required tells whether the user must do an action, whoever started it.
func Required(cfg *model.Config, u *model.User, action string) bool {
	return slices.Contains(u.RequiredActions, action) || nextAction(cfg, u) == action
}

// nextAction is the first required action of a user that the realm asks for, ""
// for none. One that no page here does is an action too, so that it is not
// skipped.
func nextAction(cfg *model.Config, u *model.User) string {
	for _, a := range []string{ActionUpdatePassword, ActionUpdateProfile, ActionVerifyProfile} {
		if slices.Contains(u.RequiredActions, a) && cfg.Realm.ActionEnabled(a) {
			return a
		}
	}
	for _, a := range u.RequiredActions {
		if cfg.Realm.ActionEnabled(a) {
			return a
		}
	}
	if cfg.Realm.Name != "master" && cfg.Realm.ActionEnabled(ActionVerifyProfile) && len(MissingProfile(u)) > 0 {
		return ActionVerifyProfile
	}
	return ""
}

// MissingProfile names what a user lacks of what the default user profile asks
// for (behaviour §0a).
func MissingProfile(u *model.User) (fields []string) {
	for _, f := range []struct{ name, value string }{{"lastName", u.LastName}, {"firstName", u.FirstName}, {"email", u.Email}} {
		if f.value == "" {
			fields = append(fields, f.name)
		}
	}
	return fields
}

// MissingConsent lists the scopes among asked that a consent screen shows and
// the user has not consented to; all of them when again is set.
func (s *Service) MissingConsent(ctx context.Context, cfg *model.Config, c *model.Client, u *model.User, asked model.ScopeSet, again bool) ([]*model.ClientScope, error) {
	granted := map[string]bool{}
	if !again {
		consents, err := s.Store.Consents(ctx, cfg.Realm.Num, u.ID)
		if err != nil {
			return nil, err
		}
		for _, x := range consents {
			if x.ClientID == c.ID {
				for _, id := range x.ScopeIDs {
					granted[id] = true
				}
			}
		}
	}
	var missing []*model.ClientScope
	for _, sc := range asked.Scopes {
		if sc.Attributes["display.on.consent.screen"] == "true" && !granted[sc.ID] {
			missing = append(missing, sc)
		}
	}
	return missing, nil
}
