// As `diesel print-schema` prints it; see diesel.toml.

diesel::table! {
    achievements (id) {
        id -> Int8,
        namespace_id -> Int8,
        name -> Text,
        name_key -> Text,
        description -> Text,
        user_achievements_count -> Int8,
        unique_users_count -> Int8,
        created_at -> Timestamp,
        updated_at -> Timestamp,
        avatar_key -> Nullable<Text>,
        avatar_hash -> Nullable<Text>,
    }
}

diesel::table! {
    award_mails (user_achievement_id) {
        user_achievement_id -> Int8,
        queued_at -> Timestamp,
        attempts -> Int4,
        next_attempt_at -> Nullable<Timestamp>,
        sent_at -> Nullable<Timestamp>,
        failed_at -> Nullable<Timestamp>,
    }
}

diesel::table! {
    feature_flags (name) {
        name -> Text,
        enabled -> Bool,
    }
}

diesel::table! {
    idempotency_keys (user_id, operation, key) {
        user_id -> Int8,
        operation -> Text,
        key -> Text,
        fingerprint -> Text,
        answer -> Text,
        created_at -> Timestamp,
    }
}

diesel::table! {
    identities (issuer, subject) {
        issuer -> Text,
        subject -> Text,
        user_id -> Int8,
    }
}

diesel::table! {
    members (namespace_id, user_id) {
        namespace_id -> Int8,
        user_id -> Int8,
        role -> Int2,
        created_at -> Timestamp,
    }
}

diesel::table! {
    namespace_ancestors (namespace_id, ancestor_id) {
        namespace_id -> Int8,
        ancestor_id -> Int8,
    }
}

diesel::table! {
    namespaces (id) {
        id -> Int8,
        parent_id -> Nullable<Int8>,
        path -> Text,
        full_path -> Text,
        full_path_key -> Text,
        name -> Text,
        description -> Text,
        visibility -> Int2,
        created_at -> Timestamp,
        updated_at -> Timestamp,
    }
}

diesel::table! {
    personal_access_tokens (id) {
        id -> Int8,
        user_id -> Int8,
        name -> Text,
        created_at -> Timestamp,
        expires_at -> Timestamp,
        scopes -> Text,
        last_used_at -> Nullable<Timestamp>,
    }
}

diesel::table! {
    settings (id) {
        id -> Int4,
        auto_accept -> Bool,
        users_create_namespaces -> Bool,
    }
}

diesel::table! {
    user_achievements (id) {
        id -> Int8,
        achievement_id -> Int8,
        user_id -> Int8,
        awarded_by_user_id -> Nullable<Int8>,
        awarded_at -> Timestamp,
        award_message -> Text,
        accepted_at -> Nullable<Timestamp>,
        declined_at -> Nullable<Timestamp>,
        revoked_at -> Nullable<Timestamp>,
        revoked_by_user_id -> Nullable<Int8>,
        priority -> Int4,
        show_on_profile -> Bool,
    }
}

diesel::table! {
    users (id) {
        id -> Int8,
        username -> Text,
        username_key -> Text,
        name -> Text,
        email -> Text,
        password_hash -> Nullable<Text>,
        admin -> Bool,
        blocked -> Bool,
        private_profile -> Bool,
        achievements_enabled -> Bool,
        search_key -> Text,
        created_at -> Timestamp,
        updated_at -> Timestamp,
    }
}

diesel::joinable!(achievements -> namespaces (namespace_id));
diesel::joinable!(award_mails -> user_achievements (user_achievement_id));
diesel::joinable!(idempotency_keys -> users (user_id));
diesel::joinable!(identities -> users (user_id));
diesel::joinable!(members -> namespaces (namespace_id));
diesel::joinable!(members -> users (user_id));
diesel::joinable!(personal_access_tokens -> users (user_id));
diesel::joinable!(user_achievements -> achievements (achievement_id));

diesel::allow_tables_to_appear_in_same_query!(
    achievements,
    award_mails,
    feature_flags,
    idempotency_keys,
    identities,
    members,
    namespace_ancestors,
    namespaces,
    personal_access_tokens,
    settings,
    user_achievements,
    users,
);
