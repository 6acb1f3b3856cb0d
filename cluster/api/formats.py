"""The textual formats of field values: names, labels, ports, addresses. Each function returns what is wrong, or None.

Must not know fields: wording and limits are Kubernetes' (apimachinery: validation).
"""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache

_DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_DNS_1035 = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_QUALIFIED = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")
_LABEL_VALUE = re.compile(r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?")
_ENV_NAME = re.compile(r"[-._a-zA-Z][-._a-zA-Z0-9]*")
_CONFIG_KEY = re.compile(r"[-._a-zA-Z0-9]+")
_PORT_NAME = re.compile(r"[-a-z0-9]+")
_PERCENT = re.compile(r"[0-9]+%")
_HTTP_HEADER = re.compile(r"[-A-Za-z0-9]+")


def _at_most(limit: int) -> str:
    return f"must be no more than {limit} characters"


@lru_cache(maxsize=4096)
def dns_label(text: str) -> str | None:
    """RFC 1123 label: names of namespaces and containers."""
    if len(text) > 63:
        return _at_most(63)
    if not _DNS_LABEL.fullmatch(text):
        return (
            "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and "
            "end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is "
            "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
        )
    return None


@lru_cache(maxsize=4096)
def dns_1035(text: str) -> str | None:
    """RFC 1035 label: names of Services."""
    if len(text) > 63:
        return _at_most(63)
    if not _DNS_1035.fullmatch(text):
        return (
            "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic "
            "character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for "
            "validation is '[a-z]([-a-z0-9]*[a-z0-9])?')"
        )
    return None


@lru_cache(maxsize=4096)
def dns_subdomain(text: str) -> str | None:
    """RFC 1123 subdomain: names of most objects."""
    if len(text) > 253:
        return _at_most(253)
    if not _SUBDOMAIN.fullmatch(text):
        return (
            "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must "
            "start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
            "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
        )
    return None


@lru_cache(maxsize=4096)
def path_segment(text: str) -> str | None:
    """A name that only has to fit into a URL's path: of Roles and bindings ("system:node")."""
    if text in (".", ".."):
        return f"may not be '{text}'"
    for part in "/%":
        if part in text:
            return f"may not contain '{part}'"
    return None


@lru_cache(maxsize=4096)
def qualified_name(text: str) -> str | None:
    """A label's or annotation's key, a resource: [prefix/]name."""
    prefix, slash, name = text.rpartition("/")
    if slash:
        if not prefix:
            return "prefix part must be non-empty"
        if wrong := dns_subdomain(prefix):
            return f"prefix part {wrong}"
    if not name:
        return "name part must be non-empty"
    if len(name) > 63:
        return f"name part {_at_most(63)}"
    if not _QUALIFIED.fullmatch(name):
        return (
            "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an "
            "alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
            "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
        )
    return None


@lru_cache(maxsize=4096)
def label_value(text: str) -> str | None:
    """A label's value."""
    if len(text) > 63:
        return _at_most(63)
    if not _LABEL_VALUE.fullmatch(text):
        return (
            "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must "
            "start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used "
            "for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
        )
    return None


def env_name(text: str) -> str | None:
    """An environment variable's name."""
    if not _ENV_NAME.fullmatch(text):
        return (
            "a valid environment variable name must consist of alphabetic characters, digits, '_', '-', or '.', and "
            "must not start with a digit (e.g. 'my.env-name',  or 'MY_ENV.NAME',  or 'MyEnvName1', regex used for "
            "validation is '[-._a-zA-Z][-._a-zA-Z0-9]*')"
        )
    return None


def config_key(text: str) -> str | None:
    """A key of a ConfigMap or Secret: it may become a file's name."""
    if len(text) > 253:
        return _at_most(253)
    if not _CONFIG_KEY.fullmatch(text):
        return (
            "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or "
            "'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"
        )
    if text in (".", "..") or text.startswith(".."):
        return f"must not be '.' and must not start with '..': {text!r}"
    return None


def port_name(text: str) -> str | None:
    """A container port's name (IANA_SVC_NAME)."""
    if len(text) > 15:
        return "must be no more than 15 characters"
    if not _PORT_NAME.fullmatch(text):
        return "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)"
    if not any(letter.isalpha() for letter in text):
        return "must contain at least one letter (a-z)"
    if "--" in text:
        return "must not contain consecutive hyphens"
    if text[0] == "-" or text[-1] == "-":
        return "must not begin or end with a hyphen"
    return None


def port_number(number: int) -> str | None:
    """1 to 65535."""
    return None if 1 <= number <= 65535 else "must be between 1 and 65535, inclusive"


def ip(text: str) -> str | None:
    """An IPv4 or IPv6 address."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
    return None


def cidr(text: str) -> str | None:
    """A network: address/length."""
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"
    return None if "/" in text else "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"


def percent(text: str) -> str | None:
    """ "25%"."""
    if not _PERCENT.fullmatch(text):
        return (
            "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex "
            "used for validation is '[0-9]+%')"
        )
    return None


def http_header(text: str) -> str | None:
    """A name of an HTTP header."""
    if not _HTTP_HEADER.fullmatch(text):
        return (
            "a valid HTTP header must consist of alphanumeric characters or '-' (e.g. 'X-Header-Name', regex used for "
            "validation is '[-A-Za-z0-9]+')"
        )
    return None
