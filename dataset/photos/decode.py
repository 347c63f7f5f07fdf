"""One photo from its file's bytes to upright sRGB pixels, at a reduced scale where that is all that is wanted.

A JPEG is decoded at 1/2, 1/4 or 1/8 of its size by libjpeg-turbo's scaled inverse DCT (Pillow's ``draft``), never below
the wanted size, and brought to it by averaging areas. Colour profiles are applied to the small picture.
"""

import contextlib
import io
import struct
import warnings
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
import pillow_heif
from PIL import Image, ImageCms, ImageFile, TiffImagePlugin, UnidentifiedImageError

from dataset.photos.annotations import PhotoError
from dataset.photos.orientation import Pixels, swaps_axes, turn_picture

LARGEST_PHOTO_PX = 250_000_000  # above any phone's 200 megapixels; 750 MB decoded
Image.MAX_IMAGE_PIXELS = LARGEST_PHOTO_PX  # Pillow's own limit would warn of photos from 89 megapixels on
pillow_heif.register_heif_opener()
READ_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF", "AVIF", "HEIF", "PPM")  # not EPS, which runs programs
_ORIENTATION_TAG = 274
_DAMAGE = (
    OSError, SyntaxError, ValueError, EOFError, LookupError, TypeError, OverflowError, RuntimeError, struct.error,
    zlib.error,
)  # fmt: skip
_RAW_STARTS = (b"FUJIFILMCCD-RAW", b"IIRO", b"IIRS", b"MMOR", b"IIU\0", b"II*\0\x10\0\0\0CR", b"II\x1a\0\0\0HEAPCCDR")
_RAW = "is a raw photo, which cannot be read: develop it to JPEG"
_SUB_IFDS, _DNG_VERSION, _KIND, _WIDTH, _HEIGHT, _PHOTOMETRIC = 330, 50706, 254, 256, 257, 262
_MOST_IFDS, _BIG_TIFF = 64, 43
_RAW_PHOTOMETRIC = (32803, 34892)  # colour filter array, linear raw


@dataclass(frozen=True)
class PhotoHeader:
    """What a file says of its picture before it is decoded.

    `width` and `height` are those of the upright picture, `stored_width` and `stored_height` those in the file.
    `is_plain_jpeg` tells a JPEG in sRGB without EXIF: there is nothing to convert and nothing private to strip.
    """

    width: int
    height: int
    stored_width: int
    stored_height: int
    orientation: int
    is_plain_jpeg: bool


def decode_photo(data: bytes, longest_side_px: int | None) -> Pixels:
    """Return a photo as (H, W, 3) uint8 RGB in sRGB, upright, its longest side at most `longest_side_px`.

    Transparent pixels become white; 16 bits become 8; a profile that does not fit its picture is ignored. Photos are
    never enlarged; None leaves the size as it is.

    Raises:
        PhotoError: with the reason why it cannot be used.
    """
    with _opened(data) as picture:
        header = _header_of(picture)
        width, height = working_size(header.width, header.height, longest_side_px)
        stored = (height, width) if swaps_axes(header.orientation) else (width, height)
        if picture.format == "JPEG":  # of HEIC, draft takes a thumbnail that the camera made
            picture.draft(None, stored)
        profile = picture.info.get("icc_profile")
        # Pillow turns a TIFF upright itself.
        orientation = 1 if picture.format == "TIFF" else header.orientation
        flat = _flattened(picture)
        pixels = turn_picture(np.asarray(flat), orientation)
        if pixels.shape[:2] != (height, width):
            pixels = np.asarray(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA), dtype=np.uint8)
        return np.ascontiguousarray(_in_srgb(pixels, flat.mode, profile))


def read_header(data: bytes) -> PhotoHeader:
    """Return what the file says of its picture, without decoding it.

    Raises:
        PhotoError: it is no picture, or too large.
    """
    with _opened(data) as picture:
        return _header_of(picture)


def working_size(width: int, height: int, longest_side_px: int | None) -> tuple[int, int]:
    """Return the (width, height) that a picture has when its longest side is at most `longest_side_px`."""
    longest = max(width, height)
    if longest_side_px is None or longest <= longest_side_px:
        return width, height
    scale = longest_side_px / longest
    return max(int(width * scale + 0.5), 1), max(int(height * scale + 0.5), 1)


@contextlib.contextmanager
def _opened(data: bytes) -> Iterator[Image.Image]:
    """Give the opened picture; what goes wrong in the block is told as a reason."""
    try:
        with _quiet():
            picture = Image.open(io.BytesIO(data), formats=READ_FORMATS)
        with picture:
            if picture.width * picture.height > LARGEST_PHOTO_PX:
                raise Image.DecompressionBombError
            if isinstance(picture, TiffImagePlugin.TiffImageFile):
                _require_whole_picture(picture)
            if isinstance(picture, ImageFile.ImageFile):
                picture.decodermaxblock = len(data)  # all of it at once: pieces of 64 kB cost another tenth
            yield picture
    except UnidentifiedImageError as error:
        raise PhotoError(_what_it_is(data)) from error
    except Image.DecompressionBombError as error:
        raise PhotoError(f"is larger than {LARGEST_PHOTO_PX // 1_000_000} megapixels") from error
    except _DAMAGE as error:
        text = " ".join(str(error).split()) or type(error).__name__
        raise PhotoError(f"is damaged: {text}") from error


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep Pillow from warning of damaged metadata: what matters is whether the picture can be read."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _what_it_is(data: bytes) -> str:
    if not data:
        return "is empty"
    if data.startswith(_RAW_STARTS) or (data[4:8] == b"ftyp" and data[8:12] == b"crx "):
        return _RAW
    if data[4:8] == b"ftyp" and data[8:12] in {b"heic", b"heix", b"mif1", b"msf1", b"hevc"}:
        return "is a damaged HEIC photo"
    return "is no picture of a kind that can be read (JPEG, PNG, WebP, HEIC, AVIF, BMP, TIFF, GIF)"


def _require_whole_picture(picture: TiffImagePlugin.TiffImageFile) -> None:
    """Raise PhotoError if a TIFF is a raw photo, or begins with a thumbnail of what it holds (TIFF 6.0, DNG 1.7)."""
    first = picture.tag_v2
    if _DNG_VERSION in first or first.get(_PHOTOMETRIC) in _RAW_PHOTOMETRIC or picture.fp is None:
        raise PhotoError(_RAW)
    offsets = first.get(_SUB_IFDS) or ()
    waiting = [*(offsets if isinstance(offsets, tuple) else (offsets,)), first.next]
    others: dict[int, TiffImagePlugin.ImageFileDirectory_v2] = {}
    start = picture.fp.tell()
    picture.fp.seek(0)
    prefix = picture.fp.read(8)
    if prefix[2] == _BIG_TIFF:
        prefix += picture.fp.read(8)
    try:
        while waiting and len(others) < _MOST_IFDS:
            offset = waiting.pop()
            if not isinstance(offset, int) or offset <= 0 or offset in others:
                continue
            picture.fp.seek(offset)
            others[offset] = TiffImagePlugin.ImageFileDirectory_v2(prefix)
            with _quiet():
                others[offset].load(picture.fp)
            waiting.append(others[offset].next)
    finally:
        picture.fp.seek(start)
    for ifd in others.values():
        if ifd.get(_PHOTOMETRIC) in _RAW_PHOTOMETRIC:
            raise PhotoError(_RAW)
        width, height = ifd.get(_WIDTH, 0), ifd.get(_HEIGHT, 0)
        if min(width, height) >= 2 * max(picture.size) or (
            first.get(_KIND, 0) & 1 and width * height > picture.width * picture.height
        ):
            raise PhotoError(
                f"is a raw photo or a TIFF that begins with a thumbnail ({picture.width} x {picture.height} pixels of "
                f"{width} x {height}), which cannot be read: save the picture itself as JPEG"
            )
    if first.get(_KIND, 0) & 1:
        raise PhotoError(
            "is a TIFF that begins with a thumbnail, which cannot be read: save the picture itself as JPEG"
        )


def _header_of(picture: Image.Image) -> PhotoHeader:
    try:
        with _quiet():
            orientation = int(picture.getexif().get(_ORIENTATION_TAG, 1))
    except _DAMAGE:  # damaged EXIF in a whole picture
        orientation = 1
    orientation = orientation if 1 <= orientation <= 8 else 1
    width, height = picture.size
    upright = (height, width) if swaps_axes(orientation) else (width, height)
    if picture.format == "TIFF":  # its size is told upright already
        upright, (width, height) = picture.size, upright
    is_plain = (
        picture.format == "JPEG"
        and picture.mode in {"RGB", "L"}
        and "exif" not in picture.info
        and "xmp" not in picture.info
        and _is_srgb(picture.info.get("icc_profile"))
    )
    return PhotoHeader(*upright, width, height, orientation, is_plain)


def _flattened(picture: Image.Image) -> Image.Image:
    """Return the decoded picture in one of the modes L, RGB and CMYK."""
    if picture.mode.startswith("I;16") or picture.mode == "I":
        deep = np.asarray(picture).astype(np.int64)
        return Image.fromarray((deep.clip(0, 65535) / 257.0 + 0.5).astype(np.uint8))
    if picture.mode in {"F", "LAB", "HSV"}:
        raise PhotoError(f"is in the colour mode {picture.mode}, which is not one of photos")
    if picture.mode in {"LA", "La", "PA", "RGBA", "RGBa"} or "transparency" in picture.info:
        clear = picture.convert("RGBA")
        flat = Image.new("RGBA", clear.size, "white")
        flat.alpha_composite(clear)
        return flat.convert("L" if picture.mode in {"L", "LA", "La"} else "RGB")
    if picture.mode in {"1", "L"}:
        return picture.convert("L")
    if picture.mode == "CMYK":
        picture.load()
        return picture
    return picture.convert("RGB")


def _in_srgb(pixels: Pixels, mode: str, profile: bytes | None) -> Pixels:
    """Return (H, W, 3) RGB in sRGB of pixels in L, RGB or CMYK."""
    if mode == "RGB" and _is_srgb(profile):
        return pixels
    picture = Image.fromarray(np.ascontiguousarray(pixels), mode)
    transform = _to_srgb(profile, mode) if profile else None
    converted = ImageCms.applyTransform(picture, transform) if transform else None
    return np.asarray(converted or picture.convert("RGB"))


@lru_cache(maxsize=16)
def _is_srgb(profile: bytes | None) -> bool:
    if not profile:
        return True
    try:
        return "sRGB" in ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(profile)))
    except (ImageCms.PyCMSError, *_DAMAGE):
        return True  # nothing can be done with a damaged profile


@lru_cache(maxsize=16)
def _to_srgb(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    try:
        return ImageCms.buildTransform(
            ImageCms.ImageCmsProfile(io.BytesIO(profile)),
            ImageCms.createProfile("sRGB"),
            mode,
            "RGB",
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
            ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except (ImageCms.PyCMSError, *_DAMAGE):
        return None  # a profile of another kind of picture, such as one for CMYK in an RGB file
