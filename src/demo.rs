//! The demo: a data directory with a story to look at, and what to try with it.

use chrono::Duration;
use diesel::prelude::*;

use crate::Accolade;
use crate::achievements::{AwardAchievement, CreateAchievement, award};
use crate::auth::{Caller, Role, Visibility};
use crate::config::Storage;
use crate::db::AnyConnection;
use crate::error::{Error, Result};
use crate::feature_flags::set_achievements;
use crate::input::{Checked, Rule};
use crate::namespaces::{CreateNamespace, NamespaceKey};
use crate::schema::user_achievements;
use crate::scopes::Scopes;
use crate::sessions::hash;
use crate::time::now;
use crate::tokens::Keys;
use crate::user_achievements::{
    ReorderUserAchievements, UpdateUserAchievement, accept, decline, reorder, revoke, update,
};
use crate::users::{CreateUser, UserKey};
use crate::{achievements, members, namespaces, personal_access_tokens, users};

/// The password of everyone in the demo.
const PASSWORD: &str = "accolade demo";

/// Username, name, and whether they are an administrator.
const PEOPLE: [(&str, &str, bool); 8] = [
    ("admin", "Root Beer", true),
    ("grace", "Grace Hopper", false),
    ("ada", "Ada Lovelace", false),
    ("alan", "Alan Turing", false),
    ("barbara", "Barbara Liskov", false),
    ("edsger", "Edsger Dijkstra", false),
    ("frances", "Frances Allen", false),
    ("margaret", "Margaret Hamilton", false),
];

/// Path, name, parent, owner and visibility.
const GROUPS: [(&str, &str, &str, &str, Visibility); 6] = [
    ("compilers", "Compilers", "", "grace", Visibility::Public),
    ("llvm", "LLVM", "compilers", "grace", Visibility::Public),
    (
        "clang",
        "Clang",
        "compilers/llvm",
        "grace",
        Visibility::Internal,
    ),
    (
        "apollo",
        "Apollo Guidance",
        "",
        "margaret",
        Visibility::Public,
    ),
    (
        "bletchley",
        "Bletchley Park",
        "",
        "alan",
        Visibility::Private,
    ),
    ("hut-8", "Hut 8", "bletchley", "alan", Visibility::Private),
];

/// Namespace, name and description.
const ACHIEVEMENTS: [(&str, &str, &str); 9] = [
    ("compilers", "First merge", "Landed a first change"),
    (
        "compilers",
        "Bug hunter",
        "Found a bug that nobody believed in",
    ),
    (
        "compilers/llvm",
        "Release hero",
        "Saved a release in its last hour",
    ),
    (
        "compilers/llvm",
        "Pass master",
        "Wrote an optimisation pass that stayed",
    ),
    (
        "compilers/llvm/clang",
        "Kind diagnostics",
        "Made an error message that helps",
    ),
    ("apollo", "Lunar lander", "Was there when it mattered"),
    (
        "apollo",
        "Priority display",
        "Kept the computer on the important things",
    ),
    (
        "bletchley",
        "Codebreaker",
        "Read what was not meant to be read",
    ),
    (
        "bletchley/hut-8",
        "Banburist",
        "Shortened the night by hours",
    ),
];

/// Achievement, recipient, message, what became of it, and how many days ago.
const AWARDS: [(&str, &str, &str, Fate, i64); 31] = [
    ("First merge", "ada", "Note G lives on", Fate::Shown, 400),
    ("First merge", "alan", "", Fate::Shown, 390),
    ("First merge", "barbara", "", Fate::Shown, 380),
    (
        "First merge",
        "edsger",
        "Without a single goto",
        Fate::Hidden,
        370,
    ),
    ("First merge", "frances", "", Fate::Shown, 360),
    ("First merge", "margaret", "", Fate::Pending, 12),
    (
        "Bug hunter",
        "ada",
        "For the moth in the relay",
        Fate::Shown,
        300,
    ),
    ("Bug hunter", "ada", "And for its sister", Fate::Shown, 200),
    ("Bug hunter", "ada", "You did it again", Fate::Shown, 100),
    ("Bug hunter", "alan", "", Fate::Shown, 250),
    ("Bug hunter", "edsger", "", Fate::Declined, 90),
    (
        "Bug hunter",
        "frances",
        "Awarded to the wrong Frances",
        Fate::Revoked,
        80,
    ),
    (
        "Release hero",
        "ada",
        "For the linker that saved the release",
        Fate::Shown,
        60,
    ),
    ("Release hero", "frances", "", Fate::Shown, 55),
    ("Release hero", "barbara", "", Fate::Pending, 5),
    ("Release hero", "alan", "", Fate::Declined, 40),
    (
        "Pass master",
        "frances",
        "For everything since",
        Fate::Shown,
        220,
    ),
    (
        "Pass master",
        "frances",
        "And for the loops",
        Fate::Shown,
        120,
    ),
    ("Pass master", "ada", "", Fate::Pending, 2),
    ("Pass master", "barbara", "", Fate::Hidden, 150),
    ("Kind diagnostics", "grace", "", Fate::Shown, 30),
    (
        "Kind diagnostics",
        "barbara",
        "It says what to do next",
        Fate::Shown,
        25,
    ),
    ("Kind diagnostics", "ada", "", Fate::Hidden, 20),
    ("Lunar lander", "margaret", "", Fate::Shown, 350),
    ("Lunar lander", "grace", "", Fate::Pending, 1),
    (
        "Lunar lander",
        "alan",
        "That was somebody else",
        Fate::Revoked,
        70,
    ),
    (
        "Priority display",
        "margaret",
        "1202, and go",
        Fate::Shown,
        340,
    ),
    ("Priority display", "ada", "", Fate::Shown, 130),
    ("Codebreaker", "alan", "", Fate::Shown, 410),
    (
        "Codebreaker",
        "ada",
        "In the strictest confidence",
        Fate::Shown,
        140,
    ),
    ("Banburist", "alan", "", Fate::Revoked, 405),
];

#[derive(Clone, Copy)]
enum Fate {
    Pending,
    Shown,
    Hidden,
    Declined,
    Revoked,
}

/// A storage of the demo's own: SQLite in a fresh directory.
pub fn storage(given: &Storage) -> std::io::Result<Storage> {
    let directory = std::env::temp_dir().join(format!("accolade-demo-{}", std::process::id()));
    if directory.exists() {
        std::fs::remove_dir_all(&directory)?;
    }
    std::fs::create_dir_all(&directory)?;
    Ok(Storage {
        data_dir: directory,
        database_url: None,
        database_replica_url: None,
        ..given.clone()
    })
}

/// Tells the story, and what to try with it.
pub async fn seed(accolade: &Accolade, storage: &Storage) -> Result<String> {
    let keys = accolade.keys.clone().into_inner();
    let password = hash(PASSWORD)?;
    let tokens = accolade
        .db
        .write(move |conn| story(&password, &keys, conn))
        .await?;
    let address = |path: &str| accolade.config.link(path);
    let [admin, grace, ada] = tokens;
    Ok(format!(
        r#"
Accolade is running with a story to look at: eight people, six groups, {awards} awards.

  Swagger UI     {swagger}
  The contract   {contract}
  The mails      {mails}  (no server sends them: they are files, each with a link to accept)
  The data       {data}  (yours to delete)

Everyone's password is "{PASSWORD}". Tokens to send as "Authorization: Bearer":

  admin, who administers the instance
    {admin}
  grace, who owns the group "compilers"
    {grace}
  ada, who has badges and a pending award
    {ada}

Try these:

  # Ada's badges, as an app shows them
  curl -s {badges}

  # Grace awards an achievement to Barbara
  curl -s {award} -H 'Authorization: Bearer {grace}' --json '{{"username": "barbara", "awardMessage": "Thank you"}}'

  # Ada sees what waits for her, hidden ones too
  curl -s '{pending}' -H 'Authorization: Bearer {ada}'

Stop with Ctrl+C.
"#,
        awards = AWARDS.len(),
        swagger = address("/swagger-ui/"),
        contract = address("/openapi.json"),
        mails = storage.data_dir.join("mail").display(),
        data = storage.data_dir.display(),
        badges = address("/users/ada/badges"),
        award = address("/achievements/1/award"),
        pending = address("/users/ada/user-achievements?includeHidden=true"),
    ))
}

/// Does what people did, by the operations that they used. Answers the tokens of the first three.
fn story(password: &str, keys: &Keys, conn: &mut AnyConnection) -> Result<[String; 3]> {
    set_achievements(true, conn)?;
    let mut people = Vec::new();
    for (username, name, admin) in PEOPLE {
        let email = format!("{username}@example.com");
        let input = CreateUser::checked(username, &email, Some(name), None, admin)
            .map_err(Error::internal)?;
        let user = users::create(&input, Some(password.into()), conn)?;
        people.push((
            username,
            Caller {
                id: user.id,
                admin,
                scopes: Scopes::ALL,
            },
        ));
    }
    let person = |username: &str| {
        people
            .iter()
            .find(|(name, _)| *name == username)
            .map(|(_, caller)| *caller)
            .ok_or(Error::NotFound)
    };

    let mut groups = Vec::new();
    for (path, name, parent, owner, visibility) in GROUPS {
        let parent = groups
            .iter()
            .find(|(full_path, ..): &&(String, i64, &str)| full_path == parent);
        let input = CreateNamespace {
            path: text(path)?,
            name: text(name)?,
            parent_id: parent.map(|(_, id, _)| *id),
            description: None,
            visibility: Some(visibility),
        };
        let namespace = namespaces::create(&person(owner)?, &input, conn)?;
        groups.push((namespace.full_path, namespace.id, owner));
    }
    let compilers = NamespaceKey::FullPath("compilers".into());
    members::put(
        &compilers,
        &UserKey::Username("frances".into()),
        &person("grace")?,
        Role::Maintainer,
        conn,
    )?;
    members::put(
        &compilers,
        &UserKey::Username("edsger".into()),
        &person("grace")?,
        Role::Developer,
        conn,
    )?;

    let mut awardable = Vec::new();
    for (namespace, name, description) in ACHIEVEMENTS {
        let (_, id, owner) = groups
            .iter()
            .find(|(path, ..)| path == namespace)
            .ok_or(Error::NotFound)?;
        let input = CreateAchievement {
            name: text(name)?,
            description: Some(text(description)?),
        };
        let created =
            achievements::create(&NamespaceKey::Id(*id), &person(owner)?, &input, None, conn)?;
        awardable.push((name, created.achievement.id, person(owner)?));
    }

    let mut on_profile_of_ada = Vec::new();
    for (name, recipient, message, fate, days) in AWARDS {
        let (_, achievement, awarder) = awardable
            .iter()
            .find(|(n, ..)| *n == name)
            .ok_or(Error::NotFound)?;
        let user = person(recipient)?;
        let input = AwardAchievement {
            user_id: Some(user.id),
            username: None,
            award_message: Some(text(message)?),
        };
        let id = award(*achievement, awarder, &input, conn)?.award.id;
        let show = |show| UpdateUserAchievement {
            show_on_profile: Some(show),
            award_message: None,
        };
        match fate {
            Fate::Pending => {}
            Fate::Shown => drop(accept(id, &user, conn)?),
            Fate::Hidden => {
                accept(id, &user, conn)?;
                update(id, &user, &show(false), conn)?;
            }
            Fate::Declined => drop(decline(id, &user, conn)?),
            Fate::Revoked => drop(revoke(id, awarder, conn)?),
        }
        diesel::update(user_achievements::table.find(id))
            .set(user_achievements::awarded_at.eq(now() - Duration::days(days)))
            .execute(conn)?;
        if recipient == "ada" && matches!(fate, Fate::Shown) {
            on_profile_of_ada.push(id);
        }
    }
    on_profile_of_ada.reverse();
    on_profile_of_ada.truncate(3);
    reorder(
        &person("ada")?,
        &ReorderUserAchievements {
            user_achievement_ids: on_profile_of_ada,
        },
        conn,
    )?;

    let mut token = |username| -> Result<String> {
        let user_id = person(username)?.id;
        personal_access_tokens::create(user_id, "Demo", Scopes::ALL, None, conn)?
            .sign(user_id, keys)
    };
    Ok([token("admin")?, token("grace")?, token("ada")?])
}

fn text<R: Rule>(text: &str) -> Result<Checked<R>> {
    Checked::new(text).map_err(Error::internal)
}
