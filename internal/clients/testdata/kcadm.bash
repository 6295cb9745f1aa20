#!/usr/bin/env bash
# Drives $KCADM at $BASE and realm $REALM, where user1 has offline and online
# sessions of offline-access-portal. Prints a TAP line a call.
set -uo pipefail
n=0 config=$PWD/kcadm.config

# kc ARGS...: one call; out is what it printed, code how it ended.
kc() {
	out=$("$KCADM" "$@" --config "$config" 2>&1)
	code=$?
}

# step NAME PATTERN ARGS...: the call must succeed and print what the pattern
# (an extended regular expression) matches.
step() {
	local name=$1 pattern=$2
	kc "${@:3}"
	if ((code == 0)) && [[ $out =~ $pattern ]]; then report ok "$name"; else report 'not ok' "$name"; fi
}

# refused NAME PATTERN ARGS...: the call must fail, and say what the pattern matches.
refused() {
	local name=$1 pattern=$2
	kc "${@:3}"
	if ((code != 0)) && [[ $out =~ $pattern ]]; then report ok "$name"; else report 'not ok' "$name"; fi
}

report() {
	n=$((n + 1))
	printf '%s %d - %s\n' "$1" "$n" "$2"
	[[ $1 == ok ]] || printf '# ended with %s:\n%s\n' "$code" "$out"
}

id='([0-9a-f]{8}-[0-9a-f-]{27})'
second=$REALM-second

step 'config credentials' 'Logging into' config credentials --server "$BASE" --realm master --user admin --password admin

step 'create a realm' "Created new realm with id '$second'" create realms -s realm="$second" -s enabled=true
step 'update timeouts of a realm' '^$' update "realms/$second" -s offlineSessionIdleTimeout=86400 -s offlineSessionMaxLifespanEnabled=true -s ssoSessionIdleTimeout=600
step 'get fields of a realm' '"ssoSessionIdleTimeout" : 600,.*"offlineSessionIdleTimeout" : 86400,.*"offlineSessionMaxLifespanEnabled" : true' \
	get "realms/$second" --fields ssoSessionIdleTimeout,offlineSessionIdleTimeout,offlineSessionMaxLifespanEnabled
step 'delete a realm' '^$' delete "realms/$second"

cat >client.json <<'JSON'
{"clientId": "by-file", "secret": "s3cret", "directAccessGrantsEnabled": true, "redirectUris": ["http://localhost:9999/*"]}
JSON
step 'create a client from a file' "^$id\$" create clients -r "$REALM" -f client.json -i
client=$out
step 'find a client as csv' "^\"$client\",\"by-file\"\$" get clients -r "$REALM" -q clientId=by-file --fields id,clientId --format csv
step 'update a client' '^$' update "clients/$client" -r "$REALM" -s 'attributes."client.offline.session.idle.timeout"=3600' -s consentRequired=true

step 'create a user' "^$id\$" create users -r "$REALM" -s username=vera -s enabled=true -s email=vera@example.org -s 'attributes.department=["a"]' -i
vera=$out
refused 'create the same user' 'User exists with same username' create users -r "$REALM" -s username=vera
step 'set a password' '^$' set-password -r "$REALM" --username vera --new-password secret --temporary

step 'create a role' "Created new role with id 'auditor'" create roles -r "$REALM" -s name=auditor -s description=Audits
step 'add realm roles' '^$' add-roles -r "$REALM" --uusername vera --rolename auditor --rolename manager
step 'add client roles' '^$' add-roles -r "$REALM" --uid "$vera" --cclientid realm-management --rolename view-users
step 'get effective roles' '"auditor"(.|\n)*"user"|"user"(.|\n)*"auditor"' get-roles -r "$REALM" --uusername vera --effective

step 'create a group' "^$id\$" create groups -r "$REALM" -s name=crew -i
group=$out
step 'join a group' '^$' update "users/$vera/groups/$group" -r "$REALM" -s realm="$REALM" -s userId="$vera" -s groupId="$group" -n
step 'members of a group' '^vera$' get "groups/$group/members" -r "$REALM" --fields username --format csv --noquotes
step 'delete a user' '^$' delete "users/$vera" -r "$REALM"

step 'offline sessions of a client' '"username" : "user1"' get "clients/$PORTAL/offline-sessions" -r "$REALM"
step 'offline sessions of a user' "\"$PORTAL\" : \"offline-access-portal\"" get "users/$USER1/offline-sessions/$PORTAL" -r "$REALM"
step 'revoke a consent' '^$' delete "users/$USER1/consents/consent-app" -r "$REALM"
step 'consents of a user, one revoked' '^offline-access-portal$' get "users/$USER1/consents" -r "$REALM" --fields clientId --format csv --noquotes
step 'log a user out' '^$' create "users/$USER1/logout" -r "$REALM" -s user="$USER1" -s realm="$REALM"
step 'sessions of a user who was logged out' '^\[ *\]$' get "users/$USER1/sessions" -r "$REALM"

step 'events' '^"?LOGIN"?,"?offline-access-portal' get events -r "$REALM" -q type=LOGIN --fields type,clientId --format csv --offset 0 --limit 5

echo "1..$n"
