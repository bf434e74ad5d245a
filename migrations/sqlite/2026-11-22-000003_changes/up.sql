-- What changed of what everyone may see, so that instances know which finished answers to forget:
-- of an award, whose and of which achievement; of anything else, neither. Swept hourly.
CREATE TABLE changes (
    position INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    user_id BIGINT,
    achievement_id BIGINT
);

-- All changes before `settled` can be seen. None has come to `next` yet.
CREATE VIEW horizon AS
SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'changes'), 0) + 1 AS settled,
    coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'changes'), 0) + 1 AS next;

CREATE TRIGGER user_achievements_inserted AFTER INSERT ON user_achievements
BEGIN
    INSERT INTO changes (user_id, achievement_id) VALUES (NEW.user_id, NEW.achievement_id);
END;
CREATE TRIGGER user_achievements_updated AFTER UPDATE ON user_achievements
BEGIN
    INSERT INTO changes (user_id, achievement_id) VALUES (NEW.user_id, NEW.achievement_id);
END;
CREATE TRIGGER user_achievements_deleted AFTER DELETE ON user_achievements
BEGIN
    INSERT INTO changes (user_id, achievement_id) VALUES (OLD.user_id, OLD.achievement_id);
END;

CREATE TRIGGER achievements_inserted AFTER INSERT ON achievements
BEGIN
    INSERT INTO changes (user_id) VALUES (NULL);
END;
-- The counts change with awards, of which there is a change already.
CREATE TRIGGER achievements_updated
AFTER UPDATE OF namespace_id, name, description, avatar_hash, created_at, updated_at ON achievements
BEGIN
    INSERT INTO changes (user_id) VALUES (NULL);
END;
CREATE TRIGGER achievements_deleted AFTER DELETE ON achievements
BEGIN
    INSERT INTO changes (user_id) VALUES (NULL);
END;

-- Of a new user there is nothing to be forgotten.
CREATE TRIGGER users_updated AFTER UPDATE ON users
BEGIN
    INSERT INTO changes (user_id) VALUES (NULL);
END;
CREATE TRIGGER users_deleted AFTER DELETE ON users
BEGIN
    INSERT INTO changes (user_id) VALUES (NULL);
END;

CREATE TRIGGER namespaces_inserted AFTER INSERT ON namespaces
BEGIN
    INSERT INTO changes (user_id) VALUES (NULL);
END;
CREATE TRIGGER namespaces_updated AFTER UPDATE ON namespaces
BEGIN
    INSERT INTO changes (user_id) VALUES (NULL);
END;
CREATE TRIGGER namespaces_deleted AFTER DELETE ON namespaces
BEGIN
    INSERT INTO changes (user_id) VALUES (NULL);
END;

CREATE TRIGGER feature_flags_inserted AFTER INSERT ON feature_flags
BEGIN
    INSERT INTO changes (user_id) VALUES (NULL);
END;
CREATE TRIGGER feature_flags_updated AFTER UPDATE ON feature_flags
BEGIN
    INSERT INTO changes (user_id) VALUES (NULL);
END;
CREATE TRIGGER feature_flags_deleted AFTER DELETE ON feature_flags
BEGIN
    INSERT INTO changes (user_id) VALUES (NULL);
END;
