-- Where the images of the avatar are kept, and the hash in their address.
ALTER TABLE achievements ADD COLUMN avatar_key TEXT;
ALTER TABLE achievements ADD COLUMN avatar_hash TEXT CHECK ((avatar_hash IS NULL) = (avatar_key IS NULL));
CREATE UNIQUE INDEX achievements_avatar_key ON achievements (avatar_key) WHERE avatar_key IS NOT NULL;

-- The outbox: a mail waits while next_attempt_at says when it is to be tried.
CREATE TABLE award_mails (
    user_achievement_id BIGINT PRIMARY KEY NOT NULL REFERENCES user_achievements (id) ON DELETE CASCADE,
    queued_at TIMESTAMP NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    next_attempt_at TIMESTAMP,
    sent_at TIMESTAMP,
    failed_at TIMESTAMP,
    CHECK (sent_at IS NULL OR failed_at IS NULL)
);
CREATE INDEX award_mails_due ON award_mails (next_attempt_at) WHERE next_attempt_at IS NOT NULL;
