//! Avatars in an S3-compatible store: a real server of that protocol, and the real program.

use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant, SystemTime};

use actix_web::http::Method;
use actix_web::rt::time::sleep;
use image::ImageFormat;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::app::free_address;
use crate::avatar_corpus::picture;
use crate::server::Server;
use crate::tools::tool;

/// s3rver, which keeps objects in files, with one bucket.
struct Store {
    process: Child,
    address: SocketAddr,
    directory: TempDir,
}

impl Store {
    async fn start() -> Self {
        let (address, directory) = (free_address(), TempDir::new().unwrap());
        let process = tool("node_modules/s3rver/bin/s3rver.js")
            .args(["--silent", "--no-vhost-buckets", "--address", "127.0.0.1"])
            .args(["--port", &address.port().to_string()])
            .arg("--directory")
            .arg(directory.path())
            .args(["--configure-bucket", "avatars"])
            .stdout(Stdio::null())
            .spawn()
            .expect("node");
        let began = Instant::now();
        while TcpStream::connect(address).is_err() {
            let waited = began.elapsed();
            assert!(waited < Duration::from_secs(20), "s3rver did not start");
            sleep(Duration::from_millis(20)).await;
        }
        Self {
            process,
            address,
            directory,
        }
    }

    fn stop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// The program, with its avatars here.
    async fn serve(&self) -> Server {
        Server::start_with(&[
            ("AVATAR_STORE_URL", "s3://avatars/of/achievements"),
            ("AWS_ENDPOINT", &format!("http://{}", self.address)),
            ("AWS_ALLOW_HTTP", "true"),
            ("AWS_ACCESS_KEY_ID", "S3RVER"),
            ("AWS_SECRET_ACCESS_KEY", "S3RVER"),
            ("AWS_REGION", "us-east-1"),
        ])
        .await
    }

    /// The objects below the prefix, as `key/name`, sorted.
    fn objects(&self) -> Vec<String> {
        let files = self.files().into_iter();
        let mut objects: Vec<_> = files
            .filter_map(|file| {
                let name = file.strip_prefix(self.prefix()).unwrap().to_str().unwrap();
                name.strip_suffix("._S3rver_object").map(str::to_owned)
            })
            .collect();
        objects.sort();
        objects
    }

    fn prefix(&self) -> PathBuf {
        self.directory.path().join("avatars/of/achievements")
    }

    fn files(&self) -> Vec<PathBuf> {
        let Ok(keys) = self.prefix().read_dir() else {
            return Vec::new();
        };
        keys.flat_map(|key| key.unwrap().path().read_dir().unwrap())
            .map(|file| file.unwrap().path())
            .collect()
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The token of an administrator, and an achievement.
async fn begin(server: &Server) -> (String, i64) {
    let email = ["--email", "root@example.com", "--admin"];
    server.print(&[&["user", "create", "root"][..], &email].concat());
    let root = server.print(&["token", "create", "root"]);
    let body = json!({ "path": "compilers", "name": "Compilers" });
    let created = server.call(Method::POST, &root, "/namespaces", body).await;
    assert_eq!(created.unwrap().0, 201);
    let (path, body) = (
        "/namespaces/compilers/achievements",
        json!({ "name": "First merge" }),
    );
    let (_, achievement) = server.call(Method::POST, &root, path, body).await.unwrap();
    (root, achievement["id"].as_i64().unwrap())
}

fn key(object: &str) -> &str {
    object.split('/').next().unwrap()
}

#[actix_web::test]
async fn a_bucket_keeps_avatars_and_loses_them_with_their_achievement() {
    let store = Store::start().await;
    let server = store.serve().await;
    let (root, achievement) = begin(&server).await;

    let (red, blue) = (
        picture(ImageFormat::Png, 300, 200),
        picture(ImageFormat::Gif, 100, 80),
    );
    let (status, put) = server.put_avatar(&root, achievement, &red).await;
    assert_eq!(status, 200, "{put}");
    let first = store.objects();
    let names: Vec<_> = first.iter().map(|name| &name[33..]).collect();
    assert_eq!(names, ["192.png", "48.png", "96.png", "avatar.png"]);
    for (query, width) in [("", 300), ("?width=48", 48), ("?width=192", 192)] {
        let url = format!("{}{query}", put["avatarUrl"].as_str().unwrap());
        let (status, image) = server.fetch(&url).await;
        assert_eq!(status, 200, "{url}");
        assert_eq!(image::load_from_memory(&image).unwrap().width(), width);
    }

    // Another one takes its place.
    let (status, _) = server.put_avatar(&root, achievement, &blue).await;
    assert_eq!(status, 200);
    let second = store.objects();
    assert_eq!(second.len(), 3, "{second:?}");
    assert!(
        second.iter().all(|object| key(object) != key(&first[0])),
        "{second:?}"
    );

    let path = format!("/achievements/{achievement}");
    let deleted = server.call(Method::DELETE, &root, &path, Value::Null).await;
    assert_eq!(deleted.unwrap().0, 204);
    assert_eq!(store.objects(), Vec::<String>::new());
}

#[actix_web::test]
async fn a_sweep_of_a_bucket_spares_what_is_named_and_what_is_new() {
    let store = Store::start().await;
    let mut server = store.serve().await;
    let (root, achievement) = begin(&server).await;
    let image = picture(ImageFormat::Png, 60, 60);
    let (_, put) = server.put_avatar(&root, achievement, &image).await;
    let named = store.objects();

    // What a crash left two hours ago, and what another instance stores right now.
    let [old, new] = ["a".repeat(32), "b".repeat(32)];
    for left in [&old, &new] {
        let folder = store.prefix().join(left);
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("avatar.png._S3rver_object"), &image).unwrap();
        std::fs::write(folder.join("avatar.png._S3rver_metadata.json"), "{}").unwrap();
    }
    let long_ago = SystemTime::now() - Duration::from_secs(2 * 60 * 60);
    for file in store.files() {
        if !file.starts_with(store.prefix().join(&new)) {
            let file = std::fs::File::options().write(true).open(file).unwrap();
            file.set_modified(long_ago).unwrap();
        }
    }
    assert_eq!(store.objects().len(), named.len() + 2);
    // It sweeps as it starts.
    server.kill_and_restart().await;

    let began = Instant::now();
    while store.objects().iter().any(|object| key(object) == old) {
        assert!(began.elapsed() < Duration::from_secs(20), "not swept");
        sleep(Duration::from_millis(50)).await;
    }
    let mut left = named;
    left.push(format!("{new}/avatar.png"));
    left.sort();
    assert_eq!(store.objects(), left);
    let (status, _) = server.fetch(put["avatarUrl"].as_str().unwrap()).await;
    assert_eq!(status, 200);
}

#[actix_web::test]
async fn a_store_that_is_down_is_told_within_seconds_and_loses_nothing() {
    let mut store = Store::start().await;
    let server = store.serve().await;
    let (root, achievement) = begin(&server).await;
    let image = picture(ImageFormat::Png, 60, 60);
    let (_, put) = server.put_avatar(&root, achievement, &image).await;

    store.stop();
    let asked = Instant::now();
    let (status, problem) = server.put_avatar(&root, achievement, &image).await;

    assert_eq!(
        (status, &problem["type"]),
        (503, &json!("/problems/unavailable"))
    );
    assert!(
        asked.elapsed() < Duration::from_secs(20),
        "{:?}",
        asked.elapsed()
    );
    let path = format!("/achievements/{achievement}");
    let (_, kept) = server
        .call(Method::GET, &root, &path, Value::Null)
        .await
        .unwrap();
    assert_eq!(kept["avatarUrl"], put["avatarUrl"]);
}
