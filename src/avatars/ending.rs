//! Where the file of an image ends, by the structure of its format: behind the image nothing may
//! hide that another program would find, as a ZIP, which is read from its end.
//!
//! A format's own last bytes prove nothing, as they can stand behind what hides, too.

use image::ImageFormat;

/// How many bytes of padding stand behind some BMP and TIFF images.
const PADDING: usize = 3;
/// How many directories a TIFF has at most: against circles.
const MOST_DIRECTORIES: usize = 64;
const PNG_SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";

/// Whether the file ends with the image.
pub fn ends_as(format: ImageFormat, file: &[u8]) -> bool {
    match format {
        ImageFormat::Png => png(file) == Some(file.len()),
        ImageFormat::Jpeg => jpeg(file) == Some(file.len()),
        ImageFormat::Gif => gif(file) == Some(file.len()),
        ImageFormat::WebP => webp(file) == Some(file.len()),
        ImageFormat::Ico => ico(file) == Some(file.len()),
        ImageFormat::Bmp => bmp(file).is_some_and(|end| padded(file, end)),
        ImageFormat::Tiff => tiff(file).is_some_and(|end| padded(file, end)),
        _ => false,
    }
}

fn padded(file: &[u8], end: usize) -> bool {
    file.get(end..)
        .is_some_and(|rest| rest.len() <= PADDING && rest.iter().all(|byte| *byte == 0))
}

fn little(file: &[u8], at: usize, size: usize) -> Option<usize> {
    let bytes = file.get(at..at.checked_add(size)?)?.iter().rev();
    Some(bytes.fold(0, |number, byte| number << 8 | usize::from(*byte)))
}

fn big(file: &[u8], at: usize, size: usize) -> Option<usize> {
    let bytes = file.get(at..at.checked_add(size)?)?.iter();
    Some(bytes.fold(0, |number, byte| number << 8 | usize::from(*byte)))
}

/// Chunks, to the empty one that is called IEND.
fn png(file: &[u8]) -> Option<usize> {
    let mut at = PNG_SIGNATURE.len();
    loop {
        let length = big(file, at, 4)?;
        let name = file.get(at + 4..at + 8)?;
        at += 12 + length;
        if name == b"IEND" {
            return (length == 0).then_some(at);
        }
    }
}

/// Segments, and the data behind each that begins a scan, to the marker of the end.
fn jpeg(file: &[u8]) -> Option<usize> {
    let mut at = 2;
    loop {
        if *file.get(at)? != 0xff {
            return None;
        }
        match *file.get(at + 1)? {
            0xff => at += 1,
            0xd9 => return Some(at + 2),
            marker => {
                at += 2 + big(file, at + 2, 2)?;
                if marker == 0xda {
                    at += scan(file.get(at..)?)?;
                }
            }
        }
    }
}

/// How long the data of a scan is: to the first marker that is no restart. A zero behind it makes
/// it none.
fn scan(data: &[u8]) -> Option<usize> {
    data.windows(2)
        .position(|pair| pair[0] == 0xff && !matches!(pair[1], 0 | 0xd0..=0xd7 | 0xff))
}

/// Images and extensions, each made of blocks, to the trailer.
fn gif(file: &[u8]) -> Option<usize> {
    let colours = |flags: u8| {
        if flags & 0x80 == 0 {
            0
        } else {
            6 << (flags & 7)
        }
    };
    let behind_blocks = |mut at: usize| loop {
        let length = usize::from(*file.get(at)?);
        at += 1 + length;
        if length == 0 {
            return Some(at);
        }
    };
    let mut at = 13 + colours(*file.get(10)?);
    loop {
        at = match *file.get(at)? {
            0x21 => behind_blocks(at + 2)?,
            0x2c => behind_blocks(at + 11 + colours(*file.get(at + 9)?))?,
            0x3b => return Some(at + 1),
            _ => return None,
        }
    }
}

/// Chunks of an even length that fill the whole.
fn webp(file: &[u8]) -> Option<usize> {
    let end = 8 + little(file, 4, 4)?;
    let mut at = 12;
    while at < end {
        at += 8 + little(file, at + 4, 4)?.next_multiple_of(2);
    }
    (at == end.next_multiple_of(2)).then_some(at)
}

/// Images, each a PNG or a BMP without the file's header, as long as its entry says.
fn ico(file: &[u8]) -> Option<usize> {
    let mut end = 0;
    for entry in 0..little(file, 4, 2)? {
        let entry = 6 + 16 * entry;
        let (length, offset) = (little(file, entry + 8, 4)?, little(file, entry + 12, 4)?);
        let image = file.get(offset..offset + length)?;
        let whole = if image.starts_with(PNG_SIGNATURE) {
            png(image) == Some(length)
        } else {
            icon_bitmap(image)?.contains(&length)
        };
        if !whole {
            return None;
        }
        end = end.max(offset + length);
    }
    Some(end)
}

/// How long a bitmap in an ICO is: without its mask, and with it. The mask doubles its height.
fn icon_bitmap(image: &[u8]) -> Option<[usize; 2]> {
    let (width, height) = (little(image, 4, 4)?, little(image, 8, 4)? / 2);
    let bits = little(image, 14, 2)?;
    let colours = match little(image, 32, 4)? {
        0 if bits <= 8 => 1 << bits,
        used => used,
    };
    let pixels = little(image, 0, 4)? + 4 * colours + rows(width, height, bits)?;
    Some([pixels, pixels + rows(width, height, 1)?])
}

/// The length of rows of pixels, each padded to four bytes.
fn rows(width: usize, height: usize, bits: usize) -> Option<usize> {
    width
        .checked_mul(bits)?
        .div_ceil(32)
        .checked_mul(4)?
        .checked_mul(height)
}

/// Headers, then rows of pixels or runs of them.
fn bmp(file: &[u8]) -> Option<usize> {
    let pixels = little(file, 10, 4)?;
    let (width, height, bits, compression) = match little(file, 14, 4)? {
        12 => (
            little(file, 18, 2)?,
            little(file, 20, 2)?,
            little(file, 24, 2)?,
            0,
        ),
        // A negative height turns the rows upside down.
        _ => (
            little(file, 18, 4)?,
            (little(file, 22, 4)? as i32).unsigned_abs() as usize,
            little(file, 28, 2)?,
            little(file, 30, 4)?,
        ),
    };
    match compression {
        1 => runs(file, pixels, 1),
        2 => runs(file, pixels, 2),
        _ => pixels.checked_add(rows(width, height, bits)?),
    }
}

/// The end of runs of pixels of a BMP, so many to the byte.
fn runs(file: &[u8], mut at: usize, to_the_byte: usize) -> Option<usize> {
    loop {
        let (count, value) = (*file.get(at)?, *file.get(at + 1)?);
        at += 2;
        at += match (count, value) {
            (0, 1) => return Some(at),
            (0, 2) => 2,
            (0, pixels @ 3..) => usize::from(pixels)
                .div_ceil(to_the_byte)
                .next_multiple_of(2),
            _ => 0,
        };
    }
}

/// The furthest that its directories reach.
fn tiff(file: &[u8]) -> Option<usize> {
    let number = if file.starts_with(b"II") { little } else { big };
    let (mut directories, mut seen, mut end) = (vec![number(file, 4, 4)?], 0, 8);
    while let Some(directory) = directories.pop() {
        if directory == 0 {
            continue;
        }
        seen += 1;
        if seen > MOST_DIRECTORIES {
            return None;
        }
        let entries = number(file, directory, 2)?;
        let behind = directory + 2 + 12 * entries;
        directories.push(number(file, behind, 4)?);
        end = end.max(behind + 4);
        let (mut offsets, mut lengths) = (Vec::new(), Vec::new());
        for entry in (0..entries).map(|entry| directory + 2 + 12 * entry) {
            let size = match number(file, entry + 2, 2)? {
                3 | 8 => 2,
                4 | 9 | 11 | 13 => 4,
                5 | 10 | 12 => 8,
                _ => 1,
            };
            let count = number(file, entry + 4, 4)?;
            let at = if size * count > 4 {
                number(file, entry + 8, 4)?
            } else {
                entry + 8
            };
            // What a directory names is there: a file that was cut off ends here.
            file.get(at..at + size * count)?;
            end = end.max(at + size * count);
            let values = (0..count).map(|value| number(file, at + size * value, size));
            match number(file, entry, 2)? {
                // Strips, tiles and thumbnails.
                273 | 324 | 513 => offsets.extend(values.flatten()),
                279 | 325 | 514 => lengths.extend(values.flatten()),
                // Directories below: of other sizes, and of Exif, GPS and interoperability.
                330 | 34665 | 34853 | 40965 => directories.extend(values.flatten()),
                _ => {}
            }
        }
        for (offset, length) in offsets.into_iter().zip(lengths) {
            end = end.max(offset.checked_add(length)?);
        }
    }
    Some(end)
}
