-- Ids are never used again (AUTOINCREMENT): a token of a deleted user must not fit the next one.
CREATE TABLE users (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    username TEXT NOT NULL CHECK (length(username) BETWEEN 1 AND 255),
    username_key TEXT NOT NULL GENERATED ALWAYS AS (lower(username)) STORED,
    name TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 255),
    email TEXT NOT NULL CHECK (length(email) BETWEEN 3 AND 254),
    password_hash TEXT,
    admin BOOLEAN NOT NULL DEFAULT FALSE,
    blocked BOOLEAN NOT NULL DEFAULT FALSE,
    private_profile BOOLEAN NOT NULL DEFAULT FALSE,
    achievements_enabled BOOLEAN NOT NULL DEFAULT TRUE,
    search_key TEXT NOT NULL,
    created_at TIMESTAMP NOT NULL,
    updated_at TIMESTAMP NOT NULL
);
CREATE UNIQUE INDEX users_username_key ON users (username_key);

CREATE TABLE personal_access_tokens (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 255),
    created_at TIMESTAMP NOT NULL,
    expires_at TIMESTAMP NOT NULL
);
CREATE INDEX personal_access_tokens_user ON personal_access_tokens (user_id, id);

-- visibility: 0 private, 10 internal, 20 public.
CREATE TABLE namespaces (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    parent_id BIGINT REFERENCES namespaces (id) ON DELETE CASCADE,
    path TEXT NOT NULL CHECK (length(path) BETWEEN 1 AND 255),
    full_path TEXT NOT NULL,
    full_path_key TEXT NOT NULL GENERATED ALWAYS AS (lower(full_path)) STORED,
    name TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 255),
    description TEXT NOT NULL DEFAULT '' CHECK (length(description) <= 1024),
    visibility SMALLINT NOT NULL CHECK (visibility IN (0, 10, 20)),
    created_at TIMESTAMP NOT NULL,
    updated_at TIMESTAMP NOT NULL
);
CREATE UNIQUE INDEX namespaces_full_path_key ON namespaces (full_path_key);
CREATE INDEX namespaces_parent ON namespaces (parent_id);

-- Each namespace with itself and every namespace above it, so that inherited roles are one lookup.
CREATE TABLE namespace_ancestors (
    namespace_id BIGINT NOT NULL REFERENCES namespaces (id) ON DELETE CASCADE,
    ancestor_id BIGINT NOT NULL REFERENCES namespaces (id) ON DELETE CASCADE,
    PRIMARY KEY (namespace_id, ancestor_id)
) WITHOUT ROWID;
CREATE INDEX namespace_ancestors_ancestor ON namespace_ancestors (ancestor_id, namespace_id);

-- role: 10 guest, 15 planner, 20 reporter, 30 developer, 40 maintainer, 50 owner.
CREATE TABLE members (
    namespace_id BIGINT NOT NULL REFERENCES namespaces (id) ON DELETE CASCADE,
    user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    role SMALLINT NOT NULL CHECK (role IN (10, 15, 20, 30, 40, 50)),
    created_at TIMESTAMP NOT NULL,
    PRIMARY KEY (namespace_id, user_id)
) WITHOUT ROWID;
CREATE INDEX members_user ON members (user_id, namespace_id, role);

-- The counts are of awards that are neither declined nor revoked; triggers keep them.
CREATE TABLE achievements (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    namespace_id BIGINT NOT NULL REFERENCES namespaces (id) ON DELETE CASCADE,
    name TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 255),
    name_key TEXT NOT NULL,
    description TEXT NOT NULL DEFAULT '' CHECK (length(description) <= 1024),
    user_achievements_count BIGINT NOT NULL DEFAULT 0 CHECK (user_achievements_count >= 0),
    unique_users_count BIGINT NOT NULL DEFAULT 0 CHECK (unique_users_count >= 0),
    created_at TIMESTAMP NOT NULL,
    updated_at TIMESTAMP NOT NULL
);
CREATE UNIQUE INDEX achievements_name_key ON achievements (namespace_id, name_key);

-- priority: 0 first; 2147483647 stands for none, which sorts it last without a special case.
CREATE TABLE user_achievements (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    achievement_id BIGINT NOT NULL REFERENCES achievements (id) ON DELETE CASCADE,
    user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    awarded_by_user_id BIGINT REFERENCES users (id) ON DELETE SET NULL,
    awarded_at TIMESTAMP NOT NULL,
    award_message TEXT NOT NULL DEFAULT '' CHECK (length(award_message) <= 200),
    accepted_at TIMESTAMP,
    declined_at TIMESTAMP,
    revoked_at TIMESTAMP,
    revoked_by_user_id BIGINT REFERENCES users (id) ON DELETE SET NULL,
    priority INTEGER NOT NULL DEFAULT 2147483647 CHECK (priority >= 0),
    show_on_profile BOOLEAN NOT NULL DEFAULT FALSE,
    CHECK (accepted_at IS NULL OR declined_at IS NULL),
    CHECK (accepted_at IS NOT NULL OR NOT show_on_profile),
    CHECK (revoked_at IS NOT NULL OR revoked_by_user_id IS NULL)
);
CREATE INDEX user_achievements_profile ON user_achievements (user_id, priority, awarded_at, id);
CREATE INDEX user_achievements_recipients ON user_achievements (achievement_id, awarded_at, id);
CREATE INDEX user_achievements_unique_users ON user_achievements (achievement_id, user_id);
CREATE INDEX user_achievements_awarded_by ON user_achievements (awarded_by_user_id);
CREATE INDEX user_achievements_revoked_by ON user_achievements (revoked_by_user_id);

CREATE TRIGGER user_achievements_count_insert AFTER INSERT ON user_achievements
WHEN NEW.revoked_at IS NULL AND NEW.declined_at IS NULL
BEGIN
    UPDATE achievements SET
        user_achievements_count = user_achievements_count + 1,
        unique_users_count = unique_users_count + NOT EXISTS (
            SELECT 1 FROM user_achievements
            WHERE achievement_id = NEW.achievement_id AND user_id = NEW.user_id AND id <> NEW.id
                AND revoked_at IS NULL AND declined_at IS NULL)
    WHERE id = NEW.achievement_id;
END;

CREATE TRIGGER user_achievements_count_return AFTER UPDATE OF revoked_at, declined_at ON user_achievements
WHEN NOT (OLD.revoked_at IS NULL AND OLD.declined_at IS NULL) AND NEW.revoked_at IS NULL AND NEW.declined_at IS NULL
BEGIN
    UPDATE achievements SET
        user_achievements_count = user_achievements_count + 1,
        unique_users_count = unique_users_count + NOT EXISTS (
            SELECT 1 FROM user_achievements
            WHERE achievement_id = NEW.achievement_id AND user_id = NEW.user_id AND id <> NEW.id
                AND revoked_at IS NULL AND declined_at IS NULL)
    WHERE id = NEW.achievement_id;
END;

CREATE TRIGGER user_achievements_count_leave AFTER UPDATE OF revoked_at, declined_at ON user_achievements
WHEN OLD.revoked_at IS NULL AND OLD.declined_at IS NULL AND NOT (NEW.revoked_at IS NULL AND NEW.declined_at IS NULL)
BEGIN
    UPDATE achievements SET
        user_achievements_count = user_achievements_count - 1,
        unique_users_count = unique_users_count - NOT EXISTS (
            SELECT 1 FROM user_achievements
            WHERE achievement_id = OLD.achievement_id AND user_id = OLD.user_id AND id <> OLD.id
                AND revoked_at IS NULL AND declined_at IS NULL)
    WHERE id = OLD.achievement_id;
END;

CREATE TRIGGER user_achievements_count_delete AFTER DELETE ON user_achievements
WHEN OLD.revoked_at IS NULL AND OLD.declined_at IS NULL
BEGIN
    UPDATE achievements SET
        user_achievements_count = user_achievements_count - 1,
        unique_users_count = unique_users_count - NOT EXISTS (
            SELECT 1 FROM user_achievements
            WHERE achievement_id = OLD.achievement_id AND user_id = OLD.user_id AND id <> OLD.id
                AND revoked_at IS NULL AND declined_at IS NULL)
    WHERE id = OLD.achievement_id;
END;

CREATE TABLE feature_flags (
    name TEXT PRIMARY KEY NOT NULL,
    enabled BOOLEAN NOT NULL
);

CREATE TABLE settings (
    id INTEGER PRIMARY KEY NOT NULL CHECK (id = 1),
    auto_accept BOOLEAN NOT NULL DEFAULT FALSE,
    users_create_namespaces BOOLEAN NOT NULL DEFAULT TRUE
);
INSERT INTO settings (id) VALUES (1);
