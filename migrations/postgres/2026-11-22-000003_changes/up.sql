-- What changed of what everyone may see, so that instances know which finished answers to forget:
-- of an award, whose and of which achievement; of anything else, neither. Swept hourly.
-- Transactions do not end in the order of their numbers: see horizon.
CREATE TABLE changes (
    position BIGINT NOT NULL DEFAULT pg_current_xact_id()::TEXT::BIGINT,
    user_id BIGINT,
    achievement_id BIGINT
);
CREATE INDEX changes_position ON changes (position);

-- All changes before `settled` can be seen. None has come to `next` yet.
CREATE VIEW horizon AS
SELECT pg_snapshot_xmin(snapshot)::TEXT::BIGINT AS settled, pg_snapshot_xmax(snapshot)::TEXT::BIGINT AS next
FROM pg_current_snapshot() AS snapshot;

CREATE FUNCTION note_award() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        INSERT INTO changes (user_id, achievement_id) VALUES (OLD.user_id, OLD.achievement_id);
    ELSE
        INSERT INTO changes (user_id, achievement_id) VALUES (NEW.user_id, NEW.achievement_id);
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER user_achievements_changed AFTER INSERT OR UPDATE OR DELETE
    ON user_achievements FOR EACH ROW EXECUTE FUNCTION note_award();

CREATE FUNCTION note_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO changes (user_id) VALUES (NULL);
    RETURN NULL;
END
$$;
-- The counts change with awards, of which there is a change already.
CREATE TRIGGER achievements_changed
    AFTER INSERT OR DELETE OR UPDATE OF namespace_id, name, description, avatar_hash, created_at, updated_at
    ON achievements FOR EACH STATEMENT EXECUTE FUNCTION note_change();
-- Of a new user there is nothing to be forgotten.
CREATE TRIGGER users_changed AFTER UPDATE OR DELETE
    ON users FOR EACH STATEMENT EXECUTE FUNCTION note_change();
CREATE TRIGGER namespaces_changed AFTER INSERT OR UPDATE OR DELETE
    ON namespaces FOR EACH STATEMENT EXECUTE FUNCTION note_change();
CREATE TRIGGER feature_flags_changed AFTER INSERT OR UPDATE OR DELETE
    ON feature_flags FOR EACH STATEMENT EXECUTE FUNCTION note_change();
