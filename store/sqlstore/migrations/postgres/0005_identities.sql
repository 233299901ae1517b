-- +goose Up

CREATE TABLE IF NOT EXISTS auth_identities (
	provider   text COLLATE "C" NOT NULL,
	subject    text COLLATE "C" NOT NULL,
	user_id    text COLLATE "C" NOT NULL,
	username   text COLLATE "C" NOT NULL,
	email      text COLLATE "C" NOT NULL,
	avatar_url text COLLATE "C" NOT NULL,
	created_at bigint           NOT NULL,
	PRIMARY KEY (provider, subject)
);

CREATE UNIQUE INDEX IF NOT EXISTS auth_identities_user ON auth_identities (user_id, provider);
