-- The schema Latchkey starts with.
--
-- One text for SQLite, PostgreSQL and Citus: rows of a user carry the shard
-- sk first in every key, times are Unix seconds from the application (users'
-- created, events and consents: milliseconds), booleans are 0 and 1. Ids of
-- users, sessions and tokens are stored in the compact form of encode.go.
-- A session lives while ended is null and its generations (rg, cg, ug) are
-- those of its realm, client and user: a mass ending is then one row.

create table realm (
  id      text    not null primary key,
  num     bigint  not null unique,
  name    text    not null,
  visible integer not null,
  version bigint  not null,
  doc     text    not null
);

-- Names of visible realms: an import in progress takes its name when it is shown.
create table realm_name (
  name     text not null primary key,
  realm_id text not null
);

-- Clients, scopes, roles, groups and components. num is a client's number;
-- sealed is AES-256-GCM under the instance key.
create table realm_object (
  realm_id text   not null,
  kind     text   not null,
  id       text   not null,
  num      bigint,
  name     text   not null,
  doc      text   not null,
  sealed   bytea,
  primary key (realm_id, kind, id),
  unique (realm_id, kind, name),
  unique (num)
);

-- Counter rows: numbers are never given twice.
create table number (
  name text   not null primary key,
  next bigint not null
);
insert into number (name, next) values ('realm', 1);
insert into number (name, next) values ('client', 1);

-- How often all sessions of a realm (client 0) or of a client were ended.
create table generation (
  realm    bigint  not null,
  client   bigint  not null,
  gen      integer not null,
  ended_at bigint  not null,
  reason   text,
  ended_by text,
  primary key (realm, client)
);

create table users (
  sk             integer not null,
  id             bytea   not null,
  realm          bigint  not null,
  username       text    not null,
  email          text,
  first_name     text,
  last_name      text,
  enabled        integer not null,
  email_verified integer not null,
  created        bigint  not null,
  not_before     bigint  not null,
  gen            integer not null,
  gen_at         bigint,
  gen_reason     text,
  gen_by         text,
  version        bigint  not null,
  service_client text,
  grants         text,
  doc            text,
  primary key (sk, id)
);
create index users_by_name on users (realm, username);

-- Reverse look-ups of users.grants.
create table user_role (
  sk      integer not null,
  user_id bytea   not null,
  role_id bytea   not null,
  primary key (sk, user_id, role_id)
);
create index user_role_by_role on user_role (role_id, sk, user_id);

create table user_group (
  sk       integer not null,
  user_id  bytea   not null,
  group_id bytea   not null,
  primary key (sk, user_id, group_id)
);
create index user_group_by_group on user_group (group_id, sk, user_id);

-- Claims of user names (kind u) and e-mails (kind e); sk is the claim's own.
create table login_name (
  sk      integer not null,
  realm   bigint  not null,
  kind    text    not null,
  value   text    not null,
  user_id bytea   not null,
  primary key (sk, realm, kind, value)
);

create table credential (
  sk              integer not null,
  user_id         bytea   not null,
  id              bytea   not null,
  type            text    not null,
  label           text,
  created         bigint  not null,
  priority        integer not null,
  secret_data     text,
  credential_data text,
  primary key (sk, user_id, id)
);

create table consent (
  sk        integer not null,
  user_id   bytea   not null,
  client    bigint  not null,
  client_id bytea   not null,
  scopes    text,
  created   bigint  not null,
  updated   bigint  not null,
  primary key (sk, user_id, client)
);

create table user_session (
  sk           integer not null,
  id           bytea   not null,
  offline      integer not null,
  realm        bigint  not null,
  user_id      bytea   not null,
  started      bigint  not null,
  ip           bytea,
  remember_me  integer not null,
  rg           integer not null,
  ug           integer not null,
  ended        bigint,
  ended_reason text,
  ended_by     text,
  primary key (sk, id, offline)
);
create index user_session_by_user on user_session (sk, user_id);

-- Realm, user, start and remember-me are those of the user session.
-- Only die_slot is an indexed time, and a refresh does not change it; it is
-- negative once the session ended. The generations are in the index by client
-- so that what a mass ending left is never read by a list.
create table client_session (
  sk           integer not null,
  session_id   bytea   not null,
  client       bigint  not null,
  offline      integer not null,
  started      bigint  not null,
  last_refresh bigint  not null,
  rg           integer not null,
  cg           integer not null,
  ug           integer not null,
  version      bigint  not null,
  chain        bytea,
  used         bytea,
  uses         integer not null,
  cur          bytea,
  issued       bigint  not null,
  chains       text,
  scope        bigint  not null,
  notes        bytea,
  ended        bigint,
  ended_reason text,
  ended_by     text,
  die_slot     integer not null,
  primary key (sk, session_id, client, offline)
);
create index client_session_by_client on client_session (client, offline, rg, cg, sk);
create index client_session_by_slot on client_session (die_slot);

-- Texts of client_session.scope; id is the start of the text's SHA-256.
create table scope_text (
  id    bigint not null primary key,
  value text   not null
);

-- Live sessions by shard. Counts of passed generations are not read any more.
create table session_count (
  sk      integer not null,
  realm   bigint  not null,
  client  bigint  not null,
  offline integer not null,
  rg      integer not null,
  cg      integer not null,
  n       bigint  not null,
  primary key (sk, realm, client, offline, rg, cg)
);
create index session_count_by_client on session_count (realm, client, offline, rg, cg, sk);

-- Access tokens taken back, until they expire.
create table revoked_token (
  sk       integer not null,
  jti      bytea   not null,
  exp      bigint  not null,
  die_slot integer not null,
  primary key (sk, jti)
);
create index revoked_token_by_slot on revoked_token (die_slot);

-- Things that may be used once, until they expire.
create table claim (
  sk       integer not null,
  realm    bigint  not null,
  kind     text    not null,
  value    text    not null,
  exp      bigint  not null,
  die_slot integer not null,
  primary key (sk, realm, kind, value)
);
create index claim_by_slot on claim (die_slot);

create table event (
  sk         integer not null,
  id         bytea   not null,
  realm      bigint  not null,
  time_ms    bigint  not null,
  type       text    not null,
  realm_id   text    not null,
  client_id  text,
  user_id    text,
  session_id text,
  ip         text,
  error      text,
  details    text,
  primary key (sk, id)
);
create index event_by_time on event (realm, time_ms);

create table admin_event (
  sk             integer not null,
  id             bytea   not null,
  realm          bigint  not null,
  time_ms        bigint  not null,
  realm_id       text    not null,
  auth_realm     text,
  auth_client    text,
  auth_user      text,
  ip             text,
  operation      text    not null,
  resource_type  text    not null,
  resource_path  text,
  representation text,
  error          text,
  details        text,
  primary key (sk, id)
);
create index admin_event_by_time on admin_event (realm, time_ms);

create table lease (
  name        text   not null primary key,
  holder      text   not null,
  held_until  bigint not null
);

-- Work left for jobs: kind is realm or client (deleted), sessions (ended in
-- one go), events or admin_events (cleared up to at, in milliseconds).
create table purge (
  realm   bigint  not null,
  client  bigint  not null,
  kind    text    not null,
  at      bigint  not null,
  next_sk integer not null,
  primary key (realm, client, kind)
);
