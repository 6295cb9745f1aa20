package store

// Every statement that is not bound to one shard is in this file. They serve
// lists, counts and jobs; nothing that a token request does is among them.
// A plus before a column keeps a planner without statistics from its index.

const userWhere = ` from users u where u.realm = $1 and ($2 = 1 or u.service_client is null)
 and ($3 = '' or u.username like $3 escape '!')
 and ($4 = '' or u.email like $4 escape '!')
 and ($5 = '' or lower(u.first_name) like $5 escape '!')
 and ($6 = '' or lower(u.last_name) like $6 escape '!')
 and ($7 = '' or u.username like $7 escape '!' or u.email like $7 escape '!'
      or lower(u.first_name) like $7 escape '!' or lower(u.last_name) like $7 escape '!')
 and ($8 < 0 or u.enabled = $8)
 and ($9 < 0 or u.email_verified = $9)
 and u.created >= $10 and u.created <= $11`

var (
	qUsers = stmt("list users", `select `+userColumns+userWhere+` order by u.username limit $12 offset $13 `+allShards)

	qCountUsers = stmt("count users", `select count(*)`+userWhere+` `+allShards)

	qUsersWithRole = stmt("users with role", `select `+userColumns+` from user_role r join users u on u.sk = r.sk and u.id = r.user_id
 where r.role_id = $1 and u.realm = $2 order by r.sk, r.user_id limit $3 offset $4 `+allShards)

	qUsersInGroup = stmt("users in group", `select `+userColumns+` from user_group g join users u on u.sk = g.sk and u.id = g.user_id
 where g.group_id = $1 and u.realm = $2 order by g.sk, g.user_id limit $3 offset $4 `+allShards)

	qSessionsOfClient = stmt("sessions of client", `select `+sessionColumns+`, us.ip, u.username`+sessionJoin+`
 where cs.client = $1 and cs.offline = $2 and cs.sk >= $3 and cs.sk <= $4 and us.realm = $5 and cs.rg = $6 and cs.cg = $7 and `+sessionAlive+`
 order by cs.sk, cs.session_id `+allShards)

	// The planner must begin at the index by client, whatever it knows.
	qScanClient = stmt("scan sessions of client", `select `+scanColumns+` from client_session cs cross join user_session us cross join users u
 where cs.client = $1 and cs.offline = $2 and cs.rg = $3 and cs.cg = $4 and cs.sk >= $5 and cs.sk <= $6
 and cs.last_refresh < $7 and cs.started < $8 and cs.ended is null
 and us.sk = cs.sk and us.id = cs.session_id and us.offline = cs.offline and us.realm = $9
 and u.sk = us.sk and u.id = us.user_id and u.gen = cs.ug `+allShards)

	qTimesOfClient = stmt("times of client's sessions", `select `+timeColumns+sessionJoin+`
 where cs.client = $1 and cs.offline = $2 and us.realm = $3 and cs.rg = $4 and cs.cg = $5 and `+sessionAlive+` `+allShards)

	qDueTimesOfClient = stmt("times of client's due sessions", `select `+timeColumns+sessionJoin+`
 where cs.die_slot >= 0 and cs.die_slot <= $1 and +cs.client = $2 and +cs.offline = $3 and us.realm = $4 and `+sessionAlive+` limit $5 `+allShards)

	qDueTimesOfRealm = stmt("times of realm's due sessions", `select `+timeColumns+sessionJoin+`
 where cs.die_slot >= 0 and cs.die_slot <= $1 and us.realm = $2 and `+sessionAlive+` limit $3 `+allShards)

	qCountByShard = stmt("session counts by shard", `select k.sk, k.n from session_count k
 where k.realm = $1 and k.client = $2 and `+countsNow+` and k.offline = $3 and k.n > 0 order by k.sk `+allShards)

	qCountFrom = stmt("session counts from shard", `select k.sk, k.n from session_count k
 where k.realm = $1 and k.client = $2 and `+countsNow+` and k.offline = $3 and k.sk >= $4 and k.n > 0 order by k.sk `+allShards)

	qCountClient = stmt("session count of client", `select coalesce(sum(k.n), 0) from session_count k
 where k.realm = $1 and k.client = $2 and `+countsNow+` and k.offline = $3 `+allShards)

	qCountRealm = stmt("session counts of realm", `select k.client, k.offline, k.rg, k.cg, sum(k.n) from session_count k
 where k.realm = $1 group by k.client, k.offline, k.rg, k.cg `+allShards)

	// One table alone: of a join a planner expects so little that it reads all of
	// it, in spite of the limit (44 s for 200 of 5,000,000 sessions).
	qDue = stmt("due sessions", `select cs.sk, cs.session_id, cs.client, cs.offline from client_session cs
 where cs.die_slot >= 0 and cs.die_slot < $1 order by cs.die_slot limit $2 `+allShards)

	qOldestDue = stmt("oldest due session", `select cs.die_slot from client_session cs
 where cs.die_slot >= 0 and cs.die_slot < $1 order by cs.die_slot limit 1 `+allShards)

	qEndedBefore = stmt("sessions ended before", `select cs.sk, cs.session_id, cs.client, cs.offline from client_session cs
 where cs.die_slot < 0 and cs.die_slot > $1 limit $2 `+allShards)

	qExpiredTokens = stmt("expired revoked tokens", `delete from revoked_token where (sk, jti) in
 (select r.sk, r.jti from revoked_token r where r.die_slot < $1 limit $2) `+allShards)

	qExpiredClaims = stmt("expired claims", `delete from claim where (sk, realm, kind, value) in
 (select k.sk, k.realm, k.kind, k.value from claim k where k.die_slot < $1 limit $2) `+allShards)

	qExpiredPending = stmt("expired pending", `delete from pending where (sk, id) in
 (select p.sk, p.id from pending p where p.die_slot < $1 limit $2) `+allShards)

	qFailuresOfRealm = stmt("clear realm's login failures", `delete from login_failure where (sk, user_id) in
 (select f.sk, f.user_id from login_failure f where f.realm = $1 limit $2) `+allShards)

	qOldEvents = stmt("old events", `delete from event where (sk, id) in
 (select e.sk, e.id from event e where e.realm = $1 and e.time_ms < $2 limit $3) `+allShards)

	qOldAdminEvents = stmt("old admin events", `delete from admin_event where (sk, id) in
 (select e.sk, e.id from admin_event e where e.realm = $1 and e.time_ms < $2 limit $3) `+allShards)

	qLastEvent      = stmt("last event", `select max(time_ms) from event where realm = $1 `+allShards)
	qLastAdminEvent = stmt("last admin event", `select max(time_ms) from admin_event where realm = $1 `+allShards)

	qEventsDown = stmt("events, newest first", eventSelect+` order by e.time_ms desc, e.id desc limit $8 offset $9 `+allShards)
	qEventsUp   = stmt("events, oldest first", eventSelect+` order by e.time_ms, e.id limit $8 offset $9 `+allShards)

	qAdminEventsDown = stmt("admin events, newest first", adminEventSelect+` order by e.time_ms desc, e.id desc limit $11 offset $12 `+allShards)
	qAdminEventsUp   = stmt("admin events, oldest first", adminEventSelect+` order by e.time_ms, e.id limit $11 offset $12 `+allShards)
)

// What an export and an import read of each table (copytable.go).

func stmtExport(t *copyTable) *query { return stmt("export "+t.name, t.readSQL()+` `+allShards) }

func stmtCount(t *copyTable) *query {
	return stmt("rows of "+t.name, `select count(*) from `+t.name+` `+allShards)
}

func stmtAny(t *copyTable) *query { return stmt("any row of "+t.name, t.anySQL()+` `+allShards) }
