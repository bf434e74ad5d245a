-- Most awards are never revoked, and need no entry here.
DROP INDEX user_achievements_revoked_by;
CREATE INDEX user_achievements_revoked_by ON user_achievements (revoked_by_user_id) WHERE revoked_by_user_id IS NOT NULL;

-- All that a profile's badges are made of, in their order.
CREATE INDEX user_achievements_shown
    ON user_achievements (user_id, priority, awarded_at, id, achievement_id, show_on_profile, revoked_at)
    WHERE show_on_profile AND revoked_at IS NULL;
