//! What every operation answers to requests that cannot be right.

use std::collections::BTreeSet;

use accolade::auth::Role;
use actix_web::http::Method;
use serde_json::{Value, json};

use crate::app::{ANONYMOUS, Response, TestApp};

/// The operations that take a body, with one that would be fine.
fn bodies() -> Vec<(Method, &'static str, Value)> {
    let name = json!({ "name": "A" });
    let award = json!({ "username": "root" });
    let (on, role) = (json!({ "enabled": true }), json!({ "role": "guest" }));
    let user = json!({ "username": "new", "email": "new@example.com" });
    let credentials = json!({ "username": "root", "password": "analytical engine" });
    let ids = json!({ "userAchievementIds": [] });
    vec![
        (Method::POST, "/sessions", credentials),
        (Method::POST, "/personal-access-tokens", name.clone()),
        (Method::PATCH, "/user", name.clone()),
        (Method::POST, "/users", user),
        (Method::PATCH, "/users/ada", name.clone()),
        (
            Method::POST,
            "/namespaces",
            json!({ "path": "new", "name": "A" }),
        ),
        (Method::PATCH, "/namespaces/1", name.clone()),
        (Method::PUT, "/namespaces/1/members/ada", role),
        (Method::POST, "/namespaces/1/achievements", name.clone()),
        (Method::PATCH, "/achievements/1", name),
        (Method::POST, "/achievements/1/award", award),
        (
            Method::PATCH,
            "/user-achievements/1",
            json!({ "awardMessage": "A" }),
        ),
        (Method::PUT, "/user-achievements/priorities", ids),
        (Method::PUT, "/feature-flags/achievements", on),
        (Method::PATCH, "/settings", json!({ "autoAccept": false })),
    ]
}

/// With the namespace 1, the achievement 1, and its award 1 to ada.
async fn world() -> TestApp {
    let app = TestApp::new().await;
    let ada = app.user("ada").await;
    let compilers = app
        .public_namespace("compilers", &app.root(), Role::Owner)
        .await;
    let achievement = app.achievement(compilers, "First merge").await;
    app.accepted(achievement, &ada).await;
    app
}

/// Sends the body as root, with the headers.
async fn send(
    app: &TestApp,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    body: impl Into<Vec<u8>>,
) -> Response {
    let bearer = format!("Bearer {}", app.root().token);
    let mut all = vec![("Authorization", bearer.as_str())];
    all.extend(headers);
    app.send(method, path, &all, body.into()).await
}

const JSON: (&str, &str) = ("Content-Type", "application/json");

#[actix_web::test]
async fn malformed_json_is_a_bad_request() {
    let app = world().await;
    let texts: [&[u8]; 8] = [
        b"",
        b"{",
        b"{\"name\":}",
        b"{\"name\":\"A\"} {}",
        b"{'name':'A'}",
        b"{\"name\":\"\xff\"}",
        b"{\"name\":\"\\ud800\"}",
        b"\xef\xbb\xbf",
    ];

    for (method, path, _) in bodies() {
        for text in texts {
            let response = send(&app, method.clone(), path, &[JSON], text).await;

            assert_eq!(response.status, 400, "{method} {path} {text:?}");
        }
    }
}

#[actix_web::test]
async fn json_that_is_nested_too_deeply_is_a_bad_request() {
    let app = world().await;

    let body = format!("{{\"name\":{}1{}}}", "[".repeat(50_000), "]".repeat(50_000));
    let response = send(&app, Method::PATCH, "/user", &[JSON], body).await;

    assert_eq!(response.status, 400);
}

#[actix_web::test]
async fn a_body_that_is_no_object_is_invalid() {
    let app = world().await;

    for (method, path, _) in bodies() {
        for body in ["[]", "\"A\"", "1", "true", "null"] {
            let response = send(&app, method.clone(), path, &[JSON], body).await;

            assert_eq!(response.status, 422, "{method} {path} {body}");
        }
    }
}

#[actix_web::test]
async fn unknown_members_are_invalid_and_named() {
    let app = world().await;

    for (method, path, mut body) in bodies() {
        body["nonsense"] = json!(1);
        body["Name"] = json!("A");
        let response = app.call(method.clone(), &app.root(), path, body).await;

        assert_eq!(response.status, 422, "{method} {path}");
        let fields: BTreeSet<_> = response.fields().into_iter().collect();
        assert_eq!(fields, ["Name", "nonsense"].into(), "{method} {path}");
    }
}

#[actix_web::test]
async fn wrong_types_and_nulls_for_what_is_required_are_invalid() {
    let app = world().await;
    let required = [
        (Method::POST, "/sessions", vec!["password", "username"]),
        (Method::POST, "/personal-access-tokens", vec!["name"]),
        (Method::POST, "/users", vec!["email", "username"]),
        (Method::POST, "/namespaces", vec!["name", "path"]),
        (Method::PUT, "/namespaces/1/members/ada", vec!["role"]),
        (Method::POST, "/namespaces/1/achievements", vec!["name"]),
        (
            Method::PUT,
            "/user-achievements/priorities",
            vec!["userAchievementIds"],
        ),
        (Method::PUT, "/feature-flags/achievements", vec!["enabled"]),
    ];

    for (method, path, members) in required {
        for value in [json!(null), json!(1.5), json!({})] {
            let body: Value = members
                .iter()
                .map(|name| ((*name).to_owned(), value.clone()))
                .collect();
            let response = app.call(method.clone(), &app.root(), path, body).await;

            assert_eq!(response.status, 422, "{method} {path} {value}");
            let mut fields = response.fields();
            fields.sort();
            assert_eq!(fields, members, "{method} {path} {value}");
        }
    }
}

#[actix_web::test]
async fn all_violations_are_reported_at_once_each_with_what_is_wrong() {
    let app = world().await;

    let body = json!({
        "username": "12", "email": "nowhere", "name": "", "password": "short",
        "admin": "yes", "nick": 1,
    });
    let response = app.post(&app.root(), "/users", body).await;

    assert_eq!(response.status, 422);
    let mut fields = response.fields();
    fields.sort();
    assert_eq!(
        fields,
        ["admin", "email", "name", "nick", "password", "username"]
    );
    for error in response.json["errors"].as_array().unwrap() {
        assert!(!error["detail"].as_str().unwrap().is_empty());
        assert_eq!(error.as_object().unwrap().len(), 2);
    }
}

#[actix_web::test]
async fn other_media_types_are_not_supported() {
    let app = world().await;
    let types = [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/jsonp",
        "text/json",
        "nonsense",
    ];

    for (method, path, body) in bodies() {
        for media_type in types {
            let headers = [("Content-Type", media_type)];
            let response = send(&app, method.clone(), path, &headers, body.to_string()).await;

            assert_eq!(response.status, 415, "{method} {path} {media_type}");
        }
        let response = send(&app, method.clone(), path, &[], body.to_string()).await;
        assert_eq!(response.status, 415, "{method} {path}");
    }
}

#[actix_web::test]
async fn the_media_type_is_read_without_regard_to_case_and_parameters() {
    let app = world().await;
    let types = [
        "application/json; charset=utf-8",
        "application/json;charset=UTF-8",
        "Application/JSON",
    ];

    for media_type in types {
        let headers = [("Content-Type", media_type)];
        let response = send(&app, Method::PATCH, "/user", &headers, "{}").await;

        assert_eq!(response.status, 200, "{media_type}");
    }
}

#[actix_web::test]
async fn compressed_bodies_are_not_supported() {
    let app = world().await;

    for encoding in [
        "gzip",
        "br",
        "deflate",
        "zstd",
        "compress",
        "identity, gzip",
    ] {
        let headers = [JSON, ("Content-Encoding", encoding)];
        let response = send(&app, Method::PATCH, "/user", &headers, "{}").await;

        assert_eq!(response.status, 415, "{encoding}");
    }
}

#[actix_web::test]
async fn a_body_too_large_is_refused() {
    let app = world().await;

    let body = json!({ "name": "a".repeat(1 << 20) }).to_string();
    let response = send(&app, Method::PATCH, "/user", &[JSON], body).await;

    assert_eq!(response.status, 413);
}

#[actix_web::test]
async fn unknown_addresses_are_not_found() {
    let app = world().await;

    for path in [
        "/nowhere",
        "/users/ada/nothing",
        "/namespaces/1/nothing",
        "/achievements/1/nothing",
        "/user-achievements/1/nothing",
        "/users/",
        "//users",
        "/users/ada/badges/",
    ] {
        for method in [Method::GET, Method::POST, Method::DELETE] {
            let response = app.call(method, &app.root(), path, Value::Null).await;

            assert_eq!(response.status, 404, "{path}");
        }
    }
}

#[actix_web::test]
async fn a_wrong_method_is_told_the_right_ones() {
    let app = world().await;
    let wrong = [
        (Method::GET, "/sessions", "POST"),
        (Method::PUT, "/personal-access-tokens", "GET POST"),
        (Method::GET, "/personal-access-tokens/1", "DELETE"),
        (Method::POST, "/user", "GET PATCH"),
        (Method::DELETE, "/users", "GET POST"),
        (Method::POST, "/users/ada", "DELETE GET PATCH"),
        (Method::PATCH, "/namespaces", "GET POST"),
        (Method::POST, "/namespaces/1", "DELETE GET PATCH"),
        (Method::POST, "/namespaces/1/members", "GET"),
        (Method::GET, "/namespaces/1/members/ada", "DELETE PUT"),
        (Method::DELETE, "/namespaces/1/achievements", "GET POST"),
        (Method::POST, "/achievements/1", "DELETE GET PATCH"),
        (Method::GET, "/achievements/1/award", "POST"),
        (Method::POST, "/achievements/1/users", "GET"),
        (Method::POST, "/achievements/1/user-achievements", "GET"),
        (Method::POST, "/user-achievements/1", "DELETE GET PATCH"),
        (Method::GET, "/user-achievements/1/accept", "POST"),
        (Method::GET, "/user-achievements/1/revoke", "POST"),
        (Method::POST, "/users/ada/badges", "GET"),
        (Method::DELETE, "/feature-flags", "GET"),
        (Method::GET, "/feature-flags/achievements", "PUT"),
        (Method::DELETE, "/settings", "GET PATCH"),
    ];

    for (method, path, right) in wrong {
        let response = app
            .call(method.clone(), &app.root(), path, Value::Null)
            .await;

        assert_eq!(response.status, 405, "{method} {path}");
        let allow: BTreeSet<_> = response.header("allow").unwrap().split(", ").collect();
        let mut expected: BTreeSet<_> = right.split(' ').collect();
        if expected.contains("GET") {
            expected.insert("HEAD");
        }
        assert_eq!(allow, expected, "{method} {path}");
    }
}

#[actix_web::test]
async fn the_contract_is_only_read() {
    let app = world().await;

    let response = app.post(ANONYMOUS, "/openapi.json", Value::Null).await;

    assert_eq!(response.status, 405);
    assert!(response.header("allow").unwrap().contains("GET"));
}

/// What must be an id, and is none.
const NO_IDS: [&str; 12] = [
    "abc",
    "1.0",
    "1e0",
    "0x1",
    "-1",
    "0",
    "9223372036854775807",
    "9223372036854775808",
    "99999999999999999999999999",
    "1%20",
    "1%00",
    "%FF",
];

#[actix_web::test]
async fn ids_that_are_no_numbers_or_too_large_are_not_found() {
    let app = world().await;
    let award = json!({ "username": "root" });
    let operations = [
        (Method::DELETE, "/personal-access-tokens/ID", Value::Null),
        (Method::GET, "/achievements/ID", Value::Null),
        (Method::PATCH, "/achievements/ID", json!({})),
        (Method::DELETE, "/achievements/ID", Value::Null),
        (Method::POST, "/achievements/ID/award", award),
        (
            Method::GET,
            "/achievements/ID/user-achievements",
            Value::Null,
        ),
        (Method::GET, "/achievements/ID/users", Value::Null),
        (Method::GET, "/user-achievements/ID", Value::Null),
        (Method::PATCH, "/user-achievements/ID", json!({})),
        (Method::DELETE, "/user-achievements/ID", Value::Null),
        (Method::POST, "/user-achievements/ID/accept", Value::Null),
        (Method::POST, "/user-achievements/ID/decline", Value::Null),
        (Method::POST, "/user-achievements/ID/revoke", Value::Null),
    ];

    for (method, path, body) in operations {
        for id in NO_IDS {
            let path = path.replace("ID", id);
            let response = app
                .call(method.clone(), &app.root(), &path, body.clone())
                .await;

            assert_eq!(response.status, 404, "{method} {path}");
        }
    }
}

#[actix_web::test]
async fn names_of_users_and_namespaces_that_cannot_be_are_not_found() {
    let app = world().await;
    let names = [
        "-1",
        "0",
        "99999999999999999999",
        "%20ada",
        "ada%00",
        "%FF",
        "a%2F%2Fb",
        "%2F",
    ];

    for name in names {
        for path in [
            format!("/users/{name}"),
            format!("/users/{name}/badges"),
            format!("/users/{name}/user-achievements"),
            format!("/namespaces/{name}"),
            format!("/namespaces/{name}/members"),
            format!("/namespaces/{name}/achievements"),
        ] {
            let response = app.get(&app.root(), &path).await;

            assert_eq!(response.status, 404, "{path}");
        }
    }
}

#[actix_web::test]
async fn a_number_with_a_sign_is_no_id() {
    let app = world().await;

    for path in ["/users/+1", "/namespaces/+1"] {
        assert_eq!(app.get(&app.root(), path).await.status, 404, "{path}");
    }
}

#[actix_web::test]
async fn strange_characters_in_addresses_are_never_our_fault() {
    let app = world().await;
    let strange = [
        "%00",
        "%01",
        "%0A",
        "%0D%0A",
        "%7F",
        "%C2%85",
        "%E2%80%AE",
        "%FF",
        "%ED%A0%80",
        "%F0%9F%8E%89",
        "%25",
        "%5C",
        "%27",
        "%",
    ];
    let paths = [
        "/users/?",
        "/users/a?/user-achievements",
        "/users/a?/badges",
        "/namespaces/a?",
        "/namespaces/compilers%2F?/achievements",
        "/feature-flags/?",
        "/achievements/?",
        "/users?search=?",
        "/namespaces/1/achievements?search=?",
        "/namespaces?limit=?",
        "/users/ada/badges?after=?",
        "/users/ada/user-achievements?status=?&includeHidden=?",
        "/?",
    ];

    for character in strange {
        for path in paths {
            // The first of two question marks begins the query.
            let path = match path.split_once('?') {
                Some((path, query)) if query.contains('=') => {
                    format!("{path}?{}", query.replace('?', character))
                }
                _ => path.replace('?', character),
            };
            for method in [Method::GET, Method::DELETE] {
                let response = app.call(method, ANONYMOUS, &path, Value::Null).await;

                assert!(response.status < 500, "{path}: {}", response.status);
            }
        }
    }
}

#[actix_web::test]
async fn strange_cursors_are_invalid() {
    use base64::prelude::*;
    let app = world().await;
    let keys = [
        "",
        "null",
        "[]",
        "{}",
        "\"\\u0000\"",
        "\"a\\u0000b\"",
        "\"\0\"",
        "\"\\ud800\"",
        "1.5",
        "1e400",
        "99999999999999999999",
        "[1]",
        "[1,2,3,4]",
        "[null,null,null]",
        "\"\\\\u0000",
    ];
    let lists = [
        "/personal-access-tokens",
        "/users",
        "/namespaces/1/members",
        "/users/ada/user-achievements",
        "/users/ada/badges",
        "/achievements/1/user-achievements",
        "/achievements/1/users",
    ];

    for list in lists {
        for key in keys {
            let cursor = BASE64_URL_SAFE_NO_PAD.encode(key);
            let path = format!("{list}?after={cursor}");
            let response = app.get(&app.root(), &path).await;

            assert_eq!(response.status, 422, "{list} after {key:?}");
            assert_eq!(response.fields(), ["after"]);
        }
    }
}

#[actix_web::test]
async fn made_up_cursors_are_never_our_fault() {
    use base64::prelude::*;
    let app = world().await;
    let keys = [
        "-9223372036854775808",
        "9223372036854775807",
        "\"\\u0001\"",
        "\"%\"",
        "\"\u{10ffff}\"",
        "[-2147483648,-9223372036854775808,-9223372036854775808]",
        "[2147483647,9223372036854775807,9223372036854775807]",
        "[-9223372036854775808,-1]",
        "[9223372036854775807,1]",
        "[253402300800000,1]",
    ];
    let lists = [
        "/personal-access-tokens",
        "/users",
        "/namespaces",
        "/namespaces/1/members",
        "/namespaces/1/achievements",
        "/users/ada/user-achievements",
        "/users/ada/badges",
        "/achievements/1/user-achievements",
        "/achievements/1/users",
    ];

    for list in lists {
        for key in keys {
            let cursor = BASE64_URL_SAFE_NO_PAD.encode(key);
            let response = app
                .get(&app.root(), &format!("{list}?after={cursor}"))
                .await;

            assert!([200, 422].contains(&response.status), "{list} after {key}");
        }
    }
}

#[actix_web::test]
async fn strange_characters_in_bodies_are_never_our_fault() {
    let app = world().await;
    let strange = [
        "\0",
        "a\0b",
        "\u{1}",
        "\n",
        "\u{1b}[0m",
        "\u{7f}",
        "\u{85}",
        "\u{202e}",
        "\u{fffe}",
        "'",
        "\\",
        "%",
        "🎉",
    ];

    for (method, path, body) in bodies() {
        for text in strange {
            let mut strings = body.clone();
            let members = strings.as_object_mut().unwrap();
            members.values_mut().for_each(|value| *value = json!(text));
            for name in [
                "description",
                "password",
                "email",
                "expiresAt",
                "visibility",
                "state",
                "path",
                "username",
                "awardMessage",
            ] {
                members.insert(name.into(), json!(text));
            }
            let all = Value::Object(members.clone());
            let response = app.call(method.clone(), &app.root(), path, all).await;
            assert!(response.status < 500, "{method} {path} {text:?}");

            // One by one too: with all of them, one that is invalid hides the others.
            for name in body.as_object().unwrap().keys() {
                let mut one = body.clone();
                one[name] = json!(text);
                let response = app.call(method.clone(), &app.root(), path, one).await;
                assert!(response.status < 500, "{method} {path} {name} {text:?}");
            }
        }
    }
}

#[actix_web::test]
async fn a_text_is_taken_where_the_contract_takes_it() {
    let app = world().await;
    let contract = app.get(ANONYMOUS, "/openapi.json").await.json;
    let members = &contract["components"]["schemas"]["UpdateAchievement"]["properties"];
    let alone = [
        "\n", "\u{1c}", "\u{85}", "\u{200b}", "\u{2028}", "\u{3000}", "\u{feff}",
    ];
    let around = |space: &&str| {
        [
            format!("{space}Ada{space}"),
            format!(" {space} Ada"),
            format!("A{space}a"),
        ]
    };
    let texts = alone.iter().flat_map(around).chain(alone.map(String::from));

    for text in texts.chain(["", " ", " Ada ", "\u{c}\u{2003}\tAda"].map(String::from)) {
        for member in ["name", "description"] {
            let validator = jsonschema::validator_for(&members[member]).unwrap();
            let body = json!({ member: text });
            let response = app.patch(&app.root(), "/achievements/1", body).await;

            let is_valid = validator.is_valid(&json!(text));
            assert_eq!(
                response.status,
                if is_valid { 200 } else { 422 },
                "{member}: {text:?}"
            );
        }
    }
}

#[actix_web::test]
async fn a_nul_is_refused_in_every_text() {
    let app = world().await;
    let texts = [
        (Method::POST, "/personal-access-tokens", json!({}), "name"),
        (Method::PATCH, "/user", json!({}), "name"),
        (Method::PATCH, "/user", json!({}), "email"),
        (
            Method::POST,
            "/users",
            json!({ "username": "new" }),
            "email",
        ),
        (
            Method::POST,
            "/users",
            json!({ "email": "a@example.com" }),
            "username",
        ),
        (Method::POST, "/namespaces", json!({ "name": "A" }), "path"),
        (
            Method::POST,
            "/namespaces",
            json!({ "path": "a", "name": "A" }),
            "description",
        ),
        (Method::PATCH, "/namespaces/1", json!({}), "description"),
        (
            Method::POST,
            "/namespaces/1/achievements",
            json!({}),
            "name",
        ),
        (Method::PATCH, "/achievements/1", json!({}), "description"),
        (
            Method::POST,
            "/achievements/1/award",
            json!({ "userId": 1 }),
            "awardMessage",
        ),
        (Method::POST, "/achievements/1/award", json!({}), "username"),
        (
            Method::PATCH,
            "/user-achievements/1",
            json!({}),
            "awardMessage",
        ),
    ];

    for (method, path, mut body, member) in texts {
        for text in ["a\0b", "\0", "\"\0\"@example.com", "a\u{1b}b"] {
            body[member] = json!(text);
            let response = app
                .call(method.clone(), &app.root(), path, body.clone())
                .await;

            assert_eq!(response.status, 422, "{method} {path} {member} {text:?}");
            assert_eq!(response.fields(), [member], "{method} {path}");
        }
    }
}

#[actix_web::test]
async fn head_answers_like_get_without_the_body() {
    let app = world().await;
    let (token, shared) = (app.root().token, app.accolade.clone());
    let server = actix_test::start(move || accolade::app(shared.clone()));
    let call = async |method: Method, path: &str| {
        let request = server
            .request(method, server.url(path))
            .insert_header(("Authorization", format!("Bearer {token}")));
        request.send().await.unwrap()
    };

    for path in [
        "/user",
        "/users/ada/badges",
        "/users/ada/user-achievements?limit=1",
        "/users?limit=1",
        "/user-achievements/1",
        "/openapi.json",
        "/achievements/9",
        "/users?limit=0",
        "/nowhere",
    ] {
        let get = call(Method::GET, path).await;
        let mut head = call(Method::HEAD, path).await;

        assert_eq!(head.status(), get.status(), "{path}");
        assert!(head.body().await.unwrap().is_empty(), "{path}");
        for header in ["content-type", "content-length", "link"] {
            let (of_head, of_get) = (head.headers().get(header), get.headers().get(header));
            assert_eq!(of_head, of_get, "{path} {header}");
        }
    }
}

#[actix_web::test]
async fn every_failure_is_a_problem_document() {
    let app = world().await;
    let ada = app.user("bob").await;
    let failures = [
        (app.get(ANONYMOUS, "/user").await, 401),
        (app.get(&ada, "/settings").await, 403),
        (app.get(&ada, "/nowhere").await, 404),
        (app.get(&ada, "/achievements/9").await, 404),
        (app.delete(&ada, "/user").await, 405),
        (
            app.post(
                &app.root(),
                "/namespaces",
                json!({ "path": "compilers", "name": "A" }),
            )
            .await,
            409,
        ),
        (
            app.patch(&ada, "/user", json!({ "name": "a".repeat(1 << 20) }))
                .await,
            413,
        ),
        (app.patch(&ada, "/user", Value::Null).await, 415),
        (app.patch(&ada, "/user", json!({ "name": "" })).await, 422),
        (send(&app, Method::PATCH, "/user", &[JSON], "{").await, 400),
    ];

    for (failure, status) in failures {
        assert_eq!(failure.status, status);
        assert_eq!(
            failure.header("content-type"),
            Some("application/problem+json")
        );
        assert_eq!(failure.json["status"], status);
        assert!(
            failure.json["type"]
                .as_str()
                .unwrap()
                .starts_with("/problems/")
        );
        for member in ["title", "detail"] {
            assert!(!failure.json[member].as_str().unwrap().is_empty());
        }
    }
}

#[actix_web::test]
async fn the_same_kind_of_failure_has_the_same_type() {
    let app = world().await;
    let kind = |response: Response| {
        (
            response.json["type"].clone(),
            response.json["title"].clone(),
        )
    };

    let first = kind(app.get(&app.root(), "/achievements/9").await);
    let second = kind(app.get(&app.root(), "/users/nobody").await);
    let third = kind(app.patch(&app.root(), "/user", json!({ "name": "" })).await);
    let fourth = kind(app.get(&app.root(), "/users?limit=0").await);

    assert_eq!(first, second);
    assert_eq!(third, fourth);
    assert_ne!(first, third);
}
