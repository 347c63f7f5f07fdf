"""Photos decoded: sizes, orientation, colour, damage; against Pillow and cases worked by hand."""

import io
import itertools
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageOps

from dataset.photos.annotations import PhotoError
from dataset.photos.decode import LARGEST_PHOTO_PX, decode_photo, read_header, working_size
from dataset.photos.orientation import swaps_axes, turn_picture, turn_points


def picture(width: int = 120, height: int = 80) -> Image.Image:
    """Return smooth colours with a bright spot at the upper left."""
    y, x = np.mgrid[:height, :width]
    pixels = np.stack([x * 200 // width, y * 200 // height, (x + y) * 120 // (width + height)], axis=2)
    pixels[: height // 4, : width // 4] += 50
    return Image.fromarray(pixels.astype(np.uint8))


def saved(image: Image.Image, kind: str = "PNG", orientation: int = 1, **settings: object) -> bytes:
    buffer = io.BytesIO()
    exif = Image.Exif()
    exif[274] = orientation
    image.save(buffer, kind, exif=exif, **settings) if orientation != 1 else image.save(buffer, kind, **settings)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("size", "longest", "expected"),
    [((4000, 3000), 512, (512, 384)), ((3000, 4000), 512, (384, 512)), ((300, 200), 512, (300, 200)),
     ((5472, 3648), 224, (224, 149)), ((9000, 2), 100, (100, 1)), ((40, 30), None, (40, 30))],
)  # fmt: skip
def test_working_size(size: tuple[int, int], longest: int | None, expected: tuple[int, int]) -> None:
    assert working_size(*size, longest) == expected


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_every_orientation_is_turned_upright_as_pillow_does(orientation: int, kind: str) -> None:
    quality = {"JPEG": {"quality": 100, "subsampling": 0}, "WEBP": {"lossless": True}}.get(kind, {})
    data = saved(picture(), kind, orientation, **quality)
    with Image.open(io.BytesIO(data)) as stored:
        expected = np.asarray(ImageOps.exif_transpose(stored).convert("RGB"))
    assert np.array_equal(decode_photo(data, None), expected)
    header = read_header(data)
    assert (header.height, header.width) == expected.shape[:2]
    assert (header.stored_width, header.stored_height) == (120, 80)
    assert header.orientation == orientation


@pytest.mark.parametrize("orientation", range(1, 9))
def test_points_turn_with_the_picture(orientation: int) -> None:
    pixels = np.zeros((7, 11, 3), dtype=np.uint8)
    pixels[2, 9] = 255  # its centre is at (9.5, 2.5)
    upright = turn_picture(pixels, orientation)
    ((x, y),) = turn_points(np.array([[9.5, 2.5]]), orientation, 11.0, 7.0)
    assert upright[int(y), int(x)].all()
    assert swaps_axes(orientation) == (upright.shape[:2] == (11, 7))


@pytest.mark.parametrize(("width", "height"), [(1600, 1067), (1067, 1600), (1601, 999)])
@pytest.mark.parametrize("orientation", [1, 6])
def test_a_jpeg_at_reduced_scale_is_the_whole_one_averaged(width: int, height: int, orientation: int) -> None:
    data = saved(picture(width, height), "JPEG", orientation, quality=95)
    small = decode_photo(data, 160)
    with Image.open(io.BytesIO(data)) as stored:
        whole = ImageOps.exif_transpose(stored)
    assert small.shape == (*working_size(*whole.size, 160)[::-1], 3)
    expected = np.asarray(whole.resize(small.shape[1::-1], Image.Resampling.BOX), dtype=np.float64)
    assert np.abs(small - expected).mean() < 1.0


def test_the_scale_of_the_dct_never_falls_below_the_wanted_size(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = []
    original = Image.Image.convert
    monkeypatch.setattr(
        Image.Image, "convert", lambda self, *a, **k: (sizes.append(self.size), original(self, *a, **k))[1]
    )
    data = saved(picture(1600, 1200), "JPEG")
    for longest in (100, 200, 201, 400, 401, 800, 801):
        decode_photo(data, longest)
    assert [width for width, _ in sizes] == [200, 200, 400, 400, 800, 800, 1600]


def test_an_embedded_profile_is_brought_to_srgb() -> None:
    # A linear-light profile of sRGB's primaries: mid grey 128 of it is 188 in sRGB (IEC 61966-2-1).
    linear = ImageCms.ImageCmsProfile(io.BytesIO(_linear_profile()))
    data = saved(Image.new("RGB", (20, 10), (128, 128, 128)), icc_profile=linear.tobytes())
    assert np.abs(decode_photo(data, None).astype(int) - 188).max() <= 1
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert (decode_photo(saved(Image.new("RGB", (20, 10), (128, 9, 3)), icc_profile=srgb), None) == (128, 9, 3)).all()


def test_a_profile_that_does_not_fit_or_is_damaged_is_ignored() -> None:
    for profile in (b"no profile at all", _linear_profile()[:90]):
        data = saved(Image.new("RGB", (20, 10), (128, 9, 3)), icc_profile=profile)
        assert (decode_photo(data, None) == (128, 9, 3)).all()
    data = saved(Image.new("L", (20, 10), 99), icc_profile=_linear_profile())  # one for RGB in a grey picture
    assert (decode_photo(data, None) == 99).all()


def test_other_kinds_of_pixels() -> None:
    grey16 = Image.fromarray(np.full((10, 20), 257 * 77, dtype=np.uint16))
    cases = {
        saved(Image.new("L", (20, 10), 77)): (77, 77, 77),
        saved(grey16): (77, 77, 77),
        saved(Image.new("1", (20, 10), 1)): (255, 255, 255),
        saved(Image.new("RGBA", (20, 10), (255, 0, 0, 0))): (255, 255, 255),
        saved(Image.new("RGBA", (20, 10), (10, 20, 30, 255))): (10, 20, 30),
        saved(Image.new("LA", (20, 10), (50, 255))): (50, 50, 50),
        saved(Image.new("RGB", (20, 10), (9, 8, 7)).quantize(4)): (9, 8, 7),
        saved(Image.new("CMYK", (20, 10), (0, 255, 255, 0)), "TIFF"): (255, 0, 0),
        saved(Image.new("CMYK", (20, 10), (0, 255, 255, 0)), "JPEG", quality=100): (255, 0, 0),
    }
    for data, colour in cases.items():
        pixels = decode_photo(data, None)
        assert pixels.shape == (10, 20, 3)
        assert pixels.dtype == np.uint8
        assert np.abs(pixels.astype(int) - colour).max() <= 2
    with pytest.raises(PhotoError, match=r"^is in the colour mode F, which is not one of photos$"):
        decode_photo(saved(Image.new("F", (20, 10), 0.5), "TIFF"), None)


def test_what_cannot_be_used_is_told_with_the_reason() -> None:
    whole = saved(picture(600, 400), "JPEG", quality=95)
    assert decode_photo(whole, 50).shape == (33, 50, 3)
    for longest in (None, 50):
        with pytest.raises(PhotoError, match=r"^is damaged: image file is truncated"):
            decode_photo(whole[: len(whole) // 2], longest)
    with pytest.raises(PhotoError, match=r"^is empty$"):
        decode_photo(b"", None)
    with pytest.raises(PhotoError, match=r"^is no picture of a kind that can be read"):
        read_header(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n")
    with pytest.raises(PhotoError, match=r"^is (a )?damaged"):
        read_header(b"\0\0\0\x18ftypheic" + bytes(40))


def test_heic_photos_are_read_upright() -> None:
    pixels = picture(64, 48)
    stored = saved(pixels, "HEIF", quality=95)
    assert np.abs(decode_photo(stored, None).astype(int) - np.asarray(pixels)).mean() < 4
    assert decode_photo(stored, 32).shape == (24, 32, 3)
    exif = Image.Exif()
    exif[274] = 6
    turned = saved(pixels, "HEIF", quality=95, exif=exif.tobytes())
    header = read_header(turned)
    assert (header.width, header.height) == (48, 64)
    assert np.abs(decode_photo(turned, None).astype(int) - np.rot90(np.asarray(pixels), 3)).mean() < 4
    with pytest.raises(PhotoError, match=r"^is (a )?damaged"):
        decode_photo(stored[: len(stored) // 2], None)


def tiff(width: int, height: int, tags: dict[int, int], larger: tuple[int, int] | None = None) -> bytes:
    """Return a TIFF whose first picture is `width` x `height`, with a second one of the size `larger`."""
    first = Image.new("RGB", (width, height), "red")
    more = [Image.new("RGB", larger)] if larger else []
    data = io.BytesIO()
    first.save(data, "TIFF", save_all=True, append_images=more, tiffinfo=tags)
    return data.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        tiff(16, 12, {254: 1}),
        tiff(16, 12, {50706: 1}),
        tiff(16, 12, {}, (160, 120)),
        b"II*\0\x10\0\0\0CR\2\0" + bytes(40),
        b"\0\0\0\x18ftypcrx " + bytes(40),
        b"FUJIFILMCCD-RAW 0201" + bytes(40),
    ],
    ids=["reduced", "dng", "second", "cr2", "cr3", "raf"],
)
def test_raw_photos_and_thumbnails_are_told(data: bytes) -> None:
    for read in (read_header, lambda data: decode_photo(data, None)):
        with pytest.raises(PhotoError, match=r"raw photo|thumbnail"):
            read(data)


def test_tiffs_of_several_pages_are_read() -> None:
    assert decode_photo(tiff(160, 120, {}, (16, 12)), None).shape == (120, 160, 3)
    assert decode_photo(tiff(160, 120, {}, (170, 120)), None).shape == (120, 160, 3)


@pytest.mark.parametrize("factor", [1.2, 3.0])
def test_a_decompression_bomb_is_refused_by_its_header(factor: float) -> None:
    # A PNG of a few bytes that says it is huge; decoding it would fail otherwise.
    side = int((LARGEST_PHOTO_PX * factor) ** 0.5)
    data = bytearray(saved(Image.new("L", (8, 8))))
    data[16:24] = side.to_bytes(4, "big") * 2
    data[29:33] = zlib.crc32(data[12:29]).to_bytes(4, "big")
    with pytest.raises(PhotoError, match=r"^is larger than 250 megapixels$"):
        decode_photo(bytes(data), 64)


def test_damaged_exif_does_not_cost_the_photo() -> None:
    data = saved(picture(), "JPEG", exif=b"Exif\0\0II*\0garbage that is no directory at all")
    assert decode_photo(data, None).shape == (80, 120, 3)


def test_plain_jpegs_are_known_by_having_nothing_to_convert_or_strip() -> None:
    assert read_header(saved(picture(), "JPEG")).is_plain_jpeg
    others = (saved(picture(), "JPEG", 6), saved(picture(), "PNG"), saved(picture().convert("CMYK"), "JPEG"),
              saved(picture(), "JPEG", icc_profile=_linear_profile()))  # fmt: skip
    assert not any(read_header(data).is_plain_jpeg for data in others)


def _linear_profile() -> bytes:
    """Return an RGB matrix profile with sRGB's primaries and gamma 1, built by hand (ICC.1:2010, 7 to 10)."""

    def xyz(*values: float) -> bytes:
        return b"XYZ \0\0\0\0" + b"".join(round(value * 65536).to_bytes(4, "big", signed=True) for value in values)

    curve = b"curv\0\0\0\0\0\0\0\1\1\0\0\0"  # one value: gamma 1.0 as u8Fixed8
    text = b"desc\0\0\0\0\0\0\0\7linear\0" + bytes(83)
    tags = {
        b"desc": text, b"wtpt": xyz(0.9642, 1.0, 0.8249), b"rXYZ": xyz(0.4361, 0.2225, 0.0139),
        b"gXYZ": xyz(0.3851, 0.7169, 0.0971), b"bXYZ": xyz(0.1431, 0.0606, 0.7141),
        b"rTRC": curve, b"gTRC": curve, b"bTRC": curve,
    }  # fmt: skip
    bodies = [body + bytes(-len(body) % 4) for body in tags.values()]
    starts = itertools.accumulate([132 + 12 * len(tags), *map(len, bodies)])
    table = len(tags).to_bytes(4, "big") + b"".join(
        name + start.to_bytes(4, "big") + len(body).to_bytes(4, "big")
        for (name, body), start in zip(tags.items(), starts, strict=False)
    )
    size = 128 + len(table) + sum(map(len, bodies))
    head = size.to_bytes(4, "big") + bytes(4) + b"\2\x10\0\0mntrRGB XYZ " + bytes(12) + b"acsp" + bytes(28)
    head += b"\0\0\xf6\xd6\0\1\0\0\0\0\xd3\x2d" + bytes(48)
    return head + table + b"".join(bodies)
