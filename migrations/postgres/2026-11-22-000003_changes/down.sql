DROP TRIGGER feature_flags_changed ON feature_flags;
DROP TRIGGER namespaces_changed ON namespaces;
DROP TRIGGER users_changed ON users;
DROP TRIGGER achievements_changed ON achievements;
DROP FUNCTION note_change;
DROP TRIGGER user_achievements_changed ON user_achievements;
DROP FUNCTION note_award;
DROP VIEW horizon;
DROP TABLE changes;
