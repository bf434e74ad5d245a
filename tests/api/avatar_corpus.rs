//! Hostile uploads: each is refused as the client's fault, and nothing of it is stored.

use std::io::Cursor;
use std::sync::OnceLock;

use accolade::auth::Role;
use actix_web::http::Method;
use futures_util::future::join_all;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{DynamicImage, ExtendedColorType, ImageEncoder, ImageFormat, Rgba, RgbaImage};
use serde_json::json;

use crate::app::TestApp;
use crate::server::Server;

const FORMATS: [ImageFormat; 7] = [
    ImageFormat::Png,
    ImageFormat::Jpeg,
    ImageFormat::Gif,
    ImageFormat::Bmp,
    ImageFormat::Tiff,
    ImageFormat::Ico,
    ImageFormat::WebP,
];
const HTML: &[u8] = b"<!DOCTYPE html><script>alert(document.domain)</script>";
/// An archive of nothing: what opens archives looks for this at the end of a file.
const ZIP: &[u8] = b"PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";

/// A picture of that format and size.
pub fn picture(format: ImageFormat, width: u32, height: u32) -> Vec<u8> {
    let image = RgbaImage::from_fn(width, height, |x, y| {
        Rgba([(x * 7) as u8, (y * 5) as u8, (x + y) as u8, 255])
    });
    let image = DynamicImage::ImageRgba8(image);
    let mut file = Cursor::new(Vec::new());
    if format == ImageFormat::Jpeg {
        image.to_rgb8().write_to(&mut file, format).unwrap();
    } else {
        image.write_to(&mut file, format).unwrap();
    }
    file.into_inner()
}

/// A PNG of 39,424 × 39,424 black pixels: within the limit as a file, 6 GiB as pixels of 4 bytes.
fn bomb() -> &'static [u8] {
    static BOMB: OnceLock<Vec<u8>> = OnceLock::new();
    BOMB.get_or_init(|| {
        // Eight pixels of one bit make a byte, as one grey one does.
        let (side, grey) = (39_424, 39_424 / 8);
        let pixels = vec![0; (side * grey) as usize];
        let mut file = Vec::new();
        PngEncoder::new_with_quality(&mut file, CompressionType::Best, FilterType::NoFilter)
            .write_image(&pixels, grey, side, ExtendedColorType::L8)
            .unwrap();
        let header = header(side, side, 1, 0);
        file.splice(8..33, chunk(b"IHDR", &header));
        assert!(file.len() <= 200 * 1024, "{}", file.len());
        file
    })
}

fn header(width: u32, height: u32, bits: u8, colours: u8) -> Vec<u8> {
    let mut header = [width.to_be_bytes(), height.to_be_bytes()].concat();
    header.extend([bits, colours, 0, 0, 0]);
    header
}

/// A chunk of a PNG.
pub fn chunk(name: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let named = [name, content].concat();
    let checksum = !named.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| {
            (sum >> 1) ^ (0xedb8_8320 * (sum & 1))
        })
    });
    let length = u32::try_from(content.len()).unwrap().to_be_bytes();
    [&length[..], &named, &checksum.to_be_bytes()].concat()
}

/// A PNG of these chunks.
fn png(chunks: &[Vec<u8>]) -> Vec<u8> {
    [b"\x89PNG\r\n\x1a\n".to_vec(), chunks.concat()].concat()
}

/// The file with other bytes at an offset.
fn patched(mut file: Vec<u8>, at: usize, bytes: &[u8]) -> Vec<u8> {
    file[at..at + bytes.len()].copy_from_slice(bytes);
    file
}

/// A file of this length that says so in four bytes, as RIFF and BMP do.
fn sized(file: Vec<u8>, at: usize, less: usize) -> Vec<u8> {
    let length = u32::try_from(file.len() - less).unwrap().to_le_bytes();
    patched(file, at, &length)
}

fn find(file: &[u8], what: &[u8]) -> usize {
    let at = file.windows(what.len()).position(|window| window == what);
    at.unwrap_or_else(|| panic!("no {what:?}"))
}

/// An icon of one image that says how large it is.
fn icon(side: u8, image: &[u8]) -> Vec<u8> {
    let mut file = vec![0, 0, 1, 0, 1, 0, side, side, 0, 0, 1, 0, 32, 0];
    file.extend(u32::try_from(image.len()).unwrap().to_le_bytes());
    file.extend(22_u32.to_le_bytes());
    file.extend(image);
    file
}

/// A TIFF of one directory: tag, type, count and value of each entry.
fn tiff(entries: &[(u16, u16, u32, u32)], next: u32) -> Vec<u8> {
    let mut file = b"II*\0\x08\0\0\0".to_vec();
    file.extend(u16::try_from(entries.len()).unwrap().to_le_bytes());
    for (tag, kind, count, value) in entries {
        file.extend([tag.to_le_bytes(), kind.to_le_bytes()].concat());
        file.extend([count.to_le_bytes(), value.to_le_bytes()].concat());
    }
    file.extend(next.to_le_bytes());
    file
}

/// The entries of a grey TIFF of so many pixels, whose only strip is at the offset.
fn grey_tiff(side: u32, strip: u32, length: u32) -> Vec<u8> {
    let entries = [
        (256, 4, 1, side),
        (257, 4, 1, side),
        (258, 3, 1, 8),
        (259, 3, 1, 1),
        (262, 3, 1, 1),
        (273, 4, 1, strip),
        (277, 3, 1, 1),
        (278, 4, 1, side),
        (279, 4, 1, length),
    ];
    tiff(&entries, 0)
}

fn bmp(width: i32, height: i32, compression: u32, pixels: &[u8]) -> Vec<u8> {
    let mut file = b"BM\0\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0".to_vec();
    file.extend([width.to_le_bytes(), height.to_le_bytes()].concat());
    file.extend([1, 0, 24, 0]);
    file.extend(compression.to_le_bytes());
    file.extend([0; 20]);
    file.extend(pixels);
    sized(file, 2, 0)
}

/// What is no image at all, whatever it calls itself.
fn no_images() -> Vec<(String, Vec<u8>)> {
    let svg = b"<svg xmlns=\"http://www.w3.org/2000/svg\" onload=\"alert(1)\"/>";
    let files: [(&str, &[u8]); 30] = [
        ("an empty file", b""),
        ("one byte", b"\x89"),
        ("zeros", &[0; 4096]),
        ("text", b"An image, honestly.\n"),
        ("an SVG", svg),
        ("an SVG behind a declaration", b"<?xml version=\"1.0\"?><!DOCTYPE svg [<!ENTITY a \"b\">]><svg xmlns=\"http://www.w3.org/2000/svg\">&a;</svg>"),
        ("an SVG behind a byte order mark", b"\xef\xbb\xbf<svg xmlns=\"http://www.w3.org/2000/svg\"/>"),
        ("a compressed SVG", b"\x1f\x8b\x08\0\0\0\0\0\0\x03\xb3).K\xd7\x07\0\xd5\x9b\x1d\xbb\x06\0\0\0"),
        ("a page", HTML),
        ("a script", b"alert(document.domain)"),
        ("a PHP script", b"<?php system($_GET['c']); ?>"),
        ("a shell script", b"#!/bin/sh\nreboot\n"),
        ("a PostScript program", b"%!PS-Adobe-3.0 EPSF-3.0\n(/etc/passwd) (r) file\n"),
        ("an ImageMagick script", b"push graphic-context\nimage over 0,0 0,0 'https://127.0.0.1/'\npop graphic-context\n"),
        ("a PDF", b"%PDF-1.7\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF"),
        ("an archive", ZIP),
        ("a program", b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\x3e\0"),
        ("an AVIF", b"\0\0\0\x1cftypavif\0\0\0\0avifmif1miaf"),
        ("a HEIC", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"),
        ("a JPEG XL", b"\xff\x0a\xfa\x1f\x41\x91\x08\x06\x01\0"),
        ("a JPEG 2000", b"\0\0\0\x0cjP  \r\n\x87\n"),
        ("a Photoshop file", b"8BPS\0\x01\0\0\0\0\0\0\0\x03\0\0\0\x01\0\0\0\x01\0\x08\0\x03"),
        ("a QOI", b"qoif\0\0\0\x01\0\0\0\x01\x04\0\xfe\xff\0\0\0\0\0\0\0\0\x01"),
        ("a PPM", b"P6 1 1 255\n\xff\0\0"),
        ("a farbfeld", b"farbfeld\0\0\0\x01\0\0\0\x01\xff\xff\0\0\0\0\xff\xff"),
        ("a Radiance picture", b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 1 +X 1\n\x80\x80\x80\x80"),
        ("a DirectDraw surface", b"DDS \x7c\0\0\0\x07\x10\0\0"),
        ("an OpenEXR", b"v/1\x01\x02\0\0\0"),
        ("a sound in a RIFF", b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x44\xac\0\0\x88\x58\x01\0\x02\0\x10\0data\0\0\0\0"),
        ("a page that begins as a GIF", b"GIF89a/*<script>*/=1;alert(1)//</script>\x3b"),
    ];
    files
        .into_iter()
        .map(|(name, file)| (name.to_owned(), file.to_owned()))
        .collect()
}

/// Every format cut off, and with more behind it.
fn mutilated() -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    for format in FORMATS {
        let whole = picture(format, 64, 64);
        let mut add =
            |name: &str, file: Vec<u8>| files.push((format!("a {format:?} {name}"), file));
        add("cut off in its header", whole[..20].to_vec());
        add("cut off in the middle", whole[..whole.len() / 2].to_vec());
        // Where a TIFF ends is its directory's last word, which is zero.
        add(
            "without its last eight bytes",
            whole[..whole.len() - 8].to_vec(),
        );
        add("before a page", [&whole, HTML].concat());
        add("before an archive", [&whole, ZIP].concat());
        add("behind a page", [HTML, &whole].concat());
        add("twice", [&whole[..], &whole].concat());
    }
    files
}

/// What ends as its format does, although something else stands before that end.
fn disguised() -> Vec<(String, Vec<u8>)> {
    let whole = |format| picture(format, 64, 64);
    let (png_file, webp) = (whole(ImageFormat::Png), whole(ImageFormat::WebP));
    let end = png_file[png_file.len() - 12..].to_vec();
    let hidden = [
        (
            "a PNG, an archive and the end of a PNG",
            [png_file.clone(), ZIP.to_vec(), end].concat(),
        ),
        (
            "a PNG whose end is an archive",
            [
                png_file[..png_file.len() - 12].to_vec(),
                chunk(b"IEND", ZIP),
            ]
            .concat(),
        ),
        (
            "a JPEG, a page and the end of a JPEG",
            [
                whole(ImageFormat::Jpeg),
                HTML.to_vec(),
                b"\xff\xd9".to_vec(),
            ]
            .concat(),
        ),
        (
            "a GIF, a page and the end of a GIF",
            [whole(ImageFormat::Gif), HTML.to_vec(), b"\x3b".to_vec()].concat(),
        ),
        (
            "a BMP that counts in the page behind it",
            sized([whole(ImageFormat::Bmp), HTML.to_vec()].concat(), 2, 0),
        ),
        (
            "a WebP that counts in the page behind it",
            sized([webp, HTML.to_vec()].concat(), 4, 8),
        ),
        (
            "an icon that counts in the page behind it",
            icon(64, &[whole(ImageFormat::Png), HTML.to_vec()].concat()),
        ),
        ("an icon of a page behind a bitmap", {
            let bitmap = whole(ImageFormat::Bmp);
            let bitmap = patched(bitmap[14..].to_vec(), 8, &128_u32.to_le_bytes());
            icon(64, &[bitmap, HTML.to_vec()].concat())
        }),
        ("a run-length BMP before a page", {
            let file = bmp(
                2,
                1,
                1,
                &[[0; 1024].as_slice(), &[2, 0, 0, 1], HTML].concat(),
            );
            patched(patched(file, 28, &[8]), 10, &1078_u32.to_le_bytes())
        }),
        (
            "a TIFF before a page, both in one strip's folder",
            [grey_tiff(1, 122, 1), vec![0], HTML.to_vec()].concat(),
        ),
    ];
    hidden.map(|(name, file)| (name.to_owned(), file)).into()
}

/// Small files of large pictures.
fn bombs() -> Vec<(String, Vec<u8>)> {
    let data = chunk(b"IDAT", b"\x78\x9c\x03\0\0\0\0\x01");
    let end = chunk(b"IEND", b"");
    let small = |width, height| {
        png(&[
            chunk(b"IHDR", &header(width, height, 8, 6)),
            data.clone(),
            end.clone(),
        ])
    };
    let jpeg = picture(ImageFormat::Jpeg, 64, 64);
    let frame = find(&jpeg, b"\xff\xc0");
    let gif = picture(ImageFormat::Gif, 64, 64);
    let webp = picture(ImageFormat::WebP, 64, 64);
    let lossless = find(&webp, b"VP8L") + 8;
    let wide = |width, height| picture(ImageFormat::Png, width, height);
    let files = [
        ("a PNG that unfolds to 6 GiB", bomb().to_vec()),
        (
            "a PNG of 2147483647 pixels a side",
            small(i32::MAX as u32, i32::MAX as u32),
        ),
        (
            "a PNG of more pixels a side than it can have",
            small(u32::MAX, u32::MAX),
        ),
        ("a PNG without width", small(0, 64)),
        ("a PNG without height", small(64, 0)),
        ("a PNG one pixel too wide", wide(4097, 1)),
        ("a PNG one pixel too high", wide(1, 4097)),
        (
            "a JPEG of 65535 pixels a side",
            patched(jpeg, frame + 5, &[0xff; 4]),
        ),
        (
            "a GIF of 65535 pixels a side",
            patched(gif.clone(), 6, &[0xff; 4]),
        ),
        (
            "a BMP of 100000 pixels a side",
            bmp(100_000, 100_000, 0, &[0; 64]),
        ),
        (
            "a BMP of as many pixels as there are",
            bmp(i32::MAX, i32::MIN, 0, &[0; 64]),
        ),
        (
            "a run-length BMP of 60000 pixels a side",
            patched(bmp(60_000, 60_000, 1, &[0, 1]), 28, &[8]),
        ),
        (
            "a TIFF of 100000 pixels a side",
            [grey_tiff(100_000, 122, 4), vec![0; 4]].concat(),
        ),
        (
            "a TIFF whose strip is larger than memory",
            grey_tiff(64, 122, u32::MAX),
        ),
        (
            "a TIFF of 4 billion values",
            [
                tiff(&[(256, 4, 1, 1), (257, 4, 1, 1), (273, 4, u32::MAX, 8)], 0),
                vec![0; 64],
            ]
            .concat(),
        ),
        ("an icon of a PNG that unfolds to 6 GiB", icon(0, bomb())),
        (
            "a WebP of 16384 pixels a side",
            patched(webp.clone(), lossless + 1, &[0xff, 0xff, 0xff, 0x0f]),
        ),
        ("a WebP on a canvas of 16777216 pixels a side", {
            let canvas = [
                b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0",
                [0xff; 6].as_slice(),
                &webp[12..],
            ];
            sized(canvas.concat(), 4, 8)
        }),
    ];
    files.map(|(name, file)| (name.to_owned(), file)).into()
}

/// Whole files that contradict themselves.
fn broken() -> Vec<(String, Vec<u8>)> {
    let whole = picture(ImageFormat::Png, 64, 64);
    let (head, end) = (chunk(b"IHDR", &header(64, 64, 8, 6)), chunk(b"IEND", b""));
    let data = find(&whole, b"IDAT");
    let broken = |at: usize| patched(whole.clone(), at, &[whole[at] ^ 0x55]);
    let files = [
        ("a PNG whose header has changed", broken(20)),
        ("a PNG whose data has changed", broken(data + 40)),
        ("a PNG without data", png(&[head.clone(), end.clone()])),
        (
            "a PNG with too little data",
            png(&[
                head.clone(),
                chunk(b"IDAT", b"\x78\x9c\x03\0\0\0\0\x01"),
                end.clone(),
            ]),
        ),
        (
            "a PNG whose data is none",
            png(&[head.clone(), chunk(b"IDAT", HTML), end.clone()]),
        ),
        (
            "a PNG without header",
            png(&[chunk(b"IDAT", HTML), end.clone()]),
        ),
        (
            "a PNG of colours that it does not list",
            png(&[
                chunk(b"IHDR", &header(8, 8, 8, 3)),
                chunk(b"IDAT", b"\x78\x9c\x03\0\0\0\0\x01"),
                end.clone(),
            ]),
        ),
        ("a PNG of nothing but its end", png(&[end])),
        (
            "a JPEG of nothing but its ends",
            b"\xff\xd8\xff\xd9".to_vec(),
        ),
        (
            "a JPEG of a page in a comment",
            [b"\xff\xd8\xff\xfe\0\x38".as_slice(), HTML, b"\xff\xd9"].concat(),
        ),
        (
            "a GIF without a picture",
            b"GIF89a\x01\0\x01\0\0\0\0\x3b".to_vec(),
        ),
        (
            "a GIF of a page in a comment",
            [
                b"GIF89a\x01\0\x01\0\0\0\0\x21\xfe\x36".as_slice(),
                HTML,
                b"\0\x3b",
            ]
            .concat(),
        ),
        (
            "a GIF whose picture has no pixels",
            b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\xff\xff\xff\x2c\0\0\0\0\x01\0\x01\0\0\x02\0\x3b"
                .to_vec(),
        ),
        ("a BMP without pixels", bmp(64, 64, 0, b"")),
        ("a BMP of an unknown compression", bmp(1, 1, 99, &[0; 4])),
        (
            "a BMP whose pixels are its header",
            patched(bmp(1, 1, 0, &[0; 4]), 10, &[0; 4]),
        ),
        (
            "a BMP whose pixels are elsewhere",
            patched(bmp(1, 1, 0, &[0; 4]), 10, &[0xff; 4]),
        ),
        (
            "a BMP of runs without end",
            patched(bmp(2, 2, 1, &[255; 64]), 28, &[8]),
        ),
        ("a TIFF of nothing", tiff(&[], 0)),
        (
            "a TIFF whose directory is elsewhere",
            b"II*\0\xff\xff\xff\xff".to_vec(),
        ),
        (
            "a TIFF whose directory is its own next",
            tiff(&[(256, 4, 1, 1)], 8),
        ),
        (
            "a TIFF whose directory is its own child",
            tiff(&[(330, 4, 1, 8)], 0),
        ),
        (
            "a TIFF whose strip is elsewhere",
            grey_tiff(64, u32::MAX - 4096, 4096),
        ),
        ("an icon of nothing", b"\0\0\x01\0\0\0".to_vec()),
        ("an icon of 65535 images", b"\0\0\x01\0\xff\xff".to_vec()),
        (
            "an icon whose image is elsewhere",
            b"\0\0\x01\0\x01\0\x10\x10\0\0\x01\0\x20\0\xff\xff\xff\xff\xff\xff\xff\xff".to_vec(),
        ),
        (
            "an icon of itself",
            b"\0\0\x01\0\x01\0\x10\x10\0\0\x01\0\x20\0\x16\0\0\0\0\0\0\0".to_vec(),
        ),
        (
            "an icon of another size than it says",
            icon(16, &picture(ImageFormat::Png, 64, 64)),
        ),
        ("an icon of a page", icon(16, HTML)),
        ("a WebP of nothing", b"RIFF\x04\0\0\0WEBP".to_vec()),
        (
            "a WebP of a page",
            sized(
                [b"RIFF\0\0\0\0WEBPVP8L\x36\0\0\0".as_slice(), HTML].concat(),
                4,
                8,
            ),
        ),
        (
            "a WebP of an animation without frames",
            b"RIFF\x16\0\0\0WEBPVP8X\x0a\0\0\0\x02\0\0\0\0\0\0\0\0\0".to_vec(),
        ),
    ];
    files.map(|(name, file)| (name.to_owned(), file)).into()
}

/// Larger than the limit.
fn large() -> Vec<(String, Vec<u8>)> {
    let whole = picture(ImageFormat::Png, 64, 64);
    let comment = vec![b' '; 200 * 1024 + 1 - whole.len() - 12];
    let (begin, end) = whole.split_at(whole.len() - 12);
    let files = [
        (
            "a PNG of one byte too many",
            [begin, &chunk(b"tEXt", &comment), end].concat(),
        ),
        ("a BMP of 256 KiB", picture(ImageFormat::Bmp, 256, 256)),
        ("300 KiB of nothing", vec![0; 300 << 10]),
    ];
    files.map(|(name, file)| (name.to_owned(), file)).into()
}

#[actix_web::test]
async fn a_hostile_upload_is_refused_and_leaves_nothing() {
    let app = TestApp::new().await;
    let grace = app.user("grace").await;
    let compilers = app.namespace("compilers", &grace, Role::Maintainer).await;
    let achievement = app.achievement(compilers, "First merge").await;
    let path = format!("/achievements/{achievement}/avatar");
    let refused = [no_images(), mutilated(), disguised(), bombs(), broken()].concat();
    let large = large();

    let mut wrong = Vec::new();
    for (name, file) in &refused {
        let response = app
            .form(Method::PUT, &grace, &path, &[("avatar", file)])
            .await;
        let detail = response.json["errors"][0]["detail"].as_str();
        let told =
            detail.is_some_and(|detail| detail.contains("PNG, JPEG, GIF, BMP, TIFF, ICO or WebP"));
        if response.status != 422 || response.fields() != ["avatar"] || !told {
            wrong.push((name, response.status, response.json));
        }
    }
    for (name, file) in &large {
        let response = app
            .form(Method::PUT, &grace, &path, &[("avatar", file)])
            .await;
        if response.status != 413 || response.json["type"] != "/problems/too-large" {
            wrong.push((name, response.status, response.json));
        }
    }

    println!("{} hostile uploads", refused.len() + large.len());
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(app.avatar_files(), Vec::<String>::new());
    let shown = app
        .get(&grace, &format!("/achievements/{achievement}"))
        .await;
    assert_eq!(shown.json.get("avatarUrl"), None);
    // Hostile because of what each did to it: the picture itself is welcome.
    for format in FORMATS {
        app.avatar(achievement, &picture(format, 64, 64)).await;
    }
}

#[actix_web::test]
async fn bombs_at_once_take_no_memory_and_the_largest_pictures_little() {
    let server = Server::start().await;
    let email = ["--email", "root@example.com", "--admin"];
    server.print(&[&["user", "create", "root"][..], &email].concat());
    let root = server.print(&["token", "create", "root"]);
    let post = async |path: &str, body| {
        let (status, json) = server.call(Method::POST, &root, path, body).await.unwrap();
        assert_eq!(status, 201, "{json}");
        json["id"].as_i64().unwrap()
    };
    post(
        "/namespaces",
        json!({ "path": "compilers", "name": "Compilers" }),
    )
    .await;
    let path = "/namespaces/compilers/achievements";
    let achievement = post(path, json!({ "name": "First merge" })).await;
    let at_once = async |count: usize, file: &[u8], expected: u16| {
        let uploads = (0..count).map(|_| server.put_avatar(&root, achievement, file));
        for (status, json) in join_all(uploads).await {
            assert_eq!(status, expected, "{json}");
        }
        server.peak_memory()
    };

    at_once(16, &picture(ImageFormat::Png, 64, 64), 200).await;
    let before = server.peak_memory();
    let bombed = at_once(16, bomb(), 422).await;
    let mut largest = Vec::new();
    PngEncoder::new_with_quality(&mut largest, CompressionType::Best, FilterType::NoFilter)
        .write_image(&vec![0; 4096 * 4096], 4096, 4096, ExtendedColorType::L8)
        .unwrap();
    assert!(largest.len() <= 200 * 1024, "{}", largest.len());
    let filled = at_once(4, &largest, 200).await;

    println!(
        "a bomb of {} KiB; peak memory: {before} MiB before, {bombed} MiB after 16 bombs at once, \
         {filled} MiB after 4 pictures of 4096 × 4096 at once",
        bomb().len() / 1024
    );
    assert!(bombed < before + 32, "{before} MiB, then {bombed} MiB");
    // One of them at a time: 64 MiB as RGBA, and what it was decoded to.
    assert!(filled < before + 256, "{before} MiB, then {filled} MiB");
}
