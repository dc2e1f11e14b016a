"""Every path gets a name that hosted Storage takes, and no two the same."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_deploy.transfer.mime import HEAD_BYTES, PROGRAM, mime_of
from pytest_deploy.transfer.object_keys import object_keys

# Source: https://supabase.com/docs/guides/storage/uploads/file-limits
HOSTED = re.compile(r"[A-Za-z0-9_/!.*'() &$=@;:+,?-]+")
LONGEST_BYTES = 1_024
segments = st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1)
paths = st.lists(st.lists(segments, min_size=1, max_size=4).map("/".join), unique=True)


@given(paths)
def test_keys_are_valid_and_unique(listed):
    """Whatever a file is called."""
    keys = object_keys(listed)
    assert len(set(keys.values())) == len(listed)
    for key in keys.values():
        assert HOSTED.fullmatch(key)
        assert len(key) <= LONGEST_BYTES
        assert not {"", ".", ".."}.intersection(key.split("/"))


@given(paths)
def test_keys_are_always_the_same(listed):
    """In whatever order files are listed, and a second time."""
    keys = object_keys(listed)
    assert object_keys(reversed(listed)) == keys
    assert object_keys(keys.values()) == {key: key for key in keys.values()}


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("fotos/0003.png", "fotos/0003.png"),
        ("documentos/autorizaci\u00f3n-1.pdf", "documentos/autorizacion-1.pdf"),
        ("documentos/autorizacio\u0301n-1.pdf", "documentos/autorizacion-1.pdf"),
        ("a b/c&d?.txt", "a-b/c-d-.txt"),
        ("../fuera.txt", "-/fuera.txt"),
    ],
)
def test_a_key_is_readable(path, key):
    """It is close to the path."""
    assert object_keys([path]) == {path: key}


def test_paths_that_would_share_a_key_do_not():
    """An unchanged one stays as it is; the other has a part of its hash, before its ending."""
    keys = object_keys(["n.png", "\u00f1.png"])
    assert keys["n.png"] == "n.png"
    assert re.fullmatch(r"n-[0-9a-f]{10}\.png", keys["\u00f1.png"])


@pytest.mark.parametrize(
    ("head", "path", "mime"),
    [
        (b"\x89PNG\r\n\x1a\n" + bytes(40), "a.txt", "image/png"),
        (b"%PDF-1.7\n", "a", "application/pdf"),
        (b"\xff\xd8\xff\xe0\0\x10JFIF" + bytes(50), "a.png", "image/jpeg"),
        (b"PK\x03\x04" + bytes(100), "a.zip", "application/zip"),
        (b"\x7fELF\x02", "foto.png", PROGRAM),
        (b"MZ\x90", "foto.png", PROGRAM),
        (b"#!/bin/sh\n", "foto.png", PROGRAM),
        (b"hola", "a.md", "text/markdown"),
        (b"hola", "a.exe", "text/plain"),
        (b"", "a.png", "text/plain"),
        (b"\x93\x94\x00", "a.xyz", "application/octet-stream"),
        ("\u00f3".encode() * (HEAD_BYTES // 2), "a.txt", "text/plain"),
    ],
)
def test_a_type_is_told_by_the_content(head, path, mime):
    """The name decides only between what the content may be."""
    assert mime_of(head, path) == mime


def test_a_long_path_is_shortened_though_every_letter_is_valid():
    """Six folders are enough to go over the limit."""
    path = "/".join(["a" * 200] * 6) + ".png"

    assert len(object_keys([path])[path]) <= LONGEST_BYTES
