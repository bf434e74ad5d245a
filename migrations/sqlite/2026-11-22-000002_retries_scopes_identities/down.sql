DROP TABLE identities;
DROP TABLE idempotency_keys;
ALTER TABLE personal_access_tokens DROP COLUMN last_used_at;
ALTER TABLE personal_access_tokens DROP COLUMN scopes;
