-- +goose Up

CREATE TABLE IF NOT EXISTS auth_attempts (
	bucket     text COLLATE "C" NOT NULL PRIMARY KEY,
	attempts   bigint           NOT NULL,
	since_at   bigint           NOT NULL,
	until_at   bigint           NOT NULL,
	expires_at bigint           NOT NULL
);

CREATE INDEX IF NOT EXISTS auth_attempts_expires ON auth_attempts (expires_at);
