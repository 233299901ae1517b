-- +goose Up

CREATE TABLE IF NOT EXISTS auth_identities (
	provider   TEXT    NOT NULL,
	subject    TEXT    NOT NULL,
	user_id    TEXT    NOT NULL,
	username   TEXT    NOT NULL,
	email      TEXT    NOT NULL,
	avatar_url TEXT    NOT NULL,
	created_at INTEGER NOT NULL,
	PRIMARY KEY (provider, subject)
) STRICT;

CREATE UNIQUE INDEX IF NOT EXISTS auth_identities_user ON auth_identities (user_id, provider);
