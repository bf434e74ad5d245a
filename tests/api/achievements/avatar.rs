use std::io::{Cursor, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant, SystemTime};

use accolade::auth::Role;
use accolade::avatars::Avatars;
use actix_web::http::Method;
use actix_web::rt::task::spawn_blocking;
use futures_util::future::{join, join_all};
use image::{ImageFormat, RgbImage};
use insta::assert_json_snapshot;
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};

use crate::app::{ANONYMOUS, FORM, TestApp, User, form};
use crate::avatar_corpus::{chunk, picture};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A service with a maintainer of the namespace `compilers`, and an achievement there.
async fn begin() -> (TestApp, User, i64) {
    let app = TestApp::new().await;
    let grace = app.user("grace").await;
    let compilers = app.namespace("compilers", &grace, Role::Maintainer).await;
    let achievement = app.achievement(compilers, "First merge").await;
    (app, grace, achievement)
}

/// The size of the image at that address.
async fn size(app: &TestApp, url: &str) -> (u32, u32) {
    let response = app.get(ANONYMOUS, url).await;
    assert_eq!(response.status, 200, "{url}");
    assert_eq!(response.header("content-type"), Some("image/png"));
    let image = image::load_from_memory_with_format(&response.body, ImageFormat::Png).unwrap();
    (image.width(), image.height())
}

/// The names of an avatar's files: all of one key.
fn names(files: &[String]) -> Vec<&str> {
    let key = files.first().map_or("", |key| key.as_str());
    let of_key = |file: &'_ String| file.starts_with(key);
    assert!(files.iter().all(of_key), "of several: {files:?}");
    files[1..]
        .iter()
        .map(|file| &file[key.len() + 1..])
        .collect()
}

fn red(width: u32, height: u32) -> Vec<u8> {
    let image = RgbImage::from_pixel(width, height, image::Rgb([200, 0, 0]));
    let mut file = Cursor::new(Vec::new());
    image.write_to(&mut file, ImageFormat::Png).unwrap();
    file.into_inner()
}

#[actix_web::test]
async fn a_maintainer_creates_an_achievement_with_an_avatar() {
    let (app, grace, _) = begin().await;

    let image = picture(ImageFormat::Png, 300, 200);
    let parts: [(&str, &[u8]); 3] = [
        ("name", "Zweiter Beitrag é".as_bytes()),
        ("description", b"Landed another change"),
        ("avatar", &image),
    ];
    let path = "/namespaces/compilers/achievements";
    let response = app.form(Method::POST, &grace, path, &parts).await;

    assert_eq!(response.status, 201);
    assert_json_snapshot!(response.json, {
        ".avatarUrl" => "[url]", ".createdAt" => "[now]", ".updatedAt" => "[now]"
    }, @r#"
    {
      "id": 2,
      "namespace": {
        "id": 1,
        "fullPath": "compilers",
        "name": "compilers",
        "webUrl": "https://accolade.test/groups/compilers/-/achievements"
      },
      "name": "Zweiter Beitrag é",
      "description": "Landed another change",
      "avatarUrl": "[url]",
      "userAchievementsCount": 0,
      "uniqueUsersCount": 0,
      "createdAt": "[now]",
      "updatedAt": "[now]",
      "webUrl": "https://accolade.test/groups/compilers/-/achievements"
    }
    "#);
    let url = response.json["avatarUrl"].as_str().unwrap();
    let url = url.strip_prefix("https://accolade.test").unwrap();
    assert!(url.starts_with("/uploads/-/system/achievements/achievement/avatar/2/"));
    assert_eq!(size(&app, url).await, (300, 200));
}

#[actix_web::test]
async fn a_form_without_an_avatar_does_what_json_does() {
    let (app, grace, achievement) = begin().await;
    let path = "/namespaces/compilers/achievements";
    let parts: [(&str, &[u8]); 1] = [("name", b"Second merge")];
    let created = app.form(Method::POST, &grace, path, &parts).await;
    assert_eq!(created.status, 201);
    assert_eq!(created.json.get("avatarUrl"), None);

    let path = format!("/achievements/{achievement}");
    let before = app.avatar(achievement, &red(10, 10)).await;
    let parts: [(&str, &[u8]); 1] = [("description", b"A change")];
    let updated = app.form(Method::PATCH, &grace, &path, &parts).await;

    assert_eq!(updated.status, 200);
    assert_eq!(updated.json["name"], "First merge");
    assert_eq!(updated.json["description"], "A change");
    // What is not named stays.
    let url = format!("https://accolade.test{before}");
    assert_eq!(updated.json["avatarUrl"], url);
    assert_eq!(size(&app, &before).await, (10, 10));
}

#[actix_web::test]
async fn an_update_changes_name_and_avatar_at_once() {
    let (app, grace, achievement) = begin().await;
    let before = app.avatar(achievement, &red(10, 10)).await;

    let image = picture(ImageFormat::Jpeg, 50, 40);
    let parts: [(&str, &[u8]); 2] = [("name", b"Renamed"), ("avatar", &image)];
    let path = format!("/achievements/{achievement}");
    let response = app.form(Method::PATCH, &grace, &path, &parts).await;

    assert_eq!(response.status, 200);
    assert_eq!(response.json["name"], "Renamed");
    let url = response.json["avatarUrl"].as_str().unwrap();
    let url = url.strip_prefix("https://accolade.test").unwrap();
    assert_eq!(size(&app, url).await, (50, 40));
    assert_eq!(app.get(ANONYMOUS, &before).await.status, 404);
    assert_eq!(names(&app.avatar_files()), ["48.png", "avatar.png"]);
}

#[actix_web::test]
async fn a_maintainer_sets_and_removes_the_avatar() {
    let (app, grace, achievement) = begin().await;
    let path = format!("/achievements/{achievement}/avatar");

    let image = picture(ImageFormat::Png, 200, 200);
    let parts: [(&str, &[u8]); 1] = [("avatar", &image)];
    let put = app.form(Method::PUT, &grace, &path, &parts).await;
    assert_eq!(put.status, 200);
    assert_eq!(put.json["name"], "First merge");
    let url = put.json["avatarUrl"].as_str().unwrap().to_owned();
    let url = url.strip_prefix("https://accolade.test").unwrap();
    assert_eq!(size(&app, url).await, (200, 200));

    let removed = app.delete(&grace, &path).await;
    assert_eq!(removed.status, 200);
    assert_eq!(removed.json.get("avatarUrl"), None);
    assert_eq!(app.get(ANONYMOUS, url).await.status, 404);
    assert_eq!(app.avatar_files(), Vec::<String>::new());
    // There is none to remove, which is what was asked for.
    assert_eq!(app.delete(&grace, &path).await.status, 200);
}

#[actix_web::test]
async fn every_format_is_taken_and_kept_as_png() {
    let (app, grace, achievement) = begin().await;
    for format in [
        ImageFormat::Png,
        ImageFormat::Jpeg,
        ImageFormat::Gif,
        ImageFormat::Bmp,
        ImageFormat::Tiff,
        ImageFormat::Ico,
        ImageFormat::WebP,
    ] {
        for (width, height) in [(1, 1), (33, 47), (256, 100)] {
            let file = picture(format, width, height);
            let parts: [(&str, &[u8]); 1] = [("avatar", &file)];
            let path = format!("/achievements/{achievement}/avatar");
            let response = app.form(Method::PUT, &grace, &path, &parts).await;
            assert_eq!(
                response.status, 200,
                "{format:?} {width}: {}",
                response.json
            );
            let url = response.json["avatarUrl"].as_str().unwrap();
            let url = url.strip_prefix("https://accolade.test").unwrap();
            assert_eq!(size(&app, url).await, (width, height), "{format:?}");
        }
    }
}

#[actix_web::test]
async fn the_content_decides_whatever_the_file_is_called() {
    let (app, grace, achievement) = begin().await;
    let path = format!("/achievements/{achievement}/avatar");
    let token = format!("Bearer {}", grace.token);
    let headers = [("Authorization", token.as_str()), ("Content-Type", FORM)];
    let put = async |name: &str, media_type: &str, file: &[u8]| {
        let disposition = format!("form-data; name=\"avatar\"; filename=\"{name}\"");
        let head = format!(
            "--between\r\nContent-Disposition: {disposition}\r\nContent-Type: {media_type}\r\n\r\n"
        );
        let body = [head.as_bytes(), file, b"\r\n--between--\r\n"].concat();
        app.send(Method::PUT, &path, &headers, body).await.status
    };

    let gif = picture(ImageFormat::Gif, 20, 20);
    assert_eq!(put("../../page.html", "text/html", &gif).await, 200);
    assert_eq!(put("avatar.png", "image/png", &gif).await, 200);
    assert_eq!(names(&app.avatar_files()), ["avatar.png"]);
    assert_eq!(put("avatar.png", "image/png", b"<svg/>").await, 422);
}

#[actix_web::test]
async fn nothing_but_pixels_is_kept_and_they_stand_upright() {
    let (app, _, achievement) = begin().await;

    let whole = picture(ImageFormat::Png, 30, 20);
    let (begin, end) = whole.split_at(33);
    let text = chunk(b"tEXt", b"Comment\0taken at home");
    let tagged = [begin, &text, end].concat();
    let url = app.avatar(achievement, &tagged).await;
    let kept = app.get(ANONYMOUS, &url).await.body;
    assert!(!contains(&kept, b"taken at home"), "metadata was kept");
    assert_eq!(pixels(&kept), pixels(&whole));

    // Exif says where the picture was taken, and that it is to be turned by 90 degrees.
    let jpeg = picture(ImageFormat::Jpeg, 30, 20);
    let mut exif = b"Exif\0\0II*\0\x08\0\0\0\x02\0".to_vec();
    exif.extend(b"\x0e\x01\x02\0\x0e\0\0\0\x26\0\0\0");
    exif.extend(b"\x12\x01\x03\0\x01\0\0\0\x06\0\0\0");
    exif.extend(b"\0\0\0\0taken at home\0");
    let length = u16::try_from(exif.len() + 2).unwrap().to_be_bytes();
    let tagged = [&jpeg[..2], b"\xff\xe1", &length, &exif, &jpeg[2..]].concat();
    let url = app.avatar(achievement, &tagged).await;
    let kept = app.get(ANONYMOUS, &url).await.body;
    assert!(!contains(&kept, b"taken at home"), "metadata was kept");
    let upright = image::load_from_memory(&jpeg).unwrap().rotate90();
    assert_eq!(pixels(&kept), upright.to_rgba8().into_raw());
}

fn contains(file: &[u8], what: &[u8]) -> bool {
    file.windows(what.len()).any(|window| window == what)
}

fn pixels(file: &[u8]) -> Vec<u8> {
    image::load_from_memory(file).unwrap().to_rgba8().into_raw()
}

#[actix_web::test]
async fn an_avatar_is_served_to_everyone_in_four_widths_and_kept_for_ever() {
    let (app, _, achievement) = begin().await;
    let url = app.avatar(achievement, &red(400, 300)).await;

    for (query, expected) in [
        ("", (400, 300)),
        ("?width=48", (48, 36)),
        ("?width=96", (96, 72)),
        ("?width=192", (192, 144)),
    ] {
        assert_eq!(size(&app, &format!("{url}{query}")).await, expected);
    }
    let response = app.get(ANONYMOUS, &url).await;
    let hash = digest(&SHA256, &response.body);
    let hash: String = hash.as_ref()[..16]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert!(
        url.ends_with(&format!("/{achievement}/{hash}.png")),
        "{url}"
    );
    for (header, value) in [
        ("cache-control", "public, max-age=31536000, immutable"),
        ("content-security-policy", "default-src 'none'; sandbox"),
        ("x-content-type-options", "nosniff"),
        ("etag", &format!("\"{hash}\"")),
    ] {
        assert_eq!(response.header(header), Some(value), "{header}");
    }
}

#[actix_web::test]
async fn a_width_is_one_of_three_and_never_larger_than_the_image() {
    let (app, _, achievement) = begin().await;
    let url = app.avatar(achievement, &red(60, 30)).await;

    assert_eq!(size(&app, &format!("{url}?width=48")).await, (48, 24));
    for width in [96, 192] {
        assert_eq!(size(&app, &format!("{url}?width={width}")).await, (60, 30));
    }
    for width in ["0", "47", "4096", "-48", "48.0", "large", ""] {
        let response = app.get(ANONYMOUS, &format!("{url}?width={width}")).await;
        assert_eq!(response.status, 422, "{width}");
        assert_eq!(response.fields(), ["width"]);
    }
    let response = app.get(ANONYMOUS, &format!("{url}?height=48")).await;
    assert_eq!((response.status, response.fields()), (422, vec!["height"]));
}

#[actix_web::test]
async fn what_a_client_has_is_not_sent_again() {
    let (app, _, achievement) = begin().await;
    let url = app.avatar(achievement, &red(60, 60)).await;
    let small = format!("{url}?width=48");
    let tag = app.get(ANONYMOUS, &url).await;
    let tag = tag.header("etag").unwrap();
    let small_tag = app.get(ANONYMOUS, &small).await;
    let small_tag = small_tag.header("etag").unwrap();
    assert_ne!(tag, small_tag);

    let either = format!("\"other\", {tag}");
    for (url, known, status) in [
        (&url, tag, 304),
        (&url, &either, 304),
        (&url, &format!("W/{tag}"), 304),
        (&url, "*", 304),
        (&url, small_tag, 200),
        (&small, small_tag, 304),
        (&small, tag, 200),
    ] {
        let headers = [("If-None-Match", known)];
        let response = app.send(Method::GET, url, &headers, Vec::new()).await;
        assert_eq!(response.status, status, "{known}");
        assert_eq!(response.body.is_empty(), status == 304);
        assert!(
            response
                .header("cache-control")
                .unwrap()
                .contains("immutable")
        );
    }
}

#[actix_web::test]
async fn an_address_that_names_no_avatar_is_not_found() {
    let (app, _, achievement) = begin().await;
    let url = app.avatar(achievement, &red(60, 60)).await;
    let (folder, file) = url.rsplit_once('/').unwrap();
    let elsewhere = folder.replace(&format!("/{achievement}"), "/404");
    let key = app.avatar_files()[0].clone();

    for address in [
        format!("{folder}/{}.png", "0".repeat(32)),
        format!("{elsewhere}/{file}"),
        format!("{folder}/{key}.png"),
        format!("{folder}/.png"),
        format!("{folder}/..%2f..%2f{key}%2favatar.png"),
        url.replace(".png", ".svg"),
        url.replace(".png", ""),
    ] {
        assert_eq!(app.get(ANONYMOUS, &address).await.status, 404, "{address}");
    }
}

#[actix_web::test]
async fn an_award_and_a_badge_name_the_avatar() {
    let (app, grace, achievement) = begin().await;
    let ada = app.user("ada").await;
    let award = app.accepted(achievement, &ada).await;
    let url = app.avatar(achievement, &red(60, 60)).await;
    let url = json!(format!("https://accolade.test{url}"));

    let award = app.get(&ada, &format!("/user-achievements/{award}")).await;
    assert_eq!(award.json["achievement"]["avatarUrl"], url);
    let awards = app.get(ANONYMOUS, "/users/ada/user-achievements").await;
    assert_eq!(
        awards.nodes("/achievement/avatarUrl"),
        std::slice::from_ref(&url)
    );
    let badges = app.get(ANONYMOUS, "/users/ada/badges").await;
    assert_eq!(
        badges.nodes("/achievement/avatarUrl"),
        std::slice::from_ref(&url)
    );
    let listed = app.get(&grace, "/namespaces/compilers/achievements").await;
    assert_eq!(listed.nodes("/avatarUrl"), [url]);
}

#[actix_web::test]
async fn who_may_not_change_it_is_refused_and_leaves_no_file() {
    let (app, _, achievement) = begin().await;
    let (heidi, ada) = (app.user("heidi").await, app.user("ada").await);
    app.member(1, &heidi, Role::Developer).await;
    let image = red(60, 60);
    let parts: [(&str, &[u8]); 2] = [("name", b"Mine"), ("avatar", &image)];
    let [one, avatar] = ["", "/avatar"].map(|end| format!("/achievements/{achievement}{end}"));

    for (user, status) in [(Some(&heidi), 403), (Some(&ada), 404), (None, 401)] {
        let all = "/namespaces/compilers/achievements";
        for (method, path, parts) in [
            (Method::POST, all, &parts[..]),
            (Method::PATCH, &one, &parts[..]),
            (Method::PUT, &avatar, &parts[1..]),
            (Method::DELETE, &avatar, &[][..]),
        ] {
            let response = app.form(method.clone(), user, path, parts).await;
            assert_eq!(response.status, status, "{method} {path}");
        }
    }
    // What is no image tells them nothing else.
    let parts: [(&str, &[u8]); 1] = [("avatar", b"<svg/>")];
    let response = app.form(Method::PUT, &heidi, &avatar, &parts).await;
    assert_eq!(response.status, 403);
    assert_eq!(app.avatar_files(), Vec::<String>::new());
}

/// A request, the status of its answer, and the fields named there.
type Case<'a> = (
    Method,
    &'a str,
    &'a [(&'a str, &'a [u8])],
    u16,
    &'a [&'a str],
);

#[actix_web::test]
async fn a_change_that_fails_leaves_no_file_and_the_avatar_as_it_was() {
    let (app, grace, achievement) = begin().await;
    app.achievement(1, "Second merge").await;
    let url = app.avatar(achievement, &red(60, 60)).await;
    let before = app.avatar_files();
    let image = picture(ImageFormat::Png, 100, 100);
    let [one, avatar] = ["", "/avatar"].map(|end| format!("/achievements/{achievement}{end}"));
    let all = "/namespaces/compilers/achievements";

    let long = [b'x'; 256];
    let cases: [Case; 8] = [
        (
            Method::POST,
            all,
            &[("name", b"second MERGE"), ("avatar", &image)],
            409,
            &["name"],
        ),
        (
            Method::PATCH,
            &one,
            &[("avatar", &image), ("name", b"Second merge")],
            409,
            &["name"],
        ),
        (
            Method::POST,
            all,
            &[("name", b" "), ("avatar", &image)],
            422,
            &["name"],
        ),
        (Method::POST, all, &[("avatar", &image)], 422, &["name"]),
        (
            Method::PATCH,
            &one,
            &[("name", &long), ("avatar", &image)],
            422,
            &["name"],
        ),
        (
            Method::PATCH,
            &one,
            &[("nmae", b"A"), ("avatar", &image)],
            422,
            &["nmae"],
        ),
        (
            Method::PUT,
            &avatar,
            &[("name", b"A"), ("avatar", &image)],
            422,
            &["name"],
        ),
        (
            Method::PATCH,
            &one,
            &[("name", b"Third"), ("avatar", b"<svg/>")],
            422,
            &["avatar"],
        ),
    ];
    for (method, path, parts, status, fields) in cases {
        let response = app.form(method.clone(), &grace, path, parts).await;
        assert_eq!(
            response.status, status,
            "{method} {path}: {}",
            response.json
        );
        assert_eq!(response.fields(), fields);
    }
    assert_eq!(app.avatar_files(), before);
    assert_eq!(size(&app, &url).await, (60, 60));
    let shown = app.get(&grace, &one).await;
    assert_eq!(shown.json["name"], "First merge");
}

#[actix_web::test]
async fn a_form_that_is_none_is_refused() {
    let (app, grace, achievement) = begin().await;
    let path = format!("/achievements/{achievement}/avatar");
    let token = format!("Bearer {}", grace.token);
    let send = async |media_type: &str, body: Vec<u8>| {
        let headers = [
            ("Authorization", token.as_str()),
            ("Content-Type", media_type),
        ];
        app.send(Method::PUT, &path, &headers, body).await
    };
    let image = red(10, 10);
    let whole = form(&[("avatar", &image)]);

    for (media_type, body, status) in [
        ("image/png", image.clone(), 415),
        ("application/octet-stream", image.clone(), 415),
        ("multipart/mixed; boundary=between", whole.clone(), 415),
        ("multipart/form-data", whole.clone(), 400),
        (
            "multipart/form-data; boundary=elsewhere",
            whole.clone(),
            400,
        ),
        (FORM, Vec::new(), 400),
        (FORM, image.clone(), 400),
        (FORM, vec![b'-'; 100_000], 400),
        (FORM, whole[..whole.len() / 2].to_vec(), 400),
        (
            FORM,
            b"--between\r\n\r\nno name\r\n--between--\r\n".to_vec(),
            400,
        ),
        (FORM, form(&[("avatar", &image), ("avatar", &image)]), 422),
        (FORM, form(&[("image", &image)]), 422),
        (FORM, form(&[("name", &b"A"[..]); 2]), 422),
        (FORM, form(&[]), 422),
        ("application/json", b"{}".to_vec(), 422),
        (
            "application/json",
            b"{\"avatar\":\"iVBORw0KGgo=\"}".to_vec(),
            422,
        ),
    ] {
        let response = send(media_type, body).await;
        assert_eq!(response.status, status, "{media_type}: {}", response.json);
    }
    // What browsers send where no file was chosen.
    let unchosen = b"--between\r\nContent-Disposition: form-data; name=\"avatar\"; filename=\"\"\r\nContent-Type: application/octet-stream\r\n\r\n\r\n--between--\r\n";
    let response = send(FORM, unchosen.to_vec()).await;
    assert_eq!((response.status, response.fields()), (422, vec!["avatar"]));
    assert_eq!(app.avatar_files(), Vec::<String>::new());
}

#[actix_web::test]
async fn the_avatars_of_what_is_deleted_go_too() {
    let (app, grace, achievement) = begin().await;
    let root = app.root();
    let below = app
        .namespace_of("below", Some(1), "private", &grace, Role::Maintainer)
        .await;
    let elsewhere = app.namespace("elsewhere", &grace, Role::Maintainer).await;
    let (deep, other) = (
        app.achievement(below, "Deep").await,
        app.achievement(elsewhere, "Other").await,
    );
    for id in [achievement, deep] {
        app.avatar(id, &red(60, 60)).await;
    }
    let kept = app.avatar(other, &red(200, 60)).await;
    assert_eq!(app.avatar_files().len(), 3 + 3 + 5);

    let response = app
        .delete(&grace, &format!("/achievements/{achievement}"))
        .await;
    assert_eq!(response.status, 204);
    assert_eq!(app.avatar_files().len(), 3 + 5);
    assert_eq!(app.delete(&root, "/namespaces/1").await.status, 204);

    assert_eq!(
        names(&app.avatar_files()),
        ["192.png", "48.png", "96.png", "avatar.png"]
    );
    assert_eq!(size(&app, &kept).await, (200, 60));
}

#[actix_web::test]
async fn changes_at_once_leave_the_avatar_that_is_named_and_nothing_else() {
    let (app, grace, achievement) = begin().await;
    let path = format!("/achievements/{achievement}/avatar");
    let (red, other) = (red(200, 200), picture(ImageFormat::Gif, 200, 200));
    let put = async |file: &[u8]| {
        let parts = [("avatar", file)];
        app.form(Method::PUT, &grace, &path, &parts).await.status
    };

    let mut ends = Vec::new();
    for _ in 0..8 {
        let changes = join_all((0..4).map(async |_| {
            let delete = async { app.delete(&grace, &path).await.status };
            let (puts, deleted) = join(join(put(&red), put(&other)), delete).await;
            assert_eq!((puts, deleted), ((200, 200), 200));
        }));
        changes.await;

        let shown = app
            .get(&grace, &format!("/achievements/{achievement}"))
            .await;
        ends.push(shown.json["avatarUrl"].clone());
        let Some(url) = shown.json["avatarUrl"].as_str() else {
            assert_eq!(app.avatar_files(), Vec::<String>::new());
            continue;
        };
        let url = url.strip_prefix("https://accolade.test").unwrap();
        assert_eq!(size(&app, url).await, (200, 200));
        assert_eq!(size(&app, &format!("{url}?width=192")).await, (192, 192));
        let files = app.avatar_files();
        assert_eq!(names(&files), ["192.png", "48.png", "96.png", "avatar.png"]);
    }
    assert!(
        ends.iter().any(Value::is_string),
        "nothing was tested: {ends:?}"
    );
}

#[actix_web::test]
async fn an_avatar_that_is_uploaded_again_is_never_missing() {
    let (app, _, achievement) = begin().await;
    let image = red(200, 200);
    let url = app.avatar(achievement, &image).await;

    let upload = async {
        for _ in 0..20 {
            assert_eq!(app.avatar(achievement, &image).await, url);
        }
    };
    let look = join_all((0..4).map(async |_| {
        for _ in 0..100 {
            assert_eq!(size(&app, &format!("{url}?width=96")).await, (96, 96));
        }
    }));
    join(upload, look).await;
}

#[actix_web::test]
async fn a_sweep_removes_what_a_crash_left_and_nothing_else() {
    let (app, _, achievement) = begin().await;
    let url = app.avatar(achievement, &red(60, 60)).await;
    let folder = app.avatar_folder();
    let mut left = app.avatar_files();
    let age = |file: &str| {
        let file = folder.join(file);
        let opened = std::fs::File::open(&file).unwrap();
        opened.set_modified(SystemTime::now() - DAY).unwrap();
    };
    left.iter().rev().for_each(|file| age(file));

    // Whole, half written, and what another request stores right now.
    for (key, file, old) in [
        ("whole", "avatar.png", true),
        ("half", "48.png#1", true),
        ("new", "avatar.png", false),
    ] {
        let key = key.repeat(8);
        std::fs::create_dir(folder.join(&key)).unwrap();
        std::fs::write(folder.join(&key).join(file), red(1, 1)).unwrap();
        if old {
            age(&format!("{key}/{file}"));
            age(&key);
        } else {
            left.extend([key.clone(), format!("{key}/{file}")]);
        }
    }
    left.sort();
    let avatars = Avatars::open(None, &folder).unwrap();
    let swept = avatars.sweep(&app.accolade.db).await.unwrap();

    assert_eq!(swept, 2);
    assert_eq!(app.avatar_files(), left);
    assert_eq!(size(&app, &url).await, (60, 60));
    assert_eq!(avatars.sweep(&app.accolade.db).await.unwrap(), 0);
}

/// Sends the beginning of a form, declared to be much larger.
fn begin_upload(app: &TestApp, user: &User, achievement: i64) -> TcpStream {
    let mut stream = TcpStream::connect(app.address()).unwrap();
    let token = &user.token;
    write!(
        stream,
        "PUT /achievements/{achievement}/avatar HTTP/1.1\r\nHost: accolade.test\r\n\
         Authorization: Bearer {token}\r\nContent-Type: {FORM}\r\nContent-Length: 1073741824\r\n\r\n\
         --between\r\nContent-Disposition: form-data; name=\"avatar\"; filename=\"a.png\"\r\n\r\n"
    )
    .unwrap();
    stream
}

/// Reads until there is an answer. Its first line.
fn answer(stream: &mut TcpStream) -> String {
    let mut read = Vec::new();
    while !read.contains(&b'\n') {
        let mut bytes = [0; 4096];
        let count = stream.read(&mut bytes).unwrap();
        assert_ne!(count, 0, "no answer");
        read.extend_from_slice(&bytes[..count]);
    }
    String::from_utf8_lossy(&read)
        .lines()
        .next()
        .unwrap()
        .into()
}

#[actix_web::test]
async fn what_is_too_large_is_refused_before_it_is_sent() {
    let (app, grace, achievement) = begin().await;
    let mut stream = begin_upload(&app, &grace, achievement);

    let (line, sent) = spawn_blocking(move || {
        stream
            .set_read_timeout(Some(Duration::from_secs(10)))
            .unwrap();
        stream
            .set_write_timeout(Some(Duration::from_secs(10)))
            .unwrap();
        stream.write_all(&vec![0; 200 * 1024 + 4096]).unwrap();
        let line = answer(&mut stream);
        // What is sent on regardless is not read: the connection ends, or stands still.
        let mut sent = 0;
        while sent < 64 << 20 && stream.write_all(&[0; 1 << 16]).is_ok() {
            sent += 1 << 16;
        }
        (line, sent)
    })
    .await
    .unwrap();

    assert_eq!(line, "HTTP/1.1 413 Payload Too Large");
    assert!(sent < 64 << 20, "{sent} bytes more were read");
    assert_eq!(app.avatar_files(), Vec::<String>::new());
}

#[actix_web::test]
async fn a_body_that_stalls_or_drips_is_cut_off() {
    let (app, grace, achievement) = begin().await;
    let streams = [false, true].map(|drips| (begin_upload(&app, &grace, achievement), drips));

    let cut_off = streams.map(|(mut stream, drips)| {
        spawn_blocking(move || {
            let began = Instant::now();
            let patience = Some(Duration::from_secs(40));
            stream.set_read_timeout(patience).unwrap();
            if drips {
                let mut drop = stream.try_clone().unwrap();
                std::thread::spawn(move || {
                    while drop.write_all(b".").is_ok() && began.elapsed() < Duration::from_secs(60)
                    {
                        std::thread::sleep(Duration::from_millis(200));
                    }
                });
            }
            (answer(&mut stream), began.elapsed())
        })
    });

    for cut_off in cut_off {
        let (line, waited) = cut_off.await.unwrap();
        assert_eq!(line, "HTTP/1.1 408 Request Timeout");
        let expected = Duration::from_secs(19)..Duration::from_secs(30);
        assert!(expected.contains(&waited), "{waited:?}");
    }
    assert_eq!(app.avatar_files(), Vec::<String>::new());
}
