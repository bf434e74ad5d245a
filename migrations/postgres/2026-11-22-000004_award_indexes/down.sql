DROP INDEX user_achievements_shown;
DROP INDEX user_achievements_revoked_by;
CREATE INDEX user_achievements_revoked_by ON user_achievements (revoked_by_user_id);
