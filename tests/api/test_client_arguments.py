"""Where requests may go."""

from __future__ import annotations

from typing import Any

import pytest

import klikit_frames as kf
from klikit_frames.api.client_arguments import check_base_url, check_path
from klikit_frames.api.credentials import Secret


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://api.dev.shadowchef.co", "https://api.dev.shadowchef.co/v1/partner"),
        ("https://api.dev.shadowchef.co/", "https://api.dev.shadowchef.co/v1/partner"),
        (" https://API.dev.shadowchef.co:443/v1/partner/\n", "https://api.dev.shadowchef.co/v1/partner"),
        ("https://gateway-enterprise.klikit.io/v2/other", "https://gateway-enterprise.klikit.io/v2/other"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000/v1/partner"),
        ("http://127.9.9.9:8000", "http://127.9.9.9:8000/v1/partner"),
        ("http://localhost:80/v1/partner", "http://localhost/v1/partner"),
        ("http://[::1]:8000/v1/partner", "http://[::1]:8000/v1/partner"),
        ("https://localhost:8443", "https://localhost:8443/v1/partner"),
    ],
)
def test_base_url__allowed(text: str, url: str) -> None:
    """Klikit's two hosts over https, and this machine itself."""
    assert check_base_url(Secret(text)).url == url


@pytest.mark.parametrize(
    "text",
    [
        "http://api.dev.shadowchef.co",
        "https://api.dev.shadowchef.co.evil.example",
        "https://evil.example/api.dev.shadowchef.co",
        "https://evil.example#api.dev.shadowchef.co",
        "https://evil.example?api.dev.shadowchef.co",
        "https://api.dev.shadowchef.co@evil.example",
        "https://evil.example\\@api.dev.shadowchef.co",
        "https://api.dev.shadowchef.co\\.evil.example",
        "https://api.dev.shadowchef.co:8443",
        "https://api.dev.shadowchef.co:99999",
        "https://api.dev.shadowchef.co.",
        "https://аpi.dev.shadowchef.co",
        "https://sandbox.klikit.io",
        "https://shadowchef.co",
        "https://127.0.0.1.evil.example",
        "http://127.1",
        "http://0.0.0.0:8000",
        "http://2130706433",
        "http://10.0.0.1",
        "http://169.254.169.254",
        "http://[::ffff:10.0.0.1]",
        "http://[fe80::1%25eth0]",
        "http://[::1",
        "https://",
        "https:///v1/partner",
        "//api.dev.shadowchef.co",
        "api.dev.shadowchef.co",
        "ftp://api.dev.shadowchef.co",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "https://api.dev.shadowchef.co/v1/../admin",
        "https://api.dev.shadowchef.co/v1//partner",
        "https://api.dev.shadowchef.co/v1/%2e%2e",
        "https://api.dev.shadowchef.co/v1/partner?key=1",
        "https://api.dev.shadowchef.co/v1/partner#x",
        "https://api.dev .shadowchef.co",
        "https://api.dev\t.shadowchef.co",
        "https://api.dev.shadowchef.co/v1\r\nX-Evil: 1",
    ],
)
def test_base_url__refused(text: str) -> None:
    """Anything else is refused after parsing, in one line that names the variable or the host."""
    with pytest.raises(kf.ConfigError) as caught:
        check_base_url(Secret(text))
    assert "\n" not in str(caught.value)


def test_base_url__of_a_host_allowed_on_purpose() -> None:
    """Whoever names another host gets it, over https and on no other port."""
    allowed = ["Proxy.Example", "proxy.example:8443"]
    assert check_base_url(Secret("https://proxy.example"), allowed_hosts=allowed).netloc == "proxy.example"
    assert (
        check_base_url(Secret("https://proxy.example:8443"), allowed_hosts=allowed).netloc
        == "proxy.example:8443"
    )
    assert (
        check_base_url(Secret("https://proxy.example"), allowed_hosts="proxy.example").host == "proxy.example"
    )
    for text in ("http://proxy.example", "https://proxy.example:9443", "https://x.proxy.example"):
        with pytest.raises(kf.ConfigError):
            check_base_url(Secret(text), allowed_hosts=allowed)


@pytest.mark.parametrize(
    "path",
    [
        "brands",
        "",
        "/",
        "//evil.example",
        "/../admin",
        "/a/..",
        "/a?b=c",
        "/a#b",
        "/a b",
        "https://evil.example/",
        "/@evil.example",
        "/a\n",
    ],
)
def test_path__refused(path: str) -> None:
    """No path can lead away from below the base URL."""
    with pytest.raises(kf.ConfigError):
        check_path(path)


def test_loopback__needs_no_confirmation() -> None:
    """Only this machine itself is not a real business."""
    keys: dict[str, Any] = {"partner_key": "pk", "secret_key": "sk"}
    with (
        kf.connect("http://127.0.0.1:9", **keys) as here,
        kf.connect("https://api.dev.shadowchef.co", **keys) as there,
    ):
        assert (here.needs_confirmation, there.needs_confirmation) == (False, True)
        assert (here.host, there.host) == ("127.0.0.1:9", "api.dev.shadowchef.co")
