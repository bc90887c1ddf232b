"""Names that clients choose."""

from __future__ import annotations

import pytest

from lema_hub.localhub.errors import ApiError
from lema_hub.localhub.paths import check_file_path, check_name, check_ref_name, fold


@pytest.mark.parametrize(
    "path",
    [
        "README.md",
        "data/nano/train-00000.parquet",
        ".gitattributes",
        ".eval_results/gsm8k.yaml",
        "a b/ü/漢字.txt",
        "..a",
        "a..b",
        "nullable.txt",
        "a.nul",
        "com10",
        "git~x",
        "x~1",
        "\u2764\ufe0f.txt",
        ".git-like/x",
        "x" * 255,
    ],
)
def test_paths_that_git_and_every_file_system_can_hold(path: str) -> None:
    assert check_file_path(path) == path


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/etc/passwd",
        "../x",
        "a/../x",
        "a/./x",
        "a//x",
        "a/",
        ".",
        "..",
        ".git/config",
        "a/.GIT/hooks/post-checkout",
        ".git./x",
        ".git /x",
        "a\\b",
        "..\\x",
        "nul\0byte",
        "new\nline",
        "del\x7f",
        "\ud800",
        "git~1",
        "a/GIT~12/config",
        "NUL",
        "nul.txt",
        "data/con",
        "COM1.tar.gz",
        "com\u00b9",
        "LPT9 .txt",
        "conin$",
        "a:b",
        "a<b",
        'a"b',
        "a|b",
        "what?",
        "*.txt",
        "a.",
        "a /b",
        "a\u200bb",
        ".g\u200cit/config",
        "\ufeffa",
        "exe\u202etxt.md",
        "a\u00adb",
        "a\u2028b",
        "\u3164",
        "a\u034f",
        "a\U000e0101",
        "\x85",
        "x" * 256,
        "/".join(["abcdefgh"] * 200),
    ],
)
def test_paths_that_are_refused(path: str) -> None:
    with pytest.raises(ApiError, match="Invalid path") as caught:
        check_file_path(path)
    assert caught.value.status == 422


@pytest.mark.parametrize("name", ["main", "v1.0.0", "feature/x", "step-100", "épreuve", "a.b"])
def test_ref_names_of_git(name: str) -> None:
    assert check_ref_name(name, "tag") == name


@pytest.mark.parametrize(
    "name",
    [
        "", "-x", "a..b", "a b", "a~1", "a^", "a:b", "a?", "a*", "a[", "a\\b", "/a", "a/", "a//b", ".a",
        "a/.b", "a.lock", "a.", "@", "a@{0}", "HEAD", "refs/heads/x", "0" * 40, "x" * 300, "a\nb", "a\0b",
        "v1.0\u200b", "v1\ufeff", "v1.0\ufe0f", "v1\u202e", "\ud800", "NUL", "x/aux.1", 'a"b', "a|b", "v\u3164",
    ],
)  # fmt: skip
def test_ref_names_that_git_refuses(name: str) -> None:
    with pytest.raises(ApiError, match="Invalid tag name") as caught:
        check_ref_name(name, "tag")
    assert caught.value.status == 400


@pytest.mark.parametrize("name", ["lema", "lema-corrections", "a.b_c-d", "X", "_x"])
def test_repo_names(name: str) -> None:
    assert check_name(name, "repo name") == name


@pytest.mark.parametrize(
    "name", ["", "-a", "a-", ".a", "a.", "a--b", "a..b", "a/b", "a.git", "a b", "ä", "x" * 97]
)
def test_repo_names_that_are_refused(name: str) -> None:
    with pytest.raises(ApiError, match="Invalid repo name"):
        check_name(name, "repo name")


def test_namespaces_cannot_shadow_the_servers_own_urls() -> None:
    with pytest.raises(ApiError, match="reserved"):
        check_name("datasets", "namespace")


def test_fold_joins_what_file_systems_join() -> None:
    assert fold("README.md") == fold("readme.MD")
    assert fold("\u00e9") == fold("e\u0301")
    assert fold("a") != fold("b")
