package account

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"unicode/utf8"

	"github.com/latchkey-id/latchkey/internal/credential"
	"github.com/latchkey-id/latchkey/internal/keycloak"
	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/store"
	"github.com/latchkey-id/latchkey/internal/web"
)

// typeOTP is a one-time password device; they come from imports.
const typeOTP = "otp"

// container describes one kind of credential to a person.
type container struct {
	kind, category, icon string
	setUp                string // the required action that makes one
	removable            bool
}

// containers are the kinds of credentials people are shown.
var containers = []container{
	{kind: credential.TypePassword, category: "basic-authentication", icon: "kcAuthenticatorPasswordClass", setUp: "UPDATE_PASSWORD"},
	{kind: typeOTP, category: "two-factor", icon: "kcAuthenticatorOTPClass", setUp: "CONFIGURE_TOTP", removable: true},
}

// credentials lists the person's credentials by kind, without their secrets:
// of one kind with type, without the credentials with user-credentials=false.
func (c *call) credentials() error {
	creds, err := c.api.Store.Credentials(c.ctx, c.user.ID)
	if err != nil {
		return err
	}
	kind := c.r.URL.Query().Get("type")
	withOwn, said := web.QueryBool(c.r, "user-credentials")
	out := []keycloak.Object{}
	for _, k := range containers {
		if kind != "" && kind != k.kind {
			continue
		}
		own := slices.DeleteFunc(slices.Clone(creds), func(cr model.Credential) bool { return cr.Type != k.kind })
		o := k.object(len(own) > 0)
		if withOwn || !said {
			o = append(o, keycloak.Member{Name: "userCredentialMetadatas", Value: each(own, func(cr model.Credential) keycloak.Object {
				return keycloak.Object{{Name: "credential", Value: keycloak.CredentialRepresentation(&cr)}}
			})})
		}
		out = append(out, o)
	}
	return c.answer(out)
}

// object describes a kind; has tells whether the person has one. A password is
// changed, devices are added.
func (k container) object(has bool) keycloak.Object {
	action := "createAction"
	if has && !k.removable {
		action = "updateAction"
	}
	return keycloak.Object{
		{Name: "type", Value: k.kind}, {Name: "category", Value: k.category}, {Name: "displayName", Value: k.kind + "-display-name"},
		{Name: "helptext", Value: k.kind + "-help-text"}, {Name: "iconCssClass", Value: k.icon}, {Name: action, Value: k.setUp},
		{Name: "removeable", Value: k.removable},
	}
}

// own finds a credential of the person that is shown to them.
func (c *call) own(id string) (cr model.Credential, k container, err error) {
	creds, err := c.api.Store.Credentials(c.ctx, c.user.ID)
	if err != nil {
		return cr, k, err
	}
	for _, cr := range creds {
		i := slices.IndexFunc(containers, func(k container) bool { return k.kind == cr.Type })
		if cr.ID == id && i >= 0 {
			return cr, containers[i], nil
		}
	}
	return cr, k, errNoCredential
}

// labelCredential names a credential of the person.
func (c *call) labelCredential() error {
	cr, _, err := c.own(c.r.PathValue("id"))
	if err != nil {
		return err
	}
	label, err := c.label()
	if err != nil {
		return err
	}
	err = c.write(nil, func(tx *store.Tx) error {
		found, err := tx.LabelCredential(c.user.ID, cr.ID, label)
		if err == nil && !found {
			err = errNoCredential
		}
		return err
	})
	if err != nil {
		return err
	}
	return c.noContent()
}

// maxLabel is the longest name of a credential, in characters.
const maxLabel = 255

// label reads a body that is one JSON text; numbers and booleans count by
// theirs.
func (c *call) label() (string, error) {
	doc, err := c.body()
	var known *web.Error
	if errors.As(err, &known) && known.Status == http.StatusBadRequest {
		return "", errBadLabel
	} else if err != nil {
		return "", err
	}
	var label string
	switch doc = bytes.TrimSpace(doc); doc[0] {
	case '{', '[':
		return "", errBadLabel
	case '"':
		if json.Unmarshal(doc, &label) != nil {
			return "", errBadLabel
		}
	default:
		label = string(doc)
	}
	if utf8.RuneCountInString(label) > maxLabel {
		return "", errBadLabel
	}
	return label, nil
}

// deleteCredential removes a device of the person; a password can only be
// changed.
func (c *call) deleteCredential() error {
	cr, k, err := c.own(c.r.PathValue("id"))
	switch {
	case err != nil:
		return err
	case !k.removable:
		return errKeptCredential
	}
	details := map[string]string{"credential_type": cr.Type, "selected_credential_id": cr.ID}
	if cr.Label != "" {
		details["credential_user_label"] = cr.Label
	}
	old, next := c.record(c.event("REMOVE_TOTP", details)), c.record(c.event("REMOVE_CREDENTIAL", details))
	err = c.write(old, func(tx *store.Tx) error {
		found, err := tx.DeleteCredential(c.user.ID, cr.ID)
		switch {
		case err != nil:
			return err
		case !found:
			return errNoCredential
		case next == nil:
			return nil
		}
		return next(tx)
	})
	if err != nil {
		return err
	}
	return c.noContent()
}
