-- A stand-in for Citus on a stock server: the functions and the catalogue that
-- Latchkey calls, with the rules of Citus 13's documentation and the errors of
-- its source. It moves no rows; calls records what was asked.
create schema citus_stand_in;
set search_path = citus_stand_in;

create table calls (n serial primary key, call text not null);

create table pg_dist_partition (
  logicalrelid regclass primary key,
  partmethod   "char" not null,
  partkey      text,
  colocationid integer not null,
  repmodel     "char" not null
);

create table pg_dist_colocation (colocationid serial primary key, shardcount integer not null, distributioncolumntype oid);

create function citus_version() returns text language sql as $$ select 'stand-in for Citus 13' $$;

create function column_to_column_name(t regclass, k text) returns text language sql strict as $$ select k $$;

create function ensure_not_distributed(t regclass) returns void language plpgsql as $$
begin
  if exists (select 1 from pg_dist_partition p where p.logicalrelid = t and (p.partmethod = 'h' or p.repmodel = 't')) then
    raise exception 'table "%" is already distributed', t using errcode = '22023';
  end if;
end $$;

create function create_distributed_table(table_name regclass, distribution_column text, distribution_type text default 'hash',
  colocate_with text default 'default', shard_count int default null) returns void language plpgsql as $$
declare
  wanted regclass;
  column_type oid;
  attnum smallint;
  grp integer;
begin
  perform ensure_not_distributed(table_name);
  select a.atttypid, a.attnum into column_type, attnum from pg_attribute a where a.attrelid = table_name and a.attname = distribution_column and not a.attisdropped;
  if column_type is null then
    raise exception 'column "%" of relation "%" does not exist', distribution_column, table_name using errcode = '42703';
  end if;
  if exists (select 1 from pg_index i where i.indrelid = table_name and i.indisunique and not attnum = any (i.indkey::smallint[])) then
    raise exception 'cannot create constraint on "%"', table_name using errcode = '0A000',
      detail = 'Distributed relations cannot have UNIQUE, EXCLUDE, or PRIMARY KEY constraints that do not include the partition column (with an equality operator if EXCLUDE).';
  end if;
  if exists (select 1 from pg_trigger g where g.tgrelid = table_name and not g.tgisinternal) then
    raise exception 'cannot distribute relation "%" because it has triggers', table_name using errcode = '0A000';
  end if;
  if exists (select 1 from pg_constraint c where c.contype = 'f' and (c.conrelid = table_name or c.confrelid = table_name)) then
    raise exception 'the stand-in knows no foreign keys' using errcode = '0A000';
  end if;
  if shard_count is not null and colocate_with not in ('default', 'none') then
    raise exception 'Cannot use colocate_with with a table and shard_count at the same time';
  end if;
  if shard_count not between 1 and 64000 then
    raise exception '% is outside the valid range for parameter "shard_count" (1 .. 64000)', shard_count;
  end if;
  if colocate_with in ('default', 'none') then
    insert into pg_dist_colocation (shardcount, distributioncolumntype) values (coalesce(shard_count, 32), column_type) returning colocationid into grp;
  else
    wanted := colocate_with::regclass;
    select c.colocationid into grp from pg_dist_partition p join pg_dist_colocation c using (colocationid) where p.logicalrelid = wanted and p.partmethod = 'h';
    if grp is null then
      raise exception 'relation % is not distributed', wanted using errcode = '0A000';
    end if;
    if column_type <> (select c.distributioncolumntype from pg_dist_colocation c where c.colocationid = grp) then
      raise exception 'cannot colocate tables % and %', wanted, table_name using detail = format('Distribution column types don''t match for %s and %s.', wanted, table_name);
    end if;
  end if;
  delete from pg_dist_partition p where p.logicalrelid = table_name; -- kept on the coordinator until now
  insert into pg_dist_partition values (table_name, 'h', distribution_column, grp, 's');
  insert into calls (call) values (format('distribute %s by %s with %s', table_name, distribution_column, case when shard_count is null then colocate_with else colocate_with || ' over ' || shard_count end));
  execute format('lock table %s in exclusive mode', table_name); -- as long as its rows are copied
end $$;

create function create_reference_table(table_name regclass) returns void language plpgsql as $$
begin
  perform ensure_not_distributed(table_name);
  if exists (select 1 from pg_trigger g where g.tgrelid = table_name and not g.tgisinternal) then
    raise exception 'cannot distribute relation "%" because it has triggers', table_name using errcode = '0A000';
  end if;
  delete from pg_dist_partition p where p.logicalrelid = table_name;
  insert into pg_dist_partition values (table_name, 'n', null, 1, 't');
  insert into calls (call) values (format('copy %s', table_name));
end $$;

insert into pg_dist_colocation (shardcount) values (1); -- of reference tables
