//! Who sees which awards, and the other sentences around the table of rights in the design.

use std::collections::BTreeSet;

use accolade::auth::Role;
use serde_json::{Value, json};

use crate::app::{ANONYMOUS, TestApp, User};

/// Ada, with awards of two private namespaces; and those who look at them.
struct Scene {
    app: TestApp,
    ada: User,
    /// An administrator without a role anywhere.
    admin: User,
    /// Maintains the first namespace.
    grace: User,
    /// Is a Developer in the first namespace.
    dev: User,
    stranger: User,
    namespace: i64,
    first: i64,
    /// Of the other namespace.
    second: i64,
}

impl Scene {
    async fn new() -> Self {
        let app = TestApp::new().await;
        let (ada, admin, grace, dev, stranger) = (
            app.user("ada").await,
            app.user("admin").await,
            app.user("grace").await,
            app.user("dev").await,
            app.user("stranger").await,
        );
        change(&app, &admin, json!({ "admin": true })).await;
        let namespace = app.namespace("compilers", &grace, Role::Maintainer).await;
        app.member(namespace, &dev, Role::Developer).await;
        let first = app.achievement(namespace, "First merge").await;
        let root = app.root();
        let editors = app.namespace("editors", &root, Role::Owner).await;
        let second = app.achievement(editors, "Second look").await;
        Self {
            app,
            ada,
            admin,
            grace,
            dev,
            stranger,
            namespace,
            first,
            second,
        }
    }

    /// Those who are neither the recipient nor responsible for any award.
    fn others(&self) -> [Option<&User>; 3] {
        [ANONYMOUS, Some(&self.stranger), Some(&self.dev)]
    }

    async fn ids(&self, viewer: Option<&User>, path: &str) -> BTreeSet<i64> {
        let page = self.app.get(viewer, path).await;
        assert_eq!(page.status, 200, "{path}: {}", page.json);
        let ids = page.nodes("/id");
        ids.iter().map(|id| id.as_i64().unwrap()).collect()
    }

    /// The awards that the viewer sees on Ada's profile.
    async fn profile(&self, viewer: Option<&User>, query: &str) -> BTreeSet<i64> {
        self.ids(viewer, &format!("/users/ada/user-achievements{query}"))
            .await
    }

    /// The awards of the first achievement that the viewer sees.
    async fn recipients(&self, viewer: Option<&User>, query: &str) -> BTreeSet<i64> {
        let path = format!("/achievements/{}/user-achievements{query}", self.first);
        self.ids(viewer, &path).await
    }

    /// The users who hold the first achievement, with their counts, as the viewer sees them.
    async fn unique_users(&self, viewer: &User) -> Vec<(Value, Value)> {
        let path = format!("/achievements/{}/users", self.first);
        let page = self.app.get(viewer, &path).await;
        let names = page.nodes("/user/username");
        names.into_iter().zip(page.nodes("/count")).collect()
    }

    async fn status(&self, viewer: Option<&User>, award: i64) -> u16 {
        let path = format!("/user-achievements/{award}");
        self.app.get(viewer, &path).await.status
    }

    /// Makes the namespace public, so that everyone sees its achievements.
    async fn publish(&self) {
        let path = format!("/namespaces/{}", self.namespace);
        let body = json!({ "visibility": "public" });
        assert_eq!(
            self.app.patch(&self.app.root(), &path, body).await.status,
            200
        );
    }
}

async fn change(app: &TestApp, user: &User, body: Value) {
    let path = format!("/users/{}", user.id);
    assert_eq!(app.patch(&app.root(), &path, body).await.status, 200);
}

/// The ways in which a profile is closed to others.
fn closings() -> [Value; 3] {
    [
        json!({ "privateProfile": true }),
        json!({ "state": "blocked" }),
        json!({ "achievementsEnabled": false }),
    ]
}

#[actix_web::test]
async fn everyone_sees_what_is_accepted_and_shown_whatever_the_namespace() {
    let scene = Scene::new().await;
    let shown = scene.app.accepted(scene.first, &scene.ada).await;
    scene.app.award(scene.first, &scene.ada).await;
    scene.app.hidden(scene.first, &scene.ada).await;
    scene.app.declined(scene.second, &scene.ada).await;
    scene.app.revoked(scene.second, &scene.ada).await;

    for viewer in scene.others() {
        assert_eq!(scene.profile(viewer, "").await, [shown].into());
        assert_eq!(scene.status(viewer, shown).await, 200);
    }
}

#[actix_web::test]
async fn the_awards_of_a_closed_profile_are_an_empty_list_for_others() {
    for closing in closings() {
        let scene = Scene::new().await;
        scene.app.accepted(scene.first, &scene.ada).await;
        for viewer in scene.others() {
            assert_eq!(scene.profile(viewer, "").await.len(), 1, "open");
        }

        change(&scene.app, &scene.ada, closing.clone()).await;

        for viewer in scene.others() {
            assert_eq!(scene.profile(viewer, "").await, [].into(), "{closing}");
            let hidden = scene.profile(viewer, "?includeHidden=true").await;
            assert_eq!(hidden, [].into(), "{closing}");
        }
    }
}

#[actix_web::test]
async fn the_user_and_admins_see_everything_of_a_closed_profile() {
    for closing in closings() {
        let scene = Scene::new().await;
        let shown = scene.app.accepted(scene.first, &scene.ada).await;
        let pending = scene.app.award(scene.second, &scene.ada).await;
        change(&scene.app, &scene.ada, closing.clone()).await;

        // Nobody signs in to a blocked account.
        let viewers = match closing.get("state") {
            Some(_) => vec![&scene.admin],
            None => vec![&scene.admin, &scene.ada],
        };
        for viewer in viewers {
            let (viewer, all) = (Some(viewer), [shown, pending].into());
            assert_eq!(scene.profile(viewer, "").await, [shown].into(), "{closing}");
            let hidden = scene.profile(viewer, "?includeHidden=true").await;
            assert_eq!(hidden, all, "{closing}");
        }
    }
}

#[actix_web::test]
async fn maintainers_see_what_their_namespace_awarded_to_a_closed_profile() {
    for closing in closings() {
        let scene = Scene::new().await;
        let (app, grace) = (&scene.app, Some(&scene.grace));
        let shown = app.accepted(scene.first, &scene.ada).await;
        let pending = app.award(scene.first, &scene.ada).await;
        app.accepted(scene.second, &scene.ada).await;
        app.award(scene.second, &scene.ada).await;

        change(app, &scene.ada, closing.clone()).await;

        let hidden = scene.profile(grace, "?includeHidden=true").await;
        assert_eq!(scene.profile(grace, "").await, [shown].into(), "{closing}");
        assert_eq!(hidden, [shown, pending].into(), "{closing}");
        assert_eq!(scene.status(grace, shown).await, 200, "{closing}");
    }
}

#[actix_web::test]
async fn include_hidden_adds_pending_declined_and_hidden_ones_for_the_recipient_and_admins() {
    let scene = Scene::new().await;
    let shown = scene.app.accepted(scene.first, &scene.ada).await;
    let pending = scene.app.award(scene.first, &scene.ada).await;
    let hidden = scene.app.hidden(scene.second, &scene.ada).await;
    let declined = scene.app.declined(scene.second, &scene.ada).await;
    scene.app.revoked(scene.first, &scene.ada).await;

    for viewer in [&scene.ada, &scene.admin] {
        let viewer = Some(viewer);
        assert_eq!(scene.profile(viewer, "").await, [shown].into());
        let all = scene.profile(viewer, "?includeHidden=true").await;
        assert_eq!(all, [shown, pending, hidden, declined].into());
    }
}

#[actix_web::test]
async fn include_hidden_adds_those_of_their_namespace_for_its_maintainers_and_owners() {
    let scene = Scene::new().await;
    let shown = scene.app.accepted(scene.first, &scene.ada).await;
    let pending = scene.app.award(scene.first, &scene.ada).await;
    let hidden = scene.app.hidden(scene.first, &scene.ada).await;
    let declined = scene.app.declined(scene.first, &scene.ada).await;
    let elsewhere = scene.app.accepted(scene.second, &scene.ada).await;
    scene.app.award(scene.second, &scene.ada).await;
    scene.app.hidden(scene.second, &scene.ada).await;
    scene.app.declined(scene.second, &scene.ada).await;

    for role in [Role::Maintainer, Role::Owner] {
        scene.app.member(scene.namespace, &scene.grace, role).await;
        let all = scene
            .profile(Some(&scene.grace), "?includeHidden=true")
            .await;
        assert_eq!(all, [shown, pending, hidden, declined, elsewhere].into());
    }
}

#[actix_web::test]
async fn include_hidden_is_ignored_for_others() {
    let scene = Scene::new().await;
    let shown = scene.app.accepted(scene.first, &scene.ada).await;
    scene.app.award(scene.first, &scene.ada).await;
    scene.app.hidden(scene.first, &scene.ada).await;
    scene.app.declined(scene.first, &scene.ada).await;

    for viewer in scene.others() {
        let asked = scene.profile(viewer, "?includeHidden=true").await;
        assert_eq!(asked, [shown].into());
    }
}

#[actix_web::test]
async fn the_awards_of_an_achievement_show_everyone_those_shown_on_readable_profiles() {
    let scene = Scene::new().await;
    let (hidden_away, blocked) = (scene.app.user("priv").await, scene.app.user("gone").await);
    scene.publish().await;
    let shown = scene.app.accepted(scene.first, &scene.ada).await;
    scene.app.award(scene.first, &scene.ada).await;
    scene.app.hidden(scene.first, &scene.ada).await;
    scene.app.declined(scene.first, &scene.ada).await;
    scene.app.revoked(scene.first, &scene.ada).await;
    scene.app.accepted(scene.first, &hidden_away).await;
    scene.app.accepted(scene.first, &blocked).await;
    change(&scene.app, &hidden_away, json!({ "privateProfile": true })).await;
    change(&scene.app, &blocked, json!({ "state": "blocked" })).await;

    // Opting out is about the own profile: that stays readable, and the holder among the others.
    let opted_out = scene.app.accepted(scene.first, &scene.stranger).await;
    change(
        &scene.app,
        &scene.stranger,
        json!({ "achievementsEnabled": false }),
    )
    .await;

    for viewer in scene.others() {
        let expected = [shown, opted_out].into();
        assert_eq!(scene.recipients(viewer, "").await, expected);
    }
}

#[actix_web::test]
async fn the_awards_of_an_achievement_show_recipients_all_their_own() {
    let scene = Scene::new().await;
    let (app, ada) = (&scene.app, &scene.ada);
    let own = [
        app.accepted(scene.first, ada).await,
        app.award(scene.first, ada).await,
        app.hidden(scene.first, ada).await,
        app.declined(scene.first, ada).await,
        app.revoked(scene.first, ada).await,
    ];
    let shown = app.accepted(scene.first, &scene.stranger).await;
    app.award(scene.first, &scene.stranger).await;
    change(app, ada, json!({ "privateProfile": true })).await;

    let mut expected = BTreeSet::from(own);
    expected.insert(shown);
    assert_eq!(scene.recipients(Some(ada), "").await, expected);
}

#[actix_web::test]
async fn the_awards_of_an_achievement_show_maintainers_all_and_by_status() {
    let scene = Scene::new().await;
    let (app, ada) = (&scene.app, &scene.ada);
    let shown = app.accepted(scene.first, ada).await;
    let pending = app.award(scene.first, ada).await;
    let hidden = app.hidden(scene.first, ada).await;
    let declined = app.declined(scene.first, ada).await;
    let revoked = app.revoked(scene.first, ada).await;
    change(
        app,
        ada,
        json!({ "privateProfile": true, "achievementsEnabled": false }),
    )
    .await;

    for viewer in [Some(&scene.grace), Some(&scene.admin)] {
        let of = async |query| scene.recipients(viewer, query).await;
        let all = [shown, pending, hidden, declined, revoked].into();
        assert_eq!(of("").await, all);
        assert_eq!(of("?status=pending").await, [pending].into());
        assert_eq!(of("?status=accepted").await, [shown, hidden].into());
        assert_eq!(of("?status=declined").await, [declined].into());
        assert_eq!(of("?status=revoked").await, [revoked].into());
    }
}

#[actix_web::test]
async fn a_status_shows_others_no_more_than_they_see_without_it() {
    let scene = Scene::new().await;
    scene.publish().await;
    let shown = scene.app.accepted(scene.first, &scene.ada).await;
    scene.app.award(scene.first, &scene.ada).await;
    scene.app.declined(scene.first, &scene.ada).await;
    scene.app.hidden(scene.first, &scene.ada).await;
    scene.app.revoked(scene.first, &scene.ada).await;

    for viewer in scene.others() {
        for status in ["pending", "accepted", "declined", "revoked"] {
            let path = format!(
                "/achievements/{}/user-achievements?status={status}",
                scene.first
            );
            // Whether they may filter at all is open, so a refusal would do as well.
            let page = scene.app.get(viewer, &path).await;
            if page.status == 200 {
                let ids = page.nodes("/id");
                assert!(ids.iter().all(|id| *id == shown), "{status}: {ids:?}");
            }
        }
    }
}

#[actix_web::test]
async fn the_users_who_hold_an_achievement_stand_once_with_what_the_viewer_may_see() {
    let scene = Scene::new().await;
    let (app, ada) = (&scene.app, &scene.ada);
    let (bob, cyd) = (app.user("bob").await, app.user("cyd").await);
    scene.publish().await;
    app.accepted(scene.first, ada).await;
    app.accepted(scene.first, ada).await;
    app.award(scene.first, ada).await;
    app.declined(scene.first, ada).await;
    app.revoked(scene.first, ada).await;
    app.award(scene.first, &bob).await;
    app.declined(scene.first, &cyd).await;
    app.revoked(scene.first, &cyd).await;

    let by_stranger = scene.unique_users(&scene.stranger).await;
    assert_eq!(by_stranger, [(json!("ada"), json!(2))]);
    let by_grace = scene.unique_users(&scene.grace).await;
    let all = [(json!("ada"), json!(3)), (json!("bob"), json!(1))];
    assert_eq!(by_grace, all);
}

#[actix_web::test]
async fn the_users_who_hold_an_achievement_leave_out_unreadable_profiles() {
    let scene = Scene::new().await;
    scene.publish().await;
    scene.app.accepted(scene.first, &scene.ada).await;
    assert_eq!(scene.unique_users(&scene.stranger).await.len(), 1);

    change(&scene.app, &scene.ada, json!({ "privateProfile": true })).await;

    assert_eq!(scene.unique_users(&scene.stranger).await, []);
    for viewer in [&scene.ada, &scene.grace, &scene.admin] {
        assert_eq!(
            scene.unique_users(viewer).await.len(),
            1,
            "{}",
            viewer.username
        );
    }
}

#[actix_web::test]
async fn badges_are_what_is_accepted_and_shown_each_achievement_once() {
    let scene = Scene::new().await;
    let (app, ada) = (&scene.app, &scene.ada);
    let first_time = app.accepted(scene.first, ada).await;
    app.accepted(scene.first, ada).await;
    app.award(scene.first, ada).await;
    app.declined(scene.first, ada).await;
    app.hidden(scene.second, ada).await;
    app.revoked(scene.second, ada).await;
    let path = format!("/user-achievements/{first_time}");
    let awarded_at = [app.get(ada, &path).await.json["awardedAt"].clone()];

    // The same for everyone, the recipient included: it is the profile as an app shows it.
    for viewer in [
        ANONYMOUS,
        Some(&scene.stranger),
        Some(&scene.grace),
        Some(ada),
    ] {
        let badges = app.get(viewer, "/users/ada/badges").await;
        assert_eq!(badges.nodes("/achievement/id"), [scene.first]);
        assert_eq!(badges.nodes("/count"), [2]);
        assert_eq!(badges.nodes("/awardedAt"), awarded_at);
    }
}

#[actix_web::test]
async fn a_closed_profile_has_no_badges_for_others() {
    for closing in closings() {
        let scene = Scene::new().await;
        scene.app.accepted(scene.first, &scene.ada).await;
        change(&scene.app, &scene.ada, closing.clone()).await;

        for viewer in scene.others() {
            let badges = scene.app.get(viewer, "/users/ada/badges").await;
            assert_eq!(
                (badges.status, badges.nodes("/count")),
                (200, vec![]),
                "{closing}"
            );
        }
    }
}

#[actix_web::test]
async fn the_namespace_is_withheld_from_a_viewer_who_cannot_see_it() {
    let scene = Scene::new().await;
    let award = scene.app.accepted(scene.first, &scene.ada).await;
    let cannot = [ANONYMOUS, Some(&scene.stranger), Some(&scene.ada)];
    let can = [Some(&scene.dev), Some(&scene.grace), Some(&scene.admin)];

    for (viewers, expected) in [(cannot, Value::Null), (can, json!("compilers"))] {
        let namespaces = [expected.clone()];
        for viewer in viewers {
            let get = async |path: &str| scene.app.get(viewer, path).await;
            let shown = get(&format!("/user-achievements/{award}")).await;
            assert_eq!(shown.json["achievement"]["name"], "First merge");
            assert_eq!(shown.json["achievement"]["namespace"]["fullPath"], expected);
            let listed = get("/users/ada/user-achievements").await;
            let member = "/achievement/namespace/fullPath";
            assert_eq!(listed.nodes(member), namespaces);
            let badges = get("/users/ada/badges").await;
            assert_eq!(badges.nodes(member), namespaces);
            if expected.is_null() {
                for answer in [shown, listed, badges] {
                    let text = answer.json.to_string();
                    assert!(
                        !text.contains("compilers") && !text.contains("null"),
                        "{text}"
                    );
                }
            }
        }
    }
}

#[actix_web::test]
async fn an_internal_namespace_is_withheld_from_anonymous_viewers_alone() {
    let scene = Scene::new().await;
    let award = scene.app.accepted(scene.first, &scene.ada).await;
    let path = format!("/namespaces/{}", scene.namespace);
    let body = json!({ "visibility": "internal" });
    scene.app.patch(&scene.app.root(), &path, body).await;

    let path = format!("/user-achievements/{award}");
    let by_nobody = scene.app.get(ANONYMOUS, &path).await;
    let by_stranger = scene.app.get(&scene.stranger, &path).await;

    assert_eq!(by_nobody.json["achievement"].get("namespace"), None);
    let namespace = &by_stranger.json["achievement"]["namespace"];
    assert_eq!(namespace["fullPath"], "compilers");
}

#[actix_web::test]
async fn a_recipient_sees_that_one_achievement_and_not_its_namespace() {
    let scene = Scene::new().await;
    let other = scene.app.achievement(scene.namespace, "Another").await;
    let get = async |path: String| scene.app.get(&scene.ada, &path).await;
    assert_eq!(
        get(format!("/achievements/{}", scene.first)).await.status,
        404
    );

    scene.app.award(scene.first, &scene.ada).await;

    let seen = get(format!("/achievements/{}", scene.first)).await;
    assert_eq!(
        (seen.status, &seen.json["name"]),
        (200, &json!("First merge"))
    );
    assert!(
        !seen.json.to_string().contains("compilers"),
        "{}",
        seen.json
    );
    assert_eq!(get(format!("/achievements/{other}")).await.status, 404);
    let namespace = format!("/namespaces/{}", scene.namespace);
    assert_eq!(get(namespace.clone()).await.status, 404);
    assert_eq!(get(format!("{namespace}/achievements")).await.status, 404);
}

#[actix_web::test]
async fn a_declined_award_is_shown_to_nobody_but_the_recipient_and_maintainers() {
    let scene = Scene::new().await;
    scene.publish().await;
    let declined = scene.app.declined(scene.first, &scene.ada).await;

    for viewer in scene.others() {
        assert_eq!(scene.status(viewer, declined).await, 404);
        assert_eq!(scene.recipients(viewer, "").await, [].into());
    }
    for viewer in [&scene.ada, &scene.grace] {
        let path = format!("/user-achievements/{declined}");
        let shown = scene.app.get(viewer, &path).await;
        assert_eq!(
            (shown.status, &shown.json["status"]),
            (200, &json!("declined"))
        );
        assert!(shown.json["declinedAt"].is_string(), "{}", shown.json);
        let listed = scene.recipients(Some(viewer), "").await;
        assert_eq!(listed, [declined].into());
    }
}

#[actix_web::test]
async fn others_do_not_learn_that_an_accepted_award_was_once_declined() {
    let scene = Scene::new().await;
    let award = scene.app.declined(scene.first, &scene.ada).await;
    let path = format!("/user-achievements/{award}");
    let accept = format!("{path}/accept");
    assert_eq!(
        scene
            .app
            .post(&scene.ada, &accept, Value::Null)
            .await
            .status,
        200
    );

    for viewer in scene.others() {
        let shown = scene.app.get(viewer, &path).await;
        assert_eq!(shown.json["status"], "accepted");
        assert_eq!(shown.json.get("declinedAt"), None);
    }
}

#[actix_web::test]
async fn a_user_who_opted_out_can_still_be_awarded() {
    let scene = Scene::new().await;
    let root = scene.app.root();
    change(
        &scene.app,
        &scene.ada,
        json!({ "achievementsEnabled": false }),
    )
    .await;
    let path = format!("/achievements/{}/award", scene.first);
    let body = json!({ "username": "ada" });

    let awarded = scene.app.post(&scene.grace, &path, body.clone()).await;
    let settings = json!({ "autoAccept": true });
    assert_eq!(
        scene.app.patch(&root, "/settings", settings).await.status,
        200
    );
    let again = scene.app.post(&scene.grace, &path, body).await;

    // Auto-accept spares them too.
    for answer in [awarded, again] {
        assert_eq!(
            (answer.status, &answer.json["status"]),
            (201, &json!("pending"))
        );
    }
}

#[actix_web::test]
async fn deleting_a_user_deletes_their_awards() {
    let scene = Scene::new().await;
    let awards = [
        scene.app.accepted(scene.first, &scene.ada).await,
        scene.app.revoked(scene.first, &scene.ada).await,
    ];
    let kept = scene.app.award(scene.first, &scene.stranger).await;
    let root = scene.app.root();

    let path = format!("/users/{}", scene.ada.id);
    assert_eq!(scene.app.delete(&root, &path).await.status, 204);

    for award in awards {
        assert_eq!(scene.status(Some(&root), award).await, 404);
    }
    assert_eq!(scene.recipients(Some(&root), "").await, [kept].into());
}

#[actix_web::test]
async fn what_a_deleted_user_gave_and_revoked_keeps_the_other_facts_and_loses_the_name() {
    let scene = Scene::new().await;
    let (app, grace, root) = (&scene.app, &scene.grace, scene.app.root());
    let award = format!("/achievements/{}/award", scene.first);
    let body = json!({ "userId": scene.ada.id, "awardMessage": "Thanks" });
    let id = app.post(grace, &award, body).await.id();
    let path = format!("/user-achievements/{id}");
    app.post(&scene.ada, &format!("{path}/accept"), Value::Null)
        .await;
    app.post(grace, &format!("{path}/revoke"), Value::Null)
        .await;
    let mut expected = app.get(&root, &path).await.json;
    assert_eq!(expected["awardedByUser"]["username"], "grace");
    assert_eq!(expected["revokedByUser"]["username"], "grace");

    let gone = app.delete(&root, &format!("/users/{}", grace.id)).await;
    assert_eq!(gone.status, 204);

    expected
        .as_object_mut()
        .unwrap()
        .retain(|member, _| !member.ends_with("ByUser"));
    assert_eq!(app.get(&root, &path).await.json, expected);
}

#[actix_web::test]
async fn an_award_stays_revoked_when_its_revoker_is_gone() {
    let scene = Scene::new().await;
    let (app, root) = (&scene.app, scene.app.root());
    let id = app.accepted(scene.first, &scene.ada).await;
    let path = format!("/user-achievements/{id}");
    app.post(&scene.grace, &format!("{path}/revoke"), Value::Null)
        .await;
    let gone = app
        .delete(&root, &format!("/users/{}", scene.grace.id))
        .await;
    assert_eq!(gone.status, 204);

    let again = app
        .post(&root, &format!("{path}/revoke"), Value::Null)
        .await;

    assert_eq!(again.status, 409);
    assert_eq!(app.get(&root, &path).await.json["status"], "revoked");
    assert_eq!(scene.profile(ANONYMOUS, "").await, [].into());
    let by_ada = scene.profile(Some(&scene.ada), "?includeHidden=true").await;
    assert_eq!(by_ada, [].into());
    assert_eq!(scene.status(ANONYMOUS, id).await, 404);
}

#[actix_web::test]
async fn achievements_are_off_at_first_and_an_administrator_turns_them_on() {
    let app = TestApp::fresh().await;
    let (root, ada) = (app.root(), app.user("ada").await);
    let namespace = app.public_namespace("compilers", &ada, Role::Owner).await;
    let path = format!("/namespaces/{namespace}/achievements");

    let at_first = app.get(&root, &path).await;
    let flag = "/feature-flags/achievements";
    let by_ada = app.put(&ada, flag, json!({ "enabled": true })).await;
    let still = app.get(&root, &path).await;
    let by_root = app.put(&root, flag, json!({ "enabled": true })).await;
    let after = app.get(&root, &path).await;

    assert_eq!((at_first.status, by_ada.status), (404, 403));
    assert_eq!(
        (still.status, by_root.status, after.status),
        (404, 200, 200)
    );
}

#[actix_web::test]
async fn a_setting_reserves_top_level_namespaces_to_administrators() {
    let app = TestApp::new().await;
    let (root, grace) = (app.root(), app.user("grace").await);
    let compilers = app.namespace("compilers", &grace, Role::Maintainer).await;
    let settings = json!({ "usersCreateNamespaces": false });
    assert_eq!(app.patch(&root, "/settings", settings).await.status, 200);

    let top = json!({ "path": "tools", "name": "Tools" });
    let refused = app.post(&grace, "/namespaces", top.clone()).await;
    let by_root = app.post(&root, "/namespaces", top).await;
    let below = json!({ "path": "llvm", "name": "LLVM", "parentId": compilers });
    let below = app.post(&grace, "/namespaces", below).await;

    // The setting is about top-level ones: below another it is the role there that decides.
    assert_eq!(
        (refused.status, by_root.status, below.status),
        (403, 201, 201)
    );
}

#[actix_web::test]
async fn the_highest_of_a_users_roles_wins() {
    let app = TestApp::new().await;
    let (root, grace, linus) = (app.root(), app.user("grace").await, app.user("linus").await);
    let top = app.namespace("top", &grace, Role::Owner).await;
    app.member(top, &linus, Role::Guest).await;
    let sub = app
        .namespace_of("sub", Some(top), "private", &root, Role::Owner)
        .await;
    app.member(sub, &grace, Role::Guest).await;
    app.member(sub, &linus, Role::Owner).await;

    for user in [&grace, &linus] {
        let body = json!({ "description": user.username });
        let updated = app.patch(user, &format!("/namespaces/{sub}"), body).await;
        assert_eq!(updated.status, 200, "{}", user.username);
    }
    // A role counts downwards only.
    let body = json!({ "description": "" });
    let above = app.patch(&linus, &format!("/namespaces/{top}"), body).await;
    assert_eq!(above.status, 403);
}

#[actix_web::test]
async fn a_patch_that_names_a_field_of_anothers_is_refused_by_its_name() {
    let app = TestApp::new().await;
    let (root, grace, ada) = (app.root(), app.user("grace").await, app.user("ada").await);
    let compilers = app.namespace("compilers", &grace, Role::Owner).await;
    let award = app
        .accepted(app.achievement(compilers, "First merge").await, &ada)
        .await;
    let path = format!("/user-achievements/{award}");
    let before = app.get(&root, &path).await;
    let both = json!({ "showOnProfile": false, "awardMessage": "Thanks" });

    let by_grace = app.patch(&grace, &path, both.clone()).await;
    let by_root = app.patch(&root, &path, both.clone()).await;
    let by_ada = app.patch(&ada, &path, both).await;

    assert_eq!(
        (by_grace.status, by_grace.fields()),
        (403, vec!["showOnProfile"])
    );
    assert_eq!(
        (by_root.status, by_root.fields()),
        (403, vec!["showOnProfile"])
    );
    assert_eq!(
        (by_ada.status, by_ada.fields()),
        (403, vec!["awardMessage"])
    );
    assert_eq!(app.get(&root, &path).await.json, before.json);
}

#[actix_web::test]
async fn the_list_of_namespaces_has_those_that_the_viewer_sees() {
    let scene = Scene::new().await;
    let (app, root) = (&scene.app, scene.app.root());
    app.public_namespace("open", &root, Role::Owner).await;
    app.namespace_of("house", None, "internal", &root, Role::Owner)
        .await;
    let compilers = Some(scene.namespace);
    app.namespace_of("llvm", compilers, "private", &root, Role::Owner)
        .await;
    app.accepted(scene.first, &scene.ada).await;

    let seen = async |viewer| app.get(viewer, "/namespaces").await.nodes("/fullPath");

    assert_eq!(seen(ANONYMOUS).await, ["open"]);
    // An award lets its recipient see the achievement, not the namespace.
    assert_eq!(seen(Some(&scene.ada)).await, ["house", "open"]);
    let inside = ["compilers", "compilers/llvm", "house", "open"];
    assert_eq!(seen(Some(&scene.dev)).await, inside);
    let all = ["compilers", "compilers/llvm", "editors", "house", "open"];
    assert_eq!(seen(Some(&scene.admin)).await, all);
}
