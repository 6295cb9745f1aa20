package ui

// Keys of the messages the flows show. They are Keycloak's, so that a realm's
// own texts for them are found; {0}, {1} stand for Args in order.
const (
	MsgInvalidUser              = "invalidUserMessage" // unknown user or wrong password, told in the same words
	MsgAccountDisabled          = "accountDisabledMessage"
	MsgLoginTimeout             = "loginTimeout"
	MsgExpiredCode              = "expiredCodeMessage"
	MsgInvalidCode              = "invalidCodeMessage"
	MsgCookieNotFound           = "cookieNotFoundMessage"
	MsgSessionNotActive         = "sessionNotActiveMessage"
	MsgDifferentUser            = "differentUserAuthenticated" // {0}: username
	MsgAlreadyLoggedIn          = keyAlreadyLoggedIn
	MsgConsentDenied            = "consentDenied"
	MsgAcrNotFulfilled          = "acrNotFulfilled"
	MsgInvalidRequest           = "invalidRequestMessage"
	MsgInvalidParameter         = "invalidParameterMessage" // {0}: its name
	MsgMissingParameter         = "missingParameterMessage" // {0}: its name
	MsgInvalidRedirectURI       = "invalidRedirectUriMessage"
	MsgInvalidRequester         = "invalidRequesterMessage"
	MsgUnknownLoginRequester    = "unknownLoginRequesterMessage"
	MsgLoginRequesterNotEnabled = "loginRequesterNotEnabledMessage"
	MsgClientNotFound           = "clientNotFoundMessage"
	MsgClientDisabled           = "clientDisabledMessage"
	MsgBearerOnly               = "bearerOnlyMessage"
	MsgStandardFlowDisabled     = "standardFlowDisabledMessage"
	MsgImplicitFlowDisabled     = "implicitFlowDisabledMessage"
	MsgRealmNotEnabled          = "realmNotEnabledMessage"
	MsgHTTPSRequired            = "httpsRequiredMessage"
	MsgPageNotFound             = "pageNotFound"
	MsgInternalError            = "internalServerError"
	MsgTooManyRequests          = "tooManyRequestsMessage"    // our own
	MsgUnsupportedAction        = "unsupportedRequiredAction" // our own; {0}: Keycloak's name of the action
	MsgFailedLogout             = "failedLogout"
	MsgSuccessLogout            = keySuccessLogout

	MsgDeviceInvalidCode   = "oauth2DeviceInvalidUserCodeMessage"
	MsgDeviceExpiredCode   = "oauth2DeviceExpiredUserCodeMessage"
	MsgDeviceConsentDenied = "oauth2DeviceConsentDeniedMessage"
	MsgDeviceGrantDisabled = "oauth2DeviceAuthorizationGrantDisabledMessage"

	MsgMissingUsername     = "missingUsernameMessage"
	MsgMissingPassword     = "missingPasswordMessage"
	MsgMissingEmail        = "missingEmailMessage"
	MsgMissingFirstName    = "missingFirstNameMessage"
	MsgMissingLastName     = "missingLastNameMessage"
	MsgInvalidEmail        = "invalidEmailMessage"
	MsgUsernameExists      = "usernameExistsMessage"
	MsgEmailExists         = "emailExistsMessage"
	MsgReadOnlyUsername    = "readOnlyUsernameMessage"
	MsgFieldRequired       = "error-user-attribute-required"
	MsgFieldReadOnly       = "error-user-attribute-read-only"
	MsgFieldInvalid        = "error-invalid-value"
	MsgFieldLength         = "error-invalid-length"           // {1}: least, {2}: most ({0}: field)
	MsgFieldTooShort       = "error-invalid-length-too-short" // {1}: least
	MsgFieldTooLong        = "error-invalid-length-too-long"  // {2}: most
	MsgUsernameCharacter   = "error-username-invalid-character"
	MsgPersonNameCharacter = "error-person-name-invalid-character"

	MsgPasswordsDiffer       = "notMatchPasswordMessage"
	MsgPasswordInvalid       = "invalidPasswordGenericMessage"
	MsgPasswordMinLength     = "invalidPasswordMinLengthMessage"         // {0}: characters
	MsgPasswordMaxLength     = "invalidPasswordMaxLengthMessage"         // {0}: characters
	MsgPasswordDigits        = "invalidPasswordMinDigitsMessage"         // {0}: how many
	MsgPasswordLowerCase     = "invalidPasswordMinLowerCaseCharsMessage" // {0}: how many
	MsgPasswordUpperCase     = "invalidPasswordMinUpperCaseCharsMessage" // {0}: how many
	MsgPasswordSpecial       = "invalidPasswordMinSpecialCharsMessage"   // {0}: how many
	MsgPasswordIsUsername    = "invalidPasswordNotUsernameMessage"
	MsgPasswordHasUsername   = "invalidPasswordNotContainsUsernameMessage"
	MsgPasswordIsEmail       = "invalidPasswordNotEmailMessage"
	MsgPasswordPattern       = "invalidPasswordRegexPatternMessage"
	MsgPasswordHistory       = "invalidPasswordHistoryMessage" // {0}: how many
	MsgPasswordForbiddenList = "invalidPasswordBlacklistedMessage"
)

// Keys the package itself shows.
const (
	keyUsername        = "username"
	keyUsernameOrEmail = "usernameOrEmail"
	keyEmail           = "email"
	keyFirstName       = "firstName"
	keyLastName        = "lastName"
	keyAlreadyLoggedIn = "alreadyLoggedIn"
	keySuccessLogout   = "successLogout"
	keyLanguageName    = "languageName" // the language in its own words
)

// placeholders are the keys realms name as ${key}: consent texts of the scopes
// and names of the clients that every realm has.
var placeholders = []string{
	"profileScopeConsentText", "emailScopeConsentText", "addressScopeConsentText", "phoneScopeConsentText",
	"offlineAccessScopeConsentText", "rolesScopeConsentText", "organizationScopeConsentText", "samlRoleListScopeConsentText",
	"client_account", "client_account-console", "client_security-admin-console", "client_admin-cli",
	"client_realm-management", "client_broker",
}
