-- Rows as the program of migration 0001 wrote them. Never change a fixture: it
-- stands for databases that exist.
insert into realm (id, num, name, visible, version, doc) values
 ('realm-1', 1, 'demo', 1, 5, '{"id":"realm-1","num":1,"realm":"demo","enabled":true,"sslRequired":"external","defaultSignatureAlgorithm":"RS256"}');
insert into realm_name (name, realm_id) values ('demo', 'realm-1');
insert into realm_object (realm_id, kind, id, num, name, doc, sealed) values
 ('realm-1', 'client', 'c1', 3, 'app', '{"id":"c1","num":3,"clientId":"app","enabled":true}', null);
update number set next = 2 where name = 'realm';
update number set next = 4 where name = 'client';
-- User 0f8fad5b-d9cb-469f-a165-70867728950e.
insert into users (sk, id, realm, username, email, first_name, last_name, enabled, email_verified, created, not_before, gen, version, grants, doc) values
 (@sk, x'0f8fad5bd9cb469fa16570867728950e', 1, 'alice', 'alice@example.org', 'Alice', null, 1, 0, 1790000000123, 0, 1, 2, '{"roles":["role-1"]}', '{"attributes":{"locale":["de"]}}');
insert into login_name (sk, realm, kind, value, user_id) values (@name, 1, 'u', 'alice', x'0f8fad5bd9cb469fa16570867728950e');
insert into user_session (sk, id, offline, realm, user_id, started, ip, remember_me, rg, ug) values
 (@sk, x'000102030405060708090a0b0c0d0e0f', 1, 1, x'0f8fad5bd9cb469fa16570867728950e', 1790000000, x'cb007109', 0, 0, 1);
insert into client_session (sk, session_id, client, offline, started, last_refresh, rg, cg, ug, version, chain, used, uses, cur, issued, scope, notes, die_slot) values
 (@sk, x'000102030405060708090a0b0c0d0e0f', 3, 1, 1790000000, 1790000500, 0, 0, 1, 4, x'00756e69636f', null, 0, x'0f8fad5bd9cb469fa16570867728950f', 1790000500, 77, x'0181ee89ab0d0215', 1991768);
insert into scope_text (id, value) values (77, 'openid offline_access');
insert into session_count (sk, realm, client, offline, rg, cg, n) values (@sk, 1, 3, 1, 0, 0, 1);
