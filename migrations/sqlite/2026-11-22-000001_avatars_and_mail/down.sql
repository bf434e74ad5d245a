DROP TABLE award_mails;
DROP INDEX achievements_avatar_key;
ALTER TABLE achievements DROP COLUMN avatar_hash;
ALTER TABLE achievements DROP COLUMN avatar_key;
