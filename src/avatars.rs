//! Avatars: checking, storing and removing the images of achievements.
//!
//! Every upload is kept under a random key of its own, so that no removal can hit what another
//! request has just stored. A key that no achievement names belongs to nobody, and is swept.

mod ending;

use std::io::{Cursor, ErrorKind};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use actix_web::ResponseError;
use actix_web::web::{self, Bytes};
use chrono::{TimeDelta, Utc};
use diesel::prelude::*;
use futures_util::TryStreamExt;
use image::imageops::FilterType;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits};
use object_store::aws::AmazonS3Builder;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{ObjectStore, ObjectStoreExt, RetryConfig};
use ring::digest::{SHA256, digest};
use tokio::sync::Semaphore;
use url::Url;

use self::ending::ends_as;
use crate::crypto;
use crate::db::Db;
use crate::error::{Error, Result};
use crate::schema::achievements;

/// The widths, in pixels, that an avatar is served in besides its own.
pub const WIDTHS: [u32; 3] = [48, 96, 192];
/// The largest width and height that are decoded, in pixels.
const LARGEST_SIDE: u32 = 4096;
/// What decoding may take: the largest picture with 16 bits a channel, and as much to work with.
const MEMORY: u64 = 2 * 8 * (LARGEST_SIDE as u64).pow(2);
/// How long decoding may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How old an object must be before a sweep takes it for one that nobody names: longer than any
/// request lasts from storing it to naming it.
const GRACE: TimeDelta = TimeDelta::hours(1);
/// How many keys a sweep asks the database about at once.
const CHUNK: usize = 500;
const ACCEPTED: &str = "must be a PNG, JPEG, GIF, BMP, TIFF, ICO or WebP image of at most 4096 pixels a side, \
                        whole and with nothing else in the file";

/// Where avatars are kept.
pub struct Avatars {
    store: Arc<dyn ObjectStore>,
    /// Where the store is a folder.
    folder: Option<PathBuf>,
    /// Decoding one at a time bounds its memory.
    decoding: Arc<Semaphore>,
}

/// A stored avatar: what the achievement's row remembers.
#[derive(Clone, Debug)]
pub struct Avatar {
    /// Where its images are kept.
    pub key: String,
    /// The hash of its content, for its address.
    pub hash: String,
}

impl Avatars {
    /// Opens the store at the URL: `file:///directory` or `s3://bucket/prefix`, the latter with the
    /// usual `AWS_…` variables. The error says what to do, in a line.
    pub fn open(url: Option<&Url>, folder: &FilePath) -> Result<Self, String> {
        let folder = match url {
            None => folder.to_owned(),
            Some(url) if url.scheme() == "file" => url
                .to_file_path()
                .map_err(|()| format!("AVATAR_STORE_URL {url} is no directory"))?,
            Some(url) => return Self::over_network(url),
        };
        Ok(Self {
            store: Arc::new(local(&folder)?),
            folder: Some(folder),
            decoding: Arc::new(Semaphore::new(1)),
        })
    }

    fn over_network(url: &Url) -> Result<Self, String> {
        crypto::install();
        // A store that is down is told within seconds: a client waits for the answer.
        let retry = RetryConfig {
            max_retries: 3,
            retry_timeout: PATIENCE,
            ..RetryConfig::default()
        };
        let store = AmazonS3Builder::from_env()
            .with_url(url.as_str())
            .with_retry(retry)
            .build()
            .map_err(|error| format!("cannot use AVATAR_STORE_URL: {error}"))?;
        let prefix = Path::from_url_path(url.path())
            .map_err(|error| format!("cannot use AVATAR_STORE_URL: {error}"))?;
        Ok(Self {
            store: Arc::new(PrefixStore::new(store, prefix)),
            folder: None,
            decoding: Arc::new(Semaphore::new(1)),
        })
    }

    /// Checks the upload, and stores it re-encoded: no metadata, nothing but pixels.
    async fn store(&self, upload: Bytes) -> Result<Avatar> {
        let slot = self.decoding.clone().acquire_owned().await;
        let slot = slot.map_err(Error::internal)?;
        let decoded = web::block(move || {
            // Nothing stops what decodes, even where nobody waits for it any more.
            let _slot = slot;
            // A decoder that panics was given what is no image.
            catch_unwind(AssertUnwindSafe(|| images(&upload))).unwrap_or(None)
        });
        let images = tokio::time::timeout(PATIENCE, decoded);
        let images = match images.await {
            Ok(images) => images
                .map_err(Error::internal)?
                .ok_or_else(|| Error::invalid("avatar", ACCEPTED))?,
            Err(_) => {
                return Err(Error::invalid(
                    "avatar",
                    "takes too long to decode: send a simpler image",
                ));
            }
        };
        let hash = digest(&SHA256, &images[0].1);
        let avatar = Avatar {
            key: random_key()?,
            hash: hex(&hash.as_ref()[..16]),
        };
        for (width, png) in images {
            if let Err(error) = self
                .store
                .put(&object(&avatar.key, width), png.into())
                .await
            {
                self.remove([avatar.key]).await;
                return Err(unavailable(error));
            }
        }
        Ok(avatar)
    }

    /// Stores the upload, where there is one, for a change that names it; removes it again where
    /// the change is refused. Where the database fails the change may yet be committed: then the
    /// sweep finds out.
    pub async fn with<T>(
        &self,
        upload: Option<Bytes>,
        change: impl AsyncFnOnce(Option<Avatar>) -> Result<T>,
    ) -> Result<T> {
        let Some(upload) = upload else {
            return change(None).await;
        };
        let avatar = self.store(upload).await?;
        let key = avatar.key.clone();
        let changed = change(Some(avatar)).await;
        if let Err(error) = &changed
            && error.status_code().is_client_error()
        {
            self.remove([key]).await;
        }
        changed
    }

    /// The image in that width, or as it is where it is no wider, as PNG.
    pub async fn load(&self, key: &str, width: Option<u32>) -> Result<Bytes> {
        for width in width.map(Some).into_iter().chain([None]) {
            match self.store.get(&object(key, width)).await {
                Ok(image) => return image.bytes().await.map_err(unavailable),
                Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => return Err(unavailable(error)),
            }
        }
        Err(Error::NotFound)
    }

    /// Removes what is stored under the keys. What fails is swept later.
    pub async fn remove(&self, keys: impl IntoIterator<Item = String>) {
        for key in keys {
            for width in [None].into_iter().chain(WIDTHS.map(Some)) {
                match self.store.delete(&object(&key, width)).await {
                    Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
                    Err(error) => tracing::warn!(%error, key, "an avatar was not removed"),
                }
            }
        }
    }

    /// Removes what a crash left: keys that no achievement names, and that are no request's in
    /// progress. Answers how many.
    pub async fn sweep(&self, db: &Db) -> Result<usize> {
        let before = Utc::now() - GRACE;
        let objects = self.store.list(None).try_filter_map(async |object| {
            let key = object
                .location
                .parts()
                .next()
                .map(|part| part.as_ref().to_owned());
            Ok(key.filter(|_| object.last_modified < before))
        });
        let mut keys: Vec<String> = objects.try_collect().await.map_err(unavailable)?;
        keys.sort();
        keys.dedup();
        let mut swept = 0;
        for chunk in keys.chunks(CHUNK) {
            let asked = chunk.to_vec();
            // Not asked of a replica, which may be behind by more than the grace.
            let named: Vec<Option<String>> = db
                .write(move |conn| {
                    let named = achievements::table.filter(achievements::avatar_key.eq_any(asked));
                    Ok(named.select(achievements::avatar_key).load(conn)?)
                })
                .await?;
            let orphans = chunk
                .iter()
                .filter(|key| !named.contains(&Some((*key).clone())))
                .cloned();
            let orphans: Vec<_> = orphans.collect();
            swept += orphans.len();
            self.remove(orphans).await;
        }
        if let Some(folder) = self.folder.clone() {
            let removed = web::block(move || remove_unfinished(&folder, before.into())).await;
            swept += removed
                .map_err(Error::internal)?
                .map_err(|error| Error::unavailable(format!("the avatar store: {error}")))?;
        }
        Ok(swept)
    }
}

fn local(folder: &FilePath) -> Result<LocalFileSystem, String> {
    let cannot = |error: &dyn std::fmt::Display| {
        format!("cannot keep avatars in {}: {error}", folder.display())
    };
    std::fs::create_dir_all(folder).map_err(|error| cannot(&error))?;
    let store = LocalFileSystem::new_with_prefix(folder).map_err(|error| cannot(&error))?;
    Ok(store.with_automatic_cleanup(true).with_fsync(true))
}

/// Removes the files that a crash left half written, which the store does not list, and empty
/// folders. Answers how many files.
fn remove_unfinished(folder: &FilePath, before: SystemTime) -> std::io::Result<usize> {
    let mut removed = 0;
    for key in folder.read_dir()? {
        let key = key?.path();
        if !key.is_dir() || key.metadata()?.modified()? >= before {
            continue;
        }
        for file in key.read_dir()? {
            let file = file?;
            if file.file_name().to_string_lossy().contains('#') {
                std::fs::remove_file(file.path())?;
                removed += 1;
            }
        }
        match std::fs::remove_dir(&key) {
            Err(error) if error.kind() != ErrorKind::DirectoryNotEmpty => return Err(error),
            _ => {}
        }
    }
    Ok(removed)
}

fn object(key: &str, width: Option<u32>) -> Path {
    match width {
        Some(width) => Path::from(format!("{key}/{width}.png")),
        None => Path::from(format!("{key}/avatar.png")),
    }
}

fn unavailable(error: object_store::Error) -> Error {
    Error::unavailable(error)
}

fn random_key() -> Result<String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(Error::internal)?;
    Ok(hex(&bytes))
}

/// The bytes in lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The image as PNG, whole and in each width that is smaller. None where the upload is not one of
/// the accepted formats from its first byte to its last.
fn images(upload: &[u8]) -> Option<Vec<(Option<u32>, Vec<u8>)>> {
    let mut reader = ImageReader::new(Cursor::new(upload))
        .with_guessed_format()
        .ok()?;
    use ImageFormat::{Bmp, Gif, Ico, Jpeg, Png, Tiff, WebP};
    let format = reader
        .format()
        .filter(|format| matches!(format, Png | Jpeg | Gif | Bmp | Tiff | Ico | WebP))?;
    if !ends_as(format, upload) {
        return None;
    }
    let mut limits = Limits::default();
    limits.max_image_width = Some(LARGEST_SIDE);
    limits.max_image_height = Some(LARGEST_SIDE);
    limits.max_alloc = Some(MEMORY);
    reader.limits(limits);
    // The decoder reads the header alone: what is too large ends here, before a pixel is decoded.
    let mut decoder = reader.into_decoder().ok()?;
    let (width, height) = decoder.dimensions();
    if width == 0 || height == 0 || width > LARGEST_SIDE || height > LARGEST_SIDE {
        return None;
    }
    let orientation = decoder.orientation().ok()?;
    let image = DynamicImage::from_decoder(decoder).ok()?.into_rgba8();
    let mut image = DynamicImage::ImageRgba8(image);
    // Cameras leave turning the picture to its metadata, which is not kept.
    image.apply_orientation(orientation);
    let (width, height) = (image.width(), image.height());
    let smaller = WIDTHS
        .into_iter()
        .filter(|smaller| *smaller < width)
        .map(|smaller| {
            let height = (u64::from(height) * u64::from(smaller)).div_ceil(u64::from(width)) as u32;
            png(&image.resize_exact(smaller, height.max(1), FilterType::Triangle))
                .map(|png| (Some(smaller), png))
        });
    let smaller: Option<Vec<_>> = smaller.collect();
    let mut images = vec![(None, png(&image)?)];
    images.extend(smaller?);
    Some(images)
}

fn png(image: &DynamicImage) -> Option<Vec<u8>> {
    let mut bytes = Cursor::new(Vec::new());
    image.write_to(&mut bytes, ImageFormat::Png).ok()?;
    Some(bytes.into_inner())
}
