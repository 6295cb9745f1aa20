-- What a login in a browser needs between two requests, so that any node can
-- answer the next one.
--
-- pending: things in progress that a secret handle stands for: logins,
-- authorization codes, pushed requests, device codes. id is the SHA-256 of the
-- handle, so that the table gives none away; doc is JSON. A thing is used once.
--
-- login_failure: wrong passwords of a user since the last right one; times are
-- Unix milliseconds (last) and seconds (until).

create table pending (
  sk       integer not null,
  id       bytea   not null,
  kind     text    not null,
  realm    bigint  not null,
  version  bigint  not null,
  used     integer not null,
  doc      text    not null,
  exp      bigint  not null,
  die_slot integer not null,
  primary key (sk, id)
);
create index pending_by_slot on pending (die_slot);

create table login_failure (
  sk       integer not null,
  user_id  bytea   not null,
  realm    bigint  not null,
  failures integer not null,
  lockouts integer not null,
  last     bigint  not null,
  until    bigint  not null,
  ip       text,
  version  bigint  not null,
  primary key (sk, user_id)
);
create index login_failure_by_realm on login_failure (realm, sk, user_id);
