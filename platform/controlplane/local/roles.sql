-- The two roles of a Stoa database. Run once by a superuser, connected to the database `stoa`.
-- One statement a line: PostgreSQL's single-user mode reads this file as well.
-- In production give both roles a password afterwards: ALTER ROLE stoa_app PASSWORD '...';
CREATE ROLE stoa_owner LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEROLE;
CREATE ROLE stoa_app LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEROLE NOCREATEDB;
ALTER DATABASE stoa OWNER TO stoa_owner;
REVOKE ALL ON DATABASE stoa FROM PUBLIC;
GRANT CONNECT ON DATABASE stoa TO stoa_app;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
ALTER SCHEMA public OWNER TO stoa_owner;
GRANT USAGE ON SCHEMA public TO stoa_app;
