"""Addresses: what they say comes back as it was; what cannot be meant is told."""

from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import SettingsError
from dataset.browse.filters import FACETS, LAYERS, Filter, View, parse_view

KNOWN = dict.fromkeys(FACETS, ("a b", "c&d=e", "ü", None))
PARTS = ("3001", "3062b", "a&b")

bounds = st.none() | st.integers(0, 100).map(float)
views = st.builds(
    View,
    st.builds(
        Filter,
        parts=st.lists(st.sampled_from(PARTS), unique=True).map(tuple),
        choices=st.dictionaries(
            st.sampled_from(list(FACETS)), st.lists(st.sampled_from(KNOWN["light"]), min_size=1, unique=True).map(tuple)
        ).map(lambda chosen: tuple((facet, chosen[facet]) for facet in FACETS if facet in chosen)),
        visible_min=bounds, visible_max=bounds, bricks_min=bounds, bricks_max=bounds,
    ),
    page=st.integers(1, 10**6),
    show=st.sets(st.sampled_from(LAYERS)).map(lambda chosen: tuple(layer for layer in LAYERS if layer in chosen)),
)  # fmt: skip


def read(address: str) -> View:
    return parse_view(parse_qsl(urlsplit(address).query, keep_blank_values=True), PARTS, KNOWN)


@given(views)
def test_an_address_says_all_of_a_view(view: View) -> None:
    assert read(view.address()) == view
    assert urlsplit(view.address("/image/x")).path == "/image/x"


def test_plain_addresses() -> None:
    assert View().address() == "/"
    assert View(Filter(parts=("3001",), visible_min=25.0), page=3).address() == "/?part=3001&visible_min=25&page=3"
    assert read("/?visible_min=&page=&bricks_max=") == View()
    assert read("/?page=0").page == 1
    assert read("/?light=").filter == Filter(choices=(("light", (None,)),))
    assert read("/?show=").show == ()


def test_taking_one_condition_away() -> None:
    chosen = read("/?part=3001&part=3062b&light=&light=a+b&bricks_min=2").filter
    assert chosen.without("part", "3001").parts == ("3062b",)
    assert chosen.without("light", None).choices == (("light", ("a b",)),)
    assert chosen.without("light", None).without("light", "a b").choices == ()
    assert chosen.without("bricks_min").bricks_min is None
    assert not chosen.by_visibility


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("/?part=301", "The dataset has no part '301' (did you mean '3001'?)."),
        ("/?light=a+bb", "No picture has the light 'a bb' (did you mean 'a b'?); known are a b, c&d=e, ü."),
        ("/?bricks_min=many", "bricks_min should be a number from 0 to 1,000,000, got 'many'."),
        ("/?visible_max=101", "visible_max should be a number from 0 to 100, got '101'."),
        ("/?visible_max=nan", "visible_max should be a number from 0 to 100, got 'nan'."),
        ("/?page=-1", "page should be a number from 0 to 1,000,000,000, got '-1'."),
        ("/?show=pixels", "show should name some of masks, outlines, boxes, got 'pixels'."),
        ("/?where=1", "The address names 'where', which is no filter."),
        ("/?" + "part=3001&" * 201, "The address should name at most 200 values. Choose fewer."),
    ],
)
def test_an_address_that_cannot_be_meant(address: str, message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read(address)
    assert str(caught.value) == message
