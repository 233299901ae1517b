-- +goose Up

CREATE TABLE IF NOT EXISTS auth_onetime (
	user_id    text COLLATE "C" NOT NULL,
	purpose    text COLLATE "C" NOT NULL,
	hash       bytea            NOT NULL,
	email      text COLLATE "C" NOT NULL,
	epoch      bigint           NOT NULL,
	created_at bigint           NOT NULL,
	expires_at bigint           NOT NULL,
	PRIMARY KEY (user_id, purpose)
);

CREATE UNIQUE INDEX IF NOT EXISTS auth_onetime_hash ON auth_onetime (hash);
CREATE INDEX IF NOT EXISTS auth_onetime_expires ON auth_onetime (expires_at);
