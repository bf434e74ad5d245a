//! Every list, walked page by page.

use std::collections::HashSet;
use std::io::{Read, Write};
use std::net::TcpStream;

use accolade::auth::Role;
use actix_web::http::Method;
use serde_json::{Value, json};

use crate::app::{Response, TestApp};

/// A list, with what tells its entries apart.
struct List {
    path: &'static str,
    key: &'static str,
    /// What adds an entry.
    add: (Method, &'static str, fn() -> Value),
    /// The address under which the entry with that key is deleted.
    remove: fn(&Value) -> String,
}

/// All that take `limit` and `after`, as root sees them in the world below.
const LISTS: [List; 10] = [
    List {
        path: "/personal-access-tokens",
        key: "/id",
        add: (
            Method::POST,
            "/personal-access-tokens",
            || json!({ "name": "Late" }),
        ),
        remove: |id| format!("/personal-access-tokens/{id}"),
    },
    List {
        path: "/users",
        key: "/id",
        add: (
            Method::POST,
            "/users",
            || json!({ "username": "late", "email": "late@example.com" }),
        ),
        remove: |id| format!("/users/{id}"),
    },
    List {
        path: "/namespaces",
        key: "/id",
        add: (
            Method::POST,
            "/namespaces",
            || json!({ "path": "n002-late", "name": "Late" }),
        ),
        remove: |id| format!("/namespaces/{id}"),
    },
    List {
        path: "/namespaces/n000/members",
        key: "/user/id",
        add: (
            Method::PUT,
            "/namespaces/n000/members/outsider",
            || json!({ "role": "guest" }),
        ),
        remove: |id| format!("/namespaces/n000/members/{id}"),
    },
    List {
        path: "/namespaces/n000/achievements",
        key: "/id",
        add: (
            Method::POST,
            "/namespaces/n000/achievements",
            || json!({ "name": "a002 late" }),
        ),
        remove: |id| format!("/achievements/{id}"),
    },
    List {
        path: "/users/ada/user-achievements",
        key: "/id",
        add: (
            Method::POST,
            "/achievements/2/award",
            || json!({ "username": "ada" }),
        ),
        remove: |id| format!("/user-achievements/{id}"),
    },
    List {
        path: "/users/ada/user-achievements?includeHidden=true&status=accepted",
        key: "/id",
        add: (
            Method::POST,
            "/achievements/2/award",
            || json!({ "username": "ada" }),
        ),
        remove: |id| format!("/user-achievements/{id}"),
    },
    List {
        path: "/users/ada/badges",
        key: "/achievement/id",
        add: (
            Method::POST,
            "/achievements/1/award",
            || json!({ "username": "ada" }),
        ),
        remove: |id| format!("/achievements/{id}"),
    },
    List {
        path: "/achievements/1/user-achievements",
        key: "/id",
        add: (
            Method::POST,
            "/achievements/1/award",
            || json!({ "username": "outsider" }),
        ),
        remove: |id| format!("/user-achievements/{id}"),
    },
    List {
        path: "/achievements/1/users",
        key: "/user/id",
        add: (
            Method::POST,
            "/achievements/1/award",
            || json!({ "username": "outsider" }),
        ),
        remove: |id| format!("/users/{id}"),
    },
];

/// With about that many entries in every list. Ada holds every achievement but the first, one of
/// them twice, in an order of her own, and hides one; the others hold the first.
async fn world(entries: usize) -> TestApp {
    let app = TestApp::new().await;
    let root = app.root();
    let ada = app.user("ada").await;
    app.user("outsider").await;
    app.patch(&root, "/settings", json!({ "autoAccept": true }))
        .await;
    for index in 0..entries {
        let name = |letter: char| format!("{letter}{index:03}");
        let token = json!({ "name": name('t') });
        app.post(&root, "/personal-access-tokens", token).await;
        let user = json!({ "username": name('u'), "email": "u@example.com" });
        app.post(&root, "/users", user).await;
        app.public_namespace(&name('n'), &root, Role::Owner).await;
        let member = format!("/namespaces/n000/members/{}", name('u'));
        app.put(&root, &member, json!({ "role": "guest" })).await;
        app.achievement(1, &name('a')).await;
        let award = json!({ "username": name('u') });
        app.post(&root, "/achievements/1/award", award).await;
    }
    app.achievement(1, "z").await;
    let mut awards = Vec::new();
    for achievement in (2..).take(entries).chain([2]) {
        awards.push(app.award(achievement, &ada).await);
    }
    let order = json!({ "userAchievementIds": [awards[entries - 1], awards[entries]] });
    app.put(&ada, "/user-achievements/priorities", order).await;
    app.hidden(2, &ada).await;
    app
}

fn with(path: &str, parameters: &str) -> String {
    let separator = if path.contains('?') { '&' } else { '?' };
    format!("{path}{separator}{parameters}")
}

async fn whole(app: &TestApp, list: &List) -> Vec<Value> {
    let page = app.get(&app.root(), &with(list.path, "limit=100")).await;
    assert_eq!(page.json["pageInfo"]["hasNextPage"], false);
    page.nodes(list.key)
}

fn cursor(page: &Response) -> String {
    let cursor = page.json["pageInfo"]["endCursor"].as_str();
    cursor.expect("a cursor").to_owned()
}

/// The pages from that address on, by `endCursor`.
async fn follow_cursors(app: &TestApp, list: &List, limit: usize, after: &str) -> Vec<Value> {
    let (mut after, mut nodes) = (after.to_owned(), Vec::new());
    loop {
        let path = with(list.path, &format!("limit={limit}{after}"));
        let page = app.get(&app.root(), &path).await;
        let entries = page.nodes(list.key);
        assert!(entries.len() <= limit, "{path}");
        let more = page.json["pageInfo"]["hasNextPage"].as_bool().unwrap();
        assert!(!more || entries.len() == limit, "{path}");
        nodes.extend(entries);
        if !more {
            return nodes;
        }
        after = format!("&after={}", cursor(&page));
    }
}

/// The pages from the first on, by the `Link` header.
async fn follow_links(app: &TestApp, list: &List, limit: usize) -> Vec<Value> {
    let mut path = with(list.path, &format!("limit={limit}"));
    let mut nodes = Vec::new();
    loop {
        let page = app.get(&app.root(), &path).await;
        nodes.extend(page.nodes(list.key));
        let more = page.json["pageInfo"]["hasNextPage"].as_bool().unwrap();
        let link = page.header("link");
        assert_eq!(link.is_some(), more, "{path}");
        let Some(link) = link else { return nodes };
        let next = link
            .strip_prefix("<https://accolade.test/")
            .expect("the base URL");
        let next = next.strip_suffix(">; rel=\"next\"").expect("the next page");
        path = format!("/{next}");
    }
}

#[actix_web::test]
async fn every_entry_is_met_once_whichever_way_the_pages_are_turned() {
    let app = world(7).await;

    for list in LISTS {
        let all = whole(&app, &list).await;
        assert!(all.len() >= 6, "{}", list.path);
        let unique: HashSet<_> = all.iter().map(Value::to_string).collect();
        assert_eq!(unique.len(), all.len(), "{}", list.path);

        for limit in 1..=3 {
            let by_cursor = follow_cursors(&app, &list, limit, "").await;
            assert_eq!(by_cursor, all, "{} by {limit}", list.path);
            let by_link = follow_links(&app, &list, limit).await;
            assert_eq!(by_link, all, "{} by {limit}", list.path);
        }
    }
}

#[actix_web::test]
async fn a_page_that_is_just_full_is_the_last() {
    let app = world(3).await;

    for list in LISTS {
        let all = whole(&app, &list).await;
        let path = with(list.path, &format!("limit={}", all.len()));
        let page = app.get(&app.root(), &path).await;

        assert_eq!(page.nodes(list.key), all, "{}", list.path);
        assert_eq!(page.json["pageInfo"]["hasNextPage"], false);
        assert_eq!(page.header("link"), None);
    }
}

#[actix_web::test]
async fn behind_the_last_entry_is_an_empty_page_without_a_cursor() {
    let app = world(3).await;

    for list in LISTS {
        let last = app.get(&app.root(), &with(list.path, "limit=100")).await;
        let path = with(list.path, &format!("after={}", cursor(&last)));
        let page = app.get(&app.root(), &path).await;

        assert_eq!(page.status, 200, "{}", list.path);
        let empty = json!({ "nodes": [], "pageInfo": { "hasNextPage": false } });
        assert_eq!(page.json, empty, "{}", list.path);
    }
}

#[actix_web::test]
async fn entries_that_come_and_go_meanwhile_disturb_no_others() {
    for list in LISTS {
        let app = world(7).await;
        let all = whole(&app, &list).await;
        let first = app.get(&app.root(), &with(list.path, "limit=2")).await;

        // The one that the cursor stands on, and one that is still to come.
        for gone in [&all[1], &all[4]] {
            let path = (list.remove)(gone);
            assert_eq!(app.delete(&app.root(), &path).await.status, 204, "{path}");
        }
        let (method, path, body) = &list.add;
        let added = app.call(method.clone(), &app.root(), path, body()).await;
        assert!(added.status < 300, "{path} {}", added.json);

        let after = format!("&after={}", cursor(&first));
        let mut seen = first.nodes(list.key);
        seen.extend(follow_cursors(&app, &list, 2, &after).await);
        let unique: HashSet<_> = seen.iter().map(Value::to_string).collect();
        assert_eq!(unique.len(), seen.len(), "{}", list.path);
        let mut expected = all.clone();
        expected.remove(4);
        seen.retain(|key| all.contains(key));
        assert_eq!(seen, expected, "{}", list.path);
    }
}

#[actix_web::test]
async fn a_page_holds_20_entries_where_nothing_else_is_said() {
    let app = world(25).await;

    for list in LISTS {
        let page = app.get(&app.root(), list.path).await;

        assert_eq!(page.nodes(list.key).len(), 20, "{}", list.path);
        assert_eq!(page.json["pageInfo"]["hasNextPage"], true);
    }
}

#[actix_web::test]
async fn other_limits_are_invalid() {
    let app = world(1).await;
    let limits = [
        "0",
        "101",
        "-1",
        "abc",
        "",
        "1.5",
        "1e1",
        "%00",
        "99999999999999999999",
    ];

    for list in LISTS {
        for limit in limits {
            let path = with(list.path, &format!("limit={limit}"));
            let response = app.get(&app.root(), &path).await;

            assert_eq!(response.status, 422, "{path}");
            assert_eq!(response.fields(), ["limit"], "{path}");
        }
    }
}

#[actix_web::test]
async fn other_cursors_are_invalid() {
    let app = world(1).await;

    for list in LISTS {
        for cursor in [
            "", "!", "abc", "W10", "e30", "bnVsbA", "%00", "%FF", "W251bGxd",
        ] {
            let path = with(list.path, &format!("after={cursor}"));
            let response = app.get(&app.root(), &path).await;

            assert_eq!(response.status, 422, "{path}");
            assert_eq!(response.fields(), ["after"], "{path}");
        }
    }
}

#[actix_web::test]
async fn the_list_of_feature_flags_takes_a_limit_too() {
    let app = TestApp::new().await;

    let response = app.get(&app.root(), "/feature-flags?limit=0&after=!").await;

    assert_eq!(response.status, 422);
    assert_eq!(response.fields(), ["limit", "after"]);
}

#[actix_web::test]
async fn the_list_of_feature_flags_has_a_cursor() {
    let app = TestApp::new().await;

    let response = app.get(&app.root(), "/feature-flags").await;

    assert_eq!(response.nodes("/name").len(), 1);
    assert!(response.json["pageInfo"]["endCursor"].is_string());
}

#[actix_web::test]
async fn links_begin_with_the_base_url_whatever_the_request_says() {
    let app = TestApp::new().await;
    app.user("ada").await;
    let (token, shared) = (app.root().token, app.accolade.clone());
    let server = actix_test::start(move || accolade::app(shared.clone()));

    // Proxies may send the whole address where others send its path.
    for target in ["/users?limit=1", "http://evil.example.com/users?limit=1"] {
        let mut stream = TcpStream::connect(server.addr()).unwrap();
        let request = format!(
            "GET {target} HTTP/1.1\r\nHost: evil.example.com\r\nAuthorization: Bearer {token}\r\n\
             X-Forwarded-Host: evil.example.com\r\nConnection: close\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();

        let link = answer.lines().find_map(|line| line.strip_prefix("link: "));
        let link = link.unwrap_or_else(|| panic!("{target}: {answer}"));
        assert!(
            link.starts_with("<https://accolade.test/users?"),
            "{target}: {link}"
        );
    }
}

/// How many statements that request runs, once all connections are open.
async fn statements(app: &TestApp, path: &str) -> u64 {
    app.get(&app.root(), path).await;
    let before = app.accolade.db.statements();
    assert_eq!(app.get(&app.root(), path).await.status, 200, "{path}");
    app.accolade.db.statements() - before
}

#[actix_web::test]
async fn a_page_of_a_hundred_costs_as_many_statements_as_a_page_of_one() {
    let (small, large) = (world(1).await, world(100).await);

    for list in LISTS {
        let path = with(list.path, "limit=100");
        let entries = large.get(&large.root(), &path).await.nodes(list.key);
        assert!(entries.len() >= 99, "{path} {}", entries.len());

        let (few, many) = (
            statements(&small, &path).await,
            statements(&large, &path).await,
        );
        assert!(few > 0, "{path}");
        assert_eq!(few, many, "{path}");
    }
}

#[actix_web::test]
async fn badges_take_one_query() {
    let app = world(10).await;

    let before = app.accolade.db.statements();
    let response = app.get(None, "/users/ada/badges").await;

    assert_eq!(response.status, 200);
    assert_eq!(app.accolade.db.statements() - before, 1);
}
