"""Where may we be told to send what happens?"""

import pytest

from app.outgoing import hooks


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("https://crm.example.nl/in", None),
        ("https://crm.example.nl:8443/in?a=b", None),
        ("http://crm.example.nl/in", "https_needed"),
        ("https://127.0.0.1/", "address_inside"),
        ("https://localhost/", "address_inside"),
        ("https://10.1.2.3/", "address_inside"),
        ("https://169.254.169.254/latest/meta-data", "address_inside"),
        ("https://[::1]/", "address_inside"),
        ("https://[::ffff:192.168.1.1]/", "address_inside"),
        ("https://[64:ff9b::a00:1]/", "address_inside"),
        ("https://[fd00::1]/", "address_inside"),
        ("https://100.64.0.1/", "address_inside"),
        ("https://224.0.0.1/", "address_inside"),
        ("https://[fec0::1]/", "address_inside"),  # of a site, as it was once
        ("https://[::10.0.0.1]/", "address_inside"),
        ("https://[::8.8.8.8]/", "address_inside"),  # nobody has such an address
        ("https://[::ffff:0:10.0.0.1]/", "address_inside"),
        ("https://[2002:a00:1::]/", "address_inside"),
        ("https://[64:ff9b::808:808]/", "address_inside"),
        ("https://[5f00::1]/", "address_inside"),
        ("https://[fd00:ec2::254]/latest/meta-data", "address_inside"),  # Amazon
        ("https://100.100.100.200/", "address_inside"),  # Alibaba
        ("https://192.0.0.192/", "address_inside"),  # Oracle
        ("https://168.63.129.16/", "address_inside"),  # Azure
        ("https://metadata.google.internal/", "address_inside"),
        ("https://metadata.google.internal./", "address_inside"),
        ("https://localhost./", "address_inside"),
        ("https://[2a02:a47f::1]/", None),
        ("https://[::ffff:93.184.216.34]/", None),
        ("https://93.184.216.34/", None),
        ("https://user:word@crm.example.nl/", "address_with_password"),
        ("ftp://crm.example.nl/", "not_an_address"),
        ("https:///in", "not_an_address"),
        ("https://crm.example.nl/in#there", "not_an_address"),
        ("https://crm.example.nl/a b", "not_an_address"),
        ("https://crm.example.nl\r\nHost: x/", "not_an_address"),
        ("https://crm.example.nl:99999/", "not_an_address"),
        ("nonsense", "not_an_address"),
    ],
)
def test_production_tells_only_the_public_internet(url: str, problem: str | None) -> None:
    assert hooks.problem_with(url, strict=True) == problem


@pytest.mark.parametrize("url", ["http://127.0.0.1:9000/in", "http://crm.internal/in"])
def test_elsewhere_any_address_can_be_tried(url: str) -> None:
    assert hooks.problem_with(url, strict=False) is None
